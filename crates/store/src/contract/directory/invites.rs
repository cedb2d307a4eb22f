//! Invites: what they are, how often they lead in, and when not any more.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::super::{doc, until_available};
use super::{ALL, NOW, Place, access, hash, invite, join, new_grant, new_invite};
use crate::{Granted, Invite, NewInvite, Page, Role, StoreError};

/// Newest first, page by page, and revoked once.
pub async fn invites_come_back_newest_first_and_are_revoked_once(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 0).await;
    doc(&*store, "other", 0).await;
    let new = NewInvite {
        label: Some("for \"all\"".into()),
        created_by: Some("ann".into()),
        expires_ms: Some(NOW + 9),
        max_uses: Some(3),
        ..new_invite(1, Role::Editor)
    };
    let first = invite(&*store, "room", &new).await;
    let expected = Invite {
        id: first.id,
        role: Role::Editor,
        label: new.label.clone(),
        created_by: new.created_by.clone(),
        created_ms: NOW,
        expires_ms: Some(NOW + 9),
        max_uses: Some(3),
        uses: 0,
        revoked_ms: None,
    };
    assert_eq!(first, expected);
    let second = invite(&*store, "room", &new_invite(2, Role::Viewer)).await;
    let third = invite(&*store, "room", &new_invite(3, Role::Owner)).await;
    let others = invite(&*store, "other", &new_invite(4, Role::Viewer)).await;
    let all = [third.clone(), second.clone(), first.clone()];
    assert_eq!(store.invites("room", ALL).await.unwrap(), all);
    let page = |before, limit| Page { before, limit };
    let told = store.invites("room", page(None, 2)).await.unwrap();
    assert_eq!(told, all[..2]);
    let told = store.invites("room", page(Some(second.id), 2)).await;
    assert_eq!(told.unwrap(), all[2..]);
    assert_eq!(access(&*store, "room").await, 0);
    let revoked = store
        .revoke_invite("room", first.id, NOW + 5)
        .await
        .unwrap();
    let expected = Invite {
        revoked_ms: Some(NOW + 5),
        ..first
    };
    assert_eq!(revoked.as_ref(), Some(&expected));
    let again = store
        .revoke_invite("room", first.id, NOW + 7)
        .await
        .unwrap();
    assert_eq!(again, Some(expected));
    assert_eq!(access(&*store, "room").await, 1);
    for (room, id) in [("room", others.id), ("nobody", third.id), ("room", -1)] {
        assert_eq!(store.revoke_invite(room, id, NOW).await.unwrap(), None);
    }
    assert_eq!(store.invites("nobody", ALL).await.unwrap(), []);
    assert_eq!(access(&*store, "other").await, 0);
}

/// As long as nobody has come by it.
pub async fn an_invite_gets_another_secret(place: &dyn Place) {
    let store = place.open().await;
    let room = doc(&*store, "room", 0).await;
    let other = doc(&*store, "other", 0).await;
    let made = invite(&*store, "room", &new_invite(1, Role::Viewer)).await;
    let renewed = store.renew_invite(room, made.id, &hash(2)).await;
    assert_eq!(renewed.unwrap().as_ref(), Some(&made));
    let by = async |secret, session| {
        let new = new_grant(session);
        store.grant_by_invite("room", &hash(secret), &new).await
    };
    assert_eq!(by(1, 1).await.unwrap(), Granted::NoInvite);
    assert_eq!(
        store.renew_invite(other, made.id, &hash(3)).await.unwrap(),
        None
    );
    assert!(matches!(by(2, 1).await.unwrap(), Granted::Yes(_)));
    assert_eq!(
        store.renew_invite(room, made.id, &hash(3)).await.unwrap(),
        None
    );
    let made = invite(&*store, "room", &new_invite(4, Role::Viewer)).await;
    store.revoke_invite("room", made.id, NOW).await.unwrap();
    assert_eq!(
        store.renew_invite(room, made.id, &hash(5)).await.unwrap(),
        None
    );
}

