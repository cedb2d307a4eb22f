//! A doc from its updates, and what must hold before anything is made of it.
//!
//! Runs in the child. The rule: what is opened has passed the gate, lacks nothing, and holds nothing invented, neither by
//! batching nor by yrs' clearing up of rich-text marks, which would delete what no client has deleted.

use std::borrow::Cow;

use bytes::Bytes;
use scrible_wire::split::split;
use scrible_wire::{Clocks, Limits, Malformed};
use yrs::updates::decoder::Decode;
use yrs::{Doc, Options, ReadTxn, Transact, Update};

use super::restore::seal::seal;
use super::roots::OPTIONS_OFFSETS;

/// Updates that go into one transaction. A commit for every one takes up to half as long again; beyond a few it makes no
/// difference, nor does any of it to what comes out (measured with 10,000 and 1,000,000 updates).
const UPDATES_A_TRANSACTION: usize = 128;
/// And about so many bytes; see [`pieces`].
const PIECE_BYTES: usize = 8 << 10;

/// How plain values go through yrs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// As they are, to be looked at. yrs reads a BigInt as a Number, and -0 as 0.
    Open,
    /// Sealed, to come out as they went in.
    Sealed,
}

/// A doc, and what it has by the count of its bytes.
pub struct Opened {
    /// It collects its garbage.
    pub doc: Doc,
    /// Not yrs' word.
    pub clocks: Clocks,
}

/// Applies `updates` in this order to an empty doc.
///
/// # Errors
/// With a sentence when an update is malformed or can't be applied, or builds on something that is not there.
pub fn open(updates: &[Bytes], values: Values) -> Result<Opened, String> {
    let doc = Doc::with_options(Options {
        offset_kind: OPTIONS_OFFSETS,
        cleanup_formatting: false,
        skip_gc: false,
        ..Options::default()
    });
    let mut clocks = Clocks::new();
    let limits = Limits::default().without_counts();
    let mut txn = doc.transact_mut();
    let (mut many, mut bytes) = (0, 0);
    for (at, update) in updates.iter().enumerate() {
        let wrong = |what: &str| format!("update {} {what}", at + 1);
        let malformed = |error: Malformed| wrong(&format!("is malformed: {error}"));
        let taken = clocks.take(update, &limits).map_err(malformed)?;
        if taken.early.is_some() {
            return Err(wrong("builds on what is not there"));
        }
        if values == Values::Open && taken.has_hook {
            return Err(wrong("holds an XML hook, which cannot be read"));
        }
        for piece in pieces(update).map_err(malformed)? {
            if many == UPDATES_A_TRANSACTION || bytes > PIECE_BYTES {
                drop(txn);
                txn = doc.transact_mut();
                (many, bytes) = (0, 0);
            }
            (many, bytes) = (many + 1, bytes + piece.len());
            let piece = match values {
                Values::Open => piece,
                Values::Sealed => seal(&piece).map_err(malformed)?.into(),
            };
            let piece = Update::decode_v1(&piece)
                .map_err(|error| wrong(&format!("cannot be read: {error}")))?;
            txn.apply_update(piece)
                .map_err(|error| wrong(&format!("cannot be applied: {error}")))?;
            if txn.has_missing_updates() {
                return Err(wrong("builds on what yrs did not find"));
            }
        }
    }
    drop(txn);
    Ok(Opened { doc, clocks })
}

/// An update in pieces that yrs can be given one by one, each with what came before it, with a commit after each.
///
/// At a commit yrs joins what one client wrote side by side, from right to left, and copies all that it has joined so far at
/// each step: 10,000 entries of 400 bytes that nobody has joined yet take 2.4 GB in one transaction.
pub fn pieces(update: &[u8]) -> Result<Vec<Cow<'_, [u8]>>, Malformed> {
    if update.len() <= PIECE_BYTES {
        return Ok(vec![Cow::Borrowed(update)]);
    }
    let pieces = split(update, PIECE_BYTES, &Limits::default())?;
    Ok(pieces.into_iter().map(Cow::Owned).collect())
}

#[cfg(test)]
mod tests {
    use yrs::{Text, WriteTxn};

    use super::*;

    /// Two clients' updates: `a` is typed, then `b` behind it.
    fn dependent() -> [Bytes; 2] {
        let doc = Doc::with_client_id(1);
        let mut updates = Vec::new();
        for character in ["a", "b"] {
            let mut txn = doc.transact_mut();
            let text = txn.get_or_insert_text("t");
            text.push(&mut txn, character);
            updates.push(Bytes::from(txn.encode_update_v1()));
        }
        updates.try_into().unwrap()
    }

    #[test]
    fn what_waits_for_something_is_refused_by_its_number() {
        let [first, second] = dependent();
        for values in [Values::Open, Values::Sealed] {
            assert!(open(&[first.clone(), second.clone()], values).is_ok());
            let error = open(&[second.clone(), first.clone()], values).err();
            assert_eq!(error.unwrap(), "update 1 builds on what is not there");
        }
    }

    #[test]
    fn a_hook_is_refused_where_it_would_be_read() {
        let hook = Bytes::from_static(&[1, 1, 7, 0, 0x07, 1, 1, b'x', 5, 1, b'h', 0]);
        let error = open(std::slice::from_ref(&hook), Values::Open).err();
        assert_eq!(
            error.unwrap(),
            "update 1 holds an XML hook, which cannot be read"
        );
        assert!(open(&[hook], Values::Sealed).is_ok());
    }

    #[test]
    fn what_is_no_update_is_refused_by_its_number() {
        let [first, _] = dependent();
        let error = open(&[first, Bytes::from_static(b"\x01\x02")], Values::Open)
            .err()
            .unwrap();
        assert!(error.starts_with("update 2 is malformed: "), "{error}");
    }
}
