//! One child from the parent's side: started, asked, and when it is gone, asked of what it died.
//!
//! Does not know what is asked nor how many there are. The rule: whoever drops a worker kills it, so one that is out of
//! step is never asked again.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::health::{Counters, Ending};
use super::message::{self, Answer, Request};
use super::{DocError, DocWorkersConfig, answer_limit};
use crate::fonts::SystemFonts;

/// How long a child may take to end by itself after it stopped talking.
const TO_DIE: Duration = Duration::from_secs(1);

/// As much of what a dying child writes as is read.
const LAST_WORDS_BYTES: u64 = 16 << 10;

/// mimalloc takes a GiB at a time, which is as large as a whole limit may be; this keeps what it takes near what is used.
const ALLOCATOR: (&str, &str) = ("MIMALLOC_ARENA_RESERVE", "65536");

/// A child process, waiting for a request or busy with one.
pub struct Worker {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    max_answer_bytes: usize,
    counters: Arc<Counters>,
    ending: Ending,
}

/// The connection to a worker broke.
#[derive(Debug)]
pub struct Lost {
    /// It had begun to work, so the doc may be the cause.
    pub started: bool,
    error: io::Error,
}

/// Whose processor time is asked for, while somebody else has the worker.
#[derive(Debug, Clone, Copy)]
pub struct Spent(Option<u32>);

impl Spent {
    /// Of all its threads, to a hundredth of a second. `None` where that cannot be known, as after its end.
    pub fn time(self) -> Option<Duration> {
        let process = procfs::process::Process::new(self.0?.cast_signed()).ok()?;
        let stat = process.stat().ok()?;
        let ticks = (stat.utime + stat.stime) as f64;
        Some(Duration::from_secs_f64(
            ticks / procfs::ticks_per_second() as f64,
        ))
    }
}

impl Worker {
    /// Starts a child.
    ///
    /// Nothing here may need code to run between fork and exec (`pre_exec`, a user, a working directory): without it the
    /// standard library uses posix_spawn, which takes as long for a process of many GB as for a small one.
    pub fn start(config: &DocWorkersConfig, counters: &Arc<Counters>) -> io::Result<Self> {
        let mut command = Command::new(&config.program);
        command
            .arg("doc-worker")
            .arg(format!("--parent={}", std::process::id()))
            .arg(format!("--doc-limit={}", config.max_doc_bytes))
            .arg(format!("--memory-bytes={}", config.memory_bytes()));
        for folder in &config.fonts.folders {
            command.arg("--font-folder").arg(folder);
        }
        if config.fonts.system == SystemFonts::Taken {
            command.arg("--machine-fonts");
        }
        let mut child = command
            // It deals with bytes of strangers and needs no secrets.
            .env_clear()
            .env(ALLOCATOR.0, ALLOCATOR.1)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C goes to a whole group.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("a child without pipes"));
        };
        counters.started();
        Ok(Self {
            child,
            stdin,
            stdout,
            max_answer_bytes: answer_limit(config.max_doc_bytes),
            counters: counters.clone(),
            ending: Ending::Abandoned,
        })
    }

    /// Whether it has not ended meanwhile.
    pub fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Processor time that it has taken so far.
    pub fn spent(&self) -> Spent {
        Spent(self.child.id())
    }

    /// Asks, and waits for the answer as long as it takes.
    pub async fn ask(
        &mut self,
        request: &Request,
        blobs: &[Bytes],
    ) -> Result<(Answer, Vec<Bytes>), Lost> {
        let max = self.max_answer_bytes;
        let (stdin, stdout) = (&mut self.stdin, &mut self.stdout);
        let asking = message::send(request, blobs, stdin);
        let hearing = async {
            let lost = |started| move |error| Lost { started, error };
            match message::receive(&mut *stdout, 0)
                .await
                .map_err(lost(false))?
            {
                (Answer::Started, _) => {}
                // It has panicked over the request itself.
                early => return Ok(early),
            }
            message::receive(stdout, max).await.map_err(lost(true))
        };
        // Where asking fails the child is dying, and hearing says how far it got.
        let (_, heard) = tokio::join!(asking, hearing);
        heard
    }

    /// Kills it, for a reason that is counted.
    pub async fn end(mut self, ending: Ending) {
        self.ending = ending;
        // An error means that it has ended.
        let _ = self.child.kill().await;
    }

    /// Waits for the end of a worker that was lost, and tells what it died of.
    pub async fn post_mortem(mut self, lost: &Lost) -> Death {
        let status = match timeout(TO_DIE, self.child.wait()).await {
            Ok(Ok(status)) => Some(status),
            _ => None,
        };
        let mut last_words = Vec::new();
        if status.is_some()
            && let Some(stderr) = self.child.stderr.take()
        {
            let _ = stderr
                .take(LAST_WORDS_BYTES)
                .read_to_end(&mut last_words)
                .await;
        }
        let death = match status {
            Some(status) => Death::of(status, &String::from_utf8_lossy(&last_words)),
            None => Death::of_no_doc(format!("stopped making sense: {}", lost.error)),
        };
        let ending = match (lost.started, death.of_doc) {
            (false, _) => Ending::FoundDead,
            (true, true) => Ending::Broken,
            (true, false) => Ending::Killed,
        };
        self.end(ending).await;
        death
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.counters.ended(self.ending);
    }
}

