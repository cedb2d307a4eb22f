//! Exports as they are ordered.

use std::sync::Arc;

use super::{ALL, NOW, Place, add, claim, doc, ends, id, new_export, one};
use crate::{
    Claim, ExportAdded, ExportEnd, ExportLimits, ExportState, MAX_EXPORT_TEXT, MAX_EXPORTS_OF_ROOM,
    NewExport, Page, StoreError,
};

/// With all its texts and numbers; adding it again changes nothing.
pub async fn an_export_is_added_once_and_comes_back_as_it_was(place: &dyn Place) {
    let store = place.open().await;
    let room = doc(&*store, "room", 1).await;
    doc(&*store, "other", 1).await;
    let new = NewExport {
        id: id(1),
        order: (0..=255).collect::<Vec<u8>>().into(),
        at_least: i64::MAX as u64,
        version: Some(3),
        ordered_by: Some("sub:ännä".into()),
        time_ms: NOW,
        expires_ms: NOW + 1,
    };
    let added = store
        .add_export("room", &new, &ExportLimits::waiting(1))
        .await
        .unwrap();
    let ExportAdded::Yes(export) = &added else {
        panic!("{added:?}");
    };
    assert_eq!((export.id, export.room_id), (id(1), room));
    assert_eq!((&*export.room, &export.order), ("room", &new.order));
    assert_eq!(
        (export.at_least, export.version),
        (i64::MAX as u64, Some(3))
    );
    assert_eq!(export.ordered_by, new.ordered_by);
    assert_eq!(export.state, ExportState::Pending);
    assert_eq!((export.progress, export.attempts), (0, 0));
    assert_eq!((&export.error, &export.code), (&None, &None));
    assert_eq!((&export.outcome, export.drawn), (&None, None));
    assert_eq!((export.created_ms, export.expires_ms), (NOW, NOW + 1));
    assert_eq!(export.ended_ms, None);
    assert_eq!(one(&*store, 1).await, **export);
    let again = NewExport {
        time_ms: NOW + 9,
        ..new.clone()
    };
    assert_eq!(
        store
            .add_export("room", &again, &ExportLimits::waiting(1))
            .await
            .unwrap(),
        added
    );
    let elsewhere = store
        .add_export("other", &new, &ExportLimits::waiting(1))
        .await;
    assert!(
        matches!(elsewhere, Err(StoreError::Conflict(_))),
        "{elsewhere:?}"
    );
    assert_eq!(store.export(id(2)).await.unwrap(), None);
    let nowhere = store
        .add_export("nobody", &new_export(2), &ExportLimits::waiting(1))
        .await;
    assert_eq!(nowhere.unwrap(), ExportAdded::NoRoom);
    store.delete_room("other", NOW).await.unwrap();
    let deleted = store
        .add_export("other", &new_export(2), &ExportLimits::waiting(1))
        .await;
    assert_eq!(deleted.unwrap(), ExportAdded::NoRoom);
    assert_eq!(store.exports("room", ALL).await.unwrap().len(), 1);
}

/// Exact, however many order at once; what is being drawn counts, what has ended does not, nor do other rooms' exports.
pub async fn a_room_has_no_more_exports_waiting_than_it_may(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 1).await;
    doc(&*store, "other", 1).await;
    add(&*store, "other", 100).await;
    let adding = (1..=20).map(|number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            store
                .add_export("room", &new_export(number), &ExportLimits::waiting(5))
                .await
        })
    });
    let adding: Vec<_> = adding.collect();
    let mut refused = 0;
    for added in adding {
        match added.await.unwrap().unwrap() {
            ExportAdded::Yes(_) => {}
            ExportAdded::TooMany => refused += 1,
            ExportAdded::NoRoom => panic!("the room is there"),
        }
    }
    assert_eq!(refused, 15);
    assert_eq!(store.exports("room", ALL).await.unwrap().len(), 5);
    let full = async || {
        store
            .add_export("room", &new_export(30), &ExportLimits::waiting(5))
            .await
            .unwrap()
    };
    let mut held = Vec::new();
    while held.len() < 6 {
        held.extend(store.claim_export(&claim(1)).await.unwrap());
    }
    assert_eq!(full().await, ExportAdded::TooMany);
    let mine = held.iter().find(|export| *export.room == *"room").unwrap();
    let ended = store
        .end_export(mine.id, &claim(1), &super::completed(), NOW)
        .await;
    assert!(ended.unwrap());
    assert!(matches!(full().await, ExportAdded::Yes(_)));
    // What is in its object counts, also beyond what waits.
    let usage = store.usage("room").await.unwrap().unwrap();
    assert_eq!((usage.exports, usage.export_bytes), (6, 7));
    let ended = store.export(mine.id).await.unwrap().unwrap();
    assert_eq!(ended.size, Some(7));
    for (bytes, is_taken) in [(7, false), (8, true)] {
        let waiting = 50;
        let limits = ExportLimits { waiting, bytes };
        let added = store.add_export("room", &new_export(31), &limits).await;
        assert_eq!(matches!(added.unwrap(), ExportAdded::Yes(_)), is_taken);
    }
}

