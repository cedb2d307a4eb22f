//! Files of boards, by HTTP: what is taken, what is given, and to whom.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use scrible::access::{Doorkeeper, DoorkeeperConfig, Hosts, Mode, Origins, Others, Transport};
use scrible::bus::Alone;
use scrible_objects::{
    Body, ContentType, Disposition, Key, LinkTerms, NewObject, ObjectError, Objects,
};
use scrible_store::MemoryStore;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::node::{Node, exchange};

use super::{Ask, Guarded, HOST, OWN, PAGE, Reply, token};

const SVG: &[u8] = b"<svg xmlns='http://www.w3.org/2000/svg' width='8' height='6'/>";
const GIF: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

async fn ask(all: &Guarded, who: &str, line: &str, headers: &[(&'static str, &str)]) -> Reply {
    let (method, path) = line.split_once(' ').unwrap();
    let headers = headers
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    let ask = Ask {
        method,
        path,
        token: token(who),
        headers: headers.collect(),
        body: Vec::new(),
    };
    all.ask(ask).await
}

#[tokio::test]
async fn m3_a_file_is_kept_under_its_name_and_given_to_who_may_see_the_board() {
    let all = Guarded::start().await;
    all.room("demo").await;
    let put = all
        .bytes("editor", "PUT /api/rooms/demo/assets/a%20b%C3%A4.gif", GIF)
        .await;
    assert_eq!(put.status, 201, "{put:?}");
    let told = put.json();
    assert_eq!(
        (
            &told["name"],
            &told["content_type"],
            &told["size"],
            &told["author"]
        ),
        (
            &json!("a bä.gif"),
            &json!("image/gif"),
            &json!(GIF.len()),
            &json!("sub:editor")
        )
    );
    let path = "/api/rooms/demo/assets/a%20b%C3%A4.gif";
    assert_eq!(told["url"], format!("{OWN}{path}"));

    let got = all.get("viewer", &format!("GET {path}")).await;
    assert_eq!((got.status, &got.body[..]), (200, GIF));
    for (name, value) in [
        ("content-type", "image/gif"),
        ("cache-control", "private, no-cache"),
        ("x-content-type-options", "nosniff"),
        ("accept-ranges", "bytes"),
        ("cross-origin-resource-policy", "cross-origin"),
        (
            "content-disposition",
            "inline; filename=\"a b_.gif\"; filename*=UTF-8''a%20b%C3%A4.gif",
        ),
    ] {
        assert_eq!(got.header(name), Some(value), "{got:?}");
    }
    let etag = got.header("etag").unwrap();
    let again = ask(
        &all,
        "viewer",
        &format!("GET {path}"),
        &[("If-None-Match", etag)],
    )
    .await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.header("cache-control"), Some("private, no-cache"));
    let known = [("If-None-Match", etag)];
    let shut_out = ask(&all, "bob", &format!("GET {path}"), &known).await;
    assert_eq!(shut_out.refusal(), (403, "forbidden".into()));
    let part = ask(
        &all,
        "viewer",
        &format!("GET {path}"),
        &[("Range", "bytes=0-2")],
    )
    .await;
    assert_eq!((part.status, &part.body[..]), (206, &b"GIF"[..]));
    let none = ask(
        &all,
        "viewer",
        &format!("GET {path}"),
        &[("Range", "bytes=999-")],
    )
    .await;
    assert_eq!(none.status, 416);

    let same = all.bytes("editor", &format!("PUT {path}"), GIF).await;
    assert_eq!((same.status, same.json()), (200, told.clone()));
    let other = all.bytes("editor", &format!("PUT {path}"), SVG).await;
    assert_eq!(other.refusal(), (409, "asset-exists".into()));
    let listed = all.get("viewer", "GET /api/rooms/demo/assets").await;
    assert_eq!(listed.json(), json!({"assets": [told], "next": null}));
    let usage = all.get("viewer", "GET /api/rooms/demo/usage").await.json();
    assert_eq!(usage["head"], 0);

    let svg = all
        .bytes("editor", "PUT /api/rooms/demo/assets/x.png", SVG)
        .await;
    assert_eq!(svg.json()["content_type"], "image/svg+xml");
    let svg = all.get("viewer", "GET /api/rooms/demo/assets/x.png").await;
    let policy = svg.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.ends_with("sandbox"));

    for line in [
        "GET /api/rooms/demo/assets/y.png",
        "GET /api/rooms/demo/assets/a%2Fb",
    ] {
        let refused = all.get("viewer", line).await.refusal();
        assert_eq!(refused, (404, "asset-not-found".into()));
    }
    // A file of one room is none of another.
    all.json("bob", "POST /api/rooms", json!({"name": "bobs"}))
        .await;
    let refused = all.get("bob", "GET /api/rooms/bobs/assets/x.png").await;
    assert_eq!(refused.refusal(), (404, "asset-not-found".into()));
    all.get("ann", "DELETE /api/rooms/demo").await;
    let refused = all.get("ann", "GET /api/rooms/demo/assets/x.png").await;
    assert_eq!(refused.refusal(), (410, "room-deleted".into()));
}

