//! The decision against an independent statement of it, tokens against attacks, and a doorkeeper with a store.

mod deciding;
mod doors;
mod tokens;

use std::sync::Arc;

use scrible_store::{Role, RoomEntry, RoomId};

use super::{Claims, Secret, TokensConfig};

/// What tests call now.
const NOW_MS: i64 = 1_000_000;

/// A secret that is long enough.
fn shared() -> Secret {
    Secret::new("0123456789abcdef0123456789abcdef")
}

fn tokens_config() -> TokensConfig {
    TokensConfig {
        secret: Some(shared()),
        public_key: None,
        key_set: None,
        issuer: None,
        audience: None,
        rooms_claim: "rooms".to_owned(),
        leeway: std::time::Duration::from_secs(30),
    }
}

/// What a token of Ann's says that is good for a while.
fn claims(rooms: &[(&str, Role)]) -> Claims {
    Claims {
        subject: "ann".into(),
        name: Some("Ann".into()),
        rooms: rooms
            .iter()
            .map(|(pattern, role)| (Arc::from(*pattern), *role))
            .collect(),
        is_admin: false,
        expires_ms: NOW_MS + 5_000,
    }
}

/// A room about which nobody has decided anything.
fn entry(name: &str) -> RoomEntry {
    RoomEntry {
        id: RoomId(1),
        name: name.into(),
        title: None,
        owner: None,
        visibility: None,
        link_role: Role::Editor,
        password: None,
        password_version: 0,
        frontend: None,
        viewers_export: false,
        created_ms: 0,
        active_ms: 0,
        deleted_ms: None,
        access_version: 1,
    }
}
