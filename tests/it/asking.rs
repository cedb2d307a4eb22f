//! Requests to the API over a connection each, and tokens to send along.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What guarded servers of tests check tokens by.
pub const KEY: &str = "a key of thirty-two bytes or more, for tests";

/// A request, to be sent.
#[derive(Default)]
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

impl<'a> Ask<'a> {
    /// In JSON, of a line like `GET /api/rooms`; `Value::Null` for no body.
    pub fn json(line: &'a str, token: Option<String>, body: &Value) -> Self {
        let (method, path) = line.split_once(' ').unwrap();
        let mut ask = Self {
            method,
            path,
            token,
            ..Self::default()
        };
        if !body.is_null() {
            ask.headers
                .push(("Content-Type", "application/json".to_owned()));
            ask.body = body.to_string().into_bytes();
        }
        ask
    }

    /// Sends it to a server under a name.
    pub async fn send(self, address: SocketAddr, host: &str) -> Reply {
        let length = self.body.len();
        self.announce(address, host, length).await
    }

    /// Says that the body has so many bytes, and sends what there is of it.
    pub async fn announce(self, address: SocketAddr, host: &str, length: usize) -> Reply {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n",
            self.method, self.path,
        );
        if let Some(token) = self.token {
            head += &format!("Authorization: Bearer {token}\r\n");
        }
        for (name, value) in self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(&self.body).await.ok();
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

/// Seconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}

/// A token that says anything, signed with a key.
pub fn signed(claims: &Value, key: &str) -> String {
    let key = EncodingKey::from_secret(key.as_bytes());
    encode(&Header::default(), claims, &key).unwrap()
}
