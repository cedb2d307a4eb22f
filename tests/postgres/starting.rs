//! Starting, with a database that is not there yet, or that a newer version has been at.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use crate::Cases;
use crate::database::Database;
use crate::line::Line;
use crate::painter::{Painter, stored};
use crate::program::Place;
use crate::server::free_port;

pub const CASES: Cases = &[
    case!(s5_the_start_waits_for_a_database_and_goes_on_when_it_comes),
    case!(s5_the_start_waits_so_long_and_not_for_what_somebody_must_change),
    case!(s6_a_server_starts_on_what_a_newer_one_has_added_to),
];

/// Of a database that nobody can reach yet.
fn url_at(at: &Database, port: u16) -> String {
    use sqlx::ConnectOptions;
    let options = at.options().host("127.0.0.1").port(port);
    options.to_url_lossy().to_string()
}

/// Reads what a process complains of until it waits.
fn until_it_waits(child: &mut Child) {
    let mut complaints = BufReader::new(child.stderr.as_mut().unwrap());
    let mut line = String::new();
    while complaints.read_line(&mut line).unwrap() > 0 {
        if line.contains("seconds for the database") {
            assert!(line.contains("cannot connect"), "{line}");
            assert!(line.contains("Connection refused"), "{line}");
            return;
        }
        line.clear();
    }
    panic!("it has ended");
}

async fn s5_the_start_waits_for_a_database_and_goes_on_when_it_comes() {
    let at = Database::new().await;
    let port = free_port();
    let place = Place::on(&url_at(&at, port));
    let wait = ("SCRIBLE_DATABASE_WAIT_SECONDS", "60");
    let mut serving = place.command(&["serve", "--port", "0", "--log", "warn"]);
    let mut serving = serving
        .envs([wait])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut migrating: Vec<Child> = (0..2)
        .map(|_| {
            let mut command = place.command(&["migrate"]);
            command
                .envs([wait])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    until_it_waits(&mut serving);
    migrating.iter_mut().for_each(until_it_waits);
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let _line = Line::listening(at.options(), listener);
    // Of all who wanted to, one has made the tables.
    let mut ran = String::new();
    for migrating in migrating {
        let said = tokio::task::spawn_blocking(|| migrating.wait_with_output());
        let said = said.await.unwrap().unwrap();
        assert!(said.status.success(), "{said:?}");
        ran += &String::from_utf8(said.stdout).unwrap();
    }
    let out = serving.stdout.take().unwrap();
    let greeted = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).unwrap();
        line
    });
    let greeted = greeted.await.unwrap();
    let address = greeted.trim().strip_prefix("listening on ws://").unwrap();
    assert!(ran.matches("ran 0001 rooms").count() <= 1, "{ran}");
    let mut ann = Painter::join(address.parse().unwrap(), "/a", 10).await;
    ann.draw(0..5, 10).await;
    ann.all_echoed().await;
    serving.kill().unwrap();
    serving.wait().unwrap();
    let applied: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations")
        .fetch_one(&mut at.sql().await)
        .await
        .unwrap();
    assert!(applied >= 4);
}

async fn s5_the_start_waits_so_long_and_not_for_what_somebody_must_change() {
    let at = Database::new().await;
    let place = Place::on(&url_at(&at, free_port()));
    for arguments in [&["migrate"][..], &["serve", "--port", "0"]] {
        let mut command = place.command(arguments);
        command.env("SCRIBLE_DATABASE_WAIT_SECONDS", "1");
        let ended = command.output().unwrap();
        assert_eq!(ended.status.code(), Some(1));
        let told = String::from_utf8(ended.stderr).unwrap();
        assert!(told.contains("waited for 1 seconds"), "{told}");
        assert!(told.contains("Connection refused"), "{told}");
        assert_eq!(told.matches("seconds for the database").count(), 1);
    }
    let elsewhere = at.url().replacen(at.name(), "nobody_created_this", 1);
    // As whom the database does not belong to, who may look at it and make no table in it.
    let stranger = format!("{}&options[role]=pg_monitor", at.url());
    for (url, remedy) in [
        (elsewhere, "createdb"),
        (stranger, "has to own the database"),
    ] {
        let began = Instant::now();
        let refused = Place::on(&url).run(&["serve", "--port", "0"]);
        assert_eq!(refused.code, Some(1));
        assert!(refused.err.contains(remedy), "{refused:?}");
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}

async fn s6_a_server_starts_on_what_a_newer_one_has_added_to() {
    let at = Database::new().await;
    let place = Place::on(&at.url());
    let server = place.serve();
    let mut ann = Painter::join(server.address, "/a", 10).await;
    ann.draw(0..5, 10).await;
    // In the order in which a batch comes to them, or one of the two would be a deadlock's victim, and try again.
    at.execute(
        "ALTER TABLE rooms ADD COLUMN later BIGINT NOT NULL DEFAULT 7; ALTER TABLE room_updates ADD COLUMN later TEXT; \
         INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (999, 'later', true, '\\x00', 0)",
    )
    .await;
    ann.draw(5..10, 10).await;
    ann.all_echoed().await;
    let other = place.serve();
    let mut bob = Painter::join(other.address, "/b", 11).await;
    bob.draw(0..5, 10).await;
    bob.all_echoed().await;
    server.stop();
    assert_eq!(stored(other.address, "/a", [10]).await, [10]);
    other.stop();
    at.execute("UPDATE _sqlx_migrations SET description = 'breaking later' WHERE version = 999")
        .await;
    let mut starting = place.command(&["serve", "--port", "0", "--log", "error"]);
    let mut starting = starting.stderr(Stdio::piped()).spawn().unwrap();
    assert_eq!(starting.wait().unwrap().code(), Some(1));
    let mut told = String::new();
    let mut said = starting.stderr.take().unwrap();
    said.read_to_string(&mut told).unwrap();
    assert!(told.contains("0999 breaking later"), "{told}");
}
