//! Mutated messages: of every kind, inside of a sound frame and with it.
//!
//! It does not know who sends them. The rule: all from the random source.

use scrible_wire::{Clocks, Limits, awareness, message};

use super::support::{self, Random, mutate};

/// Where the bytes go.
#[derive(Debug, Clone, Copy)]
pub enum Entry {
    Step1,
    Step2,
    Update,
    Awareness,
    Query,
    Auth,
    Unknown,
    Frame,
}

pub const ENTRIES: [Entry; 8] = [
    Entry::Step1,
    Entry::Step2,
    Entry::Update,
    Entry::Awareness,
    Entry::Query,
    Entry::Auth,
    Entry::Unknown,
    Entry::Frame,
];

const PEOPLE: &[u8] =
    br#"{"user":{"name":"Eve","color":"red"},"cursor":{"x":1.5,"y":[null,"\u00e9"]}}"#;

/// Genuine bytes to change.
pub struct Corpus {
    pub updates: Vec<Vec<u8>>,
    vector: Vec<u8>,
    people: Vec<u8>,
}

impl Corpus {
    /// What clients of one session said.
    pub fn new() -> Self {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/crates/wire/tests/data/sessions.bin"
        );
        let sessions = support::sessions(&std::fs::read(file).expect("the fixture"));
        let session = sessions.into_iter().find(|session| !session.hooks);
        let session = session.expect("one without hooks");
        let mut clocks = Clocks::new();
        clocks
            .take(&session.state, &Limits::default())
            .expect("honest");
        let entry = awareness::Entry {
            client: 1 << 40,
            clock: 7,
            state: Some(PEOPLE),
        };
        Self {
            updates: session.arrivals.into_iter().map(|a| a.update).collect(),
            vector: clocks.state_vector().encode(),
            people: awareness::encode([entry].into_iter()),
        }
    }

    /// A frame for an entry, changed somewhere.
    pub fn frame(&self, entry: Entry, random: &mut Random) -> Vec<u8> {
        let update = &self.updates[random.below(self.updates.len())];
        let mut changed = |honest: &[u8]| {
            let mut bytes = match random.below(12) {
                0 => mutate::noise(random),
                1 => mutate::header(random),
                _ => honest.to_vec(),
            };
            mutate::mutate(&mut bytes, update, random);
            bytes
        };
        match entry {
            Entry::Step1 => message::step1(&changed(&self.vector)),
            Entry::Step2 => message::step2(&changed(update)),
            Entry::Update => message::update(&changed(update)),
            Entry::Awareness => message::awareness(&changed(&self.people)),
            Entry::Query => [vec![3], changed(&[])].concat(),
            Entry::Auth => [vec![2], changed(&[0, 3, b'w', b'h', b'y'])].concat(),
            Entry::Unknown => [vec![100], changed(&[1, 2, 3])].concat(),
            Entry::Frame => changed(
                &[
                    message::step1(&self.vector),
                    message::awareness(&self.people),
                    message::step2(update),
                    message::update(update),
                ]
                .concat(),
            ),
        }
    }
}
