//! Work that goes on when whoever asked for it has gone.
//!
//! Knows nothing of what is done. The rule: what goes on for nobody is bounded, so whoever begins it holds a turn where it takes much.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use super::ServiceError;

/// Goes on to the end also when whoever asked has gone, and with him the future that this returns.
pub(super) async fn to_the_end<T: Send + 'static>(
    tasks: &TaskTracker,
    work: impl Future<Output = Result<T, ServiceError>> + Send + 'static,
) -> Result<T, ServiceError> {
    let ended = tasks.spawn(work).await;
    ended.map_err(|error| ServiceError::Unavailable(error.to_string()))?
}

/// A turn among those who do the same, for as long as it is held.
pub(super) async fn turn(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ServiceError> {
    let turn = turns.clone().acquire_owned().await;
    turn.map_err(|error| ServiceError::Unavailable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn m3_what_was_begun_ends_also_when_whoever_asked_has_gone() {
        let tasks = TaskTracker::new();
        let turns = Arc::new(Semaphore::new(1));
        let taken = turn(&turns).await.unwrap();
        let (go_on, told) = tokio::sync::oneshot::channel::<()>();
        let (end, ended) = tokio::sync::oneshot::channel();
        let asking = to_the_end(&tasks, async move {
            let _turn = taken;
            told.await.unwrap();
            end.send(()).unwrap();
            Ok(())
        });
        // It is begun, and given up.
        assert!(futures_util::FutureExt::now_or_never(asking).is_none());
        assert_eq!(turns.available_permits(), 0, "the turn goes with the work");
        go_on.send(()).unwrap();
        ended.await.unwrap();
        drop(turn(&turns).await.unwrap());
    }
}
