//! How the doc workers are: counted as it happens, read by health and metrics.
//!
//! Does not decide anything. The rule: every child that was started is counted as ended once, with one cause.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use super::DocError;

/// Why a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It had done a large request.
    Recycled,
    /// Nothing was asked of it for a while.
    Idle,
    /// Nobody waited for its answer any more.
    Abandoned,
    /// It was dead before it had begun with a request.
    FoundDead,
    /// It died of a doc.
    Broken,
    /// It took longer than it may.
    TimedOut,
    /// Something else killed it at work.
    Killed,
    /// The workers were closed.
    Closed,
}

const ENDINGS: usize = Ending::Closed as usize + 1;

/// How the doc workers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DocWorkersHealth {
    /// Children that run now.
    pub running: u64,
    /// Requests that were answered, also with [`Broken`](super::DocError::Broken).
    pub requests: u64,
    /// Children started so far.
    pub started: u64,
    /// Ended after a large request, to give its memory back.
    pub recycled: u64,
    /// Ended because nothing was asked of them.
    pub idle: u64,
    /// Killed because nobody waited for the answer any more.
    pub abandoned: u64,
    /// Found dead before they had begun with a request, which went to another.
    pub found_dead: u64,
    /// Died of a doc.
    pub broken: u64,
    /// Killed because they took longer than they may.
    pub timed_out: u64,
    /// Killed at work by something else: an operator, or a kernel short of memory.
    pub killed: u64,
}

/// What [`DocWorkersHealth`] is read from.
#[derive(Debug, Default)]
pub struct Counters {
    started: AtomicU64,
    requests: AtomicU64,
    ended: [AtomicU64; ENDINGS],
    trouble: Mutex<Option<String>>,
}

impl Counters {
    /// A child was started.
    pub fn started(&self) {
        self.started.fetch_add(1, Relaxed);
    }

    /// A request ended, with this error if any.
    pub fn done(&self, error: Option<&DocError>) {
        let trouble = match error {
            Some(DocError::Unavailable(why)) => Some(why.clone()),
            _ => {
                self.requests.fetch_add(1, Relaxed);
                None
            }
        };
        *self.trouble.lock() = trouble;
    }

    /// Why the last request was not answered, if it was not. A doc that is broken is no trouble of the workers.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().clone()
    }

    /// A child ended.
    pub fn ended(&self, ending: Ending) {
        self.ended[ending as usize].fetch_add(1, Relaxed);
    }

    /// All of it now.
    pub fn read(&self) -> DocWorkersHealth {
        let of = |ending| self.ended[ending as usize].load(Relaxed);
        let ended: u64 = self.ended.iter().map(|count| count.load(Relaxed)).sum();
        let started = self.started.load(Relaxed);
        DocWorkersHealth {
            running: started.saturating_sub(ended),
            requests: self.requests.load(Relaxed),
            started,
            recycled: of(Ending::Recycled),
            idle: of(Ending::Idle),
            abandoned: of(Ending::Abandoned),
            found_dead: of(Ending::FoundDead),
            broken: of(Ending::Broken),
            timed_out: of(Ending::TimedOut),
            killed: of(Ending::Killed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_was_started_and_has_not_ended_runs() {
        let counters = Counters::default();
        (0..5).for_each(|_| counters.started());
        for ending in [Ending::Closed, Ending::Broken, Ending::Broken] {
            counters.ended(ending);
        }
        let health = counters.read();
        assert_eq!((health.running, health.broken, health.idle), (2, 2, 0));
    }

    #[test]
    fn t4_workers_are_in_trouble_until_one_answers_again() {
        let counters = Counters::default();
        assert_eq!(counters.trouble(), None);
        counters.done(Some(&DocError::Unavailable("no memory".into())));
        assert_eq!(counters.trouble().as_deref(), Some("no memory"));
        assert_eq!(counters.read().requests, 0);
        counters.done(Some(&DocError::Broken("it loops".into())));
        assert_eq!((counters.trouble(), counters.read().requests), (None, 1));
    }
}
