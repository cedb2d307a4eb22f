//! Merging a log and cutting it to what somebody lacks, on updates put together by hand.
//!
//! Content through Yjs and yrs is the matter of `sessions.rs`. The rule: expected bytes are written out, not computed.

mod support;

use scrible_wire::merge::{diff, merge};
use scrible_wire::{Limits, Malformed, Reason, StateVector};
use support::build::*;

fn merged(parts: &[Vec<u8>]) -> Result<Vec<u8>, Malformed> {
    merge(parts.iter().map(Vec::as_slice), &Limits::default())
}

fn lacking(parts: &[Vec<u8>], have: &[(u64, u32)]) -> Result<Vec<u8>, Malformed> {
    let have: StateVector = have.iter().copied().collect();
    diff(parts.iter().map(Vec::as_slice), &have, &Limits::default())
}

fn log() -> Vec<Vec<u8>> {
    vec![
        update(&[(1, 0, &[first("ab")])], &[]),
        update(&[(2, 0, &[after((1, 1), "x")])], &[(1, &[(0, 1)])]),
        update(
            &[(1, 2, &[after((2, 0), "cd"), gc(1)])],
            &[(2, &[(0, 1)]), (1, &[(3, 1), (1, 1)])],
        ),
    ]
}

#[test]
fn a_merge_has_one_list_for_each_client() {
    let expected = update(
        &[
            (2, 0, &[after((1, 1), "x")]),
            (1, 0, &[first("ab"), after((2, 0), "cd"), gc(1)]),
        ],
        &[(2, &[(0, 1)]), (1, &[(0, 2), (3, 1)])],
    );
    assert_eq!(merged(&log()).unwrap(), expected);
    assert_eq!(merged(std::slice::from_ref(&expected)).unwrap(), expected);
}

#[test]
fn nothing_merges_to_an_empty_update() {
    assert_eq!(merged(&[]).unwrap(), [0, 0]);
    assert_eq!(merged(&[vec![0, 0], vec![0, 0]]).unwrap(), [0, 0]);
    assert_eq!(lacking(&[], &[(1, 5)]).unwrap(), [0, 0]);
}

#[test]
fn what_repeats_is_left_out() {
    let log = log();
    let once = merged(&log).unwrap();
    // A base that somebody wrote, then entries that it covers in part.
    let base = merged(&log[..2]).unwrap();
    assert_eq!(
        merged(&[base.clone(), log[1].clone(), log[2].clone()]).unwrap(),
        once
    );
    assert_eq!(merged(&[once.clone(), base, log[2].clone()]).unwrap(), once);
    // A straddling struct is cut.
    let more = update(&[(1, 0, &[first("abc")])], &[]);
    let expected = update(&[(1, 0, &[first("ab"), after((1, 1), "c")])], &[]);
    assert_eq!(merged(&[log[0].clone(), more]).unwrap(), expected);
}

#[test]
fn a_stretch_of_a_log_merges_without_its_beginning() {
    let expected = update(
        &[
            (2, 0, &[after((1, 1), "x")]),
            (1, 2, &[after((2, 0), "cd"), gc(1)]),
        ],
        &[(2, &[(0, 1)]), (1, &[(0, 2), (3, 1)])],
    );
    assert_eq!(merged(&log()[1..]).unwrap(), expected);
}

#[test]
fn a_gap_is_an_error() {
    let gap = [
        update(&[(1, 0, &[gc(2)])], &[]),
        update(&[(1, 3, &[gc(2)])], &[]),
    ];
    assert_eq!(merged(&gap).unwrap_err().reason, Reason::Gap);
    let skip = [update(&[(1, 0, &[gc(2), skip(1), gc(2)])], &[])];
    assert_eq!(merged(&skip).unwrap_err().reason, Reason::Gap);
    // Whoever asks has less than where the log begins.
    assert_eq!(
        lacking(&log()[2..], &[(1, 1)]).unwrap_err().reason,
        Reason::Gap
    );
    assert_eq!(merged(&[vec![1]]).unwrap_err().reason, Reason::Count);
}

