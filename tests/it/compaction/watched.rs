//! A store of which a test watches each call, or dies at one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use scrible_store::{
    Asset, AssetAdded, Assets, Batch, Claim, ContentHash, Created, DeadLetter, Directory, Export,
    ExportAdded, ExportEnd, ExportId, ExportLimits, ExportTally, Exports, FactsQuery, Grant,
    Granted, Head, IdempotencyKey, Incarnation, Invite, KeyClaim, Lease, NewAsset, NewExport,
    NewGrant, NewInvite, NewRoom, NewSnapshot, Opening, OpeningEnd, Orphans, Page, Participant,
    Quarantine, Receipt, RoomChange, RoomEntry, RoomFacts, RoomId, RoomQuery, RoomRecord,
    RoomUsage, SecretHash, Since, Snapshot, Snapshots, Stay, Store, StoreError, StoredRoom, Trim,
    Trimmed,
};
use tokio::sync::watch;

/// Who watches.
#[async_trait]
pub trait Watch: Send + Sync + 'static {
    /// The call is made once this returns; what it gives is dropped when the call has ended.
    async fn enter(&self, call: &'static str) -> Box<dyn Send>;
}

/// The store.
pub struct Watched<W> {
    pub store: Arc<dyn Store>,
    pub watch: W,
}

impl<W: Watch> Watched<W> {
    async fn call<T>(&self, call: &'static str, made: impl Future<Output = T>) -> T {
        let _within = self.watch.enter(call).await;
        made.await
    }
}

#[async_trait]
impl<W: Watch> Store for Watched<W> {
    async fn load_below(&self, room: &str, version: u64) -> Result<Option<StoredRoom>, StoreError> {
        self.call("load_below", self.store.load_below(room, version))
            .await
    }
    async fn heads(&self, rooms: &[Arc<str>]) -> Result<Vec<Head>, StoreError> {
        self.call("heads", self.store.heads(rooms)).await
    }
    async fn since(
        &self,
        room: &str,
        after: u64,
        max_bytes: usize,
    ) -> Result<Option<Since>, StoreError> {
        self.call("since", self.store.since(room, after, max_bytes))
            .await
    }
    async fn append(&self, batch: &Batch) -> Result<Receipt, StoreError> {
        self.call("append", self.store.append(batch)).await
    }
    async fn snapshots(&self, room: &str) -> Result<Option<Snapshots>, StoreError> {
        self.call("snapshots", self.store.snapshots(room)).await
    }
    async fn snapshot(&self, room: &str, version: u64) -> Result<Option<Snapshot>, StoreError> {
        self.call("snapshot", self.store.snapshot(room, version))
            .await
    }
    async fn add_snapshot(&self, new: &NewSnapshot) -> Result<(), StoreError> {
        self.call("add_snapshot", self.store.add_snapshot(new))
            .await
    }
    async fn list_snapshot(
        &self,
        room: RoomId,
        version: u64,
        label: Option<Arc<str>>,
        author: Option<Arc<str>>,
    ) -> Result<(), StoreError> {
        let listing = self.store.list_snapshot(room, version, label, author);
        self.call("list_snapshot", listing).await
    }
    async fn unlist_snapshot(&self, room: RoomId, version: u64) -> Result<(), StoreError> {
        let unlisting = self.store.unlist_snapshot(room, version);
        self.call("unlist_snapshot", unlisting).await
    }
    async fn trim(&self, trim: &Trim) -> Result<Trimmed, StoreError> {
        self.call("trim", self.store.trim(trim)).await
    }
    async fn lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        self.call("lease", self.store.lease(lease)).await
    }
    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.call("release", self.store.release(lease)).await
    }
    async fn check(&self) -> Result<(), StoreError> {
        self.call("check", self.store.check()).await
    }
    async fn close(&self) {
        self.call("close", self.store.close()).await;
    }
}

