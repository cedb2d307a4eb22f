//! What `scrible room inspect` tells of a room, and what setting it aside does.

use std::sync::Arc;

use scrible_store::{
    Batch, DeadLetter, Incarnation, NewUpdate, Opening, Quarantine, RoomAppend, Specimen, Store,
};
use serde_json::{Value, json};

use crate::client::Client;
use crate::damage::{fill, lines, of, open, spoil};
use crate::program::{Place, Said};

fn inspect(place: &Place, room: &str, more: &[&str]) -> Said {
    place.run(&[&["room", "inspect", room], more].concat())
}

/// The objects of the report, and the reasons of what is wrong.
fn report(place: &Place, room: &str, more: &[&str]) -> (Vec<Value>, Vec<String>) {
    let said = inspect(place, room, &[&["--json"], more].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    let lines = lines(&said);
    let trouble = of(&lines, "trouble");
    let reason = |line: &&Value| line["reason"].as_str().unwrap().to_owned();
    let trouble = trouble.iter().map(reason).collect();
    (lines, trouble)
}

/// One value of each line of a kind.
fn values(lines: &[Value], kind: &str, key: &str) -> Vec<Value> {
    of(lines, kind)
        .iter()
        .map(|line| line[key].clone())
        .collect()
}

fn letter(room: &str, bytes: &[u8]) -> DeadLetter {
    DeadLetter {
        room: room.into(),
        time_ms: 1_700_000_000_000,
        reason: "malformed_update".into(),
        detail: "unexpected end at byte 4".into(),
        specimen: Specimen::of(bytes),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q6_a_sound_room_is_told_with_its_snapshots_rows_clients_and_roots() {
    let place = Place::new();
    fill(&place, "demo", 12, &[4, 8]).await;
    let (lines, trouble) = report(&place, "demo", &[]);
    assert_eq!(trouble, [""; 0]);
    let room = of(&lines, "room")[0];
    for (key, wanted) in [
        ("room", json!("demo")),
        ("head", json!(12)),
        ("snapshots", json!(2)),
        ("rows", json!(12)),
        ("rows_after_snapshot", json!(4)),
    ] {
        assert_eq!(room[key], wanted, "{key}");
    }
    assert_eq!(values(&lines, "snapshot", "version"), [2, 1]);
    assert_eq!(values(&lines, "snapshot", "seq"), [8, 4]);
    assert_eq!(values(&lines, "large_row", "seq").len(), 5);
    let content = of(&lines, "content")[0];
    assert_eq!(
        (&content["clients"], &content["deleted"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(content["has_subdocuments"], json!(false));
    let mut clients = values(&lines, "client", "client");
    clients.sort_unstable_by_key(Value::as_u64);
    assert_eq!(clients, [10, 20]);
    assert_eq!(values(&lines, "client", "clock"), [6, 6]);
    assert_eq!(of(&lines, "document")[0]["opens"], json!(true));
    let root = json!({"kind": "root", "root": "t", "shows": "text", "len": 12});
    assert_eq!(of(&lines, "root"), [&root]);
    let said = inspect(&place, "demo", &[]);
    assert!(said.out.contains("document     opens"), "{said:?}");
    assert!(!said.out.contains("->"), "{said:?}");
    let said = inspect(&place, "nowhere", &[]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("no room \"nowhere\""), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q6_what_is_wrong_is_told_with_a_remedy() {
    let place = Place::new();
    for room in ["row", "snapshot"] {
        fill(&place, room, 12, &[4, 8]).await;
    }
    let spoil_in = |room: &str, sql: &str| {
        let sql = sql.replace(
            "ROOM",
            &format!("(SELECT id FROM rooms WHERE name = '{room}')"),
        );
        let place = &place;
        async move { spoil(place, &sql).await }
    };
    spoil_in(
        "row",
        "UPDATE room_updates SET bytes = x'00' WHERE room = ROOM AND seq = 10",
    )
    .await;
    spoil_in(
        "snapshot",
        "UPDATE room_snapshots SET data = x'0000' WHERE room = ROOM AND version = 2",
    )
    .await;
    let (lines, trouble) = report(&place, "row", &[]);
    assert!(
        trouble[0].starts_with("it is damaged and is refused"),
        "{trouble:?}"
    );
    assert_eq!(values(&lines, "damaged_row", "seq"), [10]);
    assert_eq!(of(&lines, "document").len(), 0);
    let (lines, trouble) = report(&place, "snapshot", &[]);
    assert_eq!(trouble, ["it is damaged, and opens all the same"]);
    assert_eq!(values(&lines, "damaged_snapshot", "version"), [2]);
    assert_eq!(of(&lines, "document")[0]["opens"], json!(true));
    let said = inspect(&place, "snapshot", &[]);
    assert!(
        said.out
            .contains("-> stop the server, `scrible backup`, then"),
        "{said:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q6_a_room_that_does_not_open_as_a_document_is_told_with_what_its_updates_hold() {
    let place = Place::new();
    let store = open(&place).await;
    // Client 9 types 1,200,000 characters, sets a BigInt, and puts a sub-document into the array `a`.
    let len = [0x80, 0x9f, 0x49];
    let text = [&[0x04, 1, 1, b't'][..], &len, &vec![b'x'; 1_200_000]].concat();
    let bigint = [&[0x28, 1, 1, b'm', 1, b'k', 1, 122][..], &[0; 7], &[5]].concat();
    let subdoc = [0x09, 1, 1, b'a', 1, b'g', 118, 0];
    let update = [&[1, 3, 9, 0], &text[..], &bigint, &subdoc, &[0]].concat();
    let update = NewUpdate {
        bytes: update.into(),
        author: None,
        time_ms: 42,
    };
    let batch = Batch {
        node: Incarnation::random(),
        number: 1,
        rooms: vec![RoomAppend {
            room: "large".into(),
            id: None,
            updates: vec![update],
        }],
    };
    store.append(&batch).await.unwrap();
    store.close().await;
    let (lines, trouble) = report(&place, "large", &["--max-doc-bytes", "1MiB"]);
    let content = of(&lines, "content")[0];
    for (key, wanted) in [
        ("clients", json!(1)),
        ("structs", json!(3)),
        ("has_bigints", json!(true)),
        ("has_subdocuments", json!(true)),
    ] {
        assert_eq!(content[key], wanted, "{key}");
    }
    assert_eq!(of(&lines, "document")[0]["opens"], json!(false));
    assert!(trouble[0].contains("the limit is 1048576"), "{trouble:?}");
    let (lines, trouble) = report(&place, "large", &[]);
    assert_eq!(trouble, [""; 0]);
    assert_eq!(values(&lines, "root", "root"), ["a", "m", "t"]);
    assert_eq!(values(&lines, "root", "len"), [1, 1, 1_200_000]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q6_dead_letters_and_deaths_are_told_also_of_a_room_that_is_not_stored() {
    let place = Place::new();
    let store = Arc::new(open(&place).await);
    let large = vec![7; Specimen::KEPT_BYTES + 1];
    let letters = [letter("ghost", b"\x03\x01"), letter("ghost", &large)];
    store.add_dead_letters(&letters).await.unwrap();
    let dead = Incarnation::random();
    store.beat(dead).await.unwrap();
    let opening = Opening {
        node: dead,
        room: "ghost".into(),
        number: 1,
        alone: false,
    };
    store.note_opening(&opening).await.unwrap();
    store.beat(Incarnation::random()).await.unwrap();
    store.close().await;
    drop(store);
    let folder = place.file("letters");
    let (lines, trouble) = report(&place, "ghost", &["--dead-letters", "letters"]);
    assert_eq!(values(&lines, "unstored", "room"), ["ghost"]);
    assert_eq!(values(&lines, "record", "deaths"), [1]);
    assert!(
        trouble[0].contains("ended once while opening it"),
        "{trouble:?}"
    );
    assert_eq!(
        values(&lines, "dead_letter", "reason"),
        ["malformed_update"; 2]
    );
    let sums = letters
        .iter()
        .rev()
        .map(|letter| letter.specimen.sha256_hex());
    assert_eq!(
        values(&lines, "dead_letter", "sha256"),
        sums.collect::<Vec<_>>()
    );
    let files = values(&lines, "dead_letter", "file");
    assert!(
        files[0].as_str().unwrap().ends_with(".cut.bin"),
        "{files:?}"
    );
    let kept = |at: usize| std::fs::read(folder.join(files[at].as_str().unwrap())).unwrap();
    assert_eq!(kept(0), large[..Specimen::KEPT_BYTES]);
    assert_eq!(kept(1), b"\x03\x01");
    let (_, trouble) = report(&place, "ghost", &[]);
    assert_eq!(trouble[1], "dead letters of it are kept: 2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q7_an_operator_sets_a_room_aside_and_releases_it_beside_a_server() {
    let place = Place::new();
    fill(&place, "demo", 3, &[]).await;
    let server = place.serve();
    let said = place.run(&["room", "set-aside", "demo"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let mut refused = Client::connect(server.address, "/demo").await;
    let reason = loop {
        if let crate::client::Heard::Closed(code, reason) = refused.hear().await {
            break (code, reason);
        }
    };
    let sentence = "the room has been set aside by its operator".to_owned();
    assert_eq!(reason, (4500, sentence));
    let (lines, trouble) = report(&place, "demo", &[]);
    assert_eq!(values(&lines, "record", "set_aside"), ["operator"]);
    assert_eq!(trouble, ["it is set aside and is not opened"]);
    let said = place.run(&["room", "release", "demo"]);
    assert!(said.out.contains("is opened again"), "{said:?}");
    Client::join(server.address, "/demo").await;
    let said = place.run(&["room", "release", "demo"]);
    assert!(said.out.contains("nothing was changed"), "{said:?}");
    assert_eq!(server.stop().code(), Some(0));
}
