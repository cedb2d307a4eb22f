//! Where this node keeps files, what those that people paste are called there, and how that place is.
//!
//! Knows neither what is in a file nor who may have it. The rules: a file's name there is made of numbers, and of nothing that people chose; and however many ask how the place is, it is asked now and then only, and no one waits for it long.

use std::sync::Arc;
use std::time::Duration;

use scrible_objects::{Key, ObjectError, Objects};
use scrible_store::{ContentHash, RoomId};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// How long an answer of the place is passed on: asking may be a request to somebody else's server.
const FRESH: Duration = Duration::from_secs(10);
/// Whoever asks is answered within so long.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Where the bytes of a file are that was pasted into a room's board.
///
/// # Errors
/// None for ids of a store; keys are checked like everything that becomes a path.
pub fn asset_key(room: RoomId, content: &ContentHash) -> Result<Key, ObjectError> {
    let hash: String = content.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("assets/{}/{hash}", room.0).parse()
}

/// How the place is where files are kept.
pub struct ObjectsHealth {
    objects: Arc<dyn Objects>,
    /// When it was asked last, and what was the matter.
    last: Mutex<Option<(Instant, Option<String>)>>,
}

impl ObjectsHealth {
    /// Not asked yet.
    pub fn new(objects: Arc<dyn Objects>) -> Self {
        Self {
            objects,
            last: Mutex::default(),
        }
    }

    /// Where files are kept.
    pub fn objects(&self) -> &Arc<dyn Objects> {
        &self.objects
    }

    /// Why files can neither be kept nor given out, for the operator.
    pub async fn trouble(&self) -> Option<String> {
        let mut last = self.last.lock().await;
        if let Some((at, trouble)) = &*last
            && at.elapsed() < FRESH
        {
            return trouble.clone();
        }
        let trouble = match timeout(TIMEOUT, self.objects.check()).await {
            Ok(checked) => checked.err().map(|error| error.to_string()),
            Err(_) => {
                let seconds = TIMEOUT.as_secs();
                Some(format!(
                    "the place for files did not answer within {seconds} seconds"
                ))
            }
        };
        let before = last.replace((Instant::now(), trouble.clone()));
        let before = before.and_then(|(_, trouble)| trouble);
        match &trouble {
            Some(why) if before.is_none() => {
                tracing::warn!(%why, "files can neither be kept nor given out")
            }
            None if before.is_some() => tracing::info!("files can be kept and given out again"),
            _ => {}
        }
        trouble
    }
}

#[cfg(test)]
mod tests {
    use scrible_objects::MemoryObjects;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn m2_the_place_is_asked_now_and_then() {
        let objects = Arc::new(MemoryObjects::new());
        let health = ObjectsHealth::new(objects.clone());
        assert_eq!(health.trouble().await, None);
        objects.fail(Some(ObjectError::Unavailable("gone".to_owned())));
        assert_eq!(health.trouble().await, None);
        tokio::time::advance(FRESH).await;
        assert_eq!(health.trouble().await.as_deref(), Some("gone"));
        objects.fail(None);
        assert_eq!(health.trouble().await.as_deref(), Some("gone"));
        tokio::time::advance(FRESH).await;
        assert_eq!(health.trouble().await, None);
    }
}
