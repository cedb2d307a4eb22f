//! What goes in and what comes out.
//!
//! Knows no place where objects are kept. The rule: whoever asks for a range is told which one he got.

use std::ops::Range;
use std::path::PathBuf;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, Stream};
use futures_util::{StreamExt, TryStreamExt};

use crate::{ContentType, Disposition, Key, ObjectError};

/// An object to be kept.
#[derive(Clone, Debug)]
pub struct NewObject {
    /// What is in it.
    pub body: Body,
    /// What kind of thing that is.
    pub content_type: ContentType,
    /// Whether browsers show or save it, and under which name.
    pub disposition: Disposition,
}

/// The bytes of a new object.
#[derive(Clone, Debug)]
pub enum Body {
    /// In memory.
    Bytes(Bytes),
    /// In a file that nobody changes meanwhile. It stays where it is.
    File(PathBuf),
}

/// An object, or the part of it that was asked for.
pub struct Object {
    /// Of the whole object.
    pub info: ObjectInfo,
    /// The bytes that follow, counted from the object's first.
    pub range: Range<u64>,
    /// These bytes. Where they end early, the last item is an error.
    pub contents: Contents,
}

/// Bytes as they arrive; none of the pieces is larger than a few hundred KiB unless the object lay in memory anyway.
pub type Contents = BoxStream<'static, Result<Bytes, ObjectError>>;

/// What is known of an object without reading it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObjectInfo {
    /// In bytes.
    pub size: u64,
    /// As it was put.
    pub content_type: ContentType,
    /// As it was put; `None` for what somebody else put there.
    pub disposition: Option<Disposition>,
    /// When it was put last, by the clock of the place.
    pub modified: SystemTime,
}

/// A part of an object, as the Range header names one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ByteRange {
    /// From here to the end.
    From(u64),
    /// From the first to the second, both included, or to the end where that comes before.
    Between(u64, u64),
    /// So many at the end, or all where these are fewer.
    Last(u64),
}

/// Some of the keys that there are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// In the order of their keys' bytes.
    pub entries: Vec<Entry>,
    /// The last of these keys, behind which the next page begins; `None` if there is no more.
    pub next: Option<Key>,
}

/// One object in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its name.
    pub key: Key,
    /// In bytes.
    pub size: u64,
    /// When it was put last, by the clock of the place.
    pub modified: SystemTime,
}

impl ByteRange {
    /// Which bytes of an object these are; none of nothing.
    pub fn of(self, size: u64) -> Result<Range<u64>, ObjectError> {
        let range = match self {
            Self::Between(first, last) if first > last => {
                return Err(ObjectError::Invalid(format!(
                    "a range of bytes cannot go from {first} back to {last}"
                )));
            }
            Self::From(first) => first..size,
            Self::Between(first, last) => first..size.min(last.saturating_add(1)),
            Self::Last(many) => size.saturating_sub(many)..size,
        };
        match range.is_empty() {
            true => Err(ObjectError::OutOfRange { size }),
            false => Ok(range),
        }
    }
}

impl Object {
    /// All bytes at once, if these are not more than `limit`.
    pub async fn read(mut self, limit: u64) -> Result<Bytes, ObjectError> {
        let size = self.range.end - self.range.start;
        let too_large = || {
            ObjectError::Invalid(format!(
                "the object has {size} bytes, which is more than the {limit} that are wanted at once"
            ))
        };
        if size > limit {
            return Err(too_large());
        }
        let mut all = BytesMut::new();
        while let Some(piece) = self.contents.next().await {
            let piece = piece?;
            if all.len() as u64 + piece.len() as u64 > limit {
                return Err(too_large());
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }
}

/// Bytes that are as many as was said: where they end early, an error is the last item, so nobody takes a part for the whole.
pub(crate) fn whole(
    pieces: impl Stream<Item = Result<Bytes, ObjectError>> + Send + 'static,
    length: u64,
) -> Contents {
    let step = |(mut pieces, left): (BoxStream<'static, Result<Bytes, ObjectError>>, u64)| async move {
        match pieces.try_next().await? {
            Some(piece) => {
                let left = left.saturating_sub(piece.len() as u64);
                Ok(Some((piece, (pieces, left))))
            }
            None if left > 0 => Err(ObjectError::Unavailable(format!(
                "the object broke off {left} bytes before its end"
            ))),
            None => Ok(None),
        }
    };
    stream::try_unfold((pieces.boxed(), length), step).boxed()
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut object = f.debug_struct("Object");
        object.field("info", &self.info);
        object.field("range", &self.range).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_ends_early_ends_with_an_error() {
        let object = |size| {
            let pieces = ["ab", "c"].map(|piece| Ok(Bytes::from_static(piece.as_bytes())));
            Object {
                info: ObjectInfo {
                    size,
                    content_type: ContentType::unknown(),
                    disposition: None,
                    modified: SystemTime::UNIX_EPOCH,
                },
                range: 0..size,
                contents: whole(stream::iter(pieces), size),
            }
        };
        assert_eq!(object(3).read(3).await.unwrap(), "abc");
        let error = object(4).read(4).await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
        let error = object(3).read(2).await.unwrap_err();
        assert!(matches!(error, ObjectError::Invalid(_)), "{error}");
    }

    #[test]
    fn ranges_are_cut_to_what_is_there() {
        let of = |range: ByteRange, size| range.of(size).ok();
        assert_eq!(of(ByteRange::From(0), 3), Some(0..3));
        assert_eq!(of(ByteRange::From(2), 3), Some(2..3));
        assert_eq!(of(ByteRange::From(3), 3), None);
        assert_eq!(of(ByteRange::From(u64::MAX), 3), None);
        assert_eq!(of(ByteRange::Between(1, 1), 3), Some(1..2));
        assert_eq!(of(ByteRange::Between(1, u64::MAX), 3), Some(1..3));
        assert_eq!(of(ByteRange::Last(2), 3), Some(1..3));
        assert_eq!(of(ByteRange::Last(9), 3), Some(0..3));
        assert_eq!(of(ByteRange::Last(0), 3), None);
        assert_eq!(of(ByteRange::From(0), 0), None);
        assert!(matches!(
            ByteRange::From(0).of(0),
            Err(ObjectError::OutOfRange { size: 0 })
        ));
        assert!(matches!(
            ByteRange::Between(2, 1).of(3),
            Err(ObjectError::Invalid(_))
        ));
    }
}
