//! Counts what a database holds, and compares heads with snapshots and rows.
//!
//! Knows tables; reads no bytes of updates and snapshots. The rule: it works on files of every version of this program,
//! because a backup may be old.

use std::path::Path;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _, SqliteConnection};

use super::{fault, inspect};
use crate::StoreError;

/// How many damages are told one by one; the rest is counted.
const TOLD: usize = 20;

/// What is wrong with one room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomDamage {
    /// The canonical name.
    pub room: String,
    /// What was expected and what was found.
    pub what: String,
}

/// What a database holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Rooms.
    pub rooms: u64,
    /// Their rows.
    pub rows: u64,
    /// Bytes of the updates in these.
    pub update_bytes: u64,
    /// Their snapshots.
    pub snapshots: u64,
    /// Bytes of data in these.
    pub snapshot_bytes: u64,
    /// Size of the file.
    pub file_bytes: u64,
    /// Rooms whose snapshots and rows do not add up to their head.
    pub damaged_rooms: u64,
    /// The first of these.
    pub damage: Vec<RoomDamage>,
    /// Rows that belong to no room, in a sentence for each table.
    pub strays: Vec<String>,
}

impl Tally {
    /// Whether every room adds up and nothing is left over.
    pub fn is_sound(&self) -> bool {
        self.damaged_rooms == 0 && self.strays.is_empty()
    }
}

/// What is stored of one room.
struct Room {
    name: Vec<u8>,
    head: Option<i64>,
    /// Rows, the lowest and the highest.
    rows: i64,
    first: i64,
    last: i64,
    bytes: i64,
    snapshots: i64,
    snapshot_bytes: i64,
    /// What the newest snapshot covers.
    covered: i64,
}

const ROOMS: &str = "\
    SELECT CAST(rooms.name AS BLOB) AS name, room_heads.head, coalesce(r.n, 0) AS rows, \
    coalesce(r.first, 0) AS first, coalesce(r.last, 0) AS last, coalesce(r.bytes, 0) AS bytes, \
    coalesce(s.n, 0) AS snapshots, coalesce(s.bytes, 0) AS snapshot_bytes, coalesce(s.seq, 0) AS covered \
    FROM rooms LEFT JOIN room_heads ON room_heads.room = rooms.id \
    LEFT JOIN (SELECT room, count(*) AS n, min(seq) AS first, max(seq) AS last, sum(length(bytes)) AS bytes \
    FROM room_updates GROUP BY room) AS r ON r.room = rooms.id \
    LEFT JOIN snapshots_of_rooms AS s ON s.room = rooms.id ORDER BY rooms.id";
/// `max(version)` makes SQLite take `seq` from that row.
const SNAPSHOTS: &str = "\
    SELECT room, count(*) AS n, sum(size) AS bytes, max(version) AS version, seq FROM room_snapshots GROUP BY room";
const NO_SNAPSHOTS: &str =
    "SELECT NULL AS room, NULL AS n, NULL AS bytes, NULL AS version, NULL AS seq";

/// Counts what is there and compares heads with snapshots and rows. `shown` is what the file is called towards people.
pub async fn tally(conn: &mut SqliteConnection, shown: &Path) -> Result<Tally, StoreError> {
    let failed = |e: sqlx::Error| match fault::is_damage(&e) {
        true => StoreError::Invalid(format!("{shown:?} is damaged: {}", fault::sentence(&e))),
        false => fault::unavailable("count the rooms", &e),
    };
    let mut tally = Tally {
        strays: inspect::strays(conn).await.map_err(failed)?,
        ..Tally::default()
    };
    let has_snapshots: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'room_snapshots'")
            .fetch_one(&mut *conn)
            .await
            .map_err(failed)?;
    let snapshots = if has_snapshots > 0 {
        SNAPSHOTS
    } else {
        NO_SNAPSHOTS
    };
    let sql = sqlx::AssertSqlSafe(format!("WITH snapshots_of_rooms AS ({snapshots}) {ROOMS}"));
    let mut rooms = sqlx::query_as::<_, Room>(sql).fetch(conn);
    while let Some(room) = rooms.try_next().await.map_err(failed)? {
        tally.rooms += 1;
        tally.rows += room.rows.unsigned_abs();
        tally.update_bytes += room.bytes.unsigned_abs();
        tally.snapshots += room.snapshots.unsigned_abs();
        tally.snapshot_bytes += room.snapshot_bytes.unsigned_abs();
        let Err(what) = room.adds_up() else { continue };
        tally.damaged_rooms += 1;
        if tally.damage.len() < TOLD {
            let room = String::from_utf8_lossy(&room.name).into_owned();
            tally.damage.push(RoomDamage { room, what });
        }
    }
    Ok(tally)
}

