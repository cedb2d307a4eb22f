//! What the tests share: the fixture of Yjs sessions, a seeded random source, and documents read through yrs.
//!
//! It does not know the rules under test. The rule: nothing here may hide a difference, so reading fails loudly.

#![allow(dead_code)] // each test binary uses its own part

pub mod build;
pub mod mutate;

use scrible_wire::varint::{Reader, write_number, write_var_bytes};
use serde_json::{Map, Value, json};
use yrs::types::text::YChange;
use yrs::updates::decoder::Decode;
use yrs::{
    Any, Array, Doc, Map as _, Options, Out, ReadTxn, StateVector, Text, Transact, Update, Xml,
    XmlFragment, XmlOut,
};

/// What a client sent and how the Yjs server took it.
pub struct Arrival {
    pub update: Vec<u8>,
    pub step2: bool,
    /// Yjs could not integrate all of it.
    pub early: bool,
    /// Hash of the state vector that Yjs had afterwards.
    pub vector_hash: u64,
}

pub struct Session {
    pub seed: u64,
    pub bigint: bool,
    pub format: bool,
    /// There are XML hooks, which yrs can't read.
    pub hooks: bool,
    pub arrivals: Vec<Arrival>,
    /// States that clients had in between.
    pub probes: Vec<Vec<u8>>,
    /// What everybody came to.
    pub state: Vec<u8>,
    pub content: Value,
}

/// Reads a file that gen.mjs wrote.
pub fn sessions(bytes: &[u8]) -> Vec<Session> {
    let mut reader = Reader::new(bytes);
    let sessions = list(&mut reader, |reader| {
        let seed = number(reader);
        let flags = number(reader);
        Session {
            seed,
            bigint: flags & 1 != 0,
            format: flags & 2 != 0,
            hooks: flags & 4 != 0,
            arrivals: list(reader, |reader| {
                let flags = number(reader);
                Arrival {
                    step2: flags & 1 != 0,
                    early: flags & 2 != 0,
                    update: blob(reader),
                    vector_hash: number(reader),
                }
            }),
            probes: list(reader, blob),
            state: blob(reader),
            content: serde_json::from_slice(&blob(reader)).expect("content is JSON"),
        }
    });
    reader.end().expect("the fixture ends with its sessions");
    sessions
}

/// The sessions in the repository, or those of the file that `SCRIBLE_WIRE_SESSIONS` names.
pub fn fixture() -> Vec<Session> {
    let file = std::env::var_os("SCRIBLE_WIRE_SESSIONS").unwrap_or_else(|| {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data/sessions.bin")
            .into_os_string()
    });
    sessions(&std::fs::read(file).expect("fixture can be read"))
}

/// Those sessions that yrs can read.
pub fn fixture_for_yrs() -> impl Iterator<Item = Session> {
    fixture().into_iter().filter(|session| !session.hooks)
}

fn number(reader: &mut Reader<'_>) -> u64 {
    reader.number().expect("number in the fixture")
}

fn blob(reader: &mut Reader<'_>) -> Vec<u8> {
    reader.var_bytes().expect("bytes in the fixture").to_vec()
}

fn list<T>(reader: &mut Reader<'_>, mut read: impl FnMut(&mut Reader<'_>) -> T) -> Vec<T> {
    (0..number(reader)).map(|_| read(reader)).collect()
}

/// Appends a list of byte strings, as check.mjs reads it.
pub fn write_blobs<'a>(out: &mut Vec<u8>, blobs: impl ExactSizeIterator<Item = &'a Vec<u8>>) {
    write_number(out, blobs.len() as u64);
    for blob in blobs {
        write_var_bytes(out, blob);
    }
}

/// FNV-1a with 32 bits.
pub fn fnv(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    u64::from(hash)
}

/// A seeded random source (xorshift).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.next();
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// An empty document that keeps deleted content, so that nothing depends on when it is collected.
pub fn doc() -> Doc {
    let doc = Doc::with_options(Options {
        skip_gc: true,
        ..Options::default()
    });
    doc.get_or_insert_map("map");
    doc.get_or_insert_array("array");
    doc.get_or_insert_text("text");
    doc.get_or_insert_xml_fragment("xml");
    doc
}

/// Applies an update and tells whether nothing waits for anything afterwards.
pub fn apply(doc: &Doc, update: &[u8]) -> bool {
    let update = Update::decode_v1(update).expect("yrs decodes the update");
    let mut txn = doc.transact_mut();
    txn.apply_update(update).expect("yrs applies the update");
    !txn.has_missing_updates()
}

