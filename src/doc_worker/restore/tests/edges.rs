//! Values that few write, what cannot be brought back, and what is refused.

use super::*;

#[test]
fn values_keep_their_kind() {
    undo(
        |board, txn| {
            let values = [
                Any::Undefined,
                Any::Null,
                Any::from(f64::INFINITY),
                Any::from(9007199254740991.0),
                Any::from(1e300),
                Any::from(0.1),
                Any::from(vec![1u8, 2, 3]),
                any!({"nested": [{"deep": []}]}),
            ];
            for (at, value) in values.into_iter().enumerate() {
                board.map.insert(txn, format!("{at}"), value.clone());
                board.array.insert_range(txn, at as u32, [value]);
            }
        },
        |board, txn| {
            board.map.clear(txn);
            board.array.remove_range(txn, 0, 8);
        },
    );
}

#[test]
fn bigints_and_minus_zero_come_back_byte_for_byte() {
    // A map's "k": [-0, 2^53 + 1 as BigInt, 5 as BigInt], which yrs would write as 0, a BigInt and 5.
    let value = [
        &[117, 3, 125, 0x40, 122, 0, 0x20, 0, 0, 0, 0, 0, 1][..],
        &[122, 0, 0, 0, 0, 0, 0, 0, 5],
    ]
    .concat();
    let set = [
        &[1, 1, 7, 0, 0x28, 1, 3, b'm', b'a', b'p', 1, b'k', 1][..],
        &value,
        &[0],
    ]
    .concat();
    let with: Bytes = set.into();
    let update = restore(&[], one(&with)).unwrap().update.unwrap();
    assert!(update.windows(value.len()).any(|bytes| bytes == value));
    assert_eq!(restore(&[update], &[with]).unwrap(), Restoration::default());
}

#[test]
fn hooks_come_back() {
    // In a root: a hook "h" with an entry "k", and nothing else.
    let hook = [0x07, 1, 1, b'x', 5, 1, b'h'];
    let entry = [0x28, 0, 7, 0, 1, b'k', 1, 120];
    let with: Bytes = [&[1, 2, 7, 0][..], &hook, &entry, &[0]].concat().into();
    let update = restore(&[], one(&with)).unwrap().update.unwrap();
    assert!(update.windows(3).any(|bytes| bytes == [5, 1, b'h']));
    assert_eq!(restore(&[update], &[with]).unwrap(), Restoration::default());
}

#[test]
fn sub_documents_are_equal_by_name_and_said_when_they_are_not() {
    let with = Board::new(10);
    let sub = Doc::with_options(Options::with_guid_and_client_id(
        "sub".into(),
        ClientID::new(5),
    ));
    let base = with.edit(|board, txn| {
        board.map.insert(txn, "doc", sub);
        board.map.insert(txn, "x", 1);
    });
    let moved = with.edit(|board, txn| {
        board.map.insert(txn, "x", 2);
    });
    let removed = with.edit(|board, txn| drop(board.map.remove(txn, "doc")));
    // It is still there: nothing to say.
    let restoration = restored(&[base.clone(), moved.clone()], one(&base));
    assert_eq!(restoration.changes, 1);
    // It is not: everything else comes back.
    let current = [base.clone(), moved, removed];
    let restoration = restore(&current, &[base]).unwrap();
    assert_eq!(
        restoration.left,
        ["root \"map\", \"doc\" was the sub-document sub, which cannot be made again"]
    );
    let after = Board::of(1, &current);
    after.apply(&restoration.update.unwrap());
    assert_eq!(after.shown()["map"], json!({"x": 1.0}));
}

#[test]
fn roots_that_are_another_type_now_are_left_and_said() {
    let named = |make: fn(&Doc, &str)| -> Bytes {
        let board = Board::new(10);
        make(&board.doc, "x");
        board.state()
    };
    let a_map = named(|doc, name| {
        let map = doc.get_or_insert_map(name);
        map.insert(&mut doc.transact_mut(), "k", 1);
    });
    let a_list = named(|doc, name| {
        let list = doc.get_or_insert_array(name);
        list.push_back(&mut doc.transact_mut(), 1);
    });
    let a_text = named(|doc, name| {
        let text = doc.get_or_insert_text(name);
        text.push(&mut doc.transact_mut(), "t");
    });
    for (current, target, now, then) in [
        (&a_map, &a_list, "a map", "a list"),
        (&a_list, &a_text, "a list", "text"),
        (&a_text, &a_map, "text", "a map"),
    ] {
        let restoration = restore(one(current), one(target)).unwrap();
        assert_eq!(restoration.update, None);
        assert_eq!(
            restoration.left,
            [format!(
                "root \"x\" is {now} now and was {then} then, and one cannot become the other"
            )]
        );
    }
}

