//! What happens to those who are in a room when who may be there changes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use parking_lot::Mutex;
use scrible::access::{
    Admission, Basis, Caller, Claims, Denied, From, Gate, Identity, Knock, OpenGate, Role, Secret,
    Seen,
};
use scrible::bus::{Alone, Bus};
use scrible::follow::Writers;
use scrible::room::RoomName;
use scrible_store::{Directory, MemoryStore, Page, Participant};
use scrible_wire::{awareness, message};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::client::{Client, Heard, typed};
use crate::node::Node;
use crate::nodes::hub::Hub;

/// A gate that does as it is told. A token is the name of whoever brings it.
struct ToldGate {
    decisions: Mutex<HashMap<String, Result<Role, Denied>>>,
    until_ms: Mutex<Option<i64>>,
    /// How often it has decided about newcomers, and anew about others.
    decided: AtomicUsize,
    asked_again: AtomicUsize,
    /// Who is admitted waits here, after the decision.
    admissions: Semaphore,
}

impl ToldGate {
    fn new(decisions: &[(&str, Role)]) -> Arc<Self> {
        let decisions = decisions.iter();
        let decisions = decisions.map(|(name, role)| ((*name).to_owned(), Ok(*role)));
        Arc::new(Self {
            decisions: Mutex::new(decisions.collect()),
            until_ms: Mutex::default(),
            decided: AtomicUsize::new(0),
            asked_again: AtomicUsize::new(0),
            admissions: Semaphore::new(1_000),
        })
    }

    fn decides(&self, name: &str, decision: Result<Role, Denied>) {
        self.decisions.lock().insert(name.to_owned(), decision);
    }

    fn decide(&self, name: &str) -> Result<Admission, Denied> {
        let decision = self.decisions.lock().get(name).cloned();
        let role = decision.unwrap_or(Err(Denied::NoCredentials))?;
        let until_ms = *self.until_ms.lock();
        Ok(Admission {
            role,
            identity: Identity(Some(format!("sub:{name}").into())),
            name: Some(name.into()),
            until_ms,
            basis: Basis {
                claims: Some(Arc::new(Claims {
                    subject: name.into(),
                    name: None,
                    rooms: Vec::new(),
                    is_admin: false,
                    expires_ms: until_ms.unwrap_or(i64::MAX),
                })),
                ..Basis::default()
            },
            seen: Seen::Nothing,
        })
    }
}

#[async_trait]
impl Gate for ToldGate {
    async fn admit(&self, _: &RoomName, knock: &Knock) -> Result<Admission, Denied> {
        let token = knock.credentials.token.as_ref().map(Secret::reveal);
        let decided = self.decide(token.unwrap_or_default());
        self.decided.fetch_add(1, Ordering::SeqCst);
        self.admissions.acquire().await.unwrap().forget();
        decided
    }

    async fn readmit(&self, _: &RoomName, basis: &Basis) -> Result<Admission, Denied> {
        self.asked_again.fetch_add(1, Ordering::SeqCst);
        self.decide(&basis.claims.as_ref().unwrap().subject)
    }

    async fn caller(&self, knock: &Knock) -> Result<Caller, Denied> {
        OpenGate.caller(knock).await
    }

    fn page(&self, origin: Option<&str>, host: Option<&str>) -> From {
        OpenGate.page(origin, host)
    }

    fn serves_host(&self, host: Option<&str>) -> bool {
        OpenGate.serves_host(host)
    }
}

fn demo() -> RoomName {
    RoomName::new("demo").unwrap()
}

async fn one_node(gate: &Arc<ToldGate>) -> (Arc<MemoryStore>, Node) {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start_guarded(&store, Arc::new(Alone), gate.clone(), |config| {
        config.rooms.idle = Duration::from_secs(60);
    });
    let node = node.await;
    (store, node)
}

async fn node_of_many(store: &MemoryStore, bus: Arc<dyn Bus>, gate: &Arc<ToldGate>) -> Node {
    let store = Arc::new(store.reopen());
    Node::start_guarded(&store, bus, gate.clone(), |config| {
        config.writers = Writers::Many;
        config.rooms.idle = Duration::from_secs(60);
    })
    .await
}

