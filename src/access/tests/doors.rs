//! A doorkeeper with a store: that what is brought becomes facts, and facts an answer.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::SystemTime;

use hyper::header::HeaderMap;
use jsonwebtoken::{EncodingKey, Header, encode};
use scrible_store::{
    Directory, Granted, MemoryStore, NewGrant, NewInvite, NewRoom, Role, RoomChange, Store,
    Visibility,
};
use serde_json::{Value, json};

use super::{shared, tokens_config};
use crate::access::{
    Credentials, Denied, Doorkeeper, DoorkeeperConfig, From, Gate, Hosts, Identity, Knock, Mode,
    Origin, Origins, Others, Request, Secret, Seen, Transport, link,
};
use crate::room::RoomName;

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_millis() as i64
}

fn token(claims: Value) -> Secret {
    let mut all = json!({"sub": "ann", "exp": now_ms() / 1000 + 600});
    all.as_object_mut()
        .unwrap()
        .extend(claims.as_object().unwrap().clone());
    let key = EncodingKey::from_secret(shared().reveal().as_bytes());
    Secret::new(&encode(&Header::default(), &all, &key).unwrap())
}

fn knock(credentials: Credentials) -> Knock {
    Knock {
        credentials,
        from: From::KnownPage,
        peer: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)),
        is_local: false,
    }
}

fn with_token(claims: Value) -> Knock {
    knock(Credentials {
        token: Some(token(claims)),
        ..Credentials::default()
    })
}

fn with_link(link: &Secret) -> Knock {
    knock(Credentials {
        link: Some(link.clone()),
        ..Credentials::default()
    })
}

fn with_cookie(cookie: &Secret) -> Knock {
    knock(Credentials {
        cookie: Some(cookie.clone()),
        ..Credentials::default()
    })
}

fn door(store: &Arc<MemoryStore>, mode: Mode) -> Doorkeeper {
    let config = DoorkeeperConfig {
        mode,
        origins: Origins {
            listed: vec![Origin::parse("https://draw.example").unwrap()],
            others: Others::Foreign,
        },
        transport: Transport::Https,
    };
    Doorkeeper::new(store.clone(), config).unwrap()
}

fn guarded(store: &Arc<MemoryStore>) -> Doorkeeper {
    door(store, Mode::Guarded(tokens_config()))
}

fn room(name: &str) -> RoomName {
    RoomName::new(name).unwrap()
}

async fn create(store: &MemoryStore, name: &str, visibility: Visibility) {
    let new = NewRoom {
        name: name.into(),
        title: None,
        owner: Some("owner".into()),
        visibility: Some(visibility),
        link_role: Role::Viewer,
        password: None,
        frontend: None,
        viewers_export: false,
        time_ms: now_ms(),
        idempotency: None,
    };
    store.create_room(&new).await.unwrap();
}

/// A cookie with a grant by an invite, and its link.
async fn guest(store: &MemoryStore, name: &str, role: Role) -> (Secret, Secret, i64) {
    let cookie = Secret::random();
    let invite = Secret::random();
    let new = NewInvite {
        secret: invite.hash(),
        role,
        label: None,
        created_by: None,
        created_ms: now_ms(),
        expires_ms: None,
        max_uses: None,
    };
    store.add_invite(name, &new).await.unwrap();
    let grant = NewGrant {
        session: cookie.hash(),
        name: Some("Guest".into()),
        time_ms: now_ms(),
        expires_ms: now_ms() + 60_000,
    };
    let Granted::Yes(grant) = store
        .grant_by_invite(name, &invite.hash(), &grant)
        .await
        .unwrap()
    else {
        panic!("the invite is good");
    };
    let link = link::secret(&cookie, &room(name), grant.epoch);
    store.set_grant_link(grant.id, &link.hash()).await.unwrap();
    (cookie, link, grant.id)
}

