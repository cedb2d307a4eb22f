//! Files that are kept for people to fetch, behind one trait: exports, and what was pasted into boards.
//!
//! Reading order: [`objects`](Objects) is what callers program against, `key` what an object is called, `object` what goes in and comes
//! out, `headers` what a browser is told of it, `error` what can go wrong, `config` the choice between a bucket (`s3`) and a folder of this
//! machine (`folder`), `late` what stands for a place that is not there yet, `link` how links to a folder are signed and checked. With the feature `testing` there are also objects in memory and
//! the contract suite that every implementation has to pass.
//!
//! This crate does not know what an object is for, who may have it, or when it is no longer wanted. The one rule: what is there is whole; an
//! object whose upload broke off is not there.

mod config;
mod error;
mod folder;
mod headers;
mod key;
mod late;
mod link;
#[cfg(any(test, feature = "testing"))]
mod memory;
mod object;
mod objects;
mod s3;

#[cfg(any(test, feature = "testing"))]
pub mod contract;

pub use config::ObjectsConfig;
pub use error::ObjectError;
pub use folder::{FolderConfig, FolderObjects};
pub use headers::{ContentType, Disposition};
pub use key::{Key, Prefix};
pub use link::{BadLink, Link, LinkSigner, LinkTerms, MAX_LINK_LIFE};
#[cfg(any(test, feature = "testing"))]
pub use memory::MemoryObjects;
pub use object::{Body, ByteRange, Contents, Entry, NewObject, Object, ObjectInfo, Page};
pub use objects::{MAX_PAGE, Objects};
pub use s3::{Addressing, Encryption, S3Config, S3Credentials, S3Objects};
