//! Tokens: JSON Web Tokens that somebody else signs, and what is read from them.
//!
//! Knows keys, claims and the clock, and no rooms. The rule: a claim that is not what it should be spoils the token; it is never taken for one
//! that is not there.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use scrible_store::Role;
use serde_json::{Map, Value};

use super::keys::{BadKey, Keys};
use super::{Claims, Secret};

/// The longest token that is looked at.
pub const MAX_TOKEN_BYTES: usize = 16 << 10;
/// The scope whose holders own every room.
pub const ADMIN_SCOPE: &str = "scrible:admin";
/// The longest `sub`, which is kept with rooms and stays.
const MAX_SUBJECT_BYTES: usize = 255;
/// The longest name that people are called; what is longer is cut.
const MAX_NAME_BYTES: usize = 255;

/// What is said of a token that was good once.
pub const EXPIRED: &str = "it has expired";

/// How tokens are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokensConfig {
    /// What HS256 tokens are signed with.
    pub secret: Option<Secret>,
    /// A public key in PEM.
    pub public_key: Option<String>,
    /// A JSON Web Key Set.
    pub key_set: Option<String>,
    /// What `iss` has to be; `None`: anything.
    pub issuer: Option<String>,
    /// What `aud` has to be or to hold; `None`: there may be none.
    pub audience: Option<String>,
    /// The claim that says what may be done in which rooms.
    pub rooms_claim: String,
    /// By how much clocks may differ.
    pub leeway: Duration,
}

/// Checks tokens.
pub struct Tokens {
    keys: Keys,
    validation: Validation,
    rooms_claim: String,
}

impl Tokens {
    /// # Errors
    /// [`BadKey`] for the first thing that is no key.
    pub fn new(config: &TokensConfig) -> Result<Self, BadKey> {
        let secret = config.secret.as_ref().map(Keys::of_secret);
        let public_key = config.public_key.as_deref().map(Keys::of_pem);
        let set = config.key_set.as_deref().map(Keys::of_set);
        let mut keys = Keys::default();
        for some in [secret, public_key, set].into_iter().flatten() {
            keys = keys.and(some?);
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = config.leeway.as_secs();
        validation.validate_nbf = true;
        let mut required = vec!["exp", "sub"];
        if let Some(issuer) = &config.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        if let Some(audience) = &config.audience {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        Ok(Self {
            keys,
            validation,
            rooms_claim: config.rooms_claim.clone(),
        })
    }

    /// What a token says that is good now.
    ///
    /// # Errors
    /// Why it is not taken, for whoever brought it.
    pub fn read(&self, token: &Secret) -> Result<Claims, &'static str> {
        let token = token.reveal();
        if token.len() > MAX_TOKEN_BYTES {
            return Err("it is too long");
        }
        let header = decode_header(token).map_err(|error| refusal(&error))?;
        if header.crit.is_some() {
            return Err("it asks for something that this server does not know");
        }
        let key = self
            .keys
            .choose(header.alg, header.kid.as_deref())
            .ok_or("it is not signed with a key of this server's")?;
        let mut validation = self.validation.clone();
        validation.algorithms = vec![header.alg];
        let claims = decode::<Map<String, Value>>(token, key, &validation)
            .map_err(|error| refusal(&error))?
            .claims;
        self.claims(&claims)
    }

    /// What the library has not looked at, and the types of what it lets pass.
    fn claims(&self, claims: &Map<String, Value>) -> Result<Claims, &'static str> {
        let wrong = "one of its claims is of the wrong type";
        let get = |name: &str| claims.get(name);
        let is_time = |value: &Value| value.as_f64().is_some_and(|seconds| seconds >= 0.0);
        let is_text_or_texts = |value: &Value| match value {
            Value::Array(list) => list.iter().all(Value::is_string),
            other => other.is_string(),
        };
        let typed = ["nbf", "iat"].into_iter().filter_map(get).all(is_time)
            && ["iss", "aud", "scope"]
                .into_iter()
                .filter_map(get)
                .all(is_text_or_texts)
            && ["sub", "name", "jti"]
                .into_iter()
                .filter_map(get)
                .all(Value::is_string);
        if !typed {
            return Err(wrong);
        }
        let expires = get("exp").and_then(Value::as_f64).ok_or(wrong)?;
        let subject = get("sub").and_then(Value::as_str).ok_or(wrong)?;
        if subject.is_empty()
            || subject.len() > MAX_SUBJECT_BYTES
            || subject.chars().any(char::is_control)
        {
            return Err("its `sub` is empty, too long or not printable");
        }
        let scopes = match get("scope") {
            Some(Value::String(scopes)) => scopes.split_ascii_whitespace().collect(),
            Some(Value::Array(scopes)) => scopes.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let name = get("name").and_then(Value::as_str).map(printable);
        // Added in milliseconds of whole seconds, as the library does; a float saturates.
        let until = expires.round() + self.validation.leeway as f64;
        Ok(Claims {
            subject: subject.into(),
            name: name.filter(|name| !name.is_empty()).map(Into::into),
            rooms: get(&self.rooms_claim).map_or(Ok(Vec::new()), roles)?,
            is_admin: scopes.contains(&ADMIN_SCOPE),
            expires_ms: (until * 1000.0) as i64,
        })
    }
}

/// From patterns to roles.
fn roles(claim: &Value) -> Result<Vec<(Arc<str>, Role)>, &'static str> {
    let roles = claim
        .as_object()
        .ok_or("its claim for rooms is not an object")?;
    let one = |(pattern, role): (&String, &Value)| {
        let role = role.as_str().and_then(Role::of);
        role.map(|role| (pattern.as_str().into(), role))
    };
    let roles: Option<Vec<_>> = roles.iter().map(one).collect();
    roles.ok_or("its claim for rooms gives something that is not viewer, editor or owner")
}

/// A name that can be shown in one line.
fn printable(name: &str) -> String {
    let printable = name.chars().filter(|c| !c.is_control());
    let mut cut: String = printable.collect();
    cut.truncate(cut.floor_char_boundary(MAX_NAME_BYTES));
    cut.trim().to_owned()
}

fn refusal(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::ExpiredSignature => EXPIRED,
        ErrorKind::ImmatureSignature => "it is not valid yet",
        ErrorKind::InvalidIssuer => "it comes from another issuer",
        ErrorKind::InvalidAudience => "it is meant for another audience",
        ErrorKind::InvalidSignature => "its signature is not good",
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => {
            "it lacks `exp`, `sub` or another claim that is asked for, or has one of the wrong type"
        }
        _ => "it is no signed token of a kind that this server takes",
    }
}
