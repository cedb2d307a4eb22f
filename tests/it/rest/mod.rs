//! The API over real sockets, behind a real doorkeeper: what each address does, and whom it refuses.

mod assets;
mod documents;
mod foreign;
mod joining;
mod matrix;
mod names;
mod paging;
mod rooms;
mod telling;

use std::sync::Arc;
use std::time::Duration;

use scrible::access::{
    Doorkeeper, DoorkeeperConfig, Mode, Origin, Origins, Others, Secret, TokensConfig, Transport,
};
use scrible::bus::Alone;
use scrible::server::ServerConfig;
use scrible::service::Site;
use scrible_store::MemoryStore;
use serde_json::{Value, json};

pub use crate::asking::{Ask, Reply};
use crate::asking::{KEY, now, signed};
use crate::node::Node;

/// A page that the server knows, and the address of its own pages.
pub const PAGE: &str = "https://draw.example";
const OWN: &str = "http://sync.example";
const HOST: &str = "sync.example";

/// A guarded node that began with an empty store.
pub struct Guarded {
    pub node: Node,
}

impl Guarded {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let store = Arc::new(MemoryStore::new());
        let config = DoorkeeperConfig {
            mode: Mode::Guarded(TokensConfig {
                secret: Some(Secret::new(KEY)),
                public_key: None,
                key_set: None,
                issuer: None,
                audience: None,
                rooms_claim: "rooms".to_owned(),
                leeway: Duration::ZERO,
            }),
            origins: Origins {
                listed: [PAGE, OWN].map(|page| Origin::parse(page).unwrap()).into(),
                others: Others::Foreign,
            },
            transport: Transport::Http,
        };
        let gate = Doorkeeper::new(store.clone(), config).unwrap();
        let site = Site {
            public_url: scrible::access::PublicUrl::parse(OWN),
            frontend_url: scrible::access::FrontendUrl::parse("https://draw.example/?room={room}"),
        };
        let configure = |config: &mut ServerConfig| {
            config.site = site;
            change(config);
        };
        let node = Node::start_guarded(&store, Arc::new(Alone), Arc::new(gate), configure).await;
        Self { node }
    }

    pub async fn ask(&self, ask: Ask<'_>) -> Reply {
        ask.send(self.node.address, HOST).await
    }

    /// Says that a body has so many bytes, and sends what there is of it.
    pub async fn announce(&self, ask: Ask<'_>, length: usize) -> Reply {
        ask.announce(self.node.address, HOST, length).await
    }

    /// Asks in JSON; `Value::Null` for no body.
    pub async fn json(&self, who: &str, line: &str, body: Value) -> Reply {
        self.ask(Ask::json(line, token(who), &body)).await
    }

    /// Asks without a body.
    pub async fn get(&self, who: &str, line: &str) -> Reply {
        self.json(who, line, Value::Null).await
    }

    /// Asks with bytes.
    pub async fn bytes(&self, who: &str, line: &str, body: &[u8]) -> Reply {
        let (method, path) = line.split_once(' ').unwrap();
        self.ask(Ask {
            method,
            path,
            token: token(who),
            headers: vec![("Content-Type", "application/octet-stream".to_owned())],
            body: body.to_vec(),
        })
        .await
    }

    /// A room of ann's.
    pub async fn room(&self, name: &str) {
        let made = self
            .json("ann", "POST /api/rooms", json!({"name": name}))
            .await;
        assert_eq!(made.status, 201, "{made:?}");
    }
}

/// A token by a word for whoever has it; `nobody` has none. Ann may make any room; the others have a role in `demo` alone.
pub fn token(who: &str) -> Option<String> {
    let now = now();
    let mut claims = json!({"sub": who, "exp": now + 600});
    match who {
        "nobody" => return None,
        "ann" => {
            let rooms = ["mine*", "team/*", "demo", "closed", "copy", "a", "b", "c"];
            claims["rooms"] = rooms.map(|room| (room, "editor")).into_iter().collect();
        }
        "bob" => claims["rooms"] = json!({"mine-*": "editor", "bobs": "editor"}),
        "viewer" => claims["rooms"] = json!({"demo": "viewer"}),
        "editor" => claims["rooms"] = json!({"demo": "editor"}),
        "admin" => claims["scope"] = json!("scrible:admin"),
        "expired" => {
            claims["sub"] = json!("ann");
            claims["exp"] = json!(now - 600);
        }
        _ => {}
    }
    let key = match who {
        "forged" => "another key of thirty-two bytes or more",
        _ => KEY,
    };
    Some(signed(&claims, key))
}
