//! Bringing back on docs made with yrs: each layout by hand, then everything at random.
//!
//! What a doc shows is read here by other means than in the code under test: by yrs' own types, with values unfolded. The
//! rule: a restored doc is compared as a whole, and a test that expects edits checks how large they are.

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
    let there = restored(&[current.clone()], &[target]);
    // And back again.
    if let Some(update) = &there.update {
        restored(&[current.clone(), update.clone()], &[current]);
    }
    there
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

#[test]
fn nothing_differs_nothing_is_written() {
    let board = Board::new(10);
    board.edit(everything);
    let state = board.state();
    let nothing = restored(&[state.clone()], &[state.clone()]);
    assert_eq!(nothing, Restoration::default());
    assert_eq!(restored(&[], &[]), Restoration::default());
    // Neither if it came about differently.
    let other = Board::new(11);
    other.edit(|board, txn| {
        board.map.insert(txn, "gone", 1);
        board.map.remove(txn, "gone");
        everything(board, txn);
    });
    assert_eq!(restored(&[state], &[other.state()]).update, None);
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

#[test]
fn an_empty_doc_and_a_full_one_become_each_other() {
    let full = Board::new(10);
    full.edit(everything);
    let full = full.state();
    let filled = restored(&[], &[full.clone()]);
    assert!(filled.changes > 10);
    let emptied = restored(&[full.clone()], &[]);
    assert!(emptied.changes > 10);
    assert!(bytes_of(&emptied) < 64, "deletions only");
    restored(
        &[full.clone(), emptied.update.unwrap()],
        &[filled.update.unwrap()],
    );
}

#[test]
fn maps_are_restored_key_by_key_and_what_is_equal_is_not_touched() {
    let restoration = undo(everything, |board, txn| {
        let Some(Out::YMap(inner)) = board.map.get(txn, "inner") else {
            panic!("inner is a map");
        };
        inner.insert(txn, "x", 2);
        inner.insert(txn, "new", "y");
        board.map.remove(txn, "plain");
    });
    assert_eq!(restoration.changes, 3);
    assert!(bytes_of(&restoration) < 100);
}

#[test]
fn a_type_in_place_of_a_value_and_the_other_way_round() {
    let restoration = undo(
        |board, txn| {
            board.map.insert(txn, "a", 1);
            board.map.insert(txn, "b", ArrayPrelim::from([1]));
            board.map.insert(txn, "c", TextPrelim::new("c"));
        },
        |board, txn| {
            board.map.insert(txn, "a", MapPrelim::from([("k", "v")]));
            board.map.insert(txn, "b", 1);
            board.map.insert(txn, "c", MapPrelim::from([("k", "v")]));
        },
    );
    assert_eq!(restoration.changes, 3);
}

#[test]
fn entries_of_a_key_value_list_are_restored_by_key() {
    let restoration = undo(
        |board, txn| {
            for n in 0..1_000 {
                let val =
                    any!({"id": n, "x": 10, "props": {"text": "some text", "color": "black"}});
                board.kv.push_back(txn, entry(&format!("shape:{n}"), val));
            }
        },
        |board, txn| {
            // As YKeyValue does: the old entry goes, the new one comes at the end.
            for n in [500, 3] {
                board.kv.remove(txn, n);
                board
                    .kv
                    .push_back(txn, entry(&format!("shape:{n}"), any!({"x": 11})));
            }
            board.kv.remove(txn, 600);
            board.kv.push_back(txn, entry("shape:new", any!({"x": 1})));
        },
    );
    assert_eq!(restoration.changes, 4);
    assert!(bytes_of(&restoration) < 500);
}

#[test]
fn of_entries_with_one_key_the_last_one_counts() {
    let board = Board::new(10);
    let first = board.edit(|board, txn| {
        board.kv.push_back(txn, entry("a", 1.into()));
        board.kv.push_back(txn, entry("b", 1.into()));
    });
    // The order differs and there are two of `a`, but it shows the same.
    let other = Board::new(11);
    let same = other.edit(|board, txn| {
        board.kv.push_back(txn, entry("b", 1.into()));
        board.kv.push_back(txn, entry("a", 2.into()));
        board.kv.push_back(txn, entry("a", 1.into()));
    });
    assert_eq!(restored(&[same.clone()], &[first.clone()]).update, None);
    let winner_differs = other.edit(|board, txn| {
        board.kv.push_back(txn, entry("a", 3.into()));
    });
    let restoration = restored(&[same, winner_differs], &[first]);
    assert_eq!(restoration.changes, 1);
}

#[test]
fn lists_are_restored_by_the_least_that_must_go_and_come() {
    let restoration = undo(
        |board, txn| board.array.insert_range(txn, 0, 0..200),
        |board, txn| {
            board.array.insert(txn, 150, "x");
            board.array.remove_range(txn, 100, 2);
            board.array.insert(txn, 50, "y");
        },
    );
    assert_eq!(restoration.changes, 4);
    assert!(bytes_of(&restoration) < 64);
}

/// The branch ids of the types in a list.
fn ids(board: &Board) -> Vec<String> {
    let txn = board.doc.transact();
    let types: Vec<Out> = board.array.iter(&txn).collect();
    types
        .iter()
        .filter_map(|out| Some(format!("{:?}", out.try_branch()?.id())))
        .collect()
}

#[test]
fn types_with_an_id_stay_the_type_of_that_id() {
    let board = Board::new(10);
    board.edit(|board, txn| {
        for id in ["a", "b", "c", "d"] {
            board
                .array
                .push_back(txn, MapPrelim::from([("id", id), ("color", "red")]));
        }
    });
    let (before, target) = (ids(&board), board.state());
    board.edit(|board, txn| {
        for (at, color) in [(1, "blue"), (3, "green")] {
            let Some(Out::YMap(shape)) = board.array.get(txn, at) else {
                panic!("a shape is a map");
            };
            shape.insert(txn, "color", color);
        }
        board.array.remove(txn, 0);
        let new = MapPrelim::from([("id", "new"), ("color", "red")]);
        board.array.insert(txn, 1, new);
    });
    let restoration = restored(&[board.state()], &[target]);
    assert_eq!(restoration.changes, 4, "two colors, one shape each way");
    board.apply(&restoration.update.unwrap());
    assert_eq!(
        ids(&board)[1..],
        before[1..],
        "b, c and d are what they were"
    );
}

#[test]
fn types_without_an_id_are_turned_into_what_is_most_alike() {
    let board = Board::new(10);
    let paragraph = |board: &Board, txn: &mut TransactionMut<'_>, at, words: &str| {
        let paragraph = board.xml.insert(txn, at, XmlElementPrelim::empty("p"));
        paragraph.push_back(txn, XmlTextPrelim::new(words));
    };
    board.edit(|board, txn| {
        paragraph(board, txn, 0, "the quick brown fox jumps over the lazy dog");
        paragraph(board, txn, 1, "and what comes after that");
    });
    let target = board.state();
    let elements = |board: &Board| -> Vec<_> {
        let txn = board.doc.transact();
        board.xml.children(&txn).map(|child| child.id()).collect()
    };
    let before = elements(&board);
    board.edit(|board, txn| {
        paragraph(board, txn, 0, "something new above");
        let Some(XmlOut::Element(fox)) = board.xml.get(txn, 1) else {
            panic!("a paragraph");
        };
        let Some(XmlOut::Text(words)) = fox.get(txn, 0) else {
            panic!("a text");
        };
        words.remove_range(txn, 4, 6);
        words.format(txn, 0, 3, marks(&[("bold", true.into())]));
    });
    let restoration = restored(&[board.state()], &[target]);
    assert_eq!(restoration.changes, 3, "a paragraph, a word and a mark");
    board.apply(&restoration.update.unwrap());
    assert_eq!(elements(&board), before);
}

