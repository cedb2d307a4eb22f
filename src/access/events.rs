//! What happened that somebody who watches over the server wants to know, as records under one target of the log.
//!
//! The rule: rooms are called by their names without what stood behind them, and nothing here is a secret.

use std::net::IpAddr;

use super::{Denied, Identity};
use crate::room::RoomName;

/// The target of all such records, also of those made elsewhere.
pub const TARGET: &str = "scrible::security";

/// Somebody was not let in. Who only had nothing to show, or came a little late, is no reason to look up.
pub fn auth_failed(denied: &Denied, room: Option<&RoomName>, peer: IpAddr, identity: &Identity) {
    let identity = identity.0.as_deref();
    let room = room.map(RoomName::as_str);
    match denied {
        Denied::Undecided => {}
        Denied::NoCredentials | Denied::Deleted | Denied::BadToken(super::claims::EXPIRED) => {
            tracing::info!(target: TARGET, event = "auth_failed", reason = %denied, room, %peer, identity);
        }
        _ => {
            tracing::warn!(target: TARGET, event = "auth_failed", reason = %denied, room, %peer, identity);
        }
    }
}
