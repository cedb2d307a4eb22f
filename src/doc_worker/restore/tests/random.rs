//! Everything at random: any doc becomes any other one.

use super::*;

/// A seeded random source (xorshift).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.below(2);
        random
    }

    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % u64::from(end)) as u32
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }

    fn key(&mut self) -> &'static str {
        self.of(&["a", "b", "c", "id", "x"])
    }

    fn value(&mut self) -> Any {
        match self.below(7) {
            0 => Any::from(self.below(5)),
            1 => Any::from(f64::from(self.below(9)) / 4.0),
            2 => Any::from(self.words()),
            3 => any!({"x": (self.below(3)), "list": [1, 2]}),
            4 => Any::Bool(self.below(2) == 0),
            5 => Any::from(vec![self.below(255) as u8]),
            _ => Any::Null,
        }
    }

    fn words(&mut self) -> String {
        let words = ["one ", "two ", "\u{1F600}", "é, ", "three\n", "x"];
        (0..=self.below(4)).map(|_| self.of(&words)).collect()
    }

    fn marks(&mut self) -> Attrs {
        let mark = match self.below(4) {
            0 => Any::Null,
            1 => any!({"href": (self.words())}),
            _ => Any::Bool(true),
        };
        marks(&[(self.of(&["bold", "em", "link"]), mark)])
    }

    fn shared(&mut self) -> In {
        match self.below(6) {
            0 => In::from(MapPrelim::from([("id", self.words())])),
            1 => In::from(MapPrelim::default()),
            2 => In::from(ArrayPrelim::from([self.value(), self.value()])),
            3 => In::from(TextPrelim::new(self.words())),
            4 => In::from(XmlElementPrelim::empty(self.of(&["p", "h"]))),
            _ => In::from(XmlTextPrelim::new(self.words())),
        }
    }

    fn any_or_shared(&mut self) -> In {
        if self.below(3) == 0 {
            self.shared()
        } else {
            In::Any(self.value())
        }
    }

    /// Does something to a board.
    fn edit(&mut self, board: &Board, txn: &mut TransactionMut<'_>) {
        match self.below(6) {
            0 => self.edit_map(&board.map, txn),
            1 => self.edit_array(&board.array, txn),
            2 => {
                let key = format!("shape:{}", self.below(8));
                let old = board.kv.iter(txn).position(
                    |entry| matches!(entry.to_json_value(), Value::Object(e) if e["key"] == key),
                );
                if let Some(old) = old {
                    board.kv.remove(txn, old as u32);
                }
                if self.below(4) > 0 {
                    board.kv.push_back(txn, entry(&key, self.value()));
                }
            }
            3 => self.edit_text(&board.text, txn),
            _ => self.edit_xml(&board.xml, txn),
        }
    }

    fn edit_out(&mut self, out: &Out, txn: &mut TransactionMut<'_>) -> bool {
        match out {
            Out::YMap(shared) => self.edit_map(shared, txn),
            Out::YArray(shared) => self.edit_array(shared, txn),
            Out::YText(shared) => self.edit_text(shared, txn),
            Out::YXmlText(shared) => self.edit_xml_text(shared, txn),
            Out::YXmlElement(shared) => self.edit_element(shared, txn),
            _ => return false,
        }
        true
    }

    fn edit_map(&mut self, map: &MapRef, txn: &mut TransactionMut<'_>) {
        let key = self.key();
        if self.below(2) == 0
            && let Some(inner) = map.get(txn, key)
            && self.edit_out(&inner, txn)
        {
            return;
        }
        if self.below(4) == 0 {
            map.remove(txn, key);
        } else {
            map.insert(txn, key, self.any_or_shared());
        }
    }

    fn edit_array(&mut self, array: &ArrayRef, txn: &mut TransactionMut<'_>) {
        let len = array.len(txn);
        let at = self.below(len + 1);
        if self.below(2) == 0
            && let Some(inner) = array.get(txn, at)
            && self.edit_out(&inner, txn)
        {
            return;
        }
        if self.below(3) == 0 && at < len {
            array.remove_range(txn, at, 1 + self.below((len - at).min(3)));
        } else {
            array.insert(txn, at, self.any_or_shared());
        }
    }

    fn edit_text(&mut self, text: &impl Text, txn: &mut TransactionMut<'_>) {
        // Only where characters begin: an editor doesn't cut them either.
        let mut places = vec![0];
        let mut end = 0;
        for diff in text.diff(txn, YChange::identity) {
            match &diff.insert {
                Out::Any(Any::String(text)) => {
                    for char in text.chars() {
                        end += char.len_utf16() as u32;
                        places.push(end);
                    }
                }
                _ => {
                    end += 1;
                    places.push(end);
                }
            }
        }
        let at = self.below(places.len() as u32) as usize;
        let to = (at + 1 + self.below(5) as usize).min(places.len() - 1);
        let (from, len) = (places[at], places[to] - places[at]);
        match self.below(6) {
            0 | 1 if len > 0 => text.remove_range(txn, from, len),
            2 | 3 if len > 0 => text.format(txn, from, len, self.marks()),
            4 => drop(text.insert_embed(txn, from, any!({"image": (self.below(3))}))),
            5 => {
                let new = text.insert_embed(txn, from, MapPrelim::default());
                self.edit_map(&new, txn);
            }
            _ if self.below(2) == 0 => text.insert(txn, from, &self.words()),
            _ => text.insert_with_attributes(txn, from, &self.words(), self.marks()),
        }
    }

    fn edit_xml_text(&mut self, text: &XmlTextRef, txn: &mut TransactionMut<'_>) {
        if self.below(5) == 0 {
            text.insert_attribute(txn, self.key(), In::Any(self.value()));
        } else {
            self.edit_text(text, txn);
        }
    }

    fn edit_element(&mut self, element: &XmlElementRef, txn: &mut TransactionMut<'_>) {
        match self.below(4) {
            0 => drop(element.insert_attribute(txn, self.key(), In::Any(self.value()))),
            1 => element.remove_attribute(txn, &self.key()),
            _ => self.edit_xml(element, txn),
        }
    }

    fn edit_xml(&mut self, xml: &impl XmlFragment, txn: &mut TransactionMut<'_>) {
        let len = xml.len(txn);
        let at = self.below(len + 1);
        if self.below(2) == 0
            && let Some(child) = xml.get(txn, at)
        {
            self.edit_out(&Out::from(child), txn);
        } else if self.below(4) == 0 && at < len {
            xml.remove(txn, at);
        } else if self.below(2) == 0 {
            xml.insert(txn, at, XmlTextPrelim::new(self.words()));
        } else {
            xml.insert(txn, at, XmlElementPrelim::empty(self.of(&["p", "h"])));
        }
    }
}

