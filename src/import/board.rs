//! A tldraw board from a file, and the update that puts it into a room.
//!
//! Knows the two file formats of tldraw and the layout in which its pages keep records in Yjs: `{ key, val }` entries in one
//! array, of which the rightmost of a key counts, and the schema in the map `meta`. It doesn't know what a record means.
//! The rule: only what all people share goes in; camera, selection and the like are each person's own.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use scrible_wire::varint::{write_number, write_var_bytes};
use serde_json::{Map, Value};

use super::any;

/// Records of one person's session or presence. Everything else is the document, kinds of later versions included.
const PERSONAL: [&str; 5] = [
    "instance",
    "instance_page_state",
    "instance_presence",
    "camera",
    "pointer",
];

/// Parents that a shape's depth is counted over. More is a circle.
const MAX_DEPTH: usize = 1_000;

/// What a file holds of a board.
#[derive(Debug, Clone, PartialEq)]
pub struct Board {
    /// The versions in which the records are written.
    schema: Value,
    /// In an order in which each can be put on a board that has those before it.
    records: Vec<Value>,
    /// How many records were left out because they are somebody's own.
    pub personal: usize,
}

impl Board {
    /// Reads a board out of a file's JSON; `None` if it is none of tldraw's formats.
    ///
    /// # Errors
    /// It is one, but not as it should be.
    pub fn read(file: Value) -> Result<Option<Self>> {
        let Value::Object(mut file) = file else {
            return Ok(None);
        };
        if file.contains_key("tldrawFileFormatVersion") {
            let records = match file.remove("records") {
                Some(Value::Array(records)) => records,
                _ => bail!("it is a .tldr file without its list of records"),
            };
            return Self::of(file.remove("schema"), records).map(Some);
        }
        let mut snapshot = match file.remove("document") {
            Some(Value::Object(document)) => document,
            Some(_) => return Ok(None),
            None => file,
        };
        match snapshot.remove("store") {
            Some(Value::Object(store)) => {
                let records = store.into_iter().map(|(_, record)| record).collect();
                Self::of(snapshot.remove("schema"), records).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn of(schema: Option<Value>, records: Vec<Value>) -> Result<Self> {
        let schema = schema
            .filter(Value::is_object)
            .context("it is a tldraw board without its schema, so nobody can tell the version of its records")?;
        let all = records.len();
        let mut document = Vec::with_capacity(all);
        for (at, record) in records.into_iter().enumerate() {
            if text(&record, "id").is_none() || text(&record, "typeName").is_none() {
                bail!(
                    "it is a tldraw board, but its record number {} has no id or no typeName",
                    at + 1
                );
            }
            if !PERSONAL.contains(&text(&record, "typeName").unwrap_or_default()) {
                document.push(record);
            }
        }
        if document.is_empty() {
            bail!("it is a tldraw board without any record of a document");
        }
        let ranks = ranks(&document);
        let mut ranked: Vec<(usize, Value)> = ranks.into_iter().zip(document).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        let records: Vec<Value> = ranked.into_iter().map(|(_, record)| record).collect();
        Ok(Self {
            schema,
            personal: all - records.len(),
            records,
        })
    }

    /// How many records go into the room.
    pub fn records(&self) -> usize {
        self.records.len()
    }

    /// The schema as it stands in an update.
    pub fn schema_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        any::write(&mut out, &self.schema);
        out
    }

    /// Forges the update: everything is by `client`, which nobody may have used before. Each record is an item of its own, so
    /// that the update can be cut anywhere between them.
    ///
    /// An item without a left neighbour goes to the right of all that stand there by lower client ids, so with the highest
    /// id in the room these records are the ones that count.
    pub fn update(&self, root: &str, client: u64, schema: Schema) -> Vec<u8> {
        let mut structs = Vec::new();
        let mut clock = 0u64;
        if schema == Schema::Written {
            // A value in a map: the kind of any values (8) and a key (32); a root as the parent (1).
            structs.extend([0x28, 1]);
            write_var_bytes(&mut structs, b"meta");
            write_var_bytes(&mut structs, b"schema");
            write_number(&mut structs, 1);
            structs.extend(self.schema_bytes());
            clock += 1;
        }
        for (at, record) in self.records.iter().enumerate() {
            if at == 0 {
                structs.extend([0x08, 1]);
                write_var_bytes(&mut structs, root.as_bytes());
            } else {
                // Right of the one before, which also says where: no parent is written.
                structs.push(0x88);
                write_number(&mut structs, client);
                write_number(&mut structs, clock - 1);
            }
            write_number(&mut structs, 1);
            structs.push(118);
            write_number(&mut structs, 2);
            write_var_bytes(&mut structs, b"key");
            structs.push(119);
            write_var_bytes(
                &mut structs,
                text(record, "id").unwrap_or_default().as_bytes(),
            );
            write_var_bytes(&mut structs, b"val");
            any::write(&mut structs, record);
            clock += 1;
        }
        let mut update = Vec::with_capacity(structs.len() + 32);
        write_number(&mut update, 1);
        write_number(&mut update, clock);
        write_number(&mut update, client);
        write_number(&mut update, 0);
        update.append(&mut structs);
        // Deletes nothing.
        write_number(&mut update, 0);
        update
    }
}

/// Whether the schema goes into the update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// The room has none.
    Written,
    /// The room has the same.
    There,
}

/// For each record a number such that whatever it refers to has a lower one: people look on while parts arrive.
fn ranks(records: &[Value]) -> Vec<usize> {
    let parents: HashMap<&str, &str> = records
        .iter()
        .filter_map(|record| Some((text(record, "id")?, text(record, "parentId")?)))
        .collect();
    let depth = |record: &Value| {
        let mut depth = 0;
        let mut parent = text(record, "parentId");
        while let Some(id) = parent
            && depth < MAX_DEPTH
        {
            depth += 1;
            parent = parents.get(id).copied();
        }
        depth
    };
    records
        .iter()
        .map(|record| match text(record, "typeName") {
            Some("document") => 0,
            Some("page") => 1,
            Some("shape") => 3 + depth(record),
            Some("binding") => 4 + MAX_DEPTH,
            _ => 2,
        })
        .collect()
}

fn text<'r>(record: &'r Value, field: &str) -> Option<&'r str> {
    record
        .as_object()
        .and_then(|record: &Map<String, Value>| record.get(field))
        .and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SCRIPTS: &str = include_str!("../../tests/data/boards/scripts.json");

    #[test]
    fn i4_a_record_comes_after_what_it_stands_on() {
        let shape =
            |id: &str, parent: &str| json!({"id": id, "typeName": "shape", "parentId": parent});
        let board = Board::read(json!({
            "schema": {"schemaVersion": 2},
            "store": {
                "b": {"id": "binding:1", "typeName": "binding"},
                "d": shape("shape:d", "shape:c"),
                "c": shape("shape:c", "page:p"),
                "loop": shape("shape:loop", "shape:loop"),
                "a": {"id": "asset:1", "typeName": "asset"},
                "p": {"id": "page:p", "typeName": "page"},
                "x": {"id": "document:document", "typeName": "document"},
            },
        }));
        let board = board.unwrap().unwrap();
        let ids: Vec<_> = board
            .records
            .iter()
            .map(|record| text(record, "id").unwrap())
            .collect();
        assert_eq!(
            ids,
            [
                "document:document",
                "page:p",
                "asset:1",
                "shape:c",
                "shape:d",
                "shape:loop",
                "binding:1"
            ]
        );
    }

    #[test]
    fn i1_a_snapshot_is_found_alone_and_within_an_editors() {
        let plain: Value = serde_json::from_str(SCRIPTS).unwrap();
        let editors = json!({"document": plain, "session": {"version": 0}});
        assert_eq!(
            Board::read(editors).unwrap(),
            Board::read(plain.clone()).unwrap()
        );
        for other in [
            json!([]),
            json!({}),
            json!({"type": "excalidraw", "elements": []}),
            json!({"document": 1}),
            json!({"document": {"id": "doc", "version": 15.5, "pages": {}}}),
            json!({"store": []}),
        ] {
            assert_eq!(Board::read(other.clone()).unwrap(), None, "{other}");
        }
    }

    #[test]
    fn i2_a_board_that_lacks_something_is_refused_with_what() {
        let schema = json!({"schemaVersion": 2});
        for (file, why) in [
            (
                json!({"tldrawFileFormatVersion": 1, "schema": schema}),
                "without its list of records",
            ),
            (
                json!({"store": {"a": {"id": "a", "typeName": "page"}}}),
                "without its schema",
            ),
            (
                json!({"store": {}, "schema": schema}),
                "without any record of a document",
            ),
            (
                json!({"store": {"a": {"id": "a"}}, "schema": schema}),
                "record number 1 has no id",
            ),
            (
                json!({"store": {"a": 7}, "schema": schema}),
                "record number 1 has no id",
            ),
        ] {
            let error = Board::read(file.clone()).unwrap_err().to_string();
            assert!(error.contains(why), "{file}: {error}");
        }
    }
}