pub fn vector(doc: &Doc) -> scrible_wire::StateVector {
    vector_of(&doc.transact().state_vector())
}

pub fn vector_of(vector: &StateVector) -> scrible_wire::StateVector {
    vector
        .iter()
        .map(|(client, clock)| (client.get(), *clock))
        .collect()
}

/// The content as content.mjs writes it, numbers as floats.
pub fn content(doc: &Doc) -> Value {
    let (map, array, text, xml) = (
        doc.get_or_insert_map("map"),
        doc.get_or_insert_array("array"),
        doc.get_or_insert_text("text"),
        doc.get_or_insert_xml_fragment("xml"),
    );
    let txn = doc.transact();
    json!({
        "map": tree(&txn, Out::YMap(map)),
        "array": tree(&txn, Out::YArray(array)),
        "text": tree(&txn, Out::YText(text)),
        "xml": tree(&txn, Out::YXmlFragment(xml)),
    })
}

/// Makes numbers comparable: JavaScript writes 1.0 as 1, and yrs shows a BigInt as a number.
pub fn floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(floats).collect(),
        Value::Object(map) if map.len() == 1 && map.contains_key("bigint") => {
            let digits = map["bigint"].as_str().expect("a BigInt is written as text");
            json!(digits.parse::<f64>().expect("a number"))
        }
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), floats(v))).collect(),
        other => other.clone(),
    }
}

fn tree<T: ReadTxn>(txn: &T, out: Out) -> Value {
    match out {
        Out::Any(any) => plain(&any),
        Out::YText(text) => json!({ "text": parts(txn, text.diff(txn, YChange::identity)) }),
        Out::YXmlText(text) => json!({ "text": parts(txn, text.diff(txn, YChange::identity)) }),
        Out::YArray(array) => {
            let items: Vec<Value> = array.iter(txn).map(|item| tree(txn, item)).collect();
            json!({ "array": items })
        }
        Out::YMap(map) => {
            let entries: Map<String, Value> = map
                .iter(txn)
                .map(|(key, value)| (key.to_string(), tree(txn, value)))
                .collect();
            json!({ "map": entries })
        }
        Out::YXmlElement(element) => {
            let attributes: Map<String, Value> = element
                .attributes(txn)
                .map(|(key, value)| (key.to_string(), tree(txn, value)))
                .collect();
            let children: Vec<Value> = element.children(txn).map(|c| child(txn, c)).collect();
            json!({ "element": element.tag().to_string(), "attributes": attributes, "children": children })
        }
        Out::YXmlFragment(fragment) => {
            let children: Vec<Value> = fragment.children(txn).map(|c| child(txn, c)).collect();
            json!({ "fragment": children })
        }
        Out::YDoc(doc) => json!({ "doc": doc.guid().to_string() }),
        Out::UndefinedRef(_) => panic!("a type without a name"),
    }
}

fn child<T: ReadTxn>(txn: &T, child: XmlOut) -> Value {
    match child {
        XmlOut::Element(element) => tree(txn, Out::YXmlElement(element)),
        XmlOut::Fragment(fragment) => tree(txn, Out::YXmlFragment(fragment)),
        XmlOut::Text(text) => tree(txn, Out::YXmlText(text)),
    }
}

fn parts<T: ReadTxn>(txn: &T, diff: Vec<yrs::types::text::Diff<YChange>>) -> Vec<Value> {
    let mut parts: Vec<Value> = Vec::new();
    for piece in diff {
        match (piece.insert, parts.last_mut()) {
            (Out::Any(Any::String(more)), Some(Value::String(text))) => text.push_str(&more),
            (Out::Any(Any::String(text)), _) => parts.push(json!(text.to_string())),
            (embed, _) => parts.push(json!({ "embed": tree(txn, embed) })),
        }
    }
    parts
}

fn plain(any: &Any) -> Value {
    match any {
        Any::Null => Value::Null,
        Any::Undefined => json!({ "undefined": true }),
        Any::Bool(bool) => json!(bool),
        Any::Number(number) => json!(number),
        Any::String(text) => json!(text.to_string()),
        Any::Buffer(bytes) => {
            json!({ "bytes": bytes.iter().map(|b| f64::from(*b)).collect::<Vec<_>>() })
        }
        Any::Array(items) => json!({ "list": items.iter().map(plain).collect::<Vec<_>>() }),
        Any::Map(map) => {
            let entries: Map<String, Value> = map
                .iter()
                .map(|(key, value)| (key.clone(), plain(value)))
                .collect();
            json!({ "object": entries })
        }
    }
}
