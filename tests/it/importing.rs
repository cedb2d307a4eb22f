//! `scrible import` against a node: what arrives, who sees it, and what is refused.

use std::sync::Arc;
use std::time::Duration;

use scrible::import::{self, Import, Imported};
use scrible::remote::{Line, Progress};
use scrible::room::RoomName;
use scrible_store::MemoryStore;
use scrible_wire::Limits;
use scrible_wire::varint::{write_number, write_var_bytes};
use serde_json::{Value, json};
use yrs::Doc;

use crate::boards::{FRAMES, MIXED, SCRIPTS, applied, entries, schema};
use crate::client::{Client, typed};
use crate::node::Node;

const UPDATE: &[u8] = include_bytes!("../data/boards/mixed.v1.bin");

fn into(node: &Node, room: &str) -> Import {
    Import {
        server: format!("ws://{}", node.address),
        token: None,
        room: RoomName::new(room).unwrap(),
        root: None,
        merge: false,
    }
}

/// A node that takes more at once than is ever under way.
async fn roomy(store: &Arc<MemoryStore>) -> Node {
    Node::start_with(store, |config| {
        config.rooms.max_uncommitted_bytes = 16 << 20
    })
    .await
}

async fn put(import: &Import, file: &[u8]) -> anyhow::Result<Imported> {
    import::run(import, file.to_vec(), |_| {}).await
}

async fn refusal(import: &Import, file: &[u8]) -> String {
    format!("{:#}", put(import, file).await.unwrap_err())
}

fn rows(store: &MemoryStore, room: &str) -> Vec<Vec<u8>> {
    let rows = store.rows(room);
    rows.into_iter()
        .map(|(_, row)| row.bytes.to_vec())
        .collect()
}

/// The document that the stored rows make.
fn stored(store: &MemoryStore, room: &str) -> Doc {
    let doc = Doc::new();
    for row in rows(store, room) {
        applied(&doc, &row);
    }
    doc
}

/// An update of `client` with an array `a` of `count` byte strings of `bytes` each.
fn large(client: u64, count: usize, bytes: usize) -> Vec<u8> {
    let mut update = vec![1];
    write_number(&mut update, count as u64);
    write_number(&mut update, client);
    write_number(&mut update, 0);
    for clock in 0..count as u64 {
        match clock.checked_sub(1) {
            None => update.extend([0x03, 1, 1, b'a']),
            Some(left) => {
                update.push(0x83);
                write_number(&mut update, client);
                write_number(&mut update, left);
            }
        }
        write_var_bytes(&mut update, &vec![7; bytes]);
    }
    update.push(0);
    update
}

#[tokio::test]
async fn i3_a_file_of_each_format_is_stored_whole() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    for (room, file) in [("a/b c", MIXED), ("snapshot", SCRIPTS)] {
        let imported = put(&into(&node, room), file.as_bytes()).await.unwrap();
        let doc = stored(&store, room);
        let found = entries(&doc, &format!("tl_{room}"));
        let (records, _) = imported.records.unwrap();
        assert_eq!((found.len(), imported.changes), (records, records + 1));
        assert!(records > 5 && schema(&doc).is_some());
    }
    put(&into(&node, "update"), UPDATE).await.unwrap();
    assert_eq!(rows(&store, "update"), [UPDATE]);
    let other_root = Import {
        root: Some("board".to_owned()),
        ..into(&node, "root")
    };
    put(&other_root, FRAMES.as_bytes()).await.unwrap();
    assert!(!entries(&stored(&store, "root"), "board").is_empty());
}

