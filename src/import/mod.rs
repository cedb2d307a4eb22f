//! Puts the content of a file into a room of a running server, as one more client: whoever is in the room sees it come.
//!
//! [`format`] tells what the file is, [`board`] turns a tldraw board into an update, [`remote`](crate::remote) talks to the server. Knows
//! no document and no store. The rule: what is reported as stored was acknowledged, and to run it again doubles nothing.

mod any;
pub mod board;
pub mod format;

use std::hash::{BuildHasher, RandomState};

use anyhow::{Context, Result, bail, ensure};
use scrible_wire::{Limits, StateVector, merge, scan, split};

use self::board::Schema;
use self::format::Content;
use crate::access::Secret;
use crate::remote::{Line, Progress, address};
use crate::room::RoomName;

/// Parts are about this large, so that everybody in the room hears something new every few moments.
const PART_BYTES: usize = 256 << 10;
/// Clients of Yjs have ids of 32 bits (53 in later versions). Above this, imports are the highest in nearly every room.
const FIRST_IMPORT_CLIENT: u64 = 1 << 52;
/// Ids end below this: JavaScript knows no larger whole numbers.
const CLIENTS_END: u64 = 1 << 53;
/// How far above the highest id in the room a new one may lie: far enough that no two imports take the same, near enough
/// that thousands of imports find their place.
const CLIENT_BITS: u32 = 40;

/// What to put where.
#[derive(Debug, Clone)]
pub struct Import {
    /// The server: `http://host:port` or `ws://host:port`, perhaps with a path under which rooms are mounted.
    pub server: String,
    /// What is shown to a server that asks.
    pub token: Option<Secret>,
    /// The room.
    pub room: RoomName,
    /// The array for a board's records; `tl_<room>` if not given, as most tldraw pages have it.
    pub root: Option<String>,
    /// Put a board into a room that has content.
    pub merge: bool,
}

/// Where a content goes, whichever way.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The room.
    pub room: RoomName,
    /// The array for a board's records; `tl_<room>` if not given.
    pub root: Option<String>,
    /// Put a board into a room that has content.
    pub merge: bool,
}

/// What has been done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Bytes that were sent and are stored.
    pub bytes: usize,
    /// In how many parts.
    pub parts: usize,
    /// Changes that the room did not have; deletions are not counted.
    pub changes: usize,
    /// How many records of a board went in, and how many were somebody's own and did not.
    pub records: Option<(usize, usize)>,
}

/// Puts the content of `file` into the room and returns once all of it is stored. `progress` is told after each part.
///
/// # Errors
/// A sentence for the person who typed the command. If something was stored before, it says how much.
pub async fn run(
    import: &Import,
    file: Vec<u8>,
    progress: impl FnMut(Progress),
) -> Result<Imported> {
    let content = format::recognise(file)?;
    let destination = Destination {
        room: import.room.clone(),
        root: import.root.clone(),
        merge: import.merge,
    };
    let mut line = Line::open(
        &address(&import.server, &import.room)?,
        import.token.as_ref(),
    )
    .await?;
    let theirs = line.greeting().await?;
    let mut marks = SchemaMarks::of(&content);
    if destination.wants_marks(&content, &theirs) {
        line.content(|update| marks.look_at(update)).await?;
    }
    let (parts, imported) = prepare(&destination, content, &theirs, &marks)?;
    // What comes from others meanwhile is nothing to us, so we ask for nothing that was there before.
    line.join(&theirs).await?;
    let again = if imported.records.is_some() {
        "run the same again with --merge"
    } else {
        "run the same again: what is stored is not sent twice"
    };
    line.store(parts, progress).await.map_err(|stopped| {
        let Progress { stored, total } = stopped.progress;
        stopped
            .error
            .context(format!("{stored} of {total} bytes were stored; {again}"))
    })?;
    line.close().await;
    Ok(imported)
}

/// Cuts a content into parts that a room takes in turn, and says what they are. `theirs` is what the room has, at which `marks` has
/// looked where [`Destination::wants_marks`].
///
/// # Errors
/// A sentence for the person who brought the content.
pub fn prepare(
    destination: &Destination,
    content: Content,
    theirs: &StateVector,
    marks: &SchemaMarks,
) -> Result<(Vec<Vec<u8>>, Imported)> {
    let (update, records) = match content {
        Content::Update(update) => (new_in(update, theirs)?, None),
        Content::Board(board) => {
            let schema = schema_for(destination, theirs, marks)?;
            let root = destination
                .root
                .clone()
                .unwrap_or_else(|| format!("tl_{}", destination.room));
            let update = board.update(&root, fresh_client(theirs)?, schema);
            (update, Some((board.records(), board.personal)))
        }
    };
    let facts = scan(&update, &Limits::default())
        .map_err(|malformed| anyhow::anyhow!("no room would take this content: {malformed}"))?;
    let parts = split::split(&update, PART_BYTES, &Limits::default()).context("cut the content")?;
    let imported = Imported {
        bytes: update.len(),
        parts: parts.len(),
        changes: facts.structs,
        records,
    };
    Ok((parts, imported))
}

