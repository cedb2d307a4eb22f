//! Where the database file is, and whether it is still the same file.
//!
//! Knows paths, no SQL. The rule: never open the file here while SQLite may have it open. POSIX drops all locks of a
//! process on a file as soon as it closes any handle to it, and SQLite's own would silently go with them.

use std::path::{Path, PathBuf};

use crate::StoreError;

/// The path in `sqlite:data/x.db`, `sqlite://data/x.db`, `sqlite:///var/x.db` or a plain path.
pub fn path_of(url_or_path: &str) -> Result<PathBuf, StoreError> {
    let invalid = |why: &str| {
        Err(StoreError::Invalid(format!(
            "{url_or_path:?} does not name a database file: {why}"
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
