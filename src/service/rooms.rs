//! Rooms: made, found, changed, copied, deleted and brought back.
//!
//! The one rule: whoever may not know of a room gets the same answer whether or not it is there. Only a name that is taken shows, to those who
//! may make rooms.

use std::sync::Arc;

use scrible_store::{Created, NewRoom, RoomChange, RoomEntry, RoomQuery, Visibility, VisibleTo};

use super::keyed::idempotency_key;
use super::lasting::{to_the_end, turn};
use super::{Listed, Refusal, ServiceError, Services, now_ms};
use crate::access::{Caller, Denied, From, FrontendUrl, Identity, Knock, Role, Secret, events};
use crate::room::{Carrier, RoomName};

/// Bytes of a title or label.
pub const MAX_TEXT_BYTES: usize = 512;
/// Bytes of the address of a front end.
const MAX_URL_BYTES: usize = 2_048;
/// What is put into a copy before it is waited for.
const COPIED_AT_ONCE: usize = 1 << 20;

/// A room as somebody sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomView {
    /// What is known of it.
    pub entry: RoomEntry,
    /// What the viewer may do in it; not told in lists.
    pub role: Option<Role>,
}

/// What a room shall be. `None` leaves what is there, or what is usual.
#[derive(Debug, Clone, Default)]
pub struct RoomWish {
    /// `Some(None)` takes it away.
    pub title: Option<Option<String>>,
    /// The subject whose room it is; for admins to say. `Some(None)` takes it away.
    pub owner: Option<Option<String>>,
    /// Whom it lets in who has nothing to show.
    pub visibility: Option<Visibility>,
    /// What those get who come by visibility or password.
    pub link_role: Option<Role>,
    /// `Some(None)` takes it away.
    pub password: Option<Option<String>>,
    /// `Some(None)` takes it away.
    pub frontend: Option<Option<String>>,
    /// Whether viewers may export it.
    pub viewers_export: Option<bool>,
}

/// A room that is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// It.
    pub room: RoomView,
    /// Whether an earlier request with the same key made it.
    pub before: bool,
}

/// What a copy shall be called.
#[derive(Debug, Clone, Default)]
pub struct Duplicate {
    /// Its name; a random one if not given.
    pub name: Option<RoomName>,
    /// Its title; that of the original if not given.
    pub title: Option<String>,
}

impl Services {
    /// Makes a room that belongs to whoever asks; under a name of his choice where he may draw under it. `key` and `request` make asking again harmless: what the client calls the request, and the
    /// bytes of it.
    ///
    /// # Errors
    /// [`Refusal::RoomExists`], [`Refusal::KeyReused`], [`Refusal::Invalid`], or [`Denied`].
    pub async fn create_room(
        &self,
        knock: &Knock,
        name: Option<RoomName>,
        wish: RoomWish,
        idempotency: Option<(&str, &[u8])>,
    ) -> Result<Made, ServiceError> {
        let caller = self.creator(knock).await?;
        // A name is given to those who may draw under it; who may make rooms somewhere could take those of others otherwise.
        if let Some(name) = &name
            && !caller.is_admin
        {
            match self.admit(name, knock, Role::Editor).await {
                // That it is taken is said below.
                Ok(_) | Err(ServiceError::Denied(Denied::Deleted)) => {}
                Err(error) => return Err(error),
            }
        }
        let change = self.change(wish).await?;
        let new = NewRoom {
            name: match name {
                Some(name) => name.shared(),
                None => Secret::random().reveal().into(),
            },
            title: change.title.flatten(),
            owner: caller.subject.clone(),
            visibility: change.visibility,
            link_role: change.link_role.unwrap_or(Role::Editor),
            password: change.password.flatten(),
            frontend: change.frontend.flatten(),
            viewers_export: change.viewers_export.unwrap_or(true),
            time_ms: now_ms(),
            idempotency: idempotency
                .map(|(key, request)| idempotency_key(&caller.identity, key, request)),
        };
        let (entry, before) = match self.store.create_room(&new).await? {
            Created::New(entry) => (entry, false),
            Created::Before(entry) => (entry, true),
            Created::Taken => return Err(Refusal::RoomExists.into()),
            Created::KeyReused => return Err(Refusal::KeyReused.into()),
        };
        if !before {
            tracing::info!(room = ?entry.name, "room made");
        }
        let room = self.seen(entry, knock).await;
        Ok(Made { room, before })
    }

