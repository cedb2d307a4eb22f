//! What holds for rooms, invites and grants in every store, decided without one.
//!
//! Knows no database. The rule: what was revoked stays dead, also for whoever is let in again by another way.

use crate::{
    Grant, GrantSource, GrantState, Granted, Invite, NewGrant, NewInvite, NewRoom, Role,
    RoomChange, RoomEntry, Stay, StoreError,
};

/// The most stays that are kept of a room; the oldest go.
pub(crate) const MAX_STAYS: usize = 1_000;
/// The most blocks that are kept of a room; those go that end first.
pub(crate) const MAX_BLOCKS: usize = 1_000;
/// How long the key of a request is kept.
pub(crate) const KEY_LIFE_MS: i64 = 24 * 60 * 60 * 1000;
/// After how long whoever has a key and made nothing is no more: longer than anything takes that is done with one.
pub(crate) const KEY_ABANDONED_MS: i64 = 5 * 60 * 1000;
/// What the access version of a room begins with that somebody made; one that came to be by being drawn in begins with 0, like none.
pub(crate) const FIRST_ACCESS_VERSION: u64 = 1;

/// What somebody is to get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Offer {
    pub role: Role,
    pub source: GrantSource,
}

/// What becomes of an offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Giving {
    /// The person has as much already.
    Has(Grant),
    /// This is to be stored, in the place of an earlier one where there is one.
    Give {
        /// Its id is that of the earlier one, or 0.
        grant: Grant,
        /// Whether the link of the earlier one leads in again.
        keeps_link: bool,
    },
}

impl Offer {
    /// By an invite, as long as it is good.
    pub fn by_invite(invite: Option<&Invite>, now_ms: i64) -> Result<Self, Granted> {
        let good = |invite: &&Invite| {
            invite.revoked_ms.is_none() && invite.expires_ms.is_none_or(|end| end > now_ms)
        };
        let invite = invite.filter(good).ok_or(Granted::NoInvite)?;
        Ok(Self {
            role: invite.role,
            source: GrantSource::Invite(invite.id),
        })
    }

    /// By a room's password, if it is still the one that was given.
    pub fn by_password(room: &RoomEntry, version: u64) -> Result<Self, Granted> {
        if room.password.is_none() || room.password_version != version {
            return Err(Granted::OtherPassword);
        }
        Ok(Self {
            role: room.link_role,
            source: GrantSource::Password(version),
        })
    }

    /// To somebody who may have a grant for that room.
    pub fn to(self, earlier: Option<&GrantState>, new: &NewGrant) -> Giving {
        let given = earlier.map(|state| &state.grant);
        if let Some(state) = earlier
            && state.is_alive(new.time_ms)
            && state.grant.role >= self.role
        {
            return Giving::Has(state.grant.clone());
        }
        let was_revoked =
            earlier.is_some_and(|state| state.grant.revoked_ms.is_some() || !state.source_stands);
        let epoch = given.map_or(0, |grant| grant.epoch);
        Giving::Give {
            grant: Grant {
                id: given.map_or(0, |grant| grant.id),
                name: new
                    .name
                    .clone()
                    .or_else(|| given.and_then(|grant| grant.name.clone())),
                role: self.role,
                source: self.source,
                epoch: epoch.saturating_add(u32::from(was_revoked)),
                created_ms: given.map_or(new.time_ms, |grant| grant.created_ms),
                expires_ms: new.expires_ms,
                revoked_ms: None,
            },
            keeps_link: !was_revoked,
        }
    }
}

impl Invite {
    /// Whether nobody more may use it.
    pub(crate) fn is_used_up(&self) -> bool {
        self.max_uses.is_some_and(|max| self.uses >= max)
    }
}

impl Grant {
    /// What it allows now. What a password gives is as the room has it, and not as it was when somebody came by it.
    pub fn role_in(&self, room: &RoomEntry) -> Role {
        match self.source {
            GrantSource::Password(_) => room.link_role,
            GrantSource::Invite(_) => self.role,
        }
    }
}

impl GrantState {
    /// Whether it lets in at that moment.
    pub fn is_alive(&self, now_ms: i64) -> bool {
        self.grant.revoked_ms.is_none() && self.grant.expires_ms > now_ms && self.source_stands
    }
}

impl RoomChange {
    /// Changes what is known of a room, and raises its versions where it decides who may come in.
    pub(crate) fn apply(&self, room: &mut RoomEntry) {
        let decides = |room: &RoomEntry| {
            let owner = room.owner.clone();
            (
                owner,
                room.visibility,
                room.link_role,
                room.password_version,
            )
        };
        let before = decides(room);
        put(&mut room.title, &self.title);
        put(&mut room.owner, &self.owner);
        put(&mut room.visibility, &self.visibility.map(Some));
        put(&mut room.link_role, &self.link_role);
        put(&mut room.password, &self.password);
        put(&mut room.frontend, &self.frontend);
        put(&mut room.viewers_export, &self.viewers_export);
        if self.password.is_some() {
            room.password_version += 1;
        }
        if decides(room) != before {
            room.access_version += 1;
        }
    }