#[tokio::test]
async fn i3_a_large_update_comes_in_parts_and_whoever_is_there_sees_each() {
    let store = Arc::new(MemoryStore::new());
    let node = roomy(&store).await;
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    ann.update(&typed(10, 0)).await;
    ann.next_update().await;
    let update = large(77, 120, 50 << 10);
    let mut told: Vec<Progress> = Vec::new();
    let import = into(&node, "demo");
    let importing = import::run(&import, update.clone(), |progress| told.push(progress));
    let seeing = async {
        let mut seen = Vec::new();
        while seen.len() < 24 {
            seen.push(ann.next_update().await);
        }
        seen
    };
    // Keepalives would let her wait for ever.
    let seeing = tokio::time::timeout(Duration::from_secs(20), seeing);
    let (imported, seen) = tokio::join!(importing, seeing);
    let seen = seen.expect("all parts in time");
    assert_eq!(imported.unwrap().parts, 24);
    assert_eq!(rows(&store, "demo")[1..], seen);
    let parts = seen.iter().map(Vec::as_slice);
    let whole = scrible_wire::merge::merge(parts, &Limits::default()).unwrap();
    assert!(whole == update, "the same bytes again");
    assert_eq!(told.len(), 24);
    assert!(told.is_sorted_by_key(|progress| progress.stored));
    let last = told.last().unwrap();
    assert_eq!(last.stored, last.total);
}

#[tokio::test]
async fn i3_nothing_is_called_stored_before_it_is() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    store.pause_commits();
    let import = into(&node, "demo");
    let mut importing = Box::pin(put(&import, UPDATE));
    tokio::select! {
        done = &mut importing => panic!("done while nothing can be stored: {done:?}"),
        () = store.commits_waiting(1) => {}
    }
    // What others send and hear in the meantime is no acknowledgement either.
    let (mut ann, _) = Client::join(node.address, "/demo").await;
    ann.update(&typed(10, 0)).await;
    tokio::select! {
        done = &mut importing => panic!("done while nothing can be stored: {done:?}"),
        _ = ann.heard_so_far() => {}
    }
    store.resume_commits();
    importing.await.unwrap();
    assert!(rows(&store, "demo").contains(&UPDATE.to_vec()));
}

#[tokio::test]
async fn i8_the_same_update_again_adds_nothing_and_an_interrupted_one_goes_on() {
    let store = Arc::new(MemoryStore::new());
    let node = roomy(&store).await;
    let import = into(&node, "demo");
    assert!(put(&import, UPDATE).await.unwrap().changes > 0);
    let again = put(&import, UPDATE).await.unwrap();
    assert_eq!(again.changes, 0);
    assert_eq!(rows(&store, "demo"), [UPDATE]);
    // As much as three parts of it were there already.
    let import = into(&node, "half");
    let update = large(77, 40, 50 << 10);
    let half = large(77, 15, 50 << 10);
    put(&import, &half).await.unwrap();
    let before = rows(&store, "half").len();
    let rest = put(&import, &update).await.unwrap();
    assert_eq!(rest.changes, 25);
    let after = rows(&store, "half");
    assert_eq!(after.len(), before + rest.parts);
    let parts = after.iter().map(Vec::as_slice);
    let whole = scrible_wire::merge::merge(parts, &Limits::default()).unwrap();
    assert!(whole == update, "the same bytes again");
}

/// Puts together what two imports left, as YKeyValue reads it: the rightmost entry of a key counts.
fn board_of(doc: &Doc, root: &str) -> std::collections::HashMap<String, Value> {
    entries(doc, root).into_iter().collect()
}

#[tokio::test]
async fn i6_a_board_goes_into_a_room_with_content_only_when_told_and_replaces_equal_ids() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let mut import = into(&node, "demo");
    let board = |name: &str| {
        let page = json!({"id": "page:p", "typeName": "page", "name": name});
        let own = json!({"id": format!("shape:{name}"), "typeName": "shape", "parentId": "page:p"});
        json!({"store": {"p": page, "s": own}, "schema": {"schemaVersion": 2, "sequences": {"a": 1}}}).to_string()
    };
    put(&import, board("one").as_bytes()).await.unwrap();
    let why = refusal(&import, board("two").as_bytes()).await;
    assert!(why.contains("--merge"), "{why}");
    assert_eq!(rows(&store, "demo").len(), 1);
    import.merge = true;
    for name in ["two", "three"] {
        put(&import, board(name).as_bytes()).await.unwrap();
        let doc = stored(&store, "demo");
        assert_eq!(board_of(&doc, "tl_demo")["page:p"]["name"], name);
    }
    let all = board_of(&stored(&store, "demo"), "tl_demo");
    assert_eq!(all.len(), 4, "{all:?}");
}

