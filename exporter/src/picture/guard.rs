//! Other people's code on strangers' bytes.
//!
//! Knows nothing of pictures. Decoders are written with care and still index past an end now and then (an animated WebP whose
//! opacity has fewer pixels than its frame does it to image-webp 0.2.4). The rule: what they leave behind is not looked at
//! again, so a panic costs the picture and not the drawing.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Format, PictureProblem};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread would now cost no more than a picture. For panic hooks that end the process.
pub fn is_guarded() -> bool {
    GUARDED.get()
}

/// Runs a decoder; a panic is a broken file. No decoder runs within another.
pub(super) fn guarded<T>(
    format: Format,
    decode: impl FnOnce() -> Result<T, PictureProblem>,
) -> Result<T, PictureProblem> {
    GUARDED.set(true);
    // Whatever `decode` owns is dropped, and what it borrows is the file itself and counters that only grow.
    let decoded = catch_unwind(AssertUnwindSafe(decode));
    GUARDED.set(false);
    decoded.unwrap_or_else(|_| Err(PictureProblem::broken(format, "it cannot be made sense of")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_broken_picture_and_hooks_can_tell() {
        let read = |guarded_panics: bool| {
            guarded(Format::Png, || {
                assert!(is_guarded());
                match guarded_panics {
                    true => panic!("as an index past the end does"),
                    false => Ok(()),
                }
            })
        };
        assert_eq!(read(false), Ok(()));
        assert!(matches!(read(true), Err(PictureProblem::Broken { .. })));
        assert!(!is_guarded());
    }
}
