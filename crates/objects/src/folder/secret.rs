//! What links to a folder's objects are signed with, where nobody chose it: random bytes that lie in the folder itself.
//!
//! Whoever can read them can read the objects anyway, and whoever shares the folder signs alike. The rule: they are made once, whole, and for
//! this user's eyes only.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use secrecy::SecretSlice;

use super::{Place, writing};
use crate::ObjectError;

/// Where they are, below the folder: no key begins with a dot.
const NAME: &str = ".link-secret";
/// How many.
const BYTES: usize = 32;

/// The folder's secret, made now if there is none.
pub fn kept(place: &Place) -> Result<SecretSlice<u8>, ObjectError> {
    let path = place.folder.join(NAME);
    let secret = match read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make(place, &path).and_then(|()| read(&path))
        }
        other => other,
    };
    secret.map_err(|error| {
        let doing = "keep the secret of links in the folder for objects";
        place.faults.of_folder(doing, &error)
    })
}

fn read(path: &Path) -> io::Result<SecretSlice<u8>> {
    let bytes = fs::read(path)?;
    match bytes.len() == BYTES {
        true => Ok(bytes.into()),
        false => Err(io::Error::new(
            ErrorKind::InvalidData,
            format!("{} is not {BYTES} bytes long", path.display()),
        )),
    }
}

/// Where another process was faster, its secret stays.
fn make(place: &Place, path: &Path) -> io::Result<()> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    // Files of this kind are made for their owner alone.
    let mut file = writing::unfinished(place)?;
    file.write_all(&bytes)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => fs::File::open(&place.folder)?.sync_all(),
        Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(failed) => Err(failed.error),
    }
}
