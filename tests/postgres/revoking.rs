//! Whoever may not be in a room any more is out of it on the other node as well: two servers on one database, the change asked for at one of them,
//! the people at the other, with Redis between them and without.
//!
//! Needs `redis-server` besides. The rule: the time is taken from the answer to the request, and the bound is that of the specification.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::Cases;
use crate::asking::{Ask, KEY, Reply, now, signed};
use crate::cache::Redis;
use crate::client::{Client, Heard, typed};
use crate::database::{Database, PATIENCE};
use crate::program::{Place, Process};

pub const CASES: Cases = &[
    case!(x9_who_may_not_be_there_any_more_is_out_on_the_other_node_within_two_seconds),
    case!(x9_who_may_not_be_there_any_more_is_out_within_ten_seconds_without_redis),
];

/// Two servers that hear each other.
pub struct Pair {
    pub redis: Redis,
    pub here: Process,
    pub there: Process,
    pub places: [Place; 2],
    /// Last, because it is dropped with force.
    pub database: Database,
}

/// Somebody in a room on the other node, and what shall send him out.
struct Guest {
    client: Client,
    room: &'static str,
    line: String,
    body: Value,
    code: u16,
}

impl Pair {
    /// Which log as much as that.
    pub async fn start(level: &str) -> Self {
        let (database, redis) = (Database::new().await, Redis::start().await);
        let places = [Place::on(&database.url()), Place::on(&database.url())];
        let (url, log) = (redis.url(), ["serve", "--port", "0", "--log", level]);
        let settings = [("SCRIBLE_JWT_SECRET", KEY), ("REDIS_URL", &*url)];
        let [here, there] = places.each_ref().map(|place| {
            let mut command = place.command(&log);
            command.args(["--metrics-listen", "127.0.0.1:0"]);
            place.serve_logged(command.envs(settings))
        });
        let pair = Self {
            redis,
            here,
            there,
            places,
            database,
        };
        for node in [&pair.here, &pair.there] {
            let began = Instant::now();
            while bus_of(node.address).await != "ok" {
                assert!(began.elapsed() < PATIENCE, "the nodes find Redis");
            }
        }
        pair
    }

    async fn ask(&self, line: &str, body: Value) -> Reply {
        let reply = ask(self.here.address, line, Some(owner()), body).await;
        assert!(reply.status < 300, "{line}: {reply:?}");
        reply
    }

    /// Comes in by what is shown, and draws.
    async fn guest(&self, room: &'static str, shows: Option<Value>) -> Client {
        let mut path = format!("/{room}");
        if let Some(shows) = shows {
            let line = format!("POST /api/rooms/{room}/join");
            let joined = ask(self.here.address, &line, None, shows).await;
            assert_eq!(joined.status, 200, "{joined:?}");
            path = format!("/{}", joined.json()["link_room"].as_str().unwrap());
        }
        let (mut client, _) = Client::join(self.there.address, &path).await;
        client.update(&typed(66, 0)).await;
        assert_eq!(client.next_update().await, typed(66, 0));
        client
    }

