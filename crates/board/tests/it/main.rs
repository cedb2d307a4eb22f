//! Boards as editors wrote them, and as nobody would write them.
//!
//! The documents in `data` were made with stock tldraw and hold synthetic content; `records.json` is what the editor itself
//! made of each, `bounds.json` and `drawn.json` how it drew them.

mod drawing;
mod hostile;
mod layouts;
mod older;
mod output;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use scrible_board::{Board, Limits};
use serde_json::{Map, Value};

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(path)
}

fn bytes(path: &str) -> Vec<u8> {
    let path = data(path);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json(path: &str) -> Value {
    serde_json::from_slice(&bytes(path)).unwrap()
}

fn board(path: &str) -> Board {
    read(&bytes(path))
}

fn read(bytes: &[u8]) -> Board {
    Board::read(bytes, &Limits::default()).unwrap()
}

/// A `.tldr` file of records, without a schema.
fn file(records: &[Value]) -> Vec<u8> {
    serde_json::json!({"tldrawFileFormatVersion": 1, "records": records})
        .to_string()
        .into_bytes()
}

/// Records by id, numbers all of one kind and fields sorted, so that they compare as JavaScript would.
fn by_id(records: impl IntoIterator<Item = Value>) -> BTreeMap<String, Value> {
    let with_id = |record: Value| (record["id"].as_str().unwrap().to_owned(), plain(&record));
    records.into_iter().map(with_id).collect()
}

/// The store of a `records.json`, likewise. People are left out: the editor that wrote it added itself.
fn store(path: &str) -> BTreeMap<String, Value> {
    let Value::Object(store) = json(path)["store"].take() else {
        panic!("{path} has no store")
    };
    let records = store.into_iter().map(|(_, record)| record);
    by_id(records.filter(|record| record["typeName"] != "user"))
}

fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(list) => list.iter().map(plain).collect(),
        Value::Object(map) => {
            let sorted: BTreeMap<_, _> = map.iter().map(|(key, it)| (key, plain(it))).collect();
            let fields = sorted.into_iter().map(|(key, it)| (key.clone(), it));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}
