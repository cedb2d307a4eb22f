//! The keys that tokens are signed with: a shared secret, a public key, or a set of public keys.
//!
//! Knows nothing of what a token says. The rule: a key is good for one algorithm, its own, whatever the token asks for.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;
use serde_json::Value;

use super::Secret;

/// A shared secret that is shorter could be found by trying.
pub const MIN_SECRET_BYTES: usize = 32;
/// An RSA key that is shorter could be factored.
const MIN_RSA_BYTES: usize = 256;

/// Keys of any number and kinds.
#[derive(Default)]
pub struct Keys(Vec<Key>);

struct Key {
    /// As tokens name it; `None`: it is used whatever they name.
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// Keys of any kind, of which some may not be known here.
#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// Why something is no key; what would be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Less than [`MIN_SECRET_BYTES`].
    #[error(
        "a secret of at least {MIN_SECRET_BYTES} bytes, for example what `openssl rand -base64 48` prints"
    )]
    Short,
    /// The half that only who signs may have.
    #[error(
        "the PUBLIC half of the key; what stands there is private: give it to nobody, and to no server that only checks tokens"
    )]
    Private,
    /// Another kind of key, another curve, or not readable.
    #[error(
        "a public key in PEM (`-----BEGIN PUBLIC KEY-----`), or the path of a file with one: P-256 for ES256, Ed25519 for EdDSA, or RSA of at least 2048 bits for RS256"
    )]
    NoPublicKey,
    /// Not readable, or none of its keys is one of ours.
    #[error(
        "a file with a JSON Web Key Set that has a public key for ES256, EdDSA or RS256 (RSA of at least 2048 bits), each with a `kid` of its own where there is more than one"
    )]
    NoKeySet,
}

impl Keys {
    /// A shared secret, for HS256.
    ///
    /// # Errors
    /// [`BadKey::Short`].
    pub fn of_secret(secret: &Secret) -> Result<Self, BadKey> {
        if secret.reveal().len() < MIN_SECRET_BYTES {
            return Err(BadKey::Short);
        }
        Ok(Self(vec![Key {
            id: None,
            algorithm: Algorithm::HS256,
            key: DecodingKey::from_secret(secret.reveal().as_bytes()),
        }]))
    }

    /// A public key in PEM; its kind says what it is for.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn of_pem(pem: &str) -> Result<Self, BadKey> {
        if pem.contains("PRIVATE KEY") {
            return Err(BadKey::Private);
        }
        let pem = pem.as_bytes();
        let by_kind = [
            (Algorithm::ES256, DecodingKey::from_ec_pem(pem)),
            (Algorithm::EdDSA, DecodingKey::from_ed_pem(pem)),
            (Algorithm::RS256, DecodingKey::from_rsa_pem(pem)),
        ];
        let read = by_kind
            .into_iter()
            .find_map(|(algorithm, key)| Some((algorithm, key.ok()?)));
        let (algorithm, key) = read.ok_or(BadKey::NoPublicKey)?;
        let long_enough = algorithm != Algorithm::RS256
            || key
                .try_get_as_bytes()
                .is_ok_and(|der| der.len() >= MIN_RSA_BYTES);
        match long_enough && is_usable(&key, algorithm) {
            true => Ok(Self(vec![Key {
                id: None,
                algorithm,
                key,
            }])),
            false => Err(BadKey::NoPublicKey),
        }
    }

    /// The keys of a JSON Web Key Set that can be used here. Others may stand beside them.
    ///
    /// # Errors
    /// [`BadKey::NoKeySet`].
    pub fn of_set(json: &str) -> Result<Self, BadKey> {
        let set: Set = serde_json::from_str(json).map_err(|_| BadKey::NoKeySet)?;
        let known = set
            .keys
            .into_iter()
            .filter_map(|key| serde_json::from_value(key).ok());
        let keys: Vec<Key> = known.filter_map(|key| Key::of(&key)).collect();
        let one_each = keys.iter().enumerate().all(|(at, key)| {
            keys.len() == 1
                || (key.id.is_some() && keys[..at].iter().all(|other| other.id != key.id))
        });
        match !keys.is_empty() && one_each {
            true => Ok(Self(keys)),
            false => Err(BadKey::NoKeySet),
        }
    }

    /// These and others.
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The key for a token that says that it is signed so.
    pub fn choose(&self, algorithm: Algorithm, id: Option<&str>) -> Option<&DecodingKey> {
        let fitting: Vec<&Key> = self
            .0
            .iter()
            .filter(|key| key.algorithm == algorithm)
            .collect();
        let named = fitting
            .iter()
            .find(|key| id.is_some() && key.id.as_deref() == id);
        let nameless = || fitting.iter().find(|key| key.id.is_none());
        let only = || (id.is_none() && fitting.len() == 1).then(|| &fitting[0]);
        let key = named.or_else(nameless).or_else(only)?;
        Some(&key.key)
    }
}

impl Key {
    fn of(jwk: &Jwk) -> Option<Self> {
        if matches!(&jwk.common.public_key_use, Some(purpose) if *purpose != PublicKeyUse::Signature)
        {
            return None;
        }
        let (algorithm, named) = match &jwk.algorithm {
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                (Algorithm::ES256, KeyAlgorithm::ES256)
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
            }
            // In base64url four characters are three bytes.
            AlgorithmParameters::RSA(key) if key.n.len() * 3 / 4 >= MIN_RSA_BYTES => {
                (Algorithm::RS256, KeyAlgorithm::RS256)
            }
            // A secret has no place in a set of public keys.
            _ => return None,
        };
        if jwk
            .common
            .key_algorithm
            .is_some_and(|algorithm| algorithm != named)
        {
            return None;
        }
        let key = DecodingKey::from_jwk(jwk).ok()?;
        is_usable(&key, algorithm).then(|| Self {
            id: jwk.common.key_id.clone(),
            algorithm,
            key,
        })
    }
}

/// Whether a signature could be checked with it, were there one.
fn is_usable(key: &DecodingKey, algorithm: Algorithm) -> bool {
    crypto::verify("", b"", key, algorithm).is_ok()
}
