//! Other people's code on strangers' bytes.
//!
//! Knows nothing of pictures. Decoders are written with care and still index past an end now and then (an animated WebP whose
//! opacity has fewer pixels than its frame does it to image-webp 0.2.4). The rule: what they leave behind is not looked at
//! again, so a panic costs the picture and not the drawing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Format, PictureProblem};

/// Runs a decoder; a panic is a broken file.
pub(super) fn guarded<T>(
    format: Format,
    decode: impl FnOnce() -> Result<T, PictureProblem>,
) -> Result<T, PictureProblem> {
    // Whatever `decode` owns is dropped, and what it borrows is the file itself and counters that only grow.
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(PictureProblem::broken(format, "it cannot be made sense of")))
}
