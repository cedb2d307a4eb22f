//! Compaction that is killed at each of its steps, with nothing tidied up.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use scrible_store::execute_raw;

use super::place::{AS_VERSION, Place, ROOM, keeper, loaded, open, scrible};
use super::watched::{Deadly, Watched};

/// Where the child finds its database, and after how many steps it dies.
const DATABASE: &str = "COMPACTION_DATABASE";
const STEPS: &str = "COMPACTION_STEPS";

#[tokio::test]
async fn k7_killed_at_each_step_a_room_loads_whole_and_the_next_attempt_succeeds() {
    let mut place = Place::new().await;
    let keeper = keeper(place.store.clone(), scrible());
    let mut deaths = 0;
    for rounds in 0..2 {
        // Each step, before and after it; the last child gets to the end.
        for steps in 0.. {
            place.edit(9).await;
            place.store.close().await;
            let died = child(&place.path(), steps);
            place.store = open(&place.path()).await;
            // The lease of the dead would hold for seconds.
            execute_raw(&place.path(), "DELETE FROM room_leases").await;
            assert_eq!(
                loaded(&*place.store).await.1,
                place.shown(),
                "killed at step {steps}"
            );
            if !died {
                assert!(
                    steps > 10,
                    "the store is called more often than {steps} times"
                );
                break;
            }
            deaths += 1;
            if rounds == 1 {
                let other = self::keeper(place.store.clone(), scrible());
                other.keep(ROOM, &AS_VERSION).await.unwrap();
                other.documents.close().await;
                assert_eq!(
                    loaded(&*place.store).await.1,
                    place.shown(),
                    "after step {steps}"
                );
            }
        }
    }
    assert!(deaths > 20);
    keeper.documents.close().await;
}

/// Compacts in a process of its own that dies at a step. False when it got to the end.
fn child(database: &Path, steps: usize) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "compaction::killed::a_process_that_compacts",
        "--nocapture",
    ]);
    let output = command
        .env(DATABASE, database)
        .env(STEPS, steps.to_string())
        .output()
        .unwrap();
    use std::os::unix::process::ExitStatusExt;
    match (output.status.code(), output.status.signal()) {
        (Some(0), _) => false,
        (_, Some(6)) => true,
        _ => panic!("{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// What [`child`] runs; by itself it does nothing.
#[tokio::test]
async fn a_process_that_compacts() {
    let Some(database) = std::env::var_os(DATABASE) else {
        return;
    };
    let steps = std::env::var(STEPS).unwrap().parse().unwrap();
    let store = Watched {
        store: open(Path::new(&database)).await,
        watch: Deadly::after(steps),
    };
    let keeper = keeper(Arc::new(store), scrible());
    keeper.keep(ROOM, &AS_VERSION).await.unwrap();
}
