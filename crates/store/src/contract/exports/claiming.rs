//! Exports as workers take them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::super::until_available;
use super::{
    ALL, Claim, ExportEnd, ExportState, NOW, Place, add, claim, claim_for_nothing, completed, doc,
    ends, id, one, takes, takes_nothing, until_later,
};
use crate::{Export, Page, Store, WORKER_DIED};

/// Through two handles, as by two nodes.
pub async fn fifty_claimers_take_two_hundred_exports_once_each(place: &dyn Place) {
    let stores = [place.open().await, place.open().await];
    doc(&*stores[0], "room", 1).await;
    for number in 1..=200 {
        add(&*stores[0], "room", number).await;
    }
    let claiming: Vec<_> = (0..50)
        .map(|worker| {
            let store = Arc::clone(&stores[worker % 2]);
            tokio::spawn(async move {
                let claim = claim(worker as u128);
                let mut taken = Vec::new();
                while let Some(export) = until_available(|| store.claim_export(&claim)).await {
                    taken.push(export.id);
                    let end = completed();
                    let ending = || store.end_export(export.id, &claim, &end, NOW);
                    assert!(until_available(ending).await);
                }
                taken
            })
        })
        .collect();
    let mut taken = Vec::new();
    for claimed in claiming {
        taken.extend(claimed.await.unwrap());
    }
    assert_eq!(taken.len(), 200);
    let different: BTreeSet<_> = taken.into_iter().collect();
    assert_eq!(different, (1..=200).map(id).collect());
    for (export, _) in stores[1].exports("room", ALL).await.unwrap() {
        assert_eq!((export.state, export.attempts), (ExportState::Completed, 1));
    }
}

/// Whatever room they are of.
pub async fn exports_are_claimed_in_the_order_in_which_they_fell_due(place: &dyn Place) {
    let store = place.open().await;
    takes_nothing(&*store, &claim(1)).await;
    let rooms = ["room", "other"];
    for room in rooms {
        doc(&*store, room, 1).await;
    }
    for number in 1..=6 {
        add(&*store, rooms[number as usize % 2], number).await;
    }
    let first = takes(&*store, &claim(1), 1).await;
    assert_eq!((&*first.room, first.attempts), ("other", 1));
    for number in 2..=4 {
        takes(&*store, &claim(number), number).await;
    }
    // What comes back is due later than what waits.
    until_later(&*store).await;
    assert!(ends(&*store, 1, &claim(1), &ExportEnd::GivenBack).await);
    for number in [5, 6, 1] {
        takes(&*store, &claim(1), number).await;
    }
    takes_nothing(&*store, &claim(1)).await;
}

/// And whoever had it learns so.
pub async fn a_claim_that_ended_gives_an_export_to_another(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 1).await;
    add(&*store, "room", 1).await;
    let mine = claim_for_nothing(1);
    takes(&*store, &mine, 1).await;
    // As long as nobody else has taken it, it is still his.
    assert!(store.renew_export(id(1), &claim(1), 40).await.unwrap());
    assert_eq!(one(&*store, 1).await.progress, 40);
    takes_nothing(&*store, &claim(2)).await;
    assert!(store.renew_export(id(1), &mine, 200).await.unwrap());
    assert_eq!(one(&*store, 1).await.progress, 100);
    let export = takes(&*store, &claim(2), 1).await;
    assert_eq!((export.attempts, export.progress), (2, 0));
    assert!(!store.renew_export(id(1), &mine, 50).await.unwrap());
    assert!(!ends(&*store, 1, &mine, &completed()).await);
    assert!(!ends(&*store, 1, &mine, &ExportEnd::GivenBack).await);
    assert_eq!(one(&*store, 1).await, export);
    assert!(ends(&*store, 1, &claim(2), &completed()).await);
    assert!(!store.renew_export(id(1), &claim(2), 50).await.unwrap());
    assert!(!store.renew_export(id(2), &claim(2), 50).await.unwrap());
}

/// After as many attempts as there may be; others go on.
pub async fn an_export_whose_workers_die_has_failed(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 1).await;
    add(&*store, "room", 1).await;
    for attempt in 1..=3 {
        let export = takes(&*store, &claim_for_nothing(attempt), 1).await;
        assert_eq!(u128::from(export.attempts), attempt);
    }
    add(&*store, "room", 2).await;
    let dead = finds_dead(&*store, &claim(4), 1).await;
    takes(&*store, &claim(4), 2).await;
    assert_eq!((dead.state, dead.attempts), (ExportState::Failed, 3));
    assert_eq!(dead.code.as_deref(), Some(WORKER_DIED));
    assert!(dead.error.is_some_and(|error| !error.is_empty()));
    assert!(dead.ended_ms.is_some_and(|ended| ended > NOW));
    takes_nothing(&*store, &claim(5)).await;
    assert!(!ends(&*store, 1, &claim(3), &completed()).await);
    // Several at once.
    for number in 3..=5 {
        add(&*store, "room", number).await;
    }
    let once = |worker| Claim {
        attempts: 1,
        ..claim_for_nothing(worker)
    };
    for number in 3..=5 {
        takes(
            &*store,
            &Claim {
                lease: Duration::from_secs(60),
                ..once(1)
            },
            number,
        )
        .await;
    }
    for number in 3..=5 {
        assert!(store.renew_export(id(number), &once(1), 1).await.unwrap());
    }
    for number in 3..=5 {
        finds_dead(&*store, &once(2), number).await;
    }
    takes_nothing(&*store, &once(2)).await;
}

/// Claims, and is told of one whose last worker died.
async fn finds_dead(store: &dyn Store, by: &Claim, number: u128) -> Export {
    let found = store.claim_export(by).await.unwrap().unwrap();
    assert_eq!((found.id, found.state), (id(number), ExportState::Failed));
    assert_eq!(one(store, number).await, found);
    found
}

/// They are in nobody's way, and whoever drew one loses it.
pub async fn exports_of_a_deleted_room_wait_until_it_is_back(place: &dyn Place) {
    let store = place.open().await;
    for room in ["room", "other"] {
        doc(&*store, room, 1).await;
    }
    for number in 1..=3 {
        add(&*store, "room", number).await;
    }
    add(&*store, "other", 4).await;
    takes(&*store, &claim(1), 1).await;
    takes(&*store, &claim(1), 2).await;
    assert!(ends(&*store, 2, &claim(1), &completed()).await);
    store.delete_room("room", NOW).await.unwrap();
    takes(&*store, &claim(2), 4).await;
    takes_nothing(&*store, &claim(2)).await;
    assert!(!store.renew_export(id(1), &claim(1), 1).await.unwrap());
    assert!(!ends(&*store, 1, &claim(1), &completed()).await);
    for number in 1..=3 {
        assert_eq!(store.export(id(number)).await.unwrap(), None);
        let cancelled = store.cancel_export("room", id(number), NOW).await;
        assert_eq!(cancelled.unwrap(), None);
    }
    let tally = store.export_tally().await.unwrap();
    assert_eq!((tally.pending, tally.processing), (0, 1));
    store.undelete_room("room").await.unwrap();
    assert_eq!(one(&*store, 2).await.state, ExportState::Completed);
    let mut back = Vec::new();
    for _ in 0..2 {
        back.push(store.claim_export(&claim(3)).await.unwrap().unwrap().id);
    }
    back.sort();
    assert_eq!(back, [id(1), id(3)]);
    takes_nothing(&*store, &claim(3)).await;
    let all = Page {
        before: None,
        limit: 9,
    };
    assert_eq!(store.exports("room", all).await.unwrap().len(), 3);
}
