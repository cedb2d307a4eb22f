//! The part of a store that knows who owns which room, who may come in, and who was there.
//!
//! Knows no SQL, no tokens and no passwords in clear: what proves something is stored as a hash that its giver made. The rule: what is
//! asked here is answered from one moment, so that nobody is let in by halves of two states.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{RoomId, StoreError};

/// What somebody may do in a room. Each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sees edits and cursors, shows an own cursor, changes nothing.
    Viewer,
    /// Edits.
    Editor,
    /// Decides who may come in, and may delete the room.
    Owner,
}

impl Role {
    /// As it is stored and told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Owner => "owner",
        }
    }

    /// From what [`as_str`](Self::as_str) gives; `None` for anything else.
    pub fn of(text: &str) -> Option<Self> {
        [Self::Viewer, Self::Editor, Self::Owner]
            .into_iter()
            .find(|role| role.as_str() == text)
    }
}

/// Whom a room lets in who has nothing to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Nobody.
    Private,
    /// Everybody, with the room's link role; where the room has a password, everybody who knows it.
    Public,
}

/// The SHA-256 of a secret of at least 128 random bits.
pub type SecretHash = [u8; 32];

/// What a store knows of a room beside its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomEntry {
    /// The room's id in this store.
    pub id: RoomId,
    /// The canonical name.
    pub name: Arc<str>,
    /// What people call it.
    pub title: Option<Arc<str>>,
    /// The subject (`sub`) whose room it is.
    pub owner: Option<Arc<str>>,
    /// `None` until somebody decides: the room came to be by being drawn in.
    pub visibility: Option<Visibility>,
    /// What those get who come by visibility or by password.
    pub link_role: Role,
    /// The password as a PHC string (Argon2id).
    pub password: Option<Arc<str>>,
    /// Rises with every change of the password; what was let in by an earlier one is not let in any more.
    pub password_version: u64,
    /// Where people go who have been let in, instead of the server's setting: a URL with `{room}`.
    pub frontend: Option<Arc<str>>,
    /// Whether viewers may export it.
    pub viewers_export: bool,
    /// When it came to be, in milliseconds since 1970.
    pub created_ms: i64,
    /// When something was last drawn in it, to the minute, in milliseconds since 1970.
    pub active_ms: i64,
    /// When it was deleted; such a room is kept for a while, and nobody comes in.
    pub deleted_ms: Option<i64>,
    /// Rises whenever anything changes that decides about somebody who may have been let in. 0 until somebody decides anything.
    pub access_version: u64,
}

/// A room to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRoom {
    /// The canonical name.
    pub name: Arc<str>,
    /// What people call it.
    pub title: Option<Arc<str>>,
    /// The subject whose room it is.
    pub owner: Option<Arc<str>>,
    /// Whom it lets in who has nothing to show.
    pub visibility: Option<Visibility>,
    /// What those get who come by visibility or by password.
    pub link_role: Role,
    /// The password as a PHC string.
    pub password: Option<Arc<str>>,
    /// Where people go who have been let in.
    pub frontend: Option<Arc<str>>,
    /// Whether viewers may export it.
    pub viewers_export: bool,
    /// Now, in milliseconds since 1970.
    pub time_ms: i64,
    /// Asking again with the same key gives the room that the first call made.
    pub idempotency: Option<IdempotencyKey>,
}

/// A key that makes a repeated request harmless. Kept for 24 hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// SHA-256 of the key and of whoever gave it.
    pub key: SecretHash,
    /// SHA-256 of what was asked; the same key with another request is a mistake.
    pub request: SecretHash,
}

/// Whose turn it is to do what is asked for with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyClaim {
    /// That of whoever asks.
    Yes,
    /// It was done, and this was made.
    Before(i64),
    /// Somebody is at it. Whoever has not said for five minutes what became of it is no more.
    Underway,
    /// The key was used for another request.
    KeyReused,
}

/// What became of a request to make a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It is new.
    New(RoomEntry),
    /// It was made by an earlier request with the same key.
    Before(RoomEntry),
    /// There is a room of that name, deleted ones included. The name is free again once that was purged.
    Taken,
    /// The key was used for another request.
    KeyReused,
}

