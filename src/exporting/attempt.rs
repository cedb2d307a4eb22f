//! One attempt at one export: reads the room, finds its pictures, draws, and keeps the file.
//!
//! May be dropped at any point; what it may have put by then is the worker's to take away. The one rule: what would fail again fails at
//! once, and what may go well another time is never the end.

use std::time::Duration;

use bytes::Bytes;
use scrible_objects::{Body, ContentType, Disposition, NewObject, ObjectError};
use scrible_store::{Export, ExportEnd, RoomId, StoreError};
use tokio::sync::watch;

use super::order::{Outcome, Ticket, key};
use super::preview::NoPicture;
use super::{FilesUnavailable, Workshop};
use crate::doc_worker::export::{ExportFailure, Fault};
use crate::doc_worker::{DocError, Exports};
use crate::point;

/// Before the second attempt, the third, and so on; up to a quarter is added at random.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(25),
    Duration::from_secs(60),
];
/// Notes that are kept.
const MAX_NOTES: usize = 20;
/// Of a note or of the sentence of a failure, in bytes: all of them, with every character escaped, are less than the store takes.
const MAX_SENTENCE_BYTES: usize = 500;

/// Why nothing was drawn.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// However often it is tried.
    #[error("{why}")]
    Final { code: &'static str, why: String },
    /// Another time it may go well. The cause is for the operator alone.
    #[error("{cause}")]
    Passing {
        code: &'static str,
        why: &'static str,
        cause: String,
    },
}

/// What is to be read.
pub(super) struct Wanted<'a> {
    /// By name.
    pub room: &'a str,
    /// And by number: a room of the same name that was made anew is another one.
    pub room_id: RoomId,
    /// What has to be in it.
    pub at_least: u64,
    /// This version instead.
    pub version: Option<u64>,
}

/// What a room has, or had.
#[derive(Default)]
pub(super) struct Content {
    /// In order.
    pub updates: Vec<Bytes>,
    /// What they cover.
    pub seq: u64,
}

impl Workshop {
    /// Does what an export wants. `progress` is told how far it is, from 0 to 100.
    pub(super) async fn attempt(&self, export: &Export, progress: &watch::Sender<u8>) -> ExportEnd {
        match self.make(export, progress).await {
            Ok((drawn, outcome)) => ExportEnd::Completed {
                drawn,
                size: outcome.size,
                outcome: serde_json::to_vec(&outcome).unwrap_or_default().into(),
            },
            Err(trouble) => trouble.into_end(export),
        }
    }

    async fn make(
        &self,
        export: &Export,
        progress: &watch::Sender<u8>,
    ) -> Result<(u64, Outcome), Trouble> {
        let Ticket { order, name } = Ticket::of(export).map_err(|error| Trouble::Final {
            code: "bad-order",
            why: format!("this version of the server does not understand the order: {error}"),
        })?;
        let format = order.format;
        let wanted = Wanted {
            room: &export.room,
            room_id: export.room_id,
            at_least: export.at_least,
            version: export.version,
        };
        let Content { updates, seq } = self.content(&wanted).await?;
        progress.send_replace(10);
        let pictures = match format.is_picture() {
            true => {
                let finding = self.pictures(export.room_id, &export.room, &updates);
                finding.await?
            }
            false => Vec::new(),
        };
        progress.send_replace(25);
        let exports = self.documents.export(updates, order, pictures).await?;
        point::reach("export", "drawn");
        progress.send_replace(80);
        let (bytes, outcome) = file(exports)?;
        let file_name = format!("{name}.{}", format.name());
        let object = NewObject {
            body: Body::Bytes(bytes),
            content_type: ContentType::try_from(format.media_type())?,
            // Only what runs nothing in a browser is shown in place.
            disposition: match format.media_type() {
                "image/png" | "application/pdf" => Disposition::inline(&file_name),
                _ => Disposition::attachment(&file_name),
            },
        };
        self.objects.put(&key(export, format), object).await?;
        point::reach("export", "put");
        progress.send_replace(95);
        Ok((seq, outcome))
    }

