//! Where the database file is, and whether it is still the same file.
//!
//! Knows paths, no SQL. The rule: never open the file here while SQLite may have it open. POSIX drops all locks of a
//! process on a file as soon as it closes any handle to it, and SQLite's own would silently go with them.

use std::path::{Path, PathBuf};

use crate::StoreError;

/// The path in `sqlite:data/x.db`, `sqlite://data/x.db`, `sqlite:///var/x.db` or a plain path.
pub fn path_of(url_or_path: &str) -> Result<PathBuf, StoreError> {
    // The URL of anything else may hold a password.
    let shown = match url_or_path.split_once("://") {
        Some((scheme, _)) if scheme != "sqlite" => format!("{scheme}://…"),
        _ => url_or_path.to_owned(),
    };
    let invalid = |why: &str| {
        Err(StoreError::Invalid(format!(
            "{shown:?} does not name a database file: {why}"
        )))
    };
    let path = match url_or_path.strip_prefix("sqlite:") {
        Some(rest) => rest.strip_prefix("//").unwrap_or(rest),
        None if url_or_path.contains("://") => return invalid("only sqlite: is known here"),
        None => url_or_path,
    };
    if path.is_empty() {
        return invalid("the path is empty");
    }
    if path == ":memory:" {
        return invalid("a database in memory would forget everything at the end");
    }
    if path.contains('?') {
        return invalid("options behind a question mark are not supported");
    }
    Ok(PathBuf::from(path))
}

/// Creates the folder that the file is to stand in.
pub fn create_parent(path: &Path) -> Result<(), StoreError> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => {
            std::fs::create_dir_all(parent).map_err(|e| {
                StoreError::Unavailable(format!("cannot create the folder {parent:?}: {e}"))
            })
        }
        _ => Ok(()),
    }
}

/// The folder that the path stands in.
pub fn folder_of(path: &Path) -> &Path {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// The path with something behind its name, as SQLite names what belongs to a file.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Whether anything has this name, be it a link to nothing.
pub fn stands(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// Whether a file without a byte in it, or none, has a log. SQLite takes such a file for a new database and deletes the log, in which
/// everything may be.
pub fn log_alone(path: &Path) -> bool {
    let len = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    len(path) == 0 && len(&log_of(path)) > 0
}

/// SQLite puts it beside the file itself where the path is a link.
fn log_of(path: &Path) -> PathBuf {
    let file = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    with_suffix(&file, "-wal")
}

/// Why such a file is not opened.
pub fn refuse_log_alone(path: &Path) -> Result<(), StoreError> {
    if !log_alone(path) {
        return Ok(());
    }
    let state = if stands(path) { "is empty" } else { "is gone" };
    Err(StoreError::Invalid(format!(
        "{path:?} {state}, and its log {:?} is there: the database was lost. Put it back, or move the log away and put a \
         backup in its place (`scrible restore BACKUP`)",
        log_of(path)
    )))
}

/// Why SQLite could not use the file, in words that it does not have itself ("unable to open database file").
///
/// Only for a file that could not be opened: see the rule above.
pub fn explain(path: &Path) -> Option<String> {
    if path.is_dir() {
        return Some(format!("cannot open {path:?}: it is a folder"));
    }
    let attempt = std::fs::File::options().read(true).write(true).open(path);
    match attempt {
        Ok(_) => None,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let parent = folder_of(path);
            Some(format!("cannot create {path:?}: is {parent:?} writable?"))
        }
        Err(e) => Some(format!("cannot open {path:?} for writing: {e}")),
    }
}

/// The database file and its log, as they stood when they were opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Files {
    database: FileIdentity,
    log: FileIdentity,
    log_path: PathBuf,
}

impl Files {
    /// Of a database that has a connection.
    pub fn of(path: &Path) -> Result<Self, StoreError> {
        let unreadable = |e| StoreError::Unavailable(format!("cannot read {path:?}: {e}"));
        let log_path = log_of(path);
        Ok(Self {
            database: FileIdentity::of(path).map_err(unreadable)?,
            log: FileIdentity::of(&log_path).map_err(unreadable)?,
            log_path,
        })
    }

    /// Whether the database is this file.
    pub fn is_database(&self, identity: FileIdentity) -> bool {
        self.database == identity
    }

    /// Takes the log that stands there now for that of the same database, which has been opened again.
    pub fn follow_log(&mut self, path: &Path) -> Result<(), StoreError> {
        self.check_database(path)?;
        *self = Self::of(path)?;
        Ok(())
    }

    /// As [`check`](Self::check), where nothing is written.
    pub fn check_database(&self, path: &Path) -> Result<(), StoreError> {
        check(path, self.database, REPLACED)
    }

    /// What is written to a file that has since lost its name would be gone at the next start, so it must not be acknowledged.
    pub fn check(&self, path: &Path) -> Result<(), StoreError> {
        self.check_database(path)?;
        check(&self.log_path, self.log, LOG_REPLACED)
    }
}

fn check(path: &Path, was: FileIdentity, remedy: &str) -> Result<(), StoreError> {
    match FileIdentity::of(path) {
        Ok(now) if now == was => Ok(()),
        Ok(_) => Err(StoreError::Unavailable(format!(
            "{path:?} was replaced by another file while it was open: {remedy}"
        ))),
        Err(e) => Err(StoreError::Unavailable(format!(
            "{path:?} is gone ({e}): put it back, or {remedy}"
        ))),
    }
}

const REPLACED: &str = "restart to use what stands there";
/// The last connection writes all that it knows into the database.
const LOG_REPLACED: &str =
    "stop the server in order, which saves what was stored, and start it again";

/// Tells one file from another that later stands under the same name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileIdentity(#[cfg(unix)] (u64, u64), #[cfg(not(unix))] ());

impl FileIdentity {
    /// Of the file that stands there now.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Ok(Self((metadata.dev(), metadata.ino())))
        }
        // Elsewhere an open file can't be replaced.
        #[cfg(not(unix))]
        {
            let _ = metadata;
            Ok(Self(()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_plain_paths_name_the_same_file() {
        for (given, path) in [
            ("sqlite:./data/x.db", "./data/x.db"),
            ("sqlite:x.db", "x.db"),
            ("sqlite://data/x.db", "data/x.db"),
            ("sqlite:///var/lib/x.db", "/var/lib/x.db"),
            ("sqlite:/var/lib/x.db", "/var/lib/x.db"),
            ("/var/lib/a b#100%.db", "/var/lib/a b#100%.db"),
            ("data/x.db", "data/x.db"),
        ] {
            assert_eq!(path_of(given).unwrap(), Path::new(path), "{given}");
        }
    }

    #[test]
    fn what_names_no_file_is_refused_with_the_reason() {
        for (given, why) in [
            ("", "empty"),
            ("sqlite:", "empty"),
            ("sqlite://", "empty"),
            ("sqlite::memory:", "forget"),
            (":memory:", "forget"),
            ("sqlite:x.db?mode=rwc", "question mark"),
            ("postgres://localhost/x", "only sqlite:"),
        ] {
            let error = path_of(given).unwrap_err();
            assert!(matches!(error, StoreError::Invalid(_)), "{given}");
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
