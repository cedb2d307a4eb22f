//! Whether a node is the only one that uses a database file.
//!
//! Knows files and the locks of the operating system, which end with their process however that ends. The rule: this is
//! never the database itself; see `place`.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::place;

/// A lock beside the database, for as long as this stands.
#[derive(Default)]
pub struct Alone(Mutex<Option<File>>);

impl Alone {
    /// Takes the lock if nobody has it. `false` where another node may live, also where files cannot be locked.
    pub fn take(&self, database: &Path) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_some() {
            return true;
        }
        let path = place::with_suffix(database, "-node");
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).ok();
        *held = file.filter(|file| file.try_lock().is_ok());
        held.is_some()
    }
}
