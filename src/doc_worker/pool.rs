//! The doc workers: a few children, who gets which, and what to say when one dies.
//!
//! Does not open docs. The rules: a doc costs at most the one request that it came with; and only what would happen again
//! with the same doc is called [`DocError::Broken`].

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use scrible_exporter::export::Artifact;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::export::{BoardChoice, ExportFailure, Exported, Fault, Order, Refusal};
use super::health::{Counters, DocWorkersHealth, Ending};
use super::message::{Answer, Request};
use super::worker::{Spent, Worker};
use super::{Built, Exports, Restoration, child};
use crate::fonts::FontsConfig;

/// A child that did more than this gives its memory back by ending: it took 13 to 26 times the bytes.
const RECYCLED_ABOVE_BYTES: usize = 8 << 20;

/// The same for pictures, counted in pixels.
const RECYCLED_ABOVE_PIXELS: u64 = 16 << 20;

/// An idle child ends after this.
const IDLE: Duration = Duration::from_secs(60);

/// Where others have the processors, a request may take so many times its limit. A doc is not to blame for that.
const PATIENCE: u32 = 10;
/// What is known of a child's processor time is no finer.
const TICK: Duration = Duration::from_millis(10);

/// yrs takes up to 26 times the bytes of a doc, and restoring holds two docs.
const MEMORY_A_BYTE: u64 = 2 * 26;

/// The program, its stacks, and what two allocators hold in reserve: 350 MB of address space in an idle child.
const MEMORY_AT_LEAST: u64 = child::STACK_BYTES as u64 + (256 << 20);

/// How to run doc workers.
#[derive(Debug, Clone)]
pub struct DocWorkersConfig {
    /// This program.
    pub program: PathBuf,
    /// Children at work at once. At least 1.
    pub workers: usize,
    /// Of the updates of one doc.
    pub max_doc_bytes: usize,
    /// For one request, from when a worker is free for it: of processor time, or ten times as long where it gets little of that.
    pub time_limit: Duration,
    /// Beyond the bundled ones.
    pub fonts: FontsConfig,
}

