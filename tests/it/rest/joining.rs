//! Passwords, invites, links and cookies.

use scrible_wire::{awareness, message};
use serde_json::{Value, json};

use super::{Ask, Guarded, PAGE, Reply};
use crate::client::{Client, Heard, typed};

/// What a person's browser has.
#[derive(Default, Clone)]
pub struct Browser(Option<String>);

impl Browser {
    /// Asks as a page that the server knows.
    async fn ask(&mut self, all: &Guarded, method: &str, path: &str, body: Value) -> Reply {
        let mut headers = vec![("Origin", PAGE.to_owned())];
        if let Some(cookie) = &self.0 {
            headers.push(("Cookie", format!("other=1; scrible={cookie}")));
        }
        let mut bytes = Vec::new();
        if !body.is_null() {
            headers.push(("Content-Type", "application/json".to_owned()));
            bytes = body.to_string().into_bytes();
        }
        let reply = all.ask(Ask {
            method,
            path,
            token: None,
            headers,
            body: bytes,
        });
        let reply = reply.await;
        if let Some(cookie) = reply.header("set-cookie") {
            let value = cookie.strip_prefix("scrible=").unwrap();
            self.0 = Some(value.split(';').next().unwrap().to_owned());
        }
        reply
    }

    pub async fn join(&mut self, all: &Guarded, body: Value) -> Reply {
        self.ask(all, "POST", "/api/rooms/mine/join", body).await
    }
}

/// A room with a password, and what those may do who know it.
pub async fn with_password(link_role: &str) -> Guarded {
    let all = Guarded::start().await;
    let room =
        json!({"name": "mine", "title": "Mine", "password": "open sesame", "link_role": link_role});
    let made = all.json("ann", "POST /api/rooms", room).await;
    assert_eq!(made.status, 201, "{made:?}");
    all
}

#[tokio::test]
async fn y6_the_right_password_lets_in_and_the_wrong_one_does_not() {
    let all = with_password("editor").await;
    let mut browser = Browser::default();
    let look = browser
        .ask(&all, "GET", "/api/rooms/mine/join", Value::Null)
        .await;
    let strange = browser
        .ask(&all, "GET", "/api/rooms/none/join", Value::Null)
        .await;
    let mut expected = look.json();
    assert_eq!(expected["needs"], "password");
    assert_eq!(expected["title"], Value::Null);
    expected["room"] = json!("none");
    assert_eq!(
        strange.json(),
        expected,
        "a room that is not there looks the same"
    );
    let wrong = browser.join(&all, json!({"password": "open barley"})).await;
    assert_eq!(wrong.refusal(), (403, "wrong-password".into()));
    assert_eq!(wrong.header("set-cookie"), None);
    let body = json!({"password": "open barley"});
    let nowhere = browser
        .ask(&all, "POST", "/api/rooms/none/join", body)
        .await;
    assert_eq!(nowhere.refusal(), (403, "wrong-password".into()));

    let joined = browser
        .join(&all, json!({"name": "Bo", "password": "open sesame"}))
        .await;
    assert_eq!(joined.status, 200, "{joined:?}");
    let joined = joined.json();
    assert_eq!(joined["role"], "editor");
    assert!(joined["expires"].is_string());
    let link_room = joined["link_room"].as_str().unwrap();
    let secret = link_room.strip_prefix("mine~g").unwrap();
    assert_eq!(secret.len(), 22);
    assert_eq!(
        joined["url"],
        format!("https://draw.example/?room=mine~g{secret}")
    );
    // The same person gets the same link, and needs no password.
    let again = browser.join(&all, json!({"via": "cookie"})).await.json();
    assert_eq!(again["link_room"], link_room);
    assert_eq!(again["url"], "https://draw.example/?room=mine");
    let look = browser
        .ask(&all, "GET", "/api/rooms/mine/join", Value::Null)
        .await
        .json();
    assert_eq!(
        (&look["needs"], &look["joined"]),
        (&json!("nothing"), &json!(true))
    );
    assert_eq!(
        (&look["title"], &look["role"]),
        (&json!("Mine"), &json!("editor"))
    );
    // The link is a way in by itself, for the API as for sockets.
    let shown = all
        .get("nobody", &format!("GET /api/rooms/{link_room}"))
        .await;
    assert_eq!(
        (shown.status, &shown.json()["role"]),
        (200, &json!("editor"))
    );
    let (mut client, _) = Client::join(all.node.address, &format!("/{link_room}")).await;
    let update = typed(9, 0);
    client.update(&update).await;
    assert_eq!(client.next_update().await, update);
    let grants = all.get("ann", "GET /api/rooms/mine/grants").await.json();
    assert_eq!(grants["grants"][0]["name"], "Bo");
    assert_eq!(grants["grants"][0]["source"], "password");
}

