//! How long reading a board takes, from the bytes of a document or a file to shapes in their order.
//!
//! The documents are those of the tests, here and in the exporter.

use std::fs;
use std::path::Path;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use scrible_board::{Board, Limits};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Documents of 50 shapes, of handwriting, and of a thousand shapes.
const DOCUMENTS: [&str; 3] = [
    "bench/boards/board-50.bin",
    "exporter/tests/data/golden/board-handwriting/doc.bin",
    "exporter/tests/data/golden/board-1000/doc.bin",
];

/// Shapes that may differ in nothing but where they are kept.
const LAYOUTS: [&str; 4] = ["array-kv.bin", "map-plain.bin", "map-deep.bin", "doc.tldr"];

fn main() {
    divan::main();
}

fn reading(bencher: Bencher, path: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    let (bytes, limits) = (fs::read(path).unwrap(), Limits::default());
    let board = Board::read(&bytes, &limits).unwrap();
    bencher
        .counter(ItemsCount::new(board.shapes().len()))
        .counter(BytesCount::new(bytes.len()))
        .bench(|| Board::read(black_box(&bytes), &limits).unwrap());
}

#[divan::bench(args = DOCUMENTS)]
fn document(bencher: Bencher, path: &str) {
    reading(bencher, path);
}

#[divan::bench(args = LAYOUTS)]
fn layout(bencher: Bencher, name: &str) {
    reading(
        bencher,
        &format!("crates/board/tests/data/layouts/board-mixed/{name}"),
    );
}
