//! Objects in memory, for tests; told to, they fail.
//!
//! The rule: whatever they do, the others do too, which the contract shows.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use parking_lot::Mutex;

use crate::objects::MAX_PAGE;
use crate::{
    Body, ByteRange, Entry, Key, Link, LinkSigner, LinkTerms, NewObject, Object, ObjectError,
    ObjectInfo, Objects, Page, Prefix, object,
};

/// What links begin with; nobody answers there.
const BASE: &str = "http://objects.invalid";

/// Objects that end with the test.
pub struct MemoryObjects {
    kept: Mutex<BTreeMap<Key, Kept>>,
    failure: Mutex<Option<ObjectError>>,
    signer: LinkSigner,
}

#[derive(Clone)]
struct Kept {
    bytes: Bytes,
    info: ObjectInfo,
}

impl MemoryObjects {
    /// None yet.
    pub fn new() -> Self {
        let signer = LinkSigner::new(BASE, vec![1; 32].into());
        Self {
            kept: Mutex::default(),
            failure: Mutex::default(),
            signer: signer.expect("the base is a URL and the secret long enough"),
        }
    }

    /// From now on every call but [`Objects::link`] fails like this, or, with `None`, does not.
    pub fn fail(&self, failure: Option<ObjectError>) {
        *self.failure.lock() = failure;
    }

    fn works(&self) -> Result<(), ObjectError> {
        self.failure.lock().clone().map_or(Ok(()), Err)
    }

    fn kept(&self, key: &Key) -> Result<Kept, ObjectError> {
        self.works()?;
        let kept = self.kept.lock().get(key).cloned();
        kept.ok_or_else(|| ObjectError::NotFound(key.clone()))
    }
}

impl Default for MemoryObjects {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Objects for MemoryObjects {
    async fn check(&self) -> Result<(), ObjectError> {
        self.works()
    }

    async fn put(&self, key: &Key, object: NewObject) -> Result<(), ObjectError> {
        self.works()?;
        let bytes = match object.body {
            Body::Bytes(bytes) => bytes,
            Body::File(path) => tokio::fs::read(&path).await.map(Bytes::from).map_err(|e| {
                ObjectError::Invalid(format!("cannot read {} to keep it: {e}", path.display()))
            })?,
        };
        let info = ObjectInfo {
            size: bytes.len() as u64,
            content_type: object.content_type,
            disposition: Some(object.disposition),
            modified: SystemTime::now(),
        };
        self.kept.lock().insert(key.clone(), Kept { bytes, info });
        Ok(())
    }

    async fn get(&self, key: &Key, range: Option<ByteRange>) -> Result<Object, ObjectError> {
        let Kept { bytes, info } = self.kept(key)?;
        let range = match range {
            Some(range) => range.of(info.size)?,
            None => 0..info.size,
        };
        let part = bytes.slice(range.start as usize..range.end as usize);
        let pieces = stream::iter((!part.is_empty()).then_some(Ok(part)));
        Ok(Object {
            info,
            contents: object::whole(pieces, range.end - range.start),
            range,
        })
    }

    async fn head(&self, key: &Key) -> Result<ObjectInfo, ObjectError> {
        self.kept(key).map(|kept| kept.info)
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectError> {
        self.works()?;
        self.kept.lock().remove(key);
        Ok(())
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Page, ObjectError> {
        self.works()?;
        let kept = self.kept.lock();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = kept
            .range((start, Bound::Unbounded))
            .filter(|(key, _)| key.as_str().starts_with(prefix.as_str()))
            .map(|(key, kept)| Entry {
                key: key.clone(),
                size: kept.info.size,
                modified: kept.info.modified,
            });
        let limit = limit.clamp(1, MAX_PAGE);
        let entries: Vec<Entry> = found.by_ref().take(limit).collect();
        let more = found.next().is_some();
        let next = entries.last().filter(|_| more).map(|last| last.key.clone());
        Ok(Page { entries, next })
    }

    async fn link(&self, key: &Key, terms: &LinkTerms) -> Result<Link, ObjectError> {
        self.signer.sign(key, terms, SystemTime::now())
    }

    fn signer(&self) -> Option<&LinkSigner> {
        Some(&self.signer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{self, Fetched, Place};

    struct Memory(std::sync::Arc<MemoryObjects>);

    #[async_trait]
    impl Place for Memory {
        fn objects(&self) -> std::sync::Arc<dyn Objects> {
            self.0.clone()
        }

        async fn fetch(&self, url: &str) -> Option<Fetched> {
            contract::follow(&*self.0, &self.0.signer, BASE, url).await
        }
    }

    crate::objects_contract!(Memory(std::sync::Arc::new(MemoryObjects::new())));

    #[tokio::test]
    async fn they_fail_as_long_as_they_are_told_to() {
        let objects = MemoryObjects::new();
        let key: Key = "a".parse().unwrap();
        objects.fail(Some(ObjectError::Unavailable("away".to_owned())));
        assert!(objects.check().await.unwrap_err().is_retryable());
        assert!(objects.delete(&key).await.is_err());
        objects.fail(None);
        objects.delete(&key).await.unwrap();
    }
}
