//! What an update means to a room: known, ready or early, struct by struct, and what of it goes to the log.
//!
//! The updates are put together by hand. The rule: each test says what the room has, what comes, and all that follows.

mod support;

use scrible_wire::{Clocks, Limits, Missing, Taken, Taking};
use support::build::*;

/// A room that has taken these, all of them whole.
fn room(updates: &[Vec<u8>]) -> Clocks {
    let mut clocks = Clocks::new();
    for update in updates {
        assert_eq!(take(&mut clocks, update).entry, Taking::Whole, "{update:?}");
    }
    clocks
}

fn take(clocks: &mut Clocks, update: &[u8]) -> Taken {
    clocks
        .take(update, &Limits::default())
        .expect("well formed")
}

fn missing(client: u64, clock: u32) -> Option<Missing> {
    Some(Missing { client, clock })
}

fn part(update: Vec<u8>) -> Taking {
    Taking::Part(update)
}

/// `len` clocks of a client from a clock on, without dependencies.
fn run(client: u64, clock: u64, len: u64) -> Vec<u8> {
    update(&[(client, clock, &[gc(len)])], &[])
}

fn deletes(clocks: &Clocks) -> Vec<(u64, Vec<(u32, u32)>)> {
    let mut deletes: Vec<_> = clocks.deleted().collect();
    deletes.sort_unstable();
    deletes
}

#[test]
fn what_is_new_and_ready_is_taken_whole() {
    let mut clocks = Clocks::new();
    let update = update(
        &[(1, 0, &[first("ab"), after((1, 1), "c")])],
        &[(1, &[(0, 1)])],
    );
    let taken = take(&mut clocks, &update);
    assert_eq!(taken.entry, Taking::Whole);
    assert_eq!(taken.early, None);
    assert_eq!(taken.brought, [(1, 0, 3)]);
    assert!(taken.has_deletes && !taken.has_subdoc && !taken.has_hook && !taken.is_known());
    assert_eq!(
        (clocks.clock(1), clocks.clock(2), clocks.clients()),
        (3, 0, 1)
    );
    assert_eq!(deletes(&clocks), [(1, vec![(0, 1)])]);
}

#[test]
fn what_is_there_is_known() {
    let first = update(&[(1, 0, &[gc(3)])], &[(1, &[(0, 2)])]);
    let mut clocks = room(std::slice::from_ref(&first));
    for update in [
        first,
        run(1, 0, 1),
        run(1, 1, 2),
        update(&[], &[(1, &[(1, 1)])]),
        vec![0, 0],
    ] {
        let taken = take(&mut clocks, &update);
        assert!(taken.is_known(), "{taken:?}");
        assert!(taken.brought.is_empty() && !taken.has_deletes);
    }
}

#[test]
fn known_structs_may_build_on_anything() {
    // A known item refers to client 9, which the room never heard of: it must not hold up what follows.
    let mut clocks = room(&[run(1, 0, 2)]);
    let update = update(&[(1, 0, &[after((9, 100), "ab"), first("c")])], &[]);
    let taken = take(&mut clocks, &update);
    assert_eq!(taken.early, None);
    assert_eq!(
        taken.entry,
        part(self::update(&[(1, 2, &[first("c")])], &[]))
    );
}

#[test]
fn a_list_beyond_the_clock_is_early() {
    let mut clocks = room(&[run(1, 0, 2)]);
    let taken = take(&mut clocks, &run(1, 3, 1));
    assert_eq!((taken.entry, taken.early), (Taking::Nothing, missing(1, 3)));
    let taken = take(&mut clocks, &run(2, 1, 1));
    assert_eq!((taken.entry, taken.early), (Taking::Nothing, missing(2, 1)));
    assert_eq!(clocks.clients(), 1);
}

#[test]
fn items_need_their_neighbours_and_their_parent() {
    for place in [
        Place {
            left: Some((2, 4)),
            ..Place::default()
        },
        Place {
            right: Some((2, 4)),
            ..Place::default()
        },
        Place {
            parent: Some((2, 4)),
            ..Place::default()
        },
        Place {
            parent: Some((2, 4)),
            key: Some("k"),
            ..Place::default()
        },
        Place {
            left: Some((2, 0)),
            right: Some((2, 4)),
            ..Place::default()
        },
    ] {
        let update = update(&[(1, 0, &[item(&place, STRING, &text("x"))])], &[]);
        let mut clocks = room(&[run(2, 0, 4)]);
        let taken = take(&mut clocks, &update);
        assert_eq!((taken.entry, taken.early), (Taking::Nothing, missing(2, 5)));
        assert_eq!(clocks.clock(1), 0);
        let mut clocks = room(&[run(2, 0, 5)]);
        assert_eq!(take(&mut clocks, &update).entry, Taking::Whole);
    }
}

