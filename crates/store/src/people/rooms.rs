//! Rooms beside their content: looked up, listed, changed, deleted.
//!
//! The rule: what a change means is decided in one place for every store, and written as it stands there.

use sqlx::Row as _;

use super::super::dialect::announce;
use super::{
    CHANGING, Conn, DELETING, LISTING, LOOKING, WEIGHING, failed, fault, raise, rows, take,
};
use crate::{RoomChange, RoomEntry, RoomQuery, RoomUsage, StoreError, VisibleTo};

const LIST: &str = concat!(
    "SELECT ",
    room_columns!(),
    " FROM rooms WHERE purged_ms IS NULL AND name > $1 AND (deleted_ms IS NOT NULL) = $2 AND (",
    contains!("name", "$3"),
    " OR ",
    contains!("title", "$3"),
    ") AND ($4 OR owner = $5 OR name IN (",
    texts!("$6"),
    ") OR EXISTS (SELECT 1 FROM (",
    texts!("$7"),
    ") AS prefixes WHERE substr(rooms.name, 1, length(prefixes.value)) = prefixes.value) \
     OR visibility = 'public' AND $8 \
     OR EXISTS (SELECT 1 FROM room_grants AS g LEFT JOIN room_invites AS i ON i.id = g.invite \
     WHERE g.session = $9 AND g.room = rooms.id AND g.revoked_ms IS NULL AND g.expires_ms > ",
    now_ms!(),
    " AND ",
    source_stands!("g", "i"),
    ")) ORDER BY name LIMIT $10"
);

// Out of the queue, so that whoever claims need not step over them each time. Whoever draws one learns that it is not his any more.
const SET_EXPORTS_ASIDE: &str = "UPDATE exports SET state = 'pending', due_ms = NULL, worker = NULL, progress = 0 \
    WHERE room = $1 AND ended_ms IS NULL";
const MAKE_EXPORTS_DUE: &str = concat!(
    "UPDATE exports SET due_ms = ",
    now_ms!(),
    " WHERE room = $1 AND ended_ms IS NULL AND due_ms IS NULL"
);

/// One, deleted or not.
pub async fn one(conn: &mut Conn, room: &str) -> Result<Option<RoomEntry>, StoreError> {
    let sql = concat!("SELECT ", room_columns!(), " FROM rooms WHERE name = $1");
    let found = sqlx::query(sql).bind(room).fetch_optional(conn).await;
    let found = found.and_then(|row| row.as_ref().map(rows::room).transpose());
    found.map_err(failed(LOOKING))
}

/// Those that are asked for, by name.
pub async fn list(conn: &mut Conn, query: &RoomQuery) -> Result<Vec<RoomEntry>, StoreError> {
    let nobody = VisibleTo::default();
    let to = query.visible_to.as_ref().unwrap_or(&nobody);
    let search = query.search.as_deref().unwrap_or("").to_ascii_lowercase();
    let found = sqlx::query(LIST)
        .bind(query.after.as_deref().unwrap_or(""))
        .bind(query.deleted)
        .bind(search)
        .bind(query.visible_to.is_none())
        .bind(to.owner.as_deref())
        .bind(json(&to.names))
        .bind(json(&to.prefixes))
        .bind(to.public)
        .bind(to.session.as_ref().map(|session| &session[..]))
        .bind(i64::from(query.limit))
        .fetch_all(conn)
        .await;
    let read = found.and_then(|found| found.iter().map(rows::room).collect());
    read.map_err(failed(LISTING))
}

