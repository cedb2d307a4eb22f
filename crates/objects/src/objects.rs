//! What callers program against.
//!
//! Knows no place where objects are kept. The rule: every call may be made again, and then does no more than the first one.

use async_trait::async_trait;

use crate::{
    ByteRange, Key, Link, LinkSigner, LinkTerms, NewObject, Object, ObjectError, ObjectInfo, Page,
    Prefix,
};

/// How many keys a page has at most.
pub const MAX_PAGE: usize = 1000;

/// A place where objects are kept.
#[async_trait]
pub trait Objects: Send + Sync + 'static {
    /// Asks whether objects can be kept here now.
    async fn check(&self) -> Result<(), ObjectError>;

    /// Keeps an object, instead of what had this key before. Whoever reads meanwhile gets the one or the other whole, and once this is
    /// answered, the new one survives what the place survives.
    async fn put(&self, key: &Key, object: NewObject) -> Result<(), ObjectError>;

    /// The object, or a part of it.
    async fn get(&self, key: &Key, range: Option<ByteRange>) -> Result<Object, ObjectError>;

    /// What is known of the object.
    async fn head(&self, key: &Key) -> Result<ObjectInfo, ObjectError>;

    /// Deletes an object; one that is not there is deleted already.
    async fn delete(&self, key: &Key) -> Result<(), ObjectError>;

    /// The first `limit` objects (1 to [`MAX_PAGE`], or the nearest of these) of those whose keys begin so and come behind another.
    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Page, ObjectError>;

    /// An address at which anybody can get the object for a while. It is not looked whether there is one.
    async fn link(&self, key: &Key, terms: &LinkTerms) -> Result<Link, ObjectError>;

    /// What knows which links were made here, where these lead to whoever opened this; `None` where they lead to the place itself.
    fn signer(&self) -> Option<&LinkSigner> {
        None
    }
}
