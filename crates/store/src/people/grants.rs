//! Grants: given, given anew, listed, revoked.
//!
//! The rule: the row of the room is taken before an invite is counted or a password compared, so that what is given is exact however
//! many ask at once.

use super::{Conn, GRANTING, before, failed, fault, invites, raise, rows, take};
use crate::admission::{self, Giving, Offer};
use crate::{
    Grant, GrantSource, GrantState, Granted, NewGrant, Page, RoomEntry, RoomId, SecretHash,
    StoreError,
};

/// Gives one by an invite.
pub async fn by_invite(
    conn: &mut Conn,
    room: &str,
    secret: &SecretHash,
    new: &NewGrant,
) -> Result<Granted, StoreError> {
    let Some(room) = take_living(conn, room).await? else {
        return Ok(Granted::NoRoom);
    };
    let invite = invites::by_secret(conn, room.id, secret).await?;
    let offer = match Offer::by_invite(invite.as_ref(), new.time_ms) {
        Ok(offer) => offer,
        Err(refused) => return Ok(refused),
    };
    let earlier = by_session(conn, room.id, &new.session).await?;
    match offer.to(earlier.as_ref(), new) {
        Giving::Has(grant) => Ok(Granted::Yes(grant)),
        _ if invite.is_some_and(|invite| invite.is_used_up()) => Ok(Granted::UsedUp),
        giving => {
            if let GrantSource::Invite(id) = offer.source {
                invites::use_one(conn, id).await?;
            }
            give(conn, room.id, giving, new).await
        }
    }
}

/// Gives one by the password.
pub async fn by_password(
    conn: &mut Conn,
    room: &str,
    version: u64,
    new: &NewGrant,
) -> Result<Granted, StoreError> {
    let Some(room) = take_living(conn, room).await? else {
        return Ok(Granted::NoRoom);
    };
    let offer = match Offer::by_password(&room, version) {
        Ok(offer) => offer,
        Err(refused) => return Ok(refused),
    };
    let earlier = by_session(conn, room.id, &new.session).await?;
    give(conn, room.id, offer.to(earlier.as_ref(), new), new).await
}

/// Notes by which link one leads in.
pub async fn set_link(conn: &mut Conn, grant: i64, link: &SecretHash) -> Result<(), StoreError> {
    let set = sqlx::query("UPDATE room_grants SET link = $2 WHERE id = $1")
        .bind(grant)
        .bind(&link[..])
        .execute(conn)
        .await
        .map_err(|e| fault::while_writing(GRANTING, &e))?;
    match set.rows_affected() {
        0 => Err(admission::no_grant(grant)),
        _ => Ok(()),
    }
}

/// Those of a room, newest first.
pub async fn list(conn: &mut Conn, room: &str, page: Page) -> Result<Vec<Grant>, StoreError> {
    let sql = concat!(
        "SELECT ",
        grant_columns!("g", "i", "g_"),
        " FROM rooms JOIN room_grants AS g ON g.room = rooms.id LEFT JOIN room_invites AS i ON i.id = g.invite \
         WHERE rooms.name = $1 AND g.id < $2 ORDER BY g.id DESC LIMIT $3"
    );
    let found = sqlx::query(sql)
        .bind(room)
        .bind(before(page))
        .bind(i64::from(page.limit))
        .fetch_all(conn)
        .await
        .map_err(failed(GRANTING))?;
    let mut grants = Vec::with_capacity(found.len());
    for row in &found {
        let state = rows::grant(row, "g_").map_err(failed(GRANTING))?;
        grants.extend(state.map(|state| state.grant));
    }
    Ok(grants)
}