#[test]
fn docs_that_lack_something_are_refused() {
    let board = Board::new(10);
    board.edit(|board, txn| {
        board.map.insert(txn, "k", 1);
    });
    let later = board.edit(|board, txn| {
        board.map.insert(txn, "k", 2);
    });
    assert!(restore(one(&later), &[]).is_err());
    assert!(restore(&[], &[later]).is_err());
    assert!(restore(&[Bytes::from_static(b"nonsense")], &[]).is_err());
}

#[test]
fn depth_is_taken_to_a_thousand_and_refused_beyond() {
    let nested = |depth: usize| -> Bytes {
        let board = Board::new(10);
        board.edit(|board, txn| {
            let mut map = board.map.insert(txn, "m", MapPrelim::default());
            for _ in 1..depth {
                map = map.insert(txn, "m", MapPrelim::default());
            }
            map.insert(txn, "leaf", depth as u32);
        })
    };
    let honest = nested(990);
    let planted = restore(&[], one(&honest)).unwrap();
    let again = restore(&[planted.update.unwrap()], &[honest]).unwrap();
    assert_eq!(again, Restoration::default());
    let why = restore(&[], &[nested(1_001)]).unwrap_err();
    assert_eq!(why, "its types are nested deeper than 1000 levels");
}

#[test]
fn lengths_that_yrs_has_wrong_do_no_harm() {
    // After wrapping, yrs believes in other lengths than there are.
    let board = Board::new(10);
    board.edit(everything);
    let target = board.state();
    board.edit(|board, txn| {
        board.array.remove(txn, 1);
        board.kv.remove(txn, 0);
        board.xml.remove(txn, 0);
    });
    let current = seal::seal(&board.state()).unwrap();
    let target = seal::seal(&target).unwrap();
    let doc = open(&current).unwrap();
    let mut txn = doc.transact_mut();
    for (_, mut root) in crate::doc_worker::roots::roots(&txn) {
        (root.content_len, root.block_len) = (1, u32::MAX);
    }
    let mut classes = Classes::new();
    let target_doc = open(&target).unwrap();
    let target = read::read(&target_doc.transact(), &mut classes).unwrap();
    let plan = compare(&txn, &target, &mut classes).unwrap();
    assert_eq!(plan.changes, 3);
    apply::apply(&mut txn, &plan.edits, &target, &classes);
    let plan = compare(&txn, &target, &mut classes).unwrap();
    assert!(plan.edits.is_empty());
}

#[test]
fn the_update_is_of_one_new_client_and_deletes_only_what_it_must() {
    let board = Board::new(10);
    board.edit(|board, txn| {
        board.array.insert_range(txn, 0, 0..100);
        board.map.insert(txn, "k", 1);
    });
    let target = board.state();
    board.edit(|board, txn| {
        for at in (0..100).step_by(2).rev() {
            board.array.remove(txn, at);
        }
    });
    board.edit(|board, txn| {
        board.map.insert(txn, "k", 2);
    });
    let target_of_one = Board::of(11, &[board.state()]);
    target_of_one.edit(|board, txn| {
        board.map.insert(txn, "k", 1);
    });
    let current = board.state();
    let update = restored(one(&current), &[target_of_one.state()])
        .update
        .unwrap();
    let facts = scan(&update, &Limits::default()).unwrap();
    assert_eq!(facts.lists.len(), 1);
    assert!(facts.lists[0].client < 1 << 53);
    assert_ne!(facts.lists[0].client, 10);
    assert!(
        update.len() < 40,
        "the 50 deletions of others are not in it"
    );
    restored(&[current], &[target]);
}
