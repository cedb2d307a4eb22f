//! Each layout by hand, and what must stay as it is.

use super::*;

#[test]
fn nothing_differs_nothing_is_written() {
    let board = Board::new(10);
    board.edit(everything);
    let state = board.state();
    let nothing = restored(one(&state), one(&state));
    assert_eq!(nothing, Restoration::default());
    assert_eq!(restored(&[], &[]), Restoration::default());
    // Neither if it came about differently.
    let other = Board::new(11);
    other.edit(|board, txn| {
        board.map.insert(txn, "gone", 1);
        board.map.remove(txn, "gone");
        everything(board, txn);
    });
    assert_eq!(restored(&[state], &[other.state()]).update, None);
}

#[test]
fn an_empty_doc_and_a_full_one_become_each_other() {
    let full = Board::new(10);
    full.edit(everything);
    let full = full.state();
    let filled = restored(&[], one(&full));
    assert!(filled.changes > 10);
    let emptied = restored(one(&full), &[]);
    assert!(emptied.changes > 10);
    assert!(bytes_of(&emptied) < 64, "deletions only");
    restored(
        &[full.clone(), emptied.update.unwrap()],
        &[filled.update.unwrap()],
    );
}

#[test]
fn maps_are_restored_key_by_key_and_what_is_equal_is_not_touched() {
    let restoration = undo(everything, |board, txn| {
        let Some(Out::YMap(inner)) = board.map.get(txn, "inner") else {
            panic!("inner is a map");
        };
        inner.insert(txn, "x", 2);
        inner.insert(txn, "new", "y");
        board.map.remove(txn, "plain");
    });
    assert_eq!(restoration.changes, 3);
    assert!(bytes_of(&restoration) < 100);
}

#[test]
fn a_type_in_place_of_a_value_and_the_other_way_round() {
    let restoration = undo(
        |board, txn| {
            board.map.insert(txn, "a", 1);
            board.map.insert(txn, "b", ArrayPrelim::from([1]));
            board.map.insert(txn, "c", TextPrelim::new("c"));
        },
        |board, txn| {
            board.map.insert(txn, "a", MapPrelim::from([("k", "v")]));
            board.map.insert(txn, "b", 1);
            board.map.insert(txn, "c", MapPrelim::from([("k", "v")]));
        },
    );
    assert_eq!(restoration.changes, 3);
}

#[test]
fn entries_of_a_key_value_list_are_restored_by_key() {
    let restoration = undo(
        |board, txn| {
            for n in 0..1_000 {
                let val =
                    any!({"id": n, "x": 10, "props": {"text": "some text", "color": "black"}});
                board.kv.push_back(txn, entry(&format!("shape:{n}"), val));
            }
        },
        |board, txn| {
            // As YKeyValue does: the old entry goes, the new one comes at the end.
            for n in [500, 3] {
                board.kv.remove(txn, n);
                board
                    .kv
                    .push_back(txn, entry(&format!("shape:{n}"), any!({"x": 11})));
            }
            board.kv.remove(txn, 600);
            board.kv.push_back(txn, entry("shape:new", any!({"x": 1})));
        },
    );
    assert_eq!(restoration.changes, 4);
    assert!(bytes_of(&restoration) < 500);
}

#[test]
fn of_entries_with_one_key_the_last_one_counts() {
    let board = Board::new(10);
    let first = board.edit(|board, txn| {
        board.kv.push_back(txn, entry("a", 1.into()));
        board.kv.push_back(txn, entry("b", 1.into()));
    });
    // The order differs and there are two of `a`, but it shows the same.
    let other = Board::new(11);
    let same = other.edit(|board, txn| {
        board.kv.push_back(txn, entry("b", 1.into()));
        board.kv.push_back(txn, entry("a", 2.into()));
        board.kv.push_back(txn, entry("a", 1.into()));
    });
    assert_eq!(restored(one(&same), one(&first)).update, None);
    let winner_differs = other.edit(|board, txn| {
        board.kv.push_back(txn, entry("a", 3.into()));
    });
    let restoration = restored(&[same, winner_differs], &[first]);
    assert_eq!(restoration.changes, 1);
}

