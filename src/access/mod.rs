//! Who may do what: turns what a request brings with it into a role in a room.
//!
//! A seam: everything above asks a [`Gate`] and knows nothing of how it decides. The rule: a gate that cannot decide refuses.

pub mod attempts;
mod claims;
mod credentials;
mod decide;
mod doorkeeper;
pub mod events;
mod keys;
pub mod link;
mod origin;
mod own_secrets;
pub mod password;
mod pattern;
mod secret;
mod sites;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use scrible_store::{RoomEntry, SecretHash, VisibleTo};

pub use claims::{ADMIN_SCOPE, Tokens, TokensConfig};
pub use credentials::{PLAIN_COOKIE, Request, SECURE_COOKIE, sits_here};
pub use decide::{grant_identity, subject_identity};
pub use doorkeeper::{Doorkeeper, DoorkeeperConfig, Hosts, Mode, Transport};
pub use keys::{BadKey, Keys};
pub use origin::{Origin, Origins, Others, is_loopback_host, is_loopback_name};
pub use own_secrets::OwnSecrets;
pub use scrible_store::Role;
pub use secret::Secret;
pub use sites::{FrontendUrl, PublicUrl};

use crate::room::RoomName;

/// Whom a session speaks for: `sub:` and the subject of a token, `grant:` and the id of a grant, or nobody in particular. Sessions of one
/// identity may move a cursor between them (two tabs of one person).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Identity(pub Option<Arc<str>>);

/// What a request brings to prove who sends it; all of it secret, and none of it looked at yet.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// A JWT: from `Authorization: Bearer`, or from `?token=`.
    pub token: Option<Secret>,
    /// What stood behind the room's name in its address (`room~g…`).
    pub link: Option<Secret>,
    /// The session cookie.
    pub cookie: Option<Secret>,
}

/// From which page a request comes, as a browser says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// No page: a program, or a person who typed the address.
    NoPage,
    /// A page of this server or of a front end that it was told of.
    KnownPage,
    /// Any other page, or one that hides where it is from (`null`).
    ForeignPage,
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Knock {
    /// What it proves it with.
    pub credentials: Credentials,
    /// From which page.
    pub from: From,
    /// The address of the client; behind a configured proxy, the one that the proxy names.
    pub peer: IpAddr,
    /// Whether somebody at this very machine asks, by a name of this machine, so that no page elsewhere can have made him.
    pub is_local: bool,
}

/// A gate's answer for one room.
#[derive(Debug, Clone)]
pub struct Admission {
    /// What may be done.
    pub role: Role,
    /// In whose name.
    pub identity: Identity,
    /// What the person is called; of a grant or of a token's `name`.
    pub name: Option<Arc<str>>,
    /// When it ends by itself, in milliseconds since 1970.
    pub until_ms: Option<i64>,
    /// To ask again by, without the secrets.
    pub basis: Basis,
    /// What was read of the room, for whoever goes on with that. Sessions do not keep it.
    pub seen: Seen,
}

/// What a gate has read of a room when it decided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Seen {
    /// It has not looked.
    #[default]
    Nothing,
    /// Whether it is there, and what is known of it.
    Room(Option<Box<RoomEntry>>),
}

/// What an admission rests on: enough to decide anew when something has changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Basis {
    /// What a token that was good says.
    pub claims: Option<Arc<Claims>>,
    /// The hash of the secret of a link.
    pub link: Option<SecretHash>,
    /// The hash of a session cookie that counted.
    pub session: Option<SecretHash>,
    /// Somebody at this very machine.
    pub is_local: bool,
}

/// What a token that was good says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Who it is for.
    pub subject: Arc<str>,
    /// What the person is called.
    pub name: Option<Arc<str>>,
    /// Patterns of room names, and what they give: a name, or a beginning and `*`.
    pub rooms: Vec<(Arc<str>, Role)>,
    /// Owner of every room.
    pub is_admin: bool,
    /// From when on it is not taken any more, in milliseconds since 1970: what `exp` says, and by how much clocks may differ.
    pub expires_ms: i64,
}