async fn joined(node: &Node, name: &str) -> Client {
    let path = format!("/demo?token={name}");
    Client::join(node.address, &path).await.0
}

/// Shows a client under its own id, and waits until that is known.
async fn show(client: &mut Client, id: u64) {
    let entry = awareness::Entry {
        client: id,
        clock: 1,
        state: Some(b"{}"),
    };
    client
        .send(message::awareness(&awareness::encode([entry].into_iter())))
        .await;
    assert_eq!(client.until_settled().await, None);
}

/// Waits until the client is told that it must go, which is before its socket is closed.
async fn told_to_go(client: &mut Client) {
    client
        .until(|heard| (*heard == Heard::Denied).then_some(()))
        .await
}

fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_millis() as i64
}

#[tokio::test]
async fn x1_who_may_not_be_there_any_more_is_closed_with_what_says_why_and_the_others_stay() {
    let gate = ToldGate::new(&[("ann", Role::Owner)]);
    let (_store, node) = one_node(&gate).await;
    let mut ann = joined(&node, "ann").await;
    let mut gone = Vec::new();
    for (name, denied, code) in [
        ("bob", Denied::DeadGrant("it was revoked"), 4401),
        ("cid", Denied::BadToken("it has expired"), 4401),
        ("dee", Denied::Forbidden, 4403),
        ("eve", Denied::Blocked, 4403),
        ("fay", Denied::Deleted, 4404),
    ] {
        gate.decides(name, Ok(Role::Editor));
        let client = joined(&node, name).await;
        gate.decides(name, Err(denied.clone()));
        gone.push((client, denied, code));
    }
    node.rooms.access_changed(&demo());
    for (mut client, denied, code) in gone {
        told_to_go(&mut client).await;
        let closed = client.hear().await;
        assert_eq!(closed, Heard::Closed(code, denied.to_string()));
    }
    ann.update(&typed(10, 0)).await;
    assert_eq!(ann.next_update().await, typed(10, 0));
}

#[tokio::test]
async fn x1_what_is_sent_after_the_decision_is_not_taken() {
    let gate = ToldGate::new(&[("ann", Role::Editor), ("eve", Role::Editor)]);
    let (store, node) = one_node(&gate).await;
    let (mut ann, mut eve) = (joined(&node, "ann").await, joined(&node, "eve").await);
    eve.update(&typed(66, 0)).await;
    assert_eq!(ann.next_update().await, typed(66, 0));
    gate.decides("eve", Err(Denied::Forbidden));
    node.rooms.access_changed(&demo());
    told_to_go(&mut eve).await;
    eve.update(&typed(66, 1)).await;
    assert_eq!(eve.closed().await, 4403);
    ann.update(&typed(10, 0)).await;
    assert_eq!(ann.next_update().await, typed(10, 0));
    assert_eq!(store.rows("demo").len(), 2);
}

#[tokio::test]
async fn x2_whose_role_changes_is_asked_to_come_back_and_has_the_new_one_then() {
    let gate = ToldGate::new(&[("ann", Role::Owner), ("bob", Role::Editor)]);
    let (_store, node) = one_node(&gate).await;
    let (mut ann, mut bob) = (joined(&node, "ann").await, joined(&node, "bob").await);
    for (role, update) in [(Role::Viewer, typed(66, 0)), (Role::Editor, typed(66, 0))] {
        gate.decides("bob", Ok(role));
        node.rooms.access_changed(&demo());
        assert_eq!(bob.closed().await, 4502);
        bob = joined(&node, "bob").await;
        bob.update(&update).await;
        if role == Role::Viewer {
            told_to_go(&mut bob).await;
        }
    }
    assert_eq!(ann.next_update().await, typed(66, 0));
}

