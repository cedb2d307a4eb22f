//! Finds objects in the folder, in the order of their keys.
//!
//! Folders are entered in that order and only where the page can be, so a page costs what lies in the folders on its way. The rule: what
//! is no key of ours is passed over, and what disappears meanwhile is no error.

use std::cmp::Ordering;
use std::io::{self, ErrorKind};
use std::path::Path;

use walkdir::{DirEntry, WalkDir};

use super::Place;
use crate::{Entry, Key, ObjectError, Page, Prefix};

/// The first objects of those that begin so and come behind another.
pub fn page(
    place: &Place,
    prefix: &Prefix,
    after: Option<&Key>,
    limit: usize,
) -> Result<Page, ObjectError> {
    let after = after.map_or("", Key::as_str);
    let mut entries: Vec<Entry> = Vec::new();
    let wanted = |entry: &DirEntry| {
        entry.depth() == 0
            || path_of(&place.folder, entry).is_some_and(|path| match entry.file_type().is_dir() {
                true => {
                    let path = format!("{path}/");
                    let reaches =
                        path.starts_with(prefix.as_str()) || prefix.as_str().starts_with(&path);
                    let is_passed = *path < *after && !after.starts_with(&path);
                    reaches && !is_passed
                }
                false => path.starts_with(prefix.as_str()) && *path > *after,
            })
    };
    let walk = WalkDir::new(&place.folder)
        .sort_by(by_key)
        .into_iter()
        .filter_entry(wanted);
    for found in walk {
        let entry = found.and_then(|entry| {
            let metadata = match entry.file_type().is_file() {
                true => Some(entry.metadata()?),
                false => None,
            };
            Ok((entry, metadata))
        });
        let (entry, metadata) = match entry {
            Ok((entry, Some(metadata))) => (entry, metadata),
            Ok(_) => continue,
            Err(error) => {
                let is_all = error.depth() == 0;
                let error = io::Error::from(error);
                if error.kind() == ErrorKind::NotFound && !is_all {
                    continue;
                }
                return Err(place.faults.of_folder("list objects", &error));
            }
        };
        let key = path_of(&place.folder, &entry).and_then(|path| path.parse::<Key>().ok());
        let Some(key) = key else { continue };
        if entries.len() == limit {
            let next = entries.last().map(|entry| entry.key.clone());
            return Ok(Page { entries, next });
        }
        let modified = metadata.modified();
        entries.push(Entry {
            key,
            size: metadata.len(),
            modified: modified.map_err(|error| place.faults.of_folder("list objects", &error))?,
        });
    }
    Ok(Page {
        entries,
        next: None,
    })
}

/// As the keys below these entries are ordered: those below a folder go on with a slash.
fn by_key(one: &DirEntry, other: &DirEntry) -> Ordering {
    let bytes = |entry: &DirEntry| {
        let mut name = entry.file_name().as_encoded_bytes().to_vec();
        if entry.file_type().is_dir() {
            name.push(b'/');
        }
        name
    };
    bytes(one).cmp(&bytes(other))
}

/// What stands between the folder and an entry, with slashes.
fn path_of(folder: &Path, entry: &DirEntry) -> Option<String> {
    let path = entry.path().strip_prefix(folder).ok()?;
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    Some(parts?.join("/"))
}