/// Somebody who asks for more than one room, or for one that is not there yet.
#[derive(Debug, Clone)]
pub struct Caller {
    /// In whose name.
    pub identity: Identity,
    /// The subject of a token: the owner of what is made.
    pub subject: Option<Arc<str>>,
    /// Owner of every room.
    pub is_admin: bool,
    /// Of which rooms the caller may know; `None`: of all.
    pub visible: Option<VisibleTo>,
    /// Whether a room may be made under this caller's name.
    pub may_create: bool,
    /// To ask again by.
    pub basis: Basis,
}

/// Why somebody is not let in. The sentences are for whoever was refused, and say nothing of rooms that he may not know of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nothing was brought, and nothing may be done without.
    #[error("this needs a token, a password or an invite")]
    NoCredentials,
    /// A token that is none, or not any more.
    #[error("the token is not taken: {0}")]
    BadToken(&'static str),
    /// A link or a session whose grant is gone.
    #[error("the link is not taken any more: {0}")]
    DeadGrant(&'static str),
    /// Known, and not allowed.
    #[error("you may not do this here")]
    Forbidden,
    /// Kept out for a while.
    #[error("you were sent out of this room")]
    Blocked,
    /// From a page that this server does not know.
    #[error(
        "pages of this origin may not connect; the operator can name it in SCRIBLE_ALLOWED_ORIGINS"
    )]
    ForeignPage,
    /// Whoever asks could come in, were the room not deleted.
    #[error("the room was deleted")]
    Deleted,
    /// Too many attempts failed.
    #[error("too many attempts; try again later")]
    TooMany,
    /// It could not be decided now.
    #[error("who may come in cannot be looked up at the moment")]
    Undecided,
}

/// Decides who may enter.
#[async_trait]
pub trait Gate: Send + Sync + 'static {
    /// Admits somebody to a room. A room that is not there yet is judged like any other: who may edit it makes it by drawing.
    ///
    /// # Errors
    /// [`Denied`]. Failures are on the record when this returns.
    async fn admit(&self, room: &RoomName, knock: &Knock) -> Result<Admission, Denied>;

    /// Judges an admission anew, as things are now.
    ///
    /// # Errors
    /// As [`admit`](Self::admit); [`Denied::Undecided`] says nothing against it.
    async fn readmit(&self, room: &RoomName, basis: &Basis) -> Result<Admission, Denied>;

    /// Who asks, where no room is meant.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    async fn caller(&self, knock: &Knock) -> Result<Caller, Denied>;

    /// Where a request comes from, by its headers `Origin` and `Host`.
    fn page(&self, origin: Option<&str>, host: Option<&str>) -> From;

    /// Whether requests that name this host are served at all: an open server on loopback answers to names of this machine only.
    fn serves_host(&self, host: Option<&str>) -> bool;

    /// What the session cookie is called.
    fn cookie(&self) -> &'static str {
        PLAIN_COOKIE
    }
}

/// Everyone who reaches the server may do everything.
#[derive(Debug, Clone, Copy)]
pub struct OpenGate;

#[async_trait]
impl Gate for OpenGate {
    async fn admit(&self, room: &RoomName, knock: &Knock) -> Result<Admission, Denied> {
        let basis = Basis {
            is_local: knock.is_local,
            ..Basis::default()
        };
        self.readmit(room, &basis).await
    }

    async fn readmit(&self, _: &RoomName, basis: &Basis) -> Result<Admission, Denied> {
        Ok(Admission {
            role: Role::Owner,
            identity: Identity::default(),
            name: None,
            until_ms: None,
            basis: basis.clone(),
            seen: Seen::Nothing,
        })
    }

    async fn caller(&self, knock: &Knock) -> Result<Caller, Denied> {
        Ok(Caller {
            identity: Identity::default(),
            subject: None,
            is_admin: true,
            visible: None,
            may_create: true,
            basis: Basis {
                is_local: knock.is_local,
                ..Basis::default()
            },
        })
    }

    fn page(&self, _: Option<&str>, _: Option<&str>) -> From {
        From::KnownPage
    }

    fn serves_host(&self, _: Option<&str>) -> bool {
        true
    }
}
