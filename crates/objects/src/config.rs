//! Where objects are kept, and opening it.
//!
//! Knows no names of settings: whoever reads those makes one of these. The rule: nothing falls back silently from one place to the other.

use std::sync::Arc;

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
}
