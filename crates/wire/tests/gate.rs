//! The rules of the gate, one test each: what is refused, for which reason, and what only looks odd and passes.
//!
//! It does not touch clocks. The rule: each refused update here differs from an accepted one in a single point.

mod support;

use scrible_wire::{Limits, Reason, Scan, scan};
use support::build::*;

fn facts(update: &[u8]) -> Scan {
    scan(update, &Limits::default()).unwrap_or_else(|e| panic!("{e}: {update:?}"))
}

fn reason(update: &[u8]) -> Reason {
    match scan(update, &Limits::default()) {
        Ok(_) => panic!("passed: {update:?}"),
        Err(e) => {
            assert!(e.at <= update.len());
            e.reason
        }
    }
}

/// Client 1 brings this from clock 5 on.
fn single(structure: Vec<u8>) -> Vec<u8> {
    update(&[(1, 5, &[structure])], &[])
}

/// Client 1 brings this content at a plain place.
fn of(kind: u8, content: &[u8]) -> Vec<u8> {
    single(item(&Place::default(), kind, content))
}

fn at(place: Place<'_>) -> Vec<u8> {
    single(item(&place, STRING, &text("x")))
}

#[test]
fn an_empty_update_passes() {
    assert_eq!(facts(&[0, 0]), Scan::default());
    assert_eq!(reason(&[]), Reason::Truncated);
    assert_eq!(reason(&[0]), Reason::Truncated);
}

