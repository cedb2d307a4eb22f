//! What decides about somebody, and who is kept out.

use super::super::doc;
use super::{
    NOW, Place, access, by_session, create, entry, hash, invite, join, new_invite, new_room,
};
use crate::{FactsQuery, Role, RoomFacts};

/// The room, the grants that were asked for, and nothing of others.
pub async fn facts_are_those_of_one_person_and_one_room(place: &dyn Place) {
    let store = place.open().await;
    let nothing = store.facts("room", &by_session(1)).await.unwrap();
    assert_eq!(nothing, RoomFacts::default());
    let room = create(&*store, &new_room("room")).await;
    create(&*store, &new_room("other")).await;
    invite(&*store, "room", &new_invite(1, Role::Editor)).await;
    invite(&*store, "other", &new_invite(2, Role::Owner)).await;
    let grant = join(&*store, "room", 1, 1).await;
    let linked = join(&*store, "room", 1, 2).await;
    store.set_grant_link(linked.id, &hash(9)).await.unwrap();
    join(&*store, "other", 2, 3).await;
    let alone = RoomFacts {
        room: Some(room),
        ..RoomFacts::default()
    };
    for query in [
        FactsQuery::default(),
        by_session(3),
        FactsQuery {
            // A secret of one kind is none of the other.
            link: Some(hash(1)),
            session: Some(hash(9)),
            ..FactsQuery::default()
        },
    ] {
        assert_eq!(store.facts("room", &query).await.unwrap(), alone);
    }
    let both = FactsQuery {
        link: Some(hash(9)),
        ..by_session(1)
    };
    let facts = store.facts("room", &both).await.unwrap();
    let (by_session, by_link) = (facts.by_session.unwrap(), facts.by_link.unwrap());
    assert_eq!((by_session.grant, by_session.source_stands), (grant, true));
    assert_eq!((by_link.grant, by_link.source_stands), (linked, true));
    store.delete_room("room", NOW).await.unwrap();
    let facts = store.facts("room", &both).await.unwrap();
    assert_eq!(facts.room, Some(entry(&*store, "room").await));
    assert!(facts.by_session.is_some());
}

/// Until a moment, by what one is called or by the grant that one brings.
pub async fn who_is_blocked_is_told_until_then(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 0).await;
    doc(&*store, "other", 0).await;
    invite(&*store, "room", &new_invite(1, Role::Viewer)).await;
    let grant = join(&*store, "room", 1, 1).await;
    store.set_grant_link(grant.id, &hash(9)).await.unwrap();
    let until = async |room: &str, query: &FactsQuery| {
        store.facts(room, query).await.unwrap().blocked_until_ms
    };
    let ann = |time_ms| FactsQuery {
        identity: Some("sub:ann".into()),
        time_ms,
        ..FactsQuery::default()
    };
    assert_eq!(until("room", &ann(NOW)).await, None);
    assert!(store.block("room", "sub:ann", NOW + 10).await.unwrap());
    assert!(!store.block("nobody", "sub:ann", NOW + 10).await.unwrap());
    assert_eq!(access(&*store, "room").await, 1);
    assert_eq!(until("room", &ann(NOW + 9)).await, Some(NOW + 10));
    assert_eq!(until("room", &ann(NOW + 10)).await, None);
    assert_eq!(until("other", &ann(NOW)).await, None);
    assert_eq!(until("room", &by_session(1)).await, None);
    let identity = format!("grant:{}", grant.id);
    store.block("room", &identity, NOW + 20).await.unwrap();
    let link = FactsQuery {
        link: Some(hash(9)),
        time_ms: NOW,
        ..FactsQuery::default()
    };
    let both = FactsQuery {
        session: Some(hash(1)),
        ..ann(NOW)
    };
    for query in [&by_session(1), &link, &both] {
        assert_eq!(until("room", query).await, Some(NOW + 20), "{query:?}");
    }
    store.block("room", &identity, 0).await.unwrap();
    assert_eq!(until("room", &by_session(1)).await, None);
    assert_eq!(until("room", &both).await, Some(NOW + 10));
    assert_eq!(access(&*store, "room").await, 3);
}

/// Those that end first are let in again.
pub async fn a_thousand_are_kept_out_of_a_room_at_most(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 0).await;
    for nth in 0..1_001_i64 {
        let identity = format!("sub:{nth}");
        assert!(store.block("room", &identity, NOW + 1 + nth).await.unwrap());
    }
    for (nth, expected) in [(0, None), (1, Some(NOW + 2)), (1_000, Some(NOW + 1_001))] {
        let query = FactsQuery {
            identity: Some(format!("sub:{nth}").into()),
            time_ms: NOW,
            ..FactsQuery::default()
        };
        let facts = store.facts("room", &query).await.unwrap();
        assert_eq!(facts.blocked_until_ms, expected, "{nth}");
    }
}