/// What is to be changed of a room; `None` leaves what is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomChange {
    /// `Some(None)` takes it away.
    pub title: Option<Option<Arc<str>>>,
    /// `Some(None)` takes it away.
    pub owner: Option<Option<Arc<str>>>,
    /// Whom it lets in who has nothing to show.
    pub visibility: Option<Visibility>,
    /// What those get who come by visibility or by password.
    pub link_role: Option<Role>,
    /// `Some(None)` takes it away. Either raises the version of the password.
    pub password: Option<Option<Arc<str>>>,
    /// `Some(None)` takes it away.
    pub frontend: Option<Option<Arc<str>>>,
    /// Whether viewers may export it.
    pub viewers_export: Option<bool>,
}

/// Which rooms are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomQuery {
    /// Only names behind this one, by bytes.
    pub after: Option<Arc<str>>,
    /// At most so many.
    pub limit: u32,
    /// Only those with this text in name or title, letters of ASCII in either case. Nothing in it is a wildcard.
    pub search: Option<Arc<str>>,
    /// Only deleted ones, or only others.
    pub deleted: bool,
    /// Only those that somebody may know of; `None` for an admin, who may know of all.
    pub visible_to: Option<VisibleTo>,
}

/// Which rooms somebody may know of: any of these is enough.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VisibleTo {
    /// Those of this owner.
    pub owner: Option<Arc<str>>,
    /// Those of these names.
    pub names: Vec<Arc<str>>,
    /// Those whose names begin so.
    pub prefixes: Vec<Arc<str>>,
    /// Those that somebody has made public.
    pub public: bool,
    /// Those into which a grant of this session leads that is alive, by the clock of the store.
    pub session: Option<SecretHash>,
}

/// How much a room takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoomUsage {
    /// The highest sequence number.
    pub head: u64,
    /// Stored updates, those included that a snapshot covers already.
    pub updates: u64,
    /// Their bytes.
    pub update_bytes: u64,
    /// Snapshots, those included that nobody sees as versions.
    pub snapshots: u64,
    /// Their bytes.
    pub snapshot_bytes: u64,
    /// Exports, whatever became of them.
    pub exports: u64,
    /// Bytes of the objects of those that are completed, as far as they are known.
    pub export_bytes: u64,
    /// Files that were pasted into its board, by name.
    pub assets: u64,
    /// Their bytes; of contents that have several names each counts.
    pub asset_bytes: u64,
}

/// A way in that the owner gives to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Its number in this store; no secret.
    pub id: i64,
    /// What it makes of whoever uses it.
    pub role: Role,
    /// What its giver calls it.
    pub label: Option<Arc<str>>,
    /// Who gave it.
    pub created_by: Option<Arc<str>>,
    /// When, in milliseconds since 1970.
    pub created_ms: i64,
    /// From when on it is not taken any more.
    pub expires_ms: Option<i64>,
    /// How many people may use it.
    pub max_uses: Option<u32>,
    /// How many have.
    pub uses: u32,
    /// When it was revoked, and with it everybody who came by it.
    pub revoked_ms: Option<i64>,
}

/// An invite to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInvite {
    /// The hash of its secret.
    pub secret: SecretHash,
    /// What it makes of whoever uses it.
    pub role: Role,
    /// What its giver calls it.
    pub label: Option<Arc<str>>,
    /// Who gives it.
    pub created_by: Option<Arc<str>>,
    /// Now.
    pub created_ms: i64,
    /// From when on it is not taken any more.
    pub expires_ms: Option<i64>,
    /// How many people may use it; at least 1.
    pub max_uses: Option<u32>,
}

/// What let somebody in who has a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GrantSource {
    /// The room's password, in this version.
    Password(u64),
    /// An invite, by its id.
    Invite(i64),
}

/// One person's way into one room: a person has at most one for each room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its number in this store; no secret.
    pub id: i64,
    /// What the person calls himself.
    pub name: Option<Arc<str>>,
    /// What it allowed when it was given; see [`role_in`](Self::role_in).
    pub role: Role,
    /// What it goes back to.
    pub source: GrantSource,
    /// Rises each time that it was revoked and given anew. The secret that stands for it in a link is made from the person's session, the
    /// room and this, so that what was revoked stays dead.
    pub epoch: u32,
    /// When it was first given, in milliseconds since 1970.
    pub created_ms: i64,
    /// From when on it is not taken any more.
    pub expires_ms: i64,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
}

