//! The server ends as by kill -9 at each named place on an update's way to the disk and back, and of its way into a snapshot.
//!
//! Random kills find what is likely; these find what lies between two lines. Nothing marks the inside of SQLite's own checkpoint; the
//! store's crash test looks for that.

use std::os::unix::process::ExitStatusExt;

use super::painter::{Painter, stored};
use crate::program::Place;

const ROOM: &str = "/demo";
const PAINTERS: [u64; 2] = [10, 20];
const SIGKILL: i32 = 9;

/// Draws until the server ends at a place, when it comes there for so many times and once more; then looks at what is left.
async fn end_at(place: &str, passes: u32) {
    let folder = Place::new();
    let points = format!("{place}={passes}*off->return");
    let server = folder.serve_with(&[
        ("FAILPOINTS", &points),
        ("SCRIBLE_COMPACT_ROWS", "20"),
        ("SCRIBLE_AWARENESS_INTERVAL_MS", "1000"),
    ]);
    let mut ann = Painter::join(server.address, ROOM, PAINTERS[0]).await;
    let mut ben = Painter::join(server.address, ROOM, PAINTERS[1]).await;
    tokio::join!(ann.draw_to_the_end(), ben.draw_to_the_end());
    assert_eq!(server.ended().signal(), Some(SIGKILL), "{place}");

    let server = folder.serve();
    let counts = stored(server.address, ROOM, PAINTERS).await;
    let mut echoes = 0;
    for (painter, stored) in [&ann, &ben].into_iter().zip(counts) {
        let (edits, echoed) = painter.counts();
        assert!(
            (echoed..=edits).contains(&stored),
            "{place}: {stored} of {edits} edits are there, {echoed} were echoed"
        );
        echoes += echoed;
    }
    assert!(echoes > 0, "{place}: nothing was shown");
    // What was not stored is still with its authors.
    ann.come_back(server.address, ROOM).await;
    ben.come_back(server.address, ROOM).await;
    let all = [ann.counts().0, ben.counts().0];
    assert_eq!(stored(server.address, ROOM, PAINTERS).await, all, "{place}");
    server.kill();
    let server = folder.serve();
    assert_eq!(stored(server.address, ROOM, PAINTERS).await, all, "{place}");
    let said = folder.run(&["check"]);
    assert_eq!(said.code, Some(0), "{place}: {said:?}");
}

#[tokio::test]
async fn j4_whoever_ends_on_an_updates_way_to_the_disk_and_back_loses_nothing_that_was_echoed() {
    for place in [
        "update: received",
        "update: appended",
        "update: queued",
        "append a batch: begun",
        "append a batch: written",
        "append a batch: committed",
        "update: stored",
        "update: reported",
        "session: flushed",
    ] {
        end_at(place, 25).await;
    }
}

#[tokio::test]
async fn k7_whoever_ends_on_the_way_into_a_snapshot_loses_nothing_and_the_room_loads() {
    for (place, passes) in [
        ("store a snapshot: begun", 0),
        ("store a snapshot: written", 1),
        ("store a snapshot: committed", 0),
        ("store a snapshot: committed", 1),
        ("trim a room: begun", 0),
        ("trim a room: written", 0),
        ("trim a room: committed", 0),
    ] {
        end_at(place, passes).await;
    }
}
