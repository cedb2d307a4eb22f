//! One board in every layout that frontends use.

use std::fs;

use scrible_board::{Board, BoardError, Format, Layout, Limits, Wanted};
use serde_json::json;
use yrs::{Any, Array, Doc, Map, ReadTxn, StateVector, Text, Transact};

use crate::{board, by_id, bytes, data, json, read, store};

/// Files of a folder, by name.
fn layouts(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(data(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".bin")).collect();
    names.sort();
    names
}

fn same(one: &Board, other: &Board, name: &str) {
    assert_eq!(one.document(), other.document(), "{name}");
    assert_eq!(one.pages(), other.pages(), "{name}");
    assert_eq!(one.shapes(), other.shapes(), "{name}");
    assert_eq!(one.assets(), other.assets(), "{name}");
    assert_eq!(
        by_id(one.records()),
        by_id(other.records()),
        "records of {name}"
    );
}

#[test]
fn every_layout_gives_the_same_board() {
    for folder in ["layouts/board-mixed", "layouts/pages-several"] {
        let names = layouts(folder);
        assert_eq!(names.len(), 13, "{folder}");
        let first = board(&format!("{folder}/array-kv.bin"));
        assert_eq!(
            by_id(
                first
                    .records()
                    .filter(|record| record["typeName"] != "user")
            ),
            store(&format!("{folder}/records.json")),
        );
        assert!(first.shapes().len() > 5);
        for name in names {
            let other = board(&format!("{folder}/{name}"));
            same(&first, &other, &name);
            assert_eq!(other.notes(), [], "{name}");
        }
    }
}

#[test]
fn the_layout_and_format_are_named() {
    for (name, format, layout, root) in [
        ("array-kv", Format::UpdateV1, Layout::KeyValues, "tl_board"),
        (
            "array-kv-v2-update",
            Format::UpdateV2,
            Layout::KeyValues,
            "tl_board",
        ),
        (
            "map-plain-signals",
            Format::UpdateV1,
            Layout::Map,
            "tldraw_records",
        ),
        (
            "map-nested-in-map",
            Format::UpdateV1,
            Layout::Snapshot,
            "tldraw",
        ),
        ("map-deep", Format::UpdateV1, Layout::Map, "records"),
        (
            "snapshot-editor",
            Format::UpdateV1,
            Layout::Snapshot,
            "tldraw",
        ),
        (
            "snapshot-ytext",
            Format::UpdateV1,
            Layout::Snapshot,
            "tldraw",
        ),
    ] {
        let board = board(&format!("layouts/board-mixed/{name}.bin"));
        let origin = board.origin();
        assert_eq!(origin.format, format, "{name}");
        assert_eq!(origin.root.layout, layout, "{name}");
        assert_eq!(origin.root.name, root, "{name}");
    }
}

#[test]
fn files_and_snapshots_give_the_same_board() {
    let first = board("layouts/board-mixed/array-kv.bin");
    let snapshot = json("layouts/board-mixed/records.json");
    let nested = json!({"document": snapshot.clone(), "session": {"version": 0}});
    for (name, bytes) in [
        ("tldr", bytes("layouts/board-mixed/doc.tldr")),
        ("snapshot", snapshot.to_string().into_bytes()),
        ("editor snapshot", nested.to_string().into_bytes()),
        (
            "marked",
            [b"\xef\xbb\xbf\n", snapshot.to_string().as_bytes()].concat(),
        ),
    ] {
        let other = read(&bytes);
        assert_eq!(other.origin().format, Format::Json, "{name}");
        assert_eq!(first.pages(), other.pages(), "{name}");
        assert_eq!(first.shapes(), other.shapes(), "{name}");
        assert_eq!(first.assets(), other.assets(), "{name}");
    }
}

#[test]
fn of_entries_with_one_key_the_rightmost_counts() {
    let board = board("boards/yjs-duplicate-keys/doc.bin");
    let records = board
        .records()
        .filter(|record| record["typeName"] != "user");
    assert_eq!(
        by_id(records),
        store("boards/yjs-duplicate-keys/records.json")
    );
    assert_eq!(board.notes(), []);
}

#[test]
fn session_records_are_passed_over() {
    let board = board("boards/yjs-session-records/doc.bin");
    assert!(board.origin().session_records > 0);
    let records = board
        .records()
        .filter(|record| record["typeName"] != "user");
    assert_eq!(
        by_id(records),
        store("boards/yjs-session-records/records.json")
    );
}

#[test]
fn of_several_boards_the_wanted_one_is_read() {
    let bytes = bytes("layouts/board-mixed/two-boards.bin");
    let limits = Limits::default();
    let roots = Board::roots(&bytes, &limits).unwrap();
    let names: Vec<_> = roots.iter().map(|root| root.name.as_str()).collect();
    assert_eq!(names, ["tl_board", "tl_other"]);
    let wanted = |wanted| Board::read_wanted(&bytes, wanted, &limits);
    let root = |board: Board| board.origin().root.name.clone();
    assert_eq!(root(wanted(Wanted::Largest).unwrap()), "tl_board");
    assert_eq!(root(wanted(Wanted::Room("other")).unwrap()), "tl_other");
    assert_eq!(root(wanted(Wanted::Room("elsewhere")).unwrap()), "tl_board");
    let other = wanted(Wanted::Root("tl_other")).unwrap();
    assert_eq!(other.origin().others, roots[..1]);
    let error = wanted(Wanted::Root("prosemirror")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no board in the root `prosemirror`: boards are in `tl_board`, `tl_other`"
    );
}

