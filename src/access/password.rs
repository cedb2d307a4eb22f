//! Passwords of rooms: made into what is stored, and compared with it.
//!
//! Knows neither rooms nor who asks. Each takes 19 MiB and some milliseconds of a processor, so few are worked on at once, and a bounded
//! number waits. The one rule: no password and the wrong password take the same time to find out.

use std::sync::{Arc, OnceLock};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

/// The shortest and the longest password, in bytes.
pub const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 1..=128;

/// KiB of memory and rounds, as OWASP names them for Argon2id.
const MEMORY_KIB: u32 = 19_456;
const ROUNDS: u32 = 2;
/// Worked on at once, so that those who draw keep their processors.
const AT_ONCE: usize = 2;
/// How many may wait for their turn: about a second's work. Whoever comes on top is told to come again.
const WAITING: usize = 32;

/// Works on passwords.
#[derive(Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// What is compared with where there is no password.
    decoy: Arc<OnceLock<String>>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It can never be one.
    #[error("a password has 1 to 128 bytes")]
    Length,
    /// Too many wait.
    #[error("too many passwords wait to be looked at")]
    Busy,
    /// What is stored is no hash of a password, or the system has no randomness.
    #[error("the password cannot be worked with")]
    Failed,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            places: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            decoy: Arc::default(),
        }
    }
}

impl Passwords {
    /// A password as it is stored: a PHC string, with a salt of its own.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn hash(&self, password: &str) -> Result<Arc<str>, PasswordError> {
        check_length(password)?;
        let password = password.to_owned();
        let hashed = self.work(move |_| hashed(&password).map(Arc::from));
        hashed.await?
    }

    /// Whether a password is the one that is stored; `None`: there is none. Asks `still_wanted` once it is its turn: whoever failed often
    /// meanwhile need not be looked at.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] also where it is not wanted any more. A password that could never be one is simply wrong.
    pub async fn verify(
        &self,
        password: &str,
        stored: Option<Arc<str>>,
        still_wanted: impl FnOnce() -> bool + Send + 'static,
    ) -> Result<bool, PasswordError> {
        if check_length(password).is_err() {
            return Ok(false);
        }
        let password = password.to_owned();
        let verified = self.work(move |decoy| {
            if !still_wanted() {
                return Err(PasswordError::Busy);
            }
            // Made at the first attempt of all, whether or not that needs it.
            let decoy = match decoy.get() {
                Some(decoy) => decoy,
                None => {
                    let made = hashed("")?;
                    decoy.get_or_init(|| made)
                }
            };
            let compared = PasswordHash::new(stored.as_deref().unwrap_or(decoy))
                .map_err(|_| PasswordError::Failed)?;
            let is_right = argon2().verify_password(password.as_bytes(), &compared);
            Ok(is_right.is_ok() && stored.is_some())
        });
        verified.await?
    }

    /// Whoever asked may be gone before it is done: the turn ends with the work.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&OnceLock<String>) -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let place = self.places.clone().try_acquire_owned();
        let place = place.map_err(|_| PasswordError::Busy)?;
        let turn = self.turns.clone().acquire_owned().await;
        let turn = turn.map_err(|_| PasswordError::Failed)?;
        let decoy = self.decoy.clone();
        let working = tokio::task::spawn_blocking(move || {
            let done = work(&decoy);
            drop((turn, place));
            done
        });
        working.await.map_err(|_| PasswordError::Failed)
    }
}

fn check_length(password: &str) -> Result<(), PasswordError> {
    match PASSWORD_BYTES.contains(&password.len()) {
        true => Ok(()),
        false => Err(PasswordError::Length),
    }
}

fn hashed(password: &str) -> Result<String, PasswordError> {
    let hash = argon2().hash_password(password.as_bytes());
    let hash = hash.map_err(|_| PasswordError::Failed)?;
    Ok(hash.to_string())
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, ROUNDS, 1, None).expect("within the bounds of Argon2");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn y1_a_password_is_stored_as_argon2id_and_known_again() {
        let passwords = Passwords::default();
        let stored = passwords.hash("öffne dich").await.unwrap();
        assert!(
            stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{stored}"
        );
        assert_ne!(stored, passwords.hash("öffne dich").await.unwrap());
        for (password, right) in [("öffne dich", true), ("offne dich", false), ("", false)] {
            let found = passwords.verify(password, Some(stored.clone()), || true);
            assert_eq!(found.await, Ok(right), "{password}");
        }
        // Not even the decoy's own opens a room that has none.
        for password in ["", "x"] {
            assert_eq!(passwords.verify(password, None, || true).await, Ok(false));
        }
        let long = "x".repeat(129);
        assert_eq!(passwords.hash(&long).await, Err(PasswordError::Length));
        let broken = passwords.verify("x", Some("no hash".into()), || true);
        assert_eq!(broken.await, Err(PasswordError::Failed));
    }

    #[tokio::test]
    async fn y2_few_are_worked_on_at_once_and_few_wait() {
        let passwords = Passwords::default();
        let held = passwords.turns.clone().acquire_many_owned(2).await.unwrap();
        let mut waiting: Vec<_> = (0..AT_ONCE + WAITING)
            .map(|_| Box::pin(passwords.verify("x", None, || false)))
            .collect();
        for one in &mut waiting {
            assert!(futures_util::poll!(one).is_pending());
        }
        let refused = passwords.verify("x", None, || true).await;
        assert_eq!(refused, Err(PasswordError::Busy));
        drop(held);
        for one in waiting {
            assert_eq!(one.await, Err(PasswordError::Busy), "not wanted any more");
        }
        assert_eq!(passwords.verify("x", None, || true).await, Ok(false));
    }
}