#[tokio::test]
async fn x3_who_came_by_something_that_expires_is_asked_for_another_then() {
    let gate = ToldGate::new(&[("ann", Role::Editor)]);
    let (_store, node) = one_node(&gate).await;
    *gate.until_ms.lock() = Some(wall_ms() + 500);
    let mut ann = Client::connect(node.address, "/demo?token=ann").await;
    assert_eq!(ann.closed().await, 4501);
    assert!(wall_ms() >= gate.until_ms.lock().unwrap());
    *gate.until_ms.lock() = Some(wall_ms() + 60_000);
    let mut ann = joined(&node, "ann").await;
    ann.update(&typed(10, 0)).await;
    assert_eq!(ann.next_update().await, typed(10, 0));
    // A change may bring the end forward.
    *gate.until_ms.lock() = Some(wall_ms() + 100);
    node.rooms.access_changed(&demo());
    assert_eq!(ann.closed().await, 4501);
}

#[tokio::test]
async fn x4_who_cannot_be_judged_for_a_while_goes_on_drawing() {
    let gate = ToldGate::new(&[("ann", Role::Editor)]);
    let (_store, node) = one_node(&gate).await;
    let mut ann = joined(&node, "ann").await;
    gate.decides("ann", Err(Denied::Undecided));
    let before = gate.asked_again.load(Ordering::SeqCst);
    node.rooms.access_changed(&demo());
    for clock in 0.. {
        ann.update(&typed(10, clock)).await;
        assert_eq!(ann.next_update().await, typed(10, clock));
        if gate.asked_again.load(Ordering::SeqCst) > before {
            break;
        }
    }
    // It is asked again without another word from anybody.
    gate.decides("ann", Err(Denied::Forbidden));
    assert_eq!(ann.closed().await, 4403);
}

#[tokio::test]
async fn x5_a_client_is_sent_out_by_its_id_and_nobody_else() {
    let gate = ToldGate::new(&[("ann", Role::Editor), ("eve", Role::Editor)]);
    let (_store, node) = one_node(&gate).await;
    let (mut ann, mut eve) = (joined(&node, "ann").await, joined(&node, "eve").await);
    show(&mut ann, 10).await;
    show(&mut eve, 66).await;
    node.rooms.kick(&demo(), 77);
    node.rooms.kick(&demo(), 66);
    told_to_go(&mut eve).await;
    assert_eq!(eve.closed().await, 4403);
    ann.update(&typed(10, 0)).await;
    assert_eq!(ann.next_update().await, typed(10, 0));
}

#[tokio::test]
async fn x6_the_gate_is_asked_before_the_room_is_opened_and_meanwhile_what_was_sent_waits() {
    let gate = ToldGate::new(&[("ann", Role::Editor)]);
    gate.admissions.forget_permits(1_000);
    let (store, node) = one_node(&gate).await;
    let mut ann = Client::connect(node.address, "/demo?token=ann").await;
    let mut eve = Client::connect(node.address, "/demo?token=eve").await;
    ann.send(message::step1(&[0])).await;
    ann.update(&typed(10, 0)).await;
    // The refused one is told without the room.
    gate.admissions.add_permits(2);
    told_to_go(&mut eve).await;
    assert_eq!(ann.next_update().await, typed(10, 0));
    assert_eq!(store.loads(), 1);
    assert_eq!(eve.closed().await, 4401);
}

#[tokio::test]
async fn x6_a_gate_that_does_not_answer_refuses_after_ten_seconds() {
    let gate = ToldGate::new(&[("ann", Role::Editor)]);
    gate.admissions.forget_permits(1_000);
    let (store, node) = one_node(&gate).await;
    let began = Instant::now();
    let mut ann = Client::connect(node.address, "/demo?token=ann").await;
    told_to_go(&mut ann).await;
    assert!(began.elapsed() >= Duration::from_secs(10));
    assert_eq!(ann.closed().await, 4500);
    assert_eq!(store.loads(), 0);
}

#[tokio::test]
async fn x7_a_change_between_being_let_in_and_being_in_is_not_missed() {
    let gate = ToldGate::new(&[("ann", Role::Editor), ("eve", Role::Editor)]);
    let (_store, node) = one_node(&gate).await;
    let _ann = joined(&node, "ann").await;
    let left = gate.admissions.available_permits();
    gate.admissions.forget_permits(left);
    let mut eve = Client::connect(node.address, "/demo?token=eve").await;
    let mut late = Client::connect(node.address, "/other?token=eve").await;
    while gate.decided.load(Ordering::SeqCst) < 3 {
        tokio::task::yield_now().await;
    }
    gate.decides("eve", Err(Denied::Forbidden));
    node.rooms.access_changed(&demo());
    node.rooms.access_changed(&RoomName::new("other").unwrap());
    gate.admissions.add_permits(2);
    assert_eq!(eve.closed().await, 4403);
    assert_eq!(
        late.closed().await,
        4403,
        "also where the room was not open"
    );
}