#[test]
fn a_skip_over_what_is_there_is_left_out() {
    let parts = [
        update(&[(1, 0, &[gc(4)])], &[]),
        update(&[(1, 0, &[gc(1), skip(3), gc(2), skip(2)])], &[]),
    ];
    assert_eq!(
        merged(&parts).unwrap(),
        update(&[(1, 0, &[gc(4), gc(2)])], &[])
    );
}

#[test]
fn a_diff_begins_at_what_they_have_and_deletes_everything() {
    let all = [(2, &[(0, 1)][..]), (1, &[(0, 2), (3, 1)])];
    // Up to date, and ahead: the delete set only.
    assert_eq!(
        lacking(&log(), &[(1, 5), (2, 1)]).unwrap(),
        update(&[], &all)
    );
    assert_eq!(
        lacking(&log(), &[(1, 90), (2, 1), (3, 4)]).unwrap(),
        update(&[], &all)
    );
    // At the border of a struct.
    let rest = update(&[(1, 2, &[after((2, 0), "cd"), gc(1)])], &all);
    assert_eq!(lacking(&log(), &[(1, 2), (2, 1)]).unwrap(), rest);
    // In the middle of one.
    let rest = update(&[(1, 3, &[after((1, 2), "d"), gc(1)])], &all);
    assert_eq!(lacking(&log(), &[(1, 3), (2, 1)]).unwrap(), rest);
    // What they have need not be in the parts, but then its deletions are not in the answer.
    let own = [(2, &[(0, 1)][..]), (1, &[(1, 1), (3, 1)])];
    let rest = update(&[(1, 3, &[after((1, 2), "d"), gc(1)])], &own);
    assert_eq!(lacking(&log()[2..], &[(1, 3), (2, 1)]).unwrap(), rest);
    // Nothing at all.
    assert_eq!(lacking(&log(), &[]).unwrap(), merged(&log()).unwrap());
}

#[test]
fn a_diff_is_the_same_however_a_log_is_cut_into_updates() {
    let three = [&[3][..], &[125, 1], &[126], &[125, 2]].concat();
    let place = Place {
        left: Some((1, 4)),
        ..Place::default()
    };
    let structs = [
        (0, first("ab")),
        (2, after((1, 1), "c")),
        (3, gc(2)),
        (5, item(&place, ANY, &three)),
        (8, after((1, 7), "d😀e")),
        (12, gc(1)),
    ];
    let all = structs.clone().map(|(_, structure)| structure);
    let whole = [update(&[(1, 0, &all)], &[])];
    let singly = structs.map(|(clock, structure)| update(&[(1, clock, &[structure])], &[]));
    let part = |clock, structs: &[Vec<u8>]| update(&[(1, clock, structs)], &[]);
    let skips = [
        part(0, &all[..2]),
        part(0, &[skip(3), all[2].clone()]),
        part(5, &all[3..4]),
        part(0, &[gc(1), skip(7), all[4].clone(), all[5].clone()]),
    ];
    for have in 0..15 {
        let expected = lacking(&singly, &[(1, have)]).unwrap();
        assert_eq!(
            lacking(&whole, &[(1, have)]).unwrap(),
            expected,
            "from {have}"
        );
        assert_eq!(
            lacking(&skips, &[(1, have)]).unwrap(),
            expected,
            "from {have}"
        );
    }
}

#[test]
fn a_diff_within_a_surrogate_pair_leaves_a_replacement() {
    let log = [update(&[(1, 0, &[first("😀b")])], &[])];
    let rest = update(&[(1, 1, &[after((1, 0), "\u{fffd}b")])], &[]);
    assert_eq!(lacking(&log, &[(1, 1)]).unwrap(), rest);
    let rest = update(&[(1, 2, &[after((1, 1), "b")])], &[]);
    assert_eq!(lacking(&log, &[(1, 2)]).unwrap(), rest);
}

#[test]
fn counts_are_not_limited_here() {
    let limits = Limits {
        clients_per_update: 1,
        delete_ranges_per_update: 1,
        ..Limits::default()
    };
    let log = log();
    let parts = || log.iter().map(Vec::as_slice);
    let merged = merge(parts(), &limits).unwrap();
    assert_eq!(merged, merge(parts(), &Limits::default()).unwrap());
}
