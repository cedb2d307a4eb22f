//! Names that mean something to a language, a database, a pattern or a reader: in Scrible they mean a room, by HTTP and by socket, on SQLite.

use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{Ask, Reply};
use crate::client::{Client, typed};
use crate::program::{Place, Process};

const NAMES: [&str; 14] = [
    "__proto__",
    "constructor",
    "hasOwnProperty",
    // Composed and decomposed.
    "caf\u{e9}",
    "cafe\u{301}",
    "%",
    "%25",
    "_",
    "*",
    "[a]",
    "'; DROP TABLE rooms; --",
    "\u{5e9}\u{5dc}\u{5d5}\u{5dd}",
    "\u{202e}gnp.draob",
    "\u{1f3a8}",
];

async fn ask(server: &Process, line: &str, body: Value) -> Reply {
    let ask = Ask::json(line, None, &body);
    ask.send(server.address, "localhost").await
}

/// The names of the rooms that a list has.
async fn listed(server: &Process, search: &str) -> BTreeSet<String> {
    let line = format!("GET /api/rooms?search={}", encoded(search));
    let list = ask(server, &line, Value::Null).await.json();
    assert_eq!(list["next"], Value::Null);
    let rooms = list["rooms"].as_array().unwrap().iter();
    rooms
        .map(|room| room["name"].as_str().unwrap().to_owned())
        .collect()
}

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

fn those(names: &[&str], which: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let names = names.iter().filter(|name| which(name));
    names.map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn w1_h4_h6_a_name_means_one_room_whatever_it_means_elsewhere() {
    let place = Place::new();
    let server = place.serve();
    for (name, id) in NAMES.into_iter().zip(1..) {
        let made = ask(&server, "POST /api/rooms", json!({"name": name})).await;
        assert_eq!(
            (made.status, &made.json()["name"]),
            (201, &json!(name)),
            "{made:?}"
        );
        let path = format!("/{}", encoded(name));
        let (mut client, content) = Client::join(server.address, &path).await;
        assert_eq!(content, [0, 0], "{name}");
        client.update(&typed(id, 0)).await;
        assert_eq!(client.next_update().await, typed(id, 0), "{name}");
    }
    for (name, id) in NAMES.into_iter().zip(1..) {
        let line = format!("GET /api/rooms/{}/update", encoded(name));
        let read = ask(&server, &line, Value::Null).await;
        assert_eq!(read.body, typed(id, 0), "{name}");
        let with_it = those(&NAMES, |other| other.contains(name));
        assert_eq!(listed(&server, name).await, with_it, "{name}");
    }
    for (at, (name, id)) in NAMES.into_iter().zip(1..).enumerate() {
        // Just before it goes it is what it was.
        let path = format!("/{}", encoded(name));
        let (_, content) = Client::join(server.address, &path).await;
        assert_eq!(content, typed(id, 0), "{name}");
        let line = format!("DELETE /api/rooms/{}", encoded(name));
        assert_eq!(ask(&server, &line, Value::Null).await.status, 204, "{name}");
        let rest = those(&NAMES[at + 1..], |_| true);
        assert_eq!(listed(&server, "").await, rest, "after {name}");
    }
}