#[tokio::test]
async fn i6_a_board_of_another_version_is_refused() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let mut import = into(&node, "demo");
    put(&import, MIXED.as_bytes()).await.unwrap();
    import.merge = true;
    let mut older: Value = serde_json::from_str(FRAMES).unwrap();
    older["schema"]["sequences"]["com.tldraw.store"] = json!(4);
    let why = refusal(&import, older.to_string().as_bytes()).await;
    assert!(why.contains("another version of tldraw"), "{why}");
    assert_eq!(rows(&store, "demo").len(), 1);
    // A room without any schema is given the file's.
    let (mut ann, _) = Client::join(node.address, "/plain").await;
    ann.update(&typed(10, 0)).await;
    ann.next_update().await;
    import.room = RoomName::new("plain").unwrap();
    put(&import, MIXED.as_bytes()).await.unwrap();
    assert!(schema(&stored(&store, "plain")).is_some());
}

#[tokio::test]
async fn i2_what_is_not_whole_never_reaches_the_room() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let import = into(&node, "demo");
    let deep = format!(
        r#"{{"store":{{"p":{{"id":"page:p","typeName":"page","deep":{}0{}}}}},"schema":{{"schemaVersion":2}}}}"#,
        "[".repeat(100),
        "]".repeat(100)
    );
    for (file, why) in [
        (&UPDATE[..UPDATE.len() / 2], "no known format"),
        (b"{\"tldrawFileFormatVersion\": 1", "not valid JSON"),
        (&typed(10, 1), "builds on changes of client 10"),
        (deep.as_bytes(), "nested too deep"),
    ] {
        let refusal = refusal(&import, file).await;
        assert!(refusal.contains(why), "{refusal}");
    }
    assert!(rows(&store, "demo").is_empty());
}

#[tokio::test]
async fn i7_a_value_above_the_servers_limit_is_named() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let update = large(77, 1, 3 << 20);
    let why = refusal(&into(&node, "demo"), &update).await;
    assert!(why.contains("SCRIBLE_MAX_MESSAGE_BYTES"), "{why}");
    assert!(why.contains("0 of 3145"), "{why}");
    assert!(rows(&store, "demo").is_empty());
}

#[tokio::test]
async fn i7_a_server_that_stops_is_told_with_its_code_and_what_was_stored() {
    let store = Arc::new(MemoryStore::new());
    let node = roomy(&store).await;
    let import = into(&node, "demo");
    // Several times what may be under way. The first parts are stored, and from then on nothing is.
    let update = large(77, 240, 50 << 10);
    let mut stored = 0;
    let running = import::run(&import, update, |progress| {
        if stored == 0 {
            store.pause_commits();
            node.stop();
        }
        stored = progress.stored;
    });
    let why = format!("{:#}", running.await.unwrap_err());
    assert!(why.contains("1012"), "{why}");
    assert!(why.contains(&format!("{stored} of ")), "{why}");
    assert!(why.contains("run the same again"), "{why}");
    store.resume_commits();
    node.stopped().await;
    assert!(!rows(&store, "demo").is_empty());
}

#[tokio::test]
async fn i7_who_may_only_read_is_refused_and_not_left_waiting() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let url = format!("ws://{}/demo?token=viewer", node.address);
    let mut line = Line::open(&url, None).await.unwrap();
    let theirs = line.greeting().await.unwrap();
    line.join(&theirs).await.unwrap();
    let stopped = line.store(vec![UPDATE.to_vec()], |_| {}).await.unwrap_err();
    let why = format!("{:#}", stopped.error);
    assert!(why.contains("may read this room"), "{why}");
    assert_eq!(stopped.progress.stored, 0);
}

#[tokio::test]
async fn i7_a_room_that_does_not_open_is_told() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    store.fail_loads(1, scrible_store::StoreError::Unavailable("away".into()));
    let why = refusal(&into(&node, "demo"), UPDATE).await;
    assert!(why.contains("4500"), "{why}");
    let elsewhere = Import {
        server: format!("ws://{}/%FF", node.address),
        ..into(&node, "demo")
    };
    let why = refusal(&elsewhere, UPDATE).await;
    assert!(why.contains("refuses with 400"), "{why}");
}