#[tokio::test]
async fn u8_a_token_opens_what_it_names_and_nothing_else() {
    let store = Arc::new(MemoryStore::new());
    create(&store, "demo", Visibility::Private).await;
    let door = guarded(&store);
    let ann = with_token(json!({"rooms": {"demo": "editor"}, "name": "Ann"}));
    let admitted = door.admit(&room("demo"), &ann).await.unwrap();
    assert_eq!(admitted.role, Role::Editor);
    assert_eq!(admitted.identity, Identity(Some("sub:ann".into())));
    assert_eq!(admitted.name.as_deref(), Some("Ann"));
    assert!(admitted.until_ms.unwrap() > now_ms());
    assert_eq!(
        door.admit(&room("other"), &ann).await.unwrap_err(),
        Denied::Forbidden
    );
    let nobody = knock(Credentials::default());
    assert_eq!(
        door.admit(&room("demo"), &nobody).await.unwrap_err(),
        Denied::NoCredentials
    );
    assert_eq!(
        door.admit(&room("absent"), &nobody).await.unwrap_err(),
        Denied::NoCredentials
    );
    let expired = with_token(json!({"exp": 1}));
    assert_eq!(
        door.admit(&room("demo"), &expired).await.unwrap_err(),
        Denied::BadToken("it has expired")
    );
    let foreign = Knock {
        from: From::ForeignPage,
        ..ann.clone()
    };
    assert_eq!(
        door.admit(&room("demo"), &foreign).await.unwrap_err(),
        Denied::ForeignPage
    );
    assert_eq!(
        door.caller(&foreign).await.unwrap_err(),
        Denied::ForeignPage
    );
    assert_eq!(
        door.caller(&expired).await.unwrap_err(),
        Denied::BadToken("it has expired")
    );
}

#[tokio::test]
async fn u10_grants_let_in_by_cookie_and_by_link_until_they_are_revoked() {
    let store = Arc::new(MemoryStore::new());
    create(&store, "demo", Visibility::Private).await;
    create(&store, "other", Visibility::Private).await;
    let door = guarded(&store);
    let (cookie, link, grant) = guest(&store, "demo", Role::Editor).await;
    for knock in [with_cookie(&cookie), with_link(&link)] {
        let admitted = door.admit(&room("demo"), &knock).await.unwrap();
        assert_eq!(admitted.role, Role::Editor);
        assert_eq!(
            admitted.identity.0.as_deref(),
            Some(&*format!("grant:{grant}"))
        );
        assert_eq!(admitted.name.as_deref(), Some("Guest"));
        let again = door.readmit(&room("demo"), &admitted.basis).await.unwrap();
        assert_eq!(again.role, Role::Editor);
        assert!(door.admit(&room("other"), &knock).await.is_err());
    }
    let program = Knock {
        from: From::NoPage,
        ..with_cookie(&cookie)
    };
    assert_eq!(
        door.admit(&room("demo"), &program).await.unwrap_err(),
        Denied::NoCredentials
    );
    let wrong = with_link(&link::secret(&cookie, &room("demo"), 99));
    assert!(matches!(
        door.admit(&room("demo"), &wrong).await.unwrap_err(),
        Denied::DeadGrant(_)
    ));

    let basis = door
        .admit(&room("demo"), &with_link(&link))
        .await
        .unwrap()
        .basis;
    store.revoke_grant("demo", grant, now_ms()).await.unwrap();
    assert_eq!(
        door.readmit(&room("demo"), &basis).await.unwrap_err(),
        Denied::DeadGrant("it was revoked")
    );
    for knock in [with_cookie(&cookie), with_link(&link)] {
        assert_eq!(
            door.admit(&room("demo"), &knock).await.unwrap_err(),
            Denied::DeadGrant("it was revoked")
        );
    }
}

