//! A doc as one update without its garbage, and only after it was seen that nothing of the doc is lost by that.
//!
//! Runs in the child. yrs sees values sealed, so that BigInts, -0 and the order of keys come out as they went in. The rule:
//! what is answered passes the gate, was decoded again and compared; whoever gets it may delete the updates.

use bytes::Bytes;
use scrible_wire::{Limits, scan};
use yrs::{Doc, ReadTxn, Snapshot, StateVector, Transact};

use super::Built;
use super::digest::{Digester, Digests};
use super::open::{Opened, Values, open};
use super::restore::seal;

/// What a doc says of itself: clocks and deletions, and the content.
struct Account {
    has: Snapshot,
    shows: Digests,
}

/// One update that holds what `updates` hold when they are applied in this order.
///
/// # Errors
/// With a sentence when they can't be applied, or when yrs would write another doc than it has read.
pub fn build(updates: &[Bytes]) -> Result<Built, String> {
    let unreadable = |why: String| format!("what was built cannot be read again: {why}");
    let limits = Limits::default().without_counts();
    let digester = Digester::default();
    let Opened { doc, clocks } = open(updates, Values::Sealed)?;
    let wanted = account(&doc, &digester)?;
    let sealed = doc.transact().encode_diff_v1(&StateVector::default());
    // Never two of them at a time: each takes many times its bytes.
    drop(doc);
    let snapshot = seal::open(&sealed).map_err(|error| unreadable(error.to_string()))?;
    let snapshot = Bytes::from(snapshot);
    if scan(&snapshot, &limits).is_ok_and(|scan| scan.has_subdoc) {
        return Err("it holds sub-documents, whose options yrs does not keep".to_owned());
    }
    let again = open(std::slice::from_ref(&snapshot), Values::Sealed).map_err(unreadable)?;
    same(&wanted, &account(&again.doc, &digester)?)?;
    // The same by our own count of the bytes, so that yrs is not its own judge.
    let state_vector = clocks.state_vector();
    if again.clocks.state_vector() != state_vector {
        return Err("what was built has other clocks than the updates".to_owned());
    }
    let mut has = again.clocks;
    for (at, update) in updates.iter().enumerate() {
        if !has
            .take(update, &limits)
            .is_ok_and(|taken| taken.is_known())
        {
            return Err(format!("what was built lacks some of update {}", at + 1));
        }
    }
    Ok(Built {
        snapshot,
        state_vector: state_vector.encode().into(),
    })
}

fn account(doc: &Doc, digester: &Digester) -> Result<Account, String> {
    let txn = doc.transact();
    Ok(Account {
        has: txn.snapshot(),
        shows: digester.digests(&txn)?,
    })
}

