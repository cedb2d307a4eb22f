//! The program itself on a Postgres server that crashes, is locked, or loses its sessions; and what its commands do there.
//!
//! As the store's own tests it needs SCRIBLE_TEST_POSTGRES_URL, as a superuser: it makes the server crash, so nothing else may run on
//! that one meanwhile; and that server's programs on this machine, for some cases start one of their own. Cases with two nodes need `redis-server` besides, one a server that speaks S3 (SCRIBLE_TEST_S3S_FS). Without it all cases are listed as ignored. The rule: an edit counts as stored when a server that never
//! saw it sends it.

#[path = "../it/asking.rs"]
#[allow(dead_code, reason = "shared with the tests on SQLite")]
mod asking;
#[path = "../redis/server.rs"]
#[allow(dead_code, reason = "shared with the tests of the bus")]
mod cache;
#[path = "../it/client.rs"]
#[allow(dead_code, reason = "shared with the tests on SQLite")]
mod client;
#[path = "../../crates/store/tests/postgres/database.rs"]
#[allow(dead_code, reason = "shared with the tests of the store")]
mod database;
#[path = "../../crates/store/tests/postgres/line.rs"]
#[allow(dead_code, reason = "shared with the tests of the store")]
mod line;
#[path = "../it/faults/painter.rs"]
#[allow(dead_code, reason = "shared with the tests on SQLite")]
mod painter;
#[path = "../it/planted.rs"]
mod planted;
#[path = "../it/program.rs"]
#[allow(dead_code, reason = "shared with the tests on SQLite")]
mod program;
#[path = "../it/compaction/place.rs"]
#[allow(dead_code, reason = "shared with the tests on SQLite")]
mod room;
#[path = "../../crates/objects/tests/s3/server.rs"]
#[allow(dead_code, reason = "shared with the tests of objects")]
mod s3;
#[path = "../it/compaction/watched.rs"]
mod watched;

macro_rules! case {
    ($case:ident) => {
        (stringify!($case), || Box::pin($case()))
    };
}

mod bucket;
mod compacting;
mod outages;
mod planting;
mod revoking;
mod server;
mod starting;

use std::pin::Pin;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use sqlx::Connection;

use self::compacting::as_child;
use self::database::{Database, execute};
use self::painter::{Painter, stored};
use self::program::Place;

const URL: &str = "SCRIBLE_TEST_POSTGRES_URL";

type Case = Pin<Box<dyn Future<Output = ()> + Send>>;
type Start = fn() -> Case;
/// What cases are called, and how each begins.
type Cases = &'static [(&'static str, Start)];

const CASES: Cases = &[
    case!(j3_j4_a_database_that_crashes_in_the_middle_costs_nothing_that_was_echoed),
    case!(j3_sessions_that_are_ended_cost_nothing),
    case!(j5_a_room_that_is_held_does_not_hold_up_others),
    case!(j4_a_server_that_is_killed_leaves_everything_that_was_echoed),
    case!(s4_commands_work_or_say_what_to_use_instead),
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // One makes the server crash.
    arguments.test_threads = Some(1);
    let is_there = std::env::var_os(URL).is_some();
    if !is_there && !arguments.list {
        eprintln!(
            "\nTHE PROGRAM IS NOT TESTED ON POSTGRES: {URL} is not set; `cargo xtask test` starts a server of its own\n"
        );
    }
    if let Some(child) = as_child() {
        runtime().block_on(child);
        return ExitCode::SUCCESS;
    }
    let trial = |(name, case): &(&str, Start)| {
        let case = *case;
        let run = move || {
            runtime().block_on(case());
            Ok(())
        };
        Trial::test(*name, run).with_ignored_flag(!is_there)
    };
    let all = [CASES, outages::CASES, compacting::CASES, starting::CASES];
    let mut trials: Vec<_> = all.into_iter().flatten().map(trial).collect();
    let with_redis = [revoking::CASES, planting::CASES].into_iter().flatten();
    let with_redis = with_redis.map(trial);
    let has_redis = cache::is_installed();
    trials.extend(with_redis.map(|trial| trial.with_ignored_flag(!is_there || !has_redis)));
    let with_bucket = bucket::CASES.iter().map(trial);
    let has_s3 = s3::program().is_some();
    trials.extend(with_bucket.map(|trial| trial.with_ignored_flag(!is_there || !has_s3)));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn runtime() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build();
    runtime.expect("a runtime starts")
}

/// All processes of the server end at once, and it starts itself anew from its log: that is what it does when one of them is killed.
async fn crash(at: &Database) {
    let mut conn = at.sql().await;
    let killing = sqlx::raw_sql("COPY (SELECT 1) TO PROGRAM 'kill -9 $PPID'");
    assert!(killing.execute(&mut conn).await.is_err());
}

