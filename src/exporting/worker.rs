//! Who takes what from the queue, and what becomes of it when a worker stops, loses its lease, or finds that nobody wants the export.
//!
//! Each of a worker's places claims, draws and ends on its own, under an id of its own. The one rule: nothing is ended, and no object is
//! left behind, under a lease that is somebody else's now.

use std::sync::Arc;
use std::time::Duration;

use scrible_store::{Claim, Export, ExportEnd, ExportState, Incarnation, StoreError, WorkerId};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::order::{Ticket, id_text, key};
use super::{Workshop, sweep};
use crate::clock::now_ms;
use crate::point;
use crate::telemetry::ExportOutcome;

/// How long an export waits for a worker that has died.
const LEASE: Duration = Duration::from_secs(30);
/// After how long a lease is renewed: soon at first, so that whoever watches sees that it moves.
const RENEW: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
];
/// How often an export is begun.
const ATTEMPTS: u32 = 5;
/// How long the queue is not looked at where no bell rings: bells are lost with a connection, and leases and pauses end without one.
const LOOK: Duration = Duration::from_secs(2);
/// How long a worker that is told to stop goes on with what it has begun, before it gives it back.
const GRACE: Duration = Duration::from_secs(5);
/// Between attempts to note how an export ended.
const NOTE_AGAIN: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
];

/// Makes exports until it is told to stop.
pub struct ExportWorker {
    /// What it works with.
    pub workshop: Workshop,
    /// How many exports it makes at once; 0: it only looks after what has expired.
    pub places: usize,
}

/// How it came that an attempt is over.
enum Over {
    /// By itself.
    Done(ExportEnd),
    /// The export is somebody else's, or nobody's, now.
    Lost,
    /// This process stops.
    Stopped,
}

impl ExportWorker {
    /// Runs until `stop` is cancelled and what was begun has ended or was given back. May be dropped: leases end by themselves.
    pub async fn run(self, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        let workshop = Arc::new(self.workshop);
        for _ in 0..self.places {
            let (workshop, stop) = (workshop.clone(), stop.clone());
            tasks.spawn(async move { workshop.work(&stop).await });
        }
        tasks.spawn(async move { sweep::run(&workshop, &stop).await });
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a place of the export worker failed");
            }
        }
    }
}

impl Workshop {
    /// One place.
    async fn work(&self, stop: &CancellationToken) {
        let claim = Claim {
            worker: WorkerId(Incarnation::random().0),
            lease: LEASE,
            attempts: ATTEMPTS,
        };
        let mut bell = self.store.export_bell();
        let mut is_away = false;
        while !stop.is_cancelled() {
            // What rings from here on is not missed.
            bell.borrow_and_update();
            let claimed = self.store.claim_export(&claim).await;
            if let Err(error) = &claimed
                && !std::mem::replace(&mut is_away, true)
            {
                tracing::warn!(%error, "the queue of exports cannot be read; trying again");
            }
            match claimed {
                Ok(Some(dead)) if dead.state.is_end() => {
                    is_away = false;
                    self.metrics.exports.count(ExportOutcome::Failed);
                    let (id, code) = (id_text(dead.id), dead.code.as_deref());
                    tracing::error!(export = id, room = ?dead.room, attempts = dead.attempts, code, "an export failed: the workers that drew it died");
                    continue;
                }
                Ok(Some(export)) => {
                    is_away = false;
                    self.serve(export, &claim, stop).await;
                    continue;
                }
                Ok(None) => is_away = false,
                Err(_) => {}
            }
            tokio::select! {
                () = stop.cancelled() => {}
                _ = timeout(LOOK, rung(&mut bell, is_away)) => {}
            }
        }
    }