/// How much one takes.
pub async fn usage(conn: &mut Conn, room: &str) -> Result<Option<RoomUsage>, StoreError> {
    let sql = "\
        SELECT coalesce((SELECT head FROM room_heads WHERE room = rooms.id), 0) AS head, \
        (SELECT count(*) FROM room_updates WHERE room = rooms.id) AS updates, \
        (SELECT CAST(coalesce(sum(length(bytes)), 0) AS BIGINT) FROM room_updates WHERE room = rooms.id) AS update_bytes, \
        (SELECT count(*) FROM room_snapshots WHERE room = rooms.id) AS snapshots, \
        (SELECT CAST(coalesce(sum(size), 0) AS BIGINT) FROM room_snapshots WHERE room = rooms.id) AS snapshot_bytes, \
        (SELECT count(*) FROM exports WHERE room = rooms.id) AS exports, \
        (SELECT CAST(coalesce(sum(size), 0) AS BIGINT) FROM exports WHERE room = rooms.id) AS export_bytes, \
        (SELECT count(*) FROM assets WHERE room = rooms.id) AS assets, \
        (SELECT CAST(coalesce(sum(size), 0) AS BIGINT) FROM assets WHERE room = rooms.id) AS asset_bytes \
        FROM rooms WHERE name = $1";
    let found = sqlx::query(sql).bind(room).fetch_optional(conn).await;
    let found = found.map_err(failed(WEIGHING))?;
    let Some(row) = found else {
        return Ok(None);
    };
    let number = |column: &str| {
        let number: i64 = row.try_get(column).map_err(failed(WEIGHING))?;
        Ok::<u64, StoreError>(number.unsigned_abs())
    };
    Ok(Some(RoomUsage {
        head: number("head")?,
        updates: number("updates")?,
        update_bytes: number("update_bytes")?,
        snapshots: number("snapshots")?,
        snapshot_bytes: number("snapshot_bytes")?,
        exports: number("exports")?,
        export_bytes: number("export_bytes")?,
        assets: number("assets")?,
        asset_bytes: number("asset_bytes")?,
    }))
}

/// Changes one that is not deleted.
pub async fn change(
    conn: &mut Conn,
    room: &str,
    change: &RoomChange,
) -> Result<Option<RoomEntry>, StoreError> {
    let found = take(conn, room, CHANGING).await?;
    let Some(mut room) = found.filter(|room| room.deleted_ms.is_none()) else {
        return Ok(None);
    };
    change.apply(&mut room);
    sqlx::query(
        "UPDATE rooms SET title = $2, owner = $3, visibility = $4, link_role = $5, password = $6, \
         password_version = $7, frontend = $8, viewers_export = $9, access_version = $10 WHERE id = $1",
    )
    .bind(room.id.0)
    .bind(room.title.as_deref())
    .bind(room.owner.as_deref())
    .bind(rows::stored_visibility(room.visibility))
    .bind(room.link_role.as_str())
    .bind(room.password.as_deref())
    .bind(rows::stored(room.password_version))
    .bind(room.frontend.as_deref())
    .bind(room.viewers_export)
    .bind(rows::stored(room.access_version))
    .execute(conn)
    .await
    .map_err(|e| fault::while_writing(CHANGING, &e))?;
    Ok(Some(room))
}

/// Deletes one, or takes that back. What is so already stays as it is.
pub async fn set_deleted(
    conn: &mut Conn,
    room: &str,
    time_ms: Option<i64>,
) -> Result<Option<RoomEntry>, StoreError> {
    let Some(mut room) = take(conn, room, DELETING).await? else {
        return Ok(None);
    };
    if room.deleted_ms.is_some() == time_ms.is_some() {
        return Ok(Some(room));
    }
    sqlx::query("UPDATE rooms SET deleted_ms = $2 WHERE id = $1")
        .bind(room.id.0)
        .bind(time_ms)
        .execute(&mut *conn)
        .await
        .map_err(failed(DELETING))?;
    raise(conn, room.id, DELETING).await?;
    let waiting = match time_ms {
        Some(_) => SET_EXPORTS_ASIDE,
        None => MAKE_EXPORTS_DUE,
    };
    sqlx::query(waiting)
        .bind(room.id.0)
        .execute(&mut *conn)
        .await
        .map_err(failed(DELETING))?;
    announce(conn, DELETING).await?;
    room.deleted_ms = time_ms;
    room.access_version += 1;
    Ok(Some(room))
}

/// A list as one bound value, so that one statement serves lists of any length.
fn json(texts: &[std::sync::Arc<str>]) -> String {
    let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();
    serde_json::to_string(&texts).expect("texts are JSON")
}
