//! Backup, restore and check by the program itself, beside a server that is another process.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use scrible_store::{
    Batch, Incarnation, NewUpdate, RoomAppend, SqliteOptions, SqliteStore, Store, StoredRoom,
    execute_raw,
};
use scrible_wire::{Clocks, Limits};

use crate::client::{Client, typed};
use crate::program::{Place, signal};

/// Updates of one client before the next one goes on; numbers of one byte.
const RUN: usize = 120;

/// The nth update of a room that is written without end.
fn nth(n: usize) -> Vec<u8> {
    typed((1 + n / RUN) as u8, (n % RUN) as u8)
}

/// What a database file holds of a room.
async fn stored(file: &std::path::Path, room: &str) -> StoredRoom {
    let options = SqliteOptions::default();
    let store = SqliteStore::open(file.to_str().unwrap(), options).await;
    let store = store.unwrap();
    let found = store.load(room).await.unwrap().unwrap();
    store.close().await;
    found
}

/// Writes a few updates into rooms and waits until they are stored.
async fn write(address: std::net::SocketAddr, room: &str, clocks: std::ops::Range<u8>) {
    let (mut ann, _) = Client::join(address, room).await;
    for clock in clocks {
        ann.update(&typed(10, clock)).await;
        assert_eq!(ann.next_update().await, typed(10, clock));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b1_what_was_echoed_before_a_backup_is_in_it_while_writing_goes_on() {
    let place = Place::new();
    let server = place.serve();
    let (echoed, enough) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let (count, stop) = (echoed.clone(), enough.clone());
    let (mut ann, _) = Client::join(server.address, "/load").await;
    let writing = tokio::spawn(async move {
        for n in 0..100 * RUN {
            if stop.load(SeqCst) {
                break;
            }
            ann.update(&nth(n)).await;
            assert_eq!(ann.next_update().await, nth(n));
            count.store(n + 1, SeqCst);
        }
    });
    let mut grown = 0;
    for round in 0..6 {
        let wanted = echoed.load(SeqCst) + 20;
        while echoed.load(SeqCst) < wanted {
            assert!(!writing.is_finished(), "the writer goes on");
            tokio::task::yield_now().await;
        }
        let before = echoed.load(SeqCst);
        let name = format!("copy-{round}.db");
        let said = place.run(&["backup", &name]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.out.contains("1 rooms, "), "{said:?}");
        grown += usize::from(echoed.load(SeqCst) > before);
        let copied = stored(&place.file(&name), "load").await;
        assert!(
            copied.updates.len() >= before,
            "{} of {before}",
            copied.updates.len()
        );
        let mut clocks = Clocks::new();
        for (n, update) in copied.updates.iter().enumerate() {
            assert_eq!(update.bytes, nth(n), "update {n}");
            assert_eq!(
                clocks
                    .take(&update.bytes, &Limits::default())
                    .unwrap()
                    .early,
                None
            );
        }
    }
    assert!(grown > 0, "nothing was written while a backup was made");
    enough.store(true, SeqCst);
    writing.await.unwrap();
    let total = echoed.load(SeqCst);
    assert!(server.stop().success());
    assert_eq!(stored(&place.database(), "load").await.updates.len(), total);
}

/// A database that takes a while to copy.
async fn large(place: &Place) {
    let file = place.database();
    let store = SqliteStore::open(file.to_str().unwrap(), SqliteOptions::default()).await;
    let store = store.unwrap();
    let node = Incarnation::random();
    for number in 1..=16 {
        let update = NewUpdate {
            bytes: vec![number as u8; 4 << 20].into(),
            author: None,
            time_ms: 0,
        };
        let room = RoomAppend {
            room: "large".into(),
            id: None,
            updates: vec![update],
        };
        let rooms = vec![room];
        let batch = Batch {
            node,
            number,
            rooms,
        };
        store.append(&batch).await.unwrap();
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b2_a_backup_that_is_killed_leaves_no_file_and_one_that_is_stopped_nothing_at_all() {
    let place = Place::new();
    large(&place).await;
    for (name, leaves_a_part) in [("KILL", true), ("TERM", false)] {
        let file = place.file(name);
        let mut command = place.command(&["backup", name]);
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let part = format!("{name}.partial-");
        // Something is written, and it is not all.
        loop {
            let written = place.find(&part).and_then(|path| path.metadata().ok());
            if written.is_some_and(|part| part.len() > 0) {
                break;
            }
            assert_eq!(
                child.try_wait().unwrap(),
                None,
                "it was too quick for this test"
            );
            tokio::task::yield_now().await;
        }
        signal(&child, name);
        let status = child.wait().unwrap();
        if leaves_a_part {
            assert_eq!(status.signal(), Some(9));
        } else {
            assert_eq!(status.code(), Some(130));
        }
        assert!(!file.exists());
        assert_eq!(place.find(&part).is_some(), leaves_a_part);
        let said = place.run(&["backup", name]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert_eq!(stored(&file, "large").await.updates.len(), 16);
        let again = place.run(&["backup", name]);
        assert_eq!(again.code, Some(1));
        assert!(again.err.contains("is there already"), "{again:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b5_restore_is_refused_while_a_server_runs_and_gives_the_rooms_back_after() {
    let place = Place::new();
    let server = place.serve();
    write(server.address, "/demo", 0..3).await;
    assert_eq!(place.run(&["backup", "copy.db"]).code, Some(0));
    write(server.address, "/demo", 3..5).await;
    write(server.address, "/later", 0..1).await;
    for _ in 0..2 {
        let said = place.run(&["restore", "copy.db"]);
        assert_eq!(said.code, Some(1));
        assert!(said.err.contains("in use by a server"), "{said:?}");
    }
    write(server.address, "/demo", 5..6).await;
    // Killed: the last updates are in the log of the database alone.
    drop(server);
    let said = place.run(&["restore", "copy.db"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("1 rooms, 3 rows"), "{said:?}");
    let kept = place.find("rooms.db.before-").unwrap();
    assert!(said.out.contains(kept.to_str().unwrap()), "{said:?}");
    assert_eq!(stored(&kept, "demo").await.head, 6);
    assert_eq!(stored(&kept, "later").await.head, 1);

    let server = place.serve();
    let (_, content) = Client::join(server.address, "/demo").await;
    let mut clocks = Clocks::new();
    clocks.take(&content, &Limits::default()).unwrap();
    assert_eq!(clocks.clock(10), 3);
    assert_eq!(Client::join(server.address, "/later").await.1, [0, 0]);
    write(server.address, "/demo", 3..4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b5_a_server_started_while_a_restore_runs_never_writes_to_the_old_file() {
    let place = Place::new();
    let server = place.serve();
    write(server.address, "/demo", 0..3).await;
    assert!(server.stop().success());
    assert_eq!(place.run(&["backup", "copy.db"]).code, Some(0));
    for round in 0..12 {
        let mut command = place.command(&["restore", "copy.db"]);
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut restoring = command.spawn().unwrap();
        // From here on it has the lock.
        while place.find("rooms.db.restoring-").is_none() {
            if restoring.try_wait().unwrap().is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let server = place.try_serve();
        assert!(restoring.wait().unwrap().success(), "round {round}");
        if let Some(server) = server {
            write(server.address, "/new", 0..1).await;
            assert!(server.stop().success());
            assert_eq!(stored(&place.database(), "new").await.head, 1);
        }
        assert_eq!(stored(&place.database(), "demo").await.head, 3);
        let kept = place.find("rooms.db.before-").unwrap();
        // Names have the second in them, and this is done in less.
        std::fs::remove_file(kept).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b5_a_server_whose_file_was_damaged_under_it_is_in_the_way_too() {
    use std::os::unix::fs::FileExt;
    let place = Place::new();
    let server = place.serve();
    write(server.address, "/demo", 0..3).await;
    assert_eq!(place.run(&["backup", "copy.db"]).code, Some(0));
    let file = std::fs::File::options().write(true).open(place.database());
    file.unwrap().write_all_at(b"not what it was!", 0).unwrap();
    let said = place.run(&["restore", "copy.db"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("in use by a server"), "{said:?}");
    drop(server);
    let said = place.run(&["restore", "copy.db"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(stored(&place.database(), "demo").await.head, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b7_check_names_damaged_rooms_with_row_and_reason_and_no_others() {
    let place = Place::new();
    let said = place.run(&["check"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("no database at"), "{said:?}");
    let server = place.serve();
    for room in ["/sound", "/flipped", "/holed", "/early", "/old"] {
        write(server.address, room, 0..4).await;
    }
    // Beside the server, which has everything in its log.
    let said = place.run(&["check"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.out.starts_with("5 rooms, no damage; 20 sound rows"),
        "{said:?}"
    );
    assert!(server.stop().success());
    let row =
        |room, seq| format!("room = (SELECT id FROM rooms WHERE name = '{room}') AND seq = {seq}");
    for (what, whose) in [
        (
            "UPDATE room_updates SET bytes = x'01' WHERE",
            row("flipped", 3),
        ),
        ("DELETE FROM room_updates WHERE", row("holed", 2)),
        (
            "UPDATE room_updates SET bytes = x'0000', checksum = NULL WHERE",
            row("early", 2),
        ),
        // As a row that was written before there were checksums.
        (
            "UPDATE room_updates SET bytes = x'0101ff', checksum = NULL WHERE",
            row("old", 3),
        ),
    ] {
        execute_raw(&place.database(), &format!("{what} {whose}")).await;
    }
    let said = place.run(&["check"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let lines: Vec<&str> = said.out.lines().collect();
    for (line, start, reason) in [
        (0, "room \"flipped\" is damaged at row 3: ", "checksum"),
        (1, "room \"holed\" is damaged at row 2: ", "found row 3"),
        (
            2,
            "room \"early\" is damaged at row 3: ",
            "not stored before it; it is refused",
        ),
        (3, "room \"old\" is damaged at row 3: ", "no update"),
    ] {
        assert!(lines[line].starts_with(start), "{said:?}");
        assert!(lines[line].contains(reason), "{said:?}");
    }
    assert!(
        lines[4].starts_with("5 rooms, 4 DAMAGED; 4 sound rows"),
        "{said:?}"
    );
    assert_eq!(lines.len(), 5);

    let server = place.serve();
    assert_eq!(
        Client::connect(server.address, "/early")
            .await
            .closed()
            .await,
        4500
    );
    let sound = Client::join(server.address, "/sound").await.1;
    assert_ne!(sound, [0, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b8_check_speaks_json_to_machines() {
    let place = Place::new();
    let server = place.serve();
    write(server.address, "/a%22b", 0..2).await;
    write(server.address, "/sound", 0..2).await;
    assert!(server.stop().success());
    execute_raw(
        &place.database(),
        "DELETE FROM room_updates WHERE room = 1 AND seq = 2; \
         INSERT INTO room_heads VALUES (77, 0)",
    )
    .await;
    let said = place.run(&["check", "--json"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let lines = said.out.lines().map(serde_json::from_str);
    let lines: Vec<serde_json::Value> = lines.collect::<Result<_, _>>().unwrap();
    assert_eq!(lines.len(), 3, "{said:?}");
    assert_eq!(lines[0]["kind"], "database");
    assert_eq!(lines[0]["reason"], "1 rows of room_heads belong to no room");
    assert_eq!(lines[1]["kind"], "room");
    assert_eq!(
        (&lines[1]["room"], &lines[1]["seq"]),
        (&"a\"b".into(), &2.into())
    );
    assert_eq!(lines[1]["reason"], "its head is 2, but the rows end at 1");
    assert_eq!(lines[2]["kind"], "summary");
    assert_eq!(lines[2]["clean"], false);
    let bytes = typed(10, 0).len() + typed(10, 1).len();
    assert_eq!(
        (&lines[2]["rooms"], &lines[2]["damaged_rooms"]),
        (&2.into(), &1.into())
    );
    assert_eq!(
        (&lines[2]["rows"], &lines[2]["bytes"]),
        (&2.into(), &bytes.into())
    );

    let said = place.run(&["backup", "copy.db"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.err
            .contains("room \"a\\\"b\" is damaged: its head is 2"),
        "{said:?}"
    );
    let said = place.run(&["restore", "copy.db"]);
    assert!(said.err.contains("1 rooms do not add up"), "{said:?}");
    let said = place.run(&["restore", "copy.db", "--keep-damaged"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(stored(&place.database(), "sound").await.head, 2);
}
