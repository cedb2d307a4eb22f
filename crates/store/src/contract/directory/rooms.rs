//! Rooms beside their content: made, changed, deleted, weighed.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::super::{Node, append, doc, loaded, part, snapshot_of, until_available, update};
use super::{NOW, Place, access, create, entry, hash, new_room};
use crate::{
    Created, IdempotencyKey, KeyClaim, NewRoom, Role, RoomAppend, RoomChange, RoomEntry, RoomUsage,
    StoreError, Visibility,
};

/// With all that was said of it, also after opening again, and once.
pub async fn a_room_is_made_once(place: &dyn Place) {
    let store = place.open().await;
    let new = NewRoom {
        title: Some("Ann's \"board\" \u{1F58C}".into()),
        owner: Some("ann".into()),
        visibility: Some(Visibility::Public),
        link_role: Role::Editor,
        password: Some("$argon2id$".into()),
        frontend: Some("https://draw.example/{room}".into()),
        viewers_export: true,
        ..new_room("bo\u{e4}rd/1")
    };
    let made = create(&*store, &new).await;
    let expected = RoomEntry {
        id: made.id,
        name: new.name.clone(),
        title: new.title.clone(),
        owner: new.owner.clone(),
        visibility: new.visibility,
        link_role: new.link_role,
        password: new.password.clone(),
        password_version: 0,
        frontend: new.frontend.clone(),
        viewers_export: true,
        created_ms: NOW,
        active_ms: NOW,
        deleted_ms: None,
        access_version: 1,
    };
    assert_eq!(made, expected);
    store.close().await;
    let store = place.open().await;
    assert_eq!(entry(&*store, &new.name).await, expected);
    assert_eq!(store.room("bo\u{e4}rd").await.unwrap(), None);
    assert_eq!(store.create_room(&new).await.unwrap(), Created::Taken);
    assert_eq!(loaded(&*store, &new.name).await.head, 0);
    let batch = Node::new().batch(vec![part(&new.name, Some(made.id), &["1"])]);
    append(&*store, &batch).await;
    let drawn = entry(&*store, &new.name).await;
    assert!(drawn.active_ms > NOW, "{}", drawn.active_ms);
    assert_eq!((drawn.created_ms, drawn.access_version), (NOW, 1));
    store.delete_room(&new.name, NOW).await.unwrap();
    assert_eq!(store.create_room(&new).await.unwrap(), Created::Taken);
}

/// About which nobody has decided.
pub async fn a_room_that_was_drawn_in_is_nobodys(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 1).await;
    let drawn = entry(&*store, "room").await;
    assert_eq!((drawn.id, &*drawn.name), (id, "room"));
    assert_eq!((&drawn.owner, drawn.visibility), (&None, None));
    assert_eq!((&drawn.password, drawn.password_version), (&None, 0));
    assert_eq!((drawn.link_role, drawn.access_version), (Role::Viewer, 0));
    assert_eq!((&drawn.title, &drawn.frontend), (&None, &None));
    assert!(drawn.viewers_export && drawn.deleted_ms.is_none());
    assert!(drawn.created_ms > NOW && drawn.active_ms >= drawn.created_ms);
    let made = store.create_room(&new_room("room")).await.unwrap();
    assert_eq!(made, Created::Taken);
}

/// As long as the key is kept, and only for the same request.
pub async fn a_key_makes_a_repeated_request_harmless(place: &dyn Place) {
    let store = place.open().await;
    let keyed = |name: &str, key, request, time_ms| NewRoom {
        time_ms,
        idempotency: Some(IdempotencyKey {
            key: hash(key),
            request: hash(request),
        }),
        ..new_room(name)
    };
    let made = create(&*store, &keyed("a", 1, 1, NOW)).await;
    let again = store.create_room(&keyed("b", 1, 1, NOW + 1)).await.unwrap();
    assert_eq!(again, Created::Before(made));
    let title = RoomChange {
        title: Some(Some("changed".into())),
        ..RoomChange::default()
    };
    let changed = store.change_room("a", &title).await.unwrap().unwrap();
    let again = store.create_room(&keyed("a", 1, 1, NOW + 2)).await.unwrap();
    assert_eq!(again, Created::Before(changed));
    let other = store.create_room(&keyed("c", 1, 2, NOW)).await.unwrap();
    assert_eq!(other, Created::KeyReused);
    // A request that made nothing leaves its key free.
    let taken = store.create_room(&keyed("a", 2, 1, NOW)).await.unwrap();
    assert_eq!(taken, Created::Taken);
    create(&*store, &keyed("d", 2, 3, NOW)).await;
    // A day later the key is another one.
    let day = 24 * 60 * 60 * 1000;
    let late = keyed("e", 1, 2, NOW + day - 1);
    assert_eq!(store.create_room(&late).await.unwrap(), Created::KeyReused);
    create(&*store, &keyed("e", 1, 2, NOW + day)).await;
    for room in ["b", "c"] {
        assert_eq!(store.room(room).await.unwrap(), None);
    }
}

