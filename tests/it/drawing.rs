//! Exports by doc workers of the real program.
//!
//! The rules are those of `doc_worker.rs`, whose pools and hostile docs these are.

use std::time::Duration;

use bytes::Bytes;
use scrible::doc_worker::export::{BoardChoice, ExportFailure, Fault, Order, Pages, Refusal};
use scrible::doc_worker::{DocError, Exports};
use scrible::import::board::{Board, Schema};
use scrible_exporter::export::Format;
use scrible_exporter::options::{Options, PageChoice};
use serde_json::{Value, json};

use crate::doc_worker::pool::{DEEP, Pool, nested, small, sub_documents, until};

pub fn order(format: Format) -> Order {
    Order {
        board: BoardChoice::Largest,
        format,
        pages: Pages::One,
        options: Options::default(),
    }
}

/// What a room keeps of a board.
fn update_of(file: Value) -> Bytes {
    let board = Board::read(file).unwrap().expect("a board");
    board.update("tl_demo", 7, Schema::Written).into()
}

/// A page with these other records.
pub fn board(records: &[Value]) -> Bytes {
    let page = json!({"id": "page:p", "typeName": "page", "name": "One", "index": "a1"});
    let mut store = json!({"page:p": page});
    for record in records {
        store[record["id"].as_str().unwrap()] = record.clone();
    }
    update_of(json!({"store": store, "schema": {"schemaVersion": 2, "sequences": {}}}))
}

pub fn shape(id: &str, kind: &str, props: Value) -> Value {
    json!({
        "id": id, "typeName": "shape", "type": kind, "parentId": "page:p", "index": "a1", "x": 0, "y": 0, "props": props
    })
}

pub fn only(exports: Exports) -> Vec<u8> {
    let [file] = &exports.files[..] else {
        panic!("{exports:?}");
    };
    file.artifact.bytes.clone()
}

#[tokio::test]
async fn e7_a_worker_makes_every_format_with_the_facts_and_one_is_enough() {
    let pool = Pool::new(1);
    let update = board(&[
        shape("shape:g", "geo", json!({"w": 100, "h": 50})),
        shape("shape:odd", "teapot", json!({})),
    ]);
    for format in Format::ALL {
        let exports = pool
            .workers
            .export(vec![update.clone()], order(format), Vec::new());
        let exports = exports.await.unwrap();
        assert_eq!(exports.facts.note_count, 1);
        assert!(exports.facts.notes[0].starts_with("shape:odd: "));
        let file = &exports.files[0].artifact;
        assert_eq!(file.size.is_some(), format.is_picture());
        let begins: &[u8] = match format {
            Format::Svg => b"<svg ",
            Format::Png => b"\x89PNG",
            Format::Pdf => b"%PDF-1.",
            Format::Json => b"{\"schema\":",
            Format::Tldr => b"{\"tldrawFileFormatVersion\":1,",
        };
        assert!(file.bytes.starts_with(begins));
    }
    let each = Order {
        pages: Pages::Each,
        ..order(Format::Svg)
    };
    let exports = pool.workers.export(vec![update], each, Vec::new()).await;
    assert_eq!(exports.unwrap().files[0].page, Some(1));
    assert_eq!(pool.workers.health().started, 1);
}

#[tokio::test]
async fn e7_what_whoever_asks_can_put_right_is_refused_and_not_called_broken() {
    let pool = Pool::new(1);
    let update = board(&[shape("shape:g", "geo", json!({"w": 1000, "h": 500}))]);
    let with = |options: Options| Order {
        options,
        ..order(Format::Png)
    };
    let page = |page: PageChoice| {
        with(Options {
            page,
            ..Options::default()
        })
    };
    let scaled = |scale: f64| {
        with(Options {
            scale,
            ..Options::default()
        })
    };
    let elsewhere = Order {
        board: BoardChoice::Root("x".to_owned()),
        ..order(Format::Json)
    };
    for (updates, order, fault, why) in [
        (
            &update,
            scaled(f64::NAN),
            Fault::Option,
            "scale must be from",
        ),
        (
            &update,
            page(PageChoice::Number(2)),
            Fault::NotThere,
            "pages are 1 (\"One\")",
        ),
        (&update, scaled(100.0), Fault::TooLarge, "a scale of"),
        (
            &update,
            elsewhere,
            Fault::NotThere,
            "boards are in `tl_demo`",
        ),
        (
            &board(&[]),
            order(Format::Svg),
            Fault::Empty,
            "nothing to draw",
        ),
        (
            &small(),
            order(Format::Svg),
            Fault::NoBoard,
            "its roots are `m`",
        ),
    ] {
        let failure = pool
            .workers
            .export(vec![updates.clone()], order, Vec::new())
            .await;
        let Err(ExportFailure::Refused(refusal)) = failure else {
            panic!("{why}: {failure:?}");
        };
        assert_eq!(refusal.fault, fault, "{refusal}");
        assert!(refusal.why.contains(why), "{refusal}");
    }
    let health = pool.workers.health();
    assert_eq!((health.started, health.broken), (1, 0));
}

