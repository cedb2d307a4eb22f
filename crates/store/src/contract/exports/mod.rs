//! The queue of exports: who draws what, how often it is tried, and what is left of it.

mod adding;
mod bell;
mod claiming;
mod ending;
mod leaving;

use std::time::Duration;

pub use self::adding::*;
pub use self::bell::*;
pub use self::claiming::*;
pub use self::ending::*;
pub use self::leaving::*;
use super::{Place, doc};
use crate::{
    Claim, Export, ExportAdded, ExportEnd, ExportId, ExportLimits, ExportState, NewExport, Page,
    Store, WorkerId,
};

/// Now, in these cases; leases and pauses go by another clock.
const NOW: i64 = 1_700_000_000_000;
const HOUR: Duration = Duration::from_secs(3600);
const ALL: Page = Page {
    before: None,
    limit: 10_000,
};

fn id(number: u128) -> ExportId {
    ExportId(number << 100 | number)
}

fn new_export(number: u128) -> NewExport {
    NewExport {
        id: id(number),
        order: format!("order {number}").into_bytes().into(),
        at_least: 7,
        version: None,
        ordered_by: None,
        time_ms: NOW,
        expires_ms: NOW + 1_000,
    }
}

/// By a worker who may try three times.
fn claim(worker: u128) -> Claim {
    Claim {
        worker: WorkerId(worker),
        lease: HOUR,
        attempts: 3,
    }
}

/// One whose lease has ended as soon as he has it.
fn claim_for_nothing(worker: u128) -> Claim {
    Claim {
        lease: Duration::ZERO,
        ..claim(worker)
    }
}

fn completed() -> ExportEnd {
    ExportEnd::Completed {
        drawn: 9,
        outcome: (*b"{}").into(),
        size: 7,
    }
}

async fn add(store: &dyn Store, room: &str, number: u128) -> Export {
    let added = store
        .add_export(room, &new_export(number), &ExportLimits::waiting(10_000))
        .await;
    match added.expect("an answer") {
        ExportAdded::Yes(export) => *export,
        other => panic!("{other:?}"),
    }
}

async fn one(store: &dyn Store, number: u128) -> Export {
    let found = store.export(id(number)).await.expect("an answer");
    found.expect("the export is there")
}

/// Claims the one that has to come.
async fn takes(store: &dyn Store, claim: &Claim, number: u128) -> Export {
    let claimed = store.claim_export(claim).await.expect("an answer");
    let export = claimed.expect("one is due");
    assert_eq!(
        (export.id, export.state),
        (id(number), ExportState::Processing)
    );
    assert_eq!(one(store, number).await, export);
    export
}

async fn takes_nothing(store: &dyn Store, by: &Claim) {
    assert_eq!(store.claim_export(by).await.expect("an answer"), None);
}

async fn ends(store: &dyn Store, number: u128, claim: &Claim, end: &ExportEnd) -> bool {
    let ended = store.end_export(id(number), claim, end, NOW + 5).await;
    ended.expect("an answer")
}

/// Until the clock of the store has moved on. Something has to be due.
async fn until_later(store: &dyn Store) {
    let tally = async || store.export_tally().await.expect("an answer");
    let before = tally().await.oldest_ms;
    while tally().await.oldest_ms <= before {}
}