#[test]
fn the_early_part_is_a_suffix_of_each_list() {
    let mut clocks = Clocks::new();
    let update = update(
        &[
            (3, 0, &[first("ab"), after((9, 0), "c"), first("d")]),
            (2, 0, &[after((9, 1), "x")]),
            (1, 0, &[first("y")]),
        ],
        &[],
    );
    let taken = take(&mut clocks, &update);
    assert_eq!(taken.early, missing(9, 1));
    assert_eq!(taken.brought, [(3, 0, 2), (1, 0, 1)]);
    let ready = self::update(&[(3, 0, &[first("ab")]), (1, 0, &[first("y")])], &[]);
    assert_eq!(taken.entry, part(ready));
    // Once that is there, the same update brings the rest.
    take(&mut clocks, &run(9, 0, 2));
    let taken = take(&mut clocks, &update);
    let rest = self::update(
        &[
            (3, 2, &[after((9, 0), "c"), first("d")]),
            (2, 0, &[after((9, 1), "x")]),
        ],
        &[],
    );
    assert_eq!((taken.entry, taken.early), (part(rest), None));
}

#[test]
fn lists_may_build_on_later_lists_and_both_ways() {
    let update = update(
        &[
            (1, 0, &[after((2, 0), "a"), first("b"), after((2, 1), "c")]),
            (2, 0, &[first("x"), after((1, 1), "y"), after((3, 0), "z")]),
            (3, 0, &[after((1, 2), "q")]),
        ],
        &[],
    );
    let mut clocks = Clocks::new();
    let taken = take(&mut clocks, &update);
    assert_eq!((taken.entry, taken.early), (Taking::Whole, None));
    assert_eq!(taken.brought, [(1, 0, 3), (2, 0, 3), (3, 0, 1)]);
}

#[test]
fn circles_stay_early() {
    let update = update(
        &[
            (2, 0, &[first("ok"), after((1, 0), "x")]),
            (1, 0, &[after((2, 2), "y")]),
        ],
        &[],
    );
    let mut clocks = Clocks::new();
    let taken = take(&mut clocks, &update);
    assert_eq!(
        taken.entry,
        part(self::update(&[(2, 0, &[first("ok")])], &[]))
    );
    assert!(taken.early.is_some_and(|missing| !clocks.has(missing)));
}

#[test]
fn a_list_that_waits_for_a_stopped_list_is_early() {
    let update = update(
        &[(2, 0, &[after((1, 0), "x")]), (1, 0, &[after((9, 0), "y")])],
        &[],
    );
    let mut clocks = Clocks::new();
    let taken = take(&mut clocks, &update);
    // What stopped the other list comes first.
    assert_eq!((taken.entry, taken.early), (Taking::Nothing, missing(9, 1)));
    assert_eq!(clocks.clients(), 0);
}

#[test]
fn many_lists_in_a_chain_are_walked_in_linear_time() {
    // Each list waits for the next; the last can start. In quadratic time this would take minutes.
    let count = 60_000;
    let mut structs = Vec::new();
    for client in 1..count {
        structs.push((
            client,
            [first("a"), after((client + 1, 1), "b"), first("c")],
        ));
    }
    structs.push((count, [first("a"), first("b"), first("c")]));
    let lists: Vec<List<'_>> = structs.iter().map(|(c, s)| (*c, 0, s.as_slice())).collect();
    let taken = take(&mut Clocks::new(), &update(&lists, &[]));
    assert_eq!((taken.entry, taken.early), (Taking::Whole, None));
    assert_eq!(taken.brought.len(), count as usize);
    // The same with many lists that wait for far ends of a single one.
    let mut structs = vec![(1, vec![first("x"); count as usize])];
    for client in 2..count {
        structs.push((client, vec![after((1, count - client), "b")]));
    }
    structs.rotate_left(1);
    let lists: Vec<List<'_>> = structs.iter().map(|(c, s)| (*c, 0, s.as_slice())).collect();
    let taken = take(&mut Clocks::new(), &update(&lists, &[]));
    assert_eq!((taken.entry, taken.early), (Taking::Whole, None));
}

#[test]
fn skips_only_cover_what_the_room_has() {
    let update = |from: u64| update(&[(1, 0, &[gc(2), skip(from - 2), gc(3)])], &[]);
    // The gap is covered: what follows is taken, without the Skip.
    let mut clocks = room(&[run(1, 0, 5)]);
    let taken = take(&mut clocks, &update(5));
    assert_eq!((taken.entry, taken.early), (part(run(1, 5, 3)), None));
    // All of it is known.
    assert!(take(&mut clocks, &update(5)).is_known());
    // The gap reaches beyond.
    let taken = take(&mut clocks, &update(10));
    assert_eq!(
        (taken.entry, taken.early),
        (Taking::Nothing, missing(1, 10))
    );
    // The beginning is new, the gap is not covered.
    let mut clocks = Clocks::new();
    let taken = take(&mut clocks, &update(5));
    assert_eq!(
        (taken.entry, taken.early),
        (part(run(1, 0, 2)), missing(1, 5))
    );
    assert_eq!(clocks.clock(1), 2);
}

