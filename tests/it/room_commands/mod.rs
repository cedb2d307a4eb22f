//! `scrible room …` and `scrible import` beside a guarded server, both by the program itself: what is done, what is told, and what is not.

mod connecting;
mod others;
mod terminal;

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::node::exchange;
use crate::program::{Place, Process, Said};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const PUBLIC: &str = "https://sync.example";
/// Stands in each planted secret, so one search finds any of them.
const PLANTED: &str = "hunter2-";

/// A guarded server.
struct Guarded {
    place: Place,
    server: Process,
}

/// Who runs a command, with what on standard input.
#[derive(Clone, Copy, Default)]
struct By<'a> {
    token: Option<&'a str>,
    input: Option<&'a str>,
}

impl Guarded {
    fn start() -> Self {
        let place = Place::new();
        let server =
            place.serve_with(&[("SCRIBLE_JWT_SECRET", KEY), ("SCRIBLE_PUBLIC_URL", PUBLIC)]);
        Self { place, server }
    }

    /// A token by the words of `scrible token`.
    fn token(&self, words: &str) -> String {
        let words: Vec<_> = words.split(' ').collect();
        let mut command = self.place.command(&[&["token"], &words[..]].concat());
        let output = command.env("SCRIBLE_JWT_SECRET", KEY).output().unwrap();
        said(&output).out.trim().to_owned()
    }

    fn ann(&self) -> String {
        self.token("--sub ann --room *=editor")
    }

    fn admin(&self) -> String {
        self.token("--sub root --admin")
    }

    /// A command at this server.
    fn run(&self, by: By<'_>, words: &[&str]) -> Said {
        self.run_at(&format!("http://{}", self.server.address), by, words)
    }

