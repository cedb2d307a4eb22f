//! A doc from its updates, and what must hold before anything is made of it.
//!
//! Runs in the child. The rule: what is opened has nothing pending and nothing invented, neither by batching nor by
//! yrs' clearing up of rich-text marks, which would delete what no client has deleted.

use bytes::Bytes;
use yrs::updates::decoder::Decode;
use yrs::{Doc, Options, ReadTxn, Transact, Update};

use super::roots::OPTIONS_OFFSETS;

/// Updates that go into one transaction. Each commit goes over what it brought, so a commit for every update costs more,
/// and one for all of them holds on to everything that was deleted on the way.
const UPDATES_A_TRANSACTION: usize = 1_024;

/// Applies `updates` in this order to an empty doc, which collects its garbage.
///
/// # Errors
/// With a sentence when an update cannot be read or applied, or builds on something that is not there.
pub fn open(updates: &[Bytes]) -> Result<Doc, String> {
    let doc = Doc::with_options(Options {
        offset_kind: OPTIONS_OFFSETS,
        cleanup_formatting: false,
        skip_gc: false,
        ..Options::default()
    });
    for (batch, updates) in updates.chunks(UPDATES_A_TRANSACTION).enumerate() {
        let mut txn = doc.transact_mut();
        for (at, update) in updates.iter().enumerate() {
            let nth = || batch * UPDATES_A_TRANSACTION + at + 1;
            let update = Update::decode_v1(update)
                .map_err(|error| format!("update {} cannot be read: {error}", nth()))?;
            txn.apply_update(update)
                .map_err(|error| format!("update {} cannot be applied: {error}", nth()))?;
            if txn.has_missing_updates() {
                return Err(format!("update {} builds on what is not there", nth()));
            }
        }
    }
    Ok(doc)
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
        assert!(open(&[first.clone(), second.clone()]).is_ok());
        let error = open(&[second, first]).unwrap_err();
        assert_eq!(error, "update 1 builds on what is not there");
    }

    #[test]
    fn what_is_no_update_is_refused_by_its_number() {
        let [first, _] = dependent();
        let error = open(&[first, Bytes::from_static(b"\x01\x02")]).unwrap_err();
        assert!(error.starts_with("update 2 cannot be read: "), "{error}");
    }
}