    /// The rooms that whoever asks may know of, by name, from behind `after` on.
    ///
    /// # Errors
    /// What the gate or the store has against it.
    pub async fn list_rooms(
        &self,
        knock: &Knock,
        query: RoomsQuery,
    ) -> Result<Listed<RoomView>, ServiceError> {
        let caller = self.gate.caller(knock).await?;
        let visible_to = match (caller.visible, query.deleted) {
            // Nobody else may do anything with a deleted room.
            (Some(visible), true) => Some(VisibleTo {
                owner: visible.owner,
                ..VisibleTo::default()
            }),
            (visible, _) => visible,
        };
        let asked = RoomQuery {
            after: query.after,
            limit: query.limit.saturating_add(1),
            search: query.search,
            deleted: query.deleted,
            visible_to,
        };
        let entries = self.store.rooms(&asked).await?.into_iter();
        let views = entries.map(|entry| RoomView { entry, role: None });
        Ok(Listed::cut(views.collect(), query.limit))
    }

    /// A room. Admins and its owner also see it once it was deleted.
    ///
    /// # Errors
    /// [`Refusal::RoomNotFound`], [`Denied`].
    pub async fn room(&self, room: &RoomName, knock: &Knock) -> Result<RoomView, ServiceError> {
        let admission = match self.gate.admit(room, knock).await {
            Ok(admission) => admission,
            Err(Denied::Deleted) => {
                let entry = self.deleted_room(room, knock).await?;
                let role = Some(Role::Owner);
                return Ok(RoomView { entry, role });
            }
            Err(denied) => return Err(denied.into()),
        };
        let (admission, entry) = self.seen_by(room, admission).await?;
        let entry = entry.ok_or(Refusal::RoomNotFound)?;
        let role = Some(admission.role);
        Ok(RoomView { entry, role })
    }

    /// Changes a room. Whoever is in it and may not be any more goes at once.
    ///
    /// # Errors
    /// [`Refusal::RoomNotFound`], [`Refusal::Invalid`], [`Denied`]; for a new owner without being an admin, too.
    pub async fn change_room(
        &self,
        room: &RoomName,
        knock: &Knock,
        wish: RoomWish,
    ) -> Result<RoomView, ServiceError> {
        let (admission, _) = self.admit_to(room, knock, Role::Owner).await?;
        if wish.owner.is_some() && !self.gate.caller(knock).await?.is_admin {
            return Err(Denied::Forbidden.into());
        }
        let changes_password = wish.password.is_some();
        let change = self.change(wish).await?;
        let changed = self.store.change_room(room.as_str(), &change).await?;
        let entry = changed.ok_or(Refusal::RoomNotFound)?;
        self.access_changed(room);
        if changes_password {
            security(room, knock, &admission.identity, "password_changed");
        }
        Ok(self.seen(entry, knock).await)
    }

    /// Makes another room with what is in this one at this moment. Nobody's way into this one leads into it.
    ///
    /// What was begun ends also when whoever asked has gone: with a whole copy, or with none. Asked again with the same key it is the same
    /// copy, which gets what it lacks.
    ///
    /// # Errors
    /// As [`create_room`](Self::create_room); [`Refusal::RoomNotFound`], [`Denied`].
    pub async fn duplicate_room(
        self: &Arc<Self>,
        room: &RoomName,
        knock: &Knock,
        duplicate: Duplicate,
        idempotency: Option<(&str, &[u8])>,
    ) -> Result<RoomView, ServiceError> {
        self.admit_to(room, knock, Role::Viewer).await?;
        let (_, files) = self.store.asset_bytes(room.as_str()).await?;
        // With a key, so that who asks again finds a copy that is whole, or none.
        let turn = match (files, idempotency) {
            (0, None) => None,
            _ => Some(turn(&self.copies).await?),
        };
        // Whoever waited may have been sent out meanwhile.
        let (_, original) = self.admit_to(room, knock, Role::Viewer).await?;
        let title = match duplicate.title {
            Some(title) => Some(title),
            None => original.title.as_deref().map(str::to_owned),
        };
        let wish = RoomWish {
            title: Some(title),
            link_role: Some(original.link_role),
            viewers_export: Some(original.viewers_export),
            ..RoomWish::default()
        };
        // A link leads into the original alone.
        let mut knock = knock.clone();
        knock.credentials.link = None;
        // By the same key nothing else that makes a room is the same request.
        let idempotency = idempotency.map(|(key, request)| {
            let request = [b"duplicate ", room.as_str().as_bytes(), b"\n", request].concat();
            (key.to_owned(), request)
        });
        let this = self.clone();
        let room = room.clone();
        let copying = async move {
            let _turn = turn;
            let content = this.enter(&room).await?.content();
            let idempotency = idempotency.as_ref();
            let idempotency = idempotency.map(|(key, request)| (&**key, &**request));
            let making = this.create_room(&knock, duplicate.name, wish, idempotency);
            let made = making.await?;
            // It may have been deleted since, or given to somebody else.
            if made.before && made.room.role < Some(Role::Editor) {
                return Ok(made.room);
            }
            let name = RoomName::new(&made.room.entry.name)
                .map_err(|bad| Refusal::Invalid(bad.to_string()))?;
            // What a board names is there before it is named.
            let filled = match this.copy_assets(room.as_str(), &made.room.entry).await {
                Ok(()) => this.fill(&name, content).await,
                failed => failed,
            };
            if let Err(error) = filled {
                // What was there before may be whole, and drawn in.
                if made.before {
                    return Err(error);
                }
                // Half a copy is none.
                let deleted = this.store.delete_room(name.as_str(), now_ms()).await;
                if deleted.is_ok_and(|deleted| deleted.is_some()) {
                    this.store.purge_room(name.as_str()).await.ok();
                }
                return Err(error);
            }
            Ok(made.room)
        };
        to_the_end(self.tasks(), copying).await
    }