#[test]
fn texts_are_restored_by_character_and_mark() {
    let first = |board: &Board, txn: &mut TransactionMut<'_>| {
        board
            .text
            .insert(txn, 0, &"All work and no play. ".repeat(100));
        board
            .text
            .format(txn, 4, 4, marks(&[("bold", true.into())]));
    };
    let restoration = undo(first, |board, txn| {
        board.text.format(txn, 4, 4, marks(&[("bold", Any::Null)]));
        board
            .text
            .format(txn, 100, 7, marks(&[("em", true.into())]));
        board.text.insert(txn, 1_000, "dull");
        board.text.remove_range(txn, 2_000, 3);
    });
    assert_eq!(restoration.changes, 4);
    assert!(bytes_of(&restoration) < 200);

    let restoration = undo(first, |board, txn| {
        board
            .text
            .insert_with_attributes(txn, 6, "rdwo", marks(&[("bold", true.into())]));
    });
    assert_eq!(restoration.changes, 1);
}

#[test]
fn characters_beyond_the_basic_plane_are_not_cut() {
    undo(
        |board, txn| board.text.insert(txn, 0, "a\u{1F600}b\u{1F601}c"),
        |board, txn| {
            board.text.remove_range(txn, 1, 2);
            board.text.insert(txn, 0, "\u{1F603}");
            board.text.format(txn, 3, 2, marks(&[("b", true.into())]));
        },
    );
    // Both halves of these are equal in one and differ in the other.
    undo(
        |board, txn| board.text.insert(txn, 0, "\u{1F600}\u{1F601}"),
        |board, txn| {
            board.text.remove_range(txn, 0, 4);
            board.text.insert(txn, 0, "\u{1F601}\u{1FA01}");
        },
    );
}

