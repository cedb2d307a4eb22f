//! How many bytes all files of one drawing may still have.
//!
//! Knows no files. The rule: what has come counts, whether it is drawn or not.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are left, for all who get files at the same time.
pub struct Allowance(AtomicU64);

impl Allowance {
    /// So many bytes.
    pub fn new(bytes: u64) -> Self {
        Self(AtomicU64::new(bytes))
    }

    /// Takes so many; none where fewer are left.
    pub fn take(&self, bytes: u64) -> bool {
        let left = |left: u64| left.checked_sub(bytes);
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        taken.is_ok()
    }

    /// Takes what has come unannounced: all that is left where it is more.
    pub fn spend(&self, bytes: u64) -> bool {
        let is_enough = self.take(bytes);
        if !is_enough {
            self.0.store(0, Ordering::Relaxed);
        }
        is_enough
    }
}