impl FromRow<'_, SqliteRow> for Room {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            name: row.try_get("name")?,
            head: row.try_get("head")?,
            rows: row.try_get("rows")?,
            first: row.try_get("first")?,
            last: row.try_get("last")?,
            bytes: row.try_get("bytes")?,
            snapshots: row.try_get("snapshots")?,
            snapshot_bytes: row.try_get("snapshot_bytes")?,
            covered: row.try_get("covered")?,
        })
    }
}

impl Room {
    /// Rows are contiguous, begin no later than behind the newest snapshot, and end at the head.
    fn adds_up(&self) -> Result<(), String> {
        let Some(head) = self.head else {
            return Err("its head is missing".to_owned());
        };
        let (rows, first, last, covered) = (self.rows, self.first, self.last, self.covered);
        let above = match self.snapshots {
            0 => String::new(),
            _ => format!(" and its newest snapshot covers {covered}"),
        };
        let ends = if rows == 0 { covered } else { last };
        // Numbers are unique: as many as lie between the first and the last are all of them.
        let whole = rows == 0 || (rows == last - first + 1 && first <= covered + 1);
        if ends == head && covered <= head && whole {
            return Ok(());
        }
        Err(match (rows, first) {
            (0, _) => format!("its head is {head}, but it has no rows{above}"),
            (_, 1) => format!("its head is {head}, but it has {rows} rows up to {last}{above}"),
            _ => {
                format!("its head is {head}, but it has {rows} rows from {first} to {last}{above}")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Head, rows, first, last, snapshots, covered.
    fn verdict(numbers: [i64; 6]) -> String {
        let [head, rows, first, last, snapshots, covered] = numbers;
        let room = Room {
            name: Vec::new(),
            head: (head >= 0).then_some(head),
            rows,
            first,
            last,
            bytes: 0,
            snapshots,
            snapshot_bytes: 0,
            covered,
        };
        room.adds_up().err().unwrap_or_default()
    }

    #[test]
    fn rows_may_begin_anywhere_up_to_the_newest_snapshot() {
        for sound in [
            [0, 0, 0, 0, 0, 0],
            [5, 5, 1, 5, 0, 0],
            [5, 5, 1, 5, 2, 3],
            [5, 3, 3, 5, 2, 4],
            [5, 1, 5, 5, 1, 4],
            [5, 0, 0, 0, 1, 5],
            [5, 3, 3, 5, 1, 5],
        ] {
            assert_eq!(verdict(sound), "", "{sound:?}");
        }
        for (damaged, what) in [
            ([-1, 0, 0, 0, 0, 0], "head is missing"),
            ([5, 4, 1, 5, 0, 0], "head is 5, but it has 4 rows up to 5"),
            ([5, 4, 2, 5, 0, 0], "has 4 rows from 2 to 5"),
            ([5, 4, 1, 4, 0, 0], "has 4 rows up to 4"),
            ([5, 6, 1, 6, 0, 0], "has 6 rows up to 6"),
            ([5, 0, 0, 0, 0, 0], "has no rows"),
            (
                [5, 0, 0, 0, 1, 4],
                "no rows and its newest snapshot covers 4",
            ),
            (
                [5, 2, 4, 5, 1, 2],
                "2 rows from 4 to 5 and its newest snapshot covers 2",
            ),
            ([5, 5, 1, 5, 1, 6], "newest snapshot covers 6"),
            ([5, 2, 3, 5, 1, 4], "2 rows from 3 to 5"),
        ] {
            let found = verdict(damaged);
            assert!(found.contains(what), "{found:?} lacks {what:?}");
        }
    }
}
