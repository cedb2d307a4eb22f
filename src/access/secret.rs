//! Secrets that clients bring and that the server gives: 128 random bits and more, of which only hashes are kept.
//!
//! The rule: a secret is never shown, also not by `Debug`.

use std::fmt;
use std::sync::Arc;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use scrible_store::SecretHash;
use sha2::{Digest, Sha256};

/// Something that only its holder and we may know.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// From what came in or was made.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// A new one: 128 random bits in 22 characters of base64url.
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        Self::new(&BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    /// In clear, for whoever it was made for or for who checks it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// How it is stored.
    pub fn hash(&self) -> SecretHash {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