    /// What is to be drawn, as it is stored.
    pub(super) async fn content(&self, of: &Wanted<'_>) -> Result<Content, Trouble> {
        let gone = || Trouble::Final {
            code: "room-not-found",
            why: "the room is not there any more".to_owned(),
        };
        if let Some(version) = of.version {
            let found = self.store.snapshot(of.room, version).await?;
            let found = found.filter(|snapshot| snapshot.info.listed);
            let snapshot = found.ok_or_else(|| Trouble::Final {
                code: "version-not-found",
                why: format!("the room has no version {version} any more"),
            })?;
            return Ok(Content {
                seq: snapshot.info.seq,
                updates: vec![snapshot.data],
            });
        }
        let Some(stored) = self.store.load(of.room).await? else {
            // A room in which nobody has ever drawn need not be there.
            return match of.at_least {
                0 => Ok(Content::default()),
                _ => Err(gone()),
            };
        };
        if stored.id != of.room_id {
            return Err(gone());
        }
        if stored.head < of.at_least {
            return Err(Trouble::Passing {
                code: "unavailable",
                why: "what is to be drawn cannot be read at the moment",
                cause: format!(
                    "the room is at {}, and was at {} when the export was ordered",
                    stored.head, of.at_least
                ),
            });
        }
        let base = stored.base.map(|base| base.data).into_iter();
        let rows = stored.updates.into_iter().map(|row| row.bytes);
        Ok(Content {
            updates: base.chain(rows).collect(),
            seq: stored.head,
        })
    }
}

/// The one file of an export, and what is to be known of it.
fn file(exports: Exports) -> Result<(Bytes, Outcome), Trouble> {
    let facts = exports.facts;
    let file = exports.files.into_iter().next();
    let artifact = file.ok_or_else(|| Trouble::Passing {
        code: "unavailable",
        why: "the board cannot be drawn at the moment",
        cause: "a doc worker answered with no file".to_owned(),
    })?;
    let artifact = artifact.artifact;
    let mut notes = artifact.left_out;
    if !artifact.missing.is_empty() {
        let missing: String = artifact.missing.iter().collect();
        notes.push(format!("no font has these characters: {missing}"));
    }
    notes.extend(facts.notes);
    let pages = facts.empty.iter();
    notes.extend(pages.map(|page| format!("page {page} is empty and was passed over")));
    notes.extend(facts.fonts);
    let outcome = Outcome {
        size: artifact.bytes.len() as u64,
        width: artifact.size.map(|size| size.width),
        height: artifact.size.map(|size| size.height),
        pages: artifact.pages,
        notes: notes.into_iter().take(MAX_NOTES).map(short).collect(),
    };
    Ok((artifact.bytes.into(), outcome))
}

impl Trouble {
    fn into_end(self, export: &Export) -> ExportEnd {
        let id = super::id_text(export.id);
        match self {
            Self::Final { code, why } => {
                tracing::info!(export = id, room = ?export.room, code, why, "export failed");
                ExportEnd::Failed {
                    code: code.into(),
                    error: short(why).into(),
                }
            }
            Self::Passing { code, why, cause } => {
                let attempt = export.attempts;
                tracing::warn!(export = id, room = ?export.room, attempt, code, cause, "an attempt at an export failed");
                ExportEnd::Again {
                    after: pause(attempt),
                    code: code.into(),
                    error: why.into(),
                }
            }
        }
    }
}

impl Trouble {
    /// For whoever waits for a picture of what the room was at that number.
    pub(super) fn into_no_picture(self, seq: u64) -> NoPicture {
        match self {
            Self::Final {
                code: "room-not-found",
                ..
            } => NoPicture::NoRoom,
            Self::Final {
                code: "version-not-found",
                ..
            } => NoPicture::NoVersion,
            Self::Final { why, .. } => NoPicture::Never { seq, why },
            Self::Passing { cause, .. } => NoPicture::NotNow(cause),
        }
    }
}

/// After so many attempts.
fn pause(attempts: u32) -> Duration {
    let at = (attempts.max(1) as usize - 1).min(PAUSES.len() - 1);
    let mut random = [0];
    // Without randomness all come back at the same time, which is no fault.
    let spread = match getrandom::fill(&mut random) {
        Ok(()) => f64::from(random[0]) / 255.0 / 4.0,
        Err(_) => 0.0,
    };
    PAUSES[at].mul_f64(1.0 + spread)
}

