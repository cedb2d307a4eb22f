//! Boards that no editor wrote: every one is read, nothing panics, and what was wrong is named.

use std::f64::consts::PI;

use scrible_board::{Board, BoardError, Extent, Kind, Limits, Problem, PropsOnly};
use serde_json::{Value, json};
use yrs::{Any, Array, Doc, ReadTxn, StateVector, Transact};

use crate::{file, read};

fn page() -> Value {
    json!({"id": "page:p", "typeName": "page", "name": "", "index": "a1"})
}

fn geo(id: &str, parent: &str) -> Value {
    json!({"id": id, "typeName": "shape", "type": "geo", "x": 1, "y": 2, "index": "a1", "parentId": parent, "props": {}})
}

/// An update with entries whose numbers need not be JSON.
fn update(entries: Vec<Any>) -> Vec<u8> {
    let doc = Doc::new();
    let list = doc.get_or_insert_array("tl_x");
    let mut txn = doc.transact_mut();
    for entry in entries {
        list.push_back(&mut txn, entry);
    }
    drop(txn);
    doc.transact()
        .encode_state_as_update_v1(&StateVector::default())
}

fn entry(record: &Value) -> Any {
    serde_json::from_value(json!({"key": record["id"], "val": record})).unwrap()
}

/// What the notes say, without whom of.
fn problems(board: &Board) -> Vec<(&str, &Problem)> {
    let notes = board.notes().iter();
    notes
        .map(|note| (note.record.as_str(), &note.problem))
        .collect()
}

