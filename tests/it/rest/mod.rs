//! The API over real sockets, behind a real doorkeeper: what each address does, and whom it refuses.

mod documents;
mod joining;
mod matrix;
mod rooms;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header, encode};
use scrible::access::{
    Doorkeeper, DoorkeeperConfig, Mode, Origin, Origins, Others, Secret, TokensConfig, Transport,
};
use scrible::bus::Alone;
use scrible::service::Site;
use scrible_store::MemoryStore;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::node::Node;

const KEY: &str = "a key of thirty-two bytes or more, for tests";
/// A page that the server knows, and the address of its own pages.
pub const PAGE: &str = "https://draw.example";
const OWN: &str = "http://sync.example";

/// A guarded node that began with an empty store.
pub struct Guarded {
    pub node: Node,
}

/// A request, to be sent.
pub struct Ask<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub token: Option<String>,
    pub headers: Vec<(&'a str, String)>,
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Guarded {
    pub async fn start() -> Self {
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
        let change = |config: &mut scrible::server::ServerConfig| config.site = site;
        let node = Node::start_guarded(&store, Arc::new(Alone), Arc::new(gate), change).await;
        Self { node }
    }

    pub async fn ask(&self, ask: Ask<'_>) -> Reply {
        let length = ask.body.len();
        self.announce(ask, length).await
    }

    /// Says that a body has so many bytes, and sends what there is of it.
    pub async fn announce(&self, ask: Ask<'_>, length: usize) -> Reply {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: sync.example\r\nConnection: close\r\nContent-Length: {length}\r\n",
            ask.method, ask.path,
        );
        if let Some(token) = ask.token {
            head += &format!("Authorization: Bearer {token}\r\n");
        }
        for (name, value) in ask.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        let mut socket = TcpStream::connect(self.node.address).await.unwrap();
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(&ask.body).await.ok();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.unwrap();
        let end = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        Reply {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            body: answer[end + 4..].to_vec(),
            head,
        }
    }

    /// Asks in JSON; `Value::Null` for no body.
    pub async fn json(&self, who: &str, line: &str, body: Value) -> Reply {
        let (method, path) = line.split_once(' ').unwrap();
        let mut headers = Vec::new();
        let mut bytes = Vec::new();
        if !body.is_null() {
            headers.push(("Content-Type", "application/json".to_owned()));
            bytes = body.to_string().into_bytes();
        }
        self.ask(Ask {
            method,
            path,
            token: token(who),
            headers,
            body: bytes,
        })
        .await
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

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The stable code of a problem.
    pub fn code(&self) -> String {
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        let id = problem["request_id"].as_str().unwrap();
        assert_eq!(self.header("x-request-id"), Some(id), "{self:?}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        problem["code"].as_str().unwrap().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// Status and code in one, for short.
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.code())
    }
}

/// A token by a word for whoever has it; `nobody` has none. Ann may make any room; the others have a role in `demo` alone.
pub fn token(who: &str) -> Option<String> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
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
    let key = EncodingKey::from_secret(key.as_bytes());
    Some(encode(&Header::default(), &claims, &key).unwrap())
}