impl DocWorkersConfig {
    /// What a child may take, as address space.
    pub(super) fn memory_bytes(&self) -> u64 {
        (self.max_doc_bytes as u64)
            .saturating_mul(MEMORY_A_BYTE)
            .saturating_add(MEMORY_AT_LEAST)
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocError {
    /// Nothing was tried.
    #[error("the document takes {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// Of its updates.
        bytes: usize,
        /// What it may take.
        limit: usize,
    },
    /// It is the doc's fault, and would happen again.
    #[error("the document cannot be worked with: {0}")]
    Broken(String),
    /// It is not the doc's fault; another time it may go well.
    #[error("documents cannot be opened now: {0}")]
    Unavailable(String),
}

/// Children that open docs. Started when they are needed; when this is dropped, they are killed.
///
/// A request waits without limit for a free worker and holds its updates meanwhile, so whoever asks bounds how many wait.
pub struct DocWorkers {
    config: DocWorkersConfig,
    permits: Semaphore,
    idle: Mutex<Idle>,
    counters: Arc<Counters>,
    closed: CancellationToken,
    this: Weak<DocWorkers>,
}

#[derive(Default)]
struct Idle {
    /// With the time from which on they idle, so the oldest is first.
    workers: Vec<(Instant, Worker)>,
    /// There is a task that ends those who idle too long.
    tended: bool,
}

impl DocWorkers {
    /// None runs yet.
    pub fn new(config: DocWorkersConfig) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            permits: Semaphore::new(config.workers.max(1)),
            config,
            idle: Mutex::default(),
            counters: Arc::default(),
            closed: CancellationToken::new(),
            this: this.clone(),
        })
    }

    /// One update that holds what `updates` hold when they are applied in this order, garbage collected. It was decoded
    /// again and compared, so `updates` may be deleted for it.
    /// Values come out as they went in, BigInts included. A doc with sub-documents is [`DocError::Broken`] here.
    pub async fn build(&self, updates: Vec<Bytes>) -> Result<Built, DocError> {
        self.fits(&updates)?;
        let blobs = sizes(&updates);
        match self.request(Request::Build { blobs }, updates).await? {
            (Answer::Built { .. }, mut blobs) => {
                let state_vector = blobs.pop().unwrap_or_default();
                let snapshot = blobs.pop().unwrap_or_default();
                Ok(Built {
                    snapshot,
                    state_vector,
                })
            }
            (other, _) => Err(misunderstood(&other)),
        }
    }

    /// The doc as JSON, `{"<root>": value, …}`, as `JSON.stringify` of Yjs' toJSON says it. Roots that show nothing are left
    /// out; bytes are base64 text, a sub-document `{"guid": …}`.
    pub async fn json(&self, updates: Vec<Bytes>) -> Result<Bytes, DocError> {
        self.fits(&updates)?;
        let blobs = sizes(&updates);
        match self.request(Request::Json { blobs }, updates).await? {
            (Answer::Json { .. }, mut blobs) => Ok(blobs.pop().unwrap_or_default()),
            (other, _) => Err(misunderstood(&other)),
        }
    }

    /// What must be applied on top of `current` so that it shows what `target` shows.
    pub async fn restore(
        &self,
        current: Vec<Bytes>,
        target: Vec<Bytes>,
    ) -> Result<Restoration, DocError> {
        self.fits(&current)?;
        self.fits(&target)?;
        let request = Request::Restore {
            current: sizes(&current),
            target: sizes(&target),
        };
        let updates = [current, target].concat();
        match self.request(request, updates).await? {
            (Answer::Restored { changes, left, .. }, mut blobs) => Ok(Restoration {
                update: blobs.pop(),
                changes,
                left,
            }),
            (other, _) => Err(misunderstood(&other)),
        }
    }

    /// What the board that `updates` hold calls the files that it only names, each once: addresses and the like, from strangers. None where
    /// there is no such board. Of very many only the first are told.
    pub async fn picture_names(
        &self,
        updates: Vec<Bytes>,
        board: BoardChoice,
    ) -> Result<Vec<String>, DocError> {
        self.fits(&updates)?;
        let blobs = sizes(&updates);
        let request = Request::Pictures { board, blobs };
        match self.request(request, updates).await? {
            (Answer::Pictures { names }, _) => Ok(names),
            (other, _) => Err(misunderstood(&other)),
        }
    }

    /// Files made of the board that `updates` hold when they are applied in this order. `pictures` are files that the board
    /// only names, by those names: nothing is fetched in a child. Together they may take as much as a document.
    ///
    /// # Errors
    /// [`ExportFailure::Refused`] where whoever asks can put it right.
    pub async fn export(
        &self,
        updates: Vec<Bytes>,
        order: Order,
        pictures: Vec<(String, Bytes)>,
    ) -> Result<Exports, ExportFailure> {
        self.fits(&updates)?;
        // What is no number would not come through JSON either.
        order.options.check()?;
        let (names, files): (Vec<_>, Vec<_>) = pictures.into_iter().unzip();
        let limit = self.config.max_doc_bytes;
        let bytes: usize = files.iter().map(Bytes::len).sum();
        if bytes > limit {
            let why = format!("the board's pictures take {bytes} bytes, the limit is {limit}");
            let fault = Fault::TooLarge;
            return Err(Refusal { fault, why }.into());
        }
        let request = Request::Export {
            order,
            blobs: sizes(&updates),
            pictures: names.into_iter().zip(sizes(&files)).collect(),
        };
        let blobs = [updates, files].concat();
        match self.request(request, blobs).await? {
            (Answer::Exported { files, facts }, blobs) => {
                let files = files.into_iter().zip(blobs);
                let files = files.map(|(file, bytes)| Exported {
                    page: file.page,
                    artifact: Artifact {
                        bytes: bytes.into(),
                        size: file.size,
                        pages: file.pages,
                        missing: file.missing,
                        left_out: file.left_out,
                    },
                });
                Ok(Exports {
                    files: files.collect(),
                    facts,
                })
            }
            (Answer::Refused(refusal), _) => Err(refusal.into()),
            (other, _) => Err(misunderstood(&other).into()),
        }
    }

    /// How they are.
    pub fn health(&self) -> DocWorkersHealth {
        self.counters.read()
    }

    /// Why the last request was not answered, if it was not.
    pub fn trouble(&self) -> Option<String> {
        self.counters.trouble()
    }

    /// Kills and reaps all. Whoever waits for an answer gets [`DocError::Unavailable`], as does whoever asks from now on.
    pub async fn close(&self) {
        self.closed.cancel();
        let idle = std::mem::take(&mut self.idle.lock().workers);
        for (_, worker) in idle {
            worker.end(Ending::Closed).await;
        }
        // Those at work are ended by whoever waits for them.
        let all = u32::try_from(self.config.workers.max(1)).unwrap_or(u32::MAX);
        if let Ok(permits) = self.permits.acquire_many(all).await {
            permits.forget();
        }
        self.permits.close();
    }

    fn fits(&self, updates: &[Bytes]) -> Result<(), DocError> {
        let limit = self.config.max_doc_bytes;
        match updates.iter().map(Bytes::len).sum() {
            bytes if bytes > limit => Err(DocError::TooLarge { bytes, limit }),
            _ => Ok(()),
        }
    }

    /// Waits for its turn, then asks. Dropped half-way it takes its child with it.
    async fn request(
        &self,
        request: Request,
        blobs: Vec<Bytes>,
    ) -> Result<(Answer, Vec<Bytes>), DocError> {
        let closing = || DocError::Unavailable("the server is stopping".to_owned());
        let _permit = tokio::select! {
            permit = self.permits.acquire() => permit.map_err(|_| closing())?,
            () = self.closed.cancelled() => return Err(closing()),
        };
        if self.closed.is_cancelled() {
            return Err(closing());
        }
        let answer = self.answer(&request, &blobs).await;
        self.counters.done(answer.as_ref().err());
        answer
    }

    async fn answer(
        &self,
        request: &Request,
        blobs: &[Bytes],
    ) -> Result<(Answer, Vec<Bytes>), DocError> {
        let unavailable = |error: io::Error| {
            DocError::Unavailable(format!("a doc worker cannot be started: {error}"))
        };
        let mut worker = match self.take().await {
            Some(worker) => worker,
            None => self.start().map_err(unavailable)?,
        };
        let mut again = true;
        loop {
            let asked = tokio::select! {
                asked = within(self.config.time_limit, worker.spent(), worker.ask(request, blobs)) => asked,
                () = self.closed.cancelled() => {
                    worker.end(Ending::Closed).await;
                    return Err(DocError::Unavailable("the server is stopping".to_owned()));
                }
            };
            let lost = match asked {
                Some(Ok((Answer::Panicked { why }, _))) => {
                    worker.end(Ending::Broken).await;
                    return Err(DocError::Broken(format!("yrs panicked: {why}")));
                }
                Some(Ok(answer)) => {
                    match is_much(blobs, &answer.0) {
                        true => worker.end(Ending::Recycled).await,
                        false => self.put_back(worker).await,
                    }
                    return match answer {
                        (Answer::Broken { why }, _) => Err(DocError::Broken(why)),
                        answer => Ok(answer),
                    };
                }
                Some(Err(lost)) => lost,
                None => {
                    worker.end(Ending::TimedOut).await;
                    let limit = self.config.time_limit;
                    return Err(DocError::Broken(format!("it did not end within {limit:?}")));
                }
            };
            let death = worker.post_mortem(&lost).await;
            if lost.started {
                return Err(death.into_error());
            }
            // It was dead before, or died before it looked at the doc: no reason to trouble the caller, unless a new
            // one does the same.
            if !std::mem::take(&mut again) {
                let how = death.how;
                return Err(DocError::Unavailable(format!("a doc worker {how}")));
            }
            worker = self.start().map_err(unavailable)?;
        }
    }

    /// The worker that was idle for the shortest time, so that those in excess end.
    async fn take(&self) -> Option<Worker> {
        loop {
            let (_, mut worker) = self.idle.lock().workers.pop()?;
            if worker.lives() {
                return Some(worker);
            }
            worker.end(Ending::FoundDead).await;
        }
    }

    async fn put_back(&self, worker: Worker) {
        let too_late = {
            let mut idle = self.idle.lock();
            if self.closed.is_cancelled() {
                Some(worker)
            } else {
                idle.workers.push((Instant::now(), worker));
                if !std::mem::replace(&mut idle.tended, true) {
                    tokio::spawn(tend(self.this.clone()));
                }
                None
            }
        };
        if let Some(worker) = too_late {
            worker.end(Ending::Closed).await;
        }
    }

    /// When the next idle worker is to end; none idles if there is no such time, and tending ends.
    fn next_end(&self) -> Option<Instant> {
        let mut idle = self.idle.lock();
        let next = idle.workers.first().map(|(since, _)| *since + IDLE);
        idle.tended = next.is_some();
        next
    }

    fn take_expired(&self) -> Vec<Worker> {
        let mut idle = self.idle.lock();
        let now = Instant::now();
        let fresh = idle
            .workers
            .partition_point(|(since, _)| *since + IDLE <= now);
        idle.workers
            .drain(..fresh)
            .map(|(_, worker)| worker)
            .collect()
    }

    fn start(&self) -> io::Result<Worker> {
        Worker::start(&self.config, &self.counters)
    }
}