#[test]
fn types_in_a_text_are_gone_into() {
    let restoration = undo(
        |board, txn| {
            board.text.insert(txn, 0, "before  after");
            let table = board.text.insert_embed(txn, 7, MapPrelim::default());
            for n in 0..100 {
                table.insert(txn, format!("cell {n}"), "some content of a cell");
            }
        },
        |board, txn| {
            let embeds: Vec<Out> = board
                .text
                .diff(txn, YChange::identity)
                .into_iter()
                .map(|diff| diff.insert)
                .collect();
            let Out::YMap(table) = &embeds[1] else {
                panic!("a table between texts");
            };
            table.insert(txn, "cell 7", "other");
            board
                .text
                .insert_embed(txn, 0, XmlTextPrelim::new("a new one"));
            board.text.insert(txn, 3, "words");
        },
    );
    assert_eq!(restoration.changes, 3);
    assert!(bytes_of(&restoration) < 100);
}

#[test]
fn values_keep_their_kind() {
    undo(
        |board, txn| {
            let values = [
                Any::Undefined,
                Any::Null,
                Any::from(f64::INFINITY),
                Any::from(9007199254740991.0),
                Any::from(1e300),
                Any::from(0.1),
                Any::from(vec![1u8, 2, 3]),
                any!({"nested": [{"deep": []}]}),
            ];
            for (at, value) in values.into_iter().enumerate() {
                board.map.insert(txn, format!("{at}"), value.clone());
                board.array.insert_range(txn, at as u32, [value]);
            }
        },
        |board, txn| {
            board.map.clear(txn);
            board.array.remove_range(txn, 0, 8);
        },
    );
}

#[test]
fn bigints_and_minus_zero_come_back_byte_for_byte() {
    // A map's "k": [-0, 2^53 + 1 as BigInt, 5 as BigInt], which yrs would write as 0, a BigInt and 5.
    let value = [
        &[117, 3, 125, 0x40, 122, 0, 0x20, 0, 0, 0, 0, 0, 1][..],
        &[122, 0, 0, 0, 0, 0, 0, 0, 5],
    ]
    .concat();
    let set = [
        &[1, 1, 7, 0, 0x28, 1, 3, b'm', b'a', b'p', 1, b'k', 1][..],
        &value,
        &[0],
    ]
    .concat();
    let with: Bytes = set.into();
    let update = restore(&[], &[with.clone()]).unwrap().update.unwrap();
    assert!(update.windows(value.len()).any(|bytes| bytes == value));
    assert_eq!(restore(&[update], &[with]).unwrap(), Restoration::default());
}

#[test]
fn hooks_come_back() {
    // In a root: a hook "h" with an entry "k", and nothing else.
    let hook = [0x07, 1, 1, b'x', 5, 1, b'h'];
    let entry = [0x28, 0, 7, 0, 1, b'k', 1, 120];
    let with: Bytes = [&[1, 2, 7, 0][..], &hook, &entry, &[0]].concat().into();
    let update = restore(&[], &[with.clone()]).unwrap().update.unwrap();
    assert!(update.windows(3).any(|bytes| bytes == [5, 1, b'h']));
    assert_eq!(restore(&[update], &[with]).unwrap(), Restoration::default());
}