/// However many ask at once, also under other names.
pub async fn one_key_makes_one_room(place: &dyn Place) {
    let stores = [place.open().await, place.open().await];
    let mut asking = JoinSet::new();
    for nth in 0..20 {
        let store = Arc::clone(&stores[nth % 2]);
        let new = NewRoom {
            idempotency: Some(IdempotencyKey {
                key: hash(1),
                request: hash(1),
            }),
            ..new_room(&format!("room {nth}"))
        };
        asking.spawn(async move { until_available(|| store.create_room(&new)).await });
    }
    let mut made = Vec::new();
    let mut before = Vec::new();
    for answer in asking.join_all().await {
        match answer {
            Created::New(entry) => made.push(entry),
            Created::Before(entry) => before.push(entry),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((made.len(), before.len()), (1, 19));
    assert!(before.iter().all(|entry| *entry == made[0]));
}

/// And who has not said so for long is no more.
pub async fn a_key_is_one_requests_until_it_is_known_what_became_of_it(place: &dyn Place) {
    let store = place.open().await;
    let room = doc(&*store, "room", 1).await;
    let given = |key, request| IdempotencyKey {
        key: hash(key),
        request: hash(request),
    };
    let claim = async |key, request, time_ms| {
        let given = given(key, request);
        store.claim_key(room, &given, time_ms).await.unwrap()
    };
    assert_eq!(claim(1, 1, NOW).await, KeyClaim::Yes);
    assert_eq!(claim(1, 1, NOW + 1).await, KeyClaim::Underway);
    assert_eq!(claim(1, 2, NOW + 1).await, KeyClaim::KeyReused);
    assert_eq!(claim(2, 1, NOW + 1).await, KeyClaim::Yes);
    store.fulfil_key(&hash(1), Some(7)).await.unwrap();
    store.fulfil_key(&hash(2), None).await.unwrap();
    assert_eq!(claim(1, 1, NOW + 2).await, KeyClaim::Before(7));
    assert_eq!(claim(1, 2, NOW + 2).await, KeyClaim::KeyReused);
    assert_eq!(claim(2, 3, NOW + 2).await, KeyClaim::Yes);
    let minutes = 5 * 60 * 1000;
    assert_eq!(claim(2, 3, NOW + 1 + minutes).await, KeyClaim::Underway);
    assert_eq!(claim(2, 3, NOW + 2 + minutes).await, KeyClaim::Yes);
    assert_eq!(claim(2, 3, NOW + 3 + minutes).await, KeyClaim::Underway);
    assert_eq!(claim(1, 1, NOW + minutes).await, KeyClaim::Before(7));
    // By a room's key nothing else is made, and the other way round.
    let keyed = |name: &str, key| NewRoom {
        idempotency: Some(given(key, 9)),
        ..new_room(name)
    };
    create(&*store, &keyed("keyed", 3)).await;
    assert_eq!(claim(3, 1, NOW).await, KeyClaim::KeyReused);
    let other = store.create_room(&keyed("other", 1)).await.unwrap();
    assert_eq!(other, Created::KeyReused);
    let day = 24 * 60 * 60 * 1000;
    assert_eq!(claim(1, 2, NOW + day).await, KeyClaim::Yes);
    // They go with their room.
    store.delete_room("room", NOW).await.unwrap();
    assert!(store.purge_room("room").await.unwrap());
    let again = doc(&*store, "room", 1).await;
    store.fulfil_key(&hash(1), Some(8)).await.unwrap();
    let claimed = store.claim_key(again, &given(1, 1), NOW + day + 1).await;
    assert_eq!(claimed.unwrap(), KeyClaim::Yes);
}

/// What is changed, what the room is then, and whether that raises its access version.
type Change = (RoomChange, fn(&mut RoomEntry), bool);

/// And the access version rises where it decides who may come in.
pub async fn what_is_changed_of_a_room_is_there_and_nothing_else(place: &dyn Place) {
    let store = place.open().await;
    let mut expected = create(&*store, &new_room("room")).await;
    let nothing = RoomChange::default;
    let changes: [Change; 14] = [
        (nothing(), |_| (), false),
        (
            RoomChange {
                title: Some(Some("T".into())),
                ..nothing()
            },
            |room| room.title = Some("T".into()),
            false,
        ),
        (
            RoomChange {
                owner: Some(Some("ann".into())),
                ..nothing()
            },
            |room| room.owner = Some("ann".into()),
            true,
        ),
        (
            RoomChange {
                owner: Some(Some("ann".into())),
                ..nothing()
            },
            |_| (),
            false,
        ),
        (
            RoomChange {
                visibility: Some(Visibility::Public),
                ..nothing()
            },
            |room| room.visibility = Some(Visibility::Public),
            true,
        ),
        (
            RoomChange {
                link_role: Some(Role::Editor),
                ..nothing()
            },
            |room| room.link_role = Role::Editor,
            true,
        ),
        (
            RoomChange {
                password: Some(Some("$1".into())),
                ..nothing()
            },
            |room| (room.password, room.password_version) = (Some("$1".into()), 1),
            true,
        ),
        (
            RoomChange {
                password: Some(Some("$1".into())),
                ..nothing()
            },
            |room| room.password_version = 2,
            true,
        ),
        (
            RoomChange {
                password: Some(None),
                ..nothing()
            },
            |room| (room.password, room.password_version) = (None, 3),
            true,
        ),
        (
            RoomChange {
                frontend: Some(Some("https://x/{room}".into())),
                ..nothing()
            },
            |room| room.frontend = Some("https://x/{room}".into()),
            false,
        ),
        (
            RoomChange {
                viewers_export: Some(true),
                ..nothing()
            },
            |room| room.viewers_export = true,
            false,
        ),
        (
            RoomChange {
                title: Some(None),
                frontend: Some(None),
                ..nothing()
            },
            |room| (room.title, room.frontend) = (None, None),
            false,
        ),
        (
            RoomChange {
                owner: Some(None),
                link_role: Some(Role::Viewer),
                visibility: Some(Visibility::Private),
                ..nothing()
            },
            |room| {
                room.owner = None;
                room.link_role = Role::Viewer;
                room.visibility = Some(Visibility::Private);
            },
            true,
        ),
        (
            RoomChange {
                visibility: Some(Visibility::Private),
                link_role: Some(Role::Viewer),
                ..nothing()
            },
            |_| (),
            false,
        ),
    ];
    for (change, apply, raises) in changes {
        apply(&mut expected);
        expected.access_version += u64::from(raises);
        let changed = store.change_room("room", &change).await.unwrap();
        assert_eq!(changed.as_ref(), Some(&expected), "{change:?}");
        assert_eq!(entry(&*store, "room").await, expected);
        assert_eq!(access(&*store, "room").await, expected.access_version);
    }
    let change = RoomChange::default();
    assert_eq!(store.change_room("nobody", &change).await.unwrap(), None);
    store.delete_room("room", NOW).await.unwrap();
    assert_eq!(store.change_room("room", &change).await.unwrap(), None);
}

/// Everything it has stays, and it can still be loaded and written.
pub async fn a_room_is_deleted_and_comes_back(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 2).await;
    let before = entry(&*store, "room").await;
    let deleted = store.delete_room("room", NOW + 5).await.unwrap().unwrap();
    let expected = RoomEntry {
        deleted_ms: Some(NOW + 5),
        access_version: before.access_version + 1,
        ..before.clone()
    };
    assert_eq!(deleted, expected);
    let again = store.delete_room("room", NOW + 9).await.unwrap();
    assert_eq!(again.as_ref(), Some(&expected));
    assert_eq!(entry(&*store, "room").await, expected);
    let batch = Node::new().batch(vec![part("room", Some(id), &["3"])]);
    append(&*store, &batch).await;
    assert_eq!(loaded(&*store, "room").await.head, 3);
    let back = store.undelete_room("room").await.unwrap().unwrap();
    assert_eq!((back.deleted_ms, back.access_version), (None, 2));
    let again = store.undelete_room("room").await.unwrap();
    assert_eq!(again, Some(back));
    assert_eq!(access(&*store, "room").await, 2);
    assert_eq!(store.delete_room("nobody", NOW).await.unwrap(), None);
    assert_eq!(store.undelete_room("nobody").await.unwrap(), None);
}

/// Rows and snapshots, with their bytes.
pub async fn what_a_room_takes_is_told(place: &dyn Place) {
    let store = place.open().await;
    assert_eq!(store.usage("room").await.unwrap(), None);
    create(&*store, &new_room("room")).await;
    let empty = Some(RoomUsage::default());
    assert_eq!(store.usage("room").await.unwrap(), empty);
    let updates = vec![update(vec![0; 1000]), update(vec![1; 24])];
    let part = RoomAppend {
        room: "room".into(),
        id: None,
        updates,
    };
    let id = append(&*store, &Node::new().batch(vec![part])).await.rooms[0].id;
    doc(&*store, "other", 9).await;
    store.add_snapshot(&snapshot_of(id, 1, 1)).await.unwrap();
    store.add_snapshot(&snapshot_of(id, 2, 2)).await.unwrap();
    let usage = RoomUsage {
        head: 2,
        updates: 2,
        update_bytes: 1024,
        snapshots: 2,
        snapshot_bytes: 6,
        exports: 0,
        export_bytes: 0,
        assets: 0,
        asset_bytes: 0,
    };
    assert_eq!(store.usage("room").await.unwrap(), Some(usage));
}

/// In each of its texts.
pub async fn what_no_database_takes_is_invalid_in_the_directory(place: &dyn Place) {
    let store = place.open().await;
    let id = doc(&*store, "room", 0).await;
    let bad: Arc<str> = "a\0b".into();
    let is_invalid = |answer: Result<(), StoreError>| {
        assert!(matches!(answer, Err(StoreError::Invalid(_))), "{answer:?}");
    };
    for name in ["", "a\0b"] {
        is_invalid(store.create_room(&new_room(name)).await.map(drop));
    }
    let texts: [fn(&mut NewRoom, Arc<str>); 4] = [
        |new, bad| new.title = Some(bad),
        |new, bad| new.owner = Some(bad),
        |new, bad| new.password = Some(bad),
        |new, bad| new.frontend = Some(bad),
    ];
    for text in texts {
        let mut new = new_room("new");
        text(&mut new, bad.clone());
        is_invalid(store.create_room(&new).await.map(drop));
    }
    let texts: [fn(&mut RoomChange, Arc<str>); 4] = [
        |change, bad| change.title = Some(Some(bad)),
        |change, bad| change.owner = Some(Some(bad)),
        |change, bad| change.password = Some(Some(bad)),
        |change, bad| change.frontend = Some(Some(bad)),
    ];
    for text in texts {
        let mut change = RoomChange::default();
        text(&mut change, bad.clone());
        is_invalid(store.change_room("room", &change).await.map(drop));
    }
    let good = || super::new_invite(1, Role::Viewer);
    for new in [
        crate::NewInvite {
            label: Some(bad.clone()),
            ..good()
        },
        crate::NewInvite {
            created_by: Some(bad.clone()),
            ..good()
        },
        crate::NewInvite {
            max_uses: Some(0),
            ..good()
        },
    ] {
        is_invalid(store.add_invite("room", &new).await.map(drop));
    }
    let new = crate::NewGrant {
        name: Some(bad.clone()),
        ..super::new_grant(1)
    };
    is_invalid(store.grant_by_password("room", 0, &new).await.map(drop));
    let answer = store.grant_by_invite("room", &hash(1), &new).await;
    is_invalid(answer.map(drop));
    is_invalid(store.block("room", &bad, NOW).await.map(drop));
    let good = super::stays::stay("room", 1);
    for stay in [
        crate::Stay {
            identity: Some(bad.clone()),
            ..good.clone()
        },
        crate::Stay {
            name: Some(bad.clone()),
            ..good.clone()
        },
        crate::Stay {
            room: bad.clone(),
            ..good.clone()
        },
    ] {
        is_invalid(store.note_stays(&[good.clone(), stay]).await);
    }
    assert_eq!(store.participants("room", super::ALL).await.unwrap(), []);
    assert_eq!(store.room("new").await.unwrap(), None);
    let untouched = entry(&*store, "room").await;
    assert_eq!((untouched.id, untouched.access_version), (id, 0));
}
