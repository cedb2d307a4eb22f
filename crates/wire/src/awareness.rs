//! Awareness messages: who is here, with which state, as raw JSON.
//!
//! Does not know which entry is newer or whose it is. The rule: JSON that does not parse never leaves here, because one
//! such entry throws in every peer and takes the whole message with it.

use crate::json;
use crate::limits::Limits;
use crate::malformed::{Malformed, Reason};
use crate::varint::{Reader, write_number, write_var_bytes};

/// The greatest clock that is taken. JavaScript counts further, but others hold clocks in 32 bits, where a greater one
/// would silence its owner for ever.
pub const MAX_CLOCK: u32 = 1 << 31;

/// What one client announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The Yjs client id.
    pub client: u64,
    /// Raised by the client with each announcement.
    pub clock: u32,
    /// The state as JSON; `None` where the client says that it has left (`null`).
    pub state: Option<&'a [u8]>,
}

/// Reads the body of an awareness message: what stands inside of its length-prefixed bytes.
pub fn parse<'a>(body: &'a [u8], limits: &Limits) -> Result<Vec<Entry<'a>>, Malformed> {
    let mut reader = Reader::new(body);
    // Client, clock, length and at least one byte of JSON.
    let count = reader.count_within(4, limits.awareness_entries)?;
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let client = reader.client()?;
        let at = reader.at();
        let clock = reader.number()?;
        if clock > u64::from(MAX_CLOCK) {
            return Err(Reason::Clock.at(at));
        }
        let at = reader.at();
        let text = reader.var_str()?;
        if text.len() > limits.awareness_state_bytes {
            return Err(Reason::TooLarge.at(at));
        }
        json::check(text, limits.value_depth).map_err(|reason| reason.at(at))?;
        entries.push(Entry {
            client,
            clock: clock as u32,
            state: (text.trim_ascii() != "null").then_some(text.as_bytes()),
        });
    }
    reader.end()?;
    Ok(entries)
}

/// Writes the body of an awareness message.
pub fn encode<'a>(entries: impl ExactSizeIterator<Item = Entry<'a>>) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + entries.len() * 64);
    write_number(&mut out, entries.len() as u64);
    for entry in entries {
        write_number(&mut out, entry.client);
        write_number(&mut out, u64::from(entry.clock));
        write_var_bytes(&mut out, entry.state.unwrap_or(b"null"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(client: u64, clock: u32, state: Option<&str>) -> Entry<'_> {
        Entry {
            client,
            clock,
            state: state.map(str::as_bytes),
        }
    }

    fn reason(body: &[u8]) -> Reason {
        parse(body, &Limits::default()).unwrap_err().reason
    }

    /// One entry of client 1 with this clock and text.
    fn body(clock: u64, text: &[u8]) -> Vec<u8> {
        let mut out = vec![1, 1];
        write_number(&mut out, clock);
        write_var_bytes(&mut out, text);
        out
    }

    #[test]
    fn entries_survive_the_round_trip() {
        let entries = [
            entry(1, 0, None),
            entry(
                (1 << 53) - 1,
                MAX_CLOCK,
                Some(r#"{"user":{"name":"Zoë 😀"}}"#),
            ),
            entry(7, 3, Some("{}")),
        ];
        let body = encode(entries.into_iter());
        assert_eq!(parse(&body, &Limits::default()), Ok(entries.to_vec()));
        assert_eq!(parse(&[0], &Limits::default()), Ok(vec![]));
    }

    #[test]
    fn null_means_gone_even_with_spaces() {
        let body = body(5, b" null\n");
        let entries = parse(&body, &Limits::default()).unwrap();
        assert_eq!(entries, [entry(1, 5, None)]);
    }

    #[test]
    fn bad_json_is_refused() {
        assert_eq!(reason(&body(1, b"{")), Reason::Json);
        assert_eq!(reason(&body(1, b"undefined")), Reason::Json);
        assert_eq!(reason(&body(1, b"{}}")), Reason::Json);
        assert_eq!(reason(&body(1, b"\"\xff\"")), Reason::Utf8);
        assert_eq!(reason(&body(1, &b"[".repeat(65))), Reason::Depth);
    }

    #[test]
    fn clocks_and_clients_are_bounded() {
        assert_eq!(reason(&body(1 << 32, b"{}")), Reason::Clock);
        assert_eq!(reason(&body((1 << 31) + 1, b"{}")), Reason::Clock);
        let mut client = vec![1];
        client.extend([
            0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 1, 2, b'{', b'}',
        ]);
        assert_eq!(reason(&client), Reason::Client);
    }

    #[test]
    fn counts_and_sizes_are_bounded() {
        // 2^26 and 2^28 entries, declared in a few bytes.
        assert_eq!(reason(&[0x80, 0x80, 0x80, 0x20]), Reason::Count);
        assert_eq!(reason(&[0x80, 0x80, 0x80, 0x80, 0x01]), Reason::Count);
        let limits = Limits {
            awareness_entries: 2,
            awareness_state_bytes: 8,
            ..Limits::default()
        };
        let three = encode(vec![entry(1, 1, None); 3].into_iter());
        assert_eq!(parse(&three, &limits).unwrap_err().reason, Reason::TooMany);
        let large = body(1, b"\"1234567\"");
        assert_eq!(parse(&large, &limits).unwrap_err().reason, Reason::TooLarge);
        assert!(parse(&body(1, b"\"123456\""), &limits).is_ok());
    }

    #[test]
    fn truncation_and_trailing_bytes_are_refused() {
        let good = body(1, b"{}");
        for end in 0..good.len() {
            assert!(parse(&good[..end], &Limits::default()).is_err());
        }
        assert_eq!(reason(&[&good[..], &[0]].concat()), Reason::Trailing);
        assert_eq!(reason(&[]), Reason::Truncated);
    }
}
