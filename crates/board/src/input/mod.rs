//! From bytes to the records of one board, however they are kept.
//!
//! Knows Yjs updates of both formats, files, and the layouts in which frontends keep records; nothing of what a record means.
//! The rule: all forms go through one detector, so that they cannot give different boards.

mod file;
mod layout;
mod node;
mod yjs;

use serde_json::Value;

use crate::error::BoardError;
use crate::limits::Limits;
use crate::value::{self, TooLarge};
use layout::{Found, Kind};
pub(crate) use node::{MOST_NESTING, Unfolded};
use node::{Node, Source};

/// How the bytes were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A Yjs update, format v1.
    UpdateV1,
    /// A Yjs update, format v2.
    UpdateV2,
    /// JSON: a `.tldr` file or a snapshot.
    Json,
}

/// How records stand in a root or a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// A list of `{key, val}`, of which the rightmost of a key counts.
    KeyValues,
    /// A list of records, of which the rightmost of an id counts.
    List,
    /// Record id to record.
    Map,
    /// `store` with the records by id, and mostly a `schema` beside it.
    Snapshot,
}

/// Which board is meant when a document has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The one with the most shapes; of equals the first by name.
    Largest,
    /// The one in the root of this name, and no other.
    Root(&'a str),
    /// The one in the root `tl_<room>` or of the room's own name, else the largest.
    Room(&'a str),
}

/// A board that was found in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootSummary {
    /// Name of the root, empty for a file.
    pub name: String,
    /// How records are kept in it.
    pub layout: Layout,
    /// Shape records, before any is judged.
    pub shapes: usize,
}

/// Where a board was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// How the bytes were written.
    pub format: Format,
    /// The root that was read.
    pub root: RootSummary,
    /// The other boards of the document, by name.
    pub others: Vec<RootSummary>,
    /// The schema that goes with the records, as it was written.
    pub schema: Option<Value>,
    /// Records of a person's session that were passed over.
    pub session_records: usize,
    /// Whether some edits in the update wait for others that are not in it.
    pub incomplete: bool,
}

/// Takes up records one by one.
pub(crate) trait Sink {
    /// Before any record: the schema, and how many records and shapes there may be.
    fn begin(&mut self, schema: Option<&Value>, records: usize, shapes: usize);
    /// A record, or word that it could not be had.
    fn record(
        &mut self,
        name: &str,
        record: Result<Unfolded<'_>, TooLarge>,
    ) -> Result<(), BoardError>;
}

/// Names of roots that an error lists.
const MOST_NAMES: usize = 20;

/// Finds the board that is wanted and hands over its records.
pub(crate) fn read(
    bytes: &[u8],
    wanted: Wanted<'_>,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<Origin, BoardError> {
    let document = Document::open(bytes, limits)?;
    document.with_boards(limits, |mut boards, opened| {
        let at = choose(&boards, wanted)?;
        let Found {
            summary,
            schema,
            records,
        } = boards.swap_remove(at);
        sink.begin(schema.as_ref(), records.len(), summary.shapes);
        let mut session_records = 0;
        for record in records {
            if record.kind == Kind::Session {
                session_records += 1;
            } else {
                let unfolded = record.node.unfold(opened.source, limits);
                sink.record(&record.name, unfolded)?;
            }
        }
        let mut others: Vec<_> = boards.into_iter().map(|found| found.summary).collect();
        others.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Origin {
            format: opened.format,
            root: summary,
            others,
            schema,
            session_records,
            incomplete: opened.incomplete,
        })
    })
}

/// The boards in a document, by name.
pub(crate) fn roots(bytes: &[u8], limits: &Limits) -> Result<Vec<RootSummary>, BoardError> {
    let document = Document::open(bytes, limits)?;
    document.with_boards(limits, |boards, _| {
        Ok(boards.into_iter().map(|found| found.summary).collect())
    })
}

/// A document of any format.
enum Document<'b> {
    Update(yjs::Update<'b>),
    Json(value::Value<'b>),
}

/// What is known of a document when its boards are found.
#[derive(Clone, Copy)]
struct Opened<'s> {
    format: Format,
    incomplete: bool,
    source: Source<'s>,
}

impl<'b> Document<'b> {
    fn open(bytes: &'b [u8], limits: &Limits) -> Result<Self, BoardError> {
        if bytes.len() > limits.document_bytes {
            return Err(BoardError::TooLarge {
                bytes: bytes.len(),
                limit: limits.document_bytes,
            });
        }
        // An update may begin with the same byte, but none is JSON to its end.
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if !text.trim_ascii_start().starts_with(b"{") {
            return yjs::Update::open(bytes).map(Self::Update);
        }
        match file::parse(text) {
            Ok(value) => Ok(Self::Json(value)),
            Err(error) => match yjs::Update::open(bytes) {
                Ok(update) if update.has_roots() => Ok(Self::Update(update)),
                _ => Err(BoardError::Unreadable {
                    reason: error.to_string(),
                }),
            },
        }
    }

    /// Calls with all boards, by name; there is at least one.
    fn with_boards<T>(
        self,
        limits: &Limits,
        then: impl FnOnce(Vec<Found<'_>>, Opened<'_>) -> Result<T, BoardError>,
    ) -> Result<T, BoardError> {
        match self {
            Self::Json(value) => {
                if is_first_edition(&value) {
                    return Err(BoardError::FirstEdition);
                }
                let found = layout::recognise("", Node::Json(value), Source::FILE, limits)?;
                let Some(found) = found else {
                    return Err(BoardError::NoBoard {
                        roots: "none".to_owned(),
                    });
                };
                let opened = Opened {
                    format: Format::Json,
                    incomplete: false,
                    source: Source::FILE,
                };
                then(vec![found], opened)
            }
            Self::Update(update) => update.with_boards(limits, then),
        }
    }
}

/// Files of 2021 and 2022 have pages inside of a numbered document.
fn is_first_edition(file: &value::Value<'_>) -> bool {
    let document = file.get("document");
    document.is_some_and(|it| {
        let version = it.get("version").and_then(value::Value::as_f64);
        let pages = it.get("pages").and_then(value::Value::as_object);
        version.is_some() && pages.is_some()
    })
}

fn choose(boards: &[Found<'_>], wanted: Wanted<'_>) -> Result<usize, BoardError> {
    let named = |name: &str| boards.iter().position(|found| found.summary.name == name);
    let largest = || {
        let most = boards.iter().map(|found| found.summary.shapes).max();
        boards
            .iter()
            .position(|found| Some(found.summary.shapes) == most)
            .unwrap_or_default()
    };
    match wanted {
        Wanted::Largest => Ok(largest()),
        Wanted::Room(room) => Ok(named(&format!("tl_{room}"))
            .or_else(|| named(room))
            .unwrap_or_else(largest)),
        Wanted::Root(root) => named(root).ok_or_else(|| BoardError::NotThere {
            wanted: root.to_owned(),
            boards: quoted(boards.iter().map(|found| found.summary.name.as_str())),
        }),
    }
}

/// Names for an error: quoted, cut, and not too many.
fn quoted<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut names = names.map(|name| format!("`{}`", crate::note::cut(name, 60).escape_debug()));
    let mut listed: Vec<_> = names.by_ref().take(MOST_NAMES).collect();
    let more = names.count();
    if more > 0 {
        listed.push(format!("and {more} more"));
    }
    if listed.is_empty() {
        return "none".to_owned();
    }
    listed.join(", ")
}
