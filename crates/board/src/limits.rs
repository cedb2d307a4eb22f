//! How much of a document is read at most.
//!
//! Knows numbers, not why a document is large. The rule: every list and every text that the reader builds has its bound here.

/// Bounds on what is read. What goes against a bound on the whole is refused with an error; what goes against a bound on
/// one record costs that record, or the surplus, and is named in the board's notes.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Bytes of the document.
    pub document_bytes: usize,
    /// Records of all kinds, session records left out.
    pub records: usize,
    /// Bytes of one record as JSON. Pasted pictures stand in records as data URLs.
    pub record_bytes: usize,
    /// Values inside values of one record, and nodes inside nodes of rich text. More than 120 count as 120.
    pub nesting: usize,
    /// Shapes inside shapes.
    pub depth: usize,
    /// Free-hand and line points of the whole board.
    pub points: usize,
    /// Bytes of one text: a label, a name, an id. What is longer is cut.
    pub text_bytes: usize,
    /// The largest coordinate or length, in px, to both sides of zero. A shape that stands beyond is left out; props are cut.
    pub coordinate: f64,
    /// Notes that are kept; all are counted.
    pub notes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes: 256 << 20,
            records: 500_000,
            record_bytes: 64 << 20,
            nesting: 120,
            depth: 256,
            points: 10_000_000,
            text_bytes: 1 << 20,
            coordinate: 1e10,
            notes: 200,
        }
    }
}