#[test]
fn sub_documents_are_equal_by_name_and_said_when_they_are_not() {
    let with = Board::new(10);
    let sub = Doc::with_options(Options::with_guid_and_client_id(
        "sub".into(),
        ClientID::new(5),
    ));
    let base = with.edit(|board, txn| {
        board.map.insert(txn, "doc", sub);
        board.map.insert(txn, "x", 1);
    });
    let moved = with.edit(|board, txn| drop(board.map.insert(txn, "x", 2)));
    let removed = with.edit(|board, txn| drop(board.map.remove(txn, "doc")));
    // It is still there: nothing to say.
    let restoration = restored(&[base.clone(), moved.clone()], &[base.clone()]);
    assert_eq!(restoration.changes, 1);
    // It is not: everything else comes back.
    let current = [base.clone(), moved, removed];
    let restoration = restore(&current, &[base]).unwrap();
    assert_eq!(
        restoration.left,
        ["root \"map\", \"doc\" was the sub-document sub, which cannot be made again"]
    );
    let after = Board::of(1, &current);
    after.apply(&restoration.update.unwrap());
    assert_eq!(after.shown()["map"], json!({"x": 1.0}));
}

#[test]
fn roots_that_are_another_type_now_are_left_and_said() {
    let named = |make: fn(&Doc, &str)| -> Bytes {
        let board = Board::new(10);
        make(&board.doc, "x");
        board.state()
    };
    let a_map = named(|doc, name| {
        let map = doc.get_or_insert_map(name);
        map.insert(&mut doc.transact_mut(), "k", 1);
    });
    let a_list = named(|doc, name| {
        let list = doc.get_or_insert_array(name);
        list.push_back(&mut doc.transact_mut(), 1);
    });
    let a_text = named(|doc, name| {
        let text = doc.get_or_insert_text(name);
        text.push(&mut doc.transact_mut(), "t");
    });
    for (current, target, now, then) in [
        (&a_map, &a_list, "a map", "a list"),
        (&a_list, &a_text, "a list", "text"),
        (&a_text, &a_map, "text", "a map"),
    ] {
        let restoration = restore(&[current.clone()], &[target.clone()]).unwrap();
        assert_eq!(restoration.update, None);
        assert_eq!(
            restoration.left,
            [format!(
                "root \"x\" is {now} now and was {then} then, and one cannot become the other"
            )]
        );
    }
}

#[test]
fn docs_that_lack_something_are_refused() {
    let board = Board::new(10);
    board.edit(|board, txn| drop(board.map.insert(txn, "k", 1)));
    let later = board.edit(|board, txn| drop(board.map.insert(txn, "k", 2)));
    assert!(restore(&[later.clone()], &[]).is_err());
    assert!(restore(&[], &[later]).is_err());
    assert!(restore(&[Bytes::from_static(b"nonsense")], &[]).is_err());
}

#[test]
fn depth_is_taken_to_a_thousand_and_refused_beyond() {
    let nested = |depth: usize| -> Bytes {
        let board = Board::new(10);
        board.edit(|board, txn| {
            let mut map = board.map.insert(txn, "m", MapPrelim::default());
            for _ in 1..depth {
                map = map.insert(txn, "m", MapPrelim::default());
            }
            map.insert(txn, "leaf", depth as u32);
        })
    };
    let honest = nested(990);
    let planted = restore(&[], &[honest.clone()]).unwrap();
    let again = restore(&[planted.update.unwrap()], &[honest]).unwrap();
    assert_eq!(again, Restoration::default());
    let why = restore(&[], &[nested(1_001)]).unwrap_err();
    assert_eq!(why, "its types are nested deeper than 1000 levels");
}

#[test]
fn lengths_that_yrs_has_wrong_do_no_harm() {
    // After wrapping, yrs believes in other lengths than there are.
    let board = Board::new(10);
    board.edit(everything);
    let target = board.state();
    board.edit(|board, txn| {
        board.array.remove(txn, 1);
        board.kv.remove(txn, 0);
        board.xml.remove(txn, 0);
    });
    let current = seal::seal(&board.state()).unwrap();
    let target = seal::seal(&target).unwrap();
    let doc = open(&current).unwrap();
    let mut txn = doc.transact_mut();
    for (_, mut root) in super::super::roots::roots(&txn) {
        (root.content_len, root.block_len) = (1, u32::MAX);
    }
    let mut classes = Classes::new();
    let target_doc = open(&target).unwrap();
    let target = Tree::read(&target_doc.transact(), &mut classes).unwrap();
    let plan = compare(&txn, &target, &mut classes).unwrap();
    assert_eq!(plan.changes, 3);
    apply::apply(&mut txn, &plan.edits, &target, &classes);
    let plan = compare(&txn, &target, &mut classes).unwrap();
    assert!(plan.edits.is_empty());
}

