//! Copies the whole database while a server writes to it.
//!
//! `VACUUM INTO` reads everything in one transaction, and in WAL mode a reader neither waits for writers nor makes them
//! wait: the copy is the database as of the moment at which it began. SQLite does not sync what it writes so, nor does
//! it promise a sound file when it is interrupted; that is made good here. The rule: what has the name that was asked
//! for is synced and verified.

use std::path::Path;

use sqlx::{Connection as _, SqliteConnection};

use super::partial::{self, Partial};
use super::place::{self, FileIdentity};
use super::{fault, inspect, schema, tally};
use crate::{StoreError, Tally};

/// What becomes of a file that has the name of the new one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Existing {
    /// It stays, and nothing is done.
    Refuse,
    /// It is replaced in one step, once the new one is verified.
    Replace,
}

/// Copies the database at a URL or path into a file of its own, and says what is in it.
///
/// Everything that was committed before the call is in the copy. Rooms that do not add up are copied as they are and
/// named in the [`Tally`]. A failed or dropped call leaves no file behind, a killed one at most `TARGET.partial-…`.
pub async fn back_up(
    url_or_path: &str,
    target: &Path,
    existing: Existing,
) -> Result<Tally, StoreError> {
    let path = place::path_of(url_or_path)?;
    let mut source = inspect::connect(&path).await?;
    schema::pending_where_rooms_are(&mut source, &path).await?;
    refuse_target(&path, target, existing)?;
    let unreadable = |e| StoreError::Unavailable(format!("cannot read {path:?}: {e}"));
    let permissions = std::fs::metadata(&path).map_err(unreadable)?.permissions();
    let partial = Partial::beside(target, "partial")?;
    copy(&mut source, &path, partial.path()).await?;
    let _ = source.close().await;
    let mut copied = inspect::connect(partial.path()).await?;
    let tally = verify(&mut copied, target).await;
    let _ = copied.close().await;
    let mut tally = tally?;
    partial.seal(permissions).await?;
    tally.file_bytes = std::fs::metadata(partial.path()).map_err(unreadable)?.len();
    match existing {
        Existing::Refuse => partial.publish(target)?,
        Existing::Replace => partial.replace(target)?,
    }
    Ok(tally)
}

fn refuse_target(path: &Path, target: &Path, existing: Existing) -> Result<(), StoreError> {
    if FileIdentity::of(target).is_ok_and(|it| FileIdentity::of(path).is_ok_and(|is| is == it)) {
        return Err(StoreError::Invalid(format!(
            "{target:?} is the database itself"
        )));
    }
    // SQLite would read a log of other pages into the new file.
    for suffix in partial::COMPANIONS {
        let companion = place::with_suffix(target, suffix);
        if place::stands(&companion) {
            return Err(StoreError::Invalid(format!(
                "{companion:?} is there: {target:?} is or was a database in use, take another name"
            )));
        }
    }
    if !place::stands(target) {
        return Ok(());
    }
    if target.is_dir() {
        return Err(StoreError::Invalid(format!("{target:?} is a folder")));
    }
    match existing {
        Existing::Refuse => Err(partial::exists(target)),
        Existing::Replace => Ok(()),
    }
}

async fn copy(source: &mut SqliteConnection, path: &Path, to: &Path) -> Result<(), StoreError> {
    let name = to.to_str().ok_or_else(|| {
        StoreError::Invalid(format!("{to:?} is no name that SQLite can take: not UTF-8"))
    })?;
    let copied = sqlx::query("VACUUM INTO ?1")
        .bind(name)
        .execute(source)
        .await;
    match copied {
        Ok(_) => Ok(()),
        Err(error) if fault::is_damage(&error) => Err(StoreError::Invalid(format!(
            "{path:?} is damaged and cannot be copied ({}): see `scrible check`",
            fault::sentence(&error)
        ))),
        Err(error) => Err(fault::unavailable("copy the database", &error)),
    }
}

/// Whether a copy is a sound database of ours, and what is in it. `shown` is what it is called towards people.
pub async fn verify(copied: &mut SqliteConnection, shown: &Path) -> Result<Tally, StoreError> {
    schema::pending_where_rooms_are(copied, shown).await?;
    let findings = inspect::integrity(copied).await?;
    if let Some(first) = findings.first() {
        return Err(StoreError::Invalid(format!(
            "{shown:?} is damaged, SQLite finds: {first}"
        )));
    }
    tally::tally(copied, shown).await
}
