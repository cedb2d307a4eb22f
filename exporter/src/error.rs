//! Why there is no picture.
//!
//! Knows sentences for people: each names what was wrong and what would be right.

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExportError {
    /// No page of that number or name.
    #[error("page {wanted} does not exist; pages are {pages}")]
    NoPage {
        /// As it was asked for.
        wanted: String,
        /// All there are.
        pages: String,
    },
    /// The board has no pages.
    #[error("the board has no pages")]
    NoPages,
    /// No shape of that id.
    #[error("shape {wanted} does not exist{on}")]
    NoShape {
        /// As it was asked for.
        wanted: String,
        /// ` on page …` where a page was asked for.
        on: String,
    },
    /// The shapes that are wanted stand on several pages.
    #[error("the shapes stand on different pages; ask for those of one page at a time")]
    SeveralPages,
    /// Nothing is on the page.
    #[error("there is nothing to draw on page {page}")]
    Empty {
        /// Its number and name.
        page: String,
    },
    /// An option that cannot be.
    #[error("{name} must be from {least} to {most}, not {found}")]
    Option {
        /// Its name.
        name: &'static str,
        /// The smallest value.
        least: f64,
        /// The largest value.
        most: f64,
        /// What was asked for.
        found: f64,
    },
    /// More characters than are laid out.
    #[error("the page holds more than {limit} characters; move some of its shapes to another page")]
    TooMuchText {
        /// Characters.
        limit: usize,
    },
    /// More SVG than the limit allows.
    #[error("the picture needs more than {limit} bytes of SVG; draw fewer shapes at a time")]
    SvgTooLarge {
        /// Bytes.
        limit: usize,
    },
    /// More PDF than the limit allows.
    #[error("the PDF needs more than {limit} bytes; draw fewer pages or shapes at a time")]
    PdfTooLarge {
        /// Bytes.
        limit: usize,
    },
    /// More pages than the limit allows.
    #[error("the board has more than {limit} pages with something on them; draw one at a time")]
    TooManyPages {
        /// Pages.
        limit: usize,
    },
    /// More pixels than the limit allows.
    #[error(
        "the picture would have {width} x {height} pixels, more than {most} in all or {side} in one direction; \
         a scale of {fits} fits"
    )]
    TooManyPixels {
        /// px.
        width: f64,
        /// px.
        height: f64,
        /// Pixels in all.
        most: u64,
        /// px.
        side: u32,
        /// A scale that fits.
        fits: f64,
    },
    /// The SVG could not be drawn: a mistake of ours.
    #[error("the picture could not be drawn: {0}")]
    Drawing(String),
    /// A font could not be embedded.
    #[error("a font cannot be embedded: {0}")]
    Font(String),
    /// The caller asked to stop.
    #[error("stopped before the picture was done")]
    Stopped,
}