#[test]
fn lists_are_restored_by_the_least_that_must_go_and_come() {
    let restoration = undo(
        |board, txn| board.array.insert_range(txn, 0, 0..200),
        |board, txn| {
            board.array.insert(txn, 150, "x");
            board.array.remove_range(txn, 100, 2);
            board.array.insert(txn, 50, "y");
        },
    );
    assert_eq!(restoration.changes, 4);
    assert!(bytes_of(&restoration) < 64);
}

/// The branch ids of the types in a list.
fn ids(board: &Board) -> Vec<String> {
    let txn = board.doc.transact();
    let types: Vec<Out> = board.array.iter(&txn).collect();
    types
        .iter()
        .filter_map(|out| Some(format!("{:?}", out.try_branch()?.id())))
        .collect()
}

#[test]
fn types_with_an_id_stay_the_type_of_that_id() {
    let board = Board::new(10);
    board.edit(|board, txn| {
        for id in ["a", "b", "c", "d"] {
            board
                .array
                .push_back(txn, MapPrelim::from([("id", id), ("color", "red")]));
        }
    });
    let (before, target) = (ids(&board), board.state());
    board.edit(|board, txn| {
        for (at, color) in [(1, "blue"), (3, "green")] {
            let Some(Out::YMap(shape)) = board.array.get(txn, at) else {
                panic!("a shape is a map");
            };
            shape.insert(txn, "color", color);
        }
        board.array.remove(txn, 0);
        let new = MapPrelim::from([("id", "new"), ("color", "red")]);
        board.array.insert(txn, 1, new);
    });
    let restoration = restored(&[board.state()], &[target]);
    assert_eq!(restoration.changes, 4, "two colors, one shape each way");
    board.apply(&restoration.update.unwrap());
    assert_eq!(
        ids(&board)[1..],
        before[1..],
        "b, c and d are what they were"
    );
}

#[test]
fn types_without_an_id_are_turned_into_what_is_most_alike() {
    let board = Board::new(10);
    let paragraph = |board: &Board, txn: &mut TransactionMut<'_>, at, words: &str| {
        let paragraph = board.xml.insert(txn, at, XmlElementPrelim::empty("p"));
        paragraph.push_back(txn, XmlTextPrelim::new(words));
    };
    board.edit(|board, txn| {
        paragraph(board, txn, 0, "the quick brown fox jumps over the lazy dog");
        paragraph(board, txn, 1, "and what comes after that");
    });
    let target = board.state();
    let elements = |board: &Board| -> Vec<_> {
        let txn = board.doc.transact();
        board.xml.children(&txn).map(|child| child.id()).collect()
    };
    let before = elements(&board);
    board.edit(|board, txn| {
        paragraph(board, txn, 0, "something new above");
        let Some(XmlOut::Element(fox)) = board.xml.get(txn, 1) else {
            panic!("a paragraph");
        };
        let Some(XmlOut::Text(words)) = fox.get(txn, 0) else {
            panic!("a text");
        };
        words.remove_range(txn, 4, 6);
        words.format(txn, 0, 3, marks(&[("bold", true.into())]));
    });
    let restoration = restored(&[board.state()], &[target]);
    assert_eq!(restoration.changes, 3, "a paragraph, a word and a mark");
    board.apply(&restoration.update.unwrap());
    assert_eq!(elements(&board), before);
}

#[test]
fn texts_are_restored_by_character_and_mark() {
    let first = |board: &Board, txn: &mut TransactionMut<'_>| {
        board
            .text
            .insert(txn, 0, &"All work and no play. ".repeat(100));
        board
            .text
            .format(txn, 4, 4, marks(&[("bold", true.into())]));
    };
    let restoration = undo(first, |board, txn| {
        board.text.format(txn, 4, 4, marks(&[("bold", Any::Null)]));
        board
            .text
            .format(txn, 100, 7, marks(&[("em", true.into())]));
        board.text.insert(txn, 1_000, "dull");
        board.text.remove_range(txn, 2_000, 3);
    });
    assert_eq!(restoration.changes, 4);
    assert!(bytes_of(&restoration) < 200);

    let restoration = undo(first, |board, txn| {
        board
            .text
            .insert_with_attributes(txn, 6, "rdwo", marks(&[("bold", true.into())]));
    });
    assert_eq!(restoration.changes, 1);
}

