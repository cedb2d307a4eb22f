//! Puts a backup in the place of the database.
//!
//! Whoever has a database open in WAL mode holds a shared lock on its file until it closes it, and dies with the
//! process. So the exclusive lock can only be had when nobody has it open, and while we hold it nobody can begin to.
//! The rules: what has the database's name is the old one or the new one, whole, at every moment; and nothing that
//! was stored is overwritten, so the old one keeps a name of its own.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, fcntl_lock};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection as _, SqliteConnection};

use super::partial::{self, Partial};
use super::place::{self, FileIdentity};
use super::{backup, fault, inspect, schema};
use crate::{StoreError, Tally};

/// How long the database may still be busy; a server that ends takes its lock with it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// What is done about a backup in which rooms do not add up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DamagedRooms {
    /// It is refused.
    Refuse,
    /// It is taken; the server will refuse these rooms, and only these.
    Keep,
}

/// What a restore did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restored {
    /// What is in the database now.
    pub tally: Tally,
    /// Where the database that was there before is now.
    pub kept: Option<PathBuf>,
    /// Migrations that the next start will run.
    pub pending: Vec<String>,
}

/// Puts a copy of a backup in the place of the database at a URL or path.
///
/// The backup is not touched. A failed call leaves the database as it was, a killed one too, with at most
/// `DATABASE.restoring-…` beside it. Not for a process that has the database open itself: its locks would not count.
pub async fn restore(
    file: &Path,
    url_or_path: &str,
    damaged: DamagedRooms,
) -> Result<Restored, StoreError> {
    let path = resolve(place::path_of(url_or_path)?);
    refuse_source(file, &path)?;
    place::create_parent(&path)?;
    let old = Old::hold(&path).await?;
    let done = put(file, &path, damaged, &old).await;
    old.release();
    done
}

async fn put(
    file: &Path,
    path: &Path,
    damaged: DamagedRooms,
    old: &Old,
) -> Result<Restored, StoreError> {
    let partial = Partial::beside(path, "restoring")?;
    let copied = tokio::fs::copy(file, partial.path()).await;
    let file_bytes = copied.map_err(|e| {
        StoreError::Unavailable(format!("cannot copy {file:?} to {:?}: {e}", partial.path()))
    })?;
    let (mut tally, pending, now) = examine(partial.path(), file).await?;
    tally.file_bytes = file_bytes;
    if let (DamagedRooms::Refuse, false) = (damaged, tally.is_sound()) {
        return Err(StoreError::Invalid(damage(file, &tally)));
    }
    seal(&partial, path, old).await?;
    let kept = old.keep(path, &now)?;
    let put = match old {
        Old::Absent => partial.publish(path),
        Old::Sound(_) | Old::Broken(_) => partial.replace(path),
    };
    if let (Err(_), Old::Sound(_), Some(second_name)) = (&put, old, &kept) {
        let _ = std::fs::remove_file(second_name);
    }
    put?;
    Ok(Restored {
        tally,
        kept,
        pending,
    })
}

/// A link to the database stays one: renaming would replace the link, and the old file would be served elsewhere.
fn resolve(path: PathBuf) -> PathBuf {
    std::fs::canonicalize(&path).unwrap_or(path)
}

fn refuse_source(file: &Path, path: &Path) -> Result<(), StoreError> {
    let invalid = |why: String| Err(StoreError::Invalid(why));
    match std::fs::metadata(file) {
        Err(error) => return invalid(format!("cannot read {file:?}: {error}")),
        Ok(metadata) if !metadata.is_file() => return invalid(format!("{file:?} is no file")),
        Ok(_) => {}
    }
    if FileIdentity::of(path).is_ok_and(|it| FileIdentity::of(file).is_ok_and(|is| is == it)) {
        return invalid(format!("{file:?} is the database itself"));
    }
    for suffix in ["-wal", "-journal"] {
        let companion = place::with_suffix(file, suffix);
        // An empty one is left by programs that only read.
        if std::fs::metadata(&companion).is_ok_and(|metadata| metadata.len() > 0) {
            return invalid(format!(
                "{companion:?} holds a part of it: {file:?} is no backup but a database in use; `scrible backup` \
                 makes one of it"
            ));
        }
    }
    Ok(())
}

/// What is in the copy, what is still to be migrated in it, and the time for a name.
async fn examine(copy: &Path, shown: &Path) -> Result<(Tally, Vec<String>, String), StoreError> {
    let refused = |error: &sqlx::Error| inspect::unreadable(shown, error);
    // One file: a backup that was opened by something else may be in WAL mode.
    let options = SqliteConnectOptions::new()
        .filename(copy)
        .journal_mode(SqliteJournalMode::Delete);
    let mut conn = options.connect().await.map_err(|e| refused(&e))?;
    let examined = async {
        let pending = schema::pending_where_rooms_are(&mut conn, shown).await?;
        let tally = backup::verify(&mut conn, shown).await?;
        let now = sqlx::query_scalar("SELECT strftime('%Y%m%dT%H%M%SZ', 'now')")
            .fetch_one(&mut conn)
            .await
            .map_err(|e| refused(&e))?;
        Ok((tally, pending, now))
    };
    let examined = examined.await;
    let _ = conn.close().await;
    examined
}

fn damage(file: &Path, tally: &Tally) -> String {
    let mut sentence = format!("{file:?} is damaged");
    if let Some(first) = tally.damage.first() {
        let (rooms, room, what) = (tally.damaged_rooms, &first.room, &first.what);
        sentence += &format!(": {rooms} rooms do not add up, the first is {room:?}: {what}");
    }
    for stray in &tally.strays {
        sentence += &format!("; {stray}");
    }
    sentence
}

