//! One board kept in many ways: as editors and their makers put records into Yjs, and into files.

use std::fs;

use scrible_exporter::options::{Options, PageChoice};

use super::files::{bytes, data};
use super::{scene, write};

/// All layouts of a folder give the same bytes on these pages.
fn are_alike(folder: &str, pages: usize) {
    let folder = data(folder);
    let files = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files
        .filter(|path| {
            path.extension()
                .is_some_and(|it| it == "bin" || it == "tldr")
        })
        .collect();
    files.sort();
    assert!(files.len() >= 13, "{files:?}");
    for page in 1..=pages {
        let options = Options {
            page: PageChoice::Number(page),
            ..Options::default()
        };
        let draw = |path| write(&scene(&bytes(path), &options).unwrap());
        let first = draw(&files[0]);
        for file in &files[1..] {
            assert!(
                draw(file) == first,
                "{} and {} differ on page {page}",
                file.display(),
                files[0].display()
            );
        }
    }
}

#[test]
fn a_flowchart_is_the_same_in_all_layouts() {
    are_alike("layouts/board-flowchart", 1);
}

#[test]
fn a_mixed_board_is_the_same_in_all_layouts() {
    are_alike("../../../crates/board/tests/data/layouts/board-mixed", 1);
}

#[test]
fn pages_are_the_same_in_all_layouts() {
    are_alike("../../../crates/board/tests/data/layouts/pages-several", 3);
}