#[tokio::test]
async fn e7_a_picture_that_the_board_only_names_is_handed_over() {
    let pool = Pool::new(1);
    let asset = json!({"id": "asset:a", "typeName": "asset", "type": "image", "props": {"src": "/files/a", "w": 1, "h": 1}});
    let image = shape(
        "shape:i",
        "image",
        json!({"w": 50, "h": 50, "assetId": "asset:a"}),
    );
    let update = board(&[asset, image]);
    let without = pool
        .workers
        .export(vec![update.clone()], order(Format::Svg), Vec::new());
    let without = without.await.unwrap();
    let told = &without.files[0].artifact.left_out;
    assert_eq!(told[..], ["shape:i: the picture's file cannot be found"]);
    let drawing = board(&[shape("shape:g", "geo", json!({"w": 20, "h": 20}))]);
    let drawing = pool
        .workers
        .export(vec![drawing], order(Format::Png), Vec::new());
    let png = Bytes::from(only(drawing.await.unwrap()));
    let pictures = vec![("/other".to_owned(), small()), ("/files/a".to_owned(), png)];
    let with = pool
        .workers
        .export(vec![update.clone()], order(Format::Svg), pictures);
    let text = String::from_utf8(only(with.await.unwrap())).unwrap();
    assert!(text.contains("data:image/png;base64,"));
    let large = vec![("/files/a".to_owned(), Bytes::from(vec![0; 17 << 20]))];
    let refused = pool
        .workers
        .export(vec![update], order(Format::Svg), large)
        .await;
    let fault = Fault::TooLarge;
    assert!(
        matches!(refused, Err(ExportFailure::Refused(Refusal { fault: it, .. })) if it == fault)
    );
}

#[tokio::test]
async fn e7_hostile_docs_cost_the_one_export_that_they_came_with() {
    let export = async |pool: &Pool, updates: Vec<Bytes>| {
        let exports = pool.workers.export(updates, order(Format::Svg), Vec::new());
        exports.await.map(|_| ())
    };
    let broken = |why: &str| Err(ExportFailure::Document(DocError::Broken(why.into())));
    let pool = Pool::with(1, 4 << 20, Duration::from_secs(60));
    let memory = export(&pool, vec![sub_documents(400_000)]).await;
    assert_eq!(memory, broken("the doc worker ran into its memory limit"));
    let early = Bytes::from_static(&[1, 1, 42, 1, 0, 100, 0]);
    let early = export(&pool, vec![small(), early]).await;
    assert_eq!(early, broken("update 2 builds on what is not there"));
    let malformed = export(&pool, vec![Bytes::from_static(&[1, 1, 7])]).await;
    let Err(ExportFailure::Document(DocError::Broken(why))) = malformed else {
        panic!("{malformed:?}");
    };
    assert!(why.starts_with("update 1 is malformed: "), "{why}");
    pool.works().await;
    let large = vec![Bytes::from(vec![0; pool.max_doc_bytes + 1])];
    let large = export(&pool, large).await;
    assert!(matches!(
        large,
        Err(ExportFailure::Document(DocError::TooLarge { .. }))
    ));
    let pool = Pool::with(1, 16 << 20, Duration::from_millis(300));
    let endless = export(&pool, vec![nested(DEEP)]).await;
    assert_eq!(endless, broken("it did not end within 300ms"));
    pool.works().await;
    let pool = Pool::new(1);
    tokio::select! {
        done = export(&pool, vec![nested(DEEP)]) => panic!("{done:?}"),
        _ = pool.at_work() => {}
    }
    until("the child is gone", || {
        pool.children().is_empty().then_some(())
    })
    .await;
    let update = board(&[shape("shape:g", "geo", json!({"w": 100, "h": 50}))]);
    assert_eq!(export(&pool, vec![update]).await, Ok(()));
}
