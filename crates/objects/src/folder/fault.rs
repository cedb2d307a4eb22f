//! What the operating system's errors mean for objects.
//!
//! The rule: whoever reads the sentence knows which folder it is and what would help.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::{Key, ObjectError};

/// Tells errors of one folder.
pub struct Faults {
    folder: PathBuf,
}

impl Faults {
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// What went wrong while something was done with an object.
    pub fn told(&self, doing: &str, key: &Key, error: &io::Error) -> ObjectError {
        match error.kind() {
            ErrorKind::NotFound => ObjectError::NotFound(key.clone()),
            ErrorKind::NotADirectory if doing == "read" => ObjectError::NotFound(key.clone()),
            ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::DirectoryNotEmpty => {
                ObjectError::Invalid(format!(
                    "cannot {doing} the object {key}: one of the two keys goes on where the other ends"
                ))
            }
            _ => self.of_folder(&format!("{doing} the object {key}"), error),
        }
    }

    /// What went wrong while something was done with the folder itself.
    pub fn of_folder(&self, doing: &str, error: &io::Error) -> ObjectError {
        let folder = self.folder.display();
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                ObjectError::Unavailable(format!(
                    "cannot {doing}: there is no room left for {folder}; delete something there, or give it a larger disk ({error})"
                ))
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                ObjectError::Denied(format!(
                    "cannot {doing}: let the user that the server runs as read and write {folder} ({error})"
                ))
            }
            ErrorKind::NotFound => ObjectError::NoBucket(format!(
                "cannot {doing}: the folder {folder} is gone; make it again, or mount what it was on"
            )),
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
                ObjectError::Invalid(format!("cannot {doing}: {folder} is not a folder"))
            }
            _ => ObjectError::Unavailable(format!("cannot {doing} in {folder}: {error}")),
        }
    }
}
