//! Exports as they end.

use std::time::Duration;

use super::{
    ExportEnd, ExportState, HOUR, NOW, Place, add, claim, completed, doc, ends, id, one, takes,
    takes_nothing, until_later,
};
use crate::ExportTally;

fn again(after: Duration) -> ExportEnd {
    ExportEnd::Again {
        after,
        code: "unavailable".into(),
        error: "not now".into(),
    }
}

/// Said twice, because the answer was lost, it is true twice.
pub async fn an_export_is_completed_once(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 1).await;
    add(&*store, "room", 1).await;
    assert!(!ends(&*store, 1, &claim(1), &completed()).await);
    takes(&*store, &claim(1), 1).await;
    assert!(!ends(&*store, 1, &claim(2), &completed()).await);
    assert!(ends(&*store, 1, &claim(1), &completed()).await);
    let export = one(&*store, 1).await;
    assert_eq!(
        (export.state, export.progress),
        (ExportState::Completed, 100)
    );
    assert_eq!((export.drawn, export.ended_ms), (Some(9), Some(NOW + 5)));
    assert_eq!(export.outcome.as_deref(), Some(&b"{}"[..]));
    let repeated = store
        .end_export(id(1), &claim(1), &completed(), NOW + 6)
        .await;
    assert!(repeated.unwrap());
    let failed = ExportEnd::Failed {
        code: "broken".into(),
        error: "x".into(),
    };
    let others = [
        failed,
        ExportEnd::GivenBack,
        again(HOUR),
        ExportEnd::Completed {
            drawn: 10,
            outcome: (*b"{}").into(),
            size: 7,
        },
    ];
    for other in &others {
        assert!(!ends(&*store, 1, &claim(1), other).await);
    }
    assert!(!ends(&*store, 1, &claim(2), &completed()).await);
    assert_eq!(one(&*store, 1).await, export);
    takes_nothing(&*store, &claim(1)).await;
}

/// After a pause, and as often as it may be.
pub async fn what_may_go_well_another_time_is_tried_again(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 1).await;
    for number in 1..=2 {
        add(&*store, "room", number).await;
    }
    takes(&*store, &claim(1), 1).await;
    assert!(ends(&*store, 1, &claim(1), &again(HOUR)).await);
    assert!(ends(&*store, 1, &claim(1), &again(HOUR)).await, "repeated");
    let waiting = one(&*store, 1).await;
    assert_eq!((waiting.state, waiting.attempts), (ExportState::Pending, 1));
    assert_eq!(waiting.error.as_deref(), Some("not now"));
    assert_eq!((&waiting.code, waiting.ended_ms), (&None, None));
    for attempt in 1..=3 {
        let export = takes(&*store, &claim(attempt), 2).await;
        assert_eq!(u128::from(export.attempts), attempt);
        for _ in 0..2 {
            assert!(ends(&*store, 2, &claim(attempt), &again(Duration::ZERO)).await);
        }
    }
    let failed = one(&*store, 2).await;
    assert_eq!((failed.state, failed.attempts), (ExportState::Failed, 3));
    assert_eq!(failed.code.as_deref(), Some("unavailable"));
    assert_eq!(failed.error.as_deref(), Some("not now"));
    assert_eq!(failed.ended_ms, Some(NOW + 5));
    // The pause of the first is not over.
    takes_nothing(&*store, &claim(1)).await;
}

/// However often a worker stops.
pub async fn what_is_given_back_has_not_counted(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 1).await;
    add(&*store, "room", 1).await;
    for worker in 1..=5 {
        let export = takes(&*store, &claim(worker), 1).await;
        assert_eq!(export.attempts, 1);
        for _ in 0..2 {
            assert!(ends(&*store, 1, &claim(worker), &ExportEnd::GivenBack).await);
        }
    }
    let export = one(&*store, 1).await;
    assert_eq!((export.state, export.attempts), (ExportState::Pending, 0));
    takes(&*store, &claim(1), 1).await;
    assert!(!ends(&*store, 1, &claim(5), &ExportEnd::GivenBack).await);
    let failed = ExportEnd::Failed {
        code: "broken".into(),
        error: "cannot be drawn".into(),
    };
    assert!(ends(&*store, 1, &claim(1), &failed).await);
    assert!(ends(&*store, 1, &claim(1), &failed).await);
    let export = one(&*store, 1).await;
    assert_eq!((export.state, export.attempts), (ExportState::Failed, 1));
    assert_eq!(export.code.as_deref(), Some("broken"));
    assert_eq!(export.error.as_deref(), Some("cannot be drawn"));
    takes_nothing(&*store, &claim(1)).await;
}

/// Whether it waits or is being drawn; what has ended stays as it ended.
pub async fn a_cancelled_export_is_nobodys(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 1).await;
    doc(&*store, "other", 1).await;
    for number in 1..=3 {
        add(&*store, "room", number).await;
    }
    let cancel = async |room: &str, number| {
        let cancelled = store.cancel_export(room, id(number), NOW + 7).await;
        cancelled.unwrap()
    };
    takes(&*store, &claim(1), 1).await;
    takes(&*store, &claim(1), 2).await;
    assert!(ends(&*store, 2, &claim(1), &completed()).await);
    for number in [1, 3] {
        assert_eq!(cancel("other", number).await, None);
        for _ in 0..2 {
            let export = cancel("room", number).await.unwrap();
            assert_eq!(export.state, ExportState::Cancelled);
            assert_eq!(export.ended_ms, Some(NOW + 7));
            assert_eq!(one(&*store, number).await, export);
        }
    }
    let done = cancel("room", 2).await.unwrap();
    assert_eq!(
        (done.state, done.ended_ms),
        (ExportState::Completed, Some(NOW + 5))
    );
    assert_eq!(cancel("room", 4).await, None);
    assert_eq!(cancel("nobody", 1).await, None);
    assert!(!store.renew_export(id(1), &claim(1), 1).await.unwrap());
    for end in [completed(), again(HOUR), ExportEnd::GivenBack] {
        assert!(!ends(&*store, 1, &claim(1), &end).await);
    }
    takes_nothing(&*store, &claim(2)).await;
}

/// What waits, what is drawn, and since when something should be.
pub async fn exports_are_counted_where_they_are(place: &dyn Place) {
    let store = place.open().await;
    let nothing = ExportTally::default();
    assert_eq!(store.export_tally().await.unwrap(), nothing);
    doc(&*store, "room", 1).await;
    for number in 1..=4 {
        add(&*store, "room", number).await;
    }
    takes(&*store, &claim(1), 1).await;
    takes(&*store, &claim(1), 2).await;
    takes(&*store, &claim(1), 3).await;
    assert!(ends(&*store, 2, &claim(1), &completed()).await);
    assert!(ends(&*store, 3, &claim(1), &again(HOUR)).await);
    let before = store.export_tally().await.unwrap();
    assert_eq!((before.pending, before.processing), (2, 1));
    // The fourth has been due since it was added.
    until_later(&*store).await;
    let later = store.export_tally().await.unwrap();
    assert!(later.oldest_ms > before.oldest_ms);
    assert!(later.oldest_ms < 600_000, "{later:?}");
    takes(&*store, &claim(1), 4).await;
    let tally = store.export_tally().await.unwrap();
    assert_eq!((tally.pending, tally.processing), (1, 2));
    assert_eq!(tally.oldest_ms, 0);
}