/// Ended ones count until they are deleted.
pub async fn no_more_exports_are_kept_than_may(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 1).await;
    let most = u128::from(MAX_EXPORTS_OF_ROOM);
    for number in 1..=most {
        add(&*store, "room", number).await;
        let ended = store.cancel_export("room", id(number), NOW).await.unwrap();
        assert!(ended.is_some());
    }
    let again = async || {
        store
            .add_export("room", &new_export(most + 1), &ExportLimits::waiting(5))
            .await
    };
    assert_eq!(again().await.unwrap(), ExportAdded::TooMany);
    assert!(
        store
            .delete_export("room", id(7), "exports/1/7.")
            .await
            .unwrap()
    );
    assert!(matches!(again().await.unwrap(), ExportAdded::Yes(_)));
}

/// In pages.
pub async fn exports_are_listed_newest_first_by_room(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 1).await;
    doc(&*store, "other", 1).await;
    for number in 1..=5 {
        add(&*store, "room", number).await;
        add(&*store, "other", 10 + number).await;
    }
    let mut page = Page {
        before: None,
        limit: 2,
    };
    let mut seen = Vec::new();
    loop {
        let listed = store.exports("room", page).await.unwrap();
        assert!(listed.len() <= 2);
        let Some((_, last)) = listed.last() else {
            break;
        };
        page.before = Some(*last);
        seen.extend(listed.into_iter().map(|(export, _)| export.id));
    }
    assert_eq!(seen, [5, 4, 3, 2, 1].map(id));
    assert_eq!(store.exports("nobody", ALL).await.unwrap(), []);
    store.delete_room("room", NOW).await.unwrap();
    assert_eq!(store.exports("room", ALL).await.unwrap(), []);
}

/// In each of its texts, and wherever something is said of it.
pub async fn what_no_store_takes_is_invalid_in_an_export(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 1).await;
    let is_invalid = |answer: Result<(), StoreError>| {
        assert!(matches!(answer, Err(StoreError::Invalid(_))), "{answer:?}");
    };
    let long = vec![0; MAX_EXPORT_TEXT + 1];
    let changes: [&(dyn Fn(&mut NewExport) + Sync); 4] = [
        &|new| new.order = long.clone().into(),
        &|new| new.at_least = u64::MAX,
        &|new| new.version = Some(1 << 63),
        &|new| new.ordered_by = Some("a\0b".into()),
    ];
    for change in changes {
        let mut new = new_export(1);
        change(&mut new);
        is_invalid(
            store
                .add_export("room", &new, &ExportLimits::waiting(9))
                .await
                .map(drop),
        );
    }
    let mut longest = new_export(1);
    longest.order = vec![1; MAX_EXPORT_TEXT].into();
    store
        .add_export("room", &longest, &ExportLimits::waiting(9))
        .await
        .unwrap();
    let claims = [
        Claim {
            attempts: 0,
            ..claim(1)
        },
        Claim {
            lease: std::time::Duration::from_secs(3601),
            ..claim(1)
        },
    ];
    for claim in claims {
        is_invalid(store.claim_export(&claim).await.map(drop));
        is_invalid(store.renew_export(id(1), &claim, 1).await.map(drop));
    }
    super::takes(&*store, &claim(1), 1).await;
    let text: Arc<str> = "x".into();
    let bad: Arc<str> = "a\0b".into();
    let failed = |code: &Arc<str>, error: &Arc<str>| ExportEnd::Failed {
        code: code.clone(),
        error: error.clone(),
    };
    let ends_badly = [
        failed(&bad, &text),
        failed(&text, &bad),
        failed(&text, &"x".repeat(MAX_EXPORT_TEXT + 1).into()),
        ExportEnd::Completed {
            drawn: 1,
            outcome: long.into(),
            size: 7,
        },
        ExportEnd::Completed {
            drawn: u64::MAX,
            outcome: Vec::new().into(),
            size: 7,
        },
        ExportEnd::Again {
            after: crate::MAX_EXPORT_PAUSE + std::time::Duration::from_millis(1),
            code: text.clone(),
            error: text.clone(),
        },
    ];
    for end in &ends_badly {
        is_invalid(store.end_export(id(1), &claim(1), end, NOW).await.map(drop));
    }
    for prefix in ["", "a\0b"] {
        is_invalid(store.delete_export("room", id(1), prefix).await.map(drop));
    }
    assert_eq!(one(&*store, 1).await.state, ExportState::Processing);
    assert!(ends(&*store, 1, &claim(1), &super::completed()).await);
}
