//! A database that is taken from under a running server, and one that can only be read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::painter::{Painter, stored};
use super::{degraded, json};
use crate::program::Place;

/// A user who owns nothing.
const NOBODY: u32 = 65_534;

#[tokio::test]
async fn j7_a_database_that_is_deleted_or_replaced_is_told_and_nothing_more_is_echoed() {
    for replaced in [false, true] {
        let place = Place::new();
        let server = place.serve();
        let mut ann = Painter::join(server.address, "/demo", 10).await;
        ann.draw(0..5, 100).await;
        ann.all_echoed().await;
        let away = place.file("away.db");
        fs::rename(place.database(), &away).unwrap();
        if replaced {
            fs::copy(&away, place.database()).unwrap();
        }
        ann.draw(5..8, 100).await;
        let reason = degraded(&server).await;
        let expected = ["is gone", "was replaced by another file"][usize::from(replaced)];
        assert!(reason.contains(expected), "{reason}");
        let (_, health) = json(&server, "/health").await;
        let of_store = health["parts"]["store"]["reason"].as_str().unwrap();
        assert!(of_store.contains(expected), "{of_store}");
        ann.nothing_echoed().await;
        // Put back, it goes on where it was.
        fs::rename(&away, place.database()).unwrap();
        ann.all_echoed().await;
        server.kill();
        let server = place.serve();
        assert_eq!(stored(server.address, "/demo", [10]).await, [8]);
    }
}

#[tokio::test]
async fn j7_a_log_that_is_deleted_is_told_and_an_orderly_stop_saves_what_was_echoed() {
    let place = Place::new();
    let server = place.serve_with(&[("SCRIBLE_SHUTDOWN_SECONDS", "2")]);
    let mut ann = Painter::join(server.address, "/demo", 10).await;
    ann.draw(0..5, 100).await;
    ann.all_echoed().await;
    fs::remove_file(place.file("rooms.db-wal")).unwrap();
    ann.draw(5..8, 100).await;
    let reason = degraded(&server).await;
    assert!(reason.contains("rooms.db-wal\" is gone"), "{reason}");
    ann.nothing_echoed().await;
    // What waited is counted; its author has it.
    assert_eq!(server.stop().code(), Some(1));
    let server = place.serve();
    assert_eq!(stored(server.address, "/demo", [10]).await, [5]);
    ann.come_back(server.address, "/demo").await;
    assert_eq!(stored(server.address, "/demo", [10]).await, [8]);
}

#[tokio::test]
async fn j6_a_database_or_folder_that_cannot_be_written_stops_the_start_with_a_sentence() {
    let place = Place::new();
    assert_eq!(place.run(&["migrate"]).code, Some(0));
    let is_root = rustix::process::geteuid().is_root();
    // Rights bind everybody but root, who starts it as somebody else, from a folder that is open to all.
    let program = place.file("scrible");
    fs::copy(env!("CARGO_BIN_EXE_scrible"), &program).unwrap();
    let start = || {
        let mut command = Command::new(&program);
        command.current_dir(place.folder()).env_clear().args([
            "serve",
            "--port",
            "0",
            "--database-url",
            "sqlite:rooms.db",
        ]);
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        let said = command.output().unwrap();
        assert_eq!(said.status.code(), Some(1), "{said:?}");
        String::from_utf8(said.stderr).unwrap()
    };
    let allow = |path: &std::path::Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    allow(&place.database(), 0o444);
    allow(place.folder(), 0o555);
    let said = start();
    assert!(
        said.contains("rooms.db\" for writing: Permission denied"),
        "{said}"
    );
    allow(&place.database(), 0o666);
    let said = start();
    assert!(
        said.contains("cannot write \"rooms.db\" or to its folder"),
        "{said}"
    );
    allow(place.folder(), 0o755);
}
