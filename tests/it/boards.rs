//! What yrs, as an independent reader, finds in the update that a board becomes.

use std::collections::HashMap;

use scrible::import::board::{Board, Schema};
use serde_json::{Value, json};
use yrs::updates::decoder::Decode;
use yrs::{Any, Array, Doc, Map as _, Out, ReadTxn, StateVector, Transact, Update};

pub const MIXED: &str = include_str!("../data/boards/mixed.tldr");
pub const FRAMES: &str = include_str!("../data/boards/frames.tldr");
pub const SCRIPTS: &str = include_str!("../data/boards/scripts.json");
const OLDER: &str = include_str!("../data/boards/older.json");
const PERSONAL: [&str; 5] = [
    "instance",
    "instance_page_state",
    "instance_presence",
    "camera",
    "pointer",
];

fn board(json: &str) -> Board {
    let file = serde_json::from_str(json).unwrap();
    Board::read(file).unwrap().expect("a board")
}

pub fn applied(doc: &Doc, update: &[u8]) {
    let update = Update::decode_v1(update).unwrap();
    doc.transact_mut().apply_update(update).unwrap();
}

/// yrs' value as JSON, every number a float: it keeps no difference between 1 and 1.0 either.
fn json_of(any: &Any) -> Value {
    match any {
        Any::Null | Any::Undefined => Value::Null,
        Any::Bool(flag) => json!(flag),
        Any::Number(yrs::any::Number::Int(number)) => json!(*number as f64),
        Any::Number(yrs::any::Number::Float(number)) => json!(number),
        Any::String(text) => json!(&**text),
        Any::Array(values) => values.iter().map(json_of).collect(),
        Any::Map(entries) => entries
            .iter()
            .map(|(key, value)| (key.clone(), json_of(value)))
            .collect(),
        Any::Buffer(_) => panic!("no bytes in JSON"),
    }
}

fn floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64().unwrap()),
        Value::Array(values) => values.iter().map(floats).collect(),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| (key.clone(), floats(value)))
            .collect(),
        other => other.clone(),
    }
}

/// What stands in the array, as keys and values.
pub fn entries(doc: &Doc, root: &str) -> Vec<(String, Value)> {
    let array = doc.get_or_insert_array(root);
    let txn = doc.transact();
    let entry = |out: Out| match out {
        Out::Any(Any::Map(entry)) => (entry["key"].to_string(), json_of(&entry["val"])),
        other => panic!("{other:?}"),
    };
    array.iter(&txn).map(entry).collect()
}

pub fn schema(doc: &Doc) -> Option<Value> {
    let meta = doc.get_or_insert_map("meta");
    match meta.get(&doc.transact(), "schema") {
        Some(Out::Any(schema)) => Some(json_of(&schema)),
        None => None,
        other => panic!("{other:?}"),
    }
}

/// All records that a file holds, by id.
fn records_in(json: &str) -> HashMap<String, Value> {
    let file: Value = serde_json::from_str(json).unwrap();
    let records: Vec<Value> = match (&file["records"], &file["store"]) {
        (Value::Array(records), _) => records.clone(),
        (_, Value::Object(store)) => store.values().cloned().collect(),
        _ => panic!("no records"),
    };
    records
        .iter()
        .map(|record| (record["id"].as_str().unwrap().to_owned(), floats(record)))
        .collect()
}

#[test]
fn i4_what_yrs_reads_out_of_the_update_is_what_the_file_says() {
    for json in [MIXED, FRAMES, SCRIPTS, OLDER] {
        let board = board(json);
        let doc = Doc::new();
        applied(&doc, &board.update("tl_room", 1 << 52, Schema::Written));
        let found = entries(&doc, "tl_room");
        let mut wanted = records_in(json);
        wanted.retain(|_, record| !PERSONAL.contains(&record["typeName"].as_str().unwrap()));
        assert!(wanted.len() > 5);
        assert_eq!(found.len(), board.records());
        assert_eq!(found.into_iter().collect::<HashMap<_, _>>(), wanted);
        let file: Value = serde_json::from_str(json).unwrap();
        assert_eq!(schema(&doc), Some(floats(&file["schema"])));
    }
}

#[test]
fn i5_what_is_somebodys_own_stays_out() {
    let file: Value = serde_json::from_str(MIXED).unwrap();
    let own: Vec<&Value> = file["records"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|record| PERSONAL.contains(&record["typeName"].as_str().unwrap()))
        .collect();
    assert!(!own.is_empty(), "the file has some");
    let board = board(MIXED);
    assert_eq!(board.personal, own.len());
    let doc = Doc::new();
    applied(&doc, &board.update("r", 7, Schema::Written));
    for (key, _) in entries(&doc, "r") {
        assert!(own.iter().all(|record| record["id"] != key), "{key}");
    }
}

#[test]
fn i6_with_the_highest_id_the_imported_records_stand_rightmost() {
    let there = Doc::with_client_id(u64::from(u32::MAX));
    let pen = Doc::with_client_id(5);
    for (doc, n) in [(&there, 3), (&pen, 4)] {
        let array = doc.get_or_insert_array("r");
        let mut txn = doc.transact_mut();
        for i in 0..n {
            array.insert(&mut txn, i / 2, Any::from(f64::from(i)));
        }
    }
    let as_update = |doc: &Doc| {
        doc.transact()
            .encode_state_as_update_v1(&StateVector::default())
    };
    applied(&there, &as_update(&pen));
    let board = board(FRAMES);
    let update = board.update("r", 1 << 52, Schema::There);
    // Whichever comes first.
    let late = Doc::new();
    applied(&late, &update);
    applied(&late, &as_update(&there));
    applied(&there, &update);
    for doc in [&there, &late] {
        let array = doc.get_or_insert_array("r");
        let txn = doc.transact();
        let kinds: Vec<bool> = array
            .iter(&txn)
            .map(|out| matches!(out, Out::Any(Any::Map(_))))
            .collect();
        assert_eq!(kinds.len(), 7 + board.records());
        assert!(kinds[..7].iter().all(|imported| !imported));
        assert!(kinds[7..].iter().all(|imported| *imported));
    }
    assert_eq!(schema(&there), None);
}

#[test]
fn i4_numbers_come_back_as_they_were() {
    let numbers = [
        -2147483649.0,
        -2147483648.0,
        -2147483647.0,
        -8192.0,
        -8191.5,
        -1.0,
        0.0,
        63.0,
        64.0,
        2147483647.0,
        2147483648.0,
        4294967296.0,
        1700000000001.0,
        9007199254740992.0,
        0.1,
        0.5,
        1e-300,
        1e300,
    ];
    let record = json!({"id": "page:n", "typeName": "page", "numbers": numbers});
    let file = json!({"store": {"page:n": record}, "schema": {"schemaVersion": 2}});
    let doc = Doc::new();
    let board = Board::read(file).unwrap().unwrap();
    applied(&doc, &board.update("r", 7, Schema::Written));
    assert_eq!(entries(&doc, "r")[0].1["numbers"], json!(numbers));
}
