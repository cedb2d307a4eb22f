//! Who may come in, in memory: one room's invites, grants, blocks and stays.
//!
//! Knows one room at a time. The rule: lists are kept in the order of their ids, which rise over all rooms.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::admission::{FIRST_ACCESS_VERSION, Giving, MAX_BLOCKS, MAX_STAYS, Offer};
use crate::{
    FactsQuery, Grant, GrantSource, GrantState, Granted, Invite, NewGrant, NewInvite, NewRoom,
    Page, Participant, RoomEntry, RoomFacts, RoomId, RoomQuery, SecretHash, Stay, StoreError,
    VisibleTo,
};

/// A room beside its content.
pub struct People {
    pub entry: RoomEntry,
    invites: BTreeMap<i64, (SecretHash, Invite)>,
    grants: BTreeMap<i64, Held>,
    blocks: HashMap<Arc<str>, i64>,
    stays: BTreeMap<i64, Participant>,
}

struct Held {
    session: SecretHash,
    link: Option<SecretHash>,
    grant: Grant,
}

/// Gives out numbers that were never given before.
#[derive(Default)]
pub struct Ids(i64);

impl Ids {
    pub fn next(&mut self) -> i64 {
        self.0 += 1;
        self.0
    }
}

impl People {
    pub fn new(entry: RoomEntry) -> Self {
        Self {
            entry,
            invites: BTreeMap::new(),
            grants: BTreeMap::new(),
            blocks: HashMap::new(),
            stays: BTreeMap::new(),
        }
    }

    pub fn add_invite(&mut self, id: i64, new: &NewInvite) -> Result<Invite, StoreError> {
        if self
            .invites
            .values()
            .any(|(secret, _)| *secret == new.secret)
        {
            return Err(StoreError::Conflict(
                "there is an invite with that secret".to_owned(),
            ));
        }
        let invite = Invite {
            id,
            role: new.role,
            label: new.label.clone(),
            created_by: new.created_by.clone(),
            created_ms: new.created_ms,
            expires_ms: new.expires_ms,
            max_uses: new.max_uses,
            uses: 0,
            revoked_ms: None,
        };
        self.invites.insert(id, (new.secret, invite.clone()));
        Ok(invite)
    }

    pub fn invites(&self, page: Page) -> Vec<Invite> {
        newest(&self.invites, page, |(_, invite)| invite.clone())
    }

    pub fn renew_invite(&mut self, id: i64, secret: &SecretHash) -> Option<Invite> {
        let (old, invite) = self.invites.get_mut(&id)?;
        if invite.uses > 0 || invite.revoked_ms.is_some() {
            return None;
        }
        *old = *secret;
        Some(invite.clone())
    }

    pub fn revoke_invite(&mut self, id: i64, time_ms: i64) -> Option<Invite> {
        let (_, invite) = self.invites.get_mut(&id)?;
        if invite.revoked_ms.is_none() {
            invite.revoked_ms = Some(time_ms);
            self.entry.access_version += 1;
        }
        Some(invite.clone())
    }

    pub fn grant_by_invite(
        &mut self,
        ids: &mut Ids,
        secret: &SecretHash,
        new: &NewGrant,
    ) -> Granted {
        let found = self.invites.values().find(|(is, _)| is == secret);
        let invite = found.map(|(_, invite)| invite.clone());
        let offer = match Offer::by_invite(invite.as_ref(), new.time_ms) {
            Ok(offer) => offer,
            Err(refused) => return refused,
        };
        match offer.to(self.by_session(&new.session).as_ref(), new) {
            Giving::Has(grant) => Granted::Yes(grant),
            _ if invite.is_some_and(|invite| invite.is_used_up()) => Granted::UsedUp,
            giving => {
                if let GrantSource::Invite(id) = offer.source
                    && let Some((_, invite)) = self.invites.get_mut(&id)
                {
                    invite.uses += 1;
                }
                self.give(ids, giving, new)
            }
        }
    }