/// Compaction has no business here.
#[async_trait]
impl<W: Watch> Quarantine for Watched<W> {
    async fn add_dead_letters(&self, letters: &[DeadLetter]) -> Result<(), StoreError> {
        self.store.add_dead_letters(letters).await
    }
    async fn dead_letters(&self, room: &str) -> Result<Vec<DeadLetter>, StoreError> {
        self.store.dead_letters(room).await
    }
    async fn beat(&self, node: Incarnation) -> Result<Vec<RoomRecord>, StoreError> {
        self.store.beat(node).await
    }
    async fn note_opening(&self, opening: &Opening) -> Result<(), StoreError> {
        self.store.note_opening(opening).await
    }
    async fn end_openings(&self, ended: &[(Opening, OpeningEnd)]) -> Result<(), StoreError> {
        self.store.end_openings(ended).await
    }
    async fn end_node(&self, node: Incarnation) -> Result<(), StoreError> {
        self.store.end_node(node).await
    }
    async fn room_record(&self, room: &str) -> Result<Option<RoomRecord>, StoreError> {
        self.store.room_record(room).await
    }
    async fn room_records(&self) -> Result<Vec<RoomRecord>, StoreError> {
        self.store.room_records().await
    }
    async fn set_aside(&self, room: Arc<str>) -> Result<(), StoreError> {
        self.store.set_aside(room).await
    }
    async fn clear_record(&self, room: &str) -> Result<Option<RoomRecord>, StoreError> {
        self.store.clear_record(room).await
    }
}

/// Nor here.
#[async_trait]
impl<W: Watch> Directory for Watched<W> {
    async fn room(&self, room: &str) -> Result<Option<RoomEntry>, StoreError> {
        self.store.room(room).await
    }
    async fn create_room(&self, new: &NewRoom) -> Result<Created, StoreError> {
        self.store.create_room(new).await
    }
    async fn change_room(
        &self,
        room: &str,
        change: &RoomChange,
    ) -> Result<Option<RoomEntry>, StoreError> {
        self.store.change_room(room, change).await
    }
    async fn rooms(&self, query: &RoomQuery) -> Result<Vec<RoomEntry>, StoreError> {
        self.store.rooms(query).await
    }
    async fn usage(&self, room: &str) -> Result<Option<RoomUsage>, StoreError> {
        self.store.usage(room).await
    }
    async fn delete_room(&self, room: &str, time_ms: i64) -> Result<Option<RoomEntry>, StoreError> {
        self.store.delete_room(room, time_ms).await
    }
    async fn undelete_room(&self, room: &str) -> Result<Option<RoomEntry>, StoreError> {
        self.store.undelete_room(room).await
    }
    async fn purge_room(&self, room: &str) -> Result<bool, StoreError> {
        self.store.purge_room(room).await
    }
    async fn add_invite(&self, room: &str, new: &NewInvite) -> Result<Option<Invite>, StoreError> {
        self.store.add_invite(room, new).await
    }
    async fn invites(&self, room: &str, page: Page) -> Result<Vec<Invite>, StoreError> {
        self.store.invites(room, page).await
    }
    async fn renew_invite(
        &self,
        room: RoomId,
        id: i64,
        secret: &SecretHash,
    ) -> Result<Option<Invite>, StoreError> {
        self.store.renew_invite(room, id, secret).await
    }
    async fn claim_key(
        &self,
        room: RoomId,
        given: &IdempotencyKey,
        time_ms: i64,
    ) -> Result<KeyClaim, StoreError> {
        self.store.claim_key(room, given, time_ms).await
    }
    async fn fulfil_key(&self, key: &SecretHash, made: Option<i64>) -> Result<(), StoreError> {
        self.store.fulfil_key(key, made).await
    }
    async fn revoke_invite(
        &self,
        room: &str,
        id: i64,
        time_ms: i64,
    ) -> Result<Option<Invite>, StoreError> {
        self.store.revoke_invite(room, id, time_ms).await
    }
    async fn grant_by_invite(
        &self,
        room: &str,
        invite: &SecretHash,
        new: &NewGrant,
    ) -> Result<Granted, StoreError> {
        self.store.grant_by_invite(room, invite, new).await
    }
    async fn grant_by_password(
        &self,
        room: &str,
        version: u64,
        new: &NewGrant,
    ) -> Result<Granted, StoreError> {
        self.store.grant_by_password(room, version, new).await
    }
    async fn set_grant_link(&self, grant: i64, link: &SecretHash) -> Result<(), StoreError> {
        self.store.set_grant_link(grant, link).await
    }
    async fn grants(&self, room: &str, page: Page) -> Result<Vec<Grant>, StoreError> {
        self.store.grants(room, page).await
    }
    async fn revoke_grant(
        &self,
        room: &str,
        id: i64,
        time_ms: i64,
    ) -> Result<Option<Grant>, StoreError> {
        self.store.revoke_grant(room, id, time_ms).await
    }
    async fn facts(&self, room: &str, query: &FactsQuery) -> Result<RoomFacts, StoreError> {
        self.store.facts(room, query).await
    }
    async fn block(&self, room: &str, identity: &str, until_ms: i64) -> Result<bool, StoreError> {
        self.store.block(room, identity, until_ms).await
    }
    async fn note_stays(&self, stays: &[Stay]) -> Result<(), StoreError> {
        self.store.note_stays(stays).await
    }
    async fn participants(&self, room: &str, page: Page) -> Result<Vec<Participant>, StoreError> {
        self.store.participants(room, page).await
    }
}

