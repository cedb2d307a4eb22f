//! What decides whether somebody may come in, and who is kept out.
//!
//! The rule: one statement, so that all it says is of one moment.

use sqlx::Row as _;

use super::{BLOCKING, Conn, JUDGING, failed, fault, raise, rows, take};
use crate::admission::MAX_BLOCKS;
use crate::{FactsQuery, RoomFacts, StoreError};

const FACTS: &str = concat!(
    "SELECT ",
    room_columns!(),
    ", ",
    grant_columns!("s", "si", "s_"),
    ", ",
    grant_columns!("l", "li", "l_"),
    ", (SELECT max(until_ms) FROM room_blocks WHERE room_blocks.room = rooms.id AND until_ms > $5 AND identity IN \
     ($4, 'grant:' || CAST(s.id AS TEXT), 'grant:' || CAST(l.id AS TEXT))) AS blocked_until_ms FROM rooms \
     LEFT JOIN room_grants AS s ON s.room = rooms.id AND s.session = $2 LEFT JOIN room_invites AS si ON si.id = s.invite \
     LEFT JOIN room_grants AS l ON l.room = rooms.id AND l.link = $3 LEFT JOIN room_invites AS li ON li.id = l.invite \
     WHERE rooms.name = $1"
);

/// All that is known of somebody's way into a room.
pub async fn facts(
    conn: &mut Conn,
    room: &str,
    query: &FactsQuery,
) -> Result<RoomFacts, StoreError> {
    let found = sqlx::query(FACTS)
        .bind(room)
        .bind(query.session.as_ref().map(|session| &session[..]))
        .bind(query.link.as_ref().map(|link| &link[..]))
        .bind(query.identity.as_deref())
        .bind(query.time_ms)
        .fetch_optional(conn)
        .await;
    let read = found.and_then(|row| {
        let Some(row) = row else {
            return Ok(RoomFacts::default());
        };
        Ok(RoomFacts {
            room: Some(rows::room(&row)?),
            by_session: rows::grant(&row, "s_")?,
            by_link: rows::grant(&row, "l_")?,
            blocked_until_ms: row.try_get("blocked_until_ms")?,
        })
    });
    read.map_err(failed(JUDGING))
}

/// Keeps an identity out until then.
pub async fn block(
    conn: &mut Conn,
    room: &str,
    identity: &str,
    until_ms: i64,
) -> Result<bool, StoreError> {
    let Some(room) = take(conn, room, BLOCKING).await? else {
        return Ok(false);
    };
    sqlx::query(
        "INSERT INTO room_blocks (room, identity, until_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (room, identity) DO UPDATE SET until_ms = excluded.until_ms",
    )
    .bind(room.id.0)
    .bind(identity)
    .bind(until_ms)
    .execute(&mut *conn)
    .await
    .map_err(|e| fault::while_writing(BLOCKING, &e))?;
    sqlx::query(
        "DELETE FROM room_blocks WHERE room = $1 AND identity IN (SELECT identity FROM room_blocks \
         WHERE room = $1 ORDER BY until_ms DESC, identity DESC LIMIT 100 OFFSET $2)",
    )
    .bind(room.id.0)
    .bind(MAX_BLOCKS as i64)
    .execute(&mut *conn)
    .await
    .map_err(failed(BLOCKING))?;
    raise(conn, room.id, BLOCKING).await?;
    Ok(true)
}