#[tokio::test]
async fn m6_what_boards_do_not_show_is_refused_with_what_they_do() {
    let all = Guarded::start().await;
    all.room("demo").await;
    for bytes in [
        &b"<html><script></script></html>"[..],
        b"%PDF-1.7",
        b"MZ",
        b"GIF89a",
    ] {
        let put = all
            .bytes("editor", "PUT /api/rooms/demo/assets/a.png", bytes)
            .await;
        assert_eq!(put.refusal(), (415, "unsupported-media-type".into()));
        assert!(
            put.json()["detail"]
                .as_str()
                .unwrap()
                .contains("PNG, JPEG, GIF, WebP")
        );
    }
    let long = format!("PUT /api/rooms/demo/assets/{}", "a".repeat(1025));
    for line in [
        "PUT /api/rooms/demo/assets/a%2Fb",
        "PUT /api/rooms/demo/assets/a%00b",
        "PUT /api/rooms/demo/assets/%2e%2e",
        "PUT /api/rooms/demo/assets/%FF",
        &long,
    ] {
        let put = all.bytes("editor", line, SVG).await;
        assert_eq!(put.refusal(), (400, "invalid-request".into()), "{line}");
    }
    let announced = Ask {
        method: "PUT",
        path: "/api/rooms/demo/assets/a.png",
        token: token("editor"),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let large = all.announce(announced, (10 << 20) + 1).await;
    assert_eq!(large.refusal(), (413, "too-large".into()));
    let listed = all.get("viewer", "GET /api/rooms/demo/assets").await;
    assert_eq!(listed.json()["assets"], json!([]));
}

#[tokio::test]
async fn m7_the_files_of_a_room_have_a_limit() {
    let all = Guarded::start_with(|config| {
        config.assets.room_bytes = (SVG.len() + GIF.len()) as u64;
    })
    .await;
    all.room("demo").await;
    for (name, bytes, status) in [
        ("a", SVG, 201),
        ("b", GIF, 201),
        ("a", SVG, 200),
        ("c", GIF, 409),
    ] {
        let put = all
            .bytes(
                "editor",
                &format!("PUT /api/rooms/demo/assets/{name}"),
                bytes,
            )
            .await;
        assert_eq!(put.status, status, "{name}: {put:?}");
        if status == 409 {
            assert_eq!(put.code(), "assets-full");
        }
    }
}

#[tokio::test]
async fn m15_a_signed_link_is_good_for_anybody_until_it_expires() {
    let all = Guarded::start().await;
    let (objects, key) = (&all.node.objects, "exports/1/a.svg".parse::<Key>().unwrap());
    let object = NewObject {
        body: Body::Bytes(SVG.into()),
        content_type: ContentType::try_from("image/svg+xml").unwrap(),
        disposition: Disposition::attachment("board.svg"),
    };
    objects.put(&key, object).await.unwrap();
    let signer = objects.signer().unwrap();
    let line = |key: &Key, terms: &LinkTerms, at: SystemTime| {
        let link = signer.sign(key, terms, at).unwrap();
        let path = link.url.split_once("/exports/").unwrap().1.to_owned();
        format!("/objects/exports/{path}")
    };
    let hour = LinkTerms::lasting(Duration::from_secs(3600));
    let good = line(&key, &hour, SystemTime::now());
    let got = all.get("nobody", &format!("GET {good}")).await;
    assert_eq!((got.status, &got.body[..]), (200, SVG));
    for (name, value) in [
        ("content-type", "image/svg+xml"),
        ("content-disposition", "attachment; filename=\"board.svg\""),
        ("x-content-type-options", "nosniff"),
        ("access-control-allow-origin", "*"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(got.header(name), Some(value), "{got:?}");
    }
    assert!(
        got.header("content-security-policy")
            .unwrap()
            .ends_with("sandbox")
    );
    let head = all.get("nobody", &format!("HEAD {good}")).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(&*SVG.len().to_string()));
    let part = ask(
        &all,
        "nobody",
        &format!("GET {good}"),
        &[("Range", "bytes=1-3")],
    )
    .await;
    assert_eq!((part.status, &part.body[..]), (206, &b"svg"[..]));

    let old = line(&key, &hour, SystemTime::now() - Duration::from_secs(3601));
    for (path, why) in [
        (old, "the link has expired\n"),
        (
            good.replace("a.svg", "b.svg"),
            "the link was not made here, or was changed\n",
        ),
        (
            good.replace("expires=", "expires=1"),
            "the link was not made here, or was changed\n",
        ),
        (
            "/objects/exports/1/a.svg".to_owned(),
            "the link was not made here, or was changed\n",
        ),
        (
            "/objects/exports/".to_owned(),
            "the link was not made here, or was changed\n",
        ),
        (
            "/objects/..%2f..%2fetc/passwd".to_owned(),
            "the link was not made here, or was changed\n",
        ),
    ] {
        let refused = all.get("nobody", &format!("GET {path}")).await;
        let body = String::from_utf8_lossy(&refused.body);
        assert_eq!((refused.status, &*body), (403, why), "{path}");
    }
    objects.delete(&key).await.unwrap();
    assert_eq!(all.get("nobody", &format!("GET {good}")).await.status, 404);
}

#[tokio::test]
async fn m2_a_place_that_is_away_is_told_and_boards_are_served() {
    let all = Guarded::start().await;
    all.room("demo").await;
    let gone = ObjectError::Unavailable("the bucket of secrets is away".to_owned());
    all.node.objects.fail(Some(gone));
    let health = all.get("nobody", "GET /health").await;
    assert_eq!(health.status, 200);
    let part = &health.json()["parts"]["objects"];
    assert_eq!(part["state"], "trouble");
    assert!(!part.to_string().contains("secrets"), "{part}");
    let local = all.node.health("localhost").await;
    assert_eq!(
        local["parts"]["objects"]["reason"],
        "the bucket of secrets is away"
    );
    assert_eq!(all.get("nobody", "GET /health/ready").await.status, 200);
    let put = all
        .bytes("ann", "PUT /api/rooms/demo/assets/a.svg", SVG)
        .await;
    assert_eq!(put.refusal(), (503, "unavailable".into()));
    assert!(put.header("retry-after").is_some());
    // Half a file is none.
    let listed = all.get("ann", "GET /api/rooms/demo/assets").await;
    assert_eq!(listed.json()["assets"], json!([]));
}

#[tokio::test]
async fn m12_a_copy_of_a_room_has_its_files() {
    let all = Guarded::start().await;
    all.room("demo").await;
    all.bytes("ann", "PUT /api/rooms/demo/assets/a.svg", SVG)
        .await;
    let copying = || {
        all.json(
            "ann",
            "POST /api/rooms/demo/duplicate",
            json!({"name": "copy"}),
        )
    };
    let away = ObjectError::Unavailable("the bucket is away".to_owned());
    all.node.objects.fail(Some(away));
    assert_eq!(copying().await.refusal(), (503, "unavailable".into()));
    let none = all.get("ann", "GET /api/rooms/copy").await.refusal();
    assert_eq!(none, (404, "room-not-found".into()), "half a copy is none");
    all.node.objects.fail(None);
    let copy = copying().await;
    assert_eq!(copy.status, 201, "{copy:?}");
    // It has them by itself.
    all.get("ann", "DELETE /api/rooms/demo").await;
    all.get("admin", "POST /api/rooms/demo/purge").await;
    let got = all.get("ann", "GET /api/rooms/copy/assets/a.svg").await;
    assert_eq!((got.status, &got.body[..]), (200, SVG));
}

#[tokio::test]
async fn m13_a_pasted_file_makes_a_room_as_a_stroke_does() {
    let all = Guarded::start().await;
    let put = all
        .bytes("editor", "PUT /api/rooms/demo/assets/a.svg", SVG)
        .await;
    assert_eq!(put.status, 201, "{put:?}");
    let room = all.get("editor", "GET /api/rooms/demo").await.json();
    assert_eq!(
        (&room["owner"], &room["visibility"]),
        (&json!(null), &json!(null))
    );
    let got = all.get("viewer", "GET /api/rooms/demo/assets/a.svg").await;
    assert_eq!(got.status, 200);
}

#[tokio::test]
async fn m14_with_a_cookie_files_come_from_known_pages_and_go_to_them() {
    let all = Guarded::start().await;
    all.json(
        "ann",
        "POST /api/rooms",
        json!({"name": "demo", "password": "red paper"}),
    )
    .await;
    let joined = all
        .json(
            "nobody",
            "POST /api/rooms/demo/join",
            json!({"password": "red paper"}),
        )
        .await;
    let cookie = joined
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let link = joined.json()["link_room"].as_str().unwrap().to_owned();
    let with = |method: &'static str, path: &str, headers: &[(&'static str, &str)]| {
        let mut headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        headers.push(("Cookie", cookie.clone()));
        (method, path.to_owned(), headers)
    };
    let path = "/api/rooms/demo/assets/a.svg";
    for ((method, path, headers), status) in [
        (with("PUT", path, &[("Content-Type", "image/svg+xml")]), 415),
        (
            with(
                "PUT",
                path,
                &[
                    ("Content-Type", "image/svg+xml"),
                    ("Origin", "https://evil.example"),
                ],
            ),
            403,
        ),
        (
            with(
                "PUT",
                path,
                &[("Content-Type", "image/svg+xml"), ("Origin", PAGE)],
            ),
            201,
        ),
        (with("GET", path, &[]), 401),
        // What `<img>` sends on a page of a neighbour, who need not be a friend.
        (with("GET", path, &[("Sec-Fetch-Site", "same-site")]), 401),
        (with("GET", path, &[("Sec-Fetch-Site", "same-origin")]), 200),
        (with("GET", path, &[("Origin", PAGE)]), 200),
    ] {
        let body = if method == "PUT" {
            SVG.to_vec()
        } else {
            Vec::new()
        };
        let ask = Ask {
            method,
            path: &path,
            token: None,
            headers: headers.clone(),
            body,
        };
        let reply = all.ask(ask).await;
        assert_eq!(reply.status, status, "{method} {headers:?}: {reply:?}");
    }
    // A link is good for `<img>` anywhere.
    let by_link = format!("GET /api/rooms/{link}/assets/a.svg");
    let got = ask(
        &all,
        "nobody",
        &by_link,
        &[("Sec-Fetch-Site", "cross-site")],
    )
    .await;
    assert_eq!(got.status, 200);
}