/// A grant to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    /// The hash of the person's session secret.
    pub session: SecretHash,
    /// What the person calls himself.
    pub name: Option<Arc<str>>,
    /// Now.
    pub time_ms: i64,
    /// From when on it is not taken any more.
    pub expires_ms: i64,
}

/// What became of a request for a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Granted {
    /// Here it is; the person's earlier one for the same room where that was alive and no less (then it costs an invite no use).
    Yes(Grant),
    /// There is no such invite, it was revoked, or it has expired.
    NoInvite,
    /// As many have used the invite as may.
    UsedUp,
    /// The password was changed meanwhile, or there is none.
    OtherPassword,
    /// The room is not there, or deleted.
    NoRoom,
}

/// Whose facts are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FactsQuery {
    /// The hash of a session secret.
    pub session: Option<SecretHash>,
    /// The hash of a secret that stands for a grant in a link.
    pub link: Option<SecretHash>,
    /// Who it is, by subject or by grant: is he blocked?
    pub identity: Option<Arc<str>>,
    /// Now.
    pub time_ms: i64,
}

/// All that a store knows of somebody's way into a room, of one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomFacts {
    /// The room, deleted or not.
    pub room: Option<RoomEntry>,
    /// The grant that the session has for this room, if any, alive or not.
    pub by_session: Option<GrantState>,
    /// The grant that the secret stands for in this room, if any, alive or not.
    pub by_link: Option<GrantState>,
    /// Until when the identity, or the grant that was found, is blocked; `None` where it is not, or not any more.
    pub blocked_until_ms: Option<i64>,
}

/// A grant, and whether what it goes back to still stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantState {
    /// The grant.
    pub grant: Grant,
    /// Its invite is not revoked, or its password is the room's present one.
    pub source_stands: bool,
}

/// Somebody's stay in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Its number in this store.
    pub id: i64,
    /// The stay, as the node numbers it.
    pub session: u128,
    /// Who it was: a subject or a grant; `None` for somebody unknown.
    pub identity: Option<Arc<str>>,
    /// What he called himself.
    pub name: Option<Arc<str>>,
    /// What he was there.
    pub role: Role,
    /// The Yjs client id under which he was seen, once he was.
    pub client: Option<u64>,
    /// When he came, in milliseconds since 1970.
    pub joined_ms: i64,
    /// When he left; `None` while he is there, or where his node died.
    pub left_ms: Option<i64>,
}

/// What is noted of a stay: once at its beginning, once more at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// The room's name. Nothing is noted of a room that is not stored.
    pub room: Arc<str>,
    /// The stay; the same at beginning and end.
    pub session: u128,
    /// Who it is.
    pub identity: Option<Arc<str>>,
    /// What he calls himself.
    pub name: Option<Arc<str>>,
    /// What he is there.
    pub role: Role,
    /// The Yjs client id, once it is known.
    pub client: Option<u64>,
    /// When he came.
    pub joined_ms: i64,
    /// When he left.
    pub left_ms: Option<i64>,
}

