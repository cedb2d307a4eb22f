//! Puts files into the folder and takes them away, so that a crash at any moment leaves whole objects alone.
//!
//! A file is written under a name that nobody looks for, synced, and renamed. The rule: whatever fails, what was begun is deleted.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;

use super::Place;
use super::about::About;
use crate::{Body, Key, NewObject, ObjectError};

/// Where files are written, below the folder: no key begins with a dot.
const UNFINISHED: &str = ".unfinished";
/// When a file there has no owner any more; nothing takes so long to write.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);
/// How often a folder may be deleted by somebody else between making it and using it.
const TRIES: u32 = 8;

/// Makes the folder, tries it, and deletes what was abandoned in it.
pub fn prepare(place: &Place) -> Result<(), ObjectError> {
    let unfinished = place.folder.join(UNFINISHED);
    let prepared = fs::create_dir_all(&unfinished).and_then(|()| {
        for entry in fs::read_dir(&unfinished)? {
            let entry = entry?;
            // Another process may have renamed it meanwhile.
            let written = entry.metadata().and_then(|metadata| metadata.modified());
            let age = written.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
            if age.is_ok_and(|age| age > ABANDONED) {
                gone(fs::remove_file(entry.path()))?;
            }
        }
        Ok(())
    });
    prepared.map_err(|error| {
        place
            .faults
            .of_folder("open the folder for objects", &error)
    })?;
    check(place)
}

/// Whether something can be written.
pub fn check(place: &Place) -> Result<(), ObjectError> {
    let written = unfinished(place).and_then(|mut file| file.write_all(b"?"));
    written.map_err(|error| {
        let doing = "write into the folder for objects";
        place.faults.of_folder(doing, &error)
    })
}

/// Keeps an object.
pub fn put(place: &Place, key: &Key, object: &NewObject) -> Result<(), ObjectError> {
    let doing = format!("keep the object {key}");
    let bytes = match &object.body {
        Body::Bytes(bytes) => written(place, &mut &bytes[..]),
        Body::File(source) => {
            let unreadable = |error: io::Error| {
                let source = source.display();
                ObjectError::Invalid(format!("cannot read {source} to keep it: {error}"))
            };
            let mut source = readable(source).map_err(unreadable)?;
            written(place, &mut source)
        }
    };
    let bytes = bytes.map_err(|error| place.faults.of_folder(&doing, &error))?;
    let about = About {
        content_type: object.content_type.clone(),
        disposition: Some(object.disposition.clone()),
    };
    let about = serde_json::to_vec(&about).map_err(io::Error::from);
    let about = about.and_then(|about| written(place, &mut &about[..]));
    let about = about.map_err(|error| place.faults.of_folder(&doing, &error))?;
    let told = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => place.faults.of_folder(&doing, &error),
        _ => place.faults.told("keep", key, &error),
    };
    publish(place, key, bytes, about).map_err(told)
}

/// Deletes an object, and the folders that are empty without it.
pub fn delete(place: &Place, key: &Key) -> Result<(), ObjectError> {
    let path = place.path(key);
    let deleted = match fs::remove_file(&path) {
        // What stands there is a folder, on the way to other objects.
        Err(error) if is_folder(&path, &error) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Ok(()),
        other => gone(other),
    };
    deleted
        .and_then(|()| gone(fs::remove_file(About::path(&path))))
        .map_err(|error| place.faults.told("delete", key, &error))?;
    for folder in path.ancestors().skip(1).take(key.segments().count() - 1) {
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
    Ok(())
}

/// A file to be copied.
fn readable(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(ErrorKind::IsADirectory.into()),
    }
}

/// A file for what is not there yet; deleted when it is dropped.
pub(super) fn unfinished(place: &Place) -> io::Result<NamedTempFile> {
    let folder = place.folder.join(UNFINISHED);
    match NamedTempFile::new_in(&folder) {
        // Somebody tidied up. The place's own folder is not made again: what it was on may not be mounted.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir(&folder)?;
            NamedTempFile::new_in(&folder)
        }
        other => other,
    }
}

/// A file with these contents, which are on the disk.
fn written(place: &Place, source: &mut impl io::Read) -> io::Result<NamedTempFile> {
    let mut file = unfinished(place)?;
    io::copy(source, file.as_file_mut())?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Gives the files of an object their names. What is known of it comes first, so its bytes are never there without.
fn publish(place: &Place, key: &Key, bytes: NamedTempFile, about: NamedTempFile) -> io::Result<()> {
    let path = place.path(key);
    let folder = path.parent().unwrap_or(&place.folder);
    if path.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    named(place, about, &About::path(&path))?;
    named(place, bytes, &path)?;
    File::open(folder)?.sync_all()
}

/// Renames a file into a folder that is made on the way, and made again where a delete found it empty.
fn named(place: &Place, mut file: NamedTempFile, path: &Path) -> io::Result<()> {
    let mut tries = 0;
    loop {
        let made = make_folders(place, path);
        let error = match made {
            Ok(()) => match file.persist(path) {
                Ok(_) => return Ok(()),
                Err(failed) => {
                    file = failed.file;
                    failed.error
                }
            },
            Err(error) => error,
        };
        tries += 1;
        if error.kind() != ErrorKind::NotFound || tries == TRIES {
            return Err(error);
        }
    }
}

/// Makes the folders between the place's own, which is not made again if it is gone, and a file; their names are on the disk afterwards.
fn make_folders(place: &Place, path: &Path) -> io::Result<()> {
    let parents = path.ancestors().skip(1);
    let mut missing: Vec<PathBuf> = parents
        .take_while(|folder| *folder != place.folder)
        .map(Path::to_owned)
        .collect();
    while let Some(folder) = missing.pop() {
        match fs::create_dir(&folder) {
            Ok(()) => File::open(folder.parent().unwrap_or(&place.folder))?.sync_all()?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether a file could not be deleted because it is a folder, which systems say in different ways.
fn is_folder(path: &Path, error: &io::Error) -> bool {
    let kinds = [ErrorKind::IsADirectory, ErrorKind::PermissionDenied];
    kinds.contains(&error.kind()) && path.is_dir()
}

/// What is not there is deleted.
fn gone(deleted: io::Result<()>) -> io::Result<()> {
    match deleted {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
