//! What `scrible check --repair` mends, what it cannot, and that it is one or the other.

use std::process::Stdio;

use scrible_store::{Batch, Incarnation, NewSnapshot, NewUpdate, RoomAppend, Store};

use crate::client::{Client, typed};
use crate::damage::{
    clean, clocks, content, fill, lines, load, merged, of, open, row, snapshot, spoil, trim,
};
use crate::program::{Place, signal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b9_what_something_else_holds_is_repaired_without_loss() {
    for (covered, trimmed, damage, aside) in [
        // The newest snapshot; all of them, with all rows there; an older version.
        (
            &[4, 6, 8][..],
            6,
            "UPDATE room_snapshots SET data = x'00' WHERE version = 3",
            1,
        ),
        (&[4, 6], 0, "UPDATE room_snapshots SET data = x'00'", 2),
        (
            &[2, 4, 6, 8],
            6,
            "UPDATE room_snapshots SET state_vector = x'00' WHERE version = 1",
            1,
        ),
        // Rows that the newest snapshot covers.
        (
            &[2, 4, 8],
            4,
            "UPDATE room_updates SET bytes = x'0000' WHERE seq = 6",
            1,
        ),
        (
            &[2, 4, 8],
            4,
            "DELETE FROM room_updates WHERE seq IN (6, 7)",
            0,
        ),
        // The head.
        (&[2, 4, 8], 4, "DELETE FROM room_heads", 0),
        (&[2, 4, 8], 4, "UPDATE room_heads SET head = 5", 0),
        (&[], 0, "UPDATE room_heads SET head = 0", 0),
        // Several at once.
        (
            &[4, 6],
            0,
            "UPDATE room_snapshots SET size = 1; DELETE FROM room_heads",
            2,
        ),
    ] {
        let place = Place::new();
        let id = fill(&place, "room", 9, covered).await;
        if trimmed > 0 {
            trim(&place, id, trimmed).await;
        }
        spoil(&place, damage).await;
        let said = place.run(&["check", "--repair", "--json"]);
        assert_eq!(said.code, Some(0), "{damage}: {said:?}");
        let told = lines(&said);
        let repaired = of(&told, "repaired");
        assert!(!repaired.is_empty(), "{damage}: {said:?}");
        for line in repaired {
            assert_eq!(
                (line["rows"].to_string(), line["clocks"].to_string()),
                ("[]".into(), "[]".into())
            );
        }
        let content = content(&place, "room").await;
        assert_eq!((content.clock(10), content.clock(20)), (5, 4), "{damage}");
        let stored = load(&place, "room").await.unwrap();
        assert_eq!((stored.head, &stored.passed_over[..]), (9, &[][..]));
        let told = clean(&place);
        let notices = of(&told, "notice");
        let of_aside = notices
            .iter()
            .filter(|notice| notice["reason"].as_str().unwrap().contains("set aside"));
        assert_eq!(
            of_aside.count(),
            usize::from(aside > 0),
            "{damage}: {told:?}"
        );
        assert_eq!(place.run(&["check", "--repair"]).code, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b9_after_repair_a_room_survives_the_loss_of_its_newest_snapshot_again() {
    for damage in [
        "UPDATE room_snapshots SET data = x'00' WHERE version = 3",
        "UPDATE room_updates SET bytes = x'0000' WHERE seq = 7",
    ] {
        let place = Place::new();
        let id = fill(&place, "room", 9, &[4, 6, 8]).await;
        trim(&place, id, 6).await;
        for _ in 0..3 {
            spoil(&place, damage).await;
            assert_eq!(place.run(&["check", "--repair"]).code, Some(0));
            let newest = "(SELECT max(version) FROM room_snapshots)";
            spoil(
                &place,
                &format!("UPDATE room_snapshots SET size = 0 WHERE version = {newest}"),
            )
            .await;
            assert_eq!(content(&place, "room").await.clock(10), 5, "{damage}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b9_a_base_that_lacks_what_its_rows_bring_is_built_again() {
    let place = Place::new();
    let id = fill(&place, "room", 7, &[4]).await;
    let store = open(&place).await;
    let (data, state_vector) = merged(4);
    let short = NewSnapshot {
        data,
        state_vector,
        ..snapshot(id, 2, 6)
    };
    store.add_snapshot(&short).await.unwrap();
    store.close().await;
    let said = place.run(&["check", "--repair"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.out
            .contains("set aside: snapshots 2; nothing was lost"),
        "{said:?}"
    );
    assert_eq!(content(&place, "room").await.clock(10), 4);
    clean(&place);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b10_a_lost_row_costs_what_builds_on_it_and_clients_bring_it_back() {
    for (covered, damage) in [
        (
            &[][..],
            "UPDATE room_updates SET bytes = x'0000' WHERE seq = 5",
        ),
        (
            &[],
            "UPDATE room_updates SET bytes = x'0101ff', checksum = NULL WHERE seq = 5",
        ),
        (&[], "DELETE FROM room_updates WHERE seq = 5"),
        (&[2, 4], "DELETE FROM room_updates WHERE seq = 5"),
    ] {
        let place = Place::new();
        let id = fill(&place, "room", 9, covered).await;
        if !covered.is_empty() {
            trim(&place, id, 2).await;
        }
        spoil(&place, damage).await;
        assert_eq!(place.run(&["check"]).code, Some(1), "{damage}");
        let said = place.run(&["check", "--repair", "--json"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        let told = lines(&said);
        let repaired = &of(&told, "repaired")[0];
        // Row 5 is ann's third; rows 7 and 9 go on from it. Ben's are his own.
        assert_eq!(repaired["rows"].to_string(), "[5,7,9]");
        let lost = r#"[{"client":10,"from":2,"to":5}]"#;
        assert_eq!(repaired["clocks"].to_string(), lost);
        let kept = content(&place, "room").await;
        assert_eq!((kept.clock(10), kept.clock(20)), (2, 4));
        assert!(
            of(&clean(&place), "notice").len() == 2,
            "merged, and set aside"
        );

        let server = place.serve();
        let (mut ann, content) = Client::join(server.address, "/room").await;
        assert_eq!(clocks(&content).clock(10), 2);
        for clock in 2..5 {
            ann.update(&typed(10, clock)).await;
            assert_eq!(ann.next_update().await, typed(10, clock));
        }
        assert!(server.stop().success());
        assert_eq!(self::content(&place, "room").await.clock(10), 5);
        clean(&place);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b10_a_loss_is_told_in_words() {
    let place = Place::new();
    fill(&place, "a\"b", 9, &[]).await;
    spoil(&place, "DELETE FROM room_updates WHERE seq = 5").await;
    let said = place.run(&["check", "--repair"]);
    let told = said.out.lines().find(|line| line.contains("is repaired"));
    assert_eq!(
        told.unwrap(),
        "room \"a\\\"b\" is repaired, it stands on snapshot 1; LOST: rows 5, 7, 9 (missing, or set aside); of client \
         10 clocks 2 to 4; Yjs clients that still have it bring it back when they connect"
    );
    let summary = said.out.lines().last().unwrap();
    assert!(
        summary.starts_with("1 rooms, 1 repaired, no damage; 9 sound rows"),
        "{summary}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b11_a_room_of_which_nothing_can_be_read_is_left_and_stays_refused() {
    for (covered, trimmed, damage) in [
        (&[2, 4, 6][..], 4, "UPDATE room_snapshots SET data = x'00'"),
        (
            &[2, 4, 9],
            4,
            "UPDATE room_snapshots SET size = 0; DELETE FROM room_updates",
        ),
        (&[], 0, "DELETE FROM room_updates"),
        (&[], 0, "UPDATE room_updates SET bytes = x'00'"),
        (&[], 0, "DELETE FROM room_updates WHERE seq < 3"),
        (&[], 0, "UPDATE room_heads SET head = 1000000000"),
    ] {
        let place = Place::new();
        let id = fill(&place, "room", 9, covered).await;
        if trimmed > 0 {
            trim(&place, id, trimmed).await;
        }
        fill(&place, "other", 3, &[]).await;
        let only = if damage.contains("WHERE") {
            " AND"
        } else {
            " WHERE"
        };
        let parts: Vec<String> = damage
            .split("; ")
            .map(|part| format!("{part}{only} room = {}", id.0))
            .collect();
        spoil(&place, &parts.join("; ")).await;
        let before = load(&place, "room").await.unwrap_err().to_string();
        let said = place.run(&["check", "--repair", "--json"]);
        assert_eq!(said.code, Some(1), "{damage}: {said:?}");
        let told = lines(&said);
        assert_eq!(of(&told, "left")[0]["room"], "room", "{damage}");
        assert_eq!(of(&told, "repaired").len(), 0);
        assert_eq!(load(&place, "room").await.unwrap_err().to_string(), before);
        assert_eq!(content(&place, "other").await.clock(10), 2);
        let server = place.serve();
        let refused = Client::connect(server.address, "/room")
            .await
            .closed()
            .await;
        assert_eq!(refused, 4500);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b9_repair_is_refused_while_a_server_runs_and_in_a_file_with_broken_pages() {
    let place = Place::new();
    fill(&place, "room", 9, &[]).await;
    spoil(&place, "DELETE FROM room_updates WHERE seq = 5").await;
    let server = place.serve();
    let said = place.run(&["check", "--repair"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("in use by a server"), "{said:?}");
    assert!(server.stop().success());
    // An index that does not know a row: found, and nothing is written.
    let file = place.database();
    spoil(
        &place,
        "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'sqlite_autoindex_rooms_1'",
    )
    .await;
    let before = std::fs::read(&file).unwrap();
    let said = place.run(&["check", "--repair"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("not repaired"), "{said:?}");
    assert!(
        said.err.contains("malformed") || said.err.contains("damaged"),
        "{said:?}"
    );
    assert_eq!(std::fs::read(&file).unwrap().len(), before.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b9_a_repair_that_is_killed_leaves_each_room_repaired_or_as_it_was() {
    let place = Place::new();
    let names: Vec<String> = (0..120).map(|n| format!("room {n}")).collect();
    let store = open(&place).await;
    let rooms = names.iter().map(|name| RoomAppend {
        room: name.as_str().into(),
        id: None,
        updates: (1..=9)
            .map(|seq| NewUpdate {
                bytes: row(seq).into(),
                author: None,
                time_ms: 42,
            })
            .collect(),
    });
    let batch = Batch {
        node: Incarnation::random(),
        number: 1,
        rooms: rooms.collect(),
    };
    store.append(&batch).await.unwrap();
    store.close().await;
    spoil(
        &place,
        "UPDATE room_updates SET bytes = x'00' WHERE seq = 5",
    )
    .await;
    let mut kills = 0;
    // Each time it is killed a few rooms further on.
    for wanted in [1, 3, 9, 20] {
        let mut command = place.command(&["check", "--repair", "--json"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let out = std::io::BufReader::new(child.stdout.take().unwrap());
        let repaired = std::io::BufRead::lines(out).map(Result::unwrap);
        let mut repaired = repaired.filter(|line| line.contains("\"repaired\""));
        if repaired.nth(wanted).is_some() {
            signal(&child, "KILL");
        }
        kills += usize::from(child.wait().unwrap().code().is_none());
        let said = place.run(&["check", "--json"]);
        let told = lines(&said);
        let damaged = of(&told, "room");
        let aside: i64 = of(&told, "notice")
            .iter()
            .filter(|line| {
                line["reason"]
                    .as_str()
                    .unwrap()
                    .starts_with("3 rows and snapshots")
            })
            .count() as i64;
        assert_eq!(damaged.len() as i64 + aside, 120, "{said:?}");
        for line in damaged {
            assert_eq!((&line["seq"], &line["opens"]), (&5.into(), &false.into()));
        }
    }
    assert!(kills > 1, "it was too quick for this test");
    assert_eq!(place.run(&["check", "--repair"]).code, Some(0));
    for name in &names {
        assert_eq!(content(&place, name).await.clock(20), 4);
    }
}

/// Numbers that follow from a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Something that can happen to a room of so many rows and snapshots, as SQL.
fn accident(chance: &mut Chance, rows: u64, snapshots: u64) -> String {
    let seq = 1 + chance.below(rows);
    let version = 1 + chance.below(snapshots.max(1));
    let last = seq + chance.below(4);
    match chance.below(9) {
        0 => format!("UPDATE room_updates SET bytes = x'aa' WHERE seq = {seq}"),
        1 => format!("UPDATE room_updates SET bytes = x'01', checksum = NULL WHERE seq = {seq}"),
        2 => format!("DELETE FROM room_updates WHERE seq BETWEEN {seq} AND {last}"),
        3 => "DELETE FROM room_heads".to_owned(),
        4 => "UPDATE room_heads SET head = head / 2".to_owned(),
        5 => format!("UPDATE room_snapshots SET data = x'0000' WHERE version = {version}"),
        6 => format!("UPDATE room_snapshots SET state_vector = x'00' WHERE version = {version}"),
        7 => format!("UPDATE room_snapshots SET seq = seq + 1 WHERE version = {version}"),
        _ => format!("DELETE FROM room_snapshots WHERE version = {version}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b9_after_any_accidents_a_room_is_repaired_and_sound_or_left_as_it_was() {
    let (mut repaired, mut left) = (0, 0);
    for seed in 1..=40_u64 {
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let rows = 1 + chance.below(20);
        let mut covered: Vec<u64> = (0..chance.below(5))
            .map(|_| 1 + chance.below(rows))
            .collect();
        covered.sort_unstable();
        let place = Place::new();
        let id = fill(&place, "room", rows, &covered).await;
        if let [.., reserve, _] = covered[..] {
            trim(&place, id, chance.below(reserve + 1)).await;
        }
        let mut accidents = Vec::new();
        for _ in 0..1 + chance.below(3) {
            accidents.push(accident(&mut chance, rows, covered.len() as u64));
            spoil(&place, accidents.last().unwrap()).await;
        }
        let about = format!("seed {seed}: {rows} rows, {covered:?}, {accidents:?}");
        let before = load(&place, "room")
            .await
            .map_err(|error| error.to_string());
        let said = place.run(&["check", "--repair", "--json"]);
        let told = lines(&said);
        if of(&told, "left").is_empty() {
            assert_eq!(said.code, Some(0), "{about}: {said:?}");
            clean(&place);
            let losses = of(&told, "repaired");
            repaired += losses.len();
            // What is told to be missing is all that is missing.
            let kept = content(&place, "room").await;
            for lost in losses
                .iter()
                .flat_map(|line| line["clocks"].as_array().unwrap())
            {
                let client = lost["client"].as_u64().unwrap();
                let clock = u64::from(kept.clock(client));
                assert!(clock < lost["to"].as_u64().unwrap(), "{about}: {said:?}");
            }
        } else {
            left += 1;
            assert_eq!(said.code, Some(1), "{about}: {said:?}");
            let after = load(&place, "room")
                .await
                .map_err(|error| error.to_string());
            assert_eq!(before, after, "{about}");
        }
    }
    assert!(
        repaired > 20 && left < 10,
        "{repaired} repaired, {left} left"
    );
}
