//! Compaction on a database of several nodes: two of them at the same room, and one that is killed at each of its steps.

use std::process::{Command, ExitStatus};
use std::sync::Arc;

use async_trait::async_trait;
use scrible::compact::{Keep, KeepError};
use scrible_store::{PostgresOptions, PostgresStore};

use crate::Cases;
use crate::database::Database;
use crate::room::{AS_VERSION, Place, ROOM, keeper, loaded, scrible};
use crate::watched::{Deadly, Watch, Watched};

pub const CASES: Cases = &[
    case!(k3_two_that_compact_a_room_at_once_lose_no_row),
    case!(k3_two_that_both_think_they_have_the_lease_lose_no_row),
    case!(k7_killed_at_each_step_a_room_loads_whole_and_the_next_attempt_succeeds),
];

/// Where the child finds its database, and after how many steps it dies.
const DATABASE: &str = "COMPACTION_DATABASE";
const STEPS: &str = "COMPACTION_STEPS";

/// Every node thinks that the room is its business, and draws on.
async fn k3_two_that_compact_a_room_at_once_lose_no_row() {
    let at = Database::new().await;
    let mut place = Place::on(at.store().await);
    let nodes = [at.store().await, at.store().await];
    let keepers = nodes.map(|store| Arc::new(keeper(store, scrible())));
    let (mut kept, mut busy) = (0, 0);
    for round in 0..30 {
        place.edit(9).await;
        let keep = [Keep::Base, AS_VERSION][round % 2].clone();
        let both = keepers.each_ref().map(|keeper| {
            let (keeper, keep) = (keeper.clone(), keep.clone());
            tokio::spawn(async move { keeper.keep(ROOM, &keep).await })
        });
        place.edit(9).await;
        let mut won = 0;
        for outcome in both {
            match outcome.await.unwrap() {
                Ok(_) => won += 1,
                Err(KeepError::Busy) => busy += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(won > 0, "nobody has won");
        kept += won;
        let (room, shown) = loaded(&*place.store).await;
        assert_eq!(room.head, (round as u64 + 1) * 18);
        assert_eq!(shown, place.shown());
        assert_eq!(room.passed_over, []);
    }
    assert!(kept > 30 || busy > 0, "they were never at it at once");
    let known = place.store.snapshots(ROOM).await.unwrap().unwrap();
    assert!(known.first_row > 1, "no row was ever let go of");
    // Whose lease was outlived: one of two snapshots under the same number counts.
    let versions: Vec<u64> = place.snapshots().await.iter().map(|s| s.version).collect();
    assert!(versions.is_sorted_by(|newer, older| newer > older));
    for keeper in keepers {
        keeper.documents.close().await;
    }
}

/// As by a lease that ran out under somebody who stood still: both go on to the end.
async fn k3_two_that_both_think_they_have_the_lease_lose_no_row() {
    let at = Database::new().await;
    let mut place = Place::on(at.store().await);
    let mut keepers = Vec::new();
    for _ in 0..2 {
        let watched = Watched {
            store: at.store().await,
            watch: Forgetful(at.url()),
        };
        keepers.push(Arc::new(keeper(Arc::new(watched), scrible())));
    }
    for _ in 0..20 {
        place.edit(9).await;
        let both = [0, 1].map(|nth| {
            let keeper: Arc<_> = keepers[nth].clone();
            tokio::spawn(async move { keeper.keep(ROOM, &Keep::Base).await })
        });
        let mut won = 0;
        for outcome in both {
            match outcome.await.unwrap() {
                Ok(_) => won += 1,
                Err(KeepError::Busy) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert!(won > 0, "nobody has won");
        let (room, shown) = loaded(&*place.store).await;
        assert_eq!((shown, room.passed_over.len()), (place.shown(), 0));
    }
    for keeper in keepers {
        keeper.documents.close().await;
    }
}

/// Takes every lease away as soon as it was taken.
struct Forgetful(String);

#[async_trait]
impl Watch for Forgetful {
    async fn enter(&self, _call: &'static str) -> Box<dyn Send> {
        use sqlx::{ConnectOptions, Connection};
        let options: sqlx::postgres::PgConnectOptions = self.0.parse().unwrap();
        let mut conn = options.connect().await.unwrap();
        crate::database::execute(&mut conn, "DELETE FROM room_leases").await;
        conn.close().await.unwrap();
        Box::new(())
    }
}

async fn k7_killed_at_each_step_a_room_loads_whole_and_the_next_attempt_succeeds() {
    let at = Database::new().await;
    let mut place = Place::on(at.store().await);
    let keeper = keeper(place.store.clone(), scrible());
    place.edit(20).await;
    keeper.keep(ROOM, &Keep::Base).await.unwrap();
    // Each step, before and after it; the last child gets to the end.
    for steps in 0.. {
        place.edit(9).await;
        let died = child(&at.url(), steps);
        let (_, shown) = loaded(&*place.store).await;
        assert_eq!(shown, place.shown(), "killed at step {steps}");
        if !died {
            assert!(
                steps > 10,
                "the store is called more often than {steps} times"
            );
            break;
        }
        // The lease of the dead would hold for seconds.
        at.execute("DELETE FROM room_leases").await;
        if steps % 4 == 0 {
            keeper.keep(ROOM, &AS_VERSION).await.unwrap();
            let (_, shown) = loaded(&*place.store).await;
            assert_eq!(shown, place.shown(), "after step {steps}");
        }
    }
    keeper.documents.close().await;
}

/// Compacts in a process of its own that dies at a step. False when it got to the end.
fn child(url: &str, steps: usize) -> bool {
    use std::os::unix::process::ExitStatusExt;
    let status: ExitStatus = Command::new(std::env::current_exe().unwrap())
        .env(DATABASE, url)
        .env(STEPS, steps.to_string())
        .status()
        .unwrap();
    match (status.code(), status.signal()) {
        (Some(0), _) => false,
        (_, Some(6)) => true,
        _ => panic!("{status}"),
    }
}

/// What [`child`] runs; `None` in any other process.
pub fn as_child() -> Option<impl Future<Output = ()>> {
    let url = std::env::var(DATABASE).ok()?;
    let steps = std::env::var(STEPS).ok()?.parse().ok()?;
    Some(async move {
        let store = PostgresStore::open(&url, PostgresOptions::default()).await;
        let store = Watched {
            store: Arc::new(store.unwrap()),
            watch: Deadly::after(steps),
        };
        let keeper = keeper(Arc::new(store), scrible());
        keeper.keep(ROOM, &AS_VERSION).await.unwrap();
    })
}
