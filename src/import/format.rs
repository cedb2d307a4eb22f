//! Tells what a file is by what is in it, and refuses what could not be whole in a room.
//!
//! Knows formats, not rooms. The rule: what is returned passes the server's gate and builds on nothing but itself.

use anyhow::{Context, Result, bail};
use scrible_wire::varint::Reader;
use scrible_wire::{Clocks, Limits, Malformed, Reason, Taking};

use super::board::Board;

/// What is taken, for those who brought something else.
const TAKEN: &str = "taken are a Yjs update (v1, as Y.encodeStateAsUpdate writes it), a .tldr file, and a tldraw snapshot as JSON";

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A Yjs v1 update that is complete in itself.
    Update(Vec<u8>),
    /// A tldraw board.
    Board(Board),
}

/// Tells what a file is.
///
/// # Errors
/// A sentence that says what is wrong with it, and the remedy if there is one.
pub fn recognise(file: Vec<u8>) -> Result<Content> {
    if file.is_empty() {
        bail!("the file is empty");
    }
    // A file is held to the grammar; how much it may hold is for the server to say, part by part.
    let limits = Limits::default().without_counts();
    let mut clocks = Clocks::new();
    let malformed = match clocks.take(&file, &limits) {
        Ok(taken) => {
            if let Some(missing) = taken.early {
                bail!(
                    "it is a Yjs update that is not whole: it builds on changes of client {} up to number {} that are not \
                     in it. Export the whole document instead, with Y.encodeStateAsUpdate(doc)",
                    missing.client,
                    missing.clock
                );
            }
            return match taken.entry {
                Taking::Nothing => bail!("it is a Yjs update that holds nothing"),
                Taking::Whole => Ok(Content::Update(file)),
                Taking::Part(part) => Ok(Content::Update(part)),
            };
        }
        Err(malformed) => malformed,
    };
    if looks_like_v2(&file) {
        bail!(
            "it is a Yjs update in format v2, and rooms keep v1: export it with Y.encodeStateAsUpdate(doc), or turn it by \
             Y.convertUpdateFormatV2ToV1(update)"
        );
    }
    let text = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&file);
    if !text.trim_ascii_start().starts_with(b"{") {
        bail!("{}; {TAKEN}", what_is_wrong(&malformed, file.len()));
    }
    let json =
        serde_json::from_slice(text).with_context(|| format!("it is not valid JSON; {TAKEN}"))?;
    match Board::read(json)? {
        Some(board) => Ok(Content::Board(board)),
        None => bail!("it is JSON, but no tldraw board of version 2 or later; {TAKEN}"),
    }
}

fn what_is_wrong(malformed: &Malformed, len: usize) -> String {
    let cut = if matches!(malformed.reason, Reason::Truncated | Reason::Count) {
        ", as when a file was cut off"
    } else {
        ""
    };
    format!("it is no known format (read as a Yjs update: {malformed} of {len}{cut})")
}

/// Format v2 begins with a zero and nine columns, each with its length in front; the rest follows.
fn looks_like_v2(file: &[u8]) -> bool {
    let mut reader = Reader::new(file);
    reader.number() == Ok(0) && (0..9).all(|_| reader.var_bytes().is_ok()) && reader.remaining() > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &[u8] = include_bytes!("../../tests/data/boards/mixed.v1.bin");
    const V2: &[u8] = include_bytes!("../../tests/data/boards/mixed.v2.bin");

    fn refusal(file: &[u8]) -> String {
        format!("{:#}", recognise(file.to_vec()).unwrap_err())
    }

    #[test]
    fn i1_a_file_is_known_by_its_content() {
        assert_eq!(
            recognise(V1.to_vec()).unwrap(),
            Content::Update(V1.to_vec())
        );
        let tldr = include_bytes!("../../tests/data/boards/mixed.tldr");
        let with_mark = [b"\xef\xbb\xbf \n", &tldr[..]].concat();
        let plain = recognise(tldr.to_vec()).unwrap();
        assert!(matches!(plain, Content::Board(_)));
        assert_eq!(recognise(with_mark).unwrap(), plain);
    }

    #[test]
    fn i2_what_cannot_be_taken_is_refused_with_the_remedy() {
        let early = [1, 1, 10, 1, 0x84, 10, 0, 1, b'b', 0];
        for (file, why) in [
            (&b""[..], "empty"),
            (&[0, 0], "holds nothing"),
            (V2, "convertUpdateFormatV2ToV1"),
            (&early, "changes of client 10 up to number 1"),
            (b"{\"a\": ", "not valid JSON"),
            (b"{}", "taken are a Yjs update"),
            (b"\x89PNG\r\n\x1a\n", "taken are a Yjs update"),
            (b"hello", ".tldr file"),
        ] {
            let refusal = refusal(file);
            assert!(refusal.contains(why), "{file:?}: {refusal}");
        }
    }

    #[test]
    fn i2_an_update_that_was_cut_off_anywhere_is_refused() {
        for end in 1..V1.len() {
            recognise(V1[..end].to_vec()).unwrap_err();
        }
        let refusal = refusal(&V1[..V1.len() - 1]);
        assert!(refusal.contains("cut off"), "{refusal}");
    }
}
