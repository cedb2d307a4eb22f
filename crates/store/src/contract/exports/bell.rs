//! How workers, and those who wait for them, hear of exports.

use std::time::Duration;

use super::{
    Claim, ExportEnd, ExportState, NOW, Place, add, claim, claim_for_nothing, completed, doc, ends,
    id, takes, takes_nothing, until_later,
};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whatever a store's own process does. What rings for nothing is no error, what does not ring is.
pub async fn the_bell_rings_for_what_became_of_an_export(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 1).await;
    let mut bell = store.export_bell();
    let mut rung = async || {
        let ringing = tokio::time::timeout(PATIENCE, bell.changed()).await;
        ringing.expect("it rings").expect("the store is there");
    };
    for number in 1..=5 {
        add(&*store, "room", number).await;
        rung().await;
    }
    takes(&*store, &claim(1), 1).await;
    assert!(ends(&*store, 1, &claim(1), &completed()).await);
    rung().await;
    takes(&*store, &claim(1), 2).await;
    // So that it comes back behind the fifth.
    until_later(&*store).await;
    assert!(ends(&*store, 2, &claim(1), &ExportEnd::GivenBack).await);
    rung().await;
    store.cancel_export("room", id(3), NOW).await.unwrap();
    rung().await;
    let deleted = store.delete_export("room", id(4), "exports/").await;
    assert!(deleted.unwrap());
    rung().await;
    let once = Claim {
        attempts: 1,
        ..claim_for_nothing(1)
    };
    takes(&*store, &once, 5).await;
    takes(&*store, &once, 2).await;
    // In whichever order: both may have fallen due in the same millisecond.
    for _ in 0..2 {
        let dead = store.claim_export(&once).await.unwrap().unwrap();
        assert_eq!(dead.state, ExportState::Failed);
        rung().await;
    }
    takes_nothing(&*store, &once).await;
    store.delete_room("room", NOW).await.unwrap();
    rung().await;
    store.undelete_room("room").await.unwrap();
    rung().await;
}
