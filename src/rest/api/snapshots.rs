//! `/api/rooms/{room}/snapshots`: the versions of a room.

use scrible_store::SnapshotInfo;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, created, cursor_at, done, ok, raw};
use super::words::time;

/// A version of a room.
#[derive(Debug, Serialize, ToSchema)]
pub struct Snapshot {
    /// Its number in the room.
    version: u64,
    /// What somebody called it; such a version is never thinned out.
    label: Option<String>,
    /// Who wanted it.
    author: Option<String>,
    #[schema(format = "date-time")]
    created: String,
    bytes: u64,
    /// How many updates it covers.
    covers: u64,
}

/// Versions, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct SnapshotList {
    snapshots: Vec<Snapshot>,
    /// The `cursor` of the next page; `null` on the last.
    next: Option<String>,
}

/// What a version is called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SnapshotLabel {
    /// At most 512 bytes.
    label: String,
}

/// A version that was put back.
#[derive(Debug, Serialize, ToSchema)]
pub struct RestoredSnapshot {
    /// The version that holds what was there before.
    before: u64,
    /// Values, characters and nodes that were set, put in or taken out.
    changes: u64,
    /// What could not be put back, in sentences.
    left: Vec<String>,
}

/// `GET /api/rooms/{room}/snapshots`
pub async fn list(call: Call) -> Answer {
    let page = call.page()?;
    let before = page.before.map(|before| u64::try_from(before).unwrap_or(0));
    let listing = call
        .services
        .snapshots(call.room()?, &call.knock, before, page.limit);
    let listed = listing.await?;
    let last = listed.items.last().filter(|_| listed.more);
    let next = last.map(|last| cursor_at(&last.version.to_string()));
    let snapshots = listed.items.into_iter().map(Snapshot::from).collect();
    Ok(ok(&SnapshotList { snapshots, next }))
}

/// `POST /api/rooms/{room}/snapshots`
pub async fn create(call: Call) -> Answer {
    let SnapshotLabel { label } = call.json()?;
    let key = call.idempotency_key()?.map(|key| (key, &*call.body));
    let keeping = call
        .services
        .keep_snapshot(call.room()?, &call.knock, &label, key);
    Ok(created(&Snapshot::from(keeping.await?)))
}

/// `GET /api/rooms/{room}/snapshots/{version}`
pub async fn get(call: Call) -> Answer {
    let version = call.number()?;
    let reading = call.services.snapshot(call.room()?, &call.knock, version);
    Ok(raw(reading.await?.data, "application/octet-stream"))
}

/// `GET /api/rooms/{room}/snapshots/{version}/json`
pub async fn json(call: Call) -> Answer {
    let version = call.number()?;
    let reading = call
        .services
        .snapshot_json(call.room()?, &call.knock, version);
    Ok(raw(reading.await?, "application/json"))
}

/// `PATCH /api/rooms/{room}/snapshots/{version}`
pub async fn label(call: Call) -> Answer {
    let version = call.number()?;
    let SnapshotLabel { label } = call.json()?;
    let labelling = call
        .services
        .label_snapshot(call.room()?, &call.knock, version, &label);
    Ok(ok(&Snapshot::from(labelling.await?)))
}

/// `DELETE /api/rooms/{room}/snapshots/{version}`
pub async fn delete(call: Call) -> Answer {
    let version = call.number()?;
    call.services
        .delete_snapshot(call.room()?, &call.knock, version)
        .await?;
    Ok(done())
}

/// `POST /api/rooms/{room}/snapshots/{version}/restore`
pub async fn restore(call: Call) -> Answer {
    let version = call.number()?;
    let restoring = call
        .services
        .restore_snapshot(call.room()?, &call.knock, version);
    let restored = restoring.await?;
    Ok(ok(&RestoredSnapshot {
        before: restored.before,
        changes: restored.changes,
        left: restored.left,
    }))
}

impl From<SnapshotInfo> for Snapshot {
    fn from(info: SnapshotInfo) -> Self {
        Self {
            version: info.version,
            label: info.label.map(|label| label.to_string()),
            author: info.author.map(|author| author.to_string()),
            created: time(info.time_ms),
            bytes: info.size,
            covers: info.seq,
        }
    }
}
