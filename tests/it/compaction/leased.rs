//! One process compacts a room at a time, and keeping the lease never stands in the way of the work.

use std::time::Duration;

use scrible::compact::{Keep, KeepError};
use scrible_store::{Incarnation, Lease, Store};

use super::place::{Place, ROOM, keeper, scrible};

#[tokio::test]
async fn k3_one_process_at_a_time_and_a_lease_that_was_left_behind_ends() {
    let mut place = Place::new().await;
    place.edit(20).await;
    let id = place.store.snapshots(ROOM).await.unwrap().unwrap().room;
    let lease = |ttl| Lease {
        room: id,
        task: "compaction",
        holder: Incarnation(7),
        ttl,
    };
    assert!(
        place
            .store
            .lease(&lease(Duration::from_secs(60)))
            .await
            .unwrap()
    );
    let keeper = keeper(place.store.clone(), scrible());
    assert_eq!(
        keeper.keep(ROOM, &Keep::Base).await.unwrap_err(),
        KeepError::Busy
    );
    assert!(
        place
            .store
            .lease(&lease(Duration::from_millis(1)))
            .await
            .unwrap()
    );
    let mut kept = keeper.keep(ROOM, &Keep::Base).await;
    while matches!(kept, Err(KeepError::Busy)) {
        kept = keeper.keep(ROOM, &Keep::Base).await;
    }
    kept.unwrap();
    keeper.documents.close().await;
}