#[tokio::test]
async fn y6_a_way_in_ends_when_whoever_takes_it_says_and_never_later() {
    let all = with_password("editor").await;
    let join = async |expires: &str| {
        let body = json!({"password": "open sesame", "expires": expires});
        Browser::default().join(&all, body).await
    };
    let at = |seconds| {
        let time = std::time::SystemTime::now() + std::time::Duration::from_secs(seconds);
        humantime::format_rfc3339_millis(time).to_string()
    };
    let soon = at(3600);
    assert_eq!(join(&soon).await.json()["expires"], soon);
    let late = join(&at(90 * 24 * 3600)).await.json();
    let late = late["expires"].as_str().unwrap();
    assert!(*late < *at(31 * 24 * 3600), "{late}");
    for bad in ["2026-01-01T00:00:00Z", "soon"] {
        assert_eq!(join(bad).await.refusal().0, 400, "{bad}");
    }
}

#[tokio::test]
async fn y7_a_new_password_a_revoked_grant_and_a_kick_end_what_was_let_in() {
    let all = with_password("editor").await;
    for (nth, (line, body, code)) in [
        ("PATCH /api/rooms/mine", json!({"password": "new"}), 4401),
        ("DELETE /api/rooms/mine/grants/{}", Value::Null, 4401),
        (
            "POST /api/rooms/mine/kick",
            json!({"identity": "grant:{}"}),
            4403,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let password = if nth == 0 { "open sesame" } else { "new" };
        let mut browser = Browser::default();
        let joined = browser
            .join(&all, json!({"password": password}))
            .await
            .json();
        let link_room = joined["link_room"].as_str().unwrap().to_owned();
        let (mut client, _) = Client::join(all.node.address, &format!("/{link_room}")).await;
        let grants = all.get("ann", "GET /api/rooms/mine/grants").await.json();
        let id = grants["grants"][0]["id"].to_string();
        let body = serde_json::from_str(&body.to_string().replace("{}", &id)).unwrap();
        let done = all.json("ann", &line.replace("{}", &id), body).await;
        assert!(done.status < 300, "{done:?}");
        assert_eq!(client.closed().await, code, "{line}");
        let after = all
            .get("nobody", &format!("GET /api/rooms/{link_room}"))
            .await;
        assert!([401, 403].contains(&after.status), "{line}: {after:?}");
    }
}

#[tokio::test]
async fn y8_an_invite_lets_in_as_many_as_it_may_until_it_is_revoked() {
    let all = Guarded::start().await;
    all.room("mine").await;
    let invite = json!({"role": "viewer", "max_uses": 3, "label": "class"});
    let given = all
        .json("ann", "POST /api/rooms/mine/invites", invite)
        .await;
    assert_eq!(given.status, 201, "{given:?}");
    let given = given.json();
    let secret = given["secret"].as_str().unwrap().to_owned();
    assert_eq!(
        given["url"],
        format!("http://sync.example/join/mine#invite={secret}")
    );
    let listed = all.get("ann", "GET /api/rooms/mine/invites").await;
    assert!(!String::from_utf8_lossy(&listed.body).contains(&secret));
    let asking = (0..50).map(|_| async {
        let joined = Browser::default()
            .join(&all, json!({"invite": secret}))
            .await;
        match joined.status {
            200 => (200, String::new()),
            _ => joined.refusal(),
        }
    });
    let asked = futures_util::future::join_all(asking).await;
    let used_up = asked
        .iter()
        .filter(|reply| **reply == (410, "invite-used-up".into()));
    let (let_in, used_up) = (
        asked.iter().filter(|reply| reply.0 == 200).count(),
        used_up.count(),
    );
    assert_eq!((let_in, let_in + used_up), (3, 50), "{asked:?}");

    let invite = json!({"role": "editor"});
    let given = all
        .json("ann", "POST /api/rooms/mine/invites", invite)
        .await
        .json();
    let mut browser = Browser::default();
    let joined = browser
        .join(&all, json!({"invite": given["secret"]}))
        .await
        .json();
    assert_eq!(joined["role"], "editor");
    let link_room = joined["link_room"].as_str().unwrap();
    let (mut client, _) = Client::join(all.node.address, &format!("/{link_room}")).await;
    let revoke = format!("DELETE /api/rooms/mine/invites/{}", given["invite"]["id"]);
    assert_eq!(all.get("ann", &revoke).await.status, 204);
    assert_eq!(client.closed().await, 4401);
    let dead = browser.join(&all, json!({"invite": given["secret"]})).await;
    assert_eq!(dead.refusal(), (403, "invite-invalid".into()));
    let unknown = all
        .get("ann", "DELETE /api/rooms/mine/invites/999999")
        .await;
    assert_eq!(unknown.refusal(), (404, "invite-not-found".into()));
    for bad in [
        json!({"role": "viewer", "max_uses": 0}),
        json!({"role": "viewer", "expires": "2001-01-01T00:00:00Z"}),
    ] {
        let refused = all.json("ann", "POST /api/rooms/mine/invites", bad).await;
        assert_eq!(refused.refusal(), (400, "invalid-request".into()));
    }
}

#[tokio::test]
async fn y3_ten_wrong_passwords_are_answered_by_429_and_lock_nobody_else_out() {
    let all = with_password("viewer").await;
    let mut inside = Browser::default();
    inside.join(&all, json!({"password": "open sesame"})).await;
    // The first ten at least are looked at; where they take long, one more has come free meanwhile.
    let mut wrong = 0;
    while Browser::default()
        .join(&all, json!({"password": "wrong"}))
        .await
        .status
        == 403
    {
        wrong += 1;
        assert!(wrong < 50, "nobody stops it");
    }
    assert!(wrong >= 10, "{wrong}");
    // Now not even the right one is looked at.
    let refused = Browser::default()
        .join(&all, json!({"password": "open sesame"}))
        .await;
    assert_eq!(refused.refusal(), (429, "too-many-attempts".into()));
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=6).contains(&seconds), "{seconds}");
    assert_eq!(inside.join(&all, json!({})).await.status, 200);
    assert_eq!(all.get("ann", "GET /api/rooms/mine").await.status, 200);
}

