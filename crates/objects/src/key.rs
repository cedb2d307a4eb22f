//! What objects are called.
//!
//! The rule: a key is at once a sound path in a bucket, in a folder and in a URL, so nobody has to escape it. Whatever people chose (names
//! of rooms or files) is not in keys, but ids are.

use std::fmt;
use std::str::FromStr;

use crate::ObjectError;

/// Of a whole key, in bytes.
const MAX_KEY: usize = 512;
/// Of what stands between two slashes, in bytes. File systems take 255, and what is kept beside a file has a longer name.
const MAX_SEGMENT: usize = 200;

/// The name of an object: segments of ASCII letters, digits, `.`, `_` and `-` between slashes, none of which begins with a dot.
///
/// A key never goes on where another one ends (`a` and `a/b`): a folder cannot have both.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key(String);

/// How keys begin; empty for all. Need not end with a slash.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Prefix(String);

impl Key {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands between the slashes; at least one.
    pub(crate) fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }
}

impl FromStr for Key {
    type Err = ObjectError;

    fn from_str(text: &str) -> Result<Self, ObjectError> {
        if text.len() > MAX_KEY || !text.split('/').all(is_segment) {
            return Err(ObjectError::Invalid(format!(
                "{text:?} cannot be the key of an object: up to {MAX_KEY} letters, digits, '.', '_' and '-' in parts of 1 to {MAX_SEGMENT} between slashes, none beginning with a dot"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Prefix {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Prefix {
    type Err = ObjectError;

    fn from_str(text: &str) -> Result<Self, ObjectError> {
        let mut segments = text.split('/');
        let last = segments.next_back().unwrap_or_default();
        let is_sound = segments.all(is_segment) && (last.is_empty() || is_segment(last));
        if text.len() > MAX_KEY || !is_sound {
            return Err(ObjectError::Invalid(format!(
                "{text:?} cannot be what keys of objects begin with"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

fn is_segment(text: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=MAX_SEGMENT).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_paths_that_lead_nowhere_else() {
        let long = "x".repeat(MAX_SEGMENT);
        for sound in ["a", "a/b", "exports/0-9_.z/x.png", "a..b", "-", &long] {
            assert_eq!(sound.parse::<Key>().unwrap().as_str(), sound);
        }
        let longer = "x".repeat(MAX_SEGMENT + 1);
        let longest = vec![long; 3].join("/");
        for bad in [
            "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.b", ".a", "a b", "a\0",
            "a\\b", "a%2e", "ä", "a\n", "C:", &longer, &longest,
        ] {
            let error = bad.parse::<Key>().unwrap_err();
            assert!(matches!(error, ObjectError::Invalid(_)), "{bad:?}: {error}");
        }
    }

    #[test]
    fn prefixes_are_beginnings_of_keys() {
        for sound in ["", "a", "a/", "exports/0", "exports/0/"] {
            assert_eq!(sound.parse::<Prefix>().unwrap().as_str(), sound);
        }
        for bad in ["/", "a//", "..", "a/..", "a/../", "a b", "ä"] {
            assert!(bad.parse::<Prefix>().is_err(), "{bad:?}");
        }
    }
}