#[tokio::test]
async fn u1_an_admission_is_judged_anew_by_what_is_so_now() {
    let store = Arc::new(MemoryStore::new());
    create(&store, "demo", Visibility::Public).await;
    let door = guarded(&store);
    let nobody = knock(Credentials::default());
    let admitted = door.admit(&room("demo"), &nobody).await.unwrap();
    assert_eq!((admitted.role, admitted.until_ms), (Role::Viewer, None));
    let change =
        async |change: RoomChange| store.change_room("demo", &change).await.unwrap().unwrap();
    change(RoomChange {
        link_role: Some(Role::Editor),
        ..RoomChange::default()
    })
    .await;
    assert_eq!(
        door.readmit(&room("demo"), &admitted.basis)
            .await
            .unwrap()
            .role,
        Role::Editor
    );
    change(RoomChange {
        visibility: Some(Visibility::Private),
        ..RoomChange::default()
    })
    .await;
    assert_eq!(
        door.readmit(&room("demo"), &admitted.basis)
            .await
            .unwrap_err(),
        Denied::NoCredentials
    );
    let ann = door
        .admit(
            &room("demo"),
            &with_token(json!({"rooms": {"*": "viewer"}})),
        )
        .await
        .unwrap();
    store
        .block("demo", "sub:ann", now_ms() + 60_000)
        .await
        .unwrap();
    assert_eq!(
        door.readmit(&room("demo"), &ann.basis).await.unwrap_err(),
        Denied::Blocked
    );
    store.block("demo", "sub:ann", 0).await.unwrap();
    assert_eq!(
        door.readmit(&room("demo"), &ann.basis).await.unwrap().role,
        Role::Viewer
    );
    let mut late = ann.basis.clone();
    let claims = Arc::make_mut(late.claims.as_mut().unwrap());
    claims.expires_ms = now_ms();
    assert_eq!(
        door.readmit(&room("demo"), &late).await.unwrap_err(),
        Denied::BadToken("it has expired")
    );
    store.delete_room("demo", now_ms()).await.unwrap();
    assert_eq!(
        door.readmit(&room("demo"), &ann.basis).await.unwrap_err(),
        Denied::Deleted
    );
}

#[tokio::test]
async fn u13_an_open_server_looks_at_no_tokens() {
    let store = Arc::new(MemoryStore::new());
    create(&store, "closed", Visibility::Private).await;
    let door = door(&store, Mode::Open(Hosts::OfThisMachine));
    let anybody = with_token(json!({"exp": 1, "scope": "scrible:admin"}));
    let admitted = door.admit(&room("demo"), &anybody).await.unwrap();
    assert_eq!(
        (admitted.role, admitted.identity),
        (Role::Editor, Identity(None))
    );
    assert_eq!(
        door.admit(&room("closed"), &anybody).await.unwrap_err(),
        Denied::NoCredentials
    );
    let here = Knock {
        is_local: true,
        ..anybody
    };
    assert_eq!(
        door.admit(&room("closed"), &here).await.unwrap().role,
        Role::Owner
    );
    assert!(door.caller(&here).await.unwrap().is_admin);
}

#[tokio::test]
async fn u15_a_caller_may_know_of_and_make_what_he_could_enter() {
    let store = Arc::new(MemoryStore::new());
    let door = guarded(&store);
    let nobody = door.caller(&knock(Credentials::default())).await.unwrap();
    let visible = nobody.visible.unwrap();
    assert!(!nobody.may_create && !nobody.is_admin && !visible.public);
    assert_eq!((visible.owner, visible.session), (None, None));
    let cookie = Secret::random();
    let guest = door.caller(&with_cookie(&cookie)).await.unwrap();
    assert_eq!(guest.visible.unwrap().session, Some(cookie.hash()));
    let viewer = door
        .caller(&with_token(json!({"rooms": {"a": "viewer"}})))
        .await
        .unwrap();
    assert!(!viewer.may_create);
    let editor = door
        .caller(&with_token(
            json!({"rooms": {"a": "viewer", "b/*": "editor"}}),
        ))
        .await
        .unwrap();
    let visible = editor.visible.unwrap();
    assert!(editor.may_create && visible.public);
    assert_eq!(
        (editor.subject.as_deref(), visible.owner.as_deref()),
        (Some("ann"), Some("ann"))
    );
    assert_eq!(
        (visible.names, visible.prefixes),
        (vec!["a".into()], vec!["b/".into()])
    );
    let admin = door
        .caller(&with_token(json!({"scope": "scrible:admin"})))
        .await
        .unwrap();
    assert!(admin.is_admin && admin.may_create && admin.visible.is_none());
}

