//! Rows of the tables of exports and assets, and what they mean.
//!
//! The rule: what this program does not know is an error, and no guess.

use std::sync::Arc;

use sqlx::Row as _;

use super::Row;
use crate::{Asset, Export, ExportId, ExportState, RoomId};

type Read<T> = Result<T, sqlx::Error>;

/// From what [`export_columns!`] selects.
pub fn export(row: &Row) -> Read<Export> {
    let state: String = row.try_get("state")?;
    let outcome: Option<Vec<u8>> = row.try_get("outcome")?;
    let ordered: Vec<u8> = row.try_get("ordered")?;
    let room: String = row.try_get("room_name")?;
    Ok(Export {
        id: ExportId(u128::from_be_bytes(bytes(row, "id")?)),
        room_id: RoomId(row.try_get("room")?),
        room: room.into(),
        order: ordered.into(),
        at_least: number(row, "at_least")?,
        version: maybe_number(row, "version")?,
        ordered_by: maybe_text(row, "ordered_by")?,
        state: ExportState::of(&state)
            .ok_or_else(|| unknown("state", format!("{state:?} is unknown")))?,
        progress: small(row, "progress")?,
        attempts: small(row, "attempts")?,
        error: maybe_text(row, "error")?,
        code: maybe_text(row, "code")?,
        outcome: outcome.map(Into::into),
        drawn: maybe_number(row, "drawn")?,
        size: maybe_number(row, "size")?,
        created_ms: row.try_get("created_ms")?,
        ended_ms: row.try_get("ended_ms")?,
        expires_ms: row.try_get("expires_ms")?,
    })
}

/// From what [`asset_columns!`] selects.
pub fn asset(row: &Row) -> Read<Asset> {
    let text = |column: &str| row.try_get::<String, _>(column).map(Arc::from);
    Ok(Asset {
        id: row.try_get("id")?,
        room_id: RoomId(row.try_get("room")?),
        name: text("name")?,
        content: bytes(row, "content")?,
        content_type: text("content_type")?,
        size: number(row, "size")?,
        created_by: maybe_text(row, "created_by")?,
        created_ms: row.try_get("created_ms")?,
    })
}

/// As databases count; what is higher than they can count was refused before.
pub fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Of a column that is never negative.
pub fn number(row: &Row, column: &str) -> Read<u64> {
    maybe_number(row, column)?.ok_or_else(|| unknown(column, "it is missing".to_owned()))
}

fn maybe_number(row: &Row, column: &str) -> Read<Option<u64>> {
    let number: Option<i64> = row.try_get(column)?;
    let number = number.map(u64::try_from).transpose();
    number.map_err(|_| unknown(column, "it is negative".to_owned()))
}

fn small<T>(row: &Row, column: &str) -> Read<T>
where
    T: TryFrom<i64>,
{
    let number: i64 = row.try_get(column)?;
    T::try_from(number).map_err(|_| unknown(column, format!("{number} is out of range")))
}

fn maybe_text(row: &Row, column: &str) -> Read<Option<Arc<str>>> {
    let text: Option<String> = row.try_get(column)?;
    Ok(text.map(Into::into))
}

fn bytes<const N: usize>(row: &Row, column: &str) -> Read<[u8; N]> {
    let stored: Vec<u8> = row.try_get(column)?;
    let stored = stored.try_into();
    stored.map_err(|_| unknown(column, format!("it has {N} bytes")))
}

fn unknown(column: &str, why: String) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: why.into(),
    }
}