/// What a worker died of.
#[derive(Debug, PartialEq, Eq)]
pub struct Death {
    /// It would die of the same doc again.
    of_doc: bool,
    /// Ends the sentence "a doc worker …".
    pub how: String,
}

impl Death {
    /// SIGKILL is not the doc's doing as far as anybody can tell: it comes from operators, and from a kernel that is short of
    /// memory, which takes these children first whoever used it up. The same goes for whatever signal is not a fault.
    fn of(status: ExitStatus, last_words: &str) -> Self {
        const FAULTS: [(i32, &str); 5] = [
            (4, "illegal instruction"),
            (6, "abort"),
            (7, "bus error"),
            (8, "arithmetic error"),
            (11, "segmentation fault"),
        ];
        let Some(signal) = status.signal() else {
            let said = last_words.trim().lines().last().unwrap_or_default();
            return Self::of_no_doc(format!("ended by itself ({status}): {said}"));
        };
        match FAULTS.iter().find(|(fault, _)| *fault == signal) {
            Some(_) if last_words.contains("memory allocation of ") => {
                Self::of_doc("ran into its memory limit".to_owned())
            }
            Some(_) if last_words.contains("overflowed its stack") => {
                Self::of_doc("overflowed its stack".to_owned())
            }
            Some((_, name)) => Self::of_doc(format!("was killed by signal {signal} ({name})")),
            None => Self::of_no_doc(format!("was killed by signal {signal}")),
        }
    }

    fn of_doc(how: String) -> Self {
        Self { of_doc: true, how }
    }

    fn of_no_doc(how: String) -> Self {
        Self { of_doc: false, how }
    }

    /// What to tell whoever asked.
    pub fn into_error(self) -> DocError {
        match self.of_doc {
            true => DocError::Broken(format!("the doc worker {}", self.how)),
            false => DocError::Unavailable(format!("the doc worker {}", self.how)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_the_docs_and_other_signals_are_not() {
        let died = |signal, last_words| Death::of(ExitStatus::from_raw(signal), last_words);
        let abort = "the doc worker was killed by signal 6 (abort)";
        assert_eq!(died(6, "").into_error(), DocError::Broken(abort.into()));
        let memory = "the doc worker ran into its memory limit";
        let last_words = "memory allocation of 5 bytes failed\n";
        assert_eq!(
            died(6, last_words).into_error(),
            DocError::Broken(memory.into())
        );
        let stack = "\nthread 'doc' has overflowed its stack\nfatal runtime error: stack overflow";
        assert_eq!(died(6, stack).how, "overflowed its stack");
        let killed = "the doc worker was killed by signal 9";
        assert_eq!(
            died(9, "").into_error(),
            DocError::Unavailable(killed.into())
        );
    }
}