    pub fn grant_by_password(&mut self, ids: &mut Ids, version: u64, new: &NewGrant) -> Granted {
        match Offer::by_password(&self.entry, version) {
            Ok(offer) => {
                let giving = offer.to(self.by_session(&new.session).as_ref(), new);
                self.give(ids, giving, new)
            }
            Err(refused) => refused,
        }
    }

    fn give(&mut self, ids: &mut Ids, giving: Giving, new: &NewGrant) -> Granted {
        let (mut grant, keeps_link) = match giving {
            Giving::Has(grant) => return Granted::Yes(grant),
            Giving::Give { grant, keeps_link } => (grant, keeps_link),
        };
        match self.grants.get_mut(&grant.id) {
            Some(held) => {
                held.link = held.link.filter(|_| keeps_link);
                held.grant = grant.clone();
                self.entry.access_version += 1;
            }
            None => {
                grant.id = ids.next();
                let held = Held {
                    session: new.session,
                    link: None,
                    grant: grant.clone(),
                };
                self.grants.insert(grant.id, held);
            }
        }
        Granted::Yes(grant)
    }

    pub fn has_grant(&self, id: i64) -> bool {
        self.grants.contains_key(&id)
    }

    pub fn set_grant_link(&mut self, id: i64, link: &SecretHash) -> Result<(), StoreError> {
        let mut others = self.grants.iter().filter(|(other, _)| **other != id);
        if others.any(|(_, held)| held.link == Some(*link)) {
            return Err(StoreError::Conflict(
                "another grant has that link".to_owned(),
            ));
        }
        if let Some(held) = self.grants.get_mut(&id) {
            held.link = Some(*link);
        }
        Ok(())
    }

    pub fn grants(&self, page: Page) -> Vec<Grant> {
        newest(&self.grants, page, |held| held.grant.clone())
    }

    pub fn revoke_grant(&mut self, id: i64, time_ms: i64) -> Option<Grant> {
        let held = self.grants.get_mut(&id)?;
        if held.grant.revoked_ms.is_none() {
            held.grant.revoked_ms = Some(time_ms);
            self.entry.access_version += 1;
        }
        Some(held.grant.clone())
    }

    pub fn facts(&self, query: &FactsQuery) -> RoomFacts {
        let by_session = query.session.and_then(|session| self.by_session(&session));
        let by_link = query.link.and_then(|link| {
            let held = self.grants.values().find(|held| held.link == Some(link))?;
            Some(self.state(held))
        });
        let of_grant = |state: &GrantState| Arc::from(format!("grant:{}", state.grant.id));
        let identities = query.identity.iter().cloned();
        let identities =
            identities.chain([&by_session, &by_link].into_iter().flatten().map(of_grant));
        let until = identities.filter_map(|identity| self.blocks.get(&identity).copied());
        let blocked_until_ms = until.filter(|until| *until > query.time_ms).max();
        RoomFacts {
            room: Some(self.entry.clone()),
            by_session,
            by_link,
            blocked_until_ms,
        }
    }

    fn by_session(&self, session: &SecretHash) -> Option<GrantState> {
        let mut grants = self.grants.values();
        let held = grants.find(|held| held.session == *session)?;
        Some(self.state(held))
    }

    fn state(&self, held: &Held) -> GrantState {
        let source_stands = match held.grant.source {
            GrantSource::Password(version) => {
                self.entry.password.is_some() && self.entry.password_version == version
            }
            GrantSource::Invite(id) => {
                let invite = self.invites.get(&id);
                invite.is_some_and(|(_, invite)| invite.revoked_ms.is_none())
            }
        };
        GrantState {
            grant: held.grant.clone(),
            source_stands,
        }
    }

    pub fn block(&mut self, identity: &str, until_ms: i64) {
        self.blocks.insert(identity.into(), until_ms);
        while self.blocks.len() > MAX_BLOCKS {
            let first = self
                .blocks
                .iter()
                .min_by_key(|(identity, until)| (**until, *identity));
            let first = first.map(|(identity, _)| identity.clone());
            self.blocks.remove(&first.expect("there are many"));
        }
        self.entry.access_version += 1;
    }