    /// Deletes a room, for it to be restored or purged.
    ///
    /// # Errors
    /// [`Refusal::RoomNotFound`], [`Denied`].
    pub async fn delete_room(&self, room: &RoomName, knock: &Knock) -> Result<(), ServiceError> {
        let (admission, _) = self.admit_to(room, knock, Role::Owner).await?;
        let deleted = self.store.delete_room(room.as_str(), now_ms()).await?;
        deleted.ok_or(Refusal::RoomNotFound)?;
        self.access_changed(room);
        security(room, knock, &admission.identity, "room_deleted");
        Ok(())
    }

    /// Brings a deleted room back.
    ///
    /// # Errors
    /// [`Refusal::RoomNotFound`], [`Denied`]. A room that is there stays as it is.
    pub async fn undelete_room(
        &self,
        room: &RoomName,
        knock: &Knock,
    ) -> Result<RoomView, ServiceError> {
        match self.admit(room, knock, Role::Owner).await {
            Ok(_) => {}
            Err(ServiceError::Denied(Denied::Deleted)) => {
                self.deleted_room(room, knock).await?;
            }
            Err(error) => return Err(error),
        }
        let restored = self.store.undelete_room(room.as_str()).await?;
        let entry = restored.ok_or(Refusal::RoomNotFound)?;
        self.access_changed(room);
        Ok(self.seen(entry, knock).await)
    }

    /// Ends a deleted room for ever.
    ///
    /// # Errors
    /// [`Refusal::NotDeleted`], [`Refusal::RoomNotFound`]; [`Denied`] for all but admins.
    pub async fn purge_room(&self, room: &RoomName, knock: &Knock) -> Result<(), ServiceError> {
        let caller = self.gate.caller(knock).await?;
        if !caller.is_admin {
            // Who may not even know of the room gets the answer that it gives him.
            self.gate.admit(room, knock).await?;
            return Err(Denied::Forbidden.into());
        }
        let entry = self.store.room(room.as_str()).await?;
        let entry = entry.ok_or(Refusal::RoomNotFound)?;
        if entry.deleted_ms.is_none() {
            return Err(Refusal::NotDeleted.into());
        }
        if let Some(open) = self.rooms.find(room) {
            open.end_if_idle();
        }
        match self.store.purge_room(room.as_str()).await? {
            true => Ok(()),
            false => Err(Refusal::RoomNotFound.into()),
        }
    }

    /// A room that was deleted, for those who may bring it back: admins and its owner.
    async fn deleted_room(
        &self,
        room: &RoomName,
        knock: &Knock,
    ) -> Result<RoomEntry, ServiceError> {
        let caller = self.gate.caller(knock).await?;
        let entry = self.store.room(room.as_str()).await?;
        let entry = entry.ok_or(Refusal::RoomNotFound)?;
        let is_owner = caller.subject.is_some() && caller.subject == entry.owner;
        match caller.is_admin || is_owner {
            true => Ok(entry),
            false => Err(Denied::Deleted.into()),
        }
    }

