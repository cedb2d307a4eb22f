//! Bytes from somebody who means harm: known killers of other implementations, byte for byte.
//!
//! Mutations of genuine bytes are in `fuzz`. The rule: what killed somebody once stays here.

use scrible_wire::varint::write_number;
use scrible_wire::{
    Clocks, Limits, Malformed, Missing, Reason, StateVector, Taking, awareness, scan,
};

fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex"))
        .collect()
}

fn take(update: &[u8]) -> Result<Taking, Malformed> {
    Clocks::new()
        .take(update, &Limits::default())
        .map(|taken| taken.entry)
}

fn refused(digits: &str) -> Reason {
    take(&hex(digits)).expect_err("a killer").reason
}

#[test]
fn updates_that_kill_yrs_are_refused() {
    // Index underflow, then a panic while dropping: clocks that wrap around.
    let underflow = "010504ffffffff0f210106736861706573027332010002a7040001280004030178017c43a7000028000403016b017704726563740104010003";
    assert_eq!(refused(underflow), Reason::Clock);
    // Division by zero through the delete set.
    let division = "01021c000101057469746c65ffffffff0f841c00022063011c010001";
    assert!(take(&hex(division)).is_err());
    // Applied without an error, then no state of the document can be encoded any more: legacy JSON and its like.
    for digits in [
        "0101bbbef1646572018898270101770469643431019827010101",
        "010201000201067368617065730001780a010104010a80808008017800",
    ] {
        assert!(take(&hex(digits)).is_err());
    }
    // Encoded, but unreadable: a snapshot would be lost.
    assert_eq!(refused("0101030502010673686170657300017800"), Reason::Kind);
    // A deleted block with the length 2^32 - 1.
    let block = [
        &[1, 1, 1, 0, 1, 1, 1, b't'][..],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0],
    ]
    .concat();
    assert_eq!(take(&block).unwrap_err().reason, Reason::Clock);
}

#[test]
fn an_update_that_makes_yrs_loop_is_cut_to_its_harmless_part() {
    let update = hex(
        "0206808080808020000401056f7264657205f09f9880620005e50100af2700027b7de30204010602010200010001012700e1af2700010080804000",
    );
    // Well formed for Yjs or not: either nothing, or what doesn't build on what is missing.
    match Clocks::new().take(&update, &Limits::default()) {
        Err(_) => {}
        Ok(taken) => {
            assert!(taken.early.is_some());
            let Taking::Part(part) = taken.entry else {
                panic!("taken as {:?}", taken.entry)
            };
            assert!(part.len() < update.len());
            let mut fresh = Clocks::new();
            let again = fresh.take(&part, &Limits::default()).expect("well formed");
            assert_eq!((again.entry, again.early), (Taking::Whole, None));
        }
    }
}

#[test]
fn clocks_cannot_be_taken_ahead_of_their_client() {
    // 1,000 clocks of client 42, from clock 1 on, before 42 has said anything.
    let taken = Clocks::new()
        .take(&hex("01012a0100e80700"), &Limits::default())
        .expect("well formed");
    assert_eq!(taken.entry, Taking::Nothing);
    let missing = Missing {
        client: 42,
        clock: 1,
    };
    assert_eq!(taken.early, Some(missing));
}

#[test]
fn declared_counts_cost_nothing() {
    // A few bytes that announce 2^26 and 2^28 entries: of an update, its parts, a state vector, awareness.
    let limits = Limits::default();
    for count in [
        &[0x80, 0x80, 0x80, 0x20][..],
        &[0x80, 0x80, 0x80, 0x80, 0x01],
    ] {
        assert_eq!(scan(count, &limits).unwrap_err().reason, Reason::Count);
        let structs = [&[1][..], count, &[1, 0]].concat();
        assert_eq!(scan(&structs, &limits).unwrap_err().reason, Reason::Count);
        let deletes = [&[0][..], count].concat();
        assert_eq!(scan(&deletes, &limits).unwrap_err().reason, Reason::Count);
        let ranges = [&[0, 1, 1][..], count].concat();
        assert_eq!(scan(&ranges, &limits).unwrap_err().reason, Reason::Count);
        let vector = StateVector::decode(count, &limits).unwrap_err();
        assert_eq!(vector.reason, Reason::Count);
        assert_eq!(
            awareness::parse(count, &limits).unwrap_err().reason,
            Reason::Count
        );
        // Maps in maps, each of which announces as many entries.
        let nested: Vec<u8> = [&[118][..], count, &[0]].concat().repeat(20);
        let update = [&[1, 1, 1, 0, 8, 1, 1, b't', 1][..], &nested].concat();
        assert_eq!(scan(&update, &limits).unwrap_err().reason, Reason::Count);
    }
}

#[test]
fn deep_values_do_not_exhaust_the_stack() {
    for value in [&[117, 1][..], &[118, 1, 0]] {
        let update = [
            &[1, 1, 1, 0, 8, 1, 1, b't', 1][..],
            &value.repeat(1_000_000),
        ]
        .concat();
        assert_eq!(take(&update).unwrap_err().reason, Reason::Depth);
    }
}

#[test]
fn awareness_clocks_that_silence_their_owner_are_refused() {
    for clock in [0xffff_ffff_u64, 1 << 52] {
        let mut body = vec![1, 42];
        write_number(&mut body, clock);
        body.extend([2, b'{', b'}']);
        let e = awareness::parse(&body, &Limits::default()).unwrap_err();
        assert_eq!(e.reason, Reason::Clock);
    }
}