#[test]
fn edits_that_are_made_meanwhile_stay() {
    let board = Board::new(10);
    board.edit(everything);
    let target = board.state();
    board.edit(|board, txn| {
        let Some(Out::YMap(inner)) = board.map.get(txn, "inner") else {
            panic!("inner is a map");
        };
        inner.insert(txn, "x", 99);
        board.array.insert(txn, 1, "late");
        board.kv.remove(txn, 0);
        board.kv.push_back(txn, entry("shape:1", any!({"x": 99})));
        board.text.insert(txn, 0, "Late. ");
    });
    let current = board.state();
    let restoration = restored(&[current.clone()], &[target]);
    let meanwhile = Board::of(77, &[current.clone()]).edit(|board, txn| {
        let Some(Out::YMap(inner)) = board.map.get(txn, "inner") else {
            panic!("inner is a map");
        };
        inner.insert(txn, "color", "red");
        board.array.push_back(txn, "meanwhile");
        board.kv.push_back(txn, entry("shape:9", any!({"x": 9})));
        let end = board.text.len(txn);
        board.text.insert(txn, end, " More.");
    });
    let update = restoration.update.unwrap();
    let one = Board::of(1, &[current.clone(), update.clone(), meanwhile.clone()]);
    let other = Board::of(2, &[current, meanwhile, update]);
    let shown = one.shown();
    assert_eq!(shown, other.shown());
    assert_eq!(shown["map"]["inner"]["map"]["color"], "red");
    assert_eq!(shown["map"]["inner"]["map"]["x"], 1.0);
    assert!(
        shown["array"]
            .as_array()
            .unwrap()
            .contains(&json!("meanwhile"))
    );
    assert!(!shown["array"].as_array().unwrap().contains(&json!("late")));
    assert_eq!(shown["kv"]["\"shape:9\""], json!({"x": 9.0}));
    assert_eq!(shown["kv"]["\"shape:1\""]["x"], 1.5);
    let text = shown["text"].to_string();
    assert!(text.contains(" More.") && !text.contains("Late"), "{text}");
}

#[test]
fn the_update_is_of_one_new_client_and_deletes_only_what_it_must() {
    let board = Board::new(10);
    board.edit(|board, txn| {
        board.array.insert_range(txn, 0, 0..100);
        board.map.insert(txn, "k", 1);
    });
    let target = board.state();
    board.edit(|board, txn| {
        for at in (0..100).step_by(2).rev() {
            board.array.remove(txn, at);
        }
    });
    board.edit(|board, txn| drop(board.map.insert(txn, "k", 2)));
    let target_of_one = Board::of(11, &[board.state()]);
    target_of_one.edit(|board, txn| drop(board.map.insert(txn, "k", 1)));
    let current = board.state();
    let update = restored(&[current.clone()], &[target_of_one.state()])
        .update
        .unwrap();
    let facts = scrible_wire::scan(&update, &Limits::default()).unwrap();
    assert_eq!(facts.lists.len(), 1);
    assert!(facts.lists[0].client < 1 << 53);
    assert_ne!(facts.lists[0].client, 10);
    assert!(
        update.len() < 40,
        "the 50 deletions of others are not in it"
    );
    restored(&[current], &[target]);
}