/// Of a room that is not there, a secret that has one, an invite that is dead.
pub async fn a_dead_invite_leads_nowhere(place: &dyn Place) {
    let store = place.open().await;
    doc(&*store, "room", 0).await;
    doc(&*store, "other", 0).await;
    let new = new_invite(1, Role::Viewer);
    assert_eq!(store.add_invite("nobody", &new).await.unwrap(), None);
    invite(&*store, "room", &new).await;
    let twice = store.add_invite("room", &new).await;
    assert!(matches!(twice, Err(StoreError::Conflict(_))), "{twice:?}");
    let ends = NewInvite {
        expires_ms: Some(NOW),
        ..new_invite(2, Role::Viewer)
    };
    invite(&*store, "room", &ends).await;
    let lasts = NewInvite {
        expires_ms: Some(NOW + 1),
        ..new_invite(3, Role::Viewer)
    };
    invite(&*store, "room", &lasts).await;
    let revoked = invite(&*store, "room", &new_invite(4, Role::Viewer)).await;
    store.revoke_invite("room", revoked.id, NOW).await.unwrap();
    for (room, secret, expected) in [
        ("room", 9, Granted::NoInvite),
        ("room", 2, Granted::NoInvite),
        ("room", 4, Granted::NoInvite),
        ("other", 1, Granted::NoInvite),
        ("nobody", 1, Granted::NoRoom),
    ] {
        let (secret_hash, new) = (hash(secret), new_grant(1));
        let granted = store.grant_by_invite(room, &secret_hash, &new).await;
        assert_eq!(granted.unwrap(), expected, "{room} {secret}");
    }
    join(&*store, "room", 3, 1).await;
    store.delete_room("room", NOW).await.unwrap();
    let granted = store.grant_by_invite("room", &hash(1), &new_grant(1)).await;
    assert_eq!(granted.unwrap(), Granted::NoRoom);
    let added = store.add_invite("room", &new_invite(5, Role::Viewer)).await;
    assert_eq!(added.unwrap(), None);
    assert_eq!(store.grants("room", ALL).await.unwrap().len(), 1);
}

/// As often as it says, by whichever node, and no use is lost.
pub async fn fifty_who_use_an_invite_at_once_are_counted(place: &dyn Place) {
    let stores = [place.open().await, place.open().await];
    doc(&*stores[0], "room", 0).await;
    let new = NewInvite {
        max_uses: Some(7),
        ..new_invite(1, Role::Editor)
    };
    invite(&*stores[0], "room", &new).await;
    let mut joining = JoinSet::new();
    for nth in 0..50_u32 {
        let store = Arc::clone(&stores[nth as usize % 2]);
        joining.spawn(async move {
            let (secret, new) = (hash(1), new_grant(nth));
            until_available(|| store.grant_by_invite("room", &secret, &new)).await
        });
    }
    let answers = joining.join_all().await;
    let given = answers.iter().filter(|it| matches!(it, Granted::Yes(_)));
    assert_eq!(given.count(), 7);
    let refused = answers.iter().filter(|it| **it == Granted::UsedUp);
    assert_eq!(refused.count(), 43);
    let told = stores[1].invites("room", ALL).await.unwrap();
    assert_eq!(told[0].uses, 7);
    assert_eq!(stores[0].grants("room", ALL).await.unwrap().len(), 7);
}

/// One person who asks twenty times at once has one grant, and takes one use.
pub async fn one_person_takes_one_use_of_an_invite(place: &dyn Place) {
    let stores = [place.open().await, place.open().await];
    doc(&*stores[0], "room", 0).await;
    let new = NewInvite {
        max_uses: Some(2),
        ..new_invite(1, Role::Editor)
    };
    invite(&*stores[0], "room", &new).await;
    let mut joining = JoinSet::new();
    for nth in 0..20 {
        let store = Arc::clone(&stores[nth % 2]);
        joining.spawn(async move {
            let (secret, new) = (hash(1), new_grant(5));
            until_available(|| store.grant_by_invite("room", &secret, &new)).await
        });
    }
    let answers = joining.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let told = stores[0].invites("room", ALL).await.unwrap();
    assert_eq!(told[0].uses, 1);
    assert_eq!(stores[0].grants("room", ALL).await.unwrap().len(), 1);
    assert_eq!(access(&*stores[0], "room").await, 0);
}
