//! Records that are no shapes: the document, pages, assets, people.
//!
//! Knows their fields. The rule: ids are whole, prefix included, as other records name them.

use crate::fields::Fields;

/// What is said about the whole board.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Mostly empty.
    pub name: String,
    /// Px.
    pub grid_size: f64,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            name: String::new(),
            grid_size: 10.0,
        }
    }
}

/// A page. Its shapes are a stretch of the board's shapes.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// `page:…`
    pub id: String,
    /// As people named it.
    pub name: String,
    /// Among the pages, as bytes.
    pub order: String,
    /// Indices of its shapes among the board's.
    pub(crate) shapes: std::ops::Range<usize>,
}

/// Something that shapes show.
#[derive(Debug, Clone, PartialEq)]
pub struct Asset {
    /// `asset:…`
    pub id: String,
    /// What it is.
    pub kind: AssetKind,
}

/// What an asset is.
#[derive(Debug, Clone, PartialEq)]
pub enum AssetKind {
    /// A picture.
    Image(File),
    /// A film.
    Video(File),
    /// A web page.
    Bookmark(WebPage),
    /// Of a type that this crate does not know.
    Unknown(String),
}

/// A picture or film.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// Its own width, px.
    pub w: f64,
    /// Its own height, px.
    pub h: f64,
    /// Of the file.
    pub name: String,
    /// More than one frame.
    pub is_animated: bool,
    /// As the browser told it; check the bytes.
    pub mime_type: Option<String>,
    /// `data:`, `http(s):`, `asset:` or a path of the app, whole as in the record; none while it is uploading. It comes from
    /// strangers: check it before it goes anywhere.
    pub src: Option<String>,
    /// Bytes.
    pub file_size: Option<f64>,
}

/// What is known of a web page.
#[derive(Debug, Clone, PartialEq)]
pub struct WebPage {
    /// Its title.
    pub title: String,
    /// A few sentences.
    pub description: String,
    /// Address of a picture, empty for none.
    pub image: String,
    /// Address of an icon, empty for none.
    pub favicon: String,
    /// Its address.
    pub src: Option<String>,
}

/// A person who wrote on the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// `user:…`
    pub id: String,
    /// As they call themselves.
    pub name: String,
    /// Of their cursor, CSS. It comes from strangers.
    pub color: String,
}

impl Document {
    pub(crate) fn read(record: &mut Fields<'_>) -> Self {
        Self {
            name: record.text("name"),
            grid_size: record.length("gridSize", 10.0),
        }
    }
}

impl Page {
    pub(crate) fn read(record: &mut Fields<'_>) -> Self {
        Self {
            id: record.id().to_owned(),
            name: record.text("name"),
            order: record.text("index"),
            shapes: 0..0,
        }
    }
}

impl Asset {
    pub(crate) fn read(record: &mut Fields<'_>) -> Self {
        let type_name = record.text("type");
        let id = record.id();
        let mut props = Fields::of(id, record.raw("props"), record.reader());
        let kind = match type_name.as_str() {
            "image" => AssetKind::Image(File::read(&mut props)),
            "video" => AssetKind::Video(File::read(&mut props)),
            "bookmark" => AssetKind::Bookmark(WebPage::read(&mut props)),
            _ => AssetKind::Unknown(type_name),
        };
        Self {
            id: id.to_owned(),
            kind,
        }
    }
}

impl File {
    fn read(props: &mut Fields<'_>) -> Self {
        Self {
            w: props.length("w", 0.0),
            h: props.length("h", 0.0),
            name: props.text("name"),
            is_animated: props.flag("isAnimated", false),
            mime_type: props.optional_text("mimeType"),
            src: props.source("src"),
            file_size: props.optional_number("fileSize"),
        }
    }
}

impl WebPage {
    fn read(props: &mut Fields<'_>) -> Self {
        Self {
            title: props.text("title"),
            description: props.text("description"),
            image: props.text("image"),
            favicon: props.text("favicon"),
            src: props.source("src"),
        }
    }
}

impl User {
    pub(crate) fn read(record: &mut Fields<'_>) -> Self {
        Self {
            id: record.id().to_owned(),
            name: record.text("name"),
            color: record.text("color"),
        }
    }
}
