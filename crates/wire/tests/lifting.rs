//! Documents read without their values: each place must hold the number of what stands there.
//!
//! It does not touch merging. The rule: yrs applies the update twice, as it came and lifted, and both are walked in step.

mod support;

use std::path::Path;

use scrible_wire::lift::{Lifted, lift, lifted};
use scrible_wire::{Limits, Reason};
use support::build::*;
use yrs::types::text::{Diff, YChange};
use yrs::updates::decoder::Decode;
use yrs::{
    Any, Array, Doc, Map, Number, Out, ReadTxn, Text, Transact, Transaction, Update, XmlFragment,
    XmlOut,
};

fn open(update: &[u8]) -> Doc {
    let doc = support::doc();
    let update = Update::decode_v1(update).unwrap();
    doc.transact_mut().apply_update(update).unwrap();
    doc
}

/// Walks a document and what is left of it without its values.
struct Walk<'d> {
    update: &'d [u8],
    whole: Transaction<'d>,
    left: Transaction<'d>,
    values: usize,
    embeds: usize,
}

impl Walk<'_> {
    fn any(&mut self, whole: &Any, left: &Any) {
        let found = match left {
            Any::Number(Number::Int(number)) => match lifted(self.update, *number).unwrap() {
                Lifted::Value(bytes) => {
                    self.values += 1;
                    Any::decode(&mut yrs::encoding::read::Cursor::new(bytes)).unwrap()
                }
                Lifted::Embed(json) => {
                    self.embeds += 1;
                    Any::from_json(json).unwrap()
                }
            },
            Any::Null => return assert!(matches!(whole, Any::Buffer(_)), "{whole:?}"),
            other => other.clone(),
        };
        assert_eq!(found, *whole);
    }

    fn children(&mut self, whole: Vec<XmlOut>, left: Vec<XmlOut>) {
        assert_eq!(whole.len(), left.len());
        for (whole, left) in whole.into_iter().zip(left) {
            let out = |child| match child {
                XmlOut::Element(element) => Out::YXmlElement(element),
                XmlOut::Fragment(fragment) => Out::YXmlFragment(fragment),
                XmlOut::Text(text) => Out::YXmlText(text),
            };
            self.out(out(whole), out(left));
        }
    }

    fn pieces(&mut self, whole: Vec<Diff<YChange>>, left: Vec<Diff<YChange>>) {
        assert_eq!(whole.len(), left.len());
        for (whole, left) in whole.into_iter().zip(left) {
            assert_eq!(whole.attributes, left.attributes);
            self.out(whole.insert, left.insert);
        }
    }

    fn out(&mut self, whole: Out, left: Out) {
        match (whole, left) {
            (Out::Any(whole), Out::Any(left)) => self.any(&whole, &left),
            (Out::YMap(whole), Out::YMap(left)) => {
                let entries: Vec<_> = whole
                    .iter(&self.whole)
                    .map(|(k, v)| (k.to_owned(), v))
                    .collect();
                assert_eq!(entries.len() as u32, left.len(&self.left));
                for (key, whole) in entries {
                    let left = left.get(&self.left, &key).unwrap();
                    self.out(whole, left);
                }
            }
            (Out::YArray(whole), Out::YArray(left)) => {
                let whole: Vec<_> = whole.iter(&self.whole).collect();
                let left: Vec<_> = left.iter(&self.left).collect();
                assert_eq!(whole.len(), left.len());
                for (whole, left) in whole.into_iter().zip(left) {
                    self.out(whole, left);
                }
            }
            (Out::YText(whole), Out::YText(left)) => {
                let whole = whole.diff(&self.whole, YChange::identity);
                let left = left.diff(&self.left, YChange::identity);
                self.pieces(whole, left);
            }
            (Out::YXmlFragment(whole), Out::YXmlFragment(left)) => {
                let whole = whole.children(&self.whole).collect();
                let left = left.children(&self.left).collect();
                self.children(whole, left);
            }
            (Out::YXmlElement(whole), Out::YXmlElement(left)) => {
                let whole = whole.children(&self.whole).collect();
                let left = left.children(&self.left).collect();
                self.children(whole, left);
            }
            (Out::YXmlText(whole), Out::YXmlText(left)) => {
                let whole = whole.diff(&self.whole, YChange::identity);
                let left = left.diff(&self.left, YChange::identity);
                self.pieces(whole, left);
            }
            (Out::YDoc(whole), Out::YDoc(left)) => assert_eq!(whole.guid(), left.guid()),
            (whole, left) => panic!("{whole:?} became {left:?}"),
        }
    }
}