#[tokio::test]
async fn u1_what_cannot_be_looked_up_is_not_decided() {
    let store = Arc::new(MemoryStore::new());
    let door = guarded(&store);
    let ann = with_token(json!({"rooms": {"*": "owner"}}));
    let admitted = door.admit(&room("demo"), &ann).await.unwrap();
    store.close().await;
    assert_eq!(
        door.admit(&room("demo"), &ann).await.unwrap_err(),
        Denied::Undecided
    );
    assert_eq!(
        door.readmit(&room("demo"), &admitted.basis)
            .await
            .unwrap_err(),
        Denied::Undecided
    );
    // Whoever is refused anyway needs no store.
    assert!(matches!(
        door.admit(&room("demo"), &with_token(json!({"exp": 1})))
            .await
            .unwrap_err(),
        Denied::BadToken(_)
    ));
}

#[tokio::test]
async fn u4_a_page_is_judged_by_its_origin_and_the_name_that_it_called() {
    let store = Arc::new(MemoryStore::new());
    let guarded = guarded(&store);
    assert_eq!(
        guarded.page(Some("https://draw.example"), Some("sync.example")),
        From::KnownPage
    );
    assert_eq!(
        guarded.page(Some("https://evil.example"), Some("sync.example")),
        From::ForeignPage
    );
    assert_eq!(guarded.page(None, Some("sync.example")), From::NoPage);
    assert!(guarded.serves_host(None) && guarded.cookie() == "__Host-scrible");
    let here = door(&store, Mode::Open(Hosts::OfThisMachine));
    assert_eq!(
        here.page(Some("https://draw.example"), Some("localhost:1")),
        From::KnownPage
    );
    assert_eq!(
        here.page(Some("https://draw.example"), Some("draw.example")),
        From::ForeignPage
    );
    assert!(!here.serves_host(Some("draw.example")) && !here.serves_host(None));
    assert!(here.serves_host(Some("127.0.0.1:3001")));
}

#[test]
fn u5_a_page_of_the_same_origin_is_known_where_its_origin_is() {
    let store = Arc::new(MemoryStore::new());
    let door = guarded(&store);
    for (list, from) in [
        (
            &[("host", "draw.example"), ("sec-fetch-site", "same-origin")][..],
            From::KnownPage,
        ),
        (
            &[("host", "other.example"), ("sec-fetch-site", "same-origin")],
            From::NoPage,
        ),
        (&[("sec-fetch-site", "same-origin")], From::NoPage),
        (
            &[("host", "draw.example"), ("sec-fetch-site", "same-site")],
            From::NoPage,
        ),
        (
            &[("host", "draw.example"), ("sec-fetch-site", "none")],
            From::NoPage,
        ),
        (&[("host", "draw.example")], From::NoPage),
        (
            &[
                ("host", "draw.example"),
                ("sec-fetch-site", "same-origin"),
                ("origin", "https://evil.example"),
            ],
            From::ForeignPage,
        ),
    ] {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, value.parse().unwrap());
        }
        let request = Request {
            headers: &headers,
            query: None,
            link: None,
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            is_local: false,
        };
        assert_eq!(Knock::of(&door, &request).from, from, "{list:?}");
    }
}

#[tokio::test]
async fn u1_what_was_read_of_the_room_comes_with_the_decision() {
    let store = Arc::new(MemoryStore::new());
    create(&store, "open", Visibility::Public).await;
    let door = guarded(&store);
    let admin = with_token(json!({"scope": "scrible:admin"}));
    let seen = async |name: &str| door.admit(&room(name), &admin).await.unwrap().seen;
    let stored = store.room("open").await.unwrap().unwrap();
    assert_eq!(seen("open").await, Seen::Room(Some(Box::new(stored))));
    assert_eq!(seen("none").await, Seen::Room(None));
}
