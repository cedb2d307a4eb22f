//! Commands that connect to a room: by whose token, and what they are told who bring none or another.

use serde_json::json;

use super::{By, Guarded, PLANTED, by};
use crate::client::{Client, typed};

const BOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/boards/mixed.tldr");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h20_an_import_shows_a_token_and_says_what_it_lacks() {
    let guarded = Guarded::start();
    let ann = guarded.ann();
    let viewer = guarded.token("--sub eve --room demo=viewer");
    let other = guarded.token("--sub eve --room other=editor");
    let forged = format!("{PLANTED}{ann}");
    guarded.done(&ann, &["room", "create", "gone"]);
    guarded.done(&ann, &["room", "delete", "gone", "--yes"]);
    let cases = [
        (By::default(), "demo", ["4401", "SCRIBLE_TOKEN or --token"]),
        (by(&forged), "demo", ["4401", "Get a fresh token"]),
        (
            by(&other),
            "demo",
            ["4403", "a token that may draw in this room"],
        ),
        (by(&ann), "gone", ["4404", "scrible room restore"]),
        (by(&viewer), "demo", ["may read this room", "0 of "]),
    ];
    // Who is refused is held for a while, so all at once.
    std::thread::scope(|scope| {
        for (by, room, wanted) in cases {
            let guarded = &guarded;
            scope.spawn(move || {
                let told = guarded.refused(by, &["import", BOARD, room]);
                assert!(wanted.iter().all(|wanted| told.contains(wanted)), "{told}");
                assert!(!told.contains(PLANTED), "{told}");
            });
        }
    });
    let told = guarded.done(&ann, &["import", BOARD, "demo"]);
    assert!(told.contains("all stored"), "{told}");
    let server = format!("ws://{}", guarded.server.address);
    let said = guarded.run_at(&server, by(&ann), &["import", BOARD, "demo", "--merge"]);
    assert_eq!(said.code, Some(0), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h20_a_version_is_put_back_by_whoever_shows_a_token() {
    let guarded = Guarded::start();
    let ann = guarded.ann();
    guarded.done(&ann, &["room", "create", "demo"]);
    let (mut pen, _) = Client::join(guarded.server.address, &format!("/demo?token={ann}")).await;
    pen.update(&typed(10, 0)).await;
    pen.next_update().await;
    let kept = guarded
        .place
        .run(&["room", "keep", "demo", "--label", "one"]);
    assert_eq!(kept.code, Some(0), "{kept:?}");
    pen.update(&typed(10, 1)).await;
    pen.next_update().await;
    let told = guarded.refused(By::default(), &["room", "restore", "demo", "1"]);
    assert!(
        told.contains("4401") && told.contains("SCRIBLE_TOKEN"),
        "{told}"
    );
    let told = guarded.done(&ann, &["room", "restore", "demo", "1"]);
    assert!(told.contains("shows version 1 again"), "{told}");
    // Without a number it is the room that comes back.
    assert_eq!(
        guarded.json(&ann, &["room", "restore", "demo"])[0]["deleted"],
        json!(null)
    );
}