    /// Somebody who may make rooms.
    async fn creator(&self, knock: &Knock) -> Result<Caller, ServiceError> {
        let caller = self.gate.caller(knock).await?;
        match caller.may_create {
            true => Ok(caller),
            false if knock.credentials.token.is_none() => Err(Denied::NoCredentials.into()),
            false => Err(Denied::Forbidden.into()),
        }
    }

    /// A room as whoever asks sees it from now on.
    async fn seen(&self, entry: RoomEntry, knock: &Knock) -> RoomView {
        let role = match RoomName::new(&entry.name) {
            Ok(name) => self.gate.admit(&name, knock).await.ok(),
            Err(_) => None,
        };
        let role = role.map(|admission| admission.role);
        RoomView { entry, role }
    }

    /// Puts a copied content into an empty room.
    async fn fill(&self, room: &RoomName, content: Vec<bytes::Bytes>) -> Result<(), ServiceError> {
        let membership = self.enter(room).await?;
        let mut waiting = 0;
        for update in content {
            membership.offer(&update, Carrier::Update, None)?;
            waiting += update.len();
            if waiting > COPIED_AT_ONCE {
                self.settle(&membership).await?;
                waiting = 0;
            }
        }
        self.settle(&membership).await
    }

    /// What a wish means to the store; passwords are hashed.
    async fn change(&self, wish: RoomWish) -> Result<RoomChange, ServiceError> {
        let text = |text: Option<Option<String>>, what, most| -> Result<_, Refusal> {
            text.map(|text| text.map(|text| check_text(&text, what, most)).transpose())
                .transpose()
        };
        let frontend = text(wish.frontend, "the front end", MAX_URL_BYTES)?;
        if let Some(Some(frontend)) = &frontend {
            self.check_frontend(frontend)?;
        }
        let title = text(wish.title, "the title", MAX_TEXT_BYTES)?;
        let owner = text(wish.owner, "the owner", MAX_TEXT_BYTES)?;
        let password = match wish.password {
            None => None,
            Some(None) => Some(None),
            Some(Some(password)) => Some(Some(self.passwords.hash(&password).await?)),
        };
        Ok(RoomChange {
            title,
            owner,
            visibility: wish.visibility,
            link_role: wish.link_role,
            password,
            frontend,
            viewers_export: wish.viewers_export,
        })
    }

    /// A room's own front end must be one that the server was told of: people are sent there with their way in.
    fn check_frontend(&self, frontend: &str) -> Result<(), Refusal> {
        let invalid = |why: &str| Err(Refusal::Invalid(format!("the front end {why}")));
        let Some(frontend) = FrontendUrl::parse(frontend) else {
            return invalid("is a URL with {room}, like https://draw.example.com/?room={room}");
        };
        // It is asked about the page alone, under a name that every server answers to.
        let page = self
            .gate
            .page(Some(frontend.origin().as_str()), Some("localhost"));
        match page {
            From::KnownPage => Ok(()),
            _ => invalid("is none that the operator has named in SCRIBLE_ALLOWED_ORIGINS"),
        }
    }
}

/// Which rooms are asked for.
#[derive(Debug, Clone, Default)]
pub struct RoomsQuery {
    /// Only names behind this one.
    pub after: Option<Arc<str>>,
    /// At most so many.
    pub limit: u32,
    /// Only those with this text in name or title.
    pub search: Option<Arc<str>>,
    /// Only deleted ones, or only others.
    pub deleted: bool,
}

/// A text that people gave: not empty, not too long, and nothing that a database or a terminal chokes on.
pub(super) fn check_text(text: &str, what: &str, most: usize) -> Result<Arc<str>, Refusal> {
    let invalid = |why: String| Err(Refusal::Invalid(format!("{what} {why}")));
    if text.is_empty() {
        return invalid("is empty".to_owned());
    }
    if text.len() > most {
        return invalid(format!(
            "has {} bytes; at most {most} are allowed",
            text.len()
        ));
    }
    if text.chars().any(char::is_control) {
        return invalid("has a control character".to_owned());
    }
    Ok(text.into())
}

/// Notes that somebody changed who may do what.
pub(super) fn security(room: &RoomName, knock: &Knock, identity: &Identity, event: &'static str) {
    let (room, identity) = (room.as_str(), identity.0.as_deref());
    tracing::info!(target: events::TARGET, event, room, peer = %knock.peer, identity);
}
