//! Rows of the directory's tables, and what they mean.
//!
//! The rule: what this program does not know is an error, and never a guess at who may do what.

use sqlx::Row as _;

use super::Row;
use crate::{
    Grant, GrantSource, GrantState, Invite, Participant, Role, RoomEntry, RoomId, Visibility,
};

type Read<T> = Result<T, sqlx::Error>;

/// From what [`room_columns!`] selects.
pub fn room(row: &Row) -> Read<RoomEntry> {
    Ok(RoomEntry {
        id: RoomId(row.try_get("id")?),
        name: text(row, "name")?,
        title: maybe_text(row, "title")?,
        owner: maybe_text(row, "owner")?,
        visibility: visibility(row)?,
        link_role: role(row, "link_role")?,
        password: maybe_text(row, "password")?,
        password_version: number(row, "password_version")?,
        frontend: maybe_text(row, "frontend")?,
        viewers_export: row.try_get("viewers_export")?,
        created_ms: row.try_get("created_ms")?,
        active_ms: row.try_get("active_ms")?,
        deleted_ms: row.try_get("deleted_ms")?,
        access_version: number(row, "access_version")?,
    })
}

/// From what [`invite_columns!`] selects.
pub fn invite(row: &Row) -> Read<Invite> {
    let max_uses: Option<i64> = row.try_get("max_uses")?;
    Ok(Invite {
        id: row.try_get("id")?,
        role: role(row, "role")?,
        label: maybe_text(row, "label")?,
        created_by: maybe_text(row, "created_by")?,
        created_ms: row.try_get("created_ms")?,
        expires_ms: row.try_get("expires_ms")?,
        max_uses: max_uses.map(small),
        uses: small(row.try_get("uses")?),
        revoked_ms: row.try_get("revoked_ms")?,
    })
}

/// From what [`grant_columns!`] selects under a prefix; `None` where a join has found none.
pub fn grant(row: &Row, prefix: &str) -> Read<Option<GrantState>> {
    let column = |name: &str| format!("{prefix}{name}");
    let Some(id) = row.try_get(&*column("id"))? else {
        return Ok(None);
    };
    let invite: Option<i64> = row.try_get(&*column("invite"))?;
    let source = match invite {
        Some(invite) => GrantSource::Invite(invite),
        None => GrantSource::Password(number(row, &column("password_version"))?),
    };
    Ok(Some(GrantState {
        grant: Grant {
            id,
            name: maybe_text(row, &column("name"))?,
            role: role(row, &column("role"))?,
            source,
            epoch: small(row.try_get(&*column("epoch"))?),
            created_ms: row.try_get(&*column("created_ms"))?,
            expires_ms: row.try_get(&*column("expires_ms"))?,
            revoked_ms: row.try_get(&*column("revoked_ms"))?,
        },
        source_stands: row.try_get(&*column("stands"))?,
    }))
}

/// From a row of `room_participants`.
pub fn participant(row: &Row) -> Read<Participant> {
    let session: Vec<u8> = row.try_get("session")?;
    let session = session.try_into();
    let session = session.map_err(|_| unknown("session", "it has 16 bytes".to_owned()))?;
    let client: Option<i64> = row.try_get("client")?;
    Ok(Participant {
        id: row.try_get("id")?,
        session: u128::from_be_bytes(session),
        identity: maybe_text(row, "identity")?,
        name: maybe_text(row, "name")?,
        role: role(row, "role")?,
        client: client.map(i64::cast_unsigned),
        joined_ms: row.try_get("joined_ms")?,
        left_ms: row.try_get("left_ms")?,
    })
}

/// As it is stored.
pub fn stored_visibility(visibility: Option<Visibility>) -> Option<&'static str> {
    visibility.map(|visibility| match visibility {
        Visibility::Private => "private",
        Visibility::Public => "public",
    })
}

/// As databases count; what is higher than they can count does not occur.
pub fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn visibility(row: &Row) -> Read<Option<Visibility>> {
    let stored: Option<String> = row.try_get("visibility")?;
    match stored.as_deref() {
        None => Ok(None),
        Some("private") => Ok(Some(Visibility::Private)),
        Some("public") => Ok(Some(Visibility::Public)),
        Some(other) => Err(unknown("visibility", format!("{other:?} is unknown"))),
    }
}

fn role(row: &Row, column: &str) -> Read<Role> {
    let stored: String = row.try_get(column)?;
    Role::of(&stored).ok_or_else(|| unknown(column, format!("{stored:?} is unknown")))
}

fn text(row: &Row, column: &str) -> Read<std::sync::Arc<str>> {
    let text: String = row.try_get(column)?;
    Ok(text.into())
}

fn maybe_text(row: &Row, column: &str) -> Read<Option<std::sync::Arc<str>>> {
    let text: Option<String> = row.try_get(column)?;
    Ok(text.map(Into::into))
}

fn number(row: &Row, column: &str) -> Read<u64> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map_err(|_| unknown(column, format!("{number} is negative")))
}

fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn unknown(column: &str, why: String) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: why.into(),
    }
}
