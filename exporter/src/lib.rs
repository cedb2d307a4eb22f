//! Draws whiteboards without a browser.
//!
//! Pure: no network, no files, no clock, no global state; the same input gives the same output. The one rule not to break:
//! boards come from strangers, so whatever is absurd in them is drawn bounded or not at all.
//!
//! In reading order: [`export`] with its [`options`] and [`error`] is what callers meet; [`mod@draw`] makes a [`scene`] of a board,
//! from [`geometry`] (the lines of shapes), [`text`] (what is written), [`picture`] (what is pasted), [`card`] (what stands for
//! the web) and [`theme`] (colors); [`margin`] says what stays empty at its sides;
//! [`svg`] and [`pdf`] write it and [`png`] paints it.

pub mod card;
mod decimal;
pub mod draw;
pub mod error;
pub mod export;
pub mod geometry;
pub mod limits;
pub mod margin;
pub mod options;
pub mod pdf;
pub mod picture;
pub mod png;
pub mod scene;
pub mod svg;
pub mod text;
pub mod theme;
