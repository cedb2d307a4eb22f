//! Invites: added, listed, revoked.
//!
//! The rule: a revoked invite stays revoked, and since when does not change.

use super::{Conn, INVITING, before, failed, fault, raise, rows, take};
use crate::{Invite, NewInvite, Page, RoomId, SecretHash, StoreError};

/// Adds one to a room that is not deleted.
pub async fn add(
    conn: &mut Conn,
    room: &str,
    new: &NewInvite,
) -> Result<Option<Invite>, StoreError> {
    let found = take(conn, room, INVITING).await?;
    let Some(room) = found.filter(|room| room.deleted_ms.is_none()) else {
        return Ok(None);
    };
    let sql = concat!(
        "INSERT INTO room_invites (room, secret, role, label, created_by, created_ms, expires_ms, max_uses) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ",
        invite_columns!()
    );
    let row = sqlx::query(sql)
        .bind(room.id.0)
        .bind(&new.secret[..])
        .bind(new.role.as_str())
        .bind(new.label.as_deref())
        .bind(new.created_by.as_deref())
        .bind(new.created_ms)
        .bind(new.expires_ms)
        .bind(new.max_uses.map(i64::from))
        .fetch_one(conn)
        .await
        .map_err(|e| fault::while_writing(INVITING, &e))?;
    rows::invite(&row).map(Some).map_err(failed(INVITING))
}

/// Those of a room, newest first.
pub async fn list(conn: &mut Conn, room: &str, page: Page) -> Result<Vec<Invite>, StoreError> {
    let sql = concat!(
        "SELECT ",
        invite_columns!(),
        " FROM room_invites WHERE room = (SELECT id FROM rooms WHERE name = $1) AND id < $2 ORDER BY id DESC LIMIT $3"
    );
    let found = sqlx::query(sql)
        .bind(room)
        .bind(before(page))
        .bind(i64::from(page.limit))
        .fetch_all(conn)
        .await;
    let read = found.and_then(|found| found.iter().map(rows::invite).collect());
    read.map_err(failed(INVITING))
}

/// Gives one by which nobody has come another secret.
pub async fn renew(
    conn: &mut Conn,
    room: RoomId,
    id: i64,
    secret: &SecretHash,
) -> Result<Option<Invite>, StoreError> {
    let sql = concat!(
        "UPDATE room_invites SET secret = $3 WHERE room = $1 AND id = $2 AND uses = 0 AND revoked_ms IS NULL RETURNING ",
        invite_columns!()
    );
    let renewed = sqlx::query(sql)
        .bind(room.0)
        .bind(id)
        .bind(&secret[..])
        .fetch_optional(conn)
        .await
        .map_err(|e| fault::while_writing(INVITING, &e))?;
    let read = renewed.as_ref().map(rows::invite).transpose();
    read.map_err(failed(INVITING))
}

/// Revokes one, and with it everybody who came by it.
pub async fn revoke(
    conn: &mut Conn,
    room: &str,
    id: i64,
    time_ms: i64,
) -> Result<Option<Invite>, StoreError> {
    let Some(room) = take(conn, room, INVITING).await? else {
        return Ok(None);
    };
    let revoked = sqlx::query(
        "UPDATE room_invites SET revoked_ms = $3 WHERE room = $1 AND id = $2 AND revoked_ms IS NULL",
    )
    .bind(room.id.0)
    .bind(id)
    .bind(time_ms)
    .execute(&mut *conn)
    .await
    .map_err(failed(INVITING))?;
    if revoked.rows_affected() > 0 {
        raise(conn, room.id, INVITING).await?;
    }
    let sql = concat!(
        "SELECT ",
        invite_columns!(),
        " FROM room_invites WHERE room = $1 AND id = $2"
    );
    let found = sqlx::query(sql).bind(room.id.0).bind(id);
    let found = found.fetch_optional(conn).await;
    let found = found.and_then(|row| row.as_ref().map(rows::invite).transpose());
    found.map_err(failed(INVITING))
}

/// The one with a secret.
pub async fn by_secret(
    conn: &mut Conn,
    room: RoomId,
    secret: &SecretHash,
) -> Result<Option<Invite>, StoreError> {
    let sql = concat!(
        "SELECT ",
        invite_columns!(),
        " FROM room_invites WHERE room = $1 AND secret = $2"
    );
    let found = sqlx::query(sql).bind(room.0).bind(&secret[..]);
    let found = found.fetch_optional(conn).await;
    let found = found.and_then(|row| row.as_ref().map(rows::invite).transpose());
    found.map_err(failed(INVITING))
}

/// Uses up one of its uses.
pub async fn use_one(conn: &mut Conn, id: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE room_invites SET uses = uses + 1 WHERE id = $1")
        .bind(id)
        .execute(conn)
        .await
        .map_err(|e| fault::while_writing(INVITING, &e))?;
    Ok(())
}
