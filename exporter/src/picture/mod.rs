//! Pictures in boards: from what a record names to bytes that every viewer draws alike.
//!
//! In reading order: [`PictureStore`] is asked for a picture and keeps what it made; [`Pictures`] is how a caller hands over
//! files that are not in the board; [`check_size`] judges one that nobody draws yet; [`placement`] says where a picture stands in its shape; [`PictureProblem`] why there is
//! none. It knows PNG, JPEG, GIF, WebP and SVG; no boards beyond the records of one shape and its asset, and it follows no
//! address. The one rule not to break: a picture is a stranger's file, so its size is known and within [`PictureLimits`]
//! before a byte of it is unpacked, and what goes out holds nothing but what is drawn.
//!
//! Colour profiles are not applied here, and resvg does not apply them either: they go along, and browsers heed them.

mod container;
mod embed;
mod encode;
mod format;
mod guard;
mod limits;
mod orientation;
mod place;
mod problem;
mod raster;
mod seal;
mod shrink;
mod source;
mod store;
mod vector;
mod weight;

pub use embed::{Detail, Embedded, Fit, Mime};
pub use format::Format;
pub use guard::is_guarded;
pub use limits::PictureLimits;
pub use orientation::Orientation;
pub use place::{Clip, Placement, covering, placement};
pub use problem::{Dimension, PictureProblem};
pub use raster::check_size;
pub use source::{NoPictures, Pictures};
pub use store::{PictureSetup, PictureStore};
