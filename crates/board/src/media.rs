//! Shapes that frame or show something else: frames, pictures, videos, bookmarks, embeds, and those of unknown types.
//!
//! Knows their props, and assets only by id. The rule: sources and addresses come from strangers; whoever follows one checks it.

use kurbo::Point;

use crate::fields::{Fields, finite};
use crate::note::Problem;
use crate::style::Color;
use crate::value::Value;

/// A frame: it clips its children to its rectangle.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Width, px.
    pub w: f64,
    /// Height, px.
    pub h: f64,
    /// Its heading; editors show "Frame" where it is empty.
    pub name: String,
    /// Drawn only by apps that switch colors of frames on.
    pub color: Color,
}

/// A picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// Width as drawn, px.
    pub w: f64,
    /// Height as drawn, px.
    pub h: f64,
    /// The asset with the picture; nothing is drawn without.
    pub asset: Option<String>,
    /// The part that is shown.
    pub crop: Option<Crop>,
    /// Mirrored left to right within the drawn box.
    pub flip_x: bool,
    /// Mirrored top to bottom within the drawn box.
    pub flip_y: bool,
    /// Where a click leads; empty for nowhere.
    pub url: String,
    /// For people who do not see it.
    pub alt_text: String,
}

/// The part of a picture that is shown, in shares of the whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Crop {
    /// Each 0 to 1.
    pub top_left: Point,
    /// Each 0 to 1, to the right of and below the other corner.
    pub bottom_right: Point,
    /// Cut to the ellipse inside of that.
    pub is_circle: bool,
}

/// A video.
#[derive(Debug, Clone, PartialEq)]
pub struct Video {
    /// Width, px.
    pub w: f64,
    /// Height, px.
    pub h: f64,
    /// The asset with the film.
    pub asset: Option<String>,
    /// Where in the film, seconds.
    pub time: f64,
    /// Where a click leads; empty for nowhere.
    pub url: String,
    /// For people who do not see it.
    pub alt_text: String,
}

/// A card for a web page.
#[derive(Debug, Clone, PartialEq)]
pub struct Bookmark {
    /// Width, px.
    pub w: f64,
    /// Height, px.
    pub h: f64,
    /// The asset with title, description and picture.
    pub asset: Option<String>,
    /// The page.
    pub url: String,
}

/// Another site inside of the board.
#[derive(Debug, Clone, PartialEq)]
pub struct Embed {
    /// Width, px.
    pub w: f64,
    /// Height, px.
    pub h: f64,
    /// The page inside.
    pub url: String,
}

/// A shape of a type that this crate does not know.
#[derive(Debug, Clone, PartialEq)]
pub struct Unknown {
    /// The type in the record.
    pub type_name: String,
    /// Width, px, if its props say so.
    pub w: Option<f64>,
    /// Height, px, if its props say so.
    pub h: Option<f64>,
}

impl Frame {
    pub(crate) fn read(props: &mut Fields<'_>) -> Self {
        Self {
            w: props.length("w", 160.0),
            h: props.length("h", 90.0),
            name: props.text("name"),
            color: props.color("color"),
        }
    }
}

impl Image {
    pub(crate) fn read(props: &mut Fields<'_>) -> Self {
        Self {
            w: props.length("w", 100.0),
            h: props.length("h", 100.0),
            asset: props.optional_text("assetId"),
            crop: crop(props),
            flip_x: props.flag("flipX", false),
            flip_y: props.flag("flipY", false),
            url: props.text("url"),
            alt_text: props.text("altText"),
        }
    }
}

impl Video {
    pub(crate) fn read(props: &mut Fields<'_>) -> Self {
        Self {
            w: props.length("w", 100.0),
            h: props.length("h", 100.0),
            asset: props.optional_text("assetId"),
            time: props.length("time", 0.0),
            url: props.text("url"),
            alt_text: props.text("altText"),
        }
    }
}

impl Bookmark {
    pub(crate) fn read(props: &mut Fields<'_>) -> Self {
        Self {
            w: props.length("w", 300.0),
            h: props.length("h", 320.0),
            asset: props.optional_text("assetId"),
            url: props.text("url"),
        }
    }
}

impl Embed {
    pub(crate) fn read(props: &mut Fields<'_>) -> Self {
        Self {
            w: props.length("w", 300.0),
            h: props.length("h", 300.0),
            url: props.text("url"),
        }
    }
}

impl Unknown {
    pub(crate) fn read(type_name: &str, props: &mut Fields<'_>) -> Self {
        let mut length = |name| {
            let length = finite(props.raw(name)?)?;
            (0.0..=props.reader().limits.coordinate)
                .contains(&length)
                .then_some(length)
        };
        Self {
            type_name: type_name.to_owned(),
            w: length("w"),
            h: length("h"),
        }
    }
}

/// `None`, with a note, also when nothing would be left of the picture.
fn crop(props: &mut Fields<'_>) -> Option<Crop> {
    let crop = props.raw("crop")?;
    let corner = |name: &str| {
        let corner = crop.get(name)?;
        let share = |axis: &str| Some(finite(corner.get(axis)?)?.clamp(0.0, 1.0));
        Some(Point::new(share("x")?, share("y")?))
    };
    let read = corner("topLeft")
        .zip(corner("bottomRight"))
        .filter(|(one, other)| one.x < other.x && one.y < other.y);
    let Some((top_left, bottom_right)) = read else {
        props.note(Problem::BadField("crop"));
        return None;
    };
    let is_circle = crop.get("isCircle").and_then(Value::as_bool);
    Some(Crop {
        top_left,
        bottom_right,
        is_circle: is_circle.unwrap_or(false),
    })
}
