//! What `scrible check` tells of damaged snapshots and rows, and that it tells of nothing else.

use bytes::Bytes;
use scrible_store::{Builder, NewSnapshot, Store};
use serde_json::Value;

use crate::damage::{clean, content, fill, lines, merged, of, open, row, snapshot, spoil, trim};
use crate::program::Place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b7_check_names_damaged_snapshots_and_tells_what_the_room_opens_on() {
    let place = Place::new();
    let right = merged(6);
    let (empty, early) = (Bytes::from_static(&[0, 0]), Bytes::from(row(6)));
    let shorter = merged(4);
    let with = |(data, state_vector): (Bytes, Bytes)| {
        move |new: NewSnapshot| NewSnapshot {
            data,
            state_vector,
            ..new
        }
    };
    for (room, wrong, reason) in [
        (
            "cut",
            with((right.0.slice(..9), right.1.clone())),
            "it is no update",
        ),
        (
            "early",
            with((early, right.1.clone())),
            "which is not in it",
        ),
        (
            "vector",
            with((right.0.clone(), shorter.1.clone())),
            "not that of its data",
        ),
        (
            "none",
            with((right.0.clone(), Bytes::new())),
            "its state vector is none",
        ),
        (
            "empty",
            with((empty, right.1.clone())),
            "not that of its data",
        ),
        ("less", with(shorter), "it lacks clock 3 of client"),
    ] {
        let id = fill(&place, room, 6, &[4]).await;
        let store = open(&place).await;
        store
            .add_snapshot(&wrong(snapshot(id, 2, 6)))
            .await
            .unwrap();
        store.close().await;
        let said = place.run(&["check", "--json"]);
        assert_eq!(said.code, Some(1), "{said:?}");
        let lines = lines(&said);
        let found = of(&lines, "snapshot");
        let found = found.last().unwrap();
        assert_eq!(
            (&found["room"], &found["version"]),
            (&room.into(), &2.into())
        );
        assert!(
            found["reason"].as_str().unwrap().contains(reason),
            "{found}"
        );
        let verdict = of(&lines, "room");
        let verdict = verdict.last().unwrap();
        assert_eq!(
            (&verdict["room"], &verdict["opens"]),
            (&room.into(), &true.into())
        );
        // What only lacks something is sound by itself.
        let version = if room == "less" { 2 } else { 1 };
        assert_eq!(verdict["version"], version, "{said:?}");
        assert_eq!(verdict["seq"], Value::Null);
    }
    let said = place.run(&["check"]);
    let told = "room \"cut\" is damaged: a snapshot is damaged; it still opens, on snapshot 1";
    assert!(said.out.lines().any(|line| line == told), "{said:?}");
    let summary = said.out.lines().last().unwrap();
    assert!(
        summary.starts_with("6 rooms, 6 DAMAGED; 0 sound rows"),
        "{summary}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b7_a_reserve_is_checked_and_its_damage_keeps_no_room_from_opening() {
    let place = Place::new();
    let id = fill(&place, "room", 9, &[2, 4, 6]).await;
    fill(&place, "whole", 9, &[2, 9]).await;
    trim(&place, id, 4).await;
    assert_eq!(of(&clean(&place), "summary")[0]["snapshots"], 5);
    for (damage, seq, reason) in [
        (
            "UPDATE room_updates SET bytes = x'00' WHERE seq = 6",
            6,
            "checksum",
        ),
        ("DELETE FROM room_updates WHERE seq = 6", 6, "found row 7"),
    ] {
        spoil(&place, &format!("{damage} AND room = {}", id.0)).await;
        let said = place.run(&["check", "--json"]);
        assert_eq!(said.code, Some(1), "{said:?}");
        let lines = lines(&said);
        let verdict = &of(&lines, "room")[0];
        assert_eq!(
            (&verdict["seq"], &verdict["opens"]),
            (&seq.into(), &true.into())
        );
        assert!(
            verdict["reason"].as_str().unwrap().contains(reason),
            "{verdict}"
        );
        assert_eq!((&verdict["version"], lines.len()), (&3.into(), 2));
    }
    assert_eq!(content(&place, "room").await.clock(10), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b7_a_base_that_was_merged_for_a_reason_is_a_notice_and_no_damage() {
    let place = Place::new();
    let id = fill(&place, "room", 4, &[]).await;
    let store = open(&place).await;
    for (version, note) in [
        (1, Some("it holds a BigInt")),
        (2, None),
        (3, Some("yrs gave up")),
    ] {
        let new = NewSnapshot {
            builder: Builder::Bytes,
            note: note.map(str::to_owned),
            ..snapshot(id, version, 4)
        };
        store.add_snapshot(&new).await.unwrap();
        let notices = lines(&place.run(&["check", "--json"]));
        let notices = of(&notices, "notice").len();
        assert_eq!(notices, usize::from(note.is_some()), "the newest counts");
    }
    store.close().await;
    let lines = clean(&place);
    let notice = &of(&lines, "notice")[0];
    assert_eq!(notice["room"], "room");
    assert!(
        notice["reason"]
            .as_str()
            .unwrap()
            .ends_with(": yrs gave up")
    );
}
