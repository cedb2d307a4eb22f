//! Grants: given, kept, given anew, revoked.

use super::super::doc;
use super::{
    ALL, FAR, NOW, Place, access, by_session, create, given, hash, invite, join, new_grant,
    new_invite, new_room,
};
use crate::{
    FactsQuery, Grant, GrantSource, Granted, NewGrant, NewInvite, NewRoom, Page, Role, RoomChange,
    StoreError, Visibility,
};

/// It costs an invite no use, and the invite may have none left.
pub async fn an_earlier_grant_that_is_alive_and_no_less_is_given_again(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 0).await;
    let once = NewInvite {
        max_uses: Some(1),
        ..new_invite(1, Role::Editor)
    };
    let by = invite(&*store, "room", &once).await;
    let new = NewGrant {
        name: Some("Ann".into()),
        ..new_grant(1)
    };
    let first = given(store.grant_by_invite("room", &hash(1), &new).await.unwrap());
    let expected = Grant {
        id: first.id,
        name: Some("Ann".into()),
        role: Role::Editor,
        source: GrantSource::Invite(by.id),
        epoch: 0,
        created_ms: NOW,
        expires_ms: FAR,
        revoked_ms: None,
    };
    assert_eq!(first, expected);
    assert_eq!(join(&*store, "room", 1, 1).await, first);
    invite(&*store, "room", &new_invite(2, Role::Viewer)).await;
    assert_eq!(join(&*store, "room", 2, 1).await, first);
    let other = store.grant_by_invite("room", &hash(1), &new_grant(2)).await;
    assert_eq!(other.unwrap(), Granted::UsedUp);
    assert_eq!(access(&*store, "room").await, 0);
    let uses: Vec<u32> = store
        .invites("room", ALL)
        .await
        .unwrap()
        .iter()
        .map(|i| i.uses)
        .collect();
    assert_eq!(uses, [0, 1]);
    // More is given in the place of it, under the same number.
    let owner = invite(&*store, "room", &new_invite(3, Role::Owner)).await;
    let more = join(&*store, "room", 3, 1).await;
    let expected = Grant {
        role: Role::Owner,
        source: GrantSource::Invite(owner.id),
        ..expected
    };
    assert_eq!(more, expected);
    assert_eq!(access(&*store, "room").await, 1);
    assert_eq!(store.grants("room", ALL).await.unwrap(), [more]);
}

/// By all ways in which something is revoked.
pub async fn what_was_revoked_gets_another_epoch_and_loses_its_link(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 0).await;
    let first = invite(&*store, "room", &new_invite(1, Role::Editor)).await;
    let mut grant = join(&*store, "room", 1, 1).await;
    store.set_grant_link(grant.id, &hash(50)).await.unwrap();
    let revoked = store.revoke_grant("room", grant.id, NOW + 3).await.unwrap();
    grant.revoked_ms = Some(NOW + 3);
    assert_eq!(revoked.as_ref(), Some(&grant));
    let again = store.revoke_grant("room", grant.id, NOW + 8).await.unwrap();
    assert_eq!(again.as_ref(), Some(&grant));
    assert_eq!(access(&*store, "room").await, 1);
    // The link is known until the person comes in anew, so that it can be told what became of it.
    let by_link = |link| FactsQuery {
        link: Some(hash(link)),
        time_ms: NOW,
        ..FactsQuery::default()
    };
    let facts = store.facts("room", &by_link(50)).await.unwrap();
    assert_eq!(facts.by_link.unwrap().grant, grant);
    let anew = join(&*store, "room", 1, 1).await;
    assert_eq!((anew.id, anew.epoch, anew.revoked_ms), (grant.id, 1, None));
    assert_eq!(access(&*store, "room").await, 2);
    assert_eq!(
        store.facts("room", &by_link(50)).await.unwrap().by_link,
        None
    );
    store.set_grant_link(anew.id, &hash(51)).await.unwrap();
    // The invite that it goes back to falls.
    store.revoke_invite("room", first.id, NOW).await.unwrap();
    let facts = store.facts("room", &by_link(51)).await.unwrap();
    assert!(!facts.by_link.unwrap().source_stands);
    invite(&*store, "room", &new_invite(2, Role::Viewer)).await;
    let anew = join(&*store, "room", 2, 1).await;
    assert_eq!((anew.epoch, anew.role), (2, Role::Viewer));
    assert_eq!(
        store.facts("room", &by_link(51)).await.unwrap().by_link,
        None
    );
    assert_eq!(access(&*store, "room").await, 4);
    // What has only expired is the same again.
    store.set_grant_link(anew.id, &hash(52)).await.unwrap();
    let late = NewGrant {
        time_ms: FAR,
        expires_ms: FAR + 9,
        ..new_grant(1)
    };
    let anew = given(
        store
            .grant_by_invite("room", &hash(2), &late)
            .await
            .unwrap(),
    );
    assert_eq!((anew.epoch, anew.expires_ms), (2, FAR + 9));
    let facts = store.facts("room", &by_link(52)).await.unwrap();
    assert_eq!(facts.by_link.unwrap().grant, anew);
    assert_eq!(access(&*store, "room").await, 5);
}

