//! What a kill in the middle of a write leaves: a log that ends in nonsense. And files that lost what was synced.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use super::painter::{Painter, stored};
use crate::program::Place;

fn log(place: &Place) -> PathBuf {
    place.file("rooms.db-wal")
}

/// What may stand behind the last commit: pages that were written in part, or in full without their commit, or not at all.
fn tails(log: &[u8]) -> Vec<Vec<u8>> {
    // A log begins with 32 bytes; a frame is 24 bytes and a page.
    const FRAME: usize = 24 + 4096;
    let last = &log[log.len() - FRAME..];
    let mut flipped = last.to_vec();
    flipped[FRAME / 2] ^= 1;
    vec![
        vec![0; 3 * FRAME],
        last[..FRAME / 3].to_vec(),
        flipped,
        last.repeat(4),
        vec![0xff; 100],
    ]
}

#[tokio::test]
async fn j4_a_torn_end_of_the_log_costs_nothing_that_was_echoed() {
    let place = Place::new();
    let mut items = 0;
    for nth in 0..5 {
        let server = place.serve();
        let id = 10 + nth as u64;
        let mut ann = Painter::join(server.address, "/demo", id).await;
        ann.draw(0..20, 500).await;
        ann.all_echoed().await;
        items += 20;
        server.kill();
        let tail = tails(&fs::read(log(&place)).unwrap()).swap_remove(nth);
        let mut file = File::options().append(true).open(log(&place)).unwrap();
        file.write_all(&tail).unwrap();
        drop(file);
        let server = place.serve();
        let counts = stored(server.address, "/demo", [10, 11, 12, 13, 14]).await;
        assert_eq!(
            counts.iter().sum::<usize>(),
            items,
            "tail {nth}: {counts:?}"
        );
        assert!(server.stop().success());
    }
    let said = place.run(&["check"]);
    assert_eq!(said.code, Some(0), "{said:?}");
}

#[tokio::test]
async fn j6_a_database_that_was_cut_to_half_is_refused_and_a_backup_puts_it_right() {
    let place = Place::new();
    let server = place.serve();
    let mut ann = Painter::join(server.address, "/demo", 10).await;
    ann.draw(0..50, 2000).await;
    ann.all_echoed().await;
    assert!(server.stop().success());
    assert_eq!(place.run(&["backup", "copy.db"]).code, Some(0));
    let len = fs::metadata(place.database()).unwrap().len();
    let file = File::options().write(true).open(place.database()).unwrap();
    file.set_len(len / 2).unwrap();
    drop(file);
    for command in [&["serve", "--port", "0"][..], &["migrate"]] {
        let said = place.run(command);
        assert_eq!(said.code, Some(1), "{said:?}");
        for part in ["rooms.db", "is damaged", "scrible check", "scrible restore"] {
            assert!(said.err.contains(part), "{said:?}");
        }
    }
    let said = place.run(&["check"]);
    assert_eq!(said.code, Some(2), "nobody knows what is in it: {said:?}");
    let said = place.run(&["restore", "copy.db"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let server = place.serve();
    assert_eq!(stored(server.address, "/demo", [10]).await, [50]);
}

#[tokio::test]
async fn j6_a_database_that_is_gone_while_its_log_is_there_is_not_made_anew() {
    let place = Place::new();
    let server = place.serve();
    let mut ann = Painter::join(server.address, "/demo", 10).await;
    ann.draw(0..10, 100).await;
    ann.all_echoed().await;
    server.kill();
    let away = place.file("away.db");
    fs::rename(place.database(), &away).unwrap();
    let before = fs::read(log(&place)).unwrap();
    let said = place.run(&["serve", "--port", "0"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    for part in ["is gone", "rooms.db-wal", "scrible restore"] {
        assert!(said.err.contains(part), "{said:?}");
    }
    assert_eq!(fs::read(log(&place)).unwrap(), before);
    fs::rename(&away, place.database()).unwrap();
    let server = place.serve();
    assert_eq!(stored(server.address, "/demo", [10]).await, [10]);
}