    /// One in each of six rooms, for each of the ways out.
    async fn guests(&self) -> Vec<Guest> {
        let password = || Some(json!({"password": "open sesame"}));
        for (room, more) in [
            ("revoked", json!({"password": "open sesame"})),
            ("invited", json!({"visibility": "private"})),
            ("lowered", json!({"visibility": "public"})),
            ("changed", json!({"password": "open sesame"})),
            ("kicked", json!({"password": "open sesame"})),
            ("deleted", json!({"password": "open sesame"})),
        ] {
            let mut body = json!({"name": room, "link_role": "editor"});
            let more = more.as_object().unwrap().clone();
            body.as_object_mut().unwrap().extend(more);
            self.ask("POST /api/rooms", body).await;
        }
        let invite = json!({"role": "editor"});
        let invite = self.ask("POST /api/rooms/invited/invites", invite).await;
        let invite = invite.json();
        let by_invite = Some(json!({"invite": invite["secret"]}));
        let revoked = self.guest("revoked", password()).await;
        let grants = self.ask("GET /api/rooms/revoked/grants", Value::Null).await;
        let grant = &grants.json()["grants"][0]["id"];
        let invite = &invite["invite"]["id"];
        let kicked = self.guest("kicked", password()).await;
        let grants = self.ask("GET /api/rooms/kicked/grants", Value::Null).await;
        let identity = format!("grant:{}", grants.json()["grants"][0]["id"]);
        let guest = |client, room, line: &str, body, code| Guest {
            client,
            room,
            line: line.to_owned(),
            body,
            code,
        };
        vec![
            guest(
                revoked,
                "revoked",
                &format!("DELETE /api/rooms/revoked/grants/{grant}"),
                Value::Null,
                4401,
            ),
            guest(
                self.guest("invited", by_invite).await,
                "invited",
                &format!("DELETE /api/rooms/invited/invites/{invite}"),
                Value::Null,
                4401,
            ),
            guest(
                self.guest("lowered", None).await,
                "lowered",
                "PATCH /api/rooms/lowered",
                json!({"link_role": "viewer"}),
                4502,
            ),
            guest(
                self.guest("changed", password()).await,
                "changed",
                "PATCH /api/rooms/changed",
                json!({"password": "open barley"}),
                4401,
            ),
            guest(
                kicked,
                "kicked",
                "POST /api/rooms/kicked/kick",
                json!({"identity": identity}),
                4403,
            ),
            guest(
                self.guest("deleted", password()).await,
                "deleted",
                "DELETE /api/rooms/deleted",
                Value::Null,
                4404,
            ),
        ]
    }

    /// Changes one thing after another, and sees everybody out.
    async fn send_out(&self, guests: Vec<Guest>, within: Duration) {
        let mut told = Vec::new();
        for mut guest in guests {
            let path = format!("/{}?token={}", guest.room, owner());
            let (owner, _) = Client::join(self.there.address, &path).await;
            self.ask(&guest.line, guest.body.clone()).await;
            // From here on he hears and says nothing any more; the connection is held before it is closed.
            let out = guest.client.until(|heard| match heard {
                Heard::Denied => Some(None),
                Heard::Closed(code, _) => Some(Some(*code)),
                _ => None,
            });
            let out = timeout(within, out).await;
            let out = out.unwrap_or_else(|_| panic!("{} is out within {within:?}", guest.room));
            told.push((guest, out, owner));
        }
        for (mut guest, out, mut owner) in told {
            let is_there = guest.room != "deleted";
            // An edit that is made now is for the others.
            match is_there {
                true => {
                    owner.update(&typed(10, 0)).await;
                    assert_eq!(owner.next_update().await, typed(10, 0));
                }
                false => assert_eq!(owner.closed().await, 4404),
            }
            let code = match out {
                Some(code) => code,
                None => match guest.client.hear().await {
                    Heard::Closed(code, _) => code,
                    other => panic!("{}: {other:?} after the end", guest.room),
                },
            };
            assert_eq!(code, guest.code, "{}", guest.room);
        }
    }
}

/// What a node says of its bus.
async fn bus_of(address: SocketAddr) -> Value {
    let health = ask(address, "GET /health", None, Value::Null).await;
    health.json()["parts"]["bus"]["state"].clone()
}

pub async fn ask(address: SocketAddr, line: &str, token: Option<String>, body: Value) -> Reply {
    Ask::json(line, token, &body)
        .send(address, "localhost")
        .await
}

/// A token of whoever makes the rooms.
pub fn owner() -> String {
    let claims = json!({"sub": "ann", "exp": now() + 600, "rooms": {"*": "editor"}});
    signed(&claims, KEY)
}

async fn x9_who_may_not_be_there_any_more_is_out_on_the_other_node_within_two_seconds() {
    let pair = Pair::start("info").await;
    let guests = pair.guests().await;
    pair.send_out(guests, Duration::from_secs(2)).await;
    assert_eq!(bus_of(pair.there.address).await, "ok");
}

async fn x9_who_may_not_be_there_any_more_is_out_within_ten_seconds_without_redis() {
    let mut pair = Pair::start("info").await;
    let guests = pair.guests().await;
    pair.redis.kill();
    pair.send_out(guests, Duration::from_secs(10)).await;
    assert_eq!(bus_of(pair.there.address).await, "trouble");
}
