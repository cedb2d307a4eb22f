//! A person who draws: each edit is one item of a list of their own, and what came back of it is counted.
//!
//! The rule: what is expected of a room follows from what painters drew, never from what a server said.

use std::net::SocketAddr;
use std::ops::Range;

use scrible_wire::message;
use yrs::updates::decoder::Decode;
use yrs::{Array, Doc, ReadTxn, StateVector, Transact, Update};

use crate::client::{Client, Heard};

/// How many edits somebody draws ahead of their echoes.
const UNDER_WAY: usize = 4;

/// Somebody who draws in a room.
pub struct Painter {
    pub client: Client,
    id: u64,
    doc: Doc,
    updates: Vec<Vec<u8>>,
    echoes: usize,
}

impl Painter {
    /// Somebody new in a room.
    pub async fn join(address: SocketAddr, path: &str, id: u64) -> Self {
        let (client, _) = Client::join(address, path).await;
        Self {
            client,
            id,
            doc: Doc::with_client_id(id),
            updates: Vec::new(),
            echoes: 0,
        }
    }

    /// Draws items of so many bytes.
    pub async fn draw(&mut self, items: Range<usize>, bytes: usize) {
        for nth in items {
            let update = self.edit(nth, bytes);
            self.client.update(&update).await;
        }
    }

    /// Makes an edit, and sends nothing.
    pub fn edit(&mut self, nth: usize, bytes: usize) -> Vec<u8> {
        let list = self.doc.get_or_insert_array(name(self.id).as_str());
        let mut txn = self.doc.transact_mut();
        list.push_back(&mut txn, format!("{nth} {}", "x".repeat(bytes)));
        let update = txn.encode_update_v1();
        self.updates.push(update.clone());
        update
    }

    /// Waits until every edit has come back, in order.
    pub async fn all_echoed(&mut self) {
        while self.echoes < self.updates.len() {
            let update = self.client.next_update().await;
            self.note(&update);
        }
    }

    /// That nothing has come back since, by an answer that came after all that was sent.
    pub async fn nothing_echoed(&mut self) {
        let heard = self.client.heard_so_far().await;
        let updates = heard
            .iter()
            .filter(|heard| matches!(heard, Heard::Update(_)));
        assert_eq!(updates.count(), 0, "an echo of what is not stored");
    }

    /// Draws with a few edits under way at a time until the connection ends, however it does.
    pub async fn draw_to_the_end(&mut self) {
        loop {
            if self.updates.len() - self.echoes < UNDER_WAY {
                let update = self.edit(self.updates.len(), 100);
                if self.client.try_update(&update).await {
                    continue;
                }
            }
            // What was sent to us before the end counts, too.
            match self.client.hear_or_end().await {
                Some(Heard::Update(update)) => self.note(&update),
                Some(_) => {}
                None => return,
            }
        }
    }

    /// How many edits were made, and how many of them have come back.
    pub fn counts(&self) -> (usize, usize) {
        (self.updates.len(), self.echoes)
    }

    /// Comes back by another connection with what the server lacks, as a Yjs client does, and waits until that is stored.
    pub async fn come_back(&mut self, address: SocketAddr, path: &str) {
        self.client = Client::connect(address, path).await;
        let theirs = self.client.until(|heard| match heard {
            Heard::Step1(theirs) => Some(theirs.clone()),
            _ => None,
        });
        let theirs = StateVector::decode_v1(&theirs.await).unwrap();
        let lacks = self.doc.transact().encode_state_as_update_v1(&theirs);
        self.client.send(message::step1(&[0])).await;
        self.client.send(message::step2(&lacks)).await;
        // An update of nothing comes back once all before it is stored.
        self.client.update(&[0, 0]).await;
        while self.client.next_update().await != [0, 0] {}
        self.echoes = self.updates.len();
    }

    /// Echoes come in the order of the edits; the rest is somebody else's.
    fn note(&mut self, update: &[u8]) {
        self.echoes += usize::from(
            self.updates
                .get(self.echoes)
                .is_some_and(|own| own == update),
        );
    }
}

/// How many edits of each painter stand in a document. They must be the first of them, in order, each once.
pub fn drawn<const N: usize>(content: &[u8], painters: [u64; N]) -> [usize; N] {
    let doc = Doc::new();
    let lists = painters.map(|id| doc.get_or_insert_array(name(id).as_str()));
    let mut txn = doc.transact_mut();
    txn.apply_update(Update::decode_v1(content).unwrap())
        .unwrap();
    assert!(!txn.has_missing_updates(), "it waits for what is not in it");
    lists.map(|list| {
        let items: Vec<String> = list.iter(&txn).map(|item| item.to_string(&txn)).collect();
        for (nth, item) in items.iter().enumerate() {
            assert!(item.starts_with(&format!("{nth} ")), "{nth}: {item:.9}");
        }
        items.len()
    })
}

/// What a cold joiner gets of these painters.
pub async fn stored<const N: usize>(
    address: SocketAddr,
    path: &str,
    painters: [u64; N],
) -> [usize; N] {
    let (_, content) = Client::join(address, path).await;
    drawn(&content, painters)
}

fn name(id: u64) -> String {
    format!("drawn by {id}")
}