async fn j3_j4_a_database_that_crashes_in_the_middle_costs_nothing_that_was_echoed() {
    let at = Database::new().await;
    let place = Place::on(&at.url());
    let server = place.serve();
    let mut ann = Painter::join(server.address, "/a", 10).await;
    let mut bob = Painter::join(server.address, "/b", 11).await;
    for round in 0..3 {
        let first = round * 40;
        ann.draw(first..first + 20, 100).await;
        bob.draw(first..first + 20, 100).await;
        crash(&at).await;
        ann.draw(first + 20..first + 40, 100).await;
        bob.draw(first + 20..first + 40, 100).await;
        ann.all_echoed().await;
        bob.all_echoed().await;
    }
    server.kill();
    let server = place.serve();
    assert_eq!(stored(server.address, "/a", [10]).await, [120]);
    assert_eq!(stored(server.address, "/b", [11]).await, [120]);
    server.stop();
}

async fn j3_sessions_that_are_ended_cost_nothing() {
    let at = Database::new().await;
    let place = Place::on(&at.url());
    let server = place.serve();
    let mut ann = Painter::join(server.address, "/a", 10).await;
    for round in 0..10 {
        ann.draw(round * 10..round * 10 + 5, 100).await;
        at.end_sessions().await;
        ann.draw(round * 10 + 5..round * 10 + 10, 100).await;
        ann.all_echoed().await;
    }
    assert_eq!(server.stop().code(), Some(0));
    let server = place.serve();
    assert_eq!(stored(server.address, "/a", [10]).await, [100]);
    server.stop();
}

async fn j5_a_room_that_is_held_does_not_hold_up_others() {
    let at = Database::new().await;
    let place = Place::on(&at.url());
    let server = place.serve();
    let mut ann = Painter::join(server.address, "/held", 10).await;
    let mut bob = Painter::join(server.address, "/free", 11).await;
    ann.draw(0..1, 10).await;
    ann.all_echoed().await;
    let mut other = at.sql().await;
    execute(
        &mut other,
        "BEGIN; SELECT 1 FROM room_heads WHERE room = (SELECT id FROM rooms WHERE name = 'held') FOR NO KEY UPDATE",
    )
    .await;
    ann.draw(1..50, 10).await;
    for nth in 0..50 {
        bob.draw(nth..nth + 1, 10).await;
        bob.all_echoed().await;
    }
    ann.nothing_echoed().await;
    execute(&mut other, "ROLLBACK").await;
    other.close().await.unwrap();
    ann.all_echoed().await;
    assert_eq!(server.stop().code(), Some(0));
    let server = place.serve();
    assert_eq!(stored(server.address, "/held", [10]).await, [50]);
    assert_eq!(stored(server.address, "/free", [11]).await, [50]);
    server.stop();
}

async fn j4_a_server_that_is_killed_leaves_everything_that_was_echoed() {
    let at = Database::new().await;
    let place = Place::on(&at.url());
    for (life, expected) in (1..=5).zip([100, 200, 300, 400, 500]) {
        let server = place.serve();
        let mut painters = Vec::new();
        for id in [10, 11] {
            let room = format!("/room{id}-{life}");
            painters.push(Painter::join(server.address, &room, id).await);
        }
        for painter in &mut painters {
            painter.draw(0..expected, 50).await;
            painter.all_echoed().await;
        }
        server.kill();
        let server = place.serve();
        for id in [10, 11] {
            let room = format!("/room{id}-{life}");
            assert_eq!(stored(server.address, &room, [id]).await, [expected]);
        }
        server.kill();
    }
}

async fn s4_commands_work_or_say_what_to_use_instead() {
    let at = Database::new().await;
    let url = at.url().replacen("scrible@", "scrible:hunter2@", 1);
    let place = Place::on(&url);
    let said = place.run(&["migrate"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("ran 0001 rooms"), "{said:?}");
    let again = place.run(&["migrate"]);
    assert!(again.out.contains("is up to date"), "{again:?}");
    let mut all = vec![said, again];
    let server = place.serve();
    let mut ann = Painter::join(server.address, "/demo", 10).await;
    ann.draw(0..7, 10).await;
    ann.all_echoed().await;
    for (arguments, code, what) in [
        (
            &["room", "keep", "demo", "--label", "draft"][..],
            0,
            "version 1",
        ),
        (&["room", "versions", "demo"], 0, "\"draft\""),
        (&["room", "show", "demo"], 0, "drawn by 10"),
        (&["room", "set-aside", "other"], 0, "other"),
        (&["room", "release", "other"], 0, "other"),
        (&["room", "versions", "nowhere"], 1, "there is no room"),
        (&["room", "inspect", "demo"], 1, "kept in Postgres"),
        (&["backup", "copy.db"], 1, "pg_dump"),
        (&["restore", "copy.db"], 1, "pg_restore"),
        (&["check"], 2, "pg_amcheck"),
        (&["check", "--repair"], 2, "pg_amcheck"),
        (&["config"], 0, ":****@"),
    ] {
        let said = place.run(arguments);
        assert_eq!(said.code, Some(code), "{arguments:?}: {said:?}");
        let told = format!("{}{}", said.out, said.err);
        assert!(told.contains(what), "{arguments:?}: {told}");
        all.push(said);
    }
    server.stop();
    for said in all {
        let told = format!("{}{}", said.out, said.err);
        assert!(!told.contains("hunter2"), "{told}");
    }
}
