//! What only its holder may know is brought to a server by every way that there is, to be looked for afterwards in all that the server says and keeps:
//! passwords, invites, cookies, links and tokens, good ones and others.
//!
//! The rule: what finds nothing must have found something in the same place, or it may have looked nowhere.

use std::net::SocketAddr;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use futures_util::future::join_all;
use scrible::access::Secret;
use scrible_wire::{awareness, message};
use serde_json::{Value, json};

use crate::asking::{Ask, KEY, Reply, now, signed};
use crate::client::{Client, Heard};

/// What may be found: a room's title, and a text in its document.
pub const SHOWN: &str = "in plain view";

/// What was planted.
pub struct Planted {
    /// What each is called, and the forms in which it may stand somewhere.
    secrets: Vec<(&'static str, Vec<Vec<u8>>)>,
    /// Heads and bodies of all answers but those that give a secret.
    pub said: String,
    /// The hash of a link, which is kept.
    pub link_hash: [u8; 32],
    here: SocketAddr,
}

impl Planted {
    /// Brings all of them to two nodes, or twice to the same. Everything that is kept of it is stored when this returns.
    pub async fn plant(here: SocketAddr, there: SocketAddr) -> Self {
        let mut all = Self {
            secrets: Vec::new(),
            said: String::new(),
            link_hash: [0; 32],
            here,
        };
        all.hide("the key of the tokens", KEY);
        let claims = json!({"sub": "ann", "exp": now() + 600, "rooms": {"*": "editor"}});
        let ann = all.hide_token("a token", signed(&claims, KEY));
        let forged = signed(&claims, "another key of thirty-two bytes or more");
        let forged = all.hide_token("a forged token", forged);
        let [password, next, wrong] = ["open sesame", "open barley", "open wheat"]
            .map(|password| all.hide("a password", password));
        let bad_invite = all.hide("no invite", "BZbz09-_AZaz09-_AZaz09");
        let dead_link = all.hide("no link", "CZcz09-_AZaz09-_AZaz09");

        let made = json!({"name": "plans", "title": SHOWN, "password": password});
        let mut make = Ask::json("POST /api/rooms", Some(ann.clone()), &made);
        let key = ("Idempotency-Key", "the first".to_owned());
        make.headers.push(key);
        all.listen(make).await;
        // A room that is not made, for the same key says something else.
        let made = json!({"name": "plans", "title": SHOWN, "password": next});
        let mut make = Ask::json("POST /api/rooms", Some(ann.clone()), &made);
        make.headers
            .push(("Idempotency-Key", "the first".to_owned()));
        all.listen(make).await;

        let to_join = "POST /api/rooms/plans/join";
        for body in [
            json!({"password": wrong}),
            json!({"password": [password]}),
            json!({"password": password, "name": "x\u{0}"}),
            json!({"invite": bad_invite}),
            json!({ "password": password.repeat(20) }),
        ] {
            all.listen(Ask::json(to_join, None, &body)).await;
        }
        let invite = json!({"role": "editor", "label": "class"});
        let given = Ask::json("POST /api/rooms/plans/invites", Some(ann.clone()), &invite);
        let given = given.send(here, "localhost").await.json();
        let invite = given["secret"].as_str().unwrap();
        let invite = all.hide("an invite", invite);
        let (link, cookie) = all.join(json!({"password": password, "name": "Bo"})).await;
        let (other_link, _) = all.join(json!({"invite": invite})).await;
        all.link_hash = Secret::new(&link).hash();

        all.draw(here, &format!("plans~g{link}"), &link, 10).await;
        all.draw(there, &format!("plans~g{other_link}"), &other_link, 11)
            .await;
        let signature = ann.rsplit_once('.').unwrap().1.to_owned();
        let by_token = format!("plans?token={ann}");
        all.draw(there, &by_token, &signature, 12).await;
        let turned_away = [
            format!("/plans?token={forged}"),
            format!("/plans~g{dead_link}"),
            format!("/plans~g{link}?token={forged}"),
        ];
        // All at once, because who is refused is held for a while.
        let reasons = turned_away.map(async |path| {
            let mut client = Client::connect(there, &path).await;
            client.reason().await
        });
        for reason in join_all(reasons).await {
            all.said += &format!("{reason}\n");
        }

        let by_link = format!("/api/rooms/plans~g{link}");
        for (method, path, token) in [
            ("GET", by_link.clone(), None),
            ("GET", format!("{by_link}/presence"), None),
            ("GET", format!("{by_link}/json"), None),
            ("GET", format!("{by_link}/grants"), None),
            ("GET", format!("{by_link}/nothing"), None),
            ("GET", format!("{by_link}?token={ann}"), None),
            ("GET", format!("/api/rooms/plans~g{dead_link}"), None),
            ("GET", "/api/rooms/plans".to_owned(), Some(forged.clone())),
            ("GET", "/api/rooms".to_owned(), Some(ann.clone())),
            (
                "GET",
                "/api/rooms/plans/grants".to_owned(),
                Some(ann.clone()),
            ),
            (
                "GET",
                "/api/rooms/plans/invites".to_owned(),
                Some(ann.clone()),
            ),
            (
                "GET",
                "/api/rooms/plans/participants".to_owned(),
                Some(ann.clone()),
            ),
            ("GET", format!("/join/plans~g{dead_link}"), None),
            ("GET", format!("/join/plans?invite={invite}"), None),
            ("GET", format!("/health?token={ann}"), None),
        ] {
            let mut ask = Ask::json("GET /", token, &Value::Null);
            (ask.method, ask.path) = (method, &path);
            ask.headers.push(("Cookie", format!("scrible={cookie}")));
            let page = "http://localhost:5173".to_owned();
            ask.headers.push(("Origin", page));
            all.listen(ask).await;
        }
        for (kind, path) in [("update", "update"), ("file", "import")] {
            let path = format!("{by_link}/{path}");
            let mut ask = Ask::json("POST /", None, &Value::Null);
            ask.path = &path;
            ask.headers
                .push(("Content-Type", "application/octet-stream".to_owned()));
            ask.body = written(&format!("{kind} of {link}"), 13);
            assert_eq!(all.listen(ask).await.status, 422);
        }
        let label = json!({"label": SHOWN});
        for (line, body) in [
            ("POST /api/rooms/plans/snapshots", label),
            ("PATCH /api/rooms/plans", json!({"password": next})),
            ("POST /api/rooms/plans/kick", json!({"identity": "grant:1"})),
        ] {
            let ask = Ask::json(line, Some(ann.clone()), &body);
            let reply = all.listen(ask).await;
            assert!(reply.status < 300, "{reply:?}");
        }
        all.join(json!({"password": next})).await;
        all
    }

