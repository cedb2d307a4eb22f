//! A doc from its updates, and what must hold before anything is made of it.
//!
//! Runs in the child. The rule: what is opened has passed the gate, lacks nothing, and holds nothing invented, neither by
//! batching nor by yrs' clearing up of rich-text marks, which would delete what no client has deleted.

use std::borrow::Cow;

use bytes::Bytes;
use scrible_wire::{Clocks, Limits, scan};
use yrs::updates::decoder::Decode;
use yrs::{Doc, Options, ReadTxn, Transact, Update};

use super::restore::seal::seal;
use super::roots::OPTIONS_OFFSETS;

/// Updates that go into one transaction. Each commit goes over what it brought, so a commit for every update costs more,
/// and one for all of them holds on to everything that was deleted on the way.
const UPDATES_A_TRANSACTION: usize = 1_024;

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
    for (batch, updates) in updates.chunks(UPDATES_A_TRANSACTION).enumerate() {
        let mut txn = doc.transact_mut();
        for (at, update) in updates.iter().enumerate() {
            let wrong =
                |what: &str| format!("update {} {what}", batch * UPDATES_A_TRANSACTION + at + 1);
            let taken = clocks
                .take(update, &limits)
                .map_err(|error| wrong(&format!("is malformed: {error}")))?;
            if taken.early.is_some() {
                return Err(wrong("builds on what is not there"));
            }
            let update = match values {
                Values::Open => {
                    if taken.has_bigint && scan(update, &limits).is_ok_and(|scan| scan.has_hook) {
                        return Err(wrong("holds an XML hook, which cannot be read"));
                    }
                    Cow::Borrowed(&update[..])
                }
                Values::Sealed => {
                    let sealed = seal(update);
                    sealed
                        .map_err(|error| wrong(&format!("is malformed: {error}")))?
                        .into()
                }
            };
            let update = Update::decode_v1(&update)
                .map_err(|error| wrong(&format!("cannot be read: {error}")))?;
            txn.apply_update(update)
                .map_err(|error| wrong(&format!("cannot be applied: {error}")))?;
            if txn.has_missing_updates() {
                return Err(wrong("builds on what yrs did not find"));
            }
        }
    }
    Ok(Opened { doc, clocks })
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