    /// One attempt at an export that is ours.
    async fn serve(&self, export: Export, claim: &Claim, stop: &CancellationToken) {
        let id = id_text(export.id);
        let began = Instant::now();
        tracing::debug!(export = id, room = ?export.room, attempt = export.attempts, "drawing an export");
        point::reach("export", "claimed");
        let (progress, seen) = watch::channel(0);
        let stopping = async {
            stop.cancelled().await;
            sleep(GRACE).await;
        };
        // Both are polled all the time: what stands still may hold the only turn of the store to write, for which the other would wait.
        let over = tokio::select! {
            end = self.attempt(&export, &progress) => Over::Done(end),
            () = self.hold(&export, claim, &seen) => Over::Lost,
            () = stopping => Over::Stopped,
        };
        let end = match over {
            Over::Done(end) => end,
            Over::Stopped => {
                tracing::info!(export = id, "given back; this process stops");
                ExportEnd::GivenBack
            }
            Over::Lost => {
                self.metrics.exports.count(ExportOutcome::Lost);
                tracing::info!(export = id, room = ?export.room, "an export that is being drawn is wanted no more, or was taken up by another worker");
                return self.take_away(&export).await;
            }
        };
        let took = began.elapsed();
        match self.note(&export, claim, &end).await {
            Ok(true) => self.noted(&export, &end, took),
            Ok(false) => {
                self.metrics.exports.count(ExportOutcome::Lost);
                tracing::info!(export = id, room = ?export.room, "an export was drawn that is wanted no more, or was taken up by another worker");
                self.take_away(&export).await;
            }
            Err(error) => {
                self.metrics.exports.count(ExportOutcome::Lost);
                tracing::warn!(export = id, room = ?export.room, %error, "how an export ended cannot be noted; it will be begun again");
            }
        }
    }

    /// Keeps the lease; returns once it is lost.
    async fn hold(&self, export: &Export, claim: &Claim, progress: &watch::Receiver<u8>) {
        let mut held = Instant::now();
        let mut pauses = RENEW
            .iter()
            .chain(std::iter::repeat(&RENEW[RENEW.len() - 1]));
        loop {
            sleep(*pauses.next().expect("endless")).await;
            let progress = *progress.borrow();
            match self.store.renew_export(export.id, claim, progress).await {
                Ok(true) => held = Instant::now(),
                Ok(false) => return,
                Err(error) if held.elapsed() >= LEASE => {
                    tracing::warn!(export = id_text(export.id), %error, "a lease ended that could not be renewed");
                    return;
                }
                Err(_) => {}
            }
        }
    }

    /// Notes how an attempt ended. `false` where it was not ours any more.
    async fn note(
        &self,
        export: &Export,
        claim: &Claim,
        end: &ExportEnd,
    ) -> Result<bool, StoreError> {
        let mut pauses = NOTE_AGAIN.iter();
        loop {
            match self.store.end_export(export.id, claim, end, now_ms()).await {
                Err(StoreError::Unavailable(why)) => match pauses.next() {
                    Some(pause) => sleep(*pause).await,
                    None => return Err(StoreError::Unavailable(why)),
                },
                noted => return noted,
            }
        }
    }

    fn noted(&self, export: &Export, end: &ExportEnd, took: Duration) {
        let outcome = match end {
            ExportEnd::Completed { drawn, .. } => {
                let id = id_text(export.id);
                tracing::info!(export = id, room = ?export.room, seq = drawn, ?took, "exported");
                ExportOutcome::Completed
            }
            ExportEnd::Failed { .. } => ExportOutcome::Failed,
            ExportEnd::Again { code, .. } if export.attempts >= ATTEMPTS => {
                let id = id_text(export.id);
                tracing::error!(export = id, room = ?export.room, %code, "an export failed for the last time");
                ExportOutcome::Failed
            }
            ExportEnd::Again { .. } => ExportOutcome::Again,
            ExportEnd::GivenBack => ExportOutcome::GivenBack,
        };
        self.metrics.exports.count(outcome);
        self.metrics.duration.time(took);
    }

    /// Deletes what an attempt may have put that was not ours any more, unless another worker is at it: then it is that one's.
    async fn take_away(&self, export: &Export) {
        let now = match self.store.export(export.id).await {
            Ok(now) => now,
            // It goes when the export expires.
            Err(error) => return tracing::debug!(%error, "see what became of an export"),
        };
        let state = now.map(|export| export.state);
        let is_unwanted = matches!(
            state,
            None | Some(ExportState::Cancelled | ExportState::Failed)
        );
        let Ok(ticket) = Ticket::of(export) else {
            return;
        };
        if !is_unwanted {
            return;
        }
        let key = key(export, ticket.order.format);
        if let Err(error) = self.objects.delete(&key).await {
            tracing::warn!(%key, %error, "delete the object of an export that nobody wants; it is tried again when the export expires");
        }
    }
}

/// Returns when the bell rings; while the store is away, nobody listens to it.
async fn rung(bell: &mut watch::Receiver<u64>, is_away: bool) {
    if is_away || bell.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