/// A seeded random source (xorshift).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.below(2);
        random
    }

    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % u64::from(end)) as u32
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }

    fn key(&mut self) -> &'static str {
        self.of(&["a", "b", "c", "id", "x"])
    }

    fn value(&mut self) -> Any {
        match self.below(7) {
            0 => Any::from(self.below(5)),
            1 => Any::from(f64::from(self.below(9)) / 4.0),
            2 => Any::from(self.words()),
            3 => any!({"x": (self.below(3)), "list": [1, 2]}),
            4 => Any::Bool(self.below(2) == 0),
            5 => Any::from(vec![self.below(255) as u8]),
            _ => Any::Null,
        }
    }

    fn words(&mut self) -> String {
        let words = ["one ", "two ", "\u{1F600}", "é, ", "three\n", "x"];
        (0..=self.below(4)).map(|_| self.of(&words)).collect()
    }

    fn marks(&mut self) -> Attrs {
        let mark = match self.below(4) {
            0 => Any::Null,
            1 => any!({"href": (self.words())}),
            _ => Any::Bool(true),
        };
        marks(&[(self.of(&["bold", "em", "link"]), mark)])
    }

    fn shared(&mut self) -> In {
        match self.below(6) {
            0 => In::from(MapPrelim::from([("id", self.words())])),
            1 => In::from(MapPrelim::default()),
            2 => In::from(ArrayPrelim::from([self.value(), self.value()])),
            3 => In::from(TextPrelim::new(self.words())),
            4 => In::from(XmlElementPrelim::empty(self.of(&["p", "h"]))),
            _ => In::from(XmlTextPrelim::new(self.words())),
        }
    }

    fn any_or_shared(&mut self) -> In {
        if self.below(3) == 0 {
            self.shared()
        } else {
            In::Any(self.value())
        }
    }

    /// Does something to a board.
    fn edit(&mut self, board: &Board, txn: &mut TransactionMut<'_>) {
        match self.below(6) {
            0 => self.edit_map(&board.map, txn),
            1 => self.edit_array(&board.array, txn),
            2 => {
                let key = format!("shape:{}", self.below(8));
                let old = board.kv.iter(txn).position(
                    |entry| matches!(entry.to_json_value(), Value::Object(e) if e["key"] == key),
                );
                if let Some(old) = old {
                    board.kv.remove(txn, old as u32);
                }
                if self.below(4) > 0 {
                    board.kv.push_back(txn, entry(&key, self.value()));
                }
            }
            3 => self.edit_text(&board.text, txn),
            _ => self.edit_xml(&board.xml, txn),
        }
    }

    fn edit_out(&mut self, out: &Out, txn: &mut TransactionMut<'_>) -> bool {
        match out {
            Out::YMap(shared) => self.edit_map(shared, txn),
            Out::YArray(shared) => self.edit_array(shared, txn),
            Out::YText(shared) => self.edit_text(shared, txn),
            Out::YXmlText(shared) => self.edit_xml_text(shared, txn),
            Out::YXmlElement(shared) => self.edit_element(shared, txn),
            _ => return false,
        }
        true
    }

    fn edit_map(&mut self, map: &MapRef, txn: &mut TransactionMut<'_>) {
        let key = self.key();
        if self.below(2) == 0
            && let Some(inner) = map.get(txn, key)
            && self.edit_out(&inner, txn)
        {
            return;
        }
        if self.below(4) == 0 {
            map.remove(txn, key);
        } else {
            map.insert(txn, key, self.any_or_shared());
        }
    }

    fn edit_array(&mut self, array: &ArrayRef, txn: &mut TransactionMut<'_>) {
        let len = array.len(txn);
        let at = self.below(len + 1);
        if self.below(2) == 0
            && let Some(inner) = array.get(txn, at)
            && self.edit_out(&inner, txn)
        {
            return;
        }
        if self.below(3) == 0 && at < len {
            array.remove_range(txn, at, 1 + self.below((len - at).min(3)));
        } else {
            array.insert(txn, at, self.any_or_shared());
        }
    }

    fn edit_text(&mut self, text: &impl Text, txn: &mut TransactionMut<'_>) {
        // Only where characters begin: an editor doesn't cut them either.
        let mut places = vec![0];
        let mut end = 0;
        for diff in text.diff(txn, YChange::identity) {
            match &diff.insert {
                Out::Any(Any::String(text)) => {
                    for char in text.chars() {
                        end += char.len_utf16() as u32;
                        places.push(end);
                    }
                }
                _ => {
                    end += 1;
                    places.push(end);
                }
            }
        }
        let at = self.below(places.len() as u32) as usize;
        let to = (at + 1 + self.below(5) as usize).min(places.len() - 1);
        let (from, len) = (places[at], places[to] - places[at]);
        match self.below(6) {
            0 | 1 if len > 0 => text.remove_range(txn, from, len),
            2 | 3 if len > 0 => text.format(txn, from, len, self.marks()),
            4 => drop(text.insert_embed(txn, from, any!({"image": (self.below(3))}))),
            5 => {
                let new = text.insert_embed(txn, from, MapPrelim::default());
                self.edit_map(&new, txn);
            }
            _ if self.below(2) == 0 => text.insert(txn, from, &self.words()),
            _ => text.insert_with_attributes(txn, from, &self.words(), self.marks()),
        }
    }

    fn edit_xml_text(&mut self, text: &XmlTextRef, txn: &mut TransactionMut<'_>) {
        if self.below(5) == 0 {
            text.insert_attribute(txn, self.key(), In::Any(self.value()));
        } else {
            self.edit_text(text, txn);
        }
    }

    fn edit_element(&mut self, element: &XmlElementRef, txn: &mut TransactionMut<'_>) {
        match self.below(4) {
            0 => drop(element.insert_attribute(txn, self.key(), In::Any(self.value()))),
            1 => element.remove_attribute(txn, &self.key()),
            _ => self.edit_xml(element, txn),
        }
    }

    fn edit_xml(&mut self, xml: &impl XmlFragment, txn: &mut TransactionMut<'_>) {
        let len = xml.len(txn);
        let at = self.below(len + 1);
        if self.below(2) == 0
            && let Some(child) = xml.get(txn, at)
        {
            self.edit_out(&Out::from(child), txn);
        } else if self.below(4) == 0 && at < len {
            xml.remove(txn, at);
        } else if self.below(2) == 0 {
            xml.insert(txn, at, XmlTextPrelim::new(self.words()));
        } else {
            xml.insert(txn, at, XmlElementPrelim::empty(self.of(&["p", "h"])));
        }
    }
}