/// Two clients edit for a while and exchange what they did.
fn converse(random: &mut Random, boards: [&Board; 2], rounds: u32) {
    for _ in 0..rounds {
        let mut made = Vec::new();
        for board in boards {
            let edits = 1 + random.below(4);
            let update = board.edit(|board, txn| {
                for _ in 0..edits {
                    random.edit(board, txn);
                }
            });
            made.push(update);
        }
        if random.below(2) == 0 {
            boards[0].apply(&boards[1].state());
            boards[1].apply(&boards[0].state());
        }
    }
    boards[0].apply(&boards[1].state());
    boards[1].apply(&boards[0].state());
    assert_eq!(boards[0].shown(), boards[1].shown());
}

#[test]
fn any_doc_becomes_any_other_and_whoever_edits_meanwhile_agrees() {
    let seeds = std::env::var("SCRIBLE_RESTORE_SEEDS").map_or(500, |n| n.parse().unwrap());
    let mut changes = 0;
    for seed in 1..=seeds {
        let mut random = Random::new(seed);
        let boards = [Board::new(10), Board::new(20)];
        let rounds = 1 + random.below(12);
        converse(&mut random, [&boards[0], &boards[1]], rounds);
        let target = boards[0].state();
        let current = if seed % 3 == 0 {
            let others = [Board::new(30), Board::new(40)];
            converse(&mut random, [&others[0], &others[1]], 6);
            others[0].state()
        } else {
            let rounds = 1 + random.below(8);
            converse(&mut random, [&boards[0], &boards[1]], rounds);
            boards[0].state()
        };
        eprintln!("seed {seed}");
        let there = restored(one(&current), one(&target));
        changes += there.changes;
        let Some(update) = there.update else { continue };
        let after = [current.clone(), update.clone()];
        restored(&after, one(&current));
        assert_eq!(restored(&after, &[target]).update, None);

        let someone = Board::of(50, one(&current));
        let meanwhile = someone.edit(|board, txn| {
            for _ in 0..4 {
                random.edit(board, txn);
            }
        });
        let one = Board::of(1, &[current.clone(), update.clone(), meanwhile.clone()]);
        let other = Board::of(2, &[current, meanwhile, update]);
        assert_eq!(one.shown(), other.shown());
    }
    assert!(
        changes > 5 * seeds,
        "{changes} changes are too few to show anything"
    );
}

/// What Yjs clients said in a session, from the fixture that the tests of the wire format have.
fn sessions() -> Vec<Vec<Bytes>> {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/crates/wire/tests/data/sessions.bin"
    );
    let bytes = std::fs::read(file).unwrap();
    let mut reader = scrible_wire::varint::Reader::new(&bytes);
    let mut sessions = Vec::new();
    for _ in 0..reader.number().unwrap() {
        let (_seed, _flags) = (reader.number().unwrap(), reader.number().unwrap());
        let mut clocks = scrible_wire::Clocks::new();
        let mut log = Vec::new();
        for _ in 0..reader.number().unwrap() {
            let _flags = reader.number().unwrap();
            let update = reader.var_bytes().unwrap();
            match clocks.take(update, &Limits::default()).unwrap().entry {
                scrible_wire::Taking::Nothing => {}
                scrible_wire::Taking::Whole => log.push(Bytes::copy_from_slice(update)),
                scrible_wire::Taking::Part(part) => log.push(part.into()),
            }
            let _hash = reader.number().unwrap();
        }
        sessions.push(log);
        let probes = reader.number().unwrap();
        // States in between, the last state, and what it shows.
        for _ in 0..probes + 2 {
            reader.var_bytes().unwrap();
        }
    }
    reader.end().unwrap();
    sessions
}

#[test]
fn what_yjs_clients_did_is_brought_back_to_any_point() {
    let sessions = sessions();
    assert!(sessions.len() > 50);
    for (session, log) in sessions.iter().enumerate() {
        let mut changes = 0;
        for part in 1..4 {
            let target = &log[..log.len() * part / 4];
            let restoration = restore(log, target).unwrap_or_else(|e| panic!("{session}: {e}"));
            for sentence in &restoration.left {
                assert!(sentence.contains("was the sub-document"), "{sentence}");
            }
            changes += restoration.changes;
            let mut after = log.clone();
            after.extend(restoration.update);
            let again = restore(&after, target).unwrap();
            assert_eq!((again.update, again.left), (None, restoration.left));
        }
        assert!(changes > 0, "session {session} changes nothing");
    }
}
