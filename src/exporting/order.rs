//! What stands in the queue, what is kept of what came of it, and how its object is called.
//!
//! Both are JSON that only this program reads. The one rule: what an earlier version put into the queue is still understood.

use scrible_exporter::export::Format;
use scrible_objects::Key;
use scrible_store::{Export, ExportId};
use serde::{Deserialize, Serialize};

use crate::doc_worker::export::Order;

/// Of the name that a file is saved under, without its ending.
pub const MAX_NAME_BYTES: usize = 100;

/// What is to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// Of the board.
    pub order: Order,
    /// What the file is saved as, without its ending.
    pub name: String,
}

/// What is known of a file that was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// In bytes.
    pub size: u64,
    /// Of a picture, in px.
    #[serde(default)]
    pub width: Option<u32>,
    /// Of a picture, in px.
    #[serde(default)]
    pub height: Option<u32>,
    /// Where it may have several.
    #[serde(default)]
    pub pages: Option<usize>,
    /// What was left out, and what was wrong with the board, a sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl Ticket {
    /// As it was ordered.
    ///
    /// # Errors
    /// Where the queue has something that this version does not understand.
    pub fn of(export: &Export) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(&export.order)
    }
}

impl Outcome {
    /// What is known of a completed export; what cannot be read is not known.
    pub fn of(export: &Export) -> Option<Self> {
        serde_json::from_slice(export.outcome.as_deref()?).ok()
    }
}

/// What an export is called wherever people or programs see it.
pub fn id_text(id: ExportId) -> String {
    format!("{:032x}", id.0)
}

/// The export that is called so.
pub fn read_id(text: &str) -> Option<ExportId> {
    let is_plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    match text.len() == 32 && text.bytes().all(is_plain) {
        true => u128::from_str_radix(text, 16).ok().map(ExportId),
        false => None,
    }
}

/// How the keys of all objects of an export begin. What was deleted and ordered again with the same `Idempotency-Key` has the same id, and the
/// objects of the one must not go with those of the other.
pub fn prefix(export: &Export) -> String {
    let (room, id, created) = (export.room_id.0, id_text(export.id), export.created_ms);
    format!("exports/{room}/{id}-{created}.")
}

/// What the object of an export is called.
pub fn key(export: &Export, format: Format) -> Key {
    let text = format!("{}{}", prefix(export), format.name());
    text.parse().expect("numbers and endings make a key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f1_an_id_has_one_text() {
        let id = ExportId(0xab << 120 | 7);
        let text = id_text(id);
        assert_eq!(text, "ab000000000000000000000000000007");
        assert_eq!(read_id(&text), Some(id));
        let upper = text.to_uppercase();
        for bad in [
            "",
            "7",
            &upper,
            &text[1..],
            "+b000000000000000000000000000007",
        ] {
            assert_eq!(read_id(bad), None, "{bad}");
        }
    }
}
