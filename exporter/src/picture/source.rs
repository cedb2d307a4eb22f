//! From what a record names to the bytes of a file.
//!
//! Knows `data:` URLs; everything else is the caller's to know. The rule: nothing is fetched or opened here.

use std::borrow::Cow;

use data_url::DataUrl;
use data_url::forgiving_base64::DecodeError;

use super::{Dimension, PictureProblem};

/// Files that are not in the board itself.
pub trait Pictures {
    /// The whole file that a record names by `src`: an address, an `asset:` name, a path of the app; never a `data:` URL.
    /// It comes from strangers: answer only for names that were handed out for this board. `None` is not an error.
    fn bytes(&self, src: &str) -> Option<Cow<'_, [u8]>>;
}

/// No files but those inside of the board.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPictures;

impl Pictures for NoPictures {
    fn bytes(&self, _: &str) -> Option<Cow<'_, [u8]>> {
        None
    }
}

/// The file, of no more than `most` bytes.
pub(super) fn read<'a>(
    pictures: &'a dyn Pictures,
    src: &str,
    most: usize,
) -> Result<Cow<'a, [u8]>, PictureProblem> {
    let bytes = if is_data_url(src) {
        Cow::Owned(data(src, most)?)
    } else {
        pictures.bytes(src).ok_or(PictureProblem::NotFound)?
    };
    PictureProblem::check(Dimension::Bytes, bytes.len() as u64, most as u64)?;
    Ok(bytes)
}

fn is_data_url(src: &str) -> bool {
    let src = src.trim_start_matches(|c: char| c <= ' ');
    src.get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
}

fn data(src: &str, most: usize) -> Result<Vec<u8>, PictureProblem> {
    let url = DataUrl::process(src).map_err(|_| PictureProblem::BadDataUrl)?;
    let mut body = Vec::new();
    let decoded = url.decode(|bytes| {
        if body.len() + bytes.len() > most {
            return Err(());
        }
        body.extend_from_slice(bytes);
        Ok(())
    });
    match decoded {
        Ok(_) => Ok(body),
        Err(DecodeError::InvalidBase64(_)) => Err(PictureProblem::BadDataUrl),
        Err(DecodeError::WriteError(())) => Err(PictureProblem::TooLarge {
            // As many as the text may stand for; it was not decoded to the end.
            is: (src.len() as u64 / 4 * 3).max(most as u64 + 1),
            most: most as u64,
            of: Dimension::Bytes,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One;

    impl Pictures for One {
        fn bytes(&self, src: &str) -> Option<Cow<'_, [u8]>> {
            (src == "asset:1").then_some(Cow::Borrowed(b"file"))
        }
    }

    fn read_one(src: &str) -> Result<Vec<u8>, PictureProblem> {
        read(&One, src, 8).map(Cow::into_owned)
    }

    #[test]
    fn data_urls_of_all_kinds_are_read() {
        for src in [
            "data:image/png;base64,aGVsbG8=",
            "data:image/png;base64,aGVs%62G8",
            "DATA:;charset=x;name=\"a.png\";base64 ,aGVs\nbG8=",
            "data:,hello",
            "data:image/svg+xml;utf8,%68ello",
            " data:text/html;base64,aGVsbG8#fragment",
        ] {
            assert_eq!(read_one(src).as_deref(), Ok(b"hello".as_slice()), "{src}");
        }
    }

    #[test]
    fn what_is_not_in_the_board_is_asked_of_the_caller_alone() {
        assert_eq!(read_one("asset:1").as_deref(), Ok(b"file".as_slice()));
        for src in [
            "file:///etc/passwd",
            "/etc/passwd",
            "http://[::1]/",
            "",
            "é",
        ] {
            assert_eq!(read_one(src), Err(PictureProblem::NotFound), "{src}");
            assert!(read(&NoPictures, src, 8).is_err());
        }
    }

    #[test]
    fn damaged_and_large_data_is_told_apart() {
        assert_eq!(read_one("data:image/png"), Err(PictureProblem::BadDataUrl));
        assert_eq!(read_one("data:;base64,*"), Err(PictureProblem::BadDataUrl));
        assert_eq!(
            read_one("data:,123456789"),
            Err(PictureProblem::TooLarge {
                is: 9,
                most: 8,
                of: Dimension::Bytes
            })
        );
    }
}
