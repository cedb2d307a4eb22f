//! Links that anybody can follow until they expire, and how those to a folder are signed and checked.
//!
//! The rule: a link is good for one object, one disposition and one time, all of which are signed; what else stands behind the question
//! mark makes it bad.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;
use url::Url;

use crate::{Disposition, Key, ObjectError};

/// How long a link may last; what S3 allows.
pub const MAX_LINK_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Of the secret that signs, in bytes.
const MIN_SECRET: usize = 32;
/// So that no signature is good for anything else that the same secret signs.
const PURPOSE: &[u8] = b"scrible object\0";

/// What a link is to be good for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkTerms {
    /// How long, in whole seconds from 1 to [`MAX_LINK_LIFE`].
    pub life: Duration,
    /// Instead of the disposition that the object has.
    pub disposition: Option<Disposition>,
}

/// An address at which anybody can get an object.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// As secret as the object. Begins with `/` where the signer was told a path only.
    pub url: String,
    /// When it stops being good.
    pub expires: SystemTime,
}

/// Makes links to a folder, and says which ones it made.
pub struct LinkSigner {
    /// What all links begin with, up to and with the last slash.
    base: String,
    secret: SecretSlice<u8>,
}

/// Why a link is not followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadLink {
    /// We did not make it, or somebody changed it.
    #[error("the link was not made here, or was changed")]
    Forged,
    /// It was good once.
    #[error("the link has expired")]
    Expired,
}

impl LinkTerms {
    /// For so long, with the object's own disposition.
    pub fn lasting(life: Duration) -> Self {
        Self {
            life,
            disposition: None,
        }
    }

    /// The end of a link that is made now.
    pub(crate) fn expires(&self, now: SystemTime) -> Result<SystemTime, ObjectError> {
        if self.life < Duration::from_secs(1) || self.life > MAX_LINK_LIFE {
            let (life, most) = (self.life.as_secs_f64(), MAX_LINK_LIFE.as_secs());
            return Err(ObjectError::Invalid(format!(
                "a link lasts from 1 to {most} seconds, not {life}"
            )));
        }
        Ok(now + Duration::from_secs(self.life.as_secs()))
    }
}

impl LinkSigner {
    /// For links that begin with a URL of ours, or with the path of one, where whoever answers asks [`LinkSigner::verify`]. The secret is at
    /// least 32 random bytes, the same on all nodes.
    pub fn new(base: &str, secret: SecretSlice<u8>) -> Result<Self, ObjectError> {
        let is_path = base.starts_with('/') && !base.starts_with("//");
        let whole = match is_path {
            true => format!("http://server{base}"),
            false => base.to_owned(),
        };
        let url = Url::parse(&whole).ok().filter(|url| {
            let is_plain = url.query().is_none() && url.fragment().is_none();
            ["http", "https"].contains(&url.scheme()) && is_plain && url.username().is_empty()
        });
        let Some(url) = url else {
            return Err(ObjectError::Invalid(format!(
                "{base:?} cannot be what links to objects begin with: it takes a URL with http or https and a path at most, or a path"
            )));
        };
        if secret.expose_secret().len() < MIN_SECRET {
            return Err(ObjectError::Invalid(format!(
                "the secret that signs links to objects needs {MIN_SECRET} bytes"
            )));
        }
        let base = match is_path {
            true => url.path(),
            false => url.as_str(),
        };
        let base = format!("{}/", base.trim_end_matches('/'));
        Ok(Self { base, secret })
    }

