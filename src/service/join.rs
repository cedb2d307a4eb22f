//! Joining: a password or an invite becomes a grant, which a person's session then holds.
//!
//! The one rule: nothing here tells a room that is not there from one that does not let in, neither by words nor by time.

use std::sync::Arc;
use std::time::Duration;

use scrible_store::{FactsQuery, Grant, Granted, NewGrant};

use super::rooms::check_text;
use super::{Refusal, ServiceError, Services, now_ms};
use crate::access::attempts::TooMany;
use crate::access::{Admission, Denied, From, FrontendUrl, Knock, Role, Secret, events, link};
use crate::room::{Address, RoomName};

/// How long a grant lasts.
pub const GRANT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// What a person may call himself, in bytes.
const MAX_NAME_BYTES: usize = 128;
/// What somebody joins with.
#[derive(Debug, Clone)]
pub struct JoinWish {
    /// What he is to be called.
    pub name: Option<String>,
    /// What he shows.
    pub proof: Proof,
    /// How he is to go on.
    pub via: Via,
    /// When his way in is to end, in milliseconds since 1970; `None`: as late as it may.
    pub until_ms: Option<i64>,
}

/// What shows that somebody may come in.
#[derive(Debug, Clone)]
pub enum Proof {
    /// What he has brought already: an earlier grant, a token, or nothing where nothing is needed.
    Nothing,
    /// The room's password.
    Password(Secret),
    /// The secret of an invite.
    Invite(Secret),
}

/// How a front end comes to send a person's way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// By the cookie: the front end is on the site of this server.
    Cookie,
    /// In the room's name, which works everywhere.
    Link,
}

/// Somebody who is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// What he may do.
    pub role: Role,
    /// Until when, in milliseconds since 1970; `None` where it does not end by itself.
    pub until_ms: Option<i64>,
    /// The room's name with his way in behind it; the name alone where he needs none.
    pub link_room: String,
    /// Where to go on; `None` where no front end is known.
    pub url: Option<String>,
    /// His session, to be kept in a cookie; `None` where nothing hangs on it.
    pub session: Option<Secret>,
}

/// What somebody may know who has not joined yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayIn {
    /// What the room is called; only for those who may come in.
    pub title: Option<Arc<str>>,
    /// What he may do, if he may come in as he is.
    pub role: Option<Role>,
    /// Whether he has joined before.
    pub joined: bool,
}

impl Services {
    /// Lets somebody in, if what he shows is good.
    ///
    /// # Errors
    /// [`Refusal::WrongPassword`], [`Refusal::InviteInvalid`], [`Refusal::InviteUsedUp`], [`Refusal::TooManyAttempts`],
    /// [`Refusal::Invalid`], and what the gate has against it.
    pub async fn join(
        &self,
        room: &RoomName,
        knock: &Knock,
        wish: JoinWish,
    ) -> Result<Joined, ServiceError> {
        if knock.from == From::ForeignPage {
            return Err(Denied::ForeignPage.into());
        }
        let name = wish.name.as_deref();
        let name = name.map(|name| check_text(name, "the name", MAX_NAME_BYTES));
        let name = name.transpose()?;
        if let Proof::Nothing = wish.proof {
            return self.rejoin(room, knock, wish.via).await;
        }
        // A cookie of another form is taken for none.
        let given = knock.credentials.cookie.clone();
        let session = given.unwrap_or_else(Secret::random);
        let now = now_ms();
        let most = now.saturating_add(GRANT.as_millis() as i64);
        let until = wish.until_ms.unwrap_or(most);
        if until <= now {
            return Err(Refusal::Invalid("a way in ends at a time to come".to_owned()).into());
        }
        let new = NewGrant {
            session: session.hash(),
            name,
            time_ms: now,
            expires_ms: until.min(most),
        };
        let grant = self.grant(room, knock, &wish.proof, &new).await?;
        // From now on the session counts, whichever page it was made on.
        let mut knock = knock.clone();
        knock.credentials.cookie = Some(session.clone());
        knock.from = From::KnownPage;
        let admission = self.gate.admit(room, &knock).await?;
        let link = self.link(room, &session, &grant).await?;
        self.joined(room, admission, wish.via, Some((session, link)))
            .await
    }

    /// What somebody may know of a room before he joins.
    ///
    /// # Errors
    /// [`Denied`], where joining would not help.
    pub async fn way_in(&self, room: &RoomName, knock: &Knock) -> Result<WayIn, ServiceError> {
        match self.gate.admit(room, knock).await {
            Ok(admission) => {
                let (admission, entry) = self.seen_by(room, admission).await?;
                Ok(WayIn {
                    title: entry.and_then(|entry| entry.title),
                    role: Some(admission.role),
                    joined: admission.basis.session.is_some(),
                })
            }
            Err(
                Denied::NoCredentials
                | Denied::Forbidden
                | Denied::BadToken(_)
                | Denied::DeadGrant(_),
            ) => Ok(WayIn {
                title: None,
                role: None,
                joined: false,
            }),
            Err(denied) => Err(denied.into()),
        }
    }