/// And with the role that the room gives.
pub async fn a_password_leads_in_as_long_as_it_is_the_same(place: &dyn Place) {
    let store = place.open().await;
    let new = NewRoom {
        visibility: Some(Visibility::Public),
        link_role: Role::Editor,
        password: Some("$first".into()),
        ..new_room("room")
    };
    create(&*store, &new).await;
    let asks = async |version, session| {
        let new = new_grant(session);
        store
            .grant_by_password("room", version, &new)
            .await
            .unwrap()
    };
    let first = given(asks(0, 1).await);
    assert_eq!(
        (first.role, first.source),
        (Role::Editor, GrantSource::Password(0))
    );
    assert_eq!(given(asks(0, 1).await), first);
    assert_eq!(asks(1, 1).await, Granted::OtherPassword);
    assert_eq!(access(&*store, "room").await, 1);
    let change = |password: Option<&str>| RoomChange {
        password: Some(password.map(Into::into)),
        ..RoomChange::default()
    };
    store
        .change_room("room", &change(Some("$2")))
        .await
        .unwrap();
    assert_eq!(asks(0, 1).await, Granted::OtherPassword);
    let facts = store.facts("room", &by_session(1)).await.unwrap();
    let state = facts.by_session.unwrap();
    assert!(!state.source_stands && !state.is_alive(NOW));
    let anew = given(asks(1, 1).await);
    assert_eq!((anew.id, anew.epoch), (first.id, 1));
    assert_eq!(anew.source, GrantSource::Password(1));
    let facts = store.facts("room", &by_session(1)).await.unwrap();
    assert!(facts.by_session.unwrap().source_stands);
    store.change_room("room", &change(None)).await.unwrap();
    assert_eq!(asks(2, 1).await, Granted::OtherPassword);
    let facts = store.facts("room", &by_session(1)).await.unwrap();
    assert!(!facts.by_session.unwrap().source_stands);
    store.delete_room("room", NOW).await.unwrap();
    assert_eq!(asks(2, 1).await, Granted::NoRoom);
    let none = store.grant_by_password("nobody", 0, &new_grant(1)).await;
    assert_eq!(none.unwrap(), Granted::NoRoom);
}

/// Newest first, page by page; and what is no room's is not revoked there.
pub async fn grants_are_listed_and_revoked_by_room(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 0).await;
    doc(&*store, "other", 0).await;
    invite(&*store, "room", &new_invite(1, Role::Viewer)).await;
    invite(&*store, "other", &new_invite(2, Role::Viewer)).await;
    let mut all = Vec::new();
    for session in 1..=3 {
        all.insert(0, join(&*store, "room", 1, session).await);
    }
    let others = join(&*store, "other", 2, 1).await;
    assert_eq!(store.grants("room", ALL).await.unwrap(), all);
    let page = Page {
        before: Some(all[0].id),
        limit: 1,
    };
    assert_eq!(store.grants("room", page).await.unwrap(), all[1..2]);
    for (room, id) in [("room", others.id), ("nobody", all[0].id), ("room", -1)] {
        assert_eq!(store.revoke_grant(room, id, NOW).await.unwrap(), None);
    }
    assert_eq!(store.grants("nobody", ALL).await.unwrap(), []);
    store.set_grant_link(all[0].id, &hash(9)).await.unwrap();
    store.set_grant_link(all[0].id, &hash(9)).await.unwrap();
    for (grant, link) in [(all[1].id, 9), (-1, 10)] {
        let refused = store.set_grant_link(grant, &hash(link)).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
    }
    // Nor does a link lead into another room.
    let query = FactsQuery {
        link: Some(hash(9)),
        time_ms: NOW,
        ..FactsQuery::default()
    };
    assert_eq!(store.facts("other", &query).await.unwrap().by_link, None);
}