    /// A link that is made at this time.
    pub fn sign(&self, key: &Key, terms: &LinkTerms, now: SystemTime) -> Result<Link, ObjectError> {
        let expires = terms.expires(now)?;
        let seconds = expires.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = seconds.as_secs().to_string();
        let disposition = terms.disposition.as_ref().map(Disposition::as_str);
        let signature = self.mac(key, &seconds, disposition).finalize();
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature.into_bytes());
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("expires", &seconds);
        if let Some(disposition) = disposition {
            query.append_pair("disposition", disposition);
        }
        let query = query.append_pair("signature", &signature).finish();
        Ok(Link {
            url: format!("{}{key}?{query}", self.base),
            expires,
        })
    }

    /// Whether a link is followed now: `query` is what stood behind its question mark. Gives the disposition that it asks for instead of the
    /// object's own.
    pub fn verify(
        &self,
        key: &Key,
        query: &str,
        now: SystemTime,
    ) -> Result<Option<Disposition>, BadLink> {
        let (mut expires, mut disposition, mut signature) = (None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "expires" => &mut expires,
                "disposition" => &mut disposition,
                "signature" => &mut signature,
                _ => return Err(BadLink::Forged),
            };
            if place.replace(value.into_owned()).is_some() {
                return Err(BadLink::Forged);
            }
        }
        let (Some(expires), Some(signature)) = (expires, signature) else {
            return Err(BadLink::Forged);
        };
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature);
        let signature = signature.map_err(|_| BadLink::Forged)?;
        let mac = self.mac(key, &expires, disposition.as_deref());
        mac.verify_slice(&signature).map_err(|_| BadLink::Forged)?;
        let expires: u64 = expires.parse().map_err(|_| BadLink::Forged)?;
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        if now.as_secs() >= expires {
            return Err(BadLink::Expired);
        }
        let disposition = disposition.map(Disposition::try_from).transpose();
        disposition.map_err(|_| BadLink::Forged)
    }

    fn mac(&self, key: &Key, expires: &str, disposition: Option<&str>) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(self.secret.expose_secret());
        let mut mac = mac.expect("HMAC takes secrets of any length");
        mac.update(PURPOSE);
        // None of these has a zero byte in it; a disposition is never empty.
        for part in [key.as_str(), expires, disposition.unwrap_or_default()] {
            mac.update(part.as_bytes());
            mac.update(b"\0");
        }
        mac
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut link = f.debug_struct("Link");
        link.field("expires", &self.expires).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn signer(base: &str, secret: u8) -> LinkSigner {
        LinkSigner::new(base, vec![secret; 32].into()).unwrap()
    }

    fn key(text: &str) -> Key {
        text.parse().unwrap()
    }

    fn terms(seconds: u64) -> LinkTerms {
        LinkTerms::lasting(Duration::from_secs(seconds))
    }

    fn at(seconds: u64) -> SystemTime {
        NOW + Duration::from_secs(seconds)
    }

    /// What stands behind the question mark of a link with a disposition.
    fn query() -> String {
        let terms = LinkTerms {
            disposition: Some(Disposition::attachment("ä&b=c.png")),
            ..terms(60)
        };
        let signer = signer("https://board.example/files", 1);
        let link = signer.sign(&key("a/b.png"), &terms, NOW).unwrap();
        assert_eq!(link.expires, at(60));
        let (path, query) = link.url.split_once('?').unwrap();
        assert_eq!(path, "https://board.example/files/a/b.png");
        query.to_owned()
    }

    #[test]
    fn a_link_is_good_until_it_expires() {
        let signer = signer("https://board.example/files/", 1);
        let verify = |now| signer.verify(&key("a/b.png"), &query(), now);
        let wanted = Disposition::attachment("ä&b=c.png");
        assert_eq!(verify(NOW), Ok(Some(wanted.clone())));
        assert_eq!(verify(at(59)), Ok(Some(wanted)));
        assert_eq!(verify(at(60)), Err(BadLink::Expired));
        let plain = signer.sign(&key("a"), &terms(1), NOW).unwrap();
        let (_, query) = plain.url.split_once('?').unwrap();
        assert_eq!(signer.verify(&key("a"), query, NOW), Ok(None));
    }

    #[test]
    fn whatever_is_changed_makes_a_link_bad() {
        let query = query();
        let good = signer("https://board.example/files", 1);
        let forged = |key: &str, query: &str| {
            let told = good.verify(&key.parse().unwrap(), query, NOW);
            assert_eq!(told, Err(BadLink::Forged), "{key} {query}");
        };
        forged("a/c.png", &query);
        forged("a/b.png", &query.replace("expires=60", "expires=61"));
        forged("a/b.png", &query.replace("expires=60", "expires=060"));
        forged("a/b.png", &query.replace("expires=60", ""));
        forged("a/b.png", &query.replace("b%3Dc", "b%3Dd"));
        forged("a/b.png", &format!("{query}&expires=60"));
        forged("a/b.png", &format!("{query}&x=y"));
        forged("a/b.png", "");
        let (unsigned, signature) = query.split_once("&signature=").unwrap();
        forged("a/b.png", unsigned);
        forged("a/b.png", &format!("{unsigned}&signature="));
        forged(
            "a/b.png",
            &format!("{unsigned}&signature={}", &signature[1..]),
        );
        let without = format!("expires=60&signature={signature}");
        forged("a/b.png", &without);
        let other = signer("https://board.example/files", 2);
        let told = other.verify(&key("a/b.png"), &query, NOW);
        assert_eq!(told, Err(BadLink::Forged));
    }

    #[test]
    fn a_link_may_begin_with_a_path() {
        let signer = signer("/files", 1);
        let link = signer.sign(&key("a/b.png"), &terms(60), NOW).unwrap();
        let (path, query) = link.url.split_once('?').unwrap();
        assert_eq!(path, "/files/a/b.png");
        assert_eq!(signer.verify(&key("a/b.png"), query, NOW), Ok(None));
    }

    #[test]
    fn nothing_is_made_with_bad_terms_or_settings() {
        let signer = signer("http://127.0.0.1:1234", 1);
        for seconds in [0, 7 * 24 * 60 * 60 + 1] {
            let error = signer.sign(&key("a"), &terms(seconds), NOW).unwrap_err();
            assert!(matches!(error, ObjectError::Invalid(_)), "{error}");
        }
        for base in [
            "",
            "files",
            "//x/files",
            "/files?y",
            "ftp://x/",
            "https://x/?y",
            "https://a@x/",
            "https://x/#y",
        ] {
            assert!(LinkSigner::new(base, vec![1; 32].into()).is_err(), "{base}");
        }
        assert!(LinkSigner::new("https://x", vec![1; 31].into()).is_err());
    }

    #[test]
    fn neither_secret_nor_link_is_shown() {
        let signer = signer("http://127.0.0.1:1234", 7);
        let link = signer.sign(&key("a"), &terms(1), NOW).unwrap();
        assert!(!format!("{link:?}").contains("signature"));
        assert!(!format!("{:?}", signer.secret).contains('7'));
    }
}
