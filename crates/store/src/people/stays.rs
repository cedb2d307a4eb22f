//! Who was in a room, and when.
//!
//! The rule: whoever adds lets the oldest go in the same transaction.

use std::collections::BTreeSet;

use super::{Conn, NOTING, before, failed, fault, rows};
use crate::admission::MAX_STAYS;
use crate::{Page, Participant, Stay, StoreError};

/// Notes their beginnings and ends; nothing of rooms that are not stored.
pub async fn note(conn: &mut Conn, stays: &[Stay]) -> Result<(), StoreError> {
    // Two nodes come to the same rows in the same order.
    let mut ordered: Vec<&Stay> = stays.iter().collect();
    ordered.sort_by(|a, b| (&a.room, a.session).cmp(&(&b.room, b.session)));
    for stay in &ordered {
        sqlx::query(
            "INSERT INTO room_participants (room, session, identity, name, role, client, joined_ms, left_ms) \
             SELECT id, $2, $3, $4, $5, $6, $7, $8 FROM rooms WHERE name = $1 \
             ON CONFLICT (room, session) DO UPDATE SET identity = excluded.identity, name = excluded.name, \
             role = excluded.role, client = coalesce(excluded.client, room_participants.client), left_ms = excluded.left_ms",
        )
        .bind(&*stay.room)
        .bind(&stay.session.to_be_bytes()[..])
        .bind(stay.identity.as_deref())
        .bind(stay.name.as_deref())
        .bind(stay.role.as_str())
        .bind(stay.client.map(u64::cast_signed))
        .bind(stay.joined_ms)
        .bind(stay.left_ms)
        .execute(&mut *conn)
        .await
        .map_err(|e| fault::while_writing(NOTING, &e))?;
    }
    let rooms: BTreeSet<&str> = stays.iter().map(|stay| &*stay.room).collect();
    for room in rooms {
        sqlx::query(
            "DELETE FROM room_participants WHERE room = (SELECT id FROM rooms WHERE name = $1) AND id <= \
             (SELECT id FROM room_participants WHERE room = (SELECT id FROM rooms WHERE name = $1) \
             ORDER BY id DESC LIMIT 1 OFFSET $2)",
        )
        .bind(room)
        .bind(MAX_STAYS as i64)
        .execute(&mut *conn)
        .await
        .map_err(failed(NOTING))?;
    }
    Ok(())
}

/// Those of a room, newest first.
pub async fn list(conn: &mut Conn, room: &str, page: Page) -> Result<Vec<Participant>, StoreError> {
    let found = sqlx::query(
        "SELECT id, session, identity, name, role, client, joined_ms, left_ms FROM room_participants \
         WHERE room = (SELECT id FROM rooms WHERE name = $1) AND id < $2 ORDER BY id DESC LIMIT $3",
    )
    .bind(room)
    .bind(before(page))
    .bind(i64::from(page.limit))
    .fetch_all(conn)
    .await;
    let read = found.and_then(|found| found.iter().map(rows::participant).collect());
    read.map_err(failed(NOTING))
}