#[tokio::test]
async fn y9_a_cookie_counts_with_a_known_page_and_json_alone() {
    let all = with_password("editor").await;
    let mut browser = Browser::default();
    browser.join(&all, json!({"password": "open sesame"})).await;
    let cookie = browser.0.clone().unwrap();
    let ask = |method: &'static str, path: &'static str, headers: Vec<(&'static str, String)>| {
        let mut headers = headers;
        headers.push(("Cookie", format!("scrible={cookie}")));
        all.ask(Ask {
            method,
            path,
            token: None,
            headers,
            body: Vec::new(),
        })
    };
    let page = || ("Origin", PAGE.to_owned());
    assert_eq!(
        ask("GET", "/api/rooms/mine", vec![page()]).await.status,
        200
    );
    let own = ("Sec-Fetch-Site", "same-origin".to_owned());
    assert_eq!(ask("GET", "/api/rooms/mine", vec![own]).await.status, 200);
    assert_eq!(
        ask("GET", "/api/rooms/mine", vec![]).await.code(),
        "no-credentials"
    );
    let foreign = ("Origin", "https://evil.example".to_owned());
    assert_eq!(
        ask("GET", "/api/rooms/mine", vec![foreign]).await.code(),
        "foreign-page"
    );
    let plain = ("Content-Type", "text/plain".to_owned());
    let form = ask(
        "POST",
        "/api/rooms/mine/snapshots/1/restore",
        vec![page(), plain],
    )
    .await;
    assert_eq!(form.refusal(), (415, "unsupported-media-type".into()));
    let file = ("Content-Type", "application/octet-stream".to_owned());
    assert_eq!(
        ask("POST", "/api/rooms/mine/update", vec![page(), file])
            .await
            .status,
        415
    );
}

#[tokio::test]
async fn y10_secrets_are_in_no_answer_but_the_one_that_gives_them() {
    let all = with_password("editor").await;
    let mut browser = Browser::default();
    let joined = browser
        .join(&all, json!({"password": "open sesame"}))
        .await
        .json();
    let link_room = joined["link_room"].as_str().unwrap().to_owned();
    let link = link_room.rsplit("~g").next().unwrap().to_owned();
    let planted = [link, browser.0.clone().unwrap(), "open sesame".to_owned()];
    for line in [
        "GET /api/rooms",
        "GET /api/rooms/mine",
        "GET /api/rooms/mine/grants",
        "GET /api/rooms/mine/participants",
        "GET /api/rooms/mine/presence",
        "GET /api/rooms/mine/usage",
    ] {
        let reply = all.get("ann", line).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        for secret in &planted {
            assert!(
                !text.contains(secret) && !reply.head.contains(secret),
                "{line}"
            );
        }
    }
    let bad = all
        .json(
            "nobody",
            "POST /api/rooms/mine/join",
            json!({"password": ["open sesame"]}),
        )
        .await;
    assert!(
        !String::from_utf8_lossy(&bad.body).contains("sesame"),
        "{bad:?}"
    );
}

