//! What the base of a room holds, in the form in which whoever has nothing is sent it: nothing is merged or copied for a newcomer,
//! and all of them share the memory.
//!
//! Up to 1 MiB that is the step 2 that answers them, above it parts of about 256 KiB. Knows neither positions nor who asks. The one
//! rule: parts are complete with those before them, so whatever follows on the content can follow on them.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use scrible_wire::{Limits, Malformed, StateVector, merge, scan};

use super::framed::{FramedUpdate, WHOLE_BYTES};

/// A merged update. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Content(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    held: Held,
    facts: OnceLock<Facts>,
}

/// What of it concerns those who have it already. Read for the first of them.
#[derive(Debug)]
pub struct Facts {
    /// The clock behind the last struct of each client.
    pub state_vector: StateVector,
    /// An update of the whole delete set and nothing else: a state vector says nothing about deletions.
    pub deletes: Bytes,
}

#[derive(Debug)]
enum Held {
    Whole {
        step2: FramedUpdate,
        /// Where what follows on it makes more than 1 MiB of both, newcomers are sent parts all the same. Made for the first of
        /// them and kept until the base is replaced, which so much is due for: at most 1 MiB more.
        parts: OnceLock<Arc<[FramedUpdate]>>,
    },
    Parts(Arc<[FramedUpdate]>),
}

impl Content {
    /// Frames a merged update.
    ///
    /// # Errors
    /// Where the update does not scan, if it is larger than 1 MiB. A smaller one is taken as it is.
    pub fn new(update: &[u8], limits: &Limits) -> Result<Self, Malformed> {
        let held = if update.len() <= WHOLE_BYTES {
            Held::Whole {
                step2: FramedUpdate::step2(update),
                parts: OnceLock::new(),
            }
        } else {
            Held::Parts(FramedUpdate::parts(update, limits)?)
        };
        let facts = OnceLock::new();
        Ok(Self(Some(Arc::new(Inner { held, facts }))))
    }

    /// The whole of it as a step 2, where it is small enough. Shares memory.
    pub fn step2(&self) -> Option<Bytes> {
        match self.held()? {
            Held::Whole { step2, .. } => Some(step2.frame().clone()),
            Held::Parts(_) => None,
        }
    }

    /// The whole of it in small parts. Shares memory.
    ///
    /// # Errors
    /// Where the update does not scan.
    pub fn parts(&self, limits: &Limits) -> Result<Arc<[FramedUpdate]>, Malformed> {
        match self.held() {
            None => Ok(Arc::default()),
            Some(Held::Parts(parts)) => Ok(parts.clone()),
            Some(Held::Whole { step2, parts }) => match parts.get() {
                Some(parts) => Ok(parts.clone()),
                None => {
                    let made = FramedUpdate::parts(&step2.update(), limits)?;
                    // Somebody else may have made the same meanwhile.
                    Ok(parts.get_or_init(|| made).clone())
                }
            },
        }
    }

    /// The updates that it is held as, to be applied in order. Shares memory.
    pub fn updates(&self) -> impl Iterator<Item = Bytes> {
        let held = match self.held() {
            None => &[],
            Some(Held::Whole { step2, .. }) => std::slice::from_ref(step2),
            Some(Held::Parts(parts)) => parts,
        };
        held.iter().map(FramedUpdate::update)
    }

    /// What of it concerns those who have it already; `None` of nothing.
    ///
    /// # Errors
    /// Where an update does not scan.
    pub fn facts(&self, limits: &Limits) -> Result<Option<&Facts>, Malformed> {
        let Some(inner) = self.0.as_deref() else {
            return Ok(None);
        };
        if let Some(facts) = inner.facts.get() {
            return Ok(Some(facts));
        }
        let limits = limits.without_counts();
        let updates: Vec<Bytes> = self.updates().collect();
        let mut state_vector = StateVector::new();
        for update in &updates {
            for list in scan(update, &limits)?.lists {
                state_vector.raise(list.client, list.end);
            }
        }
        let updates = updates.iter().map(|update| &update[..]);
        let deletes = merge::diff(updates, &state_vector, &limits)?.into();
        // Somebody else may have read the same meanwhile.
        Ok(Some(inner.facts.get_or_init(|| Facts {
            state_vector,
            deletes,
        })))
    }

    fn held(&self) -> Option<&Held> {
        self.0.as_deref().map(|inner| &inner.held)
    }

    /// Bytes of the updates.
    pub fn size(&self) -> usize {
        self.updates().map(|update| update.len()).sum()
    }

    /// Bytes of memory.
    pub fn weight(&self) -> usize {
        let of = |parts: &[FramedUpdate]| parts.iter().map(FramedUpdate::weight).sum::<usize>();
        match self.held() {
            None => 0,
            Some(Held::Parts(parts)) => of(parts),
            Some(Held::Whole { step2, parts }) => {
                step2.weight() + parts.get().map_or(0, |parts| of(parts))
            }
        }
    }
}
