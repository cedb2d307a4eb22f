//! Draws whiteboards without a browser.
//!
//! Pure: no network, no files, no clock, no global state; the same input gives the same output. The one rule not to break:
//! boards come from strangers, so whatever is absurd in them is drawn bounded or not at all.

pub mod geometry;
pub mod text;
