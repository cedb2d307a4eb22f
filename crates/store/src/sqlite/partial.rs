//! A file that does not have its final name yet.
//!
//! Knows files, no SQL. The rule: under the final name stands what was there before or the whole new file, synced,
//! and never anything else, whenever the process dies.

use std::fs::{File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::place;
use crate::{Incarnation, StoreError};

/// What SQLite puts beside a file, which is part of it or says how to read it.
pub const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A new file beside its final place, removed unless it gets there.
pub struct Partial {
    path: PathBuf,
}

impl Partial {
    /// An empty file that only we may read, named after the target, the word and chance.
    pub fn beside(target: &Path, word: &str) -> Result<Self, StoreError> {
        let chance = (Incarnation::random().0 >> 96) as u32;
        let path = place::with_suffix(target, &format!(".{word}-{chance:08x}"));
        let made = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        made.map_err(|e| StoreError::Unavailable(format!("cannot create {path:?}: {e}")))?;
        Ok(Self { path })
    }

    /// Where it is for now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its permissions and brings it to the disk. No connection may have it open any more.
    pub async fn seal(&self, permissions: Permissions) -> Result<(), StoreError> {
        let failed = |e| StoreError::Unavailable(format!("cannot sync {:?}: {e}", self.path));
        let file = tokio::fs::File::open(&self.path).await.map_err(failed)?;
        file.set_permissions(permissions).await.map_err(failed)?;
        file.sync_all().await.map_err(failed)
    }

    /// Gives it its name, if nothing has that name.
    pub fn publish(self, target: &Path) -> Result<(), StoreError> {
        match std::fs::hard_link(&self.path, target) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::AlreadyExists => return Err(exists(target)),
            // Memory sticks and some network folders have no links; then there is a moment between question and rename.
            Err(_) if !place::stands(target) => return self.replace(target),
            Err(_) => return Err(exists(target)),
        }
        drop(self);
        sync_folder(target)
    }

    /// Gives it its name in one step, in the place of what has it.
    pub fn replace(self, target: &Path) -> Result<(), StoreError> {
        std::fs::rename(&self.path, target)
            .map_err(|e| StoreError::Unavailable(format!("cannot create {target:?}: {e}")))?;
        sync_folder(target)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        for suffix in COMPANIONS {
            let _ = std::fs::remove_file(place::with_suffix(&self.path, suffix));
        }
    }
}

/// That something stands where nothing may be overwritten.
pub fn exists(path: &Path) -> StoreError {
    StoreError::Invalid(format!("{path:?} is there already"))
}

/// A new name is on the disk only once its folder is.
pub fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = place::folder_of(path);
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|e| StoreError::Unavailable(format!("cannot sync the folder {folder:?}: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_gets_its_name_whole_or_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        let names = || std::fs::read_dir(folder.path()).unwrap().count();
        drop(Partial::beside(&target, "partial").unwrap());
        assert_eq!(names(), 0);
        for text in ["first", "second"] {
            let partial = Partial::beside(&target, "partial").unwrap();
            std::fs::write(partial.path(), text).unwrap();
            let permissions = std::fs::metadata(partial.path()).unwrap().permissions();
            partial.seal(permissions).await.unwrap();
            let published = partial.publish(&target);
            assert_eq!(published.is_ok(), text == "first", "{published:?}");
            assert_eq!(std::fs::read_to_string(&target).unwrap(), "first");
            assert_eq!(names(), 1);
        }
        let partial = Partial::beside(&target, "partial").unwrap();
        std::fs::write(partial.path(), "third").unwrap();
        partial.replace(&target).unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "third");
        assert_eq!(names(), 1);
    }
}