fn same(wanted: &Account, built: &Account) -> Result<(), String> {
    if wanted.has.state_map != built.has.state_map {
        return Err("what was built has other clocks".to_owned());
    }
    if wanted.has.delete_set != built.has.delete_set {
        return Err("what was built has other deletions".to_owned());
    }
    let unlike = |of: &Digests, other: &Digests| {
        let root = of.iter().find(|root| !other.contains(root))?;
        Some(root.0.clone())
    };
    match unlike(&wanted.shows, &built.shows).or_else(|| unlike(&built.shows, &wanted.shows)) {
        Some(root) => Err(format!("what was built shows something else in {root:?}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use yrs::updates::decoder::Decode;
    use yrs::{Array, GetString, Map, MapPrelim, Text, Update, WriteTxn};

    use super::*;

    #[test]
    fn garbage_goes_and_content_stays() {
        let doc = Doc::with_options(yrs::Options {
            skip_gc: true,
            ..Default::default()
        });
        let mut updates = Vec::new();
        for n in 0..3_000 {
            let mut txn = doc.transact_mut();
            let map = txn.get_or_insert_map("m");
            map.insert(&mut txn, "k", MapPrelim::from([("n", n)]));
            let text = txn.get_or_insert_text("t");
            text.push(&mut txn, &"x".repeat(1_000));
            text.remove_range(&mut txn, 0, 1_000 - u32::from(n % 100 == 0));
            updates.push(Bytes::from(txn.encode_update_v1()));
        }
        let total: usize = updates.iter().map(Bytes::len).sum();
        let built = build(&updates).unwrap();
        assert!(
            built.snapshot.len() < total / 10,
            "{} of {total}",
            built.snapshot.len()
        );
        let again = open(&[built.snapshot], Values::Open).unwrap().doc;
        let (txn, original) = (again.transact(), doc.transact());
        let text = |txn: &yrs::Transaction<'_>| txn.get_text("t").unwrap().get_string(txn);
        assert_eq!(text(&txn), text(&original));
        assert_eq!(text(&txn).len(), 30);
        assert_eq!(txn.state_vector(), original.state_vector());
        let vector = StateVector::decode_v1(&built.state_vector).unwrap();
        assert_eq!(vector, txn.state_vector());
    }

    #[test]
    fn values_come_out_as_they_went_in() {
        // {"b": -0, "a": 5n} under a key of a root.
        let value = [
            118, 2, 1, b'b', 125, 0x40, 1, b'a', 122, 0, 0, 0, 0, 0, 0, 0, 5,
        ];
        let update = [
            &[1, 1, 7, 0, 0x28, 1, 1, b'm', 1, b'k', 1],
            &value[..],
            &[0],
        ]
        .concat();
        let update = Bytes::from(update);
        let built = build(std::slice::from_ref(&update)).unwrap();
        assert_eq!(built.snapshot, update);
        assert_eq!(built.state_vector[..], [1, 7, 1]);
    }

    #[test]
    fn sub_documents_are_refused_while_they_are_there() {
        let doc = Doc::with_client_id(7);
        let mut updates = Vec::new();
        {
            let mut txn = doc.transact_mut();
            let map = txn.get_or_insert_map("m");
            map.insert(&mut txn, "k", Doc::new());
            updates.push(Bytes::from(txn.encode_update_v1()));
        }
        let error = build(&updates).unwrap_err();
        assert_eq!(
            error,
            "it holds sub-documents, whose options yrs does not keep"
        );
        {
            let mut txn = doc.transact_mut();
            let map = txn.get_or_insert_map("m");
            map.remove(&mut txn, "k");
            updates.push(Bytes::from(txn.encode_update_v1()));
        }
        build(&updates).unwrap();
    }

    #[test]
    fn a_difference_of_any_kind_is_told() {
        let of = |edit: fn(&mut yrs::TransactionMut<'_>)| {
            let doc = Doc::with_client_id(7);
            edit(&mut doc.transact_mut());
            doc
        };
        let base = of(|txn| {
            let array = txn.get_or_insert_array("a");
            array.push_back(txn, 1);
            array.push_back(txn, 2);
        });
        let shorter = of(|txn| {
            let array = txn.get_or_insert_array("a");
            array.push_back(txn, 1);
        });
        let deleted = of(|txn| {
            let array = txn.get_or_insert_array("a");
            array.push_back(txn, 1);
            array.push_back(txn, 2);
            array.remove(txn, 0);
        });
        let other = of(|txn| {
            let array = txn.get_or_insert_array("a");
            array.push_back(txn, 1);
            array.push_back(txn, 3);
        });
        let digester = Digester::default();
        let told = |doc: &Doc| {
            let wanted = account(&base, &digester).unwrap();
            same(&wanted, &account(doc, &digester).unwrap())
        };
        assert_eq!(told(&base), Ok(()));
        assert_eq!(
            told(&shorter),
            Err("what was built has other clocks".into())
        );
        assert_eq!(
            told(&deleted),
            Err("what was built has other deletions".into())
        );
        assert_eq!(
            told(&other),
            Err("what was built shows something else in \"a\"".into())
        );
    }

    #[test]
    fn nothing_is_built_of_nothing() {
        let built = build(&[]).unwrap();
        let update = Update::decode_v1(&built.snapshot).unwrap();
        assert!(update.is_empty());
    }
}