#[test]
fn a_skip_brings_nothing_by_itself() {
    let mut clocks = Clocks::new();
    let lone = update(&[(1, 0, &[skip(4)])], &[]);
    let taken = take(&mut clocks, &lone);
    assert_eq!((taken.entry, taken.early), (Taking::Nothing, None));
    assert_eq!(clocks.clients(), 0);
    // At the end of what is taken it is left out.
    let trailing = update(&[(1, 0, &[gc(2), skip(4)])], &[]);
    assert_eq!(take(&mut clocks, &trailing).entry, part(run(1, 0, 2)));
}

#[test]
fn a_straddling_struct_is_cut_as_yjs_cuts_it() {
    let all = Place {
        left: Some((2, 1)),
        right: Some((2, 0)),
        key: Some("k"),
        ..Place::default()
    };
    let cut = |right, key| Place {
        left: Some((1, 1)),
        right,
        key,
        ..Place::default()
    };
    let root_with_key = Place {
        key: Some("k"),
        ..Place::default()
    };
    let any = |items: &[u8]| [&[items.len() as u8][..], items].concat();
    let right = Some((2, 0));
    for (whole, rest) in [
        (gc(5), gc(3)),
        (
            item(&all, STRING, &text("abcde")),
            item(&cut(right, Some("k")), STRING, &text("cde")),
        ),
        // The parent goes, as the left neighbour implies it; that there is a key is still said.
        (first("aßcde"), item(&cut(None, None), STRING, &text("cde"))),
        (
            item(&root_with_key, STRING, &text("abcde")),
            item(&cut(None, Some("k")), STRING, &text("cde")),
        ),
        (
            item(&all, DELETED, &numbers(&[5])),
            item(&cut(right, Some("k")), DELETED, &numbers(&[3])),
        ),
        (
            item(&Place::default(), ANY, &any(&[126, 127, 121, 120, 126])),
            item(&cut(None, None), ANY, &any(&[121, 120, 126])),
        ),
        // A pair that is not cut apart stays.
        (first("😀cde"), item(&cut(None, None), STRING, &text("cde"))),
        (first("ab😀e"), item(&cut(None, None), STRING, &text("😀e"))),
    ] {
        let mut clocks = room(&[run(2, 0, 2), run(1, 0, 2)]);
        let taken = take(&mut clocks, &update(&[(1, 0, &[whole])], &[]));
        assert_eq!(taken.entry, part(update(&[(1, 2, &[rest])], &[])));
        assert_eq!(taken.brought, [(1, 2, 5)]);
        assert_eq!(clocks.clock(1), 5);
    }
}

#[test]
fn a_surrogate_pair_that_is_cut_apart_leaves_a_replacement() {
    let place = Place {
        left: Some((1, 1)),
        ..Place::default()
    };
    for (whole, rest) in [
        ("a😀cd", "\u{fffd}cd"),
        ("a😀", "\u{fffd}"),
        ("a😀😀", "\u{fffd}😀"),
    ] {
        let mut clocks = room(&[run(1, 0, 2)]);
        let taken = take(&mut clocks, &update(&[(1, 0, &[first(whole)])], &[]));
        let rest = item(&place, STRING, &text(rest));
        assert_eq!(taken.entry, part(update(&[(1, 2, &[rest])], &[])));
        assert_eq!(clocks.clock(1) as usize, whole.encode_utf16().count());
    }
}

#[test]
fn deletes_are_ready_up_to_the_clock() {
    let mut clocks = room(&[run(1, 0, 4)]);
    let taken = take(&mut clocks, &update(&[], &[(1, &[(2, 5)]), (2, &[(0, 1)])]));
    assert_eq!(taken.entry, part(update(&[], &[(1, &[(2, 2)])])));
    assert_eq!(taken.early, missing(1, 7));
    assert!(taken.has_deletes && taken.brought.is_empty());
    // Only early ones: nothing is taken.
    let taken = take(&mut clocks, &update(&[], &[(2, &[(0, 1)])]));
    assert_eq!((taken.entry, taken.early), (Taking::Nothing, missing(2, 1)));
    assert!(!taken.has_deletes);
    assert_eq!(deletes(&clocks), [(1, vec![(2, 4)])]);
}

#[test]
fn deletes_of_what_the_same_update_brings_are_ready() {
    let mut clocks = Clocks::new();
    let update = update(&[(1, 0, &[first("abc")])], &[(1, &[(1, 2)])]);
    assert_eq!(take(&mut clocks, &update).entry, Taking::Whole);
    assert_eq!(deletes(&clocks), [(1, vec![(1, 3)])]);
}