fn update(doc: &Doc) -> Vec<u8> {
    doc.transact()
        .encode_state_as_update_v1(&StateVector::default())
}

#[test]
fn a_document_without_a_board_names_its_roots() {
    let limits = Limits::default();
    let doc = Doc::new();
    {
        let (text, list) = (
            doc.get_or_insert_text("prosemirror"),
            doc.get_or_insert_array("chat"),
        );
        let mut txn = doc.transact_mut();
        text.insert(&mut txn, 0, "{hello");
        list.push_back(&mut txn, "hi");
    }
    let error = Board::read(&update(&doc), &limits).unwrap_err();
    assert_eq!(
        error,
        BoardError::NoBoard {
            roots: "`chat`, `prosemirror`".to_owned()
        }
    );
    assert!(
        error
            .to_string()
            .starts_with("no whiteboard was found in this document: its roots are `chat`")
    );
    let empty = Board::read(&[0, 0], &limits).unwrap_err();
    assert_eq!(
        empty,
        BoardError::NoBoard {
            roots: "none".to_owned()
        }
    );
    for noise in [&b"{\"a\": 1"[..], b"hello", b"", b"\x01\x01"] {
        let error = Board::read(noise, &limits).unwrap_err();
        assert!(matches!(error, BoardError::Unreadable { .. }), "{error}");
    }
}

#[test]
fn boards_of_the_first_edition_are_named_as_such() {
    let shape = json!({"id": "a", "type": "rectangle", "parentId": "page", "childIndex": 1, "point": [0, 0]});
    let file = json!({"name": "x", "document": {"version": 15.5, "pages": {"page": {"shapes": {"a": shape}}}}});
    let limits = Limits::default();
    let error = Board::read(file.to_string().as_bytes(), &limits).unwrap_err();
    assert_eq!(error, BoardError::FirstEdition);
    let doc = Doc::new();
    {
        let shapes = doc.get_or_insert_map("shapes");
        let shape: Any = serde_json::from_value(shape).unwrap();
        shapes.insert(&mut doc.transact_mut(), "a", shape);
    }
    assert_eq!(
        Board::read(&update(&doc), &limits).unwrap_err(),
        BoardError::FirstEdition
    );
}

#[test]
fn an_update_that_waits_for_others_says_so() {
    let doc = Doc::new();
    let list = doc.get_or_insert_array("tl_x");
    let entry = |id: &str| -> Any {
        serde_json::from_value(
            json!({"key": id, "val": {"id": id, "typeName": "page", "name": "", "index": "a1"}}),
        )
        .unwrap()
    };
    list.push_back(&mut doc.transact_mut(), entry("page:one"));
    let before = doc.transact().state_vector();
    list.push_back(&mut doc.transact_mut(), entry("page:two"));
    let other = Doc::new();
    other
        .get_or_insert_array("tl_x")
        .push_back(&mut other.transact_mut(), entry("page:three"));
    let late = doc.transact().encode_state_as_update_v1(&before);
    let merged = yrs::merge_updates_v1([late, update(&other)]).unwrap();
    let board = read(&merged);
    assert_eq!(board.pages().len(), 1);
    assert!(board.origin().incomplete);
    assert_eq!(board.note_count(), 1);
}

#[test]
fn a_log_of_single_edits_is_read_in_small_parts() {
    let doc = Doc::new();
    let list = doc.get_or_insert_array("tl_x");
    let mut log = Vec::new();
    for at in 0..500 {
        let before = doc.transact().state_vector();
        let id = format!("shape:{at}");
        let record = json!({
            "id": id, "typeName": "shape", "type": "group", "x": at, "y": 0, "index": format!("a{at:03}V"), "parentId": "page:p",
        });
        let entry: Any = serde_json::from_value(json!({"key": id, "val": record})).unwrap();
        list.push_back(&mut doc.transact_mut(), entry);
        log.push(doc.transact().encode_state_as_update_v1(&before));
    }
    let before = doc.transact().state_vector();
    list.remove_range(&mut doc.transact_mut(), 100, 50);
    log.push(doc.transact().encode_state_as_update_v1(&before));
    let limits = scrible_wire::Limits::default();
    let merged = scrible_wire::merge::merge(log.iter().map(Vec::as_slice), &limits).unwrap();
    assert!(merged.len() > 32 << 10);
    let places = |bytes: &[u8]| {
        let board = read(bytes);
        let places = board.shapes().iter().map(|shape| shape.x as usize);
        places.collect::<Vec<_>>()
    };
    let expected: Vec<_> = (0..100).chain(150..500).collect();
    assert_eq!(places(&merged), expected);
    assert_eq!(places(&update(&doc)), expected);
}
