//! Rooms listed: by name, by what is in it, by who asks.

use std::sync::Arc;

use super::super::doc;
use super::{FAR, NOW, Place, create, hash, invite, join, new_grant, new_invite, new_room};
use crate::{NewRoom, Role, RoomChange, RoomQuery, SecretHash, Store, Visibility, VisibleTo};

fn all() -> RoomQuery {
    RoomQuery {
        after: None,
        limit: 1_000,
        search: None,
        deleted: false,
        visible_to: None,
    }
}

async fn names(store: &dyn Store, query: &RoomQuery) -> Vec<Arc<str>> {
    let rooms = store.rooms(query).await.expect("an answer");
    rooms.into_iter().map(|room| room.name).collect()
}

/// Page by page, without a gap and without a room that stands twice.
pub async fn rooms_are_listed_by_the_bytes_of_their_names(place: &dyn Place) {
    let store = place.open().await;
    let mut expected: Vec<Arc<str>> = Vec::new();
    for name in [
        "b",
        "a",
        "B",
        "\u{e4}",
        "a/1",
        "a b",
        "\u{1F58C}",
        "\u{ff5e}",
        "zz",
    ] {
        match expected.len() % 2 {
            0 => drop(create(&*store, &new_room(name)).await),
            _ => drop(doc(&*store, name, 1).await),
        }
        expected.push(name.into());
    }
    doc(&*store, "deleted", 1).await;
    store.delete_room("deleted", NOW).await.unwrap();
    expected.sort_unstable();
    assert_eq!(names(&*store, &all()).await, expected);
    let mut paged = Vec::new();
    loop {
        let query = RoomQuery {
            after: paged.last().cloned(),
            limit: 2,
            ..all()
        };
        let page = names(&*store, &query).await;
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 2);
        paged.extend(page);
    }
    assert_eq!(paged, expected);
    let deleted = RoomQuery {
        deleted: true,
        ..all()
    };
    assert_eq!(names(&*store, &deleted).await, ["deleted".into()]);
    let found = store.rooms(&all()).await.unwrap();
    let again = store.room(&found[0].name).await.unwrap();
    assert_eq!(again.as_ref(), found.first());
}

/// Nothing that is searched for is a wildcard, and only letters of ASCII are the same in either case.
pub async fn rooms_are_searched_letter_by_letter(place: &dyn Place) {
    let store = place.open().await;
    let titled = [
        ("per%cent", None),
        ("under_score", None),
        ("quo'te\"s", None),
        ("back\\slash", None),
        (
            "\u{5dc}\u{5d5}\u{5d7}",
            Some("\u{5e9}\u{5dc}\u{5d5}\u{5dd}"),
        ),
        ("Plain", Some("A 100 % title")),
        ("umlaut", Some("\u{c4}rger")),
    ];
    for (name, title) in titled {
        let new = NewRoom {
            title: title.map(Into::into),
            ..new_room(name)
        };
        create(&*store, &new).await;
    }
    for (search, expected) in [
        ("%", &["Plain", "per%cent"][..]),
        ("_", &["under_score"]),
        ("'", &["quo'te\"s"]),
        ("\"", &["quo'te\"s"]),
        ("\\", &["back\\slash"]),
        ("\u{5dc}\u{5d5}", &["\u{5dc}\u{5d5}\u{5d7}"]),
        ("\u{5e9}", &["\u{5dc}\u{5d5}\u{5d7}"]),
        ("PLAIN", &["Plain"]),
        ("plain", &["Plain"]),
        ("tITLe", &["Plain"]),
        ("\u{c4}RG", &["umlaut"]),
        ("\u{e4}rg", &[]),
        ("e%e", &[]),
        ("; DROP TABLE rooms", &[]),
    ] {
        let query = RoomQuery {
            search: Some(search.into()),
            ..all()
        };
        let expected: Vec<Arc<str>> = expected.iter().map(|&name| name.into()).collect();
        assert_eq!(names(&*store, &query).await, expected, "{search:?}");
    }
    let empty = RoomQuery {
        search: Some("".into()),
        ..all()
    };
    assert_eq!(names(&*store, &empty).await.len(), titled.len());
}

