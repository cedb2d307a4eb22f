//! What is known of an object beside its bytes, in a hidden file beside the one with these.
//!
//! The rule: an object whose hidden file is missing or damaged can still be had, as bytes of which nobody knows anything, to be saved and
//! not shown.

use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{ContentType, Disposition};

/// Of such a file, in bytes; far more than two headers need.
const MAX_ABOUT: u64 = 16 * 1024;

/// As it is written, in JSON.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub content_type: ContentType,
    pub disposition: Option<Disposition>,
}

impl About {
    /// Where it is, for an object whose bytes are there.
    pub fn path(object: &Path) -> PathBuf {
        let name = object.file_name().unwrap_or_default().to_string_lossy();
        object.with_file_name(format!(".{name}.json"))
    }

    /// What is known of an object whose bytes are there.
    pub fn read(object: &Path) -> io::Result<Self> {
        let file = match std::fs::File::open(Self::path(object)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::nothing()),
            Err(error) => return Err(error),
        };
        let mut json = Vec::new();
        file.take(MAX_ABOUT).read_to_end(&mut json)?;
        Ok(serde_json::from_slice(&json).unwrap_or_else(|_| Self::nothing()))
    }

    fn nothing() -> Self {
        Self {
            content_type: ContentType::unknown(),
            disposition: Some(Disposition::attachment("")),
        }
    }
}