/// Who could open the old database can open the new one: the server often runs as another user than its operator.
async fn seal(partial: &Partial, path: &Path, old: &Old) -> Result<(), StoreError> {
    let model = match old {
        Old::Absent => partial.path(),
        Old::Sound(_) | Old::Broken(_) => path,
    };
    let failed = |e| StoreError::Unavailable(format!("cannot read {model:?}: {e}"));
    let wanted = std::fs::metadata(model).map_err(failed)?;
    let is = std::fs::metadata(partial.path()).map_err(failed)?;
    if (is.uid(), is.gid()) != (wanted.uid(), wanted.gid()) {
        chown(partial.path(), Some(wanted.uid()), Some(wanted.gid())).map_err(|e| {
            StoreError::Unavailable(format!(
                "cannot give the new database to the owner of {path:?}: {e}; restore as that user or as root"
            ))
        })?;
    }
    partial.seal(wanted.permissions()).await
}

/// What stands in the place, and our hold on it.
enum Old {
    Absent,
    /// In one file, with the exclusive lock on it in a transaction that writes nothing.
    Sound(SqliteConnection),
    /// Not even SQLite can read it. The lock is our own, on the bytes that SQLite would lock, too; closing the file
    /// ends it.
    Broken(File),
}

impl Old {
    /// Takes the exclusive lock, or says who is in the way.
    async fn hold(path: &Path) -> Result<Self, StoreError> {
        if !place::stands(path) {
            let wal = place::with_suffix(path, "-wal");
            return match place::stands(&wal) {
                false => Ok(Self::Absent),
                true => Err(StoreError::Invalid(format!(
                    "{wal:?} is left over from another database and would be read into this one: move it away"
                ))),
            };
        }
        // SQLite itself would take the log away from a file that it does not know.
        if !looks_like_a_database(path) || place::log_alone(path) {
            return Self::hold_broken(path);
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(BUSY_TIMEOUT);
        let failed = |error: &sqlx::Error| match fault::is_busy(error) {
            true => in_use(path),
            false => StoreError::Unavailable(
                place::explain(path)
                    .unwrap_or_else(|| format!("cannot lock {path:?}: {}", fault::sentence(error))),
            ),
        };
        let mut conn = options.connect().await.map_err(|e| failed(&e))?;
        let error = match lock(&mut conn).await {
            Ok(()) => {
                // Whatever came into being before we had the lock is no part of one file.
                let wal = place::with_suffix(path, "-wal");
                if !place::stands(&wal) {
                    return Ok(Self::Sound(conn));
                }
                let _ = conn.close().await;
                return Err(in_use(path));
            }
            Err(error) => error,
        };
        // Waits until it is closed: closing it later would end the lock that is taken below.
        let _ = conn.close().await;
        if fault::is_damage(&error) {
            Self::hold_broken(path)
        } else {
            Err(failed(&error))
        }
    }

    fn hold_broken(path: &Path) -> Result<Self, StoreError> {
        let opened = File::options().read(true).write(true).open(path);
        let file =
            opened.map_err(|e| StoreError::Unavailable(format!("cannot open {path:?}: {e}")))?;
        match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self::Broken(file)),
            Err(_) => Err(in_use(path)),
        }
    }

    /// Gives the old database a second name, by which it stays when it loses the first.
    fn keep(&self, path: &Path, now: &str) -> Result<Option<PathBuf>, StoreError> {
        let kept = place::with_suffix(path, &format!(".before-{now}"));
        let link = |suffix| {
            let (from, to) = (
                place::with_suffix(path, suffix),
                place::with_suffix(&kept, suffix),
            );
            match std::fs::hard_link(&from, &to) {
                Ok(()) => Ok(()),
                Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
                Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(partial::exists(&to)),
                Err(e) => Err(StoreError::Unavailable(format!(
                    "cannot keep the old database as {to:?}: {e}"
                ))),
            }
        };
        match self {
            Self::Absent => return Ok(None),
            Self::Sound(_) => link("")?,
            Self::Broken(_) => {
                // Its log goes with it: beside the new database it would be read into that.
                for suffix in ["", "-wal", "-journal"] {
                    link(suffix)?;
                }
                partial::sync_folder(path)?;
                for suffix in partial::COMPANIONS {
                    match std::fs::remove_file(place::with_suffix(path, suffix)) {
                        Err(e) if e.kind() != ErrorKind::NotFound => {
                            return Err(StoreError::Unavailable(format!(
                                "cannot remove {path:?}{suffix}: {e}"
                            )));
                        }
                        _ => {}
                    }
                }
            }
        }
        partial::sync_folder(path)?;
        Ok(Some(kept))
    }

    /// Lets go without waiting: whoever drops the call from here on would take a finished restore for none.
    fn release(self) {
        match self {
            Self::Absent => {}
            Self::Sound(conn) => drop(conn),
            Self::Broken(file) => drop(file),
        }
    }
}

/// Whether it begins as SQLite's files do, or is empty, which SQLite takes for a database, too. Opens and closes the
/// file, so it must be asked before SQLite has it.
fn looks_like_a_database(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(16).read_to_end(&mut start));
    // What cannot be read is for SQLite to explain.
    read.is_err() || start.is_empty() || start == b"SQLite format 3\0"
}

/// Folds the log into the file, which takes that nobody else has it open, and keeps everybody out from then on.
pub async fn lock(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("PRAGMA journal_mode = DELETE")
        .execute(&mut *conn)
        .await?;
    sqlx::query("BEGIN EXCLUSIVE").execute(conn).await?;
    Ok(())
}

/// That somebody else has it open.
pub fn in_use(path: &Path) -> StoreError {
    StoreError::Invalid(format!(
        "{path:?} is in use by a server or another program: stop it first"
    ))
}