/// How many values and embeds were found.
fn in_step(update: &[u8]) -> (usize, usize) {
    let left = lift(update, &Limits::default()).unwrap();
    let (whole, left) = (open(update), open(&left));
    let mut names: Vec<_> = whole
        .transact()
        .root_refs()
        .map(|(name, _)| name.to_owned())
        .collect();
    names.sort_unstable();
    let mut walk = Walk {
        update,
        whole: whole.transact(),
        left: left.transact(),
        values: 0,
        embeds: 0,
    };
    assert_eq!(walk.whole.state_vector(), walk.left.state_vector());
    assert_eq!(
        walk.whole.has_missing_updates(),
        walk.left.has_missing_updates()
    );
    for name in &names {
        let pair = |txn: &Transaction<'_>| {
            let list = txn.get_array(name.as_str()).map(Out::YArray);
            let map = txn.get_map(name.as_str()).map(Out::YMap);
            let text = txn.get_text(name.as_str()).map(Out::YText);
            let xml = txn.get_xml_fragment(name.as_str()).map(Out::YXmlFragment);
            match name.as_str() {
                // As what they were made.
                "map" => vec![map],
                "array" => vec![list],
                "text" => vec![text],
                "xml" => vec![xml],
                _ => vec![list, map],
            }
        };
        for (whole, left) in pair(&walk.whole).into_iter().zip(pair(&walk.left)) {
            walk.out(whole.unwrap(), left.unwrap());
        }
    }
    (walk.values, walk.embeds)
}

#[test]
fn documents_keep_every_value_in_its_place() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/documents");
    let mut values = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        values += in_step(&std::fs::read(entry.unwrap().path()).unwrap()).0;
    }
    assert!(values > 2_000, "{values}");
}

#[test]
fn edited_documents_keep_every_value_in_its_place() {
    let (mut values, mut embeds) = (0, 0);
    for session in support::fixture_for_yrs() {
        for state in session.probes.iter().chain([&session.state]) {
            let found = in_step(state);
            values += found.0;
            embeds += found.1;
        }
    }
    assert!(values > 1_000 && embeds > 100, "{values} {embeds}");
}

#[test]
fn nothing_but_lifting_leaves_a_number() {
    let inside = |kind, content: &[u8]| {
        let place = Place::default();
        update(&[(1, 0, &[item(&place, kind, content)])], &[])
    };
    let shown = |update: &[u8]| {
        let doc = open(&lift(update, &Limits::default()).unwrap());
        let txn = doc.transact();
        let list: Vec<Out> = txn.get_array("t").unwrap().iter(&txn).collect();
        list
    };
    let of_embed = inside(EMBED, &text("7"));
    let Out::Any(Any::Number(Number::Int(number))) = shown(&of_embed)[0] else {
        panic!("a number")
    };
    assert_eq!(lifted(&of_embed, number), Some(Lifted::Embed("7")));
    assert_eq!(shown(&inside(BINARY, &bytes(&[7]))), [Out::Any(Any::Null)]);
    let of_values = inside(ANY, &[2, 125, 7, 119, 1, b'x']);
    let [
        Out::Any(Any::Number(Number::Int(_))),
        Out::Any(Any::Number(Number::Int(number))),
    ] = shown(&of_values)[..]
    else {
        panic!("two numbers")
    };
    let Some(Lifted::Value(bytes)) = lifted(&of_values, number) else {
        panic!("a value")
    };
    assert!(bytes.starts_with(&[119, 1, b'x']));
    for stray in [of_values.len() as i64 + 1, i64::MAX, i64::MIN, -1_000] {
        assert_eq!(lifted(&of_values, stray), None);
    }
}

#[test]
fn what_the_gate_refuses_is_not_lifted() {
    for (bad, reason) in [
        (
            update(
                &[(1, 0, &[item(&Place::default(), JSON, &[1, 1, b'1'])])],
                &[],
            ),
            Reason::Kind,
        ),
        (vec![0, 0, 0], Reason::Trailing),
        (vec![1], Reason::Count),
    ] {
        assert_eq!(lift(&bad, &Limits::default()).unwrap_err().reason, reason);
    }
}
