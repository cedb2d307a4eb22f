//! Bringing back on docs made with yrs: each layout by hand, then everything at random.
//!
//! What a doc shows is read here by other means than in the code under test: by yrs' own types, with values unfolded. The
//! rule: a restored doc is compared as a whole, and a test that expects edits checks how large they are.

mod edges;
mod layouts;
mod random;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use yrs::types::Attrs;
use yrs::types::text::YChange;
use yrs::updates::decoder::Decode;
use yrs::{
    Any, Array, ArrayPrelim, ArrayRef, Doc, In, Map, MapPrelim, MapRef, OffsetKind, Options, Out,
    ReadTxn, StateVector, Text, TextPrelim, TextRef, Transact, TransactionMut, Update, Xml,
    XmlElementPrelim, XmlElementRef, XmlFragment, XmlFragmentRef, XmlOut, XmlTextPrelim,
    XmlTextRef, any,
};

use super::*;

/// A doc with its roots named: `map`, `array`, `kv` (as `YKeyValue` has it), `text`, `xml`.
struct Board {
    doc: Doc,
    map: MapRef,
    array: ArrayRef,
    kv: ArrayRef,
    text: TextRef,
    xml: XmlFragmentRef,
}

impl Board {
    fn new(client: u64) -> Self {
        let doc = Doc::with_options(Options {
            offset_kind: OffsetKind::Utf16,
            // What it cleans up depends on how updates were batched, in Yjs as well.
            cleanup_formatting: false,
            ..Options::with_client_id(ClientID::new(client))
        });
        Board {
            map: doc.get_or_insert_map("map"),
            array: doc.get_or_insert_array("array"),
            kv: doc.get_or_insert_array("kv"),
            text: doc.get_or_insert_text("text"),
            xml: doc.get_or_insert_xml_fragment("xml"),
            doc,
        }
    }

    fn of(client: u64, updates: &[Bytes]) -> Self {
        let board = Board::new(client);
        updates.iter().for_each(|update| board.apply(update));
        board
    }

    fn apply(&self, update: &[u8]) {
        let update = Update::decode_v1(update).unwrap();
        let mut txn = self.doc.transact_mut();
        txn.apply_update(update).unwrap();
        assert!(!txn.has_missing_updates());
    }

