//! When a room's base is to be replaced, and what happens to its log then.
//!
//! It does not know how a snapshot is made or stored. The rule: merging takes place outside the room's lock, and what somebody has yet to hear
//! stays until he has.

use std::sync::Arc;
use std::time::Duration;

use super::log::Base;
use super::{Content, Extent, Room, State};
use crate::compact::Why;

/// How much of what the base already holds is kept for readers that lag, in bytes a room. One that falls further behind syncs anew.
const LAG_BYTES: usize = 32 << 20;

/// A snapshot of a room that was stored.
#[derive(Debug)]
pub struct Compacted {
    /// What it covers.
    pub snapshot: Extent,
    /// Its content.
    pub base: Content,
    /// It is a version.
    pub listed: bool,
    /// How long it took to make.
    pub took: Duration,
}

impl Room {
    /// Asks for a version when the last one lies far enough behind.
    pub fn keep_version_if_due(&self) {
        let mut state = self.state.lock();
        let due = state.end.is_none()
            && state
                .stored
                .version_due(self.shared.config.version_interval);
        if due && !std::mem::replace(&mut state.compacting, true) {
            self.shared.compaction.push(&self.name, Why::Interval);
        }
    }

    /// What the newest snapshot covers that this room knows of.
    pub fn snapshot_seq(&self) -> u64 {
        self.state.lock().stored.snapshot().seq
    }

    /// Stands the log on a snapshot that was stored. Readers go on reading: what they have not heard stays until they have.
    pub fn compacted(&self, compacted: Compacted) {
        let mut state = self.state.lock();
        let state = &mut *state;
        state.compacting = false;
        let Compacted { snapshot, base, .. } = compacted;
        let bytes = state.log.bytes_above(snapshot.seq);
        state.stored.compacted(snapshot, bytes, compacted.took);
        if compacted.listed {
            state.stored.versioned();
        }
        // Not where it holds what nobody here has heard, nor where the log was merged further meanwhile.
        let seq = snapshot.seq;
        if (state.log.base().seq..=state.stored.sequence.applied()).contains(&seq) {
            let end = state.log.covered_by(seq);
            state.log.rebase(Base {
                content: base,
                end,
                seq,
            });
            state.trim();
        }
    }

    /// Notes that the base could not be replaced in the store, which took so long to find out. In memory it is merged byte by byte where that is
    /// due, so that memory does not depend on the store.
    pub fn not_compacted(&self, took: Duration) {
        let due = {
            let mut state = self.state.lock();
            state.compacting = false;
            state.stored.rest(took.max(Duration::from_secs(1)));
            state.log.fold_due() && !std::mem::replace(&mut state.folding, true)
        };
        if due {
            self.fold();
        }
    }

    /// Sees to a log that has grown: asks for a compaction where one is due. Where that, for which other rooms wait as well, is far behind, the log is merged as it is:
    /// memory must not depend on it.
    pub(super) fn shorten(self: &Arc<Self>, state: &mut State) {
        let due = state.stored.compaction_due(&self.shared.config.compaction);
        if due && !std::mem::replace(&mut state.compacting, true) {
            self.shared.compaction.push(&self.name, Why::Size);
        }
        if state.log.fold_overdue() && !std::mem::replace(&mut state.folding, true) {
            let room = self.clone();
            self.shared.tasks.spawn_blocking(move || room.fold());
        }
    }

    /// Merges the committed entries into a new base, outside the lock. Whoever calls it has marked the room as `folding`.
    pub(super) fn fold(&self) {
        let limits = &self.shared.config.limits;
        let (parts, end, seq) = {
            let state = self.state.lock();
            let (base, end) = (state.log.base(), state.log.committed());
            let entries = state.log.entries_from(base.end);
            let entries = entries.take_while(|(position, _)| *position < end);
            let mut parts: Vec<_> = base.content.updates().collect();
            let mut seq = base.seq;
            for (_, entry) in entries {
                parts.push(entry.update.update());
                seq = seq.max(entry.seq().unwrap_or(0));
            }
            (parts, end, seq)
        };
        let merged = scrible_wire::merge::merge(parts.iter().map(|part| &part[..]), limits)
            .and_then(|merged| Content::new(&merged, limits));
        let mut state = self.state.lock();
        state.folding = false;
        match merged {
            // A compaction that was faster has more.
            Ok(_) if state.log.base().end > end || state.log.base().seq > seq => {}
            Ok(content) => {
                state.log.rebase(Base { content, end, seq });
                state.trim();
            }
            // Nothing is lost, but the log goes on growing. The parts passed the gate one by one, so this is ours to look at.
            Err(error) => tracing::error!(room = ?self.name, %error, "merge the log into the base"),
        }
    }
}

impl State {
    /// Lets go of what the base holds and every reader has heard.
    fn trim(&mut self) {
        let slowest = self.seats.iter().map(|(_, seat)| seat.slowest()).min();
        self.log.trim(slowest.unwrap_or(u64::MAX), LAG_BYTES);
    }
}