/// A page of something that is sorted by falling ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Only ids below this one.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// What a store keeps of people and rooms. The contract suite says what an implementation owes.
///
/// Whatever changes the answer for somebody who may have been let in raises the room's `access_version` in the same transaction: what is
/// decided about the room, its deletion, a revocation, a block, and a grant that is given again or with another role. A person's first
/// grant takes nothing from anybody and raises nothing.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// What is known of a room, deleted or not.
    async fn room(&self, room: &str) -> Result<Option<RoomEntry>, StoreError>;

    /// Makes a room, empty.
    async fn create_room(&self, new: &NewRoom) -> Result<Created, StoreError>;

    /// Changes a room and returns what it is now; `None` where it is not there or deleted.
    async fn change_room(
        &self,
        room: &str,
        change: &RoomChange,
    ) -> Result<Option<RoomEntry>, StoreError>;

    /// Rooms by name.
    async fn rooms(&self, query: &RoomQuery) -> Result<Vec<RoomEntry>, StoreError>;

    /// How much a room takes; `None` where it is not there.
    async fn usage(&self, room: &str) -> Result<Option<RoomUsage>, StoreError>;

    /// Deletes a room, so that nobody comes in, and keeps all it has. Returns it; `None` where it is not there. Deleting twice is deleting
    /// once. Nodes that have it open may still store what they had taken. Nobody draws its exports any more: they wait.
    async fn delete_room(&self, room: &str, time_ms: i64) -> Result<Option<RoomEntry>, StoreError>;

    /// Takes back a deletion. `None` where the room is not there.
    async fn undelete_room(&self, room: &str) -> Result<Option<RoomEntry>, StoreError>;

    /// Ends a deleted room and all that is stored of it, for ever, dead letters and records included. `false` where there is no such room,
    /// or it is not deleted. From its first step on the room is not there and its name is free; what an interrupted call left over, the
    /// next one takes away. What it had in the object store is left to [`orphans`](crate::Exports::orphans) in that first step.
    async fn purge_room(&self, room: &str) -> Result<bool, StoreError>;

    /// Adds an invite; `None` where the room is not there or deleted.
    async fn add_invite(&self, room: &str, new: &NewInvite) -> Result<Option<Invite>, StoreError>;

    /// The invites of a room, newest first, dead ones included.
    async fn invites(&self, room: &str, page: Page) -> Result<Vec<Invite>, StoreError>;

    /// Gives an invite another secret, after which the one before leads nowhere; `None` where the room has none of that id, it was revoked, or
    /// somebody has come by it.
    async fn renew_invite(
        &self,
        room: RoomId,
        id: i64,
        secret: &SecretHash,
    ) -> Result<Option<Invite>, StoreError>;

    /// Takes a key for something that is to be made in a room, by whoever then says [what became of it](Self::fulfil_key). Of several who ask
    /// at once one gets it. A room's own key is [`NewRoom::idempotency`].
    async fn claim_key(
        &self,
        room: RoomId,
        given: &IdempotencyKey,
        time_ms: i64,
    ) -> Result<KeyClaim, StoreError>;

    /// Says what was made with a key, as a number of whoever asks; `None`: nothing, and the key is free again.
    async fn fulfil_key(&self, key: &SecretHash, made: Option<i64>) -> Result<(), StoreError>;

    /// Revokes an invite and returns it; `None` where the room has none of that id.
    async fn revoke_invite(
        &self,
        room: &str,
        id: i64,
        time_ms: i64,
    ) -> Result<Option<Invite>, StoreError>;

    /// Gives a grant by an invite, of which it uses up one use. Exact, however many ask at once.
    async fn grant_by_invite(
        &self,
        room: &str,
        invite: &SecretHash,
        new: &NewGrant,
    ) -> Result<Granted, StoreError>;

    /// Gives a grant by the password, if the room's password has this version at that moment. The role is the room's link role.
    async fn grant_by_password(
        &self,
        room: &str,
        version: u64,
        new: &NewGrant,
    ) -> Result<Granted, StoreError>;

    /// Notes the hash of the secret that stands for a grant in a link, in the place of an earlier one. [`StoreError::Conflict`] where there
    /// is no such grant, or another one has that link.
    async fn set_grant_link(&self, grant: i64, link: &SecretHash) -> Result<(), StoreError>;

    /// The grants of a room, newest first, dead ones included.
    async fn grants(&self, room: &str, page: Page) -> Result<Vec<Grant>, StoreError>;

    /// Revokes a grant and returns it; `None` where the room has none of that id.
    async fn revoke_grant(
        &self,
        room: &str,
        id: i64,
        time_ms: i64,
    ) -> Result<Option<Grant>, StoreError>;

    /// All that decides whether somebody may come in, in one statement.
    async fn facts(&self, room: &str, query: &FactsQuery) -> Result<RoomFacts, StoreError>;

    /// Keeps an identity out of a room until then; a time that has passed lets it in again. `false` where the room is not there. At most
    /// 1,000 are kept out of a room: those go first that end first.
    async fn block(&self, room: &str, identity: &str, until_ms: i64) -> Result<bool, StoreError>;

    /// Notes stays, all or none; of each room the 1,000 newest are kept. Survives the end of the process, and need not survive that of the
    /// machine.
    async fn note_stays(&self, stays: &[Stay]) -> Result<(), StoreError>;

    /// Who was in a room, newest first.
    async fn participants(&self, room: &str, page: Page) -> Result<Vec<Participant>, StoreError>;
}
