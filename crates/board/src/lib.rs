//! From the bytes of a Yjs doc to a typed whiteboard.
//!
//! It knows how frontends keep tldraw's records in Yjs and in files, what the records of all its versions mean, and where each
//! shape ends up on its page. It does not know how anything is drawn, and does no I/O: no clock, no files, no network, no
//! global state. The one rule not to break: boards come from strangers, so one bad record may never cost the others, and
//! every list and text has a bound.
//!
//! In reading order: [`Board`] with all answers; [`Shape`] and [`Kind`] with the props of each type in [`label`], [`ink`],
//! [`connector`] and [`media`], their choices in [`style`], their text in [`rich_text`]; [`Page`], [`Asset`] and others in
//! [`record`]; [`Extent`] and [`Outlines`] for bounds; [`Note`] for what was wrong.
//!
//! ```
//! use scrible_board::{Board, Kind, Limits};
//!
//! let file = br#"{"tldrawFileFormatVersion": 1, "schema": {"schemaVersion": 2, "sequences": {}}, "records": [
//!     {"id": "page:p", "typeName": "page", "name": "Page 1", "index": "a1"},
//!     {"id": "shape:s", "typeName": "shape", "type": "geo", "parentId": "page:p", "index": "a1", "x": 10, "y": 20, "props": {"w": 30}}
//! ]}"#;
//! let board = Board::read(file, &Limits::default())?;
//! let shape = &board.shapes()[0];
//! assert!(matches!(&shape.kind, Kind::Geo(geo) if geo.w == 30.0 && geo.h == 100.0));
//! # Ok::<(), scrible_board::BoardError>(())
//! ```

mod board;
mod bounds;
pub mod connector;
mod error;
mod fields;
pub mod ink;
mod input;
pub mod label;
mod limits;
pub mod media;
mod migrate;
mod note;
mod order;
mod output;
mod path;
pub mod record;
pub mod rich_text;
mod schema;
mod shape;
pub mod style;
mod tree;
mod value;

pub use board::Board;
pub use bounds::{Extent, Outlines, PropsOnly};
pub use error::BoardError;
pub use input::{Format, Layout, Origin, RootSummary, Wanted};
pub use kurbo;
pub use limits::Limits;
pub use note::{Note, Problem};
pub use path::InkPoint;
pub use record::{Asset, AssetKind, Document, Page, User};
pub use shape::{Kind, Parent, Shape, ShapeIndex};
