//! The decision: from all that is known of somebody and a room, a role or a refusal.
//!
//! A pure and total function: no clock, no store, no secrets. The rule: nothing lets in but what is written here, and what is missing or in
//! doubt refuses.

use std::sync::Arc;

use scrible_store::{Grant, GrantState, Role, RoomEntry, RoomFacts, Visibility};

use super::claims::EXPIRED;
use super::pattern::role_in;
use super::{Claims, Denied, From, Identity};

/// What a server does about people of whom it knows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Openness {
    /// It checks tokens; nobody comes in without a reason.
    Guarded,
    /// It checks none; everybody may edit what nobody has closed, and who sits at this machine may do everything.
    Open,
}

/// What became of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// There was none.
    None,
    /// It is not taken, and why.
    Bad(&'static str),
    /// It was good when it was read.
    Good(&'a Claims),
}

/// Whatever else was brought that the store knows more about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brought {
    /// Nothing.
    Nothing,
    /// A secret.
    Secret,
}

/// Who asks, and for what.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// The name of the room.
    pub room: &'a str,
    /// From which page.
    pub from: From,
    /// The token.
    pub token: Token<'a>,
    /// The secret of a link.
    pub link: Brought,
    /// A session cookie. It counts only where a page is known.
    pub session: Brought,
    /// Whether somebody at this very machine asks.
    pub is_local: bool,
    /// Now, in milliseconds since 1970.
    pub now_ms: i64,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// What may be done.
    pub role: Role,
    /// In whose name.
    pub identity: Identity,
    /// What the person is called.
    pub name: Option<Arc<str>>,
    /// Until when, in milliseconds since 1970.
    pub until_ms: Option<i64>,
}

/// Decides.
///
/// # Errors
/// Any [`Denied`] but [`Denied::TooMany`] and [`Denied::Undecided`].
pub fn decide(
    openness: Openness,
    asking: &Asking<'_>,
    facts: &RoomFacts,
) -> Result<Ruling, Denied> {
    if asking.from == From::ForeignPage {
        return Err(Denied::ForeignPage);
    }
    let claims = match asking.token {
        Token::None => None,
        Token::Bad(why) => return Err(Denied::BadToken(why)),
        Token::Good(claims) if claims.expires_ms <= asking.now_ms => {
            return Err(Denied::BadToken(EXPIRED));
        }
        Token::Good(claims) => Some(claims),
    };
    let room = facts.room.as_ref();
    // A grant for a room that is not there is none.
    let found = |state: &'_ Option<GrantState>| room.and(state.clone());
    let link = match (asking.link, found(&facts.by_link)) {
        (Brought::Nothing, _) => None,
        (Brought::Secret, None) => return Err(Denied::DeadGrant("there is no such link")),
        (Brought::Secret, Some(state)) => {
            Some(alive(state, asking.now_ms).map_err(Denied::DeadGrant)?)
        }
    };
    let session = match (asking.session, asking.from) {
        (Brought::Secret, From::KnownPage) => found(&facts.by_session),
        _ => None,
    };
    // A browser brings a cookie by itself, so one that is dead keeps nobody from what he may do without it.
    let (session, dead) = match session.map(|state| alive(state, asking.now_ms)) {
        None => (None, None),
        Some(Ok(grant)) => (Some(grant), None),
        Some(Err(why)) => (None, Some(why)),
    };

    let by_right = by_right(openness, asking, claims, room);
    let role_by = |grant: &Option<Grant>| Some(grant.as_ref()?.role_in(room?));
    let by_session = role_by(&session);
    let otherwise = by_right
        .max(role_by(&link))
        .max(for_everybody(openness, room));
    let is_blocked = facts
        .blocked_until_ms
        .is_some_and(|until| until > asking.now_ms);
    if is_blocked && by_right != Some(Role::Owner) {
        return Err(Denied::Blocked);
    }
    let Some(role) = otherwise.max(by_session) else {
        return Err(match (claims, dead) {
            (Some(_), _) => Denied::Forbidden,
            (None, Some(why)) => Denied::DeadGrant(why),
            (None, None) => Denied::NoCredentials,
        });
    };
    if room.is_some_and(|room| room.deleted_ms.is_some()) {
        return Err(Denied::Deleted);
    }

    // What was brought on purpose refuses once it has ended; a cookie only ends what rests on it.
    let session_ends = session.as_ref().filter(|_| by_session > otherwise);
    let ends = [
        claims.map(|claims| claims.expires_ms),
        link.as_ref().map(|grant| grant.expires_ms),
        session_ends.map(|grant| grant.expires_ms),
    ];
    let grant = link.as_ref().or(session.as_ref());
    let (identity, name) = match (claims, grant) {
        (Some(claims), _) => (subject_identity(&claims.subject), claims.name.clone()),
        (None, Some(grant)) => (grant_identity(grant.id), grant.name.clone()),
        (None, None) => (Identity::default(), None),
    };
    Ok(Ruling {
        role,
        identity,
        name,
        until_ms: ends.into_iter().flatten().min(),
    })
}

/// The identity of whoever a token is for.
pub fn subject_identity(subject: &str) -> Identity {
    Identity(Some(format!("sub:{subject}").into()))
}

/// The identity of whoever has a grant.
pub fn grant_identity(id: i64) -> Identity {
    Identity(Some(format!("grant:{id}").into()))
}

/// What somebody may do of whom it is known who he is. An owner by right is an owner whatever others do.
fn by_right(
    openness: Openness,
    asking: &Asking<'_>,
    claims: Option<&Claims>,
    room: Option<&RoomEntry>,
) -> Option<Role> {
    let sits_here = openness == Openness::Open && asking.is_local;
    let is_admin = claims.is_some_and(|claims| claims.is_admin);
    let owner = room.and_then(|room| room.owner.as_deref());
    let is_owner = claims.is_some_and(|claims| owner == Some(&*claims.subject));
    if sits_here || is_admin || is_owner {
        return Some(Role::Owner);
    }
    claims.and_then(|claims| role_in(asking.room, &claims.rooms))
}

/// What everybody may do, also nobody in particular.
fn for_everybody(openness: Openness, room: Option<&RoomEntry>) -> Option<Role> {
    let undecided = match openness {
        Openness::Open => Some(Role::Editor),
        Openness::Guarded => None,
    };
    let Some(room) = room else {
        return undecided;
    };
    match (room.visibility, &room.password) {
        // A password asks for itself, whatever else is said of the room.
        (_, Some(_)) | (Some(Visibility::Private), None) => None,
        // Everybody cannot own a room.
        (Some(Visibility::Public), None) => Some(room.link_role.min(Role::Editor)),
        (None, None) => undecided,
    }
}

/// A grant that lets in, or why it does not any more.
fn alive(state: GrantState, now_ms: i64) -> Result<Grant, &'static str> {
    let GrantState {
        grant,
        source_stands,
    } = state;
    if grant.revoked_ms.is_some() {
        Err("it was revoked")
    } else if grant.expires_ms <= now_ms {
        Err(EXPIRED)
    } else if !source_stands {
        Err("the password or the invite that it came by is not good any more")
    } else {
        Ok(grant)
    }
}
