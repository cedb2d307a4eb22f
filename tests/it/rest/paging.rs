//! Lists, page by page, while what they list changes: on SQLite, by HTTP.

use serde_json::{Value, json};

use super::{Ask, Reply};
use crate::asking::{KEY, now, signed};
use crate::client::{Client, typed};
use crate::program::{Place, Process};

/// A server with nobody to draw exports, and somebody who may do everything in it.
struct Listing {
    _place: Place,
    server: Process,
    token: String,
}

impl Listing {
    fn start() -> Self {
        let place = Place::new();
        let settings = [("SCRIBLE_JWT_SECRET", KEY), ("SCRIBLE_EXPORT_WORKERS", "0")];
        let server = place.serve_with(&settings);
        let token = token("ann");
        Self {
            _place: place,
            server,
            token,
        }
    }

    async fn send(&self, ask: Ask<'_>) -> Reply {
        ask.send(self.server.address, "localhost").await
    }

    async fn ask(&self, line: &str, body: Value) -> Reply {
        let ask = Ask::json(line, Some(self.token.clone()), &body);
        self.send(ask).await
    }

    /// What is made by this, as it is shown.
    async fn made(&self, line: &str, body: Value) -> Value {
        let reply = self.ask(line, body).await;
        assert!(reply.status < 300, "{line}: {reply:?}");
        reply.json()
    }

    async fn gone(&self, line: &str) {
        let reply = self.ask(line, Value::Null).await;
        assert!(reply.status < 300, "{line}: {reply:?}");
    }

    async fn page(&self, list: &List, cursor: Option<&str>) -> (Vec<String>, Option<String>) {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}"));
        let line = format!("GET {}?limit=2{}", list.path, cursor.unwrap_or_default());
        let page = self.ask(&line, Value::Null).await.json();
        let items = page[list.items].as_array().unwrap().iter();
        let named = items.map(|item| match &item[list.named] {
            Value::String(name) => name.clone(),
            number => number.to_string(),
        });
        let next = page["next"].as_str().map(str::to_owned);
        (named.collect(), next)
    }

    /// Walks all pages, and calls `change` after each but the last.
    async fn walk(&self, list: &List, mut change: impl AsyncFnMut(usize)) -> Vec<String> {
        let (mut all, mut cursor) = (Vec::new(), None);
        for turned in 0.. {
            assert!(turned < 20, "{list:?} ends: {all:?}");
            let (page, next) = self.page(list, cursor.as_deref()).await;
            let is_full = page.len() == 2;
            all.extend(page);
            match next {
                None => break,
                Some(_) => assert!(is_full, "only the last page is short: {list:?} {all:?}"),
            }
            cursor = next;
            change(turned).await;
        }
        all
    }
}

/// A list: where it is, what it is called there, and what tells its entries apart.
#[derive(Debug, Clone, Copy)]
struct List {
    path: &'static str,
    items: &'static str,
    named: &'static str,
}

const fn list(path: &'static str, items: &'static str, named: &'static str) -> List {
    List { path, items, named }
}

const ROOMS: List = list("/api/rooms", "rooms", "name");
const INVITES: List = list("/api/rooms/demo/invites", "invites", "id");
const GRANTS: List = list("/api/rooms/demo/grants", "grants", "id");
const PARTICIPANTS: List = list("/api/rooms/demo/participants", "participants", "identity");
const ASSETS: List = list("/api/rooms/demo/assets", "assets", "name");
const SNAPSHOTS: List = list("/api/rooms/demo/snapshots", "snapshots", "version");
const EXPORTS: List = list("/api/rooms/demo/exports", "exports", "id");

fn token(who: &str) -> String {
    let scope = "scrible:admin";
    signed(
        &json!({"sub": who, "exp": now() + 600, "scope": scope}),
        KEY,
    )
}

/// The last comes first.
fn newest_first(names: &[String]) -> Vec<String> {
    names.iter().rev().cloned().collect()
}