/// Ends the process before or after one of the store's calls, with nothing tidied up.
pub struct Deadly(Arc<AtomicUsize>);

/// Has seen the beginning of a call, and sees its end.
struct Step(Arc<AtomicUsize>);

impl Deadly {
    /// At that step.
    pub fn after(steps: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(steps)))
    }
}

#[async_trait]
impl Watch for Deadly {
    async fn enter(&self, _call: &'static str) -> Box<dyn Send> {
        tick(&self.0);
        Box::new(Step(self.0.clone()))
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        tick(&self.0);
    }
}

fn tick(steps: &AtomicUsize) {
    let left = steps.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
        left.checked_sub(1)
    });
    if left.is_err() {
        std::process::abort();
    }
}

/// Nor here.
#[async_trait]
impl<W: Watch> Exports for Watched<W> {
    async fn add_export(
        &self,
        room: &str,
        new: &NewExport,
        limits: &ExportLimits,
    ) -> Result<ExportAdded, StoreError> {
        self.store.add_export(room, new, limits).await
    }
    async fn export(&self, id: ExportId) -> Result<Option<Export>, StoreError> {
        self.store.export(id).await
    }
    async fn exports(&self, room: &str, page: Page) -> Result<Vec<(Export, i64)>, StoreError> {
        self.store.exports(room, page).await
    }
    async fn claim_export(&self, claim: &Claim) -> Result<Option<Export>, StoreError> {
        self.store.claim_export(claim).await
    }
    async fn renew_export(
        &self,
        id: ExportId,
        claim: &Claim,
        progress: u8,
    ) -> Result<bool, StoreError> {
        self.store.renew_export(id, claim, progress).await
    }
    async fn end_export(
        &self,
        id: ExportId,
        claim: &Claim,
        end: &ExportEnd,
        time_ms: i64,
    ) -> Result<bool, StoreError> {
        self.store.end_export(id, claim, end, time_ms).await
    }
    async fn cancel_export(
        &self,
        room: &str,
        id: ExportId,
        time_ms: i64,
    ) -> Result<Option<Export>, StoreError> {
        self.store.cancel_export(room, id, time_ms).await
    }
    async fn delete_export(
        &self,
        room: &str,
        id: ExportId,
        objects: &str,
    ) -> Result<bool, StoreError> {
        self.store.delete_export(room, id, objects).await
    }
    async fn expired_exports(&self, time_ms: i64) -> Result<Vec<Export>, StoreError> {
        self.store.expired_exports(time_ms).await
    }
    async fn orphans(&self, after: i64) -> Result<Vec<Orphans>, StoreError> {
        self.store.orphans(after).await
    }
    async fn forget_orphans(&self, id: i64) -> Result<(), StoreError> {
        self.store.forget_orphans(id).await
    }
    async fn export_tally(&self) -> Result<ExportTally, StoreError> {
        self.store.export_tally().await
    }
    fn export_bell(&self) -> watch::Receiver<u64> {
        self.store.export_bell()
    }
}

/// Nor here.
#[async_trait]
impl<W: Watch> Assets for Watched<W> {
    async fn add_asset(
        &self,
        room: RoomId,
        new: &NewAsset,
        most: u64,
    ) -> Result<AssetAdded, StoreError> {
        self.store.add_asset(room, new, most).await
    }
    async fn asset(&self, room: &str, name: &str) -> Result<Option<Asset>, StoreError> {
        self.store.asset(room, name).await
    }
    async fn assets(&self, room: &str, page: Page) -> Result<Vec<Asset>, StoreError> {
        self.store.assets(room, page).await
    }
    async fn has_content(&self, room: RoomId, content: &ContentHash) -> Result<bool, StoreError> {
        self.store.has_content(room, content).await
    }
    async fn asset_bytes(&self, room: &str) -> Result<(u64, u64), StoreError> {
        self.store.asset_bytes(room).await
    }
}
