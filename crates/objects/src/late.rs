//! Objects whose place may not be there yet: it is opened by the first call that finds it.
//!
//! A server is more than its files, so it starts without them. The rule: what makes no sense is refused at once, and a place that is not
//! there is told as such by every call.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use crate::{
    ByteRange, Key, Link, LinkSigner, LinkTerms, NewObject, Object, ObjectError, ObjectInfo,
    Objects, ObjectsConfig, Page, Prefix,
};

/// Objects that are opened when they are there.
pub struct Late {
    config: ObjectsConfig,
    opened: OnceCell<Arc<dyn Objects>>,
}

impl Late {
    /// Tries once.
    pub async fn new(config: ObjectsConfig) -> Result<Self, ObjectError> {
        let late = Self {
            config,
            opened: OnceCell::new(),
        };
        match late.there().await.map(drop) {
            Err(error @ ObjectError::Invalid(_)) => Err(error),
            _ => Ok(late),
        }
    }

    async fn there(&self) -> Result<&Arc<dyn Objects>, ObjectError> {
        let opening = || self.config.clone().open();
        self.opened.get_or_try_init(opening).await
    }
}

#[async_trait]
impl Objects for Late {
    async fn check(&self) -> Result<(), ObjectError> {
        self.there().await?.check().await
    }

    async fn put(&self, key: &Key, object: NewObject) -> Result<(), ObjectError> {
        self.there().await?.put(key, object).await
    }

    async fn get(&self, key: &Key, range: Option<ByteRange>) -> Result<Object, ObjectError> {
        self.there().await?.get(key, range).await
    }

    async fn head(&self, key: &Key) -> Result<ObjectInfo, ObjectError> {
        self.there().await?.head(key).await
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectError> {
        self.there().await?.delete(key).await
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Page, ObjectError> {
        self.there().await?.list(prefix, after, limit).await
    }

    async fn link(&self, key: &Key, terms: &LinkTerms) -> Result<Link, ObjectError> {
        self.there().await?.link(key, terms).await
    }

    fn signer(&self) -> Option<&LinkSigner> {
        self.opened.get()?.signer()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::FolderConfig;

    #[tokio::test]
    async fn a_place_is_found_when_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("disk");
        let config = |link_base: &str| {
            ObjectsConfig::Folder(FolderConfig {
                folder: file.join("exports"),
                link_base: link_base.to_owned(),
                link_secret: None,
            })
        };
        // It leads nowhere, today.
        std::os::unix::fs::symlink(&file, &file).unwrap();
        let late = config("/objects").open_sooner_or_later().await.unwrap();
        late.check().await.unwrap_err();
        assert!(late.signer().is_none());
        fs::remove_file(&file).unwrap();
        late.check().await.unwrap();
        assert!(late.signer().is_some());
        let refused = config("nowhere").open_sooner_or_later().await.map(drop);
        assert!(matches!(refused, Err(ObjectError::Invalid(_))));
    }
}