#[tokio::test]
async fn h6_rooms_are_walked_in_order_while_some_come_and_go() {
    let all = Listing::start();
    for name in ["b", "c", "d", "e", "f", "g", "h"] {
        all.made("POST /api/rooms", json!({"name": name})).await;
    }
    let walked = all.walk(&ROOMS, async |turned| match turned {
        // What was shown, what was not, and some on both sides of where we are.
        0 => {
            all.gone("DELETE /api/rooms/c").await;
            all.gone("DELETE /api/rooms/e").await;
            all.made("POST /api/rooms", json!({"name": "a"})).await;
            all.made("POST /api/rooms", json!({"name": "ee"})).await;
        }
        // The one behind which the next page begins.
        1 => all.gone("DELETE /api/rooms/ee").await,
        _ => {}
    });
    assert_eq!(walked.await, ["b", "c", "d", "ee", "f", "g", "h"]);
    assert_eq!(
        all.walk(&ROOMS, async |_| {}).await,
        ["a", "b", "d", "f", "g", "h"]
    );
}

#[tokio::test]
async fn h6_what_a_room_has_is_walked_newest_first_while_some_comes_and_goes() {
    let all = Listing::start();
    all.made("POST /api/rooms", json!({"name": "demo"})).await;

    let invite = async || {
        let made = json!({"role": "editor"});
        let made = all.made("POST /api/rooms/demo/invites", made).await;
        (
            made["invite"]["id"].to_string(),
            made["secret"].as_str().unwrap().to_owned(),
        )
    };
    let (mut invites, mut secret) = (Vec::new(), String::new());
    for _ in 0..5 {
        let (id, given) = invite().await;
        (secret, _) = (given, invites.push(id));
    }
    let walked = all.walk(&INVITES, async |turned| {
        if turned == 0 {
            invite().await;
            // It is shown on, as revoked.
            all.gone("DELETE /api/rooms/demo/invites/1").await;
        }
    });
    assert_eq!(walked.await, newest_first(&invites));

    let join = async || {
        let body = json!({"invite": secret});
        let ask = Ask::json("POST /api/rooms/demo/join", None, &body);
        let joined = all.send(ask).await;
        assert_eq!(joined.status, 200, "{joined:?}");
    };
    for _ in 0..5 {
        join().await;
    }
    let (grants, next) = all.page(&GRANTS, None).await;
    assert!(next.is_some(), "{grants:?}");
    let walked = all.walk(&GRANTS, async |turned| {
        if turned == 0 {
            join().await;
            all.gone("DELETE /api/rooms/demo/grants/2").await;
        }
    });
    assert_eq!(walked.await, ["5", "4", "3", "2", "1"]);

    let put = async |name: usize| {
        let path = format!("/api/rooms/demo/assets/{name}.svg");
        let ask = Ask {
            method: "PUT",
            path: &path,
            token: Some(all.token.clone()),
            headers: Vec::new(),
            body: format!("<svg id='a{name}' xmlns='http://www.w3.org/2000/svg'/>").into(),
        };
        let put = all.send(ask).await;
        assert_eq!(put.status, 201, "{put:?}");
        format!("{name}.svg")
    };
    let mut files = Vec::new();
    for name in 0..5 {
        files.push(put(name).await);
    }
    let walked = all.walk(&ASSETS, async |turned| {
        put(10 + turned).await;
    });
    assert_eq!(walked.await, newest_first(&files));

    let keep = async || {
        let made = all.made("POST /api/rooms/demo/snapshots", json!({"label": "x"}));
        made.await["version"].to_string()
    };
    // A room in which nothing was drawn has nothing to keep.
    let mut client = joined(&all, "ann").await;
    client.update(&typed(7, 0)).await;
    client.next_update().await;
    let mut versions = Vec::new();
    for clock in 1..=6 {
        versions.push(keep().await);
        client.update(&typed(7, clock)).await;
        client.next_update().await;
    }
    let of = |version: &String| format!("DELETE /api/rooms/demo/snapshots/{version}");
    let walked = all.walk(&SNAPSHOTS, async |turned| {
        if turned == 0 {
            keep().await;
            // The one behind which the next page begins, and one that is not shown yet.
            all.gone(&of(&versions[4])).await;
            all.gone(&of(&versions[2])).await;
        }
    });
    let walked = walked.await;
    versions.remove(2);
    assert_eq!(walked, newest_first(&versions));

    let order = async || {
        let made = all.made("POST /api/exports/demo", json!({"format": "json"}));
        made.await["id"].as_str().unwrap().to_owned()
    };
    let mut exports = Vec::new();
    for _ in 0..6 {
        exports.push(order().await);
    }
    let of = |export: &String| format!("DELETE /api/exports/{export}");
    let walked = all.walk(&EXPORTS, async |turned| {
        if turned == 0 {
            order().await;
            all.gone(&of(&exports[4])).await;
            all.gone(&of(&exports[2])).await;
        }
    });
    let walked = walked.await;
    exports.remove(2);
    assert_eq!(walked, newest_first(&exports));
}

