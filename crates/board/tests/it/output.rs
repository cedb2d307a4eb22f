//! Records written out and read again.

use serde_json::{Value, json};

use crate::{board, by_id, file, read};

#[test]
fn a_file_of_a_board_reads_as_the_same_board() {
    for name in [
        "boards/frames",
        "boards/groups-nested",
        "legacy/2.0.0-alpha.19",
        "legacy/4.2.0",
    ] {
        let board = board(&format!("{name}/doc.bin"));
        let again = read(board.to_tldr().as_bytes());
        assert_eq!(again.shapes(), board.shapes(), "{name}");
        assert_eq!(again.pages(), board.pages(), "{name}");
        assert_eq!(again.assets(), board.assets(), "{name}");
        assert_eq!(again.origin().schema, board.origin().schema, "{name}");
        assert_eq!(again.to_tldr(), board.to_tldr(), "{name}");
    }
}

#[test]
fn records_go_out_as_they_were_written() {
    let board = board("legacy/2.0.0-alpha.19/doc.bin");
    let file: Value = serde_json::from_str(&board.to_tldr()).unwrap();
    assert_eq!(file["tldrawFileFormatVersion"], 1);
    assert_eq!(file["schema"]["schemaVersion"], 1, "the document's own");
    let records = file["records"].as_array().unwrap();
    let arrow = records.iter().find(|it| it["type"] == "arrow").unwrap();
    assert_eq!(arrow["props"]["start"]["type"], "binding");
    assert!(records.iter().all(|it| it["typeName"] != "binding"));
    assert!(board.records().any(|it| it["typeName"] == "binding"));
    assert_eq!(
        board.records_schema()["sequences"]["com.tldraw.shape.arrow"],
        8
    );
}

#[test]
fn fields_that_nobody_knows_are_kept() {
    let card = json!({
        "id": "shape:c", "typeName": "shape", "type": "card", "x": 1.5, "y": 2, "rotation": 0, "index": "a1", "parentId": "page:p",
        "isLocked": false, "opacity": 1, "props": {"w": 3, "h": 4, "deep": {"er": [1, null, "x"]}}, "meta": {"app": true},
    });
    let own = json!({"id": "comment:1", "typeName": "comment", "body": "hm"});
    let page = json!({"id": "page:p", "typeName": "page", "name": "P", "index": "a1", "meta": {"x": 1}, "extra": 7});
    let records = [page, card, own];
    let board = read(&file(&records));
    assert_eq!(by_id(board.records()), by_id(records.clone()));
    let written: Value = serde_json::from_str(&board.to_tldr()).unwrap();
    let written = written["records"].as_array().unwrap().clone();
    assert_eq!(by_id(written), by_id(records));
}

#[test]
fn without_a_schema_records_go_out_in_the_newest_form_under_its_schema() {
    let note = json!({
        "id": "shape:n", "typeName": "shape", "type": "note", "x": 0, "y": 0, "index": "a10", "parentId": "page:p",
        "props": {"text": "old", "fontSizeAdjustment": 16},
    });
    let page = json!({"id": "page:p", "typeName": "page", "name": "P", "index": "a1"});
    let board = read(&file(&[note, page]));
    let file: Value = serde_json::from_str(&board.to_tldr()).unwrap();
    let sequences = &file["schema"]["sequences"];
    assert_eq!(sequences["com.tldraw.shape.note"], 13);
    assert_eq!(
        sequences["com.tldraw.store"], 4,
        "for the key that ends in 0"
    );
    assert_eq!(
        file["records"][1]["props"]["fontSizeAdjustment"],
        Value::Null
    );
    assert_eq!(file["records"][1]["props"]["richText"]["type"], "doc");
}

#[test]
fn the_same_bytes_give_the_same_file() {
    let path = "layouts/board-mixed/map-deep.bin";
    assert_eq!(board(path).to_tldr(), board(path).to_tldr());
}