#[test]
fn characters_beyond_the_basic_plane_are_not_cut() {
    undo(
        |board, txn| board.text.insert(txn, 0, "a\u{1F600}b\u{1F601}c"),
        |board, txn| {
            board.text.remove_range(txn, 1, 2);
            board.text.insert(txn, 0, "\u{1F603}");
            board.text.format(txn, 3, 2, marks(&[("b", true.into())]));
        },
    );
    // Both halves of these are equal in one and differ in the other.
    undo(
        |board, txn| board.text.insert(txn, 0, "\u{1F600}\u{1F601}"),
        |board, txn| {
            board.text.remove_range(txn, 0, 4);
            board.text.insert(txn, 0, "\u{1F601}\u{1FA01}");
        },
    );
}

#[test]
fn types_in_a_text_are_gone_into() {
    let restoration = undo(
        |board, txn| {
            board.text.insert(txn, 0, "before  after");
            let table = board.text.insert_embed(txn, 7, MapPrelim::default());
            for n in 0..100 {
                table.insert(txn, format!("cell {n}"), "some content of a cell");
            }
        },
        |board, txn| {
            let embeds: Vec<Out> = board
                .text
                .diff(txn, YChange::identity)
                .into_iter()
                .map(|diff| diff.insert)
                .collect();
            let Out::YMap(table) = &embeds[1] else {
                panic!("a table between texts");
            };
            table.insert(txn, "cell 7", "other");
            board
                .text
                .insert_embed(txn, 0, XmlTextPrelim::new("a new one"));
            board.text.insert(txn, 3, "words");
        },
    );
    assert_eq!(restoration.changes, 3);
    assert!(bytes_of(&restoration) < 100);
}

#[test]
fn edits_that_are_made_meanwhile_stay() {
    let board = Board::new(10);
    board.edit(everything);
    let target = board.state();
    board.edit(|board, txn| {
        let Some(Out::YMap(inner)) = board.map.get(txn, "inner") else {
            panic!("inner is a map");
        };
        inner.insert(txn, "x", 99);
        board.array.insert(txn, 1, "late");
        board.kv.remove(txn, 0);
        board.kv.push_back(txn, entry("shape:1", any!({"x": 99})));
        board.text.insert(txn, 0, "Late. ");
    });
    let current = board.state();
    let restoration = restored(one(&current), &[target]);
    let meanwhile = Board::of(77, one(&current)).edit(|board, txn| {
        let Some(Out::YMap(inner)) = board.map.get(txn, "inner") else {
            panic!("inner is a map");
        };
        inner.insert(txn, "color", "red");
        board.array.push_back(txn, "meanwhile");
        board.kv.push_back(txn, entry("shape:9", any!({"x": 9})));
        let end = board.text.len(txn);
        board.text.insert(txn, end, " More.");
    });
    let update = restoration.update.unwrap();
    let one = Board::of(1, &[current.clone(), update.clone(), meanwhile.clone()]);
    let other = Board::of(2, &[current, meanwhile, update]);
    let shown = one.shown();
    assert_eq!(shown, other.shown());
    assert_eq!(shown["map"]["inner"]["map"]["color"], "red");
    assert_eq!(shown["map"]["inner"]["map"]["x"], 1.0);
    assert!(
        shown["array"]
            .as_array()
            .unwrap()
            .contains(&json!("meanwhile"))
    );
    assert!(!shown["array"].as_array().unwrap().contains(&json!("late")));
    assert_eq!(shown["kv"]["\"shape:9\""], json!({"x": 9.0}));
    assert_eq!(shown["kv"]["\"shape:1\""]["x"], 1.5);
    let text = shown["text"].to_string();
    assert!(text.contains(" More.") && !text.contains("Late"), "{text}");
}