#[tokio::test]
async fn m14_pages_elsewhere_show_nothing_of_this_machines_server() {
    let store = Arc::new(MemoryStore::new());
    let config = DoorkeeperConfig {
        mode: Mode::Open(Hosts::Any),
        origins: Origins {
            listed: Vec::new(),
            others: Others::OfThisMachine,
        },
        transport: Transport::Http,
    };
    let gate = Arc::new(Doorkeeper::new(store.clone(), config).unwrap());
    let node = Node::start_guarded(&store, Arc::new(Alone), gate, |_| {}).await;
    let answer = async |host: &str, headers: &str| {
        let head = format!(
            "GET /api/rooms/demo/assets/a.svg HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n"
        );
        let (head, _) = exchange(node.address, &head).await;
        head.split(' ').nth(1).unwrap().to_owned()
    };
    for (host, headers, status) in [
        ("localhost", "Sec-Fetch-Site: cross-site\r\n", "403"),
        ("localhost", "Sec-Fetch-Site: same-site\r\n", "404"),
        ("localhost", "Sec-Fetch-Site: none\r\n", "404"),
        ("localhost", "", "404"),
        // Others than this machine's can be reached by whoever shows it.
        ("sync.example", "Sec-Fetch-Site: cross-site\r\n", "404"),
    ] {
        assert_eq!(answer(host, headers).await, status, "{host} {headers}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m3_what_is_refused_leaves_nothing_behind_and_takes_nothing_away() {
    let most = 20 * 200;
    let all = Guarded::start_with(|config| config.assets.room_bytes = most).await;
    all.room("demo").await;
    let svg = |what: String| format!("<svg xmlns='http://www.w3.org/2000/svg' id='{what:>100}'/>");
    for round in 0..30 {
        // For one name, with two contents, of which each comes under another name as well.
        let files = [("a", 1), ("a", 2), ("b", 1), ("c", 2)];
        let lines = files.map(|(name, content)| {
            let line = format!("PUT /api/rooms/demo/assets/{round}{name}.svg");
            (line, svg(format!("{round}-{content}")))
        });
        let puts = lines
            .iter()
            .map(|(line, body)| all.bytes("editor", line, body.as_bytes()));
        for put in futures_util::future::join_all(puts).await {
            assert!([200, 201, 409].contains(&put.status), "{put:?}");
        }
    }
    let listed = all
        .get("editor", "GET /api/rooms/demo/assets?limit=200")
        .await
        .json();
    let listed = listed["assets"].as_array().unwrap();
    assert!(listed.len() > 15, "{listed:?}");
    let mut contents = std::collections::BTreeSet::new();
    for asset in listed {
        let line = format!(
            "GET /api/rooms/demo/assets/{}",
            asset["name"].as_str().unwrap()
        );
        let file = all.get("editor", &line).await;
        assert_eq!(file.status, 200, "{line}");
        contents.insert(file.body);
    }
    let prefix = "assets/".parse().unwrap();
    let objects = all.node.objects.list(&prefix, None, 1_000).await.unwrap();
    assert_eq!(objects.entries.len(), contents.len());
}

#[tokio::test]
async fn m3_those_with_slow_lines_keep_nobody_out() {
    let all = Guarded::start().await;
    all.room("demo").await;
    let update = crate::client::typed(1, 0);
    for (line, body) in [
        ("PUT /api/rooms/demo/assets/a.svg", SVG),
        ("POST /api/rooms/demo/update", &update),
    ] {
        let mut slow = Vec::new();
        for _ in 0..6 {
            let mut socket = TcpStream::connect(all.node.address).await.unwrap();
            let head = format!(
                "{line} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {}\r\nExpect: 100-continue\r\n\
                 Content-Type: application/octet-stream\r\nContent-Length: 100000\r\n\r\n",
                token("editor").unwrap(),
            );
            socket.write_all(head.as_bytes()).await.unwrap();
            // The server reads its body from here on.
            let mut goes_on = [0; 12];
            socket.read_exact(&mut goes_on).await.unwrap();
            assert_eq!(&goes_on, b"HTTP/1.1 100");
            socket.write_all(&body[..body.len() / 2]).await.unwrap();
            slow.push(socket);
        }
        let put = all.bytes("editor", line, body);
        let put = timeout(Duration::from_secs(10), put).await;
        let put = put.expect("it does not wait for them");
        assert!(put.status < 300, "{put:?}");
    }
}