    /// A command at any server.
    fn run_at(&self, server: &str, by: By<'_>, words: &[&str]) -> Said {
        let mut command = self.place.command(words);
        command.args(["--server", server]);
        command.envs(by.token.map(|token| ("SCRIBLE_TOKEN", token)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        // Whoever reads nothing has closed it by now.
        input
            .write_all(by.input.unwrap_or_default().as_bytes())
            .ok();
        drop(input);
        said(&child.wait_with_output().unwrap())
    }

    /// A command that does what it should.
    fn done(&self, token: &str, words: &[&str]) -> String {
        let by = By {
            token: Some(token),
            input: None,
        };
        let said = self.run(by, words);
        assert_eq!(said.code, Some(0), "{words:?}: {said:?}");
        said.out
    }

    /// The same, for programs.
    fn json(&self, token: &str, words: &[&str]) -> Vec<Value> {
        let out = self.done(token, &[words, &["--json"]].concat());
        out.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// What a command says that fails.
    fn refused(&self, by: By<'_>, words: &[&str]) -> String {
        let said = self.run(by, words);
        assert_eq!(
            (said.code, &*said.out),
            (Some(1), ""),
            "{words:?}: {said:?}"
        );
        said.err
    }

    /// With what somebody gets in who brings a password or an invite.
    async fn join(&self, room: &str, with: Value) -> u16 {
        let body = with.to_string();
        let request = format!(
            "POST /api/rooms/{room}/join HTTP/1.1\r\nHost: sync.example\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let (head, _) = exchange(self.server.address, &request).await;
        head.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

fn said(output: &Output) -> Said {
    Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout.clone()).unwrap(),
        err: String::from_utf8(output.stderr.clone()).unwrap(),
    }
}

/// Who shows this token.
fn by(token: &str) -> By<'_> {
    By {
        token: Some(token),
        input: None,
    }
}

#[tokio::test]
async fn h15_a_room_is_made_listed_deleted_brought_back_and_ended() {
    let guarded = Guarded::start();
    let (ann, admin) = (guarded.ann(), guarded.admin());
    let words = [
        "room",
        "create",
        "team/a b",
        "--title",
        "Plan",
        "--private",
        "--link-role",
        "viewer",
    ];
    let told = guarded.done(&ann, &words);
    assert_eq!(
        told,
        format!("room \"team/a b\" is made; people join it at\n{PUBLIC}/join/team%2Fa%20b\n")
    );
    let listed = &guarded.json(&ann, &["room", "list"])[0];
    for (field, value) in [
        ("name", json!("team/a b")),
        ("title", json!("Plan")),
        ("owner", json!("ann")),
        ("visibility", json!("private")),
        ("link_role", json!("viewer")),
        ("has_password", json!(false)),
        ("join_url", json!(format!("{PUBLIC}/join/team%2Fa%20b"))),
    ] {
        assert_eq!(listed[field], value, "{field}");
    }
    let named = guarded.json(&ann, &["room", "create", "--public"]);
    let name = named[0]["name"].as_str().unwrap();
    assert_eq!(
        (&named[0]["visibility"], name.is_empty()),
        (&json!("public"), false)
    );

    let told = guarded.done(&ann, &["room", "delete", "team/a b", "--yes"]);
    assert!(
        told.contains("is deleted") && told.contains("scrible room restore"),
        "{told}"
    );
    let told = guarded.done(&ann, &["room", "list", "--search", "Plan"]);
    assert_eq!(told, "no rooms of which you may know\n");
    let told = guarded.done(&ann, &["room", "list", "--deleted"]);
    assert!(
        told.starts_with("NAME") && told.contains("DELETED\nteam/a b"),
        "{told}"
    );
    let told = guarded.done(&ann, &["room", "restore", "team/a b"]);
    assert!(told.contains("is there, as it was"), "{told}");
    assert_eq!(
        guarded
            .json(&ann, &["room", "list", "--search", "Plan"])
            .len(),
        1
    );

    // Who may not end a room leaves it as it is.
    let told = guarded.refused(
        by(&ann),
        &["room", "delete", "team/a b", "--purge", "--yes"],
    );
    assert!(
        told.contains("403 forbidden") && told.contains("a token of an admin"),
        "{told}"
    );
    assert_eq!(
        guarded
            .json(&ann, &["room", "list", "--search", "Plan"])
            .len(),
        1
    );
    let told = guarded.done(&admin, &["room", "delete", "team/a b", "--purge", "--yes"]);
    assert_eq!(told, "room \"team/a b\" is gone for ever\n");
    assert!(
        guarded
            .json(&admin, &["room", "list", "--deleted"])
            .is_empty()
    );
    // One that is deleted already is ended as well.
    guarded.done(&admin, &["room", "delete", name, "--yes"]);
    let purged = guarded.json(&admin, &["room", "delete", name, "--purge", "--yes"]);
    assert_eq!(
        purged,
        [json!({"room": name, "deleted": true, "purged": true})]
    );
    let told = guarded.refused(by(&admin), &["room", "restore", name]);
    assert!(told.contains("404 room-not-found"), "{told}");
}

#[tokio::test]
async fn h17_a_password_comes_by_standard_input_and_lets_people_in() {
    let guarded = Guarded::start();
    let ann = guarded.ann();
    let given = |input| By {
        token: Some(&ann),
        input: Some(input),
    };
    let words = ["room", "create", "plans", "--private", "--password-stdin"];
    let said = guarded.run(given("red paper\n"), &words);
    assert!(said.out.contains("made with a password"), "{said:?}");
    assert_eq!(
        guarded
            .join("plans", json!({"password": "red paper"}))
            .await,
        200
    );
    let said = guarded.run(
        given("blue paper"),
        &["room", "password", "plans", "--stdin"],
    );
    assert!(
        said.out
            .contains("has a new password; who brings it may draw, at")
            && said.err.contains("is out"),
        "{said:?}"
    );
    for (role, may) in [("viewer", "may look"), ("editor", "may draw")] {
        let words = ["room", "password", "plans", "--stdin", "--link-role", role];
        let said = guarded.run(given("blue paper"), &words);
        assert!(said.out.contains(may), "{said:?}");
        let room = &guarded.json(&ann, &["room", "list"])[0];
        assert_eq!(room["link_role"], role);
    }
    assert_eq!(
        guarded
            .join("plans", json!({"password": "red paper"}))
            .await,
        403
    );
    assert_eq!(
        guarded
            .join("plans", json!({"password": "blue paper"}))
            .await,
        200
    );
    let told = guarded.done(&ann, &["room", "password", "plans", "--remove"]);
    assert_eq!(told, "room \"plans\" has no password any more\n");
    assert_eq!(
        guarded
            .join("plans", json!({"password": "blue paper"}))
            .await,
        403
    );
    for (input, wanted) in [("", "holds no password"), ("a\nb\n", "in one line")] {
        let told = guarded.refused(given(input), &["room", "password", "plans", "--stdin"]);
        assert!(told.contains(wanted), "{told}");
    }
    let told = guarded.refused(given("unread\n"), &["room", "password", "plans"]);
    assert!(
        told.contains("no terminal") && told.contains("--stdin"),
        "{told}"
    );
    // Nobody is there to be asked, so there is none.
    let made = guarded.json(&ann, &["room", "create", "open"]);
    assert_eq!(made[0]["has_password"], false);
}

#[tokio::test]
async fn h15_an_invite_is_made_used_listed_and_revoked() {
    let guarded = Guarded::start();
    let ann = guarded.ann();
    guarded.done(&ann, &["room", "create", "a/b"]);
    let words = [
        "room",
        "invite",
        "a/b",
        "--role",
        "viewer",
        "--label",
        "Guests",
        "--uses",
        "2",
        "--expires",
        "2h",
    ];
    let said = guarded.run(by(&ann), &words);
    let link = said.out.trim_end();
    let start = format!("{PUBLIC}/join/a%2Fb#invite=");
    let secret = link
        .strip_prefix(&start)
        .unwrap_or_else(|| panic!("{said:?}"));
    assert_eq!(said.out.lines().count(), 1, "the link alone: {said:?}");
    assert!(
        said.err.contains("as viewer, for 2 people, until 20"),
        "{said:?}"
    );
    assert!(!said.err.contains(secret), "{said:?}");
    let join = || guarded.join("a%2Fb", json!({"invite": secret}));
    assert_eq!(join().await, 200);
    let table = guarded.done(&ann, &["room", "invite", "a/b", "--list"]);
    let line = table.lines().nth(1).unwrap();
    assert!(
        line.contains("Guests") && line.contains("1 of 2") && line.ends_with("good"),
        "{table}"
    );
    assert!(!table.contains(secret), "{table}");
    let id = guarded.json(&ann, &["room", "invite", "a/b", "--list"])[0]["id"].to_string();
    let told = guarded.done(&ann, &["room", "invite", "a/b", "--revoke", &id]);
    assert!(told.contains("is revoked"), "{told}");
    assert_eq!(join().await, 403);
    let table = guarded.done(&ann, &["room", "invite", "a/b", "--list"]);
    assert!(table.trim_end().ends_with("revoked"), "{table}");
    // One that never ends.
    let made = &guarded.json(&ann, &["room", "invite", "a/b", "--expires", "never"])[0];
    assert_eq!(
        (&made["invite"]["expires"], &made["invite"]["role"]),
        (&Value::Null, &json!("editor"))
    );
    let told = guarded.refused(by(&ann), &["room", "invite", "a/b", "--revoke", "999"]);
    assert!(told.contains("404 invite-not-found"), "{told}");
}

#[tokio::test]
async fn h16_a_list_is_whole_aligned_and_harmless() {
    let guarded = Guarded::start();
    let admin = guarded.admin();
    let title = "red\u{202e}";
    for n in 0..203 {
        let body = json!({"name": format!("r{n:03}"), "title": title}).to_string();
        let request = format!(
            "POST /api/rooms HTTP/1.1\r\nHost: sync.example\r\nConnection: close\r\nAuthorization: Bearer {admin}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let (head, _) = exchange(guarded.server.address, &request).await;
        assert!(head.contains(" 201 "), "{head}");
    }
    guarded.done(&admin, &["room", "create", "日本"]);
    let names: Vec<_> = guarded.json(&admin, &["room", "list"]);
    let names: Vec<_> = names
        .iter()
        .map(|room| room["name"].as_str().unwrap())
        .collect();
    assert_eq!((names.len(), names[0], names[202]), (204, "r000", "r202"));
    let table = guarded.done(&admin, &["room", "list"]);
    assert_eq!(table.lines().count(), 205);
    assert!(table.starts_with("NAME  TITLE "), "{table}");
    assert!(table.contains("\nr007  red\\u{202e}  root"), "{table}");
    assert!(table.contains("\n日本  -            root"), "{table}");
    assert!(!table.contains(['\u{1b}', '\u{202e}']), "{table}");
    let found = guarded.done(&admin, &["room", "list", "--search", "R20"]);
    let found = found.lines().count();
    // By whatever the server takes for the same letters.
    assert!([1, 4].contains(&found), "{found}");
}

#[tokio::test]
async fn h18_a_room_is_not_deleted_unasked() {
    let guarded = Guarded::start();
    let ann = guarded.ann();
    guarded.done(&ann, &["room", "create", "plans"]);
    for words in [
        &["room", "delete", "plans"][..],
        &["room", "delete", "plans", "--purge"],
    ] {
        let answered = By {
            token: Some(&ann),
            input: Some("y\nplans\n"),
        };
        let told = guarded.refused(answered, words);
        assert!(
            told.contains("no terminal") && told.contains("--yes"),
            "{told}"
        );
    }
    assert_eq!(guarded.json(&ann, &["room", "list"]).len(), 1);
}

#[tokio::test]
async fn h15_what_a_server_refuses_is_told_with_code_request_and_remedy() {
    let guarded = Guarded::start();
    let (ann, bob) = (guarded.ann(), guarded.token("--sub bob --room bobs=editor"));
    guarded.done(&ann, &["room", "create", "plans"]);
    let forged = format!("{}x", ann);
    let nobody = By::default();
    for (by, words, wanted) in [
        (
            nobody,
            &["room", "create", "x"][..],
            ["(401 no-credentials, request ", "SCRIBLE_TOKEN"],
        ),
        (
            nobody,
            &["room", "delete", "plans", "--yes"],
            ["(401 no-credentials, request ", "scrible token"],
        ),
        (
            by(&forged),
            &["room", "list"],
            ["(401 bad-token, request ", "get a fresh one"],
        ),
        (
            by(&bob),
            &["room", "create", "x"],
            [
                "(403 forbidden, request ",
                "may draw in a room of that name",
            ],
        ),
        (
            by(&bob),
            &["room", "invite", "plans"],
            ["(403 forbidden, request ", "the room's owner"],
        ),
        (
            by(&bob),
            &["room", "password", "plans", "--remove"],
            ["(403 forbidden, request ", "the room's owner"],
        ),
        (
            by(&ann),
            &["room", "create", "plans"],
            ["(409 room-exists, request ", "take another name"],
        ),
        (by(&ann), &["room", "create", "api/x"], ["api", "scrible: "]),
        (
            by(&ann),
            &["room", "delete", "..", "--yes"],
            ["..", "scrible: "],
        ),
        (
            by(&ann),
            &["room", "invite", "plans", "--expires", "9999years"],
            ["never", "scrible: "],
        ),
    ] {
        let told = guarded.refused(by, words);
        assert!(
            told.starts_with("scrible: ") && told.lines().count() == 1,
            "{told}"
        );
        assert!(
            wanted.iter().all(|wanted| told.contains(wanted)),
            "{words:?}: {told}"
        );
    }
    // A list without a token is that of what everybody may know.
    let said = guarded.run(nobody, &["room", "list"]);
    assert_eq!(said.out, "no rooms of which you may know\n", "{said:?}");
    assert!(said.err.contains("no token was shown"), "{said:?}");
}