async fn joined(all: &Listing, who: &str) -> Client {
    let path = format!("/demo?token={}", token(who));
    Client::join(all.server.address, &path).await.0
}

#[tokio::test]
async fn h6_people_are_walked_newest_first_while_some_come_and_go() {
    let all = Listing::start();
    let mut first = joined(&all, "p0").await;
    first.update(&typed(7, 0)).await;
    first.next_update().await;
    let mut people = vec!["sub:p0".to_owned()];
    // When somebody comes is noted a while later, and those of the same while in no order.
    let noted = async |who: &str| {
        let name = format!("sub:{who}");
        while all.page(&PARTICIPANTS, None).await.0.first() != Some(&name) {
            tokio::task::yield_now().await;
        }
        name
    };
    noted("p0").await;
    let mut there = Vec::new();
    for who in ["p1", "p2", "p3", "p4"] {
        there.push(joined(&all, who).await);
        people.push(noted(who).await);
    }
    let walked = all.walk(&PARTICIPANTS, async |turned| {
        if turned == 0 {
            there.push(joined(&all, "p5").await);
            noted("p5").await;
            there[1].leave().await;
            first.leave().await;
        }
    });
    assert_eq!(walked.await, newest_first(&people));
}

#[tokio::test]
async fn h6_a_cursor_that_no_list_gave_and_a_limit_that_none_has_are_refused() {
    let all = Listing::start();
    all.made("POST /api/rooms", json!({"name": "demo"})).await;
    let by_number = [INVITES, GRANTS, PARTICIPANTS, ASSETS, SNAPSHOTS, EXPORTS];
    // `abc`, `1.5`, ``, and more than any number.
    let no_numbers = ["YWJj", "MS41", "", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk"];
    // Of no form, padded, no UTF-8, and a NUL.
    let nothing = ["!", "YQ%3D%3D", "_w", "AA"];
    let limits = ["0", "201", "-1", "x", "1.5", ""];
    for list in by_number.into_iter().chain([ROOMS]) {
        let numbers = match list.path {
            "/api/rooms" => &[][..],
            _ => &no_numbers,
        };
        let cursors = nothing.iter().chain(numbers);
        let cursors = cursors.map(|cursor| ("cursor", *cursor));
        for (name, value) in cursors.chain(limits.map(|limit| ("limit", limit))) {
            let line = format!("GET {}?{name}={value}", list.path);
            let refused = all.ask(&line, Value::Null).await;
            assert_eq!(refused.refusal(), (400, "invalid-request".into()), "{line}");
            let detail = refused.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains(&format!("`{name}`")), "{line}: {detail}");
        }
        let line = format!("GET {}?limit=200", list.path);
        assert_eq!(all.ask(&line, Value::Null).await.status, 200, "{line}");
    }
}
