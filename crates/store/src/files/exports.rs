//! Exports as those see them who order them: added, looked up, cancelled, deleted.
//!
//! The rule: what a room may have waiting is counted while its row is held, so that the limit is exact however many ask at once.

use sqlx::Row as _;

use super::{
    ADDING, Conn, DELETING, ENDING, LOOKING, Row, announce, failed, fault, orphans, rows,
    take_living,
};
use crate::{
    Export, ExportAdded, ExportId, ExportLimits, MAX_EXPORTS_OF_ROOM, NewExport, Page, RoomId,
    StoreError,
};

/// Adds one, or finds that it was added before.
pub async fn add(
    conn: &mut Conn,
    room: &str,
    new: &NewExport,
    limits: &ExportLimits,
) -> Result<ExportAdded, StoreError> {
    let Some(room) = take_living(conn, room, ADDING).await? else {
        return Ok(ExportAdded::NoRoom);
    };
    if let Some(export) = of_room(conn, room.id, new.id).await? {
        return Ok(ExportAdded::Yes(Box::new(export)));
    }
    let counts = [
        (
            "SELECT count(*) FROM exports WHERE room = $1 AND ended_ms IS NULL",
            u64::from(limits.waiting),
        ),
        (
            "SELECT count(*) FROM exports WHERE room = $1",
            u64::from(MAX_EXPORTS_OF_ROOM),
        ),
        (
            "SELECT CAST(coalesce(sum(size), 0) AS BIGINT) FROM exports WHERE room = $1",
            limits.bytes,
        ),
    ];
    for (count, most) in counts {
        let counted: i64 = sqlx::query_scalar(count)
            .bind(room.id.0)
            .fetch_one(&mut *conn)
            .await
            .map_err(failed(ADDING))?;
        if counted.unsigned_abs() >= most {
            return Ok(ExportAdded::TooMany);
        }
    }
    let export = new.begin(&room);
    let sql = concat!(
        "INSERT INTO exports (id, room, state, due_ms, at_least, version, created_ms, expires_ms, ordered_by, ordered) \
         VALUES ($1, $2, $3, ",
        now_ms!(),
        ", $4, $5, $6, $7, $8, $9)"
    );
    sqlx::query(sql)
        .bind(&new.id.key()[..])
        .bind(room.id.0)
        .bind(export.state.as_str())
        .bind(rows::stored(new.at_least))
        .bind(new.version.map(rows::stored))
        .bind(new.time_ms)
        .bind(new.expires_ms)
        .bind(new.ordered_by.as_deref())
        .bind(&*new.order)
        .execute(&mut *conn)
        .await
        .map_err(|e| fault::while_writing(ADDING, &e))?;
    announce(conn, ADDING).await?;
    Ok(ExportAdded::Yes(Box::new(export)))
}

/// One of a room that is not deleted.
pub async fn one(conn: &mut Conn, id: ExportId) -> Result<Option<Export>, StoreError> {
    let sql = concat!(
        "SELECT ",
        export_columns!(),
        " FROM exports WHERE id = $1 AND ",
        room_lives!()
    );
    let found = sqlx::query(sql).bind(&id.key()[..]).fetch_optional(conn);
    read(found.await)
}

/// Those of a room that is not deleted, newest first, with their numbers.
pub async fn list(
    conn: &mut Conn,
    room: &str,
    page: Page,
) -> Result<Vec<(Export, i64)>, StoreError> {
    let sql = concat!(
        "SELECT ",
        export_columns!(),
        " FROM exports WHERE room = (SELECT id FROM rooms WHERE name = $1 AND deleted_ms IS NULL) \
         AND number < $2 ORDER BY number DESC LIMIT $3"
    );
    let found = sqlx::query(sql)
        .bind(room)
        .bind(page.before.unwrap_or(i64::MAX))
        .bind(i64::from(page.limit))
        .fetch_all(conn)
        .await;
    let pair = |row: &Row| Ok((rows::export(row)?, row.try_get("number")?));
    let read = found.and_then(|found| found.iter().map(pair).collect());
    read.map_err(failed(LOOKING))
}

/// Some that expired before then, those first that expired first. Of a room whose purge has begun the rest goes with it.
pub async fn expired(conn: &mut Conn, time_ms: i64) -> Result<Vec<Export>, StoreError> {
    let sql = concat!(
        "SELECT ",
        export_columns!(),
        " FROM exports WHERE expires_ms < $1 AND \
         (SELECT rooms.purged_ms FROM rooms WHERE rooms.id = exports.room) IS NULL \
         ORDER BY expires_ms, number LIMIT 100"
    );
    let found = sqlx::query(sql).bind(time_ms).fetch_all(conn).await;
    let read = found.and_then(|found| found.iter().map(rows::export).collect());
    read.map_err(failed(LOOKING))
}

/// Cancels one that has not ended.
pub async fn cancel(
    conn: &mut Conn,
    room: &str,
    id: ExportId,
    time_ms: i64,
) -> Result<Option<Export>, StoreError> {
    let Some(room) = take_living(conn, room, ENDING).await? else {
        return Ok(None);
    };
    let cancelled = sqlx::query(
        "UPDATE exports SET state = 'cancelled', due_ms = NULL, ended_ms = $3 \
         WHERE room = $1 AND id = $2 AND ended_ms IS NULL",
    )
    .bind(room.id.0)
    .bind(&id.key()[..])
    .bind(time_ms)
    .execute(&mut *conn)
    .await
    .map_err(failed(ENDING))?;
    if cancelled.rows_affected() > 0 {
        announce(conn, ENDING).await?;
    }
    of_room(conn, room.id, id).await
}

/// Deletes one, and leaves its objects behind.
pub async fn delete(
    conn: &mut Conn,
    room: &str,
    id: ExportId,
    objects: &str,
) -> Result<bool, StoreError> {
    let deleted = sqlx::query(
        "DELETE FROM exports WHERE id = $2 AND room = (SELECT id FROM rooms WHERE name = $1)",
    )
    .bind(room)
    .bind(&id.key()[..])
    .execute(&mut *conn)
    .await
    .map_err(failed(DELETING))?;
    if deleted.rows_affected() == 0 {
        return Ok(false);
    }
    orphans::add(conn, objects).await?;
    announce(conn, DELETING).await?;
    Ok(true)
}

async fn of_room(
    conn: &mut Conn,
    room: RoomId,
    id: ExportId,
) -> Result<Option<Export>, StoreError> {
    let sql = concat!(
        "SELECT ",
        export_columns!(),
        " FROM exports WHERE room = $1 AND id = $2"
    );
    let found = sqlx::query(sql).bind(room.0).bind(&id.key()[..]);
    read(found.fetch_optional(conn).await)
}

fn read(found: Result<Option<Row>, sqlx::Error>) -> Result<Option<Export>, StoreError> {
    let read = found.and_then(|row| row.as_ref().map(rows::export).transpose());
    read.map_err(failed(LOOKING))
}