    /// Finds none of them, nor its bytes.
    pub fn are_not_in(&self, what: &str, bytes: &[u8]) {
        for (name, forms) in &self.secrets {
            for form in forms {
                let found = memchr::memmem::find(bytes, form);
                let near = |at: usize| {
                    let around = at.saturating_sub(100)..(at + 100).min(bytes.len());
                    String::from_utf8_lossy(&bytes[around]).into_owned()
                };
                assert!(found.is_none(), "{name} in {what}: {:?}", found.map(near));
            }
        }
    }

    /// Writes into a room, and tries to write there what it has come by.
    async fn draw(&mut self, address: SocketAddr, room: &str, own: &str, id: u8) {
        let path = format!("/{room}");
        let (mut client, _) = Client::join(address, &path).await;
        client.send(shown(id, r#"{"name":"Bo"}"#)).await;
        let update = written(SHOWN, id);
        client.update(&update).await;
        assert_eq!(client.next_update().await, update);
        let mut refused = Vec::new();
        let told = written(&format!("by {own}"), id + 20);
        for frame in [
            message::update(&told),
            message::step2(&told),
            // No update, which would be kept for who has to find out why.
            message::update(&told[..told.len() - 1]),
            shown(id + 20, &format!(r#"{{"at":"{own}"}}"#)),
            shown(id + 20, &format!(r#"{{"at":"{own}""#)),
        ] {
            let (mut client, _) = Client::join(address, &path).await;
            client.send(frame).await;
            refused.push(client);
        }
        for mut client in refused {
            let heard = client.until(|heard| match heard {
                Heard::Closed(code, reason) => Some((*code, reason.clone())),
                _ => None,
            });
            let (code, reason) = heard.await;
            assert_eq!(code, 4422, "{reason}");
            self.said += &format!("{reason}\n");
        }
        assert_eq!(client.until_settled().await, None, "others stay");
    }

    /// Joins, and hides what is given: a link and a cookie.
    async fn join(&mut self, shows: Value) -> (String, String) {
        let ask = Ask::json("POST /api/rooms/plans/join", None, &shows);
        let joined = ask.send(self.here, "localhost").await;
        assert_eq!(joined.status, 200, "{joined:?}");
        let cookie = joined.header("set-cookie").unwrap();
        let (_, cookie) = cookie.split(';').next().unwrap().split_once('=').unwrap();
        let room = joined.json()["link_room"].as_str().unwrap().to_owned();
        let (_, link) = room.rsplit_once("~g").unwrap();
        (self.hide("a link", link), self.hide("a cookie", cookie))
    }

    /// Asks, and notes the answer.
    async fn listen(&mut self, ask: Ask<'_>) -> Reply {
        let reply = ask.send(self.here, "localhost").await;
        let body = String::from_utf8_lossy(&reply.body);
        self.said += &format!("{}\n{body}\n", reply.head);
        reply
    }

    fn hide(&mut self, name: &'static str, secret: &str) -> String {
        let listed = format!("{:?}", secret.as_bytes());
        let listed = listed.trim_matches(['[', ']']).as_bytes().to_vec();
        let mut forms = vec![secret.as_bytes().to_vec(), listed];
        if secret.len() == 22 {
            forms.extend(BASE64_URL_SAFE_NO_PAD.decode(secret));
        }
        self.secrets.push((name, forms));
        secret.to_owned()
    }

    /// What makes a token one stands behind its last dot.
    fn hide_token(&mut self, name: &'static str, token: String) -> String {
        let (_, signature) = token.rsplit_once('.').unwrap();
        self.hide(name, signature);
        token
    }
}

/// An update of a client that puts a text into the root text `t`.
fn written(text: &str, client: u8) -> Vec<u8> {
    let mut update = vec![1, 1, client, 0, 0x04, 1, 1, b't', text.len() as u8];
    update.extend(text.bytes());
    update.push(0);
    update
}

fn shown(client: u8, state: &str) -> Vec<u8> {
    let entry = awareness::Entry {
        client: client.into(),
        clock: 1,
        state: Some(state.as_bytes()),
    };
    message::awareness(&awareness::encode([entry].into_iter()))
}
