//! Who may do what: turns what a connection brings with it into a role in a room.
//!
//! A seam: everything above asks a [`Gate`] and knows nothing of how it decides. A gate that cannot decide must refuse.

use std::net::IpAddr;
use std::sync::Arc;

use crate::room::RoomName;

/// What a session may do in its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sees edits and cursors, shows its own cursor, changes nothing.
    Viewer,
    /// Edits.
    Editor,
}

/// Whom a session speaks for. Sessions of one identity may move a cursor between them (two tabs of one person).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity(pub Option<Arc<str>>);

/// What a gate looks at.
#[derive(Debug)]
pub struct Knock<'a> {
    /// The room that is asked for.
    pub room: &'a RoomName,
    /// The query string of the request, without its `?`.
    pub query: Option<&'a str>,
    /// The address of the client; behind a configured proxy, the one that the proxy names.
    pub peer: IpAddr,
}

/// A gate's answer.
#[derive(Debug, Clone)]
pub struct Admission {
    /// What the session may do.
    pub role: Role,
    /// Whom it speaks for.
    pub identity: Identity,
}

/// Decides who may enter a room.
pub trait Gate: Send + Sync + 'static {
    /// Admits a connection to a room with a role.
    fn admit(&self, knock: &Knock<'_>) -> Admission;
}

/// Everyone who reaches the server may edit every room.
#[derive(Debug, Clone, Copy)]
pub struct OpenGate;

impl Gate for OpenGate {
    fn admit(&self, _: &Knock<'_>) -> Admission {
        Admission {
            role: Role::Editor,
            identity: Identity::default(),
        }
    }
}
