//! Records out again: as they were, or in the newest form.
//!
//! Knows JSON text and versions. The rule: what an editor wrote goes back as it wrote it, with the schema that goes with it;
//! editors bring old records up to date better than anybody else. Only where a document names no schema do records go out in
//! the newest form that is known, under that form's schema.

use std::borrow::Cow;

use crate::board::Board;
use crate::input::MOST_NESTING;
use crate::migrate::{Upgraded, upgrade};
use crate::order;
use crate::schema::{Keys, Versions};
use crate::value::{Budget, Value, update};

/// A record as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Original {
    rank: Rank,
    keys: Keys,
    form: Form,
}

/// How a record is kept: in a fraction of the memory that a value takes.
#[derive(Debug, Clone, PartialEq)]
enum Form {
    /// The bytes that an update has for it.
    Update(Box<[u8]>),
    Json(Box<str>),
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
    /// `bytes` are the record's own in an update that has it in one piece.
    pub(crate) fn of(kind: &str, record: &Value<'_>, bytes: Option<&[u8]>) -> Self {
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
            keys: match index {
                Some(index) if order::is_old(index) => Keys::Old,
                _ => Keys::Current,
            },
            form: match bytes {
                Some(bytes) => Form::Update(bytes.into()),
                None => Form::Json(record.to_json().into()),
            },
        }
    }

    /// By which it stands among its kind.
    fn id(&self) -> Cow<'_, str> {
        let id = match &self.form {
            Form::Update(bytes) => {
                let fields = update::fields(bytes).into_iter().flatten();
                let ids = fields.filter(|(key, _)| *key == "id");
                let id = ids.last().and_then(|(_, id)| update::text(id));
                id.map(Cow::Borrowed)
            }
            Form::Json(_) => self.value().get("id").and_then(Value::to_text),
        };
        id.unwrap_or_default()
    }

    fn value(&self) -> Value<'_> {
        let read = match &self.form {
            Form::Update(bytes) => {
                let read = update::read(bytes, &mut Budget(usize::MAX), MOST_NESTING);
                read.ok().and_then(|read| read.value)
            }
            Form::Json(text) => serde_json::from_str(text).ok(),
        };
        read.expect("it was read or written as a value within the nesting")
    }
}

/// All records of a board as they were written, those left out that no editor could use.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Originals {
    /// In no order.
    records: Vec<Original>,
    versions: Versions,
    schema: Option<serde_json::Value>,
}

impl Originals {
    pub(crate) fn of(
        records: Vec<Original>,
        versions: Versions,
        schema: Option<serde_json::Value>,
    ) -> Self {
        Self {
            records,
            versions,
            schema,
        }
    }

    /// As they were written, by rank and id.
    fn written(&self) -> impl Iterator<Item = Value<'_>> + '_ {
        let mut records: Vec<_> = self.records.iter().collect();
        records.sort_by_cached_key(|original| (original.rank, original.id()));
        records.into_iter().map(Original::value)
    }

    fn upgraded(&self) -> impl Iterator<Item = Value<'_>> + '_ {
        self.written().flat_map(|mut record| {
            let object = record.as_object_mut().expect("records are objects");
            match upgrade(object, &self.versions) {
                Upgraded::Kept(mut records) => {
                    records.insert(0, record);
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
    pub fn records(&self) -> impl Iterator<Item = serde_json::Value> + '_ {
        self.originals.upgraded().map(|record| record.to_serde())
    }

    /// The schema of [`records`](Self::records).
    ///
    /// One thing is left to the editor: keys of the order that end in 0. A schema with such records names the store's version
    /// before that change, so that the editor writes them anew.
    pub fn records_schema(&self) -> serde_json::Value {
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
                file.push_str(&schema.to_string());
                file.push_str(r#","records":["#);
                for record in originals.written() {
                    push(&mut file, &record.to_json());
                }
            }
            None => {
                file.push_str(&self.records_schema().to_string());
                file.push_str(r#","records":["#);
                for record in originals.upgraded() {
                    push(&mut file, &record.to_json());
                }
            }
        }
        file.push_str("]}");
        file
    }
}
