//! The guard against rooms that kill the process: it notes who is being opened before it is read, opens suspects alone, and does not
//! open at all what has killed too often.
//!
//! Works on names and the store's records; it does not know what is in a room. The rule: the guard may fail, opening goes on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use scrible_store::{
    Incarnation, NODE_BEAT, Opening, OpeningEnd, RoomRecord, SetAsideBy, Store, StoreError,
};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::compact::Marks;
use crate::room::{OpenError, RoomName};

/// How long a note may take. A store that is slower has other worries.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long taking a note away waits after that failed.
const AGAIN: Duration = Duration::from_secs(5);

/// Watches over the rooms of one node while they are being opened.
pub struct Guard {
    store: Arc<dyn Store>,
    marks: Arc<Marks>,
    node: Incarnation,
    /// For suspects: one at a time.
    turn: Arc<Semaphore>,
    state: Mutex<State>,
    /// The reading of some room is over.
    over: Notify,
}

/// The bound is the number of rooms that are being opened.
#[derive(Default)]
struct State {
    last: u64,
    watched: HashMap<Arc<str>, Watched>,
}

struct Watched {
    opening: Opening,
    /// When it is over, and how; `None` while the room is being read.
    ends: Option<(Instant, OpeningEnd)>,
    turn: Option<OwnedSemaphorePermit>,
}

/// A room that may be read now.
pub struct Watch {
    guard: Arc<Guard>,
    opening: Opening,
}

impl Guard {
    /// Of a node that has just started.
    pub fn new(store: Arc<dyn Store>, marks: Arc<Marks>) -> Arc<Self> {
        Arc::new(Self {
            store,
            marks,
            node: Incarnation::random(),
            turn: Arc::new(Semaphore::new(1)),
            state: Mutex::default(),
            over: Notify::new(),
        })
    }

    /// Learns how earlier processes ended. To be called once, before any room is opened.
    pub async fn start(&self) {
        self.beat().await;
        let records = match within(self.store.room_records()).await {
            Ok(records) => records,
            Err(error) => {
                tracing::warn!(%error, "the records of the rooms cannot be read");
                return;
            }
        };
        let aside = records.iter().filter(|record| record.set_aside.is_some());
        aside.for_each(|record| self.mark(record));
    }

    /// Says that this node lives and ends what is over, for ever.
    pub async fn run(&self) {
        let mut beaten = Instant::now();
        loop {
            // What is over is noted at once, several together while the last note is being taken away.
            let beat = beaten + NODE_BEAT;
            let _ = timeout_at(beat.min(Instant::now() + AGAIN), self.over.notified()).await;
            self.end_what_is_over().await;
            if beaten.elapsed() >= NODE_BEAT {
                beaten = Instant::now();
                self.beat().await;
            }
        }
    }

    /// Takes the notes of this node away: it ends in order.
    pub async fn end(&self) {
        if let Err(error) = within(self.store.end_node(self.node)).await {
            tracing::debug!(%error, "take the notes on openings away");
        }
    }

    /// Waits until a room may be read, and notes that it is about to be.
    ///
    /// # Errors
    /// [`OpenError::SetAside`] for a room that is not to be opened.
    pub async fn begin(self: &Arc<Self>, name: &RoomName) -> Result<Watch, OpenError> {
        let room = name.shared();
        let mut turn = None;
        if let Some(record) = self.record(&room).await?
            && record.is_suspect()
        {
            turn = Some(self.turn(&room).await);
            // Waiting takes a while.
            self.record(&room).await?;
            let deaths = record.deaths;
            tracing::warn!(
                ?room,
                deaths,
                "the server ended while it was opening this room; opening it with care"
            );
        }
        let opening = {
            let mut state = self.state.lock();
            state.last += 1;
            Opening {
                node: self.node,
                room,
                number: state.last,
                alone: turn.is_some(),
            }
        };
        if let Err(error) = within(self.store.note_opening(&opening)).await {
            let room = &opening.room;
            tracing::warn!(?room, %error, "cannot note that a room is being opened; going on");
        }
        let watched = Watched {
            opening: opening.clone(),
            ends: None,
            turn,
        };
        let mut state = self.state.lock();
        state.watched.insert(opening.room.clone(), watched);
        drop(state);
        let guard = self.clone();
        Ok(Watch { guard, opening })
    }

