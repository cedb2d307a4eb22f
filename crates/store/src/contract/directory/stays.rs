//! Stays: who was in a room, from when to when.

use super::super::doc;
use super::{ALL, NOW, Place, access};
use crate::{Page, Participant, Role, Stay};

pub(super) fn stay(room: &str, session: u128) -> Stay {
    Stay {
        room: room.into(),
        session,
        identity: None,
        name: None,
        role: Role::Viewer,
        client: None,
        joined_ms: NOW,
        left_ms: None,
    }
}

/// One row for both, newest first, and nothing of rooms that are not stored.
pub async fn stays_are_noted_at_beginning_and_end(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 0).await;
    doc(&*store, "other", 0).await;
    let high = u128::MAX;
    let came = [
        stay("room", high),
        stay("nobody", 1),
        stay("other", high),
        stay("room", 2),
    ];
    store.note_stays(&came).await.unwrap();
    let left = Stay {
        identity: Some("sub:ann".into()),
        name: Some("Ann".into()),
        role: Role::Editor,
        client: Some(u64::MAX),
        left_ms: Some(NOW + 5),
        ..stay("room", high)
    };
    // Who stays to see a room made by others is noted at the end.
    let late = Stay {
        left_ms: Some(NOW + 6),
        ..stay("room", 3)
    };
    store.note_stays(&[left.clone(), late]).await.unwrap();
    let told = store.participants("room", ALL).await.unwrap();
    let sessions: Vec<u128> = told.iter().map(|it| it.session).collect();
    assert_eq!(sessions[0], 3);
    assert_eq!(sessions.len(), 3);
    let of_ann = told.iter().find(|it| it.session == high).unwrap();
    let expected = Participant {
        id: of_ann.id,
        session: high,
        identity: left.identity.clone(),
        name: left.name.clone(),
        role: Role::Editor,
        client: Some(u64::MAX),
        joined_ms: NOW,
        left_ms: Some(NOW + 5),
    };
    assert_eq!(*of_ann, expected);
    let page = Page {
        before: Some(told[0].id),
        limit: 1,
    };
    let told_next = store.participants("room", page).await.unwrap();
    assert_eq!(told_next, told[1..2]);
    assert_eq!(store.participants("other", ALL).await.unwrap().len(), 1);
    assert_eq!(store.participants("nobody", ALL).await.unwrap(), []);
    // A client that was seen once is not forgotten by a note that does not know it.
    let unseen = Stay {
        client: None,
        ..left
    };
    store.note_stays(&[unseen]).await.unwrap();
    let told = store.participants("room", ALL).await.unwrap();
    let of_ann = told.iter().find(|it| it.session == high).unwrap();
    assert_eq!(of_ann.client, Some(u64::MAX));
    assert_eq!(access(&*store, "room").await, 0);
}

/// The oldest go.
pub async fn a_room_has_a_thousand_stays_at_most(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 0).await;
    doc(&*store, "other", 0).await;
    store.note_stays(&[stay("other", 0)]).await.unwrap();
    let stays: Vec<Stay> = (0..1_003).map(|nth| stay("room", nth)).collect();
    store.note_stays(&stays[..600]).await.unwrap();
    store.note_stays(&stays[600..]).await.unwrap();
    let told = store.participants("room", ALL).await.unwrap();
    let sessions: Vec<u128> = told.iter().map(|it| it.session).collect();
    assert_eq!(sessions, (3..1_003).rev().collect::<Vec<u128>>());
    assert_eq!(store.participants("other", ALL).await.unwrap().len(), 1);
}
