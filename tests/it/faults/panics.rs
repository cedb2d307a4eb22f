//! The code that takes a message panics: who sent it is sent away, and others at most load their room anew.

use scrible_store::SqliteStore;

use super::painter::{Painter, stored};
use crate::client::Client;
use crate::program::Place;

const ROOM: &str = "/demo";
const PAINTERS: [u64; 2] = [10, 20];

/// Ann draws until a panic at a place ends her session; then both draw on.
async fn panic_at(place: &str, others_stay: bool) {
    let folder = Place::new();
    let points = format!("{place}=10*off->1*panic->off");
    let server = folder.serve_with(&[("FAILPOINTS", &points)]);
    let mut ann = Painter::join(server.address, ROOM, PAINTERS[0]).await;
    let mut ben = Painter::join(server.address, ROOM, PAINTERS[1]).await;
    let (mut elsewhere, _) = Client::join(server.address, "/elsewhere").await;
    ann.draw_to_the_end().await;
    if others_stay {
        ben.draw(0..3, 10).await;
        ben.all_echoed().await;
    } else {
        assert_eq!(ben.client.closed().await, 4500, "{place}");
        ben.come_back(server.address, ROOM).await;
    }
    ann.come_back(server.address, ROOM).await;
    let counts = stored(server.address, ROOM, PAINTERS).await;
    assert_eq!(counts, [ann.counts().0, ben.counts().0], "{place}");
    elsewhere.update(&crate::client::typed(10, 0)).await;
    elsewhere.next_update().await;
    assert_eq!(server.stop().code(), Some(0));
    // The message is kept for whoever has to find out why.
    let store = SqliteStore::open(folder.database().to_str().unwrap(), Default::default())
        .await
        .unwrap();
    let letters = scrible_store::Quarantine::dead_letters(&store, "demo")
        .await
        .unwrap();
    assert_eq!(&*letters[0].reason, "panic");
}

#[tokio::test]
async fn q8_a_panic_before_anything_is_changed_ends_one_session() {
    panic_at("update: received", true).await;
}

#[tokio::test]
async fn q8_a_panic_in_the_middle_of_a_change_has_the_room_loaded_anew() {
    panic_at("update: appended", false).await;
}