/// Revokes one.
pub async fn revoke(
    conn: &mut Conn,
    room: &str,
    id: i64,
    time_ms: i64,
) -> Result<Option<Grant>, StoreError> {
    let Some(room) = take(conn, room, GRANTING).await? else {
        return Ok(None);
    };
    let revoked = sqlx::query(
        "UPDATE room_grants SET revoked_ms = $3 WHERE room = $1 AND id = $2 AND revoked_ms IS NULL",
    )
    .bind(room.id.0)
    .bind(id)
    .bind(time_ms)
    .execute(&mut *conn)
    .await
    .map_err(failed(GRANTING))?;
    if revoked.rows_affected() > 0 {
        raise(conn, room.id, GRANTING).await?;
    }
    let sql = concat!(
        "SELECT ",
        grant_columns!("g", "i", "g_"),
        " FROM rooms JOIN room_grants AS g ON g.room = rooms.id LEFT JOIN room_invites AS i ON i.id = g.invite \
         WHERE rooms.id = $1 AND g.id = $2"
    );
    let found = sqlx::query(sql).bind(room.id.0).bind(id);
    state(found.fetch_optional(conn).await).map(|found| found.map(|state| state.grant))
}

async fn take_living(conn: &mut Conn, room: &str) -> Result<Option<RoomEntry>, StoreError> {
    let found = take(conn, room, GRANTING).await?;
    Ok(found.filter(|room| room.deleted_ms.is_none()))
}

async fn by_session(
    conn: &mut Conn,
    room: RoomId,
    session: &SecretHash,
) -> Result<Option<GrantState>, StoreError> {
    let sql = concat!(
        "SELECT ",
        grant_columns!("g", "i", "g_"),
        " FROM rooms JOIN room_grants AS g ON g.room = rooms.id LEFT JOIN room_invites AS i ON i.id = g.invite \
         WHERE rooms.id = $1 AND g.session = $2"
    );
    let found = sqlx::query(sql).bind(room.0).bind(&session[..]);
    state(found.fetch_optional(conn).await)
}

fn state(found: Result<Option<super::Row>, sqlx::Error>) -> Result<Option<GrantState>, StoreError> {
    let state = found.and_then(|row| match row {
        Some(row) => rows::grant(&row, "g_"),
        None => Ok(None),
    });
    state.map_err(failed(GRANTING))
}

async fn give(
    conn: &mut Conn,
    room: RoomId,
    giving: Giving,
    new: &NewGrant,
) -> Result<Granted, StoreError> {
    let (mut grant, keeps_link) = match giving {
        Giving::Has(grant) => return Ok(Granted::Yes(grant)),
        Giving::Give { grant, keeps_link } => (grant, keeps_link),
    };
    let (invite, password_version) = match grant.source {
        GrantSource::Invite(id) => (Some(id), None),
        GrantSource::Password(version) => (None, Some(rows::stored(version))),
    };
    let written = match grant.id {
        0 => {
            let id = sqlx::query_scalar(
                "INSERT INTO room_grants (room, session, name, role, invite, password_version, epoch, created_ms, \
                 expires_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
            )
            .bind(room.0)
            .bind(&new.session[..])
            .bind(grant.name.as_deref())
            .bind(grant.role.as_str())
            .bind(invite)
            .bind(password_version)
            .bind(i64::from(grant.epoch))
            .bind(grant.created_ms)
            .bind(grant.expires_ms)
            .fetch_one(&mut *conn)
            .await;
            id.map(|id| grant.id = id)
        }
        id => {
            let done = sqlx::query(
                "UPDATE room_grants SET name = $2, role = $3, invite = $4, password_version = $5, epoch = $6, \
                 expires_ms = $7, revoked_ms = NULL, link = CASE WHEN $8 THEN link END WHERE id = $1",
            )
            .bind(id)
            .bind(grant.name.as_deref())
            .bind(grant.role.as_str())
            .bind(invite)
            .bind(password_version)
            .bind(i64::from(grant.epoch))
            .bind(grant.expires_ms)
            .bind(keeps_link)
            .execute(&mut *conn)
            .await;
            raise(conn, room, GRANTING).await?;
            done.map(|_| ())
        }
    };
    written.map_err(|e| fault::while_writing(GRANTING, &e))?;
    Ok(Granted::Yes(grant))
}
