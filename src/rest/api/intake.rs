//! Files on their way in: how much of them is in memory, and how many are worked on at once.
//!
//! Knows bytes, not what they are. The one rule: whoever is slow takes what has come of him and nothing more, and no turn.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::broken;
use crate::rest::error::Problem;

/// Of the largest files, as many as are in memory at once; and how many are worked on.
const AT_ONCE: usize = 4;
/// How long somebody waits for those before him.
const PATIENCE: Duration = Duration::from_secs(15);
/// In which memory is counted.
const UNIT: usize = 16 << 10;

/// Where files of one kind come in.
pub struct Intake {
    /// The largest, in bytes.
    limit: usize,
    memory: Arc<Semaphore>,
    turns: Semaphore,
}

/// A body that is there, and its place in memory.
pub struct Taken {
    /// All of it.
    pub bytes: Bytes,
    _memory: Option<OwnedSemaphorePermit>,
}

impl Intake {
    /// For files of up to so many bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            memory: Arc::new(Semaphore::new(AT_ONCE * limit.div_ceil(UNIT).max(1))),
            turns: Semaphore::new(AT_ONCE),
        }
    }

    /// The largest that comes in, in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Takes a file in as it comes.
    ///
    /// # Errors
    /// It is too large, breaks off, comes too slowly, or there is no memory for it.
    pub async fn take<B: Buf>(
        &self,
        body: impl Stream<Item = Result<B, warp::Error>> + Unpin,
    ) -> Result<Taken, Problem> {
        collect(body, self.limit, Some(&self.memory)).await
    }

    /// A turn at working on a file, which is there.
    ///
    /// # Errors
    /// Too many are being worked on for too long.
    pub async fn turn(&self) -> Result<SemaphorePermit<'_>, Problem> {
        let turn = timeout(PATIENCE, self.turns.acquire()).await;
        turn.ok().and_then(Result::ok).ok_or_else(busy)
    }
}

impl Taken {
    /// Nothing.
    pub fn nothing() -> Self {
        let (bytes, _memory) = (Bytes::new(), None);
        Self { bytes, _memory }
    }
}

/// The whole body, if it is not too large. What has come of it is counted where there is memory to count.
pub async fn collect<B: Buf>(
    mut body: impl Stream<Item = Result<B, warp::Error>> + Unpin,
    limit: usize,
    memory: Option<&Arc<Semaphore>>,
) -> Result<Taken, Problem> {
    let mut whole = BytesMut::new();
    let mut held: Option<OwnedSemaphorePermit> = None;
    while let Some(part) = body.next().await {
        let mut part = part.map_err(|error| broken(&error))?;
        let length = whole.len().saturating_add(part.remaining());
        if length > limit {
            return Err(super::too_large(limit));
        }
        if let Some(memory) = memory {
            grow(memory, &mut held, length).await?;
        }
        while part.has_remaining() {
            let chunk = part.chunk();
            let taken = chunk.len();
            whole.extend_from_slice(chunk);
            part.advance(taken);
        }
    }
    Ok(Taken {
        bytes: whole.freeze(),
        _memory: held,
    })
}

/// Makes room for so many bytes in all.
async fn grow(
    memory: &Arc<Semaphore>,
    held: &mut Option<OwnedSemaphorePermit>,
    length: usize,
) -> Result<(), Problem> {
    let has = held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
    let lacks = length.div_ceil(UNIT).saturating_sub(has);
    if lacks == 0 {
        return Ok(());
    }
    let lacks = u32::try_from(lacks).unwrap_or(u32::MAX);
    let more = timeout(PATIENCE, memory.clone().acquire_many_owned(lacks)).await;
    let more = more.ok().and_then(Result::ok).ok_or_else(busy)?;
    match held {
        Some(held) => held.merge(more),
        None => *held = Some(more),
    }
    Ok(())
}

fn busy() -> Problem {
    Problem::busy("too many files are being taken in; try again later")
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::stream::{self, BoxStream};

    use super::*;

    /// A body that has sent so many bytes, and sends no more.
    fn stuck(bytes: usize) -> BoxStream<'static, Result<Bytes, warp::Error>> {
        stream::iter([Ok(vec![0; bytes].into())])
            .chain(stream::pending())
            .boxed()
    }

    fn whole(bytes: usize) -> BoxStream<'static, Result<Bytes, warp::Error>> {
        stream::iter([Ok(vec![0; bytes].into())]).boxed()
    }

    #[tokio::test(start_paused = true)]
    async fn m3_who_is_slow_takes_what_has_come_and_no_more() {
        let intake = Intake::new(4 * UNIT);
        let mut slow: Vec<_> = (0..16).map(|_| intake.take(stuck(1)).boxed()).collect();
        for taking in &mut slow {
            assert!(taking.now_or_never().is_none());
        }
        // Sixteen units are all there is.
        assert_eq!(intake.memory.available_permits(), 0);
        let refused = intake.take(whole(1)).await.err().unwrap();
        assert_eq!(refused.into_response("x").status(), 503);
        drop(slow.pop());
        let taken = intake.take(whole(UNIT)).await.ok().unwrap();
        assert_eq!(taken.bytes.len(), UNIT);
        drop((taken, slow));
        assert_eq!(intake.memory.available_permits(), 16);
        let large = intake.take(whole(4 * UNIT + 1)).await.err().unwrap();
        assert_eq!(large.into_response("x").status(), 413);
        assert_eq!(intake.memory.available_permits(), 16);
    }
}
