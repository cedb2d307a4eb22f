//! The directory: who owns which room, who may come in, and who was there.

mod facts;
mod grants;
mod invites;
mod listing;
mod purging;
mod rooms;
mod stays;

use std::sync::Arc;

pub use self::facts::*;
pub use self::grants::*;
pub use self::invites::*;
pub use self::listing::*;
pub use self::purging::*;
pub use self::rooms::*;
pub use self::stays::*;
use super::Place;
use crate::{
    Created, FactsQuery, Grant, Granted, Invite, NewGrant, NewInvite, NewRoom, Page, Role,
    RoomEntry, SecretHash, Store, Visibility,
};

/// Now, in these cases.
const NOW: i64 = 1_700_000_000_000;
/// Later than any clock that runs these cases.
const FAR: i64 = 32_000_000_000_000;
const ALL: Page = Page {
    before: None,
    limit: 10_000,
};

/// A secret's hash that differs for each number.
fn hash(number: u32) -> SecretHash {
    let mut hash = [7; 32];
    hash[..4].copy_from_slice(&number.to_be_bytes());
    hash
}

fn new_room(name: &str) -> NewRoom {
    NewRoom {
        name: name.into(),
        title: None,
        owner: None,
        visibility: Some(Visibility::Private),
        link_role: Role::Viewer,
        password: None,
        frontend: None,
        viewers_export: false,
        time_ms: NOW,
        idempotency: None,
    }
}

async fn create(store: &dyn Store, new: &NewRoom) -> RoomEntry {
    match store.create_room(new).await.expect("an answer") {
        Created::New(entry) => entry,
        other => panic!("{other:?}"),
    }
}

async fn entry(store: &dyn Store, room: &str) -> RoomEntry {
    let found = store.room(room).await.expect("an answer");
    found.expect("the room is there")
}

/// The access version as nodes learn of it, which is that of the room.
async fn access(store: &dyn Store, room: &str) -> u64 {
    let heads = store.heads(&[Arc::from(room)]).await.expect("an answer");
    let version = heads[0].access_version;
    assert_eq!(version, entry(store, room).await.access_version);
    version
}

fn new_invite(secret: u32, role: Role) -> NewInvite {
    NewInvite {
        secret: hash(secret),
        role,
        label: None,
        created_by: None,
        created_ms: NOW,
        expires_ms: None,
        max_uses: None,
    }
}

async fn invite(store: &dyn Store, room: &str, new: &NewInvite) -> Invite {
    let added = store.add_invite(room, new).await.expect("an answer");
    added.expect("the room is there")
}

fn new_grant(session: u32) -> NewGrant {
    NewGrant {
        session: hash(session),
        name: None,
        time_ms: NOW,
        expires_ms: FAR,
    }
}

/// Joins by an invite.
async fn join(store: &dyn Store, room: &str, secret: u32, session: u32) -> Grant {
    let new = new_grant(session);
    let granted = store.grant_by_invite(room, &hash(secret), &new).await;
    given(granted.expect("an answer"))
}

fn given(granted: Granted) -> Grant {
    match granted {
        Granted::Yes(grant) => grant,
        other => panic!("{other:?}"),
    }
}

fn by_session(session: u32) -> FactsQuery {
    FactsQuery {
        session: Some(hash(session)),
        time_ms: NOW,
        ..FactsQuery::default()
    }
}
