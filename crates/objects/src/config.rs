//! Where objects are kept, and opening it.
//!
//! Knows no names of settings: whoever reads those makes one of these. The rule: nothing falls back silently from one place to the other.

use std::sync::Arc;

use crate::late::Late;
use crate::{FolderConfig, FolderObjects, ObjectError, Objects, S3Config, S3Objects};

/// Where objects are kept.
#[derive(Clone, Debug)]
pub enum ObjectsConfig {
    /// In a folder of this machine.
    Folder(FolderConfig),
    /// In a bucket that several nodes share.
    S3(S3Config),
}

impl ObjectsConfig {
    /// Opens it. A folder is made and tried; of a bucket only the settings are checked, because a server that is away at the start may come
    /// back ([`Objects::check`] asks it).
    pub async fn open(self) -> Result<Arc<dyn Objects>, ObjectError> {
        Ok(match self {
            Self::Folder(config) => Arc::new(FolderObjects::open(config).await?),
            Self::S3(config) => Arc::new(S3Objects::new(config)?),
        })
    }

    /// The same where it shall be no obstacle that the place is not there now: then calls say so until it is.
    ///
    /// # Errors
    /// [`ObjectError::Invalid`], and no other.
    pub async fn open_sooner_or_later(self) -> Result<Arc<dyn Objects>, ObjectError> {
        Ok(Arc::new(Late::new(self).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::S3Credentials;

    #[tokio::test]
    async fn what_is_configured_is_opened_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let folder = FolderConfig {
            folder: folder.path().join("exports"),
            link_base: "http://127.0.0.1:3001/objects".to_owned(),
            link_secret: Some(vec![1; 32].into()),
        };
        let objects = ObjectsConfig::Folder(folder.clone()).open().await.unwrap();
        objects.check().await.unwrap();
        let unsigned = FolderConfig {
            link_secret: Some(vec![1; 8].into()),
            ..folder
        };
        let credentials = S3Credentials {
            access_key_id: String::new(),
            secret_access_key: "".into(),
            session_token: None,
        };
        let keyless = S3Config::new(None, "boards".to_owned(), credentials);
        for config in [ObjectsConfig::Folder(unsigned), ObjectsConfig::S3(keyless)] {
            let error = config.open().await.map(drop).unwrap_err();
            assert!(matches!(error, ObjectError::Invalid(_)), "{error}");
        }
    }
}
