//! Leases: one holder at a time, and never for good.

use std::time::Duration;

use super::{Place, doc};
use crate::{Incarnation, Lease, RoomId, Store, StoreError};

fn lease(room: RoomId, task: &'static str, holder: u128) -> Lease {
    Lease {
        room,
        task,
        holder: Incarnation(holder),
        ttl: Duration::from_secs(600),
    }
}

async fn takes(store: &dyn Store, lease: &Lease) -> bool {
    store.lease(lease).await.expect("an answer")
}

/// From whichever handle it is asked for.
pub async fn a_lease_has_one_holder_until_it_is_given_back(place: &dyn Place) {
    let (store, other) = (place.open().await, place.open().await);
    let id = doc(&*store, "room", 1).await;
    let (mine, yours) = (lease(id, "compact", 1), lease(id, "compact", u128::MAX));
    assert!(takes(&*store, &mine).await);
    assert!(!takes(&*other, &yours).await);
    assert!(takes(&*other, &mine).await, "it can be renewed");
    other.release(&yours).await.unwrap();
    assert!(!takes(&*store, &yours).await, "nobody gives back another's");
    store.release(&mine).await.unwrap();
    store.release(&mine).await.unwrap();
    assert!(takes(&*other, &yours).await);
    assert!(!takes(&*store, &mine).await);
}

/// Tasks and rooms do not stand in each other's way.
pub async fn a_lease_is_for_one_task_of_one_room(place: &dyn Place) {
    let store = place.open().await;
    let (a, b) = (doc(&*store, "a", 1).await, doc(&*store, "b", 1).await);
    assert!(takes(&*store, &lease(a, "compact", 1)).await);
    assert!(takes(&*store, &lease(a, "restore", 2)).await);
    assert!(takes(&*store, &lease(b, "compact", 2)).await);
    assert!(!takes(&*store, &lease(a, "compact", 2)).await);
}

/// Whoever holds it when it ends loses it to the first who asks.
pub async fn a_lease_that_ran_out_can_be_taken(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 1).await;
    let mine = lease(id, "compact", 1);
    let at_once = Lease {
        ttl: Duration::ZERO,
        ..mine
    };
    assert!(takes(&*store, &mine).await);
    assert!(takes(&*store, &at_once).await, "renewed until now");
    assert!(takes(&*store, &lease(id, "compact", 2)).await);
    assert!(!takes(&*store, &mine).await);
}

/// Nothing is taken.
pub async fn a_lease_of_no_room_or_for_too_long_is_refused(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 1).await;
    for room in [0, 4711, -1] {
        let error = store.lease(&lease(RoomId(room), "compact", 1)).await;
        assert!(matches!(error, Err(StoreError::Conflict(_))), "{error:?}");
    }
    let long = Lease {
        ttl: Duration::from_secs(3601),
        ..lease(id, "compact", 1)
    };
    let error = store.lease(&long).await;
    assert!(matches!(error, Err(StoreError::Invalid(_))), "{error:?}");
    assert!(takes(&*store, &lease(id, "compact", 2)).await);
}
