//! Exports as workers see them: claimed, renewed, ended.
//!
//! The rule: a claim is one statement that takes the first row that is due and that nobody else has, and waits for nobody.

use sqlx::Row as _;

use super::{CLAIMING, COUNTING, Conn, ENDING, RENEWING, announce, failed, fault, rows};
use crate::attempts::DIED;
use crate::{Claim, Export, ExportEnd, ExportId, ExportTally, StoreError, WORKER_DIED};

/// Whether an export that is due was begun for the last time before. One that waits may be begun, whatever it says of its attempts.
macro_rules! died {
    () => {
        "state = 'processing' AND attempts >= $3"
    };
}

/// One way for what has died, another for what is claimed.
macro_rules! either {
    ($died:expr, $claimed:expr) => {
        concat!(
            "CASE WHEN ",
            died!(),
            " THEN ",
            $died,
            " ELSE ",
            $claimed,
            " END"
        )
    };
}

// The time is asked for by a subquery, so that it is one value with which the index can be searched.
const CLAIM: &str = concat!(
    "UPDATE exports SET state = ",
    either!("'failed'", "'processing'"),
    ", due_ms = ",
    either!("NULL", concat!(now_ms!(), " + $2")),
    ", worker = ",
    either!("worker", "$1"),
    ", progress = ",
    either!("progress", "0"),
    ", attempts = ",
    either!("attempts", "attempts + 1"),
    ", error = ",
    either!("$4", "error"),
    ", code = ",
    either!("$5", "code"),
    ", ended_ms = ",
    either!(now_ms!(), "NULL"),
    " WHERE number = (SELECT number FROM exports WHERE due_ms <= (SELECT ",
    now_ms!(),
    ") AND ",
    room_lives!(),
    " ORDER BY due_ms, number LIMIT 1",
    skip_locked!(),
    ") RETURNING ",
    export_columns!()
);

/// How an attempt ends.
pub struct Ending<'a> {
    pub id: ExportId,
    pub claim: &'a Claim,
    pub end: &'a ExportEnd,
    pub time_ms: i64,
}

/// Takes the one that has been due longest; or says that it has failed, where it was begun for the last time.
pub async fn claim(conn: &mut Conn, claim: &Claim) -> Result<Option<Export>, StoreError> {
    let found = sqlx::query(CLAIM)
        .bind(&claim.worker.key()[..])
        .bind(lease_ms(claim))
        .bind(i64::from(claim.attempts))
        .bind(DIED)
        .bind(WORKER_DIED)
        .fetch_optional(&mut *conn)
        .await;
    let found = found.and_then(|row| row.as_ref().map(rows::export).transpose());
    let found = found.map_err(failed(CLAIMING))?;
    if found.as_ref().is_some_and(|export| export.state.is_end()) {
        announce(conn, CLAIMING).await?;
    }
    Ok(found)
}

/// Makes the lease last from now on.
pub async fn renew(
    conn: &mut Conn,
    id: ExportId,
    claim: &Claim,
    progress: u8,
) -> Result<bool, StoreError> {
    let sql = concat!(
        "UPDATE exports SET due_ms = ",
        now_ms!(),
        " + $3, progress = $4 WHERE id = $1 AND worker = $2 AND state = 'processing'"
    );
    let renewed = sqlx::query(sql)
        .bind(&id.key()[..])
        .bind(&claim.worker.key()[..])
        .bind(lease_ms(claim))
        .bind(i64::from(progress.min(100)))
        .execute(conn)
        .await
        .map_err(failed(RENEWING))?;
    Ok(renewed.rows_affected() > 0)
}

/// Ends an attempt, if it is that worker's.
pub async fn end(conn: &mut Conn, ending: &Ending<'_>) -> Result<bool, StoreError> {
    let sql = concat!(
        "SELECT ",
        export_columns!(),
        " FROM exports WHERE id = $1 AND worker = $2",
        for_change!()
    );
    let found = sqlx::query(sql)
        .bind(&ending.id.key()[..])
        .bind(&ending.claim.worker.key()[..])
        .fetch_optional(&mut *conn)
        .await;
    let found = found.and_then(|row| row.as_ref().map(rows::export).transpose());
    let Some(mut export) = found.map_err(failed(ENDING))? else {
        return Ok(false);
    };
    if export.state != crate::ExportState::Processing {
        return Ok(export.has_ended_so(ending.end));
    }
    let pause = export.end(ending.end, ending.claim.attempts, ending.time_ms);
    let sql = concat!(
        "UPDATE exports SET state = $2, progress = $3, attempts = $4, error = $5, code = $6, outcome = $7, drawn = $8, \
         ended_ms = $9, size = $11, due_ms = ",
        now_ms!(),
        " + $10 WHERE id = $1"
    );
    sqlx::query(sql)
        .bind(&ending.id.key()[..])
        .bind(export.state.as_str())
        .bind(i64::from(export.progress))
        .bind(i64::from(export.attempts))
        .bind(export.error.as_deref())
        .bind(export.code.as_deref())
        .bind(export.outcome.as_deref())
        .bind(export.drawn.map(rows::stored))
        .bind(export.ended_ms)
        // None where it has ended: then nothing is due.
        .bind(pause.map(|pause| pause.as_millis() as i64))
        .bind(export.size.map(rows::stored))
        .execute(&mut *conn)
        .await
        .map_err(|e| fault::while_writing(ENDING, &e))?;
    announce(conn, ENDING).await?;
    Ok(true)
}

/// How many are where.
pub async fn tally(conn: &mut Conn) -> Result<ExportTally, StoreError> {
    let sql = concat!(
        "SELECT count(CASE WHEN state = 'pending' THEN 1 END) AS pending, \
         count(CASE WHEN state = 'processing' THEN 1 END) AS processing, coalesce(",
        now_ms!(),
        " - min(due_ms), 0) AS oldest_ms FROM exports WHERE due_ms IS NOT NULL AND ",
        room_lives!()
    );
    let found = sqlx::query(sql).fetch_one(conn).await;
    let read = found.and_then(|row| {
        let oldest: i64 = row.try_get("oldest_ms")?;
        Ok(ExportTally {
            pending: rows::number(&row, "pending")?,
            processing: rows::number(&row, "processing")?,
            oldest_ms: u64::try_from(oldest).unwrap_or(0),
        })
    });
    read.map_err(failed(COUNTING))
}

/// No longer than an hour.
fn lease_ms(claim: &Claim) -> i64 {
    claim.lease.as_millis() as i64
}
