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
use layout::Found;
use node::Node;
pub(crate) use node::TooLarge;

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
    /// Before any record.
    fn schema(&mut self, schema: Option<&Value>);
    /// A record, or word that it could not be had.
    fn record(&mut self, name: &str, record: Result<Value, TooLarge>) -> Result<(), BoardError>;
}

/// The records of a person's session or presence, of all versions.
const SESSION: [&str; 7] = [
    "instance",
    "instance_page_state",
    "instance_presence",
    "camera",
    "pointer",
    "user_document",
    "user_presence",
];

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
    document.with_boards(limits, |mut boards, format, incomplete, txn| {
        let at = choose(&boards, wanted)?;
        let Found {
            summary,
            schema,
            records,
        } = boards.swap_remove(at);
        sink.schema(schema.as_ref());
        let mut session_records = 0;
        for (name, record) in records {
            if record
                .text(&["typeName"], txn)
                .is_some_and(|kind| SESSION.contains(&kind.as_str()))
            {
                session_records += 1;
            } else {
                sink.record(&name, record.into_value(txn, limits))?;
            }
        }
        let mut others: Vec<_> = boards.into_iter().map(|found| found.summary).collect();
        others.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Origin {
            format,
            root: summary,
            others,
            schema,
            session_records,
            incomplete,
        })
    })
}

/// The boards in a document, by name.
pub(crate) fn roots(bytes: &[u8], limits: &Limits) -> Result<Vec<RootSummary>, BoardError> {
    let document = Document::open(bytes, limits)?;
    document.with_boards(limits, |boards, _, _, _| {
        Ok(boards.into_iter().map(|found| found.summary).collect())
    })
}

/// An opened document of any format.
enum Document {
    Update(yjs::Update),
    Json(Value),
}

impl Document {
    fn open(bytes: &[u8], limits: &Limits) -> Result<Self, BoardError> {
        if bytes.len() > limits.document_bytes {
            return Err(BoardError::TooLarge {
                bytes: bytes.len(),
                limit: limits.document_bytes,
            });
        }
        // An update may begin with the same byte, but none is JSON to its end.
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if text.trim_ascii_start().starts_with(b"{") {
            match file::parse(text) {
                Ok(value) => return Ok(Self::Json(value)),
                Err(_) if yjs::Update::open(bytes).is_ok_and(|update| update.has_roots()) => {}
                Err(error) => {
                    return Err(BoardError::Unreadable {
                        reason: error.to_string(),
                    });
                }
            }
        }
        yjs::Update::open(bytes).map(Self::Update)
    }

    /// Calls with all boards, by name; there is at least one.
    fn with_boards<T>(
        self,
        limits: &Limits,
        then: impl FnOnce(
            Vec<Found>,
            Format,
            bool,
            Option<&yrs::Transaction<'_>>,
        ) -> Result<T, BoardError>,
    ) -> Result<T, BoardError> {
        match self {
            Self::Json(value) => {
                if is_first_edition(&value) {
                    return Err(BoardError::FirstEdition);
                }
                let found = layout::recognise("", Node::json(value), None, limits)?;
                let Some(found) = found else {
                    return Err(BoardError::NoBoard {
                        roots: "none".to_owned(),
                    });
                };
                then(vec![found], Format::Json, false, None)
            }
            Self::Update(update) => update.with_boards(limits, then),
        }
    }
}

/// Files of 2021 and 2022 have pages inside of a numbered document.
fn is_first_edition(file: &Value) -> bool {
    let document = file.get("document");
    document.is_some_and(|it| {
        it.get("version").is_some_and(Value::is_number) && it["pages"].is_object()
    })
}

fn choose(boards: &[Found], wanted: Wanted<'_>) -> Result<usize, BoardError> {
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
