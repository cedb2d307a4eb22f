//! Files of boards: noted, looked up, weighed.
//!
//! The rule: what a room's files take is added up while its row is held, so that the limit is exact however many bring files at once.

use sqlx::Row as _;

use super::super::people::take_by_id;
use super::{Conn, LISTING, NOTING, Row, failed, fault, rows};
use crate::{Asset, AssetAdded, ContentHash, NewAsset, Page, RoomId, StoreError};

const WEIGH: &str = "SELECT CAST(coalesce(sum(size), 0) AS BIGINT) AS bytes, count(*) AS files FROM assets WHERE room = \
     (SELECT id FROM rooms WHERE name = $1)";

/// Notes one.
pub async fn add(
    conn: &mut Conn,
    room: RoomId,
    new: &NewAsset,
    most: u64,
) -> Result<AssetAdded, StoreError> {
    let entry = take_by_id(conn, room, NOTING).await?;
    let Some(entry) = entry.filter(|entry| entry.deleted_ms.is_none()) else {
        return Ok(AssetAdded::NoRoom);
    };
    let room = &*entry.name;
    if let Some(asset) = one(conn, room, &new.name).await? {
        return Ok(match asset.content == new.content {
            true => AssetAdded::Same(asset),
            false => AssetAdded::Other,
        });
    }
    let (taken, _) = bytes(conn, room).await?;
    if taken.saturating_add(new.size) > most {
        return Ok(AssetAdded::Full);
    }
    let sql = concat!(
        "INSERT INTO assets (room, name, content, content_type, size, created_by, created_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING ",
        asset_columns!()
    );
    let row = sqlx::query(sql)
        .bind(entry.id.0)
        .bind(&*new.name)
        .bind(&new.content[..])
        .bind(&*new.content_type)
        .bind(rows::stored(new.size))
        .bind(new.created_by.as_deref())
        .bind(new.time_ms)
        .fetch_one(conn)
        .await
        .map_err(|e| fault::while_writing(NOTING, &e))?;
    rows::asset(&row)
        .map(AssetAdded::New)
        .map_err(failed(NOTING))
}

/// One by its name.
pub async fn one(conn: &mut Conn, room: &str, name: &str) -> Result<Option<Asset>, StoreError> {
    let sql = concat!(
        "SELECT ",
        asset_columns!(),
        " FROM assets WHERE room = (SELECT id FROM rooms WHERE name = $1 AND deleted_ms IS NULL) AND name = $2"
    );
    let found = sqlx::query(sql).bind(room).bind(name);
    let found = found.fetch_optional(conn).await;
    let found = found.and_then(|row| row.as_ref().map(rows::asset).transpose());
    found.map_err(failed(LISTING))
}

/// Whether there is one with this content.
pub async fn has_content(
    conn: &mut Conn,
    room: RoomId,
    content: &ContentHash,
) -> Result<bool, StoreError> {
    let sql = "SELECT count(*) FROM assets WHERE room = $1 AND content = $2";
    let found = sqlx::query_scalar(sql).bind(room.0).bind(&content[..]);
    let found: i64 = found.fetch_one(conn).await.map_err(failed(LISTING))?;
    Ok(found > 0)
}

/// Those of a room, newest first.
pub async fn list(conn: &mut Conn, room: &str, page: Page) -> Result<Vec<Asset>, StoreError> {
    let sql = concat!(
        "SELECT ",
        asset_columns!(),
        " FROM assets WHERE room = (SELECT id FROM rooms WHERE name = $1 AND deleted_ms IS NULL) \
         AND id < $2 ORDER BY id DESC LIMIT $3"
    );
    let found = sqlx::query(sql)
        .bind(room)
        .bind(page.before.unwrap_or(i64::MAX))
        .bind(i64::from(page.limit))
        .fetch_all(conn)
        .await;
    let read = found.and_then(|found| found.iter().map(rows::asset).collect());
    read.map_err(failed(LISTING))
}

/// Their bytes, and how many there are.
pub async fn bytes(conn: &mut Conn, room: &str) -> Result<(u64, u64), StoreError> {
    let found = sqlx::query(WEIGH).bind(room).fetch_one(conn).await;
    let pair = |row: Row| {
        let (bytes, files): (i64, i64) = (row.try_get("bytes")?, row.try_get("files")?);
        Ok((bytes.unsigned_abs(), files.unsigned_abs()))
    };
    found.and_then(pair).map_err(failed(LISTING))
}