/// Each way is enough, and none lets anybody know of more.
pub async fn rooms_are_listed_for_whom_they_are_visible(place: &dyn Place) {
    let store = place.open().await;
    let owned = |name: &str, owner: Option<&str>, visibility| NewRoom {
        owner: owner.map(Into::into),
        visibility,
        ..new_room(name)
    };
    let private = Some(Visibility::Private);
    for new in [
        owned("anns", Some("ann"), private),
        owned("bobs", Some("bob"), private),
        owned("open", Some("bob"), Some(Visibility::Public)),
        owned("team/1", None, private),
        owned("team%", None, private),
        owned("unset", None, None),
        owned("joined", Some("bob"), private),
        owned("revoked", Some("bob"), private),
        owned("expired", Some("bob"), private),
        owned("fallen", Some("bob"), private),
        owned("changed", Some("bob"), private),
    ] {
        create(&*store, &new).await;
    }
    for (nth, room) in (1..).zip(["joined", "revoked", "fallen"]) {
        let invite = invite(&*store, room, &new_invite(nth, Role::Viewer)).await;
        let grant = join(&*store, room, nth, 1).await;
        match room {
            "revoked" => drop(store.revoke_grant(room, grant.id, NOW).await.unwrap()),
            "fallen" => drop(store.revoke_invite(room, invite.id, NOW).await.unwrap()),
            _ => {}
        }
    }
    invite(&*store, "expired", &new_invite(9, Role::Viewer)).await;
    let expired = crate::NewGrant {
        expires_ms: NOW + 1,
        ..new_grant(1)
    };
    let granted = store.grant_by_invite("expired", &hash(9), &expired).await;
    assert!(matches!(granted, Ok(crate::Granted::Yes(_))));
    let password = |text: &str| RoomChange {
        password: Some(Some(text.into())),
        ..RoomChange::default()
    };
    store.change_room("changed", &password("$1")).await.unwrap();
    let granted = store.grant_by_password("changed", 1, &new_grant(1)).await;
    assert!(matches!(granted, Ok(crate::Granted::Yes(grant)) if grant.expires_ms == FAR));
    let by_session = |session: SecretHash| VisibleTo {
        session: Some(session),
        ..VisibleTo::default()
    };
    assert_eq!(
        visible(&*store, by_session(hash(1))).await,
        ["changed", "joined"]
    );
    store.change_room("changed", &password("$2")).await.unwrap();
    let nobody = VisibleTo::default;
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.into()).collect();
    let cases: [(VisibleTo, &[&str]); 8] = [
        (nobody(), &[]),
        (by_session(hash(1)), &["joined"]),
        (by_session(hash(2)), &[]),
        (
            VisibleTo {
                owner: Some("ann".into()),
                ..nobody()
            },
            &["anns"],
        ),
        (
            VisibleTo {
                names: texts(&["bobs", "nobody", "team%", "quo'te"]),
                ..nobody()
            },
            &["bobs", "team%"],
        ),
        (
            VisibleTo {
                prefixes: texts(&["team/", "%", "_"]),
                ..nobody()
            },
            &["team/1"],
        ),
        (
            VisibleTo {
                public: true,
                ..nobody()
            },
            &["open"],
        ),
        (
            VisibleTo {
                owner: Some("ann".into()),
                prefixes: texts(&["team", ""]),
                ..nobody()
            },
            &[
                "anns", "bobs", "changed", "expired", "fallen", "joined", "open", "revoked",
                "team%", "team/1", "unset",
            ],
        ),
    ];
    for (to, expected) in cases {
        assert_eq!(visible(&*store, to.clone()).await, expected, "{to:?}");
    }
}

async fn visible(store: &dyn Store, to: VisibleTo) -> Vec<String> {
    let query = RoomQuery {
        visible_to: Some(to),
        ..all()
    };
    let names = names(store, &query).await;
    names.iter().map(|name| name.to_string()).collect()
}
