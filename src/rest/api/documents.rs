//! `/api/rooms/{room}/update`, `/json`, `/import` and `/usage`: what is in a room.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Answer, Call, ok, raw};
use crate::rest::error::Problem;
use crate::service::ImportOptions;

/// What became of an update.
#[derive(Debug, Serialize, ToSchema)]
pub struct Applied {
    /// Whether it brought something that the room did not have. All of it is stored.
    changed: bool,
}

/// What went into a room, all of it stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct Imported {
    /// Bytes of updates that the file became.
    bytes: usize,
    /// Changes that the room did not have; deletions are not counted.
    changes: usize,
    /// How many records of a board went in; `null` for what is no board.
    records: Option<usize>,
    /// How many were somebody's own, and did not.
    personal_records: Option<usize>,
}

/// How much a room takes.
#[derive(Debug, Serialize, ToSchema)]
pub struct Usage {
    /// How many updates it has ever had.
    head: u64,
    /// Stored updates that no snapshot has replaced.
    updates: u64,
    update_bytes: u64,
    /// Snapshots, those included that are no versions.
    snapshots: u64,
    snapshot_bytes: u64,
    /// Files that were pasted into its board, by name; of contents that have several names each counts.
    assets: u64,
    asset_bytes: u64,
    /// Bytes that they may take.
    max_asset_bytes: u64,
    /// Exports that are kept, whatever became of them.
    exports: u64,
    /// Of the files of those that are done.
    export_bytes: u64,
    /// Bytes of updates that the room may hold.
    max_bytes: usize,
    /// Connections on the node that answers.
    connections: usize,
}

/// `GET /api/rooms/{room}/update`
pub async fn update(call: Call) -> Answer {
    let since = call.parameter("since").map(|since| {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(since.trim_end_matches('='));
        bytes.map_err(|_| Problem::invalid("`since` is a state vector in base64url"))
    });
    let since = since.transpose()?;
    let reading = call
        .services
        .update(call.room()?, &call.knock, since.as_deref());
    Ok(raw(reading.await?, "application/octet-stream"))
}

/// `GET /api/rooms/{room}/json`
pub async fn json(call: Call) -> Answer {
    let reading = call.services.json(call.room()?, &call.knock);
    Ok(raw(reading.await?, "application/json"))
}

/// `POST /api/rooms/{room}/update`
pub async fn apply(call: Call) -> Answer {
    let applying = call.services.apply(call.room()?, &call.knock, &call.body);
    let changed = applying.await?;
    Ok(ok(&Applied { changed }))
}

/// `POST /api/rooms/{room}/import`
pub async fn import(call: Call) -> Answer {
    let options = ImportOptions {
        root: call.parameter("root"),
        merge: call.flag("merge")?,
    };
    let (room, file) = (call.room()?, call.body.clone());
    let importing = call.services.import(room, &call.knock, options, file);
    let imported = importing.await?;
    Ok(ok(&Imported {
        bytes: imported.bytes,
        changes: imported.changes,
        records: imported.records.map(|(records, _)| records),
        personal_records: imported.records.map(|(_, personal)| personal),
    }))
}

/// `GET /api/rooms/{room}/usage`
pub async fn usage(call: Call) -> Answer {
    let usage = call.services.usage(call.room()?, &call.knock).await?;
    Ok(ok(&Usage {
        head: usage.stored.head,
        updates: usage.stored.updates,
        update_bytes: usage.stored.update_bytes,
        snapshots: usage.stored.snapshots,
        snapshot_bytes: usage.stored.snapshot_bytes,
        assets: usage.stored.assets,
        asset_bytes: usage.stored.asset_bytes,
        max_asset_bytes: usage.max_asset_bytes,
        exports: usage.stored.exports,
        export_bytes: usage.stored.export_bytes,
        max_bytes: usage.max_bytes,
        connections: usage.connections,
    }))
}