    pub fn note(&mut self, ids: &mut Ids, stay: &Stay) {
        let mut noted = self.stays.values_mut();
        match noted.find(|noted| noted.session == stay.session) {
            Some(noted) => {
                noted.identity = stay.identity.clone();
                noted.name = stay.name.clone();
                noted.role = stay.role;
                noted.client = stay.client.or(noted.client);
                noted.left_ms = stay.left_ms;
            }
            None => {
                let noted = Participant {
                    id: ids.next(),
                    session: stay.session,
                    identity: stay.identity.clone(),
                    name: stay.name.clone(),
                    role: stay.role,
                    client: stay.client,
                    joined_ms: stay.joined_ms,
                    left_ms: stay.left_ms,
                };
                self.stays.insert(noted.id, noted);
            }
        }
        while self.stays.len() > MAX_STAYS {
            self.stays.pop_first();
        }
    }

    pub fn participants(&self, page: Page) -> Vec<Participant> {
        newest(&self.stays, page, Participant::clone)
    }

    pub fn count_rows(&self) -> [(&'static str, usize); 4] {
        [
            ("invites", self.invites.len()),
            ("grants", self.grants.len()),
            ("blocks", self.blocks.len()),
            ("stays", self.stays.len()),
        ]
    }

    /// Whether a room is among those that are asked for.
    pub fn is_asked_for(&self, query: &RoomQuery, now_ms: i64) -> bool {
        let entry = &self.entry;
        let is_behind = query.after.as_ref().is_none_or(|after| entry.name > *after);
        let has = |text: &Arc<str>| {
            let wanted = query.search.as_deref().unwrap_or("").to_ascii_lowercase();
            text.to_ascii_lowercase().contains(&wanted)
        };
        is_behind
            && entry.deleted_ms.is_some() == query.deleted
            && (has(&entry.name) || entry.title.as_ref().is_some_and(has))
            && query
                .visible_to
                .as_ref()
                .is_none_or(|to| self.is_visible(to, now_ms))
    }

    fn is_visible(&self, to: &VisibleTo, now_ms: i64) -> bool {
        let entry = &self.entry;
        let has_grant = |session: &SecretHash| {
            let state = self.by_session(session);
            state.is_some_and(|state| state.is_alive(now_ms))
        };
        to.owner.is_some() && to.owner == entry.owner
            || to.names.contains(&entry.name)
            || to
                .prefixes
                .iter()
                .any(|prefix| entry.name.starts_with(&**prefix))
            || to.public && entry.visibility == Some(crate::Visibility::Public)
            || to.session.as_ref().is_some_and(has_grant)
    }
}

/// What is known of a room that somebody makes.
pub fn entry_of(id: RoomId, new: &NewRoom) -> RoomEntry {
    RoomEntry {
        title: new.title.clone(),
        owner: new.owner.clone(),
        visibility: new.visibility,
        link_role: new.link_role,
        password: new.password.clone(),
        frontend: new.frontend.clone(),
        viewers_export: new.viewers_export,
        access_version: FIRST_ACCESS_VERSION,
        ..entry_drawn(id, new.name.clone(), new.time_ms)
    }
}

/// What is known of a room that came to be by being drawn in.
pub fn entry_drawn(id: RoomId, name: Arc<str>, now_ms: i64) -> RoomEntry {
    RoomEntry {
        id,
        name,
        title: None,
        owner: None,
        visibility: None,
        link_role: crate::Role::Viewer,
        password: None,
        password_version: 0,
        frontend: None,
        viewers_export: true,
        created_ms: now_ms,
        active_ms: now_ms,
        deleted_ms: None,
        access_version: 0,
    }
}

fn newest<T, U>(of: &BTreeMap<i64, T>, page: Page, give: impl Fn(&T) -> U) -> Vec<U> {
    let below = of.range(..page.before.unwrap_or(i64::MAX));
    let newest = below.rev().take(page.limit as usize);
    newest.map(|(_, held)| give(held)).collect()
}