#[test]
fn known_deletes_are_cut_from_new_structs() {
    // The whole delete set, as every reconnect sends it, with one new struct.
    let mut clocks = room(&[update(&[(1, 0, &[gc(9)])], &[(1, &[(0, 2), (4, 2)])])]);
    let resent = update(&[(1, 9, &[gc(1)])], &[(1, &[(0, 2), (4, 2)])]);
    let taken = take(&mut clocks, &resent);
    assert_eq!(
        (taken.entry, taken.has_deletes),
        (part(run(1, 9, 1)), false)
    );
    // Partly known: what is left of it, sorted and joined.
    let more = update(&[(1, 10, &[gc(1)])], &[(1, &[(7, 1), (0, 6), (6, 1)])]);
    let taken = take(&mut clocks, &more);
    let rest = update(&[(1, 10, &[gc(1)])], &[(1, &[(2, 2), (6, 2)])]);
    assert_eq!((taken.entry, taken.has_deletes), (part(rest), true));
    assert_eq!(deletes(&clocks), [(1, vec![(0, 8)])]);
}

#[test]
fn disordered_deletes_are_put_in_order() {
    let mut clocks = room(&[run(1, 0, 9)]);
    let taken = take(
        &mut clocks,
        &update(&[(2, 0, &[gc(1)])], &[(1, &[(5, 2), (0, 3), (2, 1)])]),
    );
    let ordered = update(&[(2, 0, &[gc(1)])], &[(1, &[(0, 3), (5, 2)])]);
    assert_eq!((taken.entry, taken.early), (part(ordered), None));
}

#[test]
fn new_deletes_stay_when_only_the_structs_are_known() {
    let mut clocks = room(&[run(1, 0, 3), run(2, 0, 3)]);
    let update = update(&[(1, 0, &[gc(3)])], &[(2, &[(0, 1)]), (1, &[(1, 1)])]);
    let taken = take(&mut clocks, &update);
    let rest = self::update(&[], &[(2, &[(0, 1)]), (1, &[(1, 1)])]);
    assert_eq!((taken.entry, taken.early), (part(rest), None));
}

#[test]
fn deletes_of_early_structs_are_early() {
    let mut clocks = Clocks::new();
    let update = update(
        &[(1, 0, &[first("ab"), after((9, 0), "c")])],
        &[(1, &[(0, 1), (2, 1)])],
    );
    let taken = take(&mut clocks, &update);
    let ready = self::update(&[(1, 0, &[first("ab")])], &[(1, &[(0, 1)])]);
    assert_eq!((taken.entry, taken.early), (part(ready), missing(9, 1)));
}

#[test]
fn a_refused_update_changes_nothing() {
    let mut clocks = room(&[update(&[(1, 0, &[gc(3)])], &[(1, &[(0, 1)])])]);
    let good = update(&[(2, 0, &[gc(3)]), (1, 3, &[gc(1)])], &[(1, &[(1, 1)])]);
    for end in 0..good.len() {
        let refused = clocks.take(&good[..end], &Limits::default());
        assert!(refused.is_err(), "{end}");
    }
    let trailing = [&good[..], &[0]].concat();
    assert!(clocks.take(&trailing, &Limits::default()).is_err());
    assert_eq!(
        (clocks.clock(1), clocks.clock(2), clocks.clients()),
        (3, 0, 1)
    );
    assert_eq!(deletes(&clocks), [(1, vec![(0, 1)])]);
}

#[test]
fn sub_documents_and_hooks_are_flagged_where_something_is_taken() {
    let of =
        |kind, content: &[u8]| update(&[(1, 0, &[item(&Place::default(), kind, content)])], &[]);
    let flags = |taken: &Taken| (taken.has_subdoc, taken.has_hook);
    for (update, flagged) in [
        (of(DOC, &[1, b'g', 118, 0]), (true, false)),
        (of(TYPE, &[5, 1, b'h']), (false, true)),
        (of(TYPE, &[3, 1, b'p']), (false, false)),
    ] {
        let mut clocks = Clocks::new();
        assert_eq!(flags(&take(&mut clocks, &update)), flagged);
        assert_eq!(flags(&take(&mut clocks, &update)), (false, false));
    }
}

#[test]
fn the_state_vector_is_what_was_taken() {
    let clocks = room(&[run(1, 0, 4), run(7, 0, 2), run(1, 4, 1)]);
    let vector = clocks.state_vector();
    assert_eq!(vector.encode(), [2, 7, 2, 1, 5]);
    assert_eq!((vector.get(1), vector.get(7), vector.get(2)), (5, 2, 0));
}