impl Destination {
    /// Whether it must be known in which version the room's records are written.
    pub fn wants_marks(&self, content: &Content, theirs: &StateVector) -> bool {
        matches!(content, Content::Board(_)) && self.merge && !theirs.is_empty()
    }
}

/// In which versions the records of a room are written, as far as its bytes tell.
#[derive(Debug, Default)]
pub struct SchemaMarks {
    ours: Vec<u8>,
    marks: usize,
    same: usize,
}

impl SchemaMarks {
    /// What begins an object with the key `schemaVersion`.
    const MARK: &[u8] = b"\x0dschemaVersion";

    /// Nothing was looked at yet; to be compared with what is to go in.
    pub fn of(content: &Content) -> Self {
        match content {
            Content::Board(board) => Self {
                ours: board.schema_bytes(),
                ..Self::default()
            },
            Content::Update(_) => Self::default(),
        }
    }

    /// Looks at something that the room has.
    pub fn look_at(&mut self, update: &[u8]) {
        self.marks += occurrences(update, Self::MARK);
        self.same += occurrences(update, &self.ours);
    }
}

/// Whether the schema has to go with the board.
///
/// Records of two versions under one schema would be read wrongly by every page, so a room that was ever written in another
/// version than the file is refused. Whether it was can be told from its bytes: an object with a `schemaVersion` that
/// is not exactly the file's. Somebody's text that looks so refuses too, which does no harm.
fn schema_for(
    destination: &Destination,
    theirs: &StateVector,
    seen: &SchemaMarks,
) -> Result<Schema> {
    if theirs.is_empty() {
        return Ok(Schema::Written);
    }
    ensure!(
        destination.merge,
        "room {} has content already: take another room, or add the board to what is there with --merge, \
         by HTTP with merge=true (records with the same id are replaced)",
        destination.room
    );
    let marks_in_ours = occurrences(&seen.ours, SchemaMarks::MARK);
    match seen.marks {
        0 => Ok(Schema::Written),
        marks if marks == seen.same * marks_in_ours => Ok(Schema::There),
        _ => bail!(
            "the board in room {} was written by another version of tldraw than the file, and one room holds one version: \
             open the file in the version that your pages use and save it again, or take another room",
            destination.room
        ),
    }
}

fn occurrences(bytes: &[u8], wanted: &[u8]) -> usize {
    let Some((first, rest)) = wanted.split_first() else {
        return 0;
    };
    let starts = bytes.iter().enumerate().filter(|(_, byte)| *byte == first);
    starts
        .filter(|(at, _)| bytes[at + 1..].starts_with(rest))
        .count()
}

/// What the room lacks of an update, and all that it deletes.
fn new_in(update: Vec<u8>, theirs: &StateVector) -> Result<Vec<u8>> {
    if theirs.is_empty() {
        return Ok(update);
    }
    merge::diff([&update[..]], theirs, &Limits::default()).context("compare the file with the room")
}

/// A client id that nobody has, above all that are in the room.
fn fresh_client(theirs: &StateVector) -> Result<u64> {
    let highest = theirs.iter().map(|(client, _)| client).max();
    let from = highest
        .map_or(0, |client| client + 1)
        .max(FIRST_IMPORT_CLIENT);
    // Its hashers have random keys, from the system.
    let random = RandomState::new().hash_one(from) >> (64 - CLIENT_BITS);
    let client = from + random;
    ensure!(
        client < CLIENTS_END,
        "a client in the room has the highest id that there can be, and imported records could not take precedence"
    );
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i6_a_fresh_client_is_above_all_others_and_never_the_same() {
        let people: StateVector = [(7, 1), (u64::from(u32::MAX), 2)].into_iter().collect();
        let mut seen = std::collections::HashSet::new();
        let mut theirs = people;
        for _ in 0..1000 {
            let client = fresh_client(&theirs).unwrap();
            assert!(theirs.iter().all(|(other, _)| other < client));
            assert!((FIRST_IMPORT_CLIENT..CLIENTS_END).contains(&client));
            assert!(seen.insert(client));
            theirs.raise(client, 1);
        }
        theirs.raise(CLIENTS_END - 1, 1);
        fresh_client(&theirs).unwrap_err();
    }

    #[test]
    fn occurrences_are_counted() {
        assert_eq!(occurrences(b"abcabxab", b"ab"), 3);
        assert_eq!(occurrences(b"aaa", b"aa"), 2);
        assert_eq!(occurrences(b"a", b"ab"), 0);
        assert_eq!(occurrences(b"a", b""), 0);
    }
}