    fn edit(&self, edit: impl FnOnce(&Board, &mut TransactionMut<'_>)) -> Bytes {
        let mut txn = self.doc.transact_mut();
        edit(self, &mut txn);
        txn.commit();
        txn.encode_update_v1().into()
    }

    fn state(&self) -> Bytes {
        let txn = self.doc.transact();
        txn.encode_state_as_update_v1(&StateVector::default())
            .into()
    }

    /// Entries of `kv` by key; everything else as it stands.
    fn shown(&self) -> Value {
        let txn = self.doc.transact();
        let kv: serde_json::Map<String, Value> = self
            .kv
            .iter(&txn)
            .map(|entry| match entry.to_json_value() {
                Value::Object(entry) => (entry["key"].to_string(), entry["val"].clone()),
                other => panic!("{other} in kv"),
            })
            .collect();
        let mut shown = json!({
            "map": map(&txn, &self.map),
            "array": list(&txn, &self.array),
            "kv": kv,
            "text": text(&txn, &self.text),
            "xml": children(&txn, &self.xml),
        });
        shown.sort_all_objects();
        shown
    }
}

trait ToJsonValue {
    fn to_json_value(&self) -> Value;
}

impl ToJsonValue for Out {
    fn to_json_value(&self) -> Value {
        match self {
            Out::Any(any) => any.to_json_value(),
            other => panic!("{other:?} is no plain value"),
        }
    }
}

impl ToJsonValue for Any {
    fn to_json_value(&self) -> Value {
        match self {
            Any::Undefined => json!({"undefined": true}),
            Any::Buffer(bytes) => json!({"bytes": bytes.to_vec()}),
            Any::Number(number) => json!(number.as_f64()),
            Any::Array(list) => list.iter().map(Any::to_json_value).collect(),
            Any::Map(map) => {
                let entry = |(key, value): (&String, &Any)| (key.clone(), value.to_json_value());
                Value::Object(map.iter().map(entry).collect())
            }
            Any::Null => Value::Null,
            Any::Bool(bool) => json!(bool),
            Any::String(text) => json!(&**text),
        }
    }
}

fn shown(txn: &impl ReadTxn, out: &Out) -> Value {
    match out {
        Out::YText(shared) => json!({"text": text(txn, shared)}),
        Out::YArray(shared) => json!({"array": list(txn, shared)}),
        Out::YMap(shared) => json!({"map": map(txn, shared)}),
        Out::YXmlElement(shared) => json!({
            "element": &**shared.tag(),
            "attributes": attributes(txn, shared),
            "children": children(txn, shared),
        }),
        Out::YXmlFragment(shared) => json!({"fragment": children(txn, shared)}),
        Out::YXmlText(shared) => {
            json!({"xml text": text(txn, shared), "attributes": attributes(txn, shared)})
        }
        Out::YDoc(doc) => json!({"doc": doc.guid().as_ref()}),
        other => other.to_json_value(),
    }
}

fn map(txn: &impl ReadTxn, shared: &MapRef) -> Value {
    let entry = |(key, value): (&str, Out)| (key.to_owned(), shown(txn, &value));
    Value::Object(shared.iter(txn).map(entry).collect())
}

fn attributes(txn: &impl ReadTxn, shared: &impl Xml) -> Value {
    let entry = |(key, value): (&str, Out)| (key.to_owned(), shown(txn, &value));
    Value::Object(shared.attributes(txn).map(entry).collect())
}

fn list(txn: &impl ReadTxn, shared: &ArrayRef) -> Value {
    shared.iter(txn).map(|value| shown(txn, &value)).collect()
}

fn children(txn: &impl ReadTxn, shared: &impl XmlFragment) -> Value {
    shared
        .children(txn)
        .map(|child| shown(txn, &Out::from(child)))
        .collect()
}

/// Pieces as [text or embed, marks], neighbours with the same marks joined.
fn text(txn: &impl ReadTxn, shared: &impl Text) -> Value {
    let mut pieces: Vec<Value> = Vec::new();
    for diff in shared.diff(txn, YChange::identity) {
        let marks = diff.attributes.map_or(json!({}), |marks| {
            let mark = |(name, mark): (&Arc<str>, &Any)| (name.to_string(), mark.to_json_value());
            Value::Object(marks.iter().map(mark).collect())
        });
        let what = match &diff.insert {
            Out::Any(Any::String(text)) => json!(&**text),
            other => json!({"embed": shown(txn, other)}),
        };
        if let Some(Value::Array(last)) = pieces.last_mut()
            && let ([Value::String(before), before_marks], Value::String(text)) =
                (&mut last[..], &what)
            && *before_marks == marks
        {
            before.push_str(text);
            continue;
        }
        pieces.push(json!([what, marks]));
    }
    Value::Array(pieces)
}

/// Restores and checks that everybody then sees what the version shows. Returns the restoration.
fn restored(current: &[Bytes], target: &[Bytes]) -> Restoration {
    let restoration = restore(current, target).unwrap();
    assert_eq!(restoration.left, [] as [String; 0]);
    let after = Board::of(1, current);
    if let Some(update) = &restoration.update {
        after.apply(update);
    }
    assert_eq!(after.shown(), Board::of(2, target).shown());
    restoration
}

/// Makes a version with `first`, goes on with `then`, and restores it. Returns the restoration.
fn undo(
    first: impl FnOnce(&Board, &mut TransactionMut<'_>),
    then: impl FnOnce(&Board, &mut TransactionMut<'_>),
) -> Restoration {
    let board = Board::new(10);
    board.edit(first);
    let target = board.state();
    board.edit(then);
    let current = board.state();
    let there = restored(one(&current), &[target]);
    // And back again.
    if let Some(update) = &there.update {
        restored(&[current.clone(), update.clone()], &[current]);
    }
    there
}

/// A log of one update.
fn one(update: &Bytes) -> &[Bytes] {
    std::slice::from_ref(update)
}

fn bytes_of(restoration: &Restoration) -> usize {
    restoration.update.as_ref().map_or(0, |update| update.len())
}

fn marks(marks: &[(&str, Any)]) -> Attrs {
    marks
        .iter()
        .map(|(name, mark)| (Arc::from(*name), mark.clone()))
        .collect()
}

fn entry(key: &str, val: Any) -> Any {
    any!({"key": key, "val": val})
}

/// Some of everything.
fn everything(board: &Board, txn: &mut TransactionMut<'_>) {
    board
        .map
        .insert(txn, "plain", any!({"a": [1, 2.5, null], "b": "x"}));
    let inner = board.map.insert(txn, "inner", MapPrelim::default());
    inner.insert(txn, "x", 1);
    inner.insert(txn, "title", TextPrelim::new("a title"));
    inner.insert(txn, "list", ArrayPrelim::from([1, 2, 3]));
    board.array.insert_range(txn, 0, [1, 2, 3]);
    for id in ["a", "b"] {
        board
            .array
            .push_back(txn, MapPrelim::from([("id", id), ("text", "t")]));
    }
    for key in ["shape:1", "shape:2", "page:1"] {
        board
            .kv
            .push_back(txn, entry(key, any!({"id": key, "x": 1.5})));
    }
    board.text.insert(txn, 0, "plain and bold");
    board
        .text
        .format(txn, 10, 4, marks(&[("bold", true.into())]));
    board.text.insert_embed(txn, 5, any!({"image": "cat.png"}));
    let heading = board.xml.push_back(txn, XmlElementPrelim::empty("heading"));
    heading.insert_attribute(txn, "level", 2);
    heading.push_back(txn, XmlTextPrelim::new("Heading"));
    let paragraph = board
        .xml
        .push_back(txn, XmlElementPrelim::empty("paragraph"));
    let words = paragraph.push_back(txn, XmlTextPrelim::new("some words"));
    words.format(
        txn,
        5,
        5,
        marks(&[("link", any!({"href": "#", "target": null}))]),
    );
}
