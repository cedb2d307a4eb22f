//! Ends a room for ever, in steps that others hardly feel.
//!
//! The first step takes the room its name, and from then on it is not there for anybody. What follows only makes room. The rule: what is
//! left adds up after each step, so that a copy that is made in between is a sound one.

use super::super::files::orphans;
use super::{Conn, PURGING, failed};
use crate::{Orphans, StoreError};

/// What one step deletes at most: rows, and bytes of updates in them, unless one alone has more.
macro_rules! few_rows {
    ($which:literal, $order:literal) => {
        concat!(
            "DELETE FROM room_updates WHERE room = $1 AND seq IN (SELECT seq FROM (SELECT seq, \
             sum(size) OVER (ORDER BY seq",
            $order,
            ") - size AS before FROM (SELECT seq, length(bytes) AS size FROM room_updates WHERE room = $1 AND seq ",
            $which,
            " $2 ORDER BY seq",
            $order,
            " LIMIT 2000) AS few) AS weighed WHERE before < 1048576)"
        )
    };
}

const COVERED_ROWS: &str = few_rows!("<=", "");
const LAST_ROWS: &str = few_rows!(">", " DESC");
const NEWEST_SNAPSHOT: &str = "DELETE FROM room_snapshots WHERE room = $1 AND version = \
    (SELECT max(version) FROM room_snapshots WHERE room = $1)";
/// What refers to nothing that goes later.
const BESIDE: [&str; 7] = [
    "DELETE FROM exports WHERE number IN (SELECT number FROM exports WHERE room = $1 ORDER BY number LIMIT 100)",
    "DELETE FROM assets WHERE id IN (SELECT id FROM assets WHERE room = $1 ORDER BY id LIMIT 1000)",
    "DELETE FROM room_participants WHERE room = $1",
    "DELETE FROM room_blocks WHERE room = $1",
    "DELETE FROM room_leases WHERE room = $1",
    "DELETE FROM room_grants WHERE id IN (SELECT id FROM room_grants WHERE room = $1 ORDER BY id LIMIT 1000)",
    "DELETE FROM room_damaged WHERE id IN (SELECT id FROM room_damaged WHERE room = $1 ORDER BY id LIMIT 20)",
];
/// What grants refer to.
const INVITES: &str = "DELETE FROM room_invites WHERE id IN \
    (SELECT id FROM room_invites WHERE room = $1 ORDER BY id LIMIT 1000)";

/// Whether there is anything left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    More,
    Last,
}

/// The head first: whoever appends takes it first, too, and has written what is to go before it is looked for.
const TAKE_HEAD: &str = concat!("SELECT head FROM room_heads WHERE room = $1", for_change!());

/// Takes a deleted room its name, and whatever stands under that name. `false` where there is none.
pub async fn begin(conn: &mut Conn, room: &str) -> Result<bool, StoreError> {
    let id: Option<i64> = sqlx::query_scalar("SELECT id FROM rooms WHERE name = $1")
        .bind(room)
        .fetch_optional(&mut *conn)
        .await
        .map_err(failed(PURGING))?;
    let Some(id) = id else {
        return Ok(false);
    };
    on_room(conn, TAKE_HEAD, id).await?;
    let found = super::take(conn, room, PURGING).await?;
    let Some(entry) = found.filter(|room| room.id.0 == id && room.deleted_ms.is_some()) else {
        return Ok(false);
    };
    // Control characters stand in no room's name.
    let sql = concat!(
        "UPDATE rooms SET name = $2, purged_ms = ",
        now_ms!(),
        ", title = NULL, owner = NULL, password = NULL WHERE id = $1"
    );
    sqlx::query(sql)
        .bind(entry.id.0)
        .bind(format!("\u{1}purged {}", entry.id.0))
        .execute(&mut *conn)
        .await
        .map_err(failed(PURGING))?;
    on_room(
        conn,
        "DELETE FROM idempotency_keys WHERE room = $1",
        entry.id.0,
    )
    .await?;
    for prefix in Orphans::of_room(entry.id) {
        orphans::add(conn, &prefix).await?;
    }
    super::super::records::exclude_others(conn).await?;
    for sql in [
        "DELETE FROM dead_letters WHERE room = $1",
        "DELETE FROM room_records WHERE room = $1",
        "DELETE FROM room_openings WHERE room = $1",
    ] {
        let done = sqlx::query(sql).bind(room).execute(&mut *conn).await;
        done.map_err(failed(PURGING))?;
    }
    Ok(true)
}

/// Rooms without a name, of which something is left.
pub async fn left(conn: &mut Conn) -> Result<Vec<i64>, StoreError> {
    sqlx::query_scalar("SELECT id FROM rooms WHERE purged_ms IS NOT NULL ORDER BY id")
        .fetch_all(conn)
        .await
        .map_err(failed(PURGING))
}

/// Deletes some of what is left of one.
pub async fn step(conn: &mut Conn, room: i64) -> Result<Step, StoreError> {
    on_room(conn, TAKE_HEAD, room).await?;
    for sql in BESIDE.into_iter().chain([INVITES]) {
        if on_room(conn, sql, room).await? > 0 {
            return Ok(Step::More);
        }
    }
    let covered: Option<i64> = sqlx::query_scalar(
        "SELECT seq FROM room_snapshots WHERE room = $1 ORDER BY version DESC LIMIT 1",
    )
    .bind(room)
    .fetch_optional(&mut *conn)
    .await
    .map_err(failed(PURGING))?;
    // From below up to what the newest snapshot covers, then from above, and the snapshots last: the head goes down with what is left.
    for rows in [COVERED_ROWS, LAST_ROWS] {
        let gone = sqlx::query(rows)
            .bind(room)
            .bind(covered.unwrap_or(0))
            .execute(&mut *conn)
            .await
            .map_err(failed(PURGING))?;
        if gone.rows_affected() > 0 {
            lower_head(conn, room).await?;
            return Ok(Step::More);
        }
    }
    if on_room(conn, NEWEST_SNAPSHOT, room).await? > 0 {
        lower_head(conn, room).await?;
        return Ok(Step::More);
    }
    on_room(conn, "DELETE FROM room_heads WHERE room = $1", room).await?;
    on_room(
        conn,
        "DELETE FROM rooms WHERE id = $1 AND purged_ms IS NOT NULL",
        room,
    )
    .await?;
    Ok(Step::Last)
}

async fn lower_head(conn: &mut Conn, room: i64) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE room_heads SET head = coalesce((SELECT max(seq) FROM (SELECT seq FROM room_snapshots WHERE room = $1 \
         UNION ALL SELECT max(seq) FROM room_updates WHERE room = $1) AS standing), 0) WHERE room = $1",
    )
    .bind(room)
    .execute(conn)
    .await
    .map_err(failed(PURGING))?;
    Ok(())
}

/// Says something about a room, and returns how many rows that was about.
async fn on_room(conn: &mut Conn, sql: &'static str, room: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(sql).bind(room).execute(conn).await;
    Ok(done.map_err(failed(PURGING))?.rows_affected())
}
