//! What somebody came by does not get into a room, where everybody could read it: by sockets and by requests, as pages would write it there that
//! take their room's name for the name of a part of the document.

use scrible_wire::{awareness, message};
use serde_json::json;

use super::joining::{Browser, with_password};
use super::{Ask, Guarded, PAGE, token};
use crate::client::{Client, Heard, typed};

/// An update of `client` that puts a text into a root called so.
fn called(root: &str, client: u8) -> Vec<u8> {
    let mut update = vec![1, 1, client, 0, 0x04, 1, root.len() as u8];
    update.extend(root.bytes());
    update.extend([1, b'x', 0]);
    update
}

fn shown(client: u64, state: &str) -> Vec<u8> {
    let entry = awareness::Entry {
        client,
        clock: 1,
        state: Some(state.as_bytes()),
    };
    message::awareness(&awareness::encode([entry].into_iter()))
}

/// Somebody who has joined by the password: what his page takes for the name of the room.
async fn joined(all: &Guarded) -> String {
    let mut browser = Browser::default();
    let joined = browser.join(all, json!({"password": "open sesame"})).await;
    joined.json()["link_room"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn x11_a_link_gets_into_no_document_and_no_cursor_however_often_it_is_sent() {
    for link_role in ["editor", "viewer"] {
        let all = with_password(link_role).await;
        let room = joined(&all).await;
        let path = format!("/{room}");
        let ann = format!("/mine?token={}", token("ann").unwrap());
        let (mut ann, _) = Client::join(all.node.address, &ann).await;
        let update = called(&format!("tl_{room}"), 7);
        let mut refused = Vec::new();
        // What a page keeps for itself comes as a step 2, whenever it connects.
        for frame in [
            message::update(&update),
            message::step2(&update),
            message::step2(&update),
            shown(7, &format!(r#"{{"user":{{"board":"tl_{room}"}}}}"#)),
        ] {
            let (mut client, content) = Client::join(all.node.address, &path).await;
            assert_eq!(content, [0, 0], "nothing of it has got in");
            client.send(frame).await;
            client
                .until(|heard| (*heard == Heard::Denied).then_some(()))
                .await;
            refused.push(client);
        }
        for mut client in refused {
            let Heard::Closed(code, reason) = client.hear().await else {
                panic!("closed");
            };
            assert_eq!(code, 4422, "{reason}");
            assert!(reason.contains("docs/access.md"), "{reason}");
        }
        let heard = ann.heard_so_far().await;
        let nothing = |heard: &Heard| matches!(heard, Heard::Step1(_));
        assert!(heard.iter().all(nothing), "{heard:?}");
        // The link is as good as before, for whoever does not tell it.
        let (mut client, content) = Client::join(all.node.address, &path).await;
        assert_eq!(content, [0, 0]);
        client.send(shown(7, r#"{"user":"Bo"}"#)).await;
        client.update(&called("tl_mine", 7)).await;
        assert_eq!(client.until_settled().await, None);
        assert!(matches!(
            ann.hear().await,
            Heard::Awareness(_) | Heard::Update(_)
        ));
    }
}

#[tokio::test]
async fn x11_requests_are_refused_as_well() {
    let all = with_password("editor").await;
    let room = joined(&all).await;
    for (line, id) in [
        (format!("POST /api/rooms/{room}/update"), 6),
        (format!("POST /api/rooms/{room}/import"), 7),
    ] {
        let told = called(&format!("tl_{room}"), id);
        let refused = all.bytes("nobody", &line, &told).await;
        assert_eq!(refused.refusal(), (422, "secret-in-update".into()));
        let taken = all.bytes("nobody", &line, &called("tl_mine", id)).await;
        assert_eq!(taken.status, 200, "{taken:?}");
    }
    let ann = token("ann").unwrap();
    let ask = |body: Vec<u8>| Ask {
        method: "POST",
        path: "/api/rooms/mine/update",
        token: Some(ann.clone()),
        headers: vec![("Content-Type", "application/octet-stream".to_owned())],
        body,
    };
    let (_, signature) = ann.rsplit_once('.').unwrap();
    let refused = all.ask(ask(called(signature, 8))).await;
    assert_eq!(refused.refusal(), (422, "secret-in-update".into()));
    let taken = all.ask(ask(called("ann's", 8))).await;
    assert_eq!(taken.status, 200, "{taken:?}");
}

#[tokio::test]
async fn x11_a_token_is_nothing_for_a_room_either() {
    let all = with_password("editor").await;
    let ann = token("ann").unwrap();
    let path = format!("/mine?token={ann}");
    let (mut client, _) = Client::join(all.node.address, &path).await;
    let page = format!(r#"{{"from":"{PAGE}/?token={ann}"}}"#);
    client.send(shown(7, &page)).await;
    assert_eq!(client.closed().await, 4422);
    let (mut client, _) = Client::join(all.node.address, &path).await;
    client.update(&typed(7, 0)).await;
    assert_eq!(client.next_update().await, typed(7, 0));
}
