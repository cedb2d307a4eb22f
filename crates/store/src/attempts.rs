//! What holds for exports in every store, decided without one.
//!
//! Knows no database and no clock. The rule: what has ended never changes any more.

use std::time::Duration;

use crate::exports::MAX_EXPORT_PAUSE;
use crate::snapshot::MAX_LEASE;
use crate::{
    Claim, Export, ExportEnd, ExportId, ExportState, MAX_EXPORT_TEXT, NewExport, RoomEntry,
    StoreError, WorkerId,
};

/// Why an export failed whose last worker did not answer any more.
pub(crate) const DIED: &str = "its worker did not answer any more";

impl ExportId {
    /// How it is stored.
    pub(crate) fn key(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl WorkerId {
    /// How it is stored.
    pub(crate) fn key(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl NewExport {
    /// As it begins.
    pub(crate) fn begin(&self, room: &RoomEntry) -> Export {
        Export {
            id: self.id,
            room_id: room.id,
            room: room.name.clone(),
            order: self.order.clone(),
            at_least: self.at_least,
            version: self.version,
            ordered_by: self.ordered_by.clone(),
            state: ExportState::Pending,
            progress: 0,
            attempts: 0,
            error: None,
            code: None,
            outcome: None,
            drawn: None,
            size: None,
            created_ms: self.time_ms,
            ended_ms: None,
            expires_ms: self.expires_ms,
        }
    }

    /// Refuses what no store takes.
    pub(crate) fn validate(&self) -> Result<(), StoreError> {
        validate_length("order", &self.order)?;
        validate_number(Some(self.at_least))?;
        validate_number(self.version)?;
        validate_texts(&[self.ordered_by.as_deref()])
    }
}

impl Claim {
    /// Refuses what no store gives.
    pub(crate) fn validate(&self) -> Result<(), StoreError> {
        if self.lease > MAX_LEASE {
            return Err(StoreError::Invalid(format!(
                "a lease of {} s is longer than an hour",
                self.lease.as_secs()
            )));
        }
        if self.attempts == 0 {
            let sentence = "an export that may never be begun is none".to_owned();
            return Err(StoreError::Invalid(sentence));
        }
        Ok(())
    }
}

impl ExportEnd {
    /// Refuses what no store takes.
    pub(crate) fn validate(&self) -> Result<(), StoreError> {
        match self {
            Self::Completed {
                drawn,
                outcome,
                size,
            } => {
                validate_number(Some(*drawn))?;
                validate_number(Some(*size))?;
                validate_length("outcome", outcome)
            }
            Self::Failed { code, error } => validate_texts(&[Some(code), Some(error)]),
            Self::Again { after, code, error } => {
                if *after > MAX_EXPORT_PAUSE {
                    return Err(StoreError::Invalid(format!(
                        "a pause of {} s is longer than a day",
                        after.as_secs()
                    )));
                }
                validate_texts(&[Some(code), Some(error)])
            }
            Self::GivenBack => Ok(()),
        }
    }
}

impl Export {
    /// Ends an attempt that is under way. Returns the pause before the next one, where there is to be one.
    pub(crate) fn end(&mut self, end: &ExportEnd, most: u32, time_ms: i64) -> Option<Duration> {
        let pause = match end {
            ExportEnd::Completed {
                drawn,
                outcome,
                size,
            } => {
                self.state = ExportState::Completed;
                self.progress = 100;
                self.drawn = Some(*drawn);
                self.outcome = Some(outcome.clone());
                self.size = Some(*size);
                (self.code, self.error) = (None, None);
                None
            }
            ExportEnd::Again { after, error, .. } if self.attempts < most => {
                self.error = Some(error.clone());
                Some(*after)
            }
            ExportEnd::Failed { code, error } | ExportEnd::Again { code, error, .. } => {
                self.state = ExportState::Failed;
                (self.code, self.error) = (Some(code.clone()), Some(error.clone()));
                None
            }
            ExportEnd::GivenBack => {
                self.attempts = self.attempts.saturating_sub(1);
                Some(Duration::ZERO)
            }
        };
        match pause {
            Some(_) => (self.state, self.progress) = (ExportState::Pending, 0),
            None => self.ended_ms = Some(time_ms),
        }
        pause
    }

    /// Whether the last attempt ended so already.
    pub(crate) fn has_ended_so(&self, end: &ExportEnd) -> bool {
        let says = |stored: &Option<std::sync::Arc<str>>, text: &std::sync::Arc<str>| {
            stored.as_ref() == Some(text)
        };
        match (self.state, end) {
            (ExportState::Completed, ExportEnd::Completed { drawn, outcome, .. }) => {
                self.drawn == Some(*drawn) && self.outcome.as_ref() == Some(outcome)
            }
            (
                ExportState::Failed,
                ExportEnd::Failed { code, error } | ExportEnd::Again { code, error, .. },
            ) => says(&self.code, code) && says(&self.error, error),
            (ExportState::Pending, ExportEnd::Again { error, .. }) => says(&self.error, error),
            (ExportState::Pending, ExportEnd::GivenBack) => true,
            _ => false,
        }
    }
}

/// Refuses a beginning of keys that no store keeps.
pub(crate) fn validate_prefix(prefix: &str) -> Result<(), StoreError> {
    if prefix.is_empty() {
        let sentence = "what begins with nothing is every object".to_owned();
        return Err(StoreError::Invalid(sentence));
    }
    validate_texts(&[Some(prefix)])
}

fn validate_length(what: &str, bytes: &[u8]) -> Result<(), StoreError> {
    match bytes.len() {
        0..=MAX_EXPORT_TEXT => Ok(()),
        length => Err(StoreError::Invalid(format!(
            "an {what} of {length} bytes is longer than {MAX_EXPORT_TEXT}"
        ))),
    }
}

fn validate_number(number: Option<u64>) -> Result<(), StoreError> {
    match number.map(i64::try_from) {
        Some(Err(_)) => Err(StoreError::Invalid(
            "a number of an export is higher than any there is".to_owned(),
        )),
        _ => Ok(()),
    }
}

fn validate_texts(texts: &[Option<&str>]) -> Result<(), StoreError> {
    for text in texts.iter().flatten() {
        validate_length("export's text", text.as_bytes())?;
        if text.contains('\0') {
            let sentence = "a text of an export contains U+0000".to_owned();
            return Err(StoreError::Invalid(sentence));
        }
    }
    Ok(())
}
