//! One line on a terminal while something takes long.
//!
//! Knows the terminal and the time. The rule: nothing is written where nobody sits, and nothing stays when it ends.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Args;

/// How often the line is written, and how long before it appears.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Shows that something is going on until it is dropped.
pub struct Progress(Option<Shown>);

struct Shown {
    /// Dropped to end the thread.
    ending: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Held while the terminal is written to.
    terminal: Arc<Mutex<()>>,
}

impl Progress {
    /// Shows nothing where nobody would see it.
    pub fn of(args: &Args) -> Self {
        if args.quiet || !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let (ending, ended) = mpsc::channel::<()>();
        let terminal = Arc::new(Mutex::new(()));
        let (name, guard, start) = (args.input.name(), terminal.clone(), Instant::now());
        let show = move || {
            while ended.recv_timeout(TELL_EVERY) == Err(RecvTimeoutError::Timeout) {
                let _terminal = guard.lock().unwrap_or_else(PoisonError::into_inner);
                let seconds = start.elapsed().as_secs();
                let _ = write!(std::io::stderr(), "\r\x1b[Kexporting {name}, {seconds} s");
            }
        };
        let shown = thread::Builder::new().spawn(show).ok();
        Self(shown.map(|thread| Shown {
            ending: Some(ending),
            thread: Some(thread),
            terminal,
        }))
    }

    /// Takes the line away while something else is written.
    pub fn pause<T>(&self, write: impl FnOnce() -> T) -> T {
        let Some(shown) = &self.0 else {
            return write();
        };
        let _terminal = shown
            .terminal
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        clear();
        write()
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        drop(self.ending.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        clear();
    }
}

fn clear() {
    let _ = write!(std::io::stderr(), "\r\x1b[K");
}
