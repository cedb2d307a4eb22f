//! One process compacts a room at a time, and keeping the lease never stands in the way of the work.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scrible::compact::{Keep, KeepError};
use scrible_store::{Incarnation, Lease};
use tokio::sync::{Mutex, Semaphore};

use super::place::{Place, ROOM, keeper, loaded, scrible};
use super::watched::{Watch, Watched};

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

/// Lets one write at a time, and ends a slow one only when somebody wants to renew the lease meanwhile.
struct OneWriter {
    turn: Arc<Mutex<()>>,
    slow: &'static str,
    /// A permit for each time that the lease was asked for.
    leases: Semaphore,
}

#[async_trait]
impl Watch for OneWriter {
    async fn enter(&self, call: &'static str) -> Box<dyn Send> {
        match call {
            "lease" => self.leases.add_permits(1),
            "add_snapshot" | "trim" => {}
            _ => return Box::new(()),
        }
        let turn = self.turn.clone().lock_owned().await;
        if call == self.slow {
            self.leases.acquire_many(2).await.unwrap().forget();
        }
        Box::new(turn)
    }
}

#[tokio::test]
async fn k3_renewing_the_lease_never_waits_for_work_that_waits_for_it() {
    let renewed = async |slow| {
        let mut place = Place::new().await;
        place.edit(20).await;
        let first = keeper(place.store.clone(), scrible());
        first.keep(ROOM, &Keep::Base).await.unwrap();
        place.edit(20).await;
        let store = Watched {
            store: place.store.clone(),
            watch: OneWriter {
                turn: Arc::default(),
                slow,
                leases: Semaphore::new(0),
            },
        };
        let second = keeper(Arc::new(store), scrible());
        let kept = second.keep(ROOM, &Keep::Base);
        let kept = tokio::time::timeout(Duration::from_secs(60), kept).await;
        let kept = kept.expect("it waits for ever").unwrap();
        assert_eq!((kept.version, kept.snapshot.seq), (2, 40), "{slow}");
        assert_eq!(loaded(&*place.store).await.1, place.shown());
        first.documents.close().await;
        second.documents.close().await;
    };
    tokio::join!(renewed("add_snapshot"), renewed("trim"));
}