    /// What is known against a room that may be opened.
    async fn record(&self, room: &Arc<str>) -> Result<Option<RoomRecord>, OpenError> {
        let record = match self.store.room_record(room).await {
            Ok(record) => record,
            Err(error) => {
                tracing::debug!(?room, %error, "the record of a room cannot be read");
                None
            }
        };
        let Some(by) = record.as_ref().and_then(|record| record.set_aside) else {
            self.marks.released(room);
            return Ok(record);
        };
        record.iter().for_each(|record| self.mark(record));
        Err(OpenError::SetAside(match by {
            SetAsideBy::Deaths => {
                "the room has been set aside because it ended the server; its operator has been told"
            }
            SetAsideBy::Operator => "the room has been set aside by its operator",
        }))
    }

    /// The turn of a suspect, which it may have from an opening just before.
    async fn turn(&self, room: &str) -> OwnedSemaphorePermit {
        let held = {
            let mut state = self.state.lock();
            state.watched.get_mut(room).and_then(|it| it.turn.take())
        };
        match held {
            Some(turn) => turn,
            None => {
                let turn = self.turn.clone().acquire_owned().await;
                turn.expect("never closed")
            }
        }
    }

    async fn beat(&self) {
        match within(self.store.beat(self.node)).await {
            Ok(records) if records.is_empty() => {}
            Ok(records) => {
                let rooms = records.len();
                tracing::error!(
                    rooms,
                    "a server process ended while it was opening rooms; they are opened with care"
                );
                let aside = records.iter().filter(|record| record.set_aside.is_some());
                aside.for_each(|record| self.mark(record));
            }
            Err(error) => tracing::debug!(%error, "tell the store that this node lives"),
        }
    }

    fn mark(&self, record: &RoomRecord) {
        let why = match record.set_aside {
            Some(SetAsideBy::Deaths) => format!(
                "it is set aside: {} times a server process ended while opening it; see `scrible room inspect`, and \
                 `scrible room release` lets it open again",
                record.deaths
            ),
            _ => {
                "it is set aside by its operator; `scrible room release` lets it open again".into()
            }
        };
        self.marks.set_aside(&record.room, &why);
    }

    async fn end_what_is_over(&self) {
        let now = Instant::now();
        let over: Vec<Watched> = {
            let mut state = self.state.lock();
            let is_over = |watched: &Watched| watched.ends.is_some_and(|(due, _)| due <= now);
            let over = state.watched.extract_if(|_, watched| is_over(watched));
            over.map(|(_, watched)| watched).collect()
        };
        let ended: Vec<_> = over
            .iter()
            .filter_map(|watched| Some((watched.opening.clone(), watched.ends?.1)))
            .collect();
        if ended.is_empty() {
            return;
        }
        let taken_away = within(self.store.end_openings(&ended)).await;
        // The turn of a suspect ends only here: were the next one read while the note of the last still stands, a death would count
        // against both as if each had been alone.
        drop(over);
        if let Err(error) = taken_away {
            tracing::debug!(%error, "take the notes on openings away; trying again");
            let mut state = self.state.lock();
            for (opening, end) in ended {
                let again = Watched {
                    ends: Some((now + AGAIN, end)),
                    turn: None,
                    opening,
                };
                let room = again.opening.room.clone();
                // A later opening of the room has replaced the note.
                state.watched.entry(room).or_insert(again);
            }
        }
    }

    fn ends(&self, opening: &Opening, at: Instant, end: OpeningEnd) {
        let mut state = self.state.lock();
        if let Some(watched) = state.watched.get_mut(&opening.room)
            && watched.opening.number == opening.number
            && watched.ends.is_none()
        {
            watched.ends = Some((at, end));
            self.over.notify_one();
        }
    }
}

impl Watch {
    /// The room was read: whatever ends the process now, it was not reading this.
    pub fn lives(self) {
        let now = Instant::now();
        self.guard.ends(&self.opening, now, OpeningEnd::Lived);
    }
}

/// Whatever was not read has killed nobody.
impl Drop for Watch {
    fn drop(&mut self) {
        let now = Instant::now();
        self.guard.ends(&self.opening, now, OpeningEnd::Unread);
    }
}

async fn within<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| {
        let patience = PATIENCE.as_secs();
        let sentence = format!("it did not answer within {patience} s");
        Err(StoreError::Unavailable(sentence))
    })
}

#[cfg(test)]
mod tests;