    /// Lets somebody go on who needs to show nothing more.
    async fn rejoin(
        &self,
        room: &RoomName,
        knock: &Knock,
        via: Via,
    ) -> Result<Joined, ServiceError> {
        let admission = self.gate.admit(room, knock).await?;
        let cookie = knock.credentials.cookie.as_ref();
        let counted = cookie.filter(|cookie| admission.basis.session == Some(cookie.hash()));
        let Some(session) = counted else {
            return self.joined(room, admission, via, None).await;
        };
        let query = FactsQuery {
            session: admission.basis.session,
            time_ms: now_ms(),
            ..FactsQuery::default()
        };
        let facts = self.store.facts(room.as_str(), &query).await?;
        let held = match facts.by_session {
            Some(state) => {
                let link = self.link(room, session, &state.grant).await?;
                Some((session.clone(), link))
            }
            None => None,
        };
        self.joined(room, admission, via, held).await
    }

    async fn grant(
        &self,
        room: &RoomName,
        knock: &Knock,
        proof: &Proof,
        new: &NewGrant,
    ) -> Result<Grant, ServiceError> {
        let delay = self.attempts.may_try(room, knock.peer);
        let delay =
            delay.map_err(|TooMany { retry_after }| Refusal::TooManyAttempts { retry_after })?;
        tokio::time::sleep(delay).await;
        let (granted, wrong) = match proof {
            Proof::Nothing => return Err(Denied::NoCredentials.into()),
            Proof::Invite(invite) => {
                let hash = invite.hash();
                let granted = self
                    .store
                    .grant_by_invite(room.as_str(), &hash, new)
                    .await?;
                (Some(granted), Refusal::InviteInvalid)
            }
            Proof::Password(password) => {
                let granted = self.by_password(room, knock, password, new).await?;
                (granted, Refusal::WrongPassword)
            }
        };
        match granted {
            Some(Granted::Yes(grant)) => Ok(grant),
            Some(Granted::UsedUp) => Err(Refusal::InviteUsedUp.into()),
            Some(Granted::NoInvite | Granted::OtherPassword | Granted::NoRoom) | None => {
                self.note_failure(room, knock, &wrong);
                Err(wrong.into())
            }
        }
    }

    /// `None` where it is not the password.
    async fn by_password(
        &self,
        room: &RoomName,
        knock: &Knock,
        password: &Secret,
        new: &NewGrant,
    ) -> Result<Option<Granted>, ServiceError> {
        let entry = self.store.room(room.as_str()).await?;
        let entry = entry.filter(|entry| entry.deleted_ms.is_none());
        let stored = entry.as_ref().and_then(|entry| entry.password.clone());
        let still_wanted = {
            let (attempts, room, peer) = (self.attempts.clone(), room.clone(), knock.peer);
            move || attempts.may_try(&room, peer).is_ok()
        };
        let verifying = self
            .passwords
            .verify(password.reveal(), stored, still_wanted);
        match (verifying.await?, entry) {
            (true, Some(entry)) => {
                let version = entry.password_version;
                let granting = self.store.grant_by_password(room.as_str(), version, new);
                Ok(Some(granting.await?))
            }
            _ => Ok(None),
        }
    }

    fn note_failure(&self, room: &RoomName, knock: &Knock, wrong: &Refusal) {
        let last = self.attempts.failed(room, knock.peer);
        let (room, peer) = (room.as_str(), knock.peer);
        tracing::info!(target: events::TARGET, event = "auth_failed", reason = %wrong, room, %peer);
        if last {
            tracing::warn!(target: events::TARGET, event = "too_many_attempts", room, %peer);
        }
    }

    /// The secret that stands for a grant in a link.
    async fn link(
        &self,
        room: &RoomName,
        session: &Secret,
        grant: &Grant,
    ) -> Result<Secret, ServiceError> {
        let link = link::secret(session, room, grant.epoch);
        self.store.set_grant_link(grant.id, &link.hash()).await?;
        Ok(link)
    }

    async fn joined(
        &self,
        room: &RoomName,
        admission: Admission,
        via: Via,
        held: Option<(Secret, Secret)>,
    ) -> Result<Joined, ServiceError> {
        let (admission, entry) = self.seen_by(room, admission).await?;
        let own = entry.as_ref().and_then(|entry| entry.frontend.as_deref());
        let frontend = match own.and_then(FrontendUrl::parse) {
            Some(own) => Some(own),
            None => self.site.frontend_url.clone(),
        };
        let address = Address {
            room: room.clone(),
            link: held.as_ref().map(|(_, link)| link.clone()),
        };
        let link_room = address.reveal();
        let filled = match via {
            Via::Cookie => room.as_str(),
            Via::Link => &link_room,
        };
        Ok(Joined {
            role: admission.role,
            until_ms: admission.until_ms,
            url: frontend.map(|frontend| frontend.fill(filled)),
            link_room,
            session: held.map(|(session, _)| session),
        })
    }
}
