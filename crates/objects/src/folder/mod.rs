//! Objects in a folder of this machine.
//!
//! `writing` puts files there and takes them away, `listing` finds them, `about` is what is known of one beside its bytes, `secret` what links
//! are signed with. Several processes may use one folder. The rule: an object's file appears under its name complete and synced, or not at all.

mod about;
mod fault;
mod listing;
mod secret;
mod writing;

use std::io::SeekFrom;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use futures_util::StreamExt;
use secrecy::SecretSlice;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use self::about::About;
use self::fault::Faults;
use crate::objects::MAX_PAGE;
use crate::{
    ByteRange, Key, Link, LinkSigner, LinkTerms, NewObject, Object, ObjectError, ObjectInfo,
    Objects, Page, Prefix, object,
};

/// How much of a file is read at once, in bytes.
const PIECE: usize = 64 * 1024;

/// Where the folder is and how its links look.
#[derive(Clone, Debug)]
pub struct FolderConfig {
    /// Made if it is not there. Nothing else belongs in it.
    pub folder: PathBuf,
    /// What links begin with: the URL at which this server answers for objects, or only the path of it, for whoever hands them out to put
    /// the rest before.
    pub link_base: String,
    /// What links are signed with: at least 32 random bytes, the same on all nodes. `None`: random ones that are made once and kept in the
    /// folder, so that all who share it share them.
    pub link_secret: Option<SecretSlice<u8>>,
}

/// Objects in a folder.
pub struct FolderObjects {
    place: Arc<Place>,
    signer: LinkSigner,
}

/// The folder, and how its errors are told.
struct Place {
    folder: PathBuf,
    faults: Faults,
}

impl FolderObjects {
    /// Opens a folder, and clears away what processes that died have left unfinished there.
    pub async fn open(config: FolderConfig) -> Result<Self, ObjectError> {
        let folder = std::path::absolute(&config.folder).map_err(|error| {
            let folder = config.folder.display();
            ObjectError::Invalid(format!(
                "{folder:?} cannot be the folder for objects: {error}"
            ))
        })?;
        let place = Arc::new(Place {
            faults: Faults::new(&folder),
            folder,
        });
        let opening = Arc::clone(&place);
        let secret = run(opening, move |place| {
            writing::prepare(place)?;
            match config.link_secret {
                Some(secret) => Ok(secret),
                None => secret::kept(place),
            }
        });
        let signer = LinkSigner::new(&config.link_base, secret.await?)?;
        Ok(Self { place, signer })
    }

    /// Does something with files, which takes its time.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Place) -> Result<T, ObjectError> + Send + 'static,
    ) -> Result<T, ObjectError> {
        run(Arc::clone(&self.place), work).await
    }
}

async fn run<T: Send + 'static>(
    place: Arc<Place>,
    work: impl FnOnce(&Place) -> Result<T, ObjectError> + Send + 'static,
) -> Result<T, ObjectError> {
    let done = tokio::task::spawn_blocking(move || work(&place)).await;
    done.unwrap_or_else(|error| {
        Err(ObjectError::Unavailable(format!(
            "work on a file broke off: {error}"
        )))
    })
}

#[async_trait]
impl Objects for FolderObjects {
    async fn check(&self) -> Result<(), ObjectError> {
        self.run(writing::check).await
    }

    async fn put(&self, key: &Key, object: NewObject) -> Result<(), ObjectError> {
        let key = key.clone();
        self.run(move |place| writing::put(place, &key, &object))
            .await
    }

    async fn get(&self, key: &Key, range: Option<ByteRange>) -> Result<Object, ObjectError> {
        let key = key.clone();
        let (file, info, key) = self
            .run(move |place| {
                let (file, info) = place.open(&key)?;
                Ok((file, info, key))
            })
            .await?;
        let range = match range {
            Some(range) => range.of(info.size)?,
            None => 0..info.size,
        };
        let mut file = tokio::fs::File::from_std(file);
        let place = Arc::clone(&self.place);
        let moved = file.seek(SeekFrom::Start(range.start)).await;
        moved.map_err(|error| place.faults.told("read", &key, &error))?;
        let pieces = ReaderStream::with_capacity(file.take(range.end - range.start), PIECE);
        let pieces =
            pieces.map(move |piece| piece.map_err(|error| place.faults.told("read", &key, &error)));
        Ok(Object {
            info,
            contents: object::whole(pieces, range.end - range.start),
            range,
        })
    }

    async fn head(&self, key: &Key) -> Result<ObjectInfo, ObjectError> {
        let key = key.clone();
        self.run(move |place| place.open(&key).map(|(_, info)| info))
            .await
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectError> {
        let key = key.clone();
        self.run(move |place| writing::delete(place, &key)).await
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Page, ObjectError> {
        let (prefix, after) = (prefix.clone(), after.cloned());
        let limit = limit.clamp(1, MAX_PAGE);
        self.run(move |place| listing::page(place, &prefix, after.as_ref(), limit))
            .await
    }

    async fn link(&self, key: &Key, terms: &LinkTerms) -> Result<Link, ObjectError> {
        self.signer.sign(key, terms, SystemTime::now())
    }

    fn signer(&self) -> Option<&LinkSigner> {
        Some(&self.signer)
    }
}

impl Place {
    /// Where the object's bytes are.
    fn path(&self, key: &Key) -> PathBuf {
        key.segments()
            .fold(self.folder.clone(), |path, part| path.join(part))
    }

    /// The object's file, which stays readable when another takes its name.
    fn open(&self, key: &Key) -> Result<(std::fs::File, ObjectInfo), ObjectError> {
        let path = self.path(key);
        let opened = std::fs::File::open(&path).and_then(|file| {
            let metadata = file.metadata()?;
            let modified = metadata.modified()?;
            Ok((file, metadata, modified))
        });
        let (file, metadata, modified) =
            opened.map_err(|error| self.faults.told("read", key, &error))?;
        if !metadata.is_file() {
            return Err(ObjectError::NotFound(key.clone()));
        }
        let about = About::read(&path).map_err(|error| self.faults.told("read", key, &error))?;
        let info = ObjectInfo {
            size: metadata.len(),
            content_type: about.content_type,
            disposition: about.disposition,
            modified,
        };
        Ok((file, info))
    }
}

#[cfg(test)]
mod tests;