#[tokio::test]
async fn x8_who_was_in_a_room_is_on_record() {
    let gate = ToldGate::new(&[("ann", Role::Owner), ("bob", Role::Viewer)]);
    let (store, node) = one_node(&gate).await;
    let mut ann = joined(&node, "ann").await;
    ann.update(&typed(10, 0)).await;
    assert_eq!(ann.next_update().await, typed(10, 0));
    let mut bob = joined(&node, "bob").await;
    show(&mut bob, 11).await;
    let noted = async |store: &MemoryStore| -> Vec<Participant> {
        let all = Page {
            before: None,
            limit: 10,
        };
        store.participants("demo", all).await.unwrap()
    };
    let noted_as = async |role: Role| loop {
        tokio::task::yield_now().await;
        let mut noted = noted(&store).await.into_iter();
        if let Some(noted) = noted.find(|noted| noted.role == role) {
            break noted;
        }
    };
    let of_bob = noted_as(Role::Viewer).await;
    assert_eq!(of_bob.identity.as_deref(), Some("sub:bob"));
    assert_eq!((of_bob.client, of_bob.left_ms), (Some(11), None));
    // She was there before the room was stored.
    let of_ann = noted_as(Role::Owner).await;
    assert_eq!((of_ann.client, of_ann.left_ms), (None, None));
    show(&mut ann, 10).await;
    let after = store.reopen();
    assert_eq!(node.stopped().await.unstored, 0);
    let all = noted(&after).await;
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|noted| noted.left_ms.is_some()), "{all:?}");
    assert!(all.iter().any(|noted| noted.client == Some(10)), "{all:?}");
}

#[tokio::test]
async fn x9_a_change_that_the_bus_has_lost_is_found_in_the_store() {
    let (store, hub) = (MemoryStore::new(), Arc::new(Hub::default()));
    let gate = ToldGate::new(&[("eve", Role::Editor)]);
    for bus in [hub.port() as Arc<dyn Bus>, Arc::new(Alone)] {
        gate.decides("eve", Ok(Role::Editor));
        let node = node_of_many(&store, bus, &gate).await;
        let mut eve = joined(&node, "eve").await;
        eve.update(&typed(66, 0)).await;
        assert_eq!(eve.next_update().await, typed(66, 0));
        gate.decides("eve", Err(Denied::Forbidden));
        // As another node would have it stored, of which this one hears nothing.
        let away = wall_ms() + 60_000;
        assert!(store.block("demo", "sub:eve", away).await.unwrap());
        timeout(Duration::from_secs(10), told_to_go(&mut eve))
            .await
            .expect("within ten seconds");
    }
}

#[tokio::test]
async fn x9_other_nodes_hear_of_a_change_within_two_seconds() {
    let (store, hub) = (MemoryStore::new(), Arc::new(Hub::default()));
    let gate = ToldGate::new(&[("bob", Role::Editor), ("eve", Role::Editor)]);
    let one = node_of_many(&store, hub.port(), &gate).await;
    let other = node_of_many(&store, hub.port(), &gate).await;
    let (mut bob, mut eve) = (joined(&other, "bob").await, joined(&other, "eve").await);
    show(&mut bob, 10).await;
    // The node on which it is asked for need not have the room open.
    gate.decides("eve", Err(Denied::Forbidden));
    one.rooms.access_changed(&demo());
    timeout(Duration::from_secs(2), told_to_go(&mut eve))
        .await
        .expect("within two seconds");
    one.rooms.kick(&demo(), 10);
    timeout(Duration::from_secs(2), told_to_go(&mut bob))
        .await
        .expect("within two seconds");
}
