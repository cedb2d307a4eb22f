//! Records out again: as they were, or in the newest form.
//!
//! Knows JSON text and versions. The rule: what an editor wrote goes back as it wrote it, with the schema that goes with it;
//! editors bring old records up to date better than anybody else. Only where a document names no schema do records go out in
//! the newest form that is known, under that form's schema.

use serde_json::{Map, Value};

use crate::board::Board;
use crate::migrate::{Upgraded, upgrade};
use crate::order;
use crate::schema::{Keys, Versions};

/// A record as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Original {
    rank: Rank,
    id: String,
    /// JSON text: a fraction of the memory that a value takes.
    json: Box<str>,
    keys: Keys,
}

/// In what order kinds go out: what is referred to comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Document,
    Page,
    User,
    Asset,
    Shape,
    Binding,
    Other,
}

impl Original {
    pub(crate) fn of(kind: &str, id: &str, record: &Value) -> Self {
        let rank = match kind {
            "document" => Rank::Document,
            "page" => Rank::Page,
            "user" => Rank::User,
            "asset" => Rank::Asset,
            "shape" => Rank::Shape,
            "binding" => Rank::Binding,
            _ => Rank::Other,
        };
        let index = record.get("index").and_then(Value::as_str);
        Self {
            rank,
            id: id.to_owned(),
            json: json(record).into(),
            keys: match index {
                Some(index) if order::is_old(index) => Keys::Old,
                _ => Keys::Current,
            },
        }
    }
}

/// All records of a board as they were written, those left out that no editor could use.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Originals {
    /// By rank and id.
    records: Vec<Original>,
    versions: Versions,
    schema: Option<Value>,
}

impl Originals {
    pub(crate) fn of(
        mut records: Vec<Original>,
        versions: Versions,
        schema: Option<Value>,
    ) -> Self {
        records.sort_unstable_by(|one, other| (one.rank, &one.id).cmp(&(other.rank, &other.id)));
        Self {
            records,
            versions,
            schema,
        }
    }

    fn upgraded(&self) -> impl Iterator<Item = Value> + '_ {
        self.records.iter().flat_map(|original| {
            let read = serde_json::from_str::<Map<String, Value>>(&original.json);
            let mut record = read.expect("it was written from a value within the nesting");
            match upgrade(&mut record, &self.versions) {
                Upgraded::Kept(mut records) => {
                    records.insert(0, Value::Object(record));
                    records
                }
                Upgraded::Dropped => Vec::new(),
            }
        })
    }
}

impl Board {
    /// All records of the document in the newest form that is known, without session records and without those that the
    /// [notes](Self::notes) call left out: by kind, then by id.
    pub fn records(&self) -> impl Iterator<Item = Value> + '_ {
        self.originals.upgraded()
    }

    /// The schema of [`records`](Self::records).
    ///
    /// One thing is left to the editor: keys of the order that end in 0. A schema with such records names the store's version
    /// before that change, so that the editor writes them anew.
    pub fn records_schema(&self) -> Value {
        let mut keys = self.originals.records.iter().map(|original| original.keys);
        let old = keys.any(|keys| keys == Keys::Old);
        let keys = if old { Keys::Old } else { Keys::Current };
        self.originals.versions.brought_up(keys)
    }

    /// A `.tldr` file of the board, which editors open: the records as they were written, with their schema; without one in
    /// the document, [`records`](Self::records) with theirs.
    pub fn to_tldr(&self) -> String {
        let originals = &self.originals;
        let mut file = String::from(r#"{"tldrawFileFormatVersion":1,"schema":"#);
        let mut first = true;
        let mut push = |file: &mut String, record: &str| {
            if !std::mem::take(&mut first) {
                file.push(',');
            }
            file.push_str(record);
        };
        match originals
            .schema
            .as_ref()
            .filter(|_| originals.versions.known())
        {
            Some(schema) => {
                file.push_str(&json(schema));
                file.push_str(r#","records":["#);
                for original in &originals.records {
                    push(&mut file, &original.json);
                }
            }
            None => {
                file.push_str(&json(&self.records_schema()));
                file.push_str(r#","records":["#);
                for record in originals.upgraded() {
                    push(&mut file, &json(&record));
                }
            }
        }
        file.push_str("]}");
        file
    }
}

fn json(value: &Value) -> String {
    serde_json::to_string(value).expect("all keys of a value are texts")
}
