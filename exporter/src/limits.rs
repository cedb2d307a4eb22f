//! How much a picture may cost, and how to end the work on one early.
//!
//! Knows numbers. The rule: whatever grows with what strangers put on a board has its bound here or in the parts it is
//! handed to.

use crate::error::ExportError;

/// Bounds of one export. What goes against them is refused with an error that names the number.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Bytes of the SVG, which a PNG is made of too.
    pub svg_bytes: usize,
    /// Bytes of a PDF, and of what is drawn in it before that is compressed.
    pub pdf_bytes: usize,
    /// Pages of a PDF.
    pub pages: usize,
    /// Pixels of a PNG.
    pub pixels: u64,
    /// Pixels of a PNG in one direction.
    pub side: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            svg_bytes: 256 << 20,
            pdf_bytes: 256 << 20,
            pages: 1_000,
            pixels: 100_000_000,
            side: 32_767,
        }
    }
}

/// Asked now and then whether to go on.
#[derive(Clone, Copy)]
pub struct Stop<'a>(&'a dyn Fn() -> bool);

impl<'a> Stop<'a> {
    /// Stops as soon as `wanted` says so.
    pub fn when(wanted: &'a dyn Fn() -> bool) -> Self {
        Self(wanted)
    }

    /// Never stops.
    pub fn never() -> Self {
        Self(&|| false)
    }

    /// # Errors
    /// [`ExportError::Stopped`] when it is time to.
    pub fn check(&self) -> Result<(), ExportError> {
        if self.0() {
            return Err(ExportError::Stopped);
        }
        Ok(())
    }
}