#[test]
fn each_kind_takes_its_clocks() {
    let any = [2, 126, 119, 1, b'x'];
    for (content, clocks) in [
        (of(DELETED, &numbers(&[7])), 7),
        (of(BINARY, &bytes(&[])), 1),
        (of(STRING, &text("abc")), 3),
        (of(EMBED, &text(r#"{"a":[1]}"#)), 1),
        (of(FORMAT, &[text("bold"), text("true")].concat()), 1),
        (of(TYPE, &[0]), 1),
        (of(TYPE, &[1]), 1),
        (of(TYPE, &[2]), 1),
        (of(TYPE, &[&[3][..], &text("div")].concat()), 1),
        (of(TYPE, &[4]), 1),
        (of(TYPE, &[&[5][..], &text("hook")].concat()), 1),
        (of(TYPE, &[6]), 1),
        (of(ANY, &any), 2),
        (of(DOC, &[text("guid"), vec![118, 0]].concat()), 1),
        (single(gc(9)), 9),
        (single(skip(9)), 9),
    ] {
        let facts = facts(&content);
        let list = facts.lists[0];
        assert_eq!((list.client, list.start, list.end), (1, 5, 5 + clocks));
        assert_eq!((list.structs, facts.structs), (1, 1));
    }
}

#[test]
fn text_is_counted_in_utf16_units() {
    for text in ["a", "é", "日本", "😀", "a😀é\u{10ffff}", "\u{feff}x", "👩‍👩‍👧"]
    {
        let list = facts(&of(STRING, &self::text(text))).lists[0];
        assert_eq!(
            (list.end - list.start) as usize,
            text.encode_utf16().count()
        );
    }
}

#[test]
fn what_an_update_holds_is_flagged() {
    let plain = facts(&of(STRING, &text("x")));
    assert!(!plain.has_bigint && !plain.has_format && !plain.has_subdoc);
    assert!(!plain.has_skip && !plain.has_hook);
    let bigint = [&[1, 117, 1, 122][..], &[0; 8]].concat();
    assert!(facts(&of(ANY, &bigint)).has_bigint);
    let options = [text("guid"), vec![118, 1, 1, b'k', 122], vec![0; 8]].concat();
    let facts_of_doc = facts(&of(DOC, &options));
    assert!(facts_of_doc.has_subdoc && facts_of_doc.has_bigint);
    assert!(facts(&of(FORMAT, &[text("b"), text("1")].concat())).has_format);
    assert!(facts(&of(TYPE, &[&[5][..], &text("hook")].concat())).has_hook);
    assert!(facts(&update(&[(1, 0, &[gc(1), skip(1), gc(1)])], &[])).has_skip);
}

#[test]
fn a_key_is_written_only_where_there_is_no_origin() {
    // With a key and an origin, bit 0x20 is set and no key follows: reading one would eat the content.
    for place in [
        Place {
            key: Some("k"),
            ..Place::default()
        },
        Place {
            key: Some("k"),
            parent: Some((2, 3)),
            ..Place::default()
        },
        Place {
            key: Some("k"),
            left: Some((2, 3)),
            ..Place::default()
        },
        Place {
            key: Some("k"),
            right: Some((2, 3)),
            ..Place::default()
        },
        Place {
            key: Some("k"),
            left: Some((2, 3)),
            right: Some((2, 4)),
            ..Place::default()
        },
    ] {
        let update = update(&[(1, 5, &[item(&place, STRING, &text("ab")), gc(1)])], &[]);
        assert_eq!(facts(&update).lists[0].end, 8);
    }
    // Without the bit a parent by id is followed by the content at once.
    let update = update(&[(1, 5, &[inside((2, 3), "ab"), gc(1)])], &[]);
    assert_eq!(facts(&update).lists[0].end, 8);
}

#[test]
fn kinds_that_are_not_of_yjs_v1_are_refused() {
    assert_eq!(
        reason(&of(JSON, &[&[1][..], &text("1")].concat())),
        Reason::Kind
    );
    for kind in 11..=31 {
        assert_eq!(reason(&of(kind, &[1, 1, 1, 1, 1, 1])), Reason::Kind);
    }
}

#[test]
fn gc_and_skip_have_no_other_bits() {
    for kind in [GC, SKIP] {
        for bits in [0x20, 0x40, 0x80] {
            let update = single(vec![kind | bits, 1, 1, 1, 1, 1]);
            assert_eq!(reason(&update), Reason::Info);
        }
    }
}

#[test]
fn nothing_is_empty() {
    for update in [
        single(gc(0)),
        single(skip(0)),
        of(DELETED, &[0]),
        of(STRING, &[0]),
        of(ANY, &[0]),
        // No structs in a list, no clocks in a delete range.
        [&[1, 0, 1, 0][..], &single(gc(1))].concat(),
        update(&[], &[(1, &[(3, 0)])]),
    ] {
        assert_eq!(reason(&update), Reason::Empty);
    }
}

#[test]
fn a_client_comes_once() {
    let twice = update(&[(1, 0, &[gc(1)]), (1, 1, &[gc(1)])], &[]);
    assert_eq!(reason(&twice), Reason::ClientTwice);
    let apart = update(&[(1, 0, &[gc(1)]), (2, 0, &[gc(1)]), (1, 1, &[gc(1)])], &[]);
    assert_eq!(reason(&apart), Reason::ClientTwice);
    let deletes = update(&[], &[(1, &[(0, 1)]), (2, &[(0, 1)]), (1, &[(4, 1)])]);
    assert_eq!(reason(&deletes), Reason::ClientTwice);
    // Any order is fine, and so is a client in both parts.
    let order = update(
        &[(1, 0, &[gc(1)]), (3, 0, &[gc(1)]), (2, 0, &[gc(1)])],
        &[(1, &[(0, 1)])],
    );
    assert_eq!(facts(&order).lists.len(), 3);
}

#[test]
fn items_build_on_their_own_past_only() {
    for clock in [5, 6, 1000] {
        for place in [
            Place {
                left: Some((1, clock)),
                ..Place::default()
            },
            Place {
                right: Some((1, clock)),
                ..Place::default()
            },
            Place {
                parent: Some((1, clock)),
                ..Place::default()
            },
            Place {
                left: Some((1, 2)),
                right: Some((1, clock)),
                ..Place::default()
            },
        ] {
            assert_eq!(reason(&at(place)), Reason::OwnFuture);
        }
    }
    facts(&at(Place {
        left: Some((1, 4)),
        right: Some((1, 3)),
        ..Place::default()
    }));
    // Another client's clocks tell nothing by themselves.
    facts(&at(Place {
        left: Some((2, 1000)),
        ..Place::default()
    }));
    // The second struct of a list may build on the first.
    facts(&update(&[(1, 5, &[first("ab"), after((1, 6), "c")])], &[]));
    let update = update(&[(1, 5, &[first("ab"), after((1, 7), "c")])], &[]);
    assert_eq!(reason(&update), Reason::OwnFuture);
}

#[test]
fn g2_bytes_are_used_up() {
    let good = update(&[(1, 0, &[first("abc")])], &[(1, &[(0, 1)])]);
    facts(&good);
    assert_eq!(reason(&[&good[..], &[0]].concat()), Reason::Trailing);
    for end in 0..good.len() {
        let reason = reason(&good[..end]);
        assert!(
            matches!(reason, Reason::Truncated | Reason::Count),
            "{reason:?} at {end}"
        );
    }
}

#[test]
fn clients_are_below_2_to_the_53() {
    let max = (1 << 53) - 1;
    facts(&update(&[(max, 0, &[first("x")])], &[(max, &[(0, 1)])]));
    let above = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
    let list = [&[1, 1][..], &above, &[0, 0, 1, 0]].concat();
    assert_eq!(reason(&list), Reason::Client);
    let deletes = [&[0, 1][..], &above, &[1, 0, 1]].concat();
    assert_eq!(reason(&deletes), Reason::Client);
    let origin = [&[1, 1, 1, 5, 0x84][..], &above, &[0, 1, b'x', 0]].concat();
    assert_eq!(reason(&origin), Reason::Client);
}

#[test]
fn clocks_and_their_ends_are_below_2_to_the_31() {
    let max = (1 << 31) - 1;
    facts(&update(&[(1, max - 1, &[gc(1)])], &[(1, &[(max - 1, 1)])]));
    for update in [
        update(&[(1, max, &[gc(1)])], &[]),
        update(&[(1, max + 1, &[gc(1)])], &[]),
        update(&[(1, 0, &[gc(max + 1)])], &[]),
        update(&[(1, 0, &[gc(max - 1), gc(1), gc(1)])], &[]),
        update(&[(1, 0, &[skip(max - 1), skip(2)])], &[]),
        update(&[(1, max - 1, &[first("ab")])], &[]),
        update(
            &[(1, max - 1, &[item(&Place::default(), ANY, &[2, 126, 126])])],
            &[],
        ),
        update(
            &[(1, 1, &[item(&Place::default(), DELETED, &numbers(&[max]))])],
            &[],
        ),
        update(&[], &[(1, &[(max, 1)])]),
        update(&[], &[(1, &[(0, max + 1)])]),
        // 2^32 - 1, which others add to a clock and wrap around.
        update(&[(1, 1, &[gc(u64::from(u32::MAX))])], &[]),
        at(Place {
            left: Some((2, max + 1)),
            ..Place::default()
        }),
    ] {
        assert_eq!(reason(&update), Reason::Clock);
    }
}

#[test]
fn shared_types_beyond_6_are_refused() {
    for kind in 7..=20 {
        assert_eq!(reason(&of(TYPE, &[kind])), Reason::TypeRef);
    }
    // yrs reads a single byte here, Yjs a number of any length.
    assert_eq!(reason(&of(TYPE, &[0x81, 0x00])), Reason::TypeRef);
}

#[test]
fn options_of_sub_documents_are_a_map() {
    for options in [&[126][..], &[127], &[125, 1], &[117, 0], &[119, 0]] {
        let update = of(DOC, &[&text("guid"), options].concat());
        assert_eq!(reason(&update), Reason::Tag);
    }
}

#[test]
fn parent_information_is_0_or_1() {
    for information in [2, 3, 127] {
        let structure = vec![STRING, information, 1, 1, 1, b'x'];
        assert_eq!(reason(&single(structure)), Reason::ParentInfo);
    }
}

#[test]
fn all_text_is_utf8() {
    let bad = bytes(&[0xed, 0xa0, 0x80]);
    let root = single([&[STRING, 1][..], &bad, &text("x")].concat());
    let key = single([&[STRING | 0x20, 1][..], &text("t"), &bad, &text("x")].concat());
    for update in [
        of(STRING, &bad),
        of(EMBED, &bad),
        of(FORMAT, &[bad.clone(), text("1")].concat()),
        of(TYPE, &[&[3][..], &bad].concat()),
        of(DOC, &[bad.clone(), vec![118, 0]].concat()),
        of(ANY, &[&[1, 119][..], &bad].concat()),
        of(ANY, &[&[1, 118, 1][..], &bad, &[126]].concat()),
        root,
        key,
    ] {
        assert_eq!(reason(&update), Reason::Utf8);
    }
    // Binary is anything.
    facts(&of(BINARY, &bad));
}

#[test]
fn embeds_and_marks_are_json() {
    for bad in ["", "undefined", "{", "1 2", "NaN"] {
        assert_eq!(reason(&of(EMBED, &text(bad))), Reason::Json);
        assert_eq!(
            reason(&of(FORMAT, &[text("b"), text(bad)].concat())),
            Reason::Json
        );
    }
}

#[test]
fn values_are_of_bounded_depth() {
    let nested = |depth: usize| [&[1][..], &[117, 1].repeat(depth - 1), &[117, 0]].concat();
    facts(&of(ANY, &nested(64)));
    assert_eq!(reason(&of(ANY, &nested(65))), Reason::Depth);
    assert_eq!(reason(&of(ANY, &nested(200_000))), Reason::Depth);
    let json = |depth: usize| text(&("[".repeat(depth) + &"]".repeat(depth)));
    facts(&of(EMBED, &json(64)));
    assert_eq!(reason(&of(EMBED, &json(65))), Reason::Depth);
    let options = [text("guid"), vec![118, 1, 0], nested(64)[1..].to_vec()].concat();
    assert_eq!(reason(&of(DOC, &options)), Reason::Depth);
}

#[test]
fn g1_counts_fit_the_remaining_bytes() {
    let huge = numbers(&[1 << 40]);
    for update in [
        huge.clone(),
        [&[1][..], &huge, &[1, 0]].concat(),
        of(ANY, &huge),
        [&[0][..], &huge].concat(),
        [&[0, 1, 1][..], &huge].concat(),
        // One more than there is room for.
        vec![2, 1, 1, 0, 0, 1, 0],
    ] {
        assert_eq!(reason(&update), Reason::Count);
    }
    for update in [of(BINARY, &huge), of(STRING, &huge)] {
        assert_eq!(reason(&update), Reason::Truncated);
    }
}

#[test]
fn counts_are_held_to_the_limits() {
    let limits = Limits {
        clients_per_update: 2,
        delete_ranges_per_update: 3,
        ..Limits::default()
    };
    let lists = |n: u64| (1..=n).map(|client| (client, 0, gc(1))).collect::<Vec<_>>();
    let build = |n: u64| {
        let lists = lists(n);
        let lists: Vec<List<'_>> = lists
            .iter()
            .map(|(client, clock, s)| (*client, *clock, std::slice::from_ref(s)))
            .collect();
        update(&lists, &[])
    };
    assert!(scan(&build(2), &limits).is_ok());
    assert_eq!(
        scan(&build(3), &limits).unwrap_err().reason,
        Reason::TooMany
    );
    let good = update(&[], &[(1, &[(0, 1), (2, 1)]), (2, &[(0, 1)])]);
    assert!(scan(&good, &limits).is_ok());
    let bad = update(&[], &[(1, &[(0, 1), (2, 1)]), (2, &[(0, 1), (2, 1)])]);
    assert_eq!(scan(&bad, &limits).unwrap_err().reason, Reason::TooMany);
}

#[test]
fn numbers_need_not_be_minimal() {
    let plain = [1, 1, 7, 0, 0, 3, 0];
    let padded = [
        0x81, 0x00, 0x81, 0x80, 0x00, 0x87, 0x00, 0x80, 0x00, 0, 0x83, 0x00, 0x80, 0x00,
    ];
    let (mut plain, mut padded) = (facts(&plain), facts(&padded));
    for scan in [&mut plain, &mut padded] {
        (scan.lists[0].at, scan.lists[0].end_at) = (0, 0);
    }
    assert_eq!(plain, padded);
}

#[test]
fn delete_ranges_are_reported_as_they_stand() {
    let update = update(&[], &[(9, &[(5, 2), (0, 1)]), (3, &[(1, 4)])]);
    let deletes = facts(&update).deletes;
    assert_eq!(
        deletes.iter().collect::<Vec<_>>(),
        [(9, &[(5, 7), (0, 1)][..]), (3, &[(1, 5)])]
    );
}