#[test]
fn numbers_that_are_none_cost_a_shape_or_a_default() {
    let with = |id: &str, x: f64, w: f64| -> Any {
        let mut record = entry(&geo(id, "page:p"));
        let at = |any: &mut Any, key: &str, value: Any| {
            let Any::Map(map) = any else { panic!("a map") };
            std::sync::Arc::make_mut(map).insert(key.to_owned(), value);
        };
        let mut val = match &record {
            Any::Map(map) => map["val"].clone(),
            _ => panic!("a map"),
        };
        at(&mut val, "x", Any::from(x));
        at(&mut val, "props", Any::from_json(r#"{"h": 5}"#).unwrap());
        let mut props = match &val {
            Any::Map(map) => map["props"].clone(),
            _ => panic!("a map"),
        };
        at(&mut props, "w", Any::from(w));
        at(&mut val, "props", props);
        at(&mut record, "val", val);
        record
    };
    let board = read(&update(vec![
        entry(&page()),
        with("shape:a", f64::NAN, 1.0),
        with("shape:b", f64::INFINITY, 1.0),
        with("shape:c", 1e308, 1.0),
        with("shape:d", 0.0, f64::NAN),
        with("shape:e", 0.0, 1e308),
        with("shape:f", -1e9, 1e9),
    ]));
    let ids: Vec<_> = board
        .shapes()
        .iter()
        .map(|shape| shape.id.as_str())
        .collect();
    assert_eq!(ids, ["shape:d", "shape:e", "shape:f"]);
    let gone = Problem::Unusable("position");
    assert_eq!(
        problems(&board),
        [
            ("shape:a", &gone),
            ("shape:b", &gone),
            ("shape:c", &gone),
            ("shape:e", &Problem::Cut("w")),
        ]
    );
    let width = |id: &str| match board.extent(board.find(id).unwrap()) {
        Extent::Exact(rect) => rect.width(),
        other => panic!("{other:?}"),
    };
    // Not a number is null in JSON, and null is missing.
    assert_eq!(width("shape:d"), 100.0);
    assert_eq!(width("shape:e"), 1e10);
}

#[test]
fn shapes_inside_themselves_are_cut_off_and_named() {
    let board = read(&file(&[
        page(),
        geo("shape:a", "shape:b"),
        geo("shape:b", "shape:a"),
        geo("shape:self", "shape:self"),
        geo("shape:below", "shape:a"),
        geo("shape:orphan", "shape:gone"),
        geo("shape:lost", "shape:orphan"),
        geo("shape:elsewhere", "page:gone"),
        geo("shape:good", "page:p"),
    ]));
    assert_eq!(board.shapes().len(), 1);
    assert_eq!(
        problems(&board),
        [
            ("shape:a", &Problem::Cycle),
            ("shape:b", &Problem::Cycle),
            ("shape:below", &Problem::Detached),
            (
                "shape:elsewhere",
                &Problem::NoParent("page:gone".to_owned())
            ),
            ("shape:lost", &Problem::Detached),
            ("shape:orphan", &Problem::NoParent("shape:gone".to_owned())),
            ("shape:self", &Problem::Cycle),
        ]
    );
}

#[test]
fn a_document_without_pages_gets_those_that_its_shapes_name() {
    let board = read(&file(&[
        geo("shape:a", "page:one"),
        geo("shape:b", "page:two"),
    ]));
    let ids: Vec<_> = board.pages().iter().map(|page| page.id.as_str()).collect();
    assert_eq!(ids, ["page:one", "page:two"]);
    assert_eq!(board.shapes().len(), 2);
    assert_eq!(problems(&board)[0], ("page:one", &Problem::MadePage));
}

#[test]
fn a_bad_record_is_left_out_and_named() {
    let mut deep = json!(0);
    for _ in 0..70 {
        deep = json!([deep]);
    }
    let mut nested = geo("shape:deep", "page:p");
    nested["props"] = json!({ "deep": deep });
    let card = json!({"id": "shape:card", "typeName": "shape", "type": "card", "x": 0, "y": 0, "parentId": "page:p", "props": {"w": 7}});
    let bytes = file(&[
        page(),
        nested,
        geo(&"x".repeat(2_000), "page:p"),
        geo("shape:twice", "page:p"),
        card,
        json!({"id": "x:1", "typeName": "thing"}),
        json!({"id": "binding:1", "typeName": "binding", "type": "arrow", "fromId": "shape:twice"}),
    ]);
    let limits = Limits {
        nesting: 64,
        ..Limits::default()
    };
    let board = Board::read(&bytes, &limits).unwrap();
    assert_eq!(
        problems(&board),
        [
            ("binding:1", &Problem::Unusable("ends")),
            ("shape:card", &Problem::UnknownShape("card".to_owned())),
            ("shape:deep", &Problem::TooLarge),
            ("x:1", &Problem::UnknownKind("thing".to_owned())),
            (&"x".repeat(200), &Problem::Unusable("id")),
        ]
    );
    let card = &board.shape(board.find("shape:card").unwrap()).kind;
    assert!(matches!(card, Kind::Unknown(card) if card.w == Some(7.0) && card.h.is_none()));
}

#[test]
fn a_value_too_deep_to_be_stepped_over_costs_its_record_alone() {
    let mut deep = Any::Null;
    for _ in 0..600 {
        deep = Any::from(vec![deep]);
    }
    let record = |id: &str, props: Any| {
        let mut record = geo(id, "page:p");
        record.as_object_mut().unwrap().remove("props");
        let Any::Map(mut record) = serde_json::from_value(record).unwrap() else {
            panic!("a map")
        };
        std::sync::Arc::make_mut(&mut record).insert("props".to_owned(), props);
        let entry = [("key", Any::from(id)), ("val", Any::Map(record))];
        Any::from(std::collections::HashMap::from(
            entry.map(|(key, any)| (key.to_owned(), any)),
        ))
    };
    let props = || Any::from_json(r#"{"w": 7.5, "h": 8, "url": null, "flipX": true}"#).unwrap();
    let shallow = vec![entry(&page()), record("shape:a", props())];
    let mut all = shallow.clone();
    all.push(record("shape:deep", deep));
    let (shallow, all) = (read(&update(shallow)), read(&update(all)));
    assert_eq!(problems(&all), [("shape:deep", &Problem::TooLarge)]);
    assert_eq!(all.shapes(), shallow.shapes());
    assert!(matches!(&all.shapes()[0].kind, Kind::Geo(geo) if geo.w == 7.5 && geo.flip_x));
    assert_eq!(all.to_tldr(), shallow.to_tldr());
}

#[test]
fn numbers_and_embeds_among_records_stand_for_nothing_else() {
    use scrible_wire::varint::{write_number, write_var_bytes};

    // What one client wrote into the list `tl_x`, each item behind the one before.
    const EMBED: u8 = 5;
    let item = |clock: u64, kind: u8| {
        let mut item = vec![];
        if clock == 0 {
            item.extend([kind, 1]);
            write_var_bytes(&mut item, b"tl_x");
        } else {
            item.extend([kind | 0x80, 7]);
            write_number(&mut item, clock - 1);
        }
        item
    };
    let embed = |clock: u64, json: &str| {
        let mut item = item(clock, EMBED);
        write_var_bytes(&mut item, json.as_bytes());
        item
    };
    let val = json!({"key": "shape:a", "val": geo("shape:a", "page:p")});
    let mut values = item(3, 8);
    values.extend([2, 125, 9]);
    entry(&page()).encode(&mut values);
    let items = [
        embed(0, &val.to_string()),
        embed(1, "9"),
        embed(2, "-9"),
        values,
    ];
    let mut update = vec![1, items.len() as u8, 7, 0];
    update.extend(items.concat());
    update.push(0);
    let board = read(&update);
    assert_eq!(board.origin().root.shapes, 1);
    assert_eq!(board.shapes()[0].id, "shape:a");
    assert_eq!(board.pages()[0].id, "page:p");
    assert_eq!(board.note_count(), 0);
}

#[test]
fn bindings_of_what_is_not_there_leave_ends_loose() {
    let arrow = |id: &str| {
        let mut arrow = geo(id, "page:p");
        arrow["type"] = json!("arrow");
        arrow["props"] = json!({"start": {"x": 0, "y": 0}, "end": {"x": 9, "y": 0}});
        arrow
    };
    let binding = |id: &str, from: &str, to: &str| {
        json!({
            "id": id, "typeName": "binding", "type": "arrow", "fromId": from, "toId": to,
            "props": {"terminal": "end", "normalizedAnchor": {"x": 2, "y": -1}},
        })
    };
    let board = read(&file(&[
        page(),
        arrow("shape:a"),
        geo("shape:b", "page:p"),
        binding("binding:1", "shape:a", "shape:gone"),
        binding("binding:2", "shape:a", "shape:a"),
        binding("binding:3", "shape:b", "shape:a"),
        binding("binding:4", "shape:a", "shape:b"),
        binding("binding:5", "shape:a", "shape:b"),
    ]));
    let notes: Vec<_> = problems(&board)
        .into_iter()
        .map(|(_, problem)| problem)
        .collect();
    let loose = &Problem::Loose;
    assert_eq!(notes, [loose, loose, loose, &Problem::TiedTwice]);
    let Kind::Arrow(arrow) = &board.shape(board.find("shape:a").unwrap()).kind else {
        panic!("an arrow")
    };
    assert_eq!(arrow.start.tie, None);
    let tie = arrow.end.tie.as_ref().unwrap();
    assert_eq!(board.shape(tie.to).id, "shape:b");
    assert_eq!((tie.hold.anchor.x, tie.hold.anchor.y), (1.0, 0.0));
}

#[test]
fn bounds_on_the_whole_are_refused_with_a_remedy() {
    let records: Vec<_> = (0..11)
        .map(|at| geo(&format!("shape:{at}"), "page:p"))
        .collect();
    let bytes = file(&records);
    let few = Limits {
        records: 10,
        ..Limits::default()
    };
    assert_eq!(
        Board::read(&bytes, &few).unwrap_err(),
        BoardError::TooManyRecords { limit: 10 }
    );
    let small = Limits {
        document_bytes: 100,
        ..Limits::default()
    };
    let error = Board::read(&bytes, &small).unwrap_err();
    assert!(matches!(error, BoardError::TooLarge { limit: 100, .. }));
    assert!(error.to_string().contains("raise the limit"));
}

#[test]
fn points_and_notes_have_bounds() {
    let limits = Limits {
        points: 1_000,
        notes: 3,
        ..Limits::default()
    };
    let points: Vec<_> = (0..700)
        .map(|x| json!({"x": x, "y": 0, "z": 0.5}))
        .collect();
    let mut records = vec![page()];
    for at in 0..5 {
        let mut draw = geo(&format!("shape:{at}"), "page:p");
        draw["type"] = json!("draw");
        draw["props"] = json!({"segments": [{"type": "free", "points": points}]});
        records.push(draw);
    }
    let board = Board::read(&file(&records), &limits).unwrap();
    let drawn = board.shapes().iter().map(|shape| match &shape.kind {
        Kind::Draw(draw) => draw.stroke.points().count(),
        _ => 0,
    });
    assert_eq!(drawn.collect::<Vec<_>>(), [700, 300, 0, 0, 0]);
    assert_eq!((board.notes().len(), board.note_count()), (3, 4));
}

#[test]
fn a_long_chain_of_shapes_is_cut_at_the_depth_limit() {
    let mut records = vec![page(), geo("shape:0", "page:p")];
    records.extend((1..20_000).map(|at| geo(&format!("shape:{at}"), &format!("shape:{}", at - 1))));
    let board = read(&file(&records));
    assert_eq!(board.shapes().len(), 257);
    assert_eq!(board.shapes()[256].depth, 256);
    assert_eq!(board.note_count(), 20_000 - 257);
    assert_eq!(board.shapes()[256].transform.as_coeffs()[4], 257.0);
}

#[test]
fn many_siblings_keep_their_order() {
    let mut records = vec![page()];
    records.extend((0..20_000u32).rev().map(|at| {
        let mut shape = geo(&format!("shape:{at}"), "page:p");
        shape["index"] = json!(format!("a{at:05}V"));
        shape
    }));
    let board = read(&file(&records));
    let ids = board.shapes().iter().map(|shape| shape.id.as_str());
    assert!(ids.enumerate().all(|(at, id)| id == format!("shape:{at}")));
    assert_eq!(board.shapes().len(), 20_000);
}

/// By which everything is as old as can be.
const OLD: &str = r#"{"schemaVersion":2,"sequences":{"com.tldraw.store":1}}"#;

/// Values that no editor writes.
fn odd(random: &mut fastrand::Rng, ids: &[String]) -> Value {
    let id = || ids[0].clone();
    match random.u32(..18) {
        0 => Value::Null,
        1 => json!(random.bool()),
        2 => json!(1e308),
        3 => json!(-1e308),
        4 => json!(5e-324),
        5 => json!(random.f64() * 1e6 - 5e5),
        6 => json!(-1),
        7 => json!(u64::MAX),
        8 => json!(""),
        9 => json!("é".repeat(random.usize(..500))),
        10 => json!(["x", null, {"a": []}]),
        11 => json!({}),
        12 => json!({"x": "y", "y": {}}),
        13 => json!(id()),
        14 => json!(random.choice(ids).cloned().unwrap_or_else(id)),
        15 => {
            let deep = random.usize(..90);
            let (open, close) = (r#"{"type":"bulletList","content":["#, "]}");
            let text = format!("{}{}", open.repeat(deep), close.repeat(deep));
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        }
        16 => json!("AAAAAAAAAAAAAAA/AHwAfAAA/////w=="),
        _ => json!(PI),
    }
}

/// Changes one value somewhere inside; false when the walk ended without finding one.
fn mutate(value: &mut Value, random: &mut fastrand::Rng, ids: &[String]) -> bool {
    let stop = random.u32(..4) == 0;
    match value {
        Value::Object(map) if !map.is_empty() => {
            let keys: Vec<_> = map.keys().cloned().collect();
            let key = random.choice(&keys).cloned().unwrap_or_default();
            if random.u32(..12) == 0 {
                map.remove(&key);
                return true;
            }
            let inner = map
                .get_mut(&key)
                .filter(|it| !stop && (it.is_object() || it.is_array()));
            if let Some(inner) = inner {
                return mutate(inner, random, ids);
            }
            map.insert(key, odd(random, ids));
            true
        }
        Value::Array(list) if !list.is_empty() => {
            let at = random.usize(..list.len());
            if random.u32(..8) == 0 {
                let copy = list[at].clone();
                list.extend(vec![copy; random.usize(..20)]);
                return true;
            }
            if !stop && (list[at].is_object() || list[at].is_array()) {
                return mutate(&mut list[at], random, ids);
            }
            list[at] = odd(random, ids);
            true
        }
        _ => false,
    }
}

/// Whatever the records say, this holds of a board.
fn check(board: &Board, seed: u64) {
    for (at, shape) in board.shapes().iter().enumerate() {
        let finite = shape
            .transform
            .as_coeffs()
            .iter()
            .all(|number| number.is_finite());
        assert!(
            finite && (0.0..=1.0).contains(&shape.opacity),
            "seed {seed}"
        );
        let end = shape.subtree_end.get();
        assert!(at < end && end <= board.shapes().len(), "seed {seed}");
    }
    for page in 0..board.pages().len() {
        for at in board.page_shapes(page) {
            let bounds = board.page_bounds(at, &PropsOnly);
            assert!(
                bounds.is_none_or(|bounds| bounds.is_finite()),
                "seed {seed}"
            );
            assert_eq!(
                board.ancestors(at).count(),
                board.shape(at).depth,
                "seed {seed}"
            );
        }
    }
}

#[test]
fn twenty_thousand_mutants_are_read_without_panic() {
    let mut pool: Vec<Value> = Vec::new();
    for path in ["legacy/2.0.0-alpha.19", "legacy/5.0.0", "boards/frames"] {
        let board = crate::board(&format!("{path}/doc.bin"));
        let file: Value = serde_json::from_str(&board.to_tldr()).unwrap();
        // Pictures and long strokes would only make this slow.
        let short = |record: &&Value| record.to_string().len() < 1_000;
        pool.extend(
            file["records"]
                .as_array()
                .unwrap()
                .iter()
                .filter(short)
                .cloned(),
        );
    }
    let ids: Vec<String> = pool
        .iter()
        .map(|it| it["id"].as_str().unwrap().to_owned())
        .collect();
    let (mut noted, mut drawn) = (0, 0);
    for seed in 0..20_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut records: Vec<_> = random
            .choose_multiple(pool.iter(), 4)
            .into_iter()
            .cloned()
            .collect();
        for record in &mut records {
            for _ in 0..random.u32(..4) {
                mutate(record, &mut random, &ids);
            }
        }
        records.push(json!({"id": "page:page", "typeName": "page", "name": "", "index": "a1"}));
        let schema = if random.bool() { OLD } else { "null" };
        let records = Value::Array(records);
        let text =
            format!(r#"{{"tldrawFileFormatVersion":1,"schema":{schema},"records":{records}}}"#);
        let board = match Board::read(text.as_bytes(), &Limits::default()) {
            Ok(board) => board,
            Err(error) => panic!("seed {seed}: {error}"),
        };
        check(&board, seed);
        noted += usize::from(board.note_count() > 0);
        drawn += board.shapes().len();
        // What is written out is what was read.
        if seed % 10 == 0 {
            let again = read(board.to_tldr().as_bytes());
            assert_eq!(again.shapes(), board.shapes(), "seed {seed}");
        }
    }
    assert!(noted > 5_000, "mutation hit something: {noted}");
    assert!(drawn > 8_000, "and not everything: {drawn}");
}