    /// Refuses what no store takes.
    pub(crate) fn validate(&self) -> Result<(), StoreError> {
        let texts = [&self.title, &self.owner, &self.password, &self.frontend];
        let texts = texts.map(|text| text.as_ref().and_then(Option::as_deref));
        validate_texts("a room", &texts)
    }
}

impl NewRoom {
    /// Refuses what no store takes.
    pub(crate) fn validate(&self) -> Result<(), StoreError> {
        crate::room_record::validate_name(&self.name)?;
        let texts = [&self.title, &self.owner, &self.password, &self.frontend];
        validate_texts("a room", &texts.map(Option::as_deref))
    }
}

impl NewInvite {
    /// Refuses what no store takes.
    pub(crate) fn validate(&self) -> Result<(), StoreError> {
        if self.max_uses == Some(0) {
            let what = "an invite that nobody may use is none".to_owned();
            return Err(StoreError::Invalid(what));
        }
        validate_texts(
            "an invite",
            &[self.label.as_deref(), self.created_by.as_deref()],
        )
    }
}

impl NewGrant {
    /// Refuses what no store takes.
    pub(crate) fn validate(&self) -> Result<(), StoreError> {
        validate_texts("a grant", &[self.name.as_deref()])
    }
}

/// Refuses stays that no store takes.
pub(crate) fn validate_stays(stays: &[Stay]) -> Result<(), StoreError> {
    for stay in stays {
        let texts = [stay.identity.as_deref(), stay.name.as_deref()];
        validate_texts("a stay", &texts)?;
        crate::room_record::validate_name(&stay.room)?;
    }
    Ok(())
}

/// Refuses an identity that no store takes.
pub(crate) fn validate_identity(identity: &str) -> Result<(), StoreError> {
    validate_texts("a block", &[Some(identity)])
}

/// That a grant is not there.
pub(crate) fn no_grant(id: i64) -> StoreError {
    StoreError::Conflict(format!("there is no grant number {id}"))
}

fn put<T: Clone>(place: &mut T, value: &Option<T>) {
    if let Some(value) = value {
        *place = value.clone();
    }
}

fn validate_texts(of: &str, texts: &[Option<&str>]) -> Result<(), StoreError> {
    match texts.iter().flatten().any(|text| text.contains('\0')) {
        true => Err(StoreError::Invalid(format!(
            "a text of {of} contains U+0000"
        ))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000;

    fn state(role: Role, change: impl FnOnce(&mut GrantState)) -> GrantState {
        let mut state = GrantState {
            grant: Grant {
                id: 7,
                name: Some("Ann".into()),
                role,
                source: GrantSource::Invite(1),
                epoch: 4,
                created_ms: 10,
                expires_ms: NOW + 1,
                revoked_ms: None,
            },
            source_stands: true,
        };
        change(&mut state);
        state
    }

    fn given(earlier: &GrantState) -> Option<(u32, bool)> {
        let offer = Offer {
            role: Role::Editor,
            source: GrantSource::Password(3),
        };
        let new = NewGrant {
            session: [0; 32],
            name: None,
            time_ms: NOW,
            expires_ms: NOW + 5,
        };
        match offer.to(Some(earlier), &new) {
            Giving::Has(grant) => {
                assert_eq!(grant, earlier.grant);
                None
            }
            Giving::Give { grant, keeps_link } => {
                assert_eq!((grant.id, grant.created_ms), (7, 10));
                assert_eq!((grant.expires_ms, grant.revoked_ms), (NOW + 5, None));
                assert_eq!(grant.name.as_deref(), Some("Ann"));
                Some((grant.epoch, keeps_link))
            }
        }
    }

    #[test]
    fn an_earlier_grant_stays_while_it_is_alive_and_no_less_and_what_was_revoked_gets_another_epoch()
     {
        assert_eq!(given(&state(Role::Editor, |_| ())), None);
        assert_eq!(given(&state(Role::Owner, |_| ())), None);
        assert_eq!(given(&state(Role::Viewer, |_| ())), Some((4, true)));
        let expired = state(Role::Editor, |state| state.grant.expires_ms = NOW);
        assert_eq!(given(&expired), Some((4, true)));
        let revoked = state(Role::Editor, |state| state.grant.revoked_ms = Some(1));
        assert_eq!(given(&revoked), Some((5, false)));
        let fallen = state(Role::Owner, |state| state.source_stands = false);
        assert_eq!(given(&fallen), Some((5, false)));
    }
}
