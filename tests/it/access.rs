//! Who gets in, by tokens, pages and names: over real sockets of the program itself, before and after the upgrade.

use std::net::SocketAddr;

use futures_util::future::join_all;
use jsonwebtoken::{EncodingKey, Header, encode};
use scrible_wire::message;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::client::{Client, Heard, typed};
use crate::program::Place;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const KEY: (&str, &str) = ("SCRIBLE_JWT_SECRET", SECRET);

/// A token that the program itself makes.
fn token(place: &Place, arguments: &[&str]) -> String {
    let mut command = place.command(&[&["token"], arguments].concat());
    let said = command.env("SCRIBLE_JWT_SECRET", SECRET).output().unwrap();
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

/// The status with which a handshake is answered.
async fn status(address: SocketAddr, path: &str, headers: &[(&'static str, &str)]) -> u16 {
    let mut request = format!("ws://{address}{path}")
        .into_client_request()
        .unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match connect_async(request).await {
        Ok(_) => 101,
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
    }
}

/// Whether an update comes back, that is, whether its author may edit. `None`: the connection was closed, with this code.
async fn may_edit(
    address: SocketAddr,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<bool, u16> {
    let mut request = format!("ws://{address}{path}")
        .into_client_request()
        .unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let mut client = Client::connect_by(request).await;
    let id = fastrand::u8(1..100);
    client.send(message::step1(&[0])).await;
    client.update(&typed(id, 0)).await;
    loop {
        match client.hear().await {
            Heard::Update(_) => return Ok(true),
            Heard::Denied => {
                // The message that goes before a close says the same.
                return match client.hear().await {
                    Heard::Closed(code, _) => Err(code),
                    _ => Ok(false),
                };
            }
            Heard::Closed(code, _) => return Err(code),
            _ => {}
        }
    }
}

/// All at once, because who is refused is held for a while.
async fn everybody(address: SocketAddr, all: &[(String, Result<bool, u16>)]) {
    let asked = all.iter().map(|(path, _)| may_edit(address, path, &[]));
    for ((path, wanted), got) in all.iter().zip(join_all(asked).await) {
        assert_eq!(got, *wanted, "{path}");
    }
}

/// A token that says anything.
fn signed(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    encode(&Header::default(), claims, &key).unwrap()
}

#[tokio::test]
async fn u8_a_token_opens_what_it_names_over_a_socket() {
    let place = Place::new();
    let server = place.serve_with(&[KEY]);
    let editor = token(
        &place,
        &[
            "--sub",
            "ann",
            "--room",
            "demo=editor",
            "--room",
            "team/*=viewer",
        ],
    );
    let admin = token(&place, &["--sub", "root", "--admin"]);
    let (message, signature) = editor.rsplit_once('.').unwrap();
    let forged = format!("{message}.{}", signature.chars().rev().collect::<String>());
    let expired = signed(&json!({"sub": "ann", "exp": 1, "rooms": {"*": "editor"}}));
    let link = "~gAZaz09-_AZaz09-_AZaz09";
    let all_may = [
        (format!("/demo?token={editor}"), Ok(true)),
        (format!("/ws/demo?x=1?token={editor}"), Ok(true)),
        (format!("/anything?token={admin}"), Ok(true)),
        (format!("/other?token={editor}"), Err(4403)),
        (format!("/demo2?token={editor}"), Err(4403)),
        ("/demo".to_owned(), Err(4401)),
        ("/demo?token=".to_owned(), Err(4401)),
        (format!("/demo?token={forged}"), Err(4401)),
        (format!("/demo?token={expired}"), Err(4401)),
        // A link that leads nowhere refuses who has a good token.
        (format!("/demo{link}?token={editor}"), Err(4401)),
    ];
    everybody(server.address, &all_may).await;
    let bearer = format!("Bearer {editor}");
    assert_eq!(
        may_edit(server.address, "/demo", &[("authorization", &bearer)]).await,
        Ok(true)
    );
}

#[tokio::test]
async fn u8_a_viewer_by_token_changes_nothing() {
    let place = Place::new();
    let server = place.serve_with(&[KEY]);
    let viewer = token(&place, &["--sub", "ben", "--room", "demo=viewer"]);
    let path = format!("/demo?token={viewer}");
    let (mut ben, content) = Client::join(server.address, &path).await;
    assert_eq!(content, [0, 0]);
    ben.update(&typed(7, 0)).await;
    assert!(ben.heard_so_far().await.contains(&Heard::Denied));
    let (_, content) = Client::join(server.address, &path).await;
    assert_eq!(content, [0, 0]);
}

#[tokio::test]
async fn u4_foreign_pages_are_refused_before_the_upgrade() {
    let place = Place::new();
    let settings = [
        KEY,
        ("SCRIBLE_PUBLIC_URL", "https://sync.example"),
        ("SCRIBLE_FRONTEND_URL", "https://draw.example/{room}"),
        ("SCRIBLE_ALLOWED_ORIGINS", "http://other.example:8080"),
    ];
    let server = place.serve_with(&settings);
    let ann = token(&place, &["--sub", "ann", "--room", "*=editor"]);
    let path = format!("/demo?token={ann}");
    for (origin, wanted) in [
        ("https://sync.example", 101),
        ("https://draw.example", 101),
        ("http://other.example:8080", 101),
        ("http://other.example", 403),
        ("https://draw.example.evil.example", 403),
        ("https://evil.example", 403),
        ("http://localhost:5173", 403),
        ("null", 403),
    ] {
        assert_eq!(
            status(server.address, &path, &[("origin", origin)]).await,
            wanted,
            "{origin}"
        );
    }
    assert_eq!(status(server.address, &path, &[]).await, 101, "a program");
}

#[tokio::test]
async fn u3_an_open_server_on_loopback_answers_to_names_of_this_machine() {
    let place = Place::new();
    let server = place.serve();
    for (host, origin, wanted) in [
        ("localhost:3001", None, 101),
        ("127.0.0.1", Some("http://localhost:5173"), 101),
        ("app.localhost", Some("http://app.localhost:5173"), 101),
        ("evil.example", None, 403),
        ("evil.example", Some("http://evil.example"), 403),
        ("localhost.evil.example", None, 403),
        ("localhost", Some("https://evil.example"), 403),
        ("localhost", Some("null"), 403),
    ] {
        let mut headers = vec![("host", host)];
        headers.extend(origin.map(|origin| ("origin", origin)));
        let got = status(server.address, "/demo", &headers).await;
        assert_eq!(got, wanted, "{host} {origin:?}");
    }
    // Whatever is brought besides is not looked at.
    assert_eq!(
        may_edit(server.address, "/demo?token=whatever", &[]).await,
        Ok(true)
    );
}

#[tokio::test]
async fn u17_a_server_that_others_can_reach_does_not_start_by_itself() {
    let place = Place::new();
    let refused = place
        .command(&["serve", "--host", "0.0.0.0", "--port", "0"])
        .output()
        .unwrap();
    let sentence = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{sentence}");
    assert!(
        sentence.contains("SCRIBLE_JWT_SECRET") && sentence.contains("SCRIBLE_OPEN=1"),
        "{sentence}"
    );
    assert!(
        !place.database().exists(),
        "refused before anything was touched"
    );
    let open = place.serve_with(&[("HOST", "0.0.0.0"), ("SCRIBLE_OPEN", "1")]);
    let at = SocketAddr::from(([127, 0, 0, 1], open.address.port()));
    let headers = [
        ("host", "boards.example"),
        ("origin", "https://any.example"),
    ];
    assert_eq!(may_edit(at, "/demo", &headers).await, Ok(true));
}

#[tokio::test]
async fn u18_who_is_refused_is_on_record_without_his_secrets() {
    let place = Place::new();
    let mut command = place.command(&[
        "serve",
        "--port",
        "0",
        "--log",
        "info",
        "--log-format",
        "json",
    ]);
    command.env("SCRIBLE_JWT_SECRET", SECRET);
    let server = place.serve_logged(&mut command);
    let at = server.address;
    let ann = token(&place, &["--sub", "ann", "--room", "other=editor"]);
    let link = "AZaz09-_AZaz09-_AZaz09";
    let refused = [
        ("/demo?token=hunter2".to_owned(), Err(4401)),
        (format!("/demo?token={ann}"), Err(4403)),
        (format!("/demo~g{link}"), Err(4401)),
    ];
    everybody(at, &refused).await;
    assert_eq!(
        status(at, "/demo", &[("origin", "https://evil.example")]).await,
        403
    );
    assert!(server.stop().success());
    let log = std::fs::read_to_string(place.file("log")).unwrap();
    let events: Vec<Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &Value| line["target"] == "scrible::security")
        .collect();
    let mut told: Vec<_> = events
        .iter()
        .map(|event| {
            let fields = &event["fields"];
            assert_eq!(
                (&fields["event"], &fields["room"], &fields["peer"]),
                (&"auth_failed".into(), &"demo".into(), &"127.0.0.1".into())
            );
            (
                event["level"].as_str().unwrap(),
                fields["identity"].as_str(),
            )
        })
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            ("WARN", None),
            ("WARN", None),
            ("WARN", None),
            ("WARN", Some("sub:ann"))
        ],
        "{log}"
    );
    for secret in ["hunter2", link, &ann, SECRET] {
        assert!(!log.contains(secret), "{log}");
    }
}
