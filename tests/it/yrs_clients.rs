//! yrs as a client: documents that edit through the server end equal, and equal to what a latecomer gets.

use std::sync::Arc;

use scrible_store::MemoryStore;
use scrible_wire::{awareness, message};
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{Doc, GetString, ReadTxn, Text, Transact, Update};

use crate::client::{Client, Heard};
use crate::node::Node;

struct Peer {
    doc: Doc,
    client: Client,
}

impl Peer {
    async fn connect(node: &Node, id: u64) -> Self {
        let doc = Doc::with_client_id(id);
        let mut client = Client::connect(node.address, "/demo").await;
        client
            .send(message::step1(&doc.transact().state_vector().encode_v1()))
            .await;
        let mut peer = Self { doc, client };
        while !peer.take().await {}
        peer
    }

    /// Takes in one message; true for a step 2.
    async fn take(&mut self) -> bool {
        match self.client.hear().await {
            Heard::Step1(theirs) => {
                let theirs = yrs::StateVector::decode_v1(&theirs).unwrap();
                let lacks = self.doc.transact().encode_state_as_update_v1(&theirs);
                self.client.send(message::step2(&lacks)).await;
                false
            }
            Heard::Step2(update) => {
                self.apply(&update);
                true
            }
            Heard::Update(update) => {
                self.apply(&update);
                false
            }
            Heard::Awareness(_) => false,
            other => panic!("not {other:?}"),
        }
    }

    fn apply(&self, update: &[u8]) {
        self.doc
            .transact_mut()
            .apply_update(Update::decode_v1(update).unwrap())
            .unwrap();
    }

    async fn insert(&mut self, at: u32, text: &str) {
        let shared = self.doc.get_or_insert_text("t");
        let update = {
            let mut txn = self.doc.transact_mut();
            shared.insert(&mut txn, at, text);
            txn.encode_update_v1()
        };
        self.client.update(&update).await;
    }

    fn text(&self) -> String {
        let shared = self.doc.get_or_insert_text("t");
        shared.get_string(&self.doc.transact())
    }
}

#[tokio::test]
async fn r11_yrs_clients_that_type_at_once_end_equal() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let mut ann = Peer::connect(&node, 10).await;
    let mut bob = Peer::connect(&node, 20).await;
    for round in 0..20 {
        ann.insert(0, &format!("a{round} ")).await;
        bob.insert(0, &format!("b{round} ")).await;
    }
    let all = 20 * (3 + 3) + 2 * 10;
    for peer in [&mut ann, &mut bob] {
        while peer.text().len() < all {
            peer.take().await;
        }
    }
    assert_eq!(ann.text(), bob.text());
    assert_eq!(Peer::connect(&node, 30).await.text(), ann.text());
}

#[tokio::test]
async fn a4_a_yrs_client_that_is_asked_speaks_again() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store).await;
    let (mut watcher, _) = Client::join(node.address, "/demo").await;
    let (mut raw, _) = Client::join(node.address, "/demo").await;
    let mut presence = yrs::sync::Awareness::new(Doc::with_client_id(10));
    presence.set_local_state_raw(r#"{"name":"ann"}"#);
    let first = presence.update().unwrap().encode_v1();
    raw.send(message::awareness(&first)).await;
    let farewell = raw
        .until(|heard| match heard {
            Heard::Awareness(body) => Some(body.clone()),
            _ => None,
        })
        .await;
    presence
        .apply_update(yrs::sync::AwarenessUpdate::decode_v1(&farewell).unwrap())
        .unwrap();
    let again = presence.update().unwrap().encode_v1();
    raw.send(message::awareness(&again)).await;
    let clock_of = |body: &[u8]| {
        let entries = awareness::parse(body, &Default::default()).unwrap();
        entries
            .iter()
            .find(|entry| entry.client == 10 && entry.state.is_some())
            .map(|entry| entry.clock)
    };
    let (was, is) = (clock_of(&first).unwrap(), clock_of(&again).unwrap());
    assert!(is > was, "{was} then {is}");
    watcher
        .until(|heard| match heard {
            Heard::Awareness(body) => clock_of(body).filter(|clock| *clock == is),
            _ => None,
        })
        .await;
}
