//! Another process that holds the database for longer than anybody waits for a lock.

use scrible_store::Hold;

use super::painter::{Painter, stored};
use super::{degraded, well};
use crate::program::Place;

#[tokio::test]
async fn j3_t6_while_another_process_holds_the_database_nothing_is_echoed_and_then_all_of_it() {
    for begin in ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"] {
        let place = Place::new();
        let server = place.serve();
        let mut ann = Painter::join(server.address, "/demo", 10).await;
        ann.draw(0..1, 10).await;
        ann.all_echoed().await;
        let hold = Hold::take(&place.database(), begin).await;
        ann.draw(1..20, 10).await;
        let reason = degraded(&server).await;
        assert!(reason.contains("locked"), "{reason}");
        ann.nothing_echoed().await;
        hold.release().await;
        ann.all_echoed().await;
        well(&server).await;
        server.kill();
        let server = place.serve();
        assert_eq!(stored(server.address, "/demo", [10]).await, [20]);
    }
}
