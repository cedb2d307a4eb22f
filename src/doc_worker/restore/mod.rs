//! Bringing back what a doc showed earlier: as one more edit on top of what it shows now.
//!
//! History only grows, and people go on editing meanwhile, so this is a comparison in depth and not a replacement: what
//! shows the same is left alone, and the update is about as large as the difference. [`seal`] hands values through yrs
//! unread, [`tree`] says what a doc shows, [`plan`] compares two ([`sequence`] and [`text`] what has an order), [`apply`]
//! writes. Knows no versions, rooms or stores. The rule: nothing is answered that was not tried on a fresh doc first.

mod apply;
mod classes;
mod likeness;
mod plan;
mod read;
pub(super) mod seal;
mod sequence;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod value;

use std::time::{Duration, Instant};

use bytes::Bytes;
use scrible_wire::{Limits, merge, scan};
use yrs::updates::decoder::Decode;
use yrs::{ClientID, Doc, Options, ReadTxn, Transact, Update, WriteTxn};

use self::classes::Classes;
use self::plan::Plan;
use self::tree::Tree;
use super::Restoration;
use super::open::pieces;
use super::roots::OPTIONS_OFFSETS;

/// How long sequences may be compared exactly, of the minute that a request has.
const COMPARING: Duration = Duration::from_secs(5);
/// yrs at times leaves a mark where none should be; what a first pass missed a second one mends.
const MAX_PASSES: usize = 5;

/// Finds the update that makes a doc show what another one shows.
///
/// `current` and `target` are v1 updates to be applied in order. The update is a single transaction of a client that
/// `current` does not know. What cannot be brought back stays as it is and is said in [`Restoration::left`].
///
/// # Errors
/// With a sentence when one of the docs cannot be read, or the update would not do what it should.
pub fn restore(current: &[Bytes], target: &[Bytes]) -> Result<Restoration, String> {
    let current = sealed(current).map_err(|e| format!("the doc cannot be read: {e}"))?;
    let target = sealed(target).map_err(|e| format!("the version cannot be read: {e}"))?;
    let mut classes = Classes::new();
    let target_doc = open(&target)?;
    let target = read::read(&target_doc.transact(), &mut classes)?;

    let (update, first) = edit(&current, &target, &mut classes)?;
    if let Some(update) = &update {
        prove(&current, update, &target, &mut classes)?;
    }
    Ok(Restoration {
        update: update.map(Bytes::from),
        changes: first.changes,
        left: first.left(),
    })
}

/// Makes the edits on a doc of its own. Answers with their update, if there are any, and with what was planned at first.
fn edit(
    current: &[u8],
    target: &Tree,
    classes: &mut Classes,
) -> Result<(Option<Vec<u8>>, Plan), String> {
    let doc = open(current)?;
    let mut txn = doc.transact_mut();
    for (name, _) in &target.roots {
        if txn.get(name).is_none() {
            // Bytes do not say of what type a root is, so any will do.
            txn.get_or_insert_map(name.clone());
        }
    }
    let first = compare(&txn, target, classes)?;
    if first.edits.is_empty() {
        return Ok((None, first));
    }
    apply::apply(&mut txn, &first.edits, target, classes);
    for _ in 1..MAX_PASSES {
        let more = compare(&txn, target, classes)?;
        if more.edits.is_empty() {
            break;
        }
        apply::apply(&mut txn, &more.edits, target, classes);
    }
    // Before that, the structs of one client are not yet joined.
    txn.commit();
    let update = seal::open(&txn.encode_update_v1()).map_err(malformed)?;
    Ok((Some(update), first))
}

/// One sealed update out of many.
fn sealed(updates: &[Bytes]) -> Result<Vec<u8>, scrible_wire::Malformed> {
    match updates {
        [update] => seal::seal_to_edit(update),
        _ => {
            let parts = updates.iter().map(|update| &update[..]);
            seal::seal_to_edit(&merge::merge(parts, &Limits::default())?)
        }
    }
}

/// The doc of a sealed update, of which everything must be there. Whoever edits it is a new client.
fn open(update: &[u8]) -> Result<Doc, String> {
    let unreadable = |cause: String| format!("an update cannot be read: {cause}");
    let pieces = pieces(update).map_err(|e| unreadable(e.to_string()))?;
    let known =
        scan(update, &Limits::default().without_counts()).map_err(|e| unreadable(e.to_string()))?;
    let mut client = ClientID::random();
    while known.lists.iter().any(|list| list.client == client.get()) {
        client = ClientID::random();
    }
    let doc = Doc::with_options(Options {
        offset_kind: OPTIONS_OFFSETS,
        // Marks are cleaned up by whoever shows them; here nothing may change that was not asked for.
        cleanup_formatting: false,
        ..Options::with_client_id(client)
    });
    for piece in pieces {
        let piece = Update::decode_v1(&piece).map_err(|e| unreadable(e.to_string()))?;
        let mut txn = doc.transact_mut();
        txn.apply_update(piece)
            .map_err(|e| unreadable(e.to_string()))?;
        if txn.has_missing_updates() {
            return Err("it builds on updates that are not there".to_owned());
        }
    }
    Ok(doc)
}

fn compare(txn: &impl ReadTxn, target: &Tree, classes: &mut Classes) -> Result<Plan, String> {
    let current = read::read(txn, classes)?;
    Ok(plan::plan(&current, target, Instant::now() + COMPARING))
}

/// Tries an update as everybody else will: on a doc that is read from bytes.
fn prove(
    current: &[u8],
    update: &[u8],
    target: &Tree,
    classes: &mut Classes,
) -> Result<(), String> {
    let update = seal::seal(update).map_err(malformed)?;
    let update = Update::decode_v1(&update).map_err(malformed)?;
    let doc = open(current)?;
    let mut txn = doc.transact_mut();
    txn.apply_update(update)
        .map_err(|e| format!("what was written cannot be applied: {e}"))?;
    if txn.has_missing_updates() {
        return Err("what was written builds on something that is not there".to_owned());
    }
    if compare(&txn, target, classes)?.edits.is_empty() {
        Ok(())
    } else {
        Err("the version could not be brought back as it was".to_owned())
    }
}

fn malformed(cause: impl std::fmt::Display) -> String {
    format!("what was written is malformed: {cause}")
}
