//! Reads a whiteboard and says what is on it and how long that took:
//! `cargo run --release -p scrible-board --example read -- board.tldr`
//!
//! Knows files and time, which the crate does not.

use std::collections::BTreeMap;
use std::time::Instant;

use scrible_board::{Board, Limits};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("say which file to read: a .tldr file, a snapshot, or a Yjs update")?;
    let bytes = std::fs::read(path)?;
    let start = Instant::now();
    let board = Board::read(&bytes, &Limits::default())?;
    let took = start.elapsed();
    println!("{:?}", board.origin().root);
    for page in board.pages() {
        println!("{} {:?}", page.id, page.name);
    }
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for shape in board.shapes() {
        *kinds.entry(shape.kind.name()).or_default() += 1;
    }
    println!("{kinds:?}");
    for note in board.notes() {
        println!("{note}");
    }
    println!(
        "{} bytes in {took:?}, {} notes",
        bytes.len(),
        board.note_count()
    );
    let start = Instant::now();
    let file = board.to_tldr();
    println!("{} bytes as .tldr in {:?}", file.len(), start.elapsed());
    Ok(())
}
