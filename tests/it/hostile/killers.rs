//! What has killed, stalled or bloated other servers, byte for byte, as editor and as viewer, in an update and in a step 2, before and after
//! joining; and what is well-formed but laborious.

use std::sync::Arc;

use scrible_store::MemoryStore;
use scrible_wire::message;
use scrible_wire::varint::write_number;

use super::support::build;
use super::{MAX_GROWTH_BYTES, Neighbours, SENDERS, end, resident, send_all};
use crate::node::Node;

/// Updates that make yrs abort, panic, loop, or write what it cannot read.
const UPDATES: [&str; 7] = [
    "010504ffffffff0f210106736861706573027332010002a7040001280004030178017c43a7000028000403016b017704726563740104010003",
    "01021c000101057469746c65ffffffff0f841c00022063011c010001",
    "0101bbbef1646572018898270101770469643431019827010101",
    "010201000201067368617065730001780a010104010a80808008017800",
    "0101030502010673686170657300017800",
    "0206808080808020000401056f7264657205f09f9880620005e50100af2700027b7de30204010602010200010001012700e1af2700010080804000",
    "01012a0100e80700",
];

/// Echoes of known updates above this keep a socket from being read.
const LARGE_ECHO: usize = 32 << 10;

fn hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    let pairs = pairs.map(|pair| std::str::from_utf8(pair).expect("ASCII"));
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).expect("hex"))
        .collect()
}

/// Maps in maps, a client of its own each time.
fn nested_maps(client: u64, depth: u64) -> Vec<u8> {
    let mut structs = vec![vec![0x27, 1, 1, b'm', 1, b'k', 1]];
    for at in 1..depth {
        let mut structure = vec![0x27, 0];
        write_number(&mut structure, client);
        write_number(&mut structure, at - 1);
        structure.extend([1, b'k', 1]);
        structs.push(structure);
    }
    build::update(&[(client, 0, &structs)], &[])
}

/// Everybody types at the same place.
fn concurrent_inserts(count: u64) -> Vec<u8> {
    let structs: Vec<_> = (0..count).map(|_| [build::first("x")]).collect();
    let lists = structs.iter().enumerate();
    let lists: Vec<_> = lists.map(|(at, s)| (5000 + at as u64, 0, &s[..])).collect();
    build::update(&lists, &[])
}

fn values(value: &[u8], depth: usize) -> Vec<u8> {
    [&[1, 1, 1, 0, 8, 1, 1, b't', 1][..], &value.repeat(depth)].concat()
}

fn updates() -> Vec<Vec<u8>> {
    let mut all: Vec<_> = UPDATES.iter().map(|digits| hex(digits)).collect();
    all.extend([
        values(&[117, 1], 20_000),
        values(&[118, 1, 0], 20_000),
        // Maps that announce 2^22 entries each.
        values(&[118, 0x80, 0x80, 0x80, 0x02], 20),
        nested_maps(4000, 20_000),
        concurrent_inserts(20_000),
        vec![0x80, 0x80, 0x80, 0x20],
        vec![],
    ]);
    all
}

#[tokio::test]
async fn g2_g4_what_killed_others_is_refused_or_harmless() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let mut neighbours = Neighbours::join(node.address, "/killers").await;
    let before = resident(std::process::id());
    let mut frames = Vec::new();
    for sender in SENDERS {
        for update in updates() {
            // Before its step 1 a client is sent no echo; where a large one waits for that, the socket is not read any more.
            if sender.joined || update.len() < LARGE_ECHO {
                frames.push((sender, message::update(&update)));
            }
            frames.push((sender, message::step2(&update)));
            frames.push((
                sender,
                [message::step1(&[0]), message::update(&update)].concat(),
            ));
        }
        for vector in [
            "80808020",
            "8080808001",
            "ffffffff0f",
            "0100",
            "02010501060101",
        ] {
            frames.push((sender, message::step1(&hex(vector))));
        }
        // 2^26 entries; the clock 2^32 - 1 for somebody else; no JSON.
        for body in ["80808020", "012affffffff0f027b7d", "012a01057b6261647d"] {
            frames.push((sender, message::awareness(&hex(body))));
        }
        for frame in [
            "",
            "00",
            "0007",
            "00020501",
            "000280808080802001",
            "00ffffffffffffffffffffff",
        ] {
            frames.push((sender, hex(frame)));
        }
    }
    while !frames.is_empty() {
        let batch = frames.split_off(frames.len().saturating_sub(128));
        send_all(node.address, "/killers", batch).await;
        neighbours.live().await;
    }
    let grown = resident(std::process::id()).saturating_sub(before);
    assert!(grown < MAX_GROWTH_BYTES, "{grown} bytes more than before");
    end(node, &store, neighbours).await;
}

#[tokio::test]
async fn r10_eight_thousand_updates_that_wait_for_ever_are_not_kept() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let mut neighbours = Neighbours::join(node.address, "/early").await;
    let (mut eve, _) = crate::client::Client::join(node.address, "/early").await;
    for client in 0..8000 {
        let structs = [build::after((77_777, 3), "x")];
        eve.update(&build::update(&[(100_000 + client, 0, &structs)], &[]))
            .await;
    }
    // She is asked once, not 8,000 times.
    let heard = eve.heard_so_far().await;
    assert!(heard.len() < 10, "{} messages", heard.len());
    assert_eq!(store.rows("early").len(), 0);
    drop(eve);
    neighbours.live().await;
    end(node, &store, neighbours).await;
}