/// Two clients edit for a while and exchange what they did.
fn converse(random: &mut Random, boards: [&Board; 2], rounds: u32) {
    for _ in 0..rounds {
        let mut made = Vec::new();
        for board in boards {
            let edits = 1 + random.below(4);
            let update = board.edit(|board, txn| {
                for _ in 0..edits {
                    random.edit(board, txn);
                }
            });
            made.push(update);
        }
        if random.below(2) == 0 {
            boards[0].apply(&boards[1].state());
            boards[1].apply(&boards[0].state());
        }
    }
    boards[0].apply(&boards[1].state());
    boards[1].apply(&boards[0].state());
    assert_eq!(boards[0].shown(), boards[1].shown());
}

#[test]
fn any_doc_becomes_any_other_and_whoever_edits_meanwhile_agrees() {
    let seeds = std::env::var("SCRIBLE_RESTORE_SEEDS").map_or(500, |n| n.parse().unwrap());
    let mut changes = 0;
    for seed in 1..=seeds {
        let mut random = Random::new(seed);
        let boards = [Board::new(10), Board::new(20)];
        let rounds = 1 + random.below(12);
        converse(&mut random, [&boards[0], &boards[1]], rounds);
        let target = boards[0].state();
        let current = if seed % 3 == 0 {
            let others = [Board::new(30), Board::new(40)];
            converse(&mut random, [&others[0], &others[1]], 6);
            others[0].state()
        } else {
            let rounds = 1 + random.below(8);
            converse(&mut random, [&boards[0], &boards[1]], rounds);
            boards[0].state()
        };
        eprintln!("seed {seed}");
        let there = restored(&[current.clone()], &[target.clone()]);
        changes += there.changes;
        let Some(update) = there.update else { continue };
        let after = [current.clone(), update.clone()];
        restored(&after, &[current.clone()]);
        assert_eq!(restored(&after, &[target]).update, None);

        let someone = Board::of(50, &[current.clone()]);
        let meanwhile = someone.edit(|board, txn| {
            for _ in 0..4 {
                random.edit(board, txn);
            }
        });
        let one = Board::of(1, &[current.clone(), update.clone(), meanwhile.clone()]);
        let other = Board::of(2, &[current, meanwhile, update]);
        assert_eq!(one.shown(), other.shown());
    }
    assert!(
        changes > 5 * seeds,
        "{changes} changes are too few to show anything"
    );
}
