//! How much of a picture is read at most.
//!
//! Knows numbers, not formats. The rule: whatever a decoder may allocate follows from these.

/// Bounds on pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureLimits {
    /// Bytes of one file, and of what is embedded for one SVG; also characters of one SVG, each as often as it is drawn.
    pub bytes: usize,
    /// Pixels of one picture, all frames' area. Decoding takes up to 12 bytes for each.
    pub pixels: u64,
    /// Bytes of all files that one store reads. A file that is read anew for another size counts again.
    pub total_bytes: u64,
    /// Pixels of all pictures that one store decodes, counted like bytes.
    pub total_pixels: u64,
    /// Elements of one SVG, references followed: each counts as often as it is drawn.
    pub elements: u64,
    /// Elements inside of elements of one SVG, references followed.
    pub depth: u32,
}

impl Default for PictureLimits {
    fn default() -> Self {
        Self {
            bytes: 32 << 20,
            pixels: 50_000_000,
            total_bytes: 256 << 20,
            total_pixels: 400_000_000,
            elements: 100_000,
            depth: 128,
        }
    }
}