/// Ends workers that idle too long, until none idles or the pool is gone.
async fn tend(workers: Weak<DocWorkers>) {
    while let Some(next) = workers.upgrade().and_then(|workers| workers.next_end()) {
        sleep_until(next).await;
        let expired = workers.upgrade().map(|workers| workers.take_expired());
        for worker in expired.into_iter().flatten() {
            worker.end(Ending::Idle).await;
        }
    }
}

/// Whether a request was so large that its child shall end.
fn is_much(blobs: &[Bytes], answer: &Answer) -> bool {
    let bytes: usize = blobs.iter().map(Bytes::len).sum();
    let pixels = match answer {
        Answer::Exported { files, .. } => {
            let sizes = files.iter().filter_map(|file| file.size);
            let pixels = sizes.map(|size| u64::from(size.width) * u64::from(size.height));
            pixels.max().unwrap_or_default()
        }
        _ => 0,
    };
    bytes > RECYCLED_ABOVE_BYTES || pixels > RECYCLED_ABOVE_PIXELS
}

fn sizes(updates: &[Bytes]) -> Vec<usize> {
    updates.iter().map(Bytes::len).collect()
}

fn misunderstood(answer: &Answer) -> DocError {
    DocError::Unavailable(format!("a doc worker answered something else: {answer:?}"))
}

/// Waits for an answer. `None` once the child has taken that much of the processor since, or is not done after [`PATIENCE`] times as long.
async fn within<T>(limit: Duration, spent: Spent, asking: impl Future<Output = T>) -> Option<T> {
    let mut asking = std::pin::pin!(asking);
    let before = spent.time().unwrap_or_default();
    for _ in 0..PATIENCE {
        if let Ok(answer) = timeout(limit, &mut asking).await {
            return Some(answer);
        }
        let taken = spent.time()?.saturating_sub(before);
        if taken + TICK >= limit * 9 / 10 {
            break;
        }
    }
    None
}