fn short(mut sentence: String) -> String {
    sentence.truncate(sentence.floor_char_boundary(MAX_SENTENCE_BYTES));
    sentence
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Conflict(_) => Self::Passing {
                code: "unavailable",
                why: "what is to be drawn cannot be read at the moment",
                cause: error.to_string(),
            },
            StoreError::Corrupt { .. } | StoreError::Invalid(_) => {
                tracing::error!(%error, "what an export needs cannot be read");
                Self::Final {
                    code: "unreadable",
                    why: "what is stored of the room cannot be read; the operator finds the reason in the log".to_owned(),
                }
            }
        }
    }
}

impl From<ObjectError> for Trouble {
    // Also where the place does not let us: an operator may put that right before the last attempt.
    fn from(error: ObjectError) -> Self {
        Self::Passing {
            code: "objects-unavailable",
            why: "the file cannot be kept at the moment",
            cause: error.to_string(),
        }
    }
}

impl From<FilesUnavailable> for Trouble {
    // Never the end: a drawing without its pictures would be another one.
    fn from(error: FilesUnavailable) -> Self {
        Self::Passing {
            code: match error {
                FilesUnavailable::Store(_) => "unavailable",
                FilesUnavailable::Objects(_) => "objects-unavailable",
            },
            why: "the room's pictures cannot be read at the moment",
            cause: error.to_string(),
        }
    }
}

impl From<ExportFailure> for Trouble {
    fn from(failure: ExportFailure) -> Self {
        match failure {
            ExportFailure::Refused(refusal) => Self::Final {
                code: fault_code(refusal.fault),
                why: refusal.why,
            },
            ExportFailure::Document(DocError::Unavailable(cause)) => Self::Passing {
                code: "unavailable",
                why: "the board cannot be drawn at the moment",
                cause,
            },
            ExportFailure::Document(error @ DocError::TooLarge { .. }) => Self::Final {
                code: "too-large",
                why: error.to_string(),
            },
            ExportFailure::Document(error @ DocError::Broken(_)) => Self::Final {
                code: "broken-document",
                why: error.to_string(),
            },
        }
    }
}

/// The stable word for what whoever ordered can put right.
fn fault_code(fault: Fault) -> &'static str {
    match fault {
        Fault::NoBoard => "no-board",
        Fault::NotThere => "not-there",
        Fault::Empty => "empty",
        Fault::Option => "bad-option",
        Fault::TooLarge => "too-large",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f6_pauses_grow_and_have_a_bound() {
        for (attempts, least) in [(0, 1), (1, 1), (2, 5), (3, 25), (4, 60), (90, 60)] {
            let least = Duration::from_secs(least);
            let pause = pause(attempts);
            assert!(pause >= least && pause <= least.mul_f64(1.25), "{attempts}");
        }
    }

    #[test]
    fn f6_what_would_fail_again_is_told_apart_from_what_may_not() {
        let document = |error| Trouble::from(ExportFailure::Document(error));
        let is_final = |trouble| matches!(trouble, Trouble::Final { .. });
        assert!(is_final(document(DocError::Broken("x".to_owned()))));
        assert!(is_final(document(DocError::TooLarge {
            bytes: 2,
            limit: 1
        })));
        assert!(!is_final(document(DocError::Unavailable("x".to_owned()))));
        assert!(!is_final(StoreError::Unavailable("x".to_owned()).into()));
        assert!(!is_final(ObjectError::Denied("x".to_owned()).into()));
        for (error, word) in [
            (
                FilesUnavailable::Store(StoreError::Invalid("x".to_owned())),
                "unavailable",
            ),
            (
                FilesUnavailable::Objects(ObjectError::Denied("x".to_owned())),
                "objects-unavailable",
            ),
        ] {
            let trouble = Trouble::from(error);
            assert!(matches!(trouble, Trouble::Passing { code, .. } if code == word));
            let preview = trouble.into_no_picture(7);
            assert_eq!(preview, NoPicture::NotNow("x".to_owned()));
        }
        // What the place says is for its operator.
        let Trouble::Passing { why, .. } = ObjectError::NoBucket("secret".to_owned()).into() else {
            panic!("a bucket may be made");
        };
        assert!(!why.contains("secret"));
    }
}