#[tokio::test]
async fn h10_people_are_shown_with_what_they_show_and_sent_out() {
    let all = with_password("editor").await;
    let mut browser = Browser::default();
    let joined = browser
        .join(&all, json!({"password": "open sesame"}))
        .await
        .json();
    let path = format!("/{}", joined["link_room"].as_str().unwrap());
    let (mut client, _) = Client::join(all.node.address, &path).await;
    let state = awareness::Entry {
        client: 7,
        clock: 1,
        state: Some(br#"{"cursor":{"x":1.5}}"#),
    };
    let body = awareness::encode([state].into_iter());
    client.send(message::awareness(&body)).await;
    client
        .until(|heard| matches!(heard, Heard::Awareness(_)).then_some(()))
        .await;
    let shown = all.get("ann", "GET /api/rooms/mine/presence").await.json();
    assert_eq!(shown["clients"][0]["client"], 7);
    assert_eq!(shown["clients"][0]["state"], json!({"cursor": {"x": 1.5}}));
    assert_eq!(shown["clients"][0]["node"], Value::Null);
    let unknown = all
        .json("ann", "POST /api/rooms/mine/kick", json!({"client": 8}))
        .await;
    assert_eq!(unknown.refusal(), (404, "client-not-found".into()));
    for bad in [
        json!({}),
        json!({"client": 7, "identity": "sub:x"}),
        json!({"identity": "x"}),
        json!({"client": 7, "seconds": -1}),
    ] {
        let refused = all.json("ann", "POST /api/rooms/mine/kick", bad).await;
        assert_eq!(refused.refusal(), (400, "invalid-request".into()));
    }
    let kicked = all
        .json("ann", "POST /api/rooms/mine/kick", json!({"client": 7}))
        .await;
    assert_eq!(kicked.status, 202, "{kicked:?}");
    assert_eq!(client.closed().await, 4403);
    let back = browser.join(&all, json!({})).await;
    assert_eq!(back.refusal(), (403, "blocked".into()));
}

#[tokio::test]
async fn h10_who_is_there_and_who_was_is_listed_with_name_role_and_times() {
    let all = with_password("editor").await;
    let ann = format!("/mine?token={}", super::token("ann").unwrap());
    let (mut ann, _) = Client::join(all.node.address, &ann).await;
    // Nothing is noted of a room in which nothing is stored.
    ann.update(&typed(9, 0)).await;
    assert_eq!(ann.next_update().await, typed(9, 0));
    let list = async |many: usize, has: &dyn Fn(&Value) -> bool| -> Vec<Value> {
        loop {
            let line = "GET /api/rooms/mine/participants";
            let list = all.get("ann", line).await.json();
            assert_eq!(list["next"], Value::Null);
            let people = list["participants"].as_array().unwrap();
            if people.len() == many && has(&people[0]) {
                return people.clone();
            }
            tokio::task::yield_now().await;
        }
    };
    list(1, &|_| true).await;
    let mut browser = Browser::default();
    let joined = browser
        .join(&all, json!({"name": "Bo", "password": "open sesame"}))
        .await
        .json();
    let path = format!("/{}", joined["link_room"].as_str().unwrap());
    let (mut bo, _) = Client::join(all.node.address, &path).await;
    let state = awareness::Entry {
        client: 7,
        clock: 1,
        state: Some(b"{}"),
    };
    let body = awareness::encode([state].into_iter());
    bo.send(message::awareness(&body)).await;
    let there = list(2, &|newest| newest["client"] == 7).await;
    let grants = all.get("ann", "GET /api/rooms/mine/grants").await.json();
    let grant = format!("grant:{}", grants["grants"][0]["id"]);
    let without_times = |stay: &Value| {
        let mut stay = stay.clone();
        let stay_of = stay.as_object_mut().unwrap();
        let times = ["joined", "left"].map(|time| stay_of.remove(time).unwrap());
        (stay, times)
    };
    let (newest, [came, left]) = without_times(&there[0]);
    let of_bo = json!({"identity": grant, "name": "Bo", "role": "editor", "client": 7});
    assert_eq!((newest, left), (of_bo.clone(), Value::Null));
    let (first, [began, left]) = without_times(&there[1]);
    let of_ann = json!({"identity": "sub:ann", "name": null, "role": "owner", "client": null});
    assert_eq!((first, left), (of_ann, Value::Null));
    assert!(began.as_str() <= came.as_str(), "{there:?}");
    bo.leave().await;
    let after = list(2, &|newest| newest["left"].is_string()).await;
    let (newest, [still, left]) = without_times(&after[0]);
    assert_eq!((newest, &still), (of_bo, &came));
    assert!(left.as_str() >= came.as_str(), "{after:?}");
    assert_eq!(after[1], there[1], "she is still there");
    let page = "GET /api/rooms/mine/participants?limit=1";
    let page = all.get("ann", page).await.json();
    assert_eq!(page["participants"], json!([after[0]]));
    let line = "GET /api/rooms/mine/participants?cursor=";
    let line = format!("{line}{}", page["next"].as_str().unwrap());
    let rest = all.get("ann", &line).await.json();
    assert_eq!(rest["participants"], json!([after[1]]));
}
