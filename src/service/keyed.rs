//! What is made once, however often it is asked for with the same `Idempotency-Key`.
//!
//! Knows keys, not what is made with them. The rule: whoever has taken a key says what became of it, also when whoever asked has gone.

use std::time::Duration;

use scrible_store::{IdempotencyKey, KeyClaim, RoomId, SecretHash};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use super::{Refusal, ServiceError, Services, now_ms};
use crate::access::Identity;

/// How long somebody waits for another request with his key, and how often he looks.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(200);

/// What is to be done about a request with a key, or without one.
pub(super) enum Turn {
    /// What is asked for; and then [`Services::done`].
    Yours(Option<SecretHash>),
    /// It was done, and this was made.
    Before(i64),
}

impl Services {
    /// Waits until it is known whether somebody else does, or has done, the same. `what` tells kinds of requests apart.
    pub(super) async fn turn_at(
        &self,
        (room, what): (RoomId, &str),
        identity: &Identity,
        idempotency: Option<(&str, &[u8])>,
    ) -> Result<Turn, ServiceError> {
        let Some((key, request)) = idempotency else {
            return Ok(Turn::Yours(None));
        };
        // What makes rooms is JSON, which does not begin so.
        let request = [format!("{what} {} ", room.0).as_bytes(), request].concat();
        let given = idempotency_key(identity, key, &request);
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.store.claim_key(room, &given, now_ms()).await? {
                KeyClaim::Yes => return Ok(Turn::Yours(Some(given.key))),
                KeyClaim::Before(made) => return Ok(Turn::Before(made)),
                KeyClaim::KeyReused => return Err(Refusal::KeyReused.into()),
                KeyClaim::Underway if Instant::now() < deadline => sleep(LOOK).await,
                KeyClaim::Underway => {
                    let why = "another request with this Idempotency-Key is still being worked on";
                    return Err(ServiceError::Unavailable(why.to_owned()));
                }
            }
        }
    }

    /// Says what was made, if anything was. Where that cannot be said, the key is free again after a while.
    pub(super) async fn done(&self, key: Option<SecretHash>, made: Option<i64>) {
        if let Some(key) = key
            && let Err(error) = self.store.fulfil_key(&key, made).await
        {
            tracing::warn!(%error, "what was made with a key cannot be noted");
        }
    }
}

/// Of the request only what nobody can guess from is kept: there may be a password in it, and the key is known to its giver alone.
pub(super) fn idempotency_key(identity: &Identity, key: &str, request: &[u8]) -> IdempotencyKey {
    let hash = |parts: &[&[u8]]| {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    };
    let whose = identity.0.as_deref().unwrap_or_default().as_bytes();
    IdempotencyKey {
        key: hash(&[b"key", whose, key.as_bytes()]),
        request: hash(&[b"request", whose, key.as_bytes(), request]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h4_a_key_is_its_givers_and_says_nothing_of_the_request() {
        let [ada, bob] = ["sub:ada", "sub:bob"].map(|name| Identity(Some(name.into())));
        let first = idempotency_key(&ada, "k", b"{}");
        assert_eq!(first, idempotency_key(&ada, "k", b"{}"));
        let other = idempotency_key(&ada, "k", b"{ }");
        assert_eq!(
            (first.key, true),
            (other.key, first.request != other.request)
        );
        let bobs = idempotency_key(&bob, "k", b"{}");
        assert!(bobs.key != first.key && bobs.request != first.request);
        let second = idempotency_key(&ada, "l", b"{}");
        assert!(second.key != first.key && second.request != first.request);
    }
}
