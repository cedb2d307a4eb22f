//! One room on several nodes: who is seen to be in it while people come, move between nodes and leave, nodes are killed, and the bus loses, repeats and
//! reorders what they say. The clients do what y-protocols and y-websocket do.

use std::collections::{BTreeMap, HashMap, HashSet};

use async_trait::async_trait;
use scrible_wire::awareness;

use super::*;
use crate::bus::{Bus, BusAway, Commit, Hearer, NodeId};

const NODES: usize = 3;
/// y-protocols' own: half of it until a state is renewed, all of it until a peer's state is dropped.
const OUTDATED: Duration = Duration::from_secs(30);

/// What all nodes have said, and what would be kept of it for those who come later.
#[derive(Default)]
struct Hub {
    said: Mutex<Vec<(NodeId, Bytes)>>,
    kept: Mutex<BTreeMap<(NodeId, u64), Vec<u8>>>,
    dead: Mutex<HashSet<NodeId>>,
}

/// One node's end.
struct Wire {
    node: NodeId,
    hub: Arc<Hub>,
}

#[async_trait]
impl Bus for Wire {
    async fn listen(&self, _: &dyn Hearer) {}

    async fn join(&self, _: &RoomName) -> Result<(), BusAway> {
        Ok(())
    }

    fn leave(&self, _: &RoomName) {}

    fn publish(&self, _: &RoomName, _: &Commit) {}

    async fn recent(&self, _: &RoomName, _: i64, _: u64) -> Result<Vec<Bytes>, BusAway> {
        Ok(Vec::new())
    }

    fn show(&self, _: &RoomName, states: &[u8]) {
        if self.hub.dead.lock().contains(&self.node) {
            return;
        }
        let mut kept = self.hub.kept.lock();
        for entry in awareness::parse(states, &Limits::default()).unwrap() {
            let key = (self.node, entry.client);
            match entry.state {
                Some(_) => drop(kept.insert(key, awareness::encode([entry].into_iter()))),
                None => drop(kept.remove(&key)),
            }
        }
        let states = Bytes::copy_from_slice(states);
        self.hub.said.lock().push((self.node, states));
    }

    async fn people(&self, _: &RoomName) -> Result<Vec<(NodeId, Bytes)>, BusAway> {
        let (kept, dead) = (self.hub.kept.lock(), self.hub.dead.lock());
        let others = kept
            .iter()
            .filter(|((node, _), _)| *node != self.node && !dead.contains(node));
        Ok(others
            .map(|((node, _), body)| (*node, body.clone().into()))
            .collect())
    }

    fn access_changed(&self, _: &RoomName) {}

    fn kick(&self, _: &RoomName, _: u64) {}

    fn trouble(&self) -> Option<String> {
        None
    }

    fn has_others(&self) -> bool {
        true
    }

    async fn close(&self) {}
}

struct Node {
    id: NodeId,
    room: Arc<Room>,
}

impl Node {
    fn start(id: NodeId, hub: &Arc<Hub>) -> Self {
        let wire = Wire {
            node: id,
            hub: hub.clone(),
        };
        let shared = RoomsShared::new(RoomsConfig::for_tests(), Arc::new(wire));
        Self {
            id,
            room: room_with(Arc::new(shared)),
        }
    }

    /// Whom the room shows, at which clock.
    fn sees(&self) -> BTreeMap<u64, u32> {
        let body = self.room.state.lock().awareness.changes_since(0);
        let body = body.unwrap_or_else(|| vec![0]);
        let entries = awareness::parse(&body, &Limits::default()).unwrap();
        entries
            .iter()
            .map(|entry| (entry.client, entry.clock))
            .collect()
    }
}

/// A page with a Yjs client.
struct Page {
    client: u64,
    /// The clocks of all that were ever heard, and when; its own too.
    clocks: HashMap<u64, (u32, Instant)>,
    states: HashMap<u64, Vec<u8>>,
    connected: Option<Membership>,
}

impl Page {
    fn new(client: u64) -> Self {
        let mut page = Self {
            client,
            clocks: HashMap::new(),
            states: HashMap::new(),
            connected: None,
        };
        page.set(0);
        page
    }

    fn clock(&self) -> u32 {
        self.clocks[&self.client].0
    }

    fn set(&mut self, clock: u32) {
        self.clocks.insert(self.client, (clock, Instant::now()));
        let state = format!("{{\"at\":{clock}}}").into_bytes();
        self.states.insert(self.client, state);
    }

    fn connect(&mut self, room: &Arc<Room>, session: Author) {
        self.connected = Some(enter(room, session, &[]).0);
        self.say(&[self.client]);
        let member = self.connected.as_mut().unwrap();
        member.answered();
        if let Some(greeting) = member.presence() {
            self.take(&greeting);
        }
    }

    /// The connection is lost; the server may not know it yet.
    fn lose(&mut self) -> Option<Membership> {
        let own = self.client;
        self.states.retain(|client, _| *client == own);
        self.connected.take()
    }

    fn move_pointer(&mut self) {
        self.set(self.clock() + 1);
        self.say(&[self.client]);
    }

    fn say(&mut self, clients: &[u64]) {
        let Some(member) = &mut self.connected else {
            return;
        };
        let entries: Vec<_> = clients
            .iter()
            .map(|client| AwarenessEntry {
                client: *client,
                clock: self.clocks[client].0,
                state: self.states.get(client).map(Vec::as_slice),
            })
            .collect();
        member.hear(&entries, Instant::now());
    }

    /// What `applyAwarenessUpdate` does, and what the provider sends back.
    fn take(&mut self, frame: &Bytes) {
        let Some(Ok(Message::Awareness(body))) = Messages::new(frame).next() else {
            return;
        };
        let now = Instant::now();
        let mut changed = Vec::new();
        for entry in awareness::parse(body, &Limits::default()).unwrap() {
            let known = self.clocks.get(&entry.client).map(|(clock, _)| *clock);
            let clock = known.unwrap_or(0);
            let takes_away = entry.state.is_none() && self.states.contains_key(&entry.client);
            if entry.clock < clock || (entry.clock == clock && !takes_away) {
                continue;
            }
            match entry.state {
                None if entry.client == self.client => self.set(entry.clock + 1),
                state => {
                    self.clocks.insert(entry.client, (entry.clock, now));
                    match state {
                        Some(state) => drop(self.states.insert(entry.client, state.to_vec())),
                        None => drop(self.states.remove(&entry.client)),
                    }
                }
            }
            if known.is_some() || entry.state.is_some() {
                changed.push(entry.client);
            }
        }
        if !changed.is_empty() {
            self.say(&changed);
        }
    }

    fn take_all(&mut self) {
        let mut frames = VecDeque::new();
        if let Some(member) = &self.connected {
            member
                .pull(usize::MAX, &mut frames, Waker::noop())
                .expect("the room goes on");
        }
        frames.iter().for_each(|frame| self.take(frame));
    }

    /// What y-protocols does every three seconds.
    fn renew(&mut self) {
        let now = Instant::now();
        let (own, clocks) = (self.client, &self.clocks);
        let outdated = |client: &u64| now - clocks[client].1 >= OUTDATED;
        let old: Vec<_> = self
            .states
            .keys()
            .copied()
            .filter(|client| *client != own && outdated(client))
            .collect();
        old.iter()
            .for_each(|client| drop(self.states.remove(client)));
        if !old.is_empty() {
            self.say(&old);
        }
        if now - self.clocks[&own].1 >= OUTDATED / 2 {
            self.move_pointer();
        }
    }

    fn sees(&self) -> BTreeMap<u64, u32> {
        let ids = self.states.keys();
        ids.map(|client| (*client, self.clocks[client].0)).collect()
    }
}

/// How much the bus can be relied on.
#[derive(Clone, Copy, PartialEq)]
enum Faults {
    /// It repeats and reorders.
    Disorder,
    /// It also loses.
    Loss,
}

struct World {
    random: fastrand::Rng,
    faults: Faults,
    hub: Arc<Hub>,
    nodes: Vec<Node>,
    pages: Vec<Page>,
    /// Connections of which the server does not know yet that they are lost.
    lost: Vec<Membership>,
    /// To whom, from whom, what.
    under_way: Vec<(NodeId, NodeId, Bytes)>,
    /// What was asked for and is still to be taken in.
    people: Vec<(NodeId, Vec<(NodeId, Bytes)>)>,
    /// Nodes that are dead, and who does not know it.
    unnoticed: Vec<(NodeId, NodeId)>,
    numbers: u64,
    moved: u32,
    killed: u32,
}

impl World {
    fn new(seed: u64, faults: Faults) -> Self {
        let hub = Arc::<Hub>::default();
        Self {
            random: fastrand::Rng::with_seed(seed),
            faults,
            nodes: (1..=NODES)
                .map(|id| Node::start(id as NodeId, &hub))
                .collect(),
            hub,
            pages: Vec::new(),
            lost: Vec::new(),
            under_way: Vec::new(),
            people: Vec::new(),
            unnoticed: Vec::new(),
            numbers: 100,
            moved: 0,
            killed: 0,
        }
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    async fn act(&mut self) {
        let pages = self.pages.len();
        match self.random.u32(..100) {
            0..15 if pages < 8 => {
                let client = self.number();
                self.pages.push(Page::new(client));
            }
            15..40 => {
                let (node, session) = (self.random.usize(..NODES), self.number());
                let apart = self.pages.iter_mut().find(|page| page.connected.is_none());
                if let Some(page) = apart {
                    page.connect(&self.nodes[node].room, session);
                    self.moved += 1;
                }
            }
            40..65 if pages > 0 => {
                let page = self.random.usize(..pages);
                self.pages[page].move_pointer();
            }
            // The page is closed: it says so, or it doesn't.
            65..72 if pages > 0 => {
                let mut page = self.pages.remove(self.random.usize(..pages));
                if self.random.bool() {
                    let (client, clock) = (page.client, page.clock());
                    page.set(clock + 1);
                    page.states.remove(&client);
                    page.say(&[client]);
                }
            }
            // The connection breaks, and the server notices, now or later.
            72..84 if pages > 0 => {
                let page = self.random.usize(..pages);
                let lost = self.pages[page].lose();
                if self.random.bool() {
                    self.lost.extend(lost);
                }
            }
            84..90 if !self.lost.is_empty() => {
                let lost = self.random.usize(..self.lost.len());
                self.lost.swap_remove(lost);
            }
            90..93 => self.kill(),
            // Frozen for so long that another took it for dead; then it is heard again.
            93..96 => {
                let (who, whom) = (self.random.usize(..NODES), self.random.usize(..NODES));
                if who != whom {
                    let gone = self.nodes[whom].id;
                    self.nodes[who].room.gone(gone, Instant::now());
                    self.ask_for_people(who).await;
                }
            }
            _ => {}
        }
    }

    fn kill(&mut self) {
        let (which, id) = (self.random.usize(..NODES), NodeId::from(self.number()));
        let dead = self.nodes[which].id;
        self.hub.dead.lock().insert(dead);
        let room = self.nodes[which].room.clone();
        let was_there = |member: &Membership| Arc::ptr_eq(member.room(), &room);
        self.lost.retain(|member| !was_there(member));
        for page in &mut self.pages {
            if page.connected.as_ref().is_some_and(was_there) {
                page.lose();
            }
        }
        self.nodes[which] = Node::start(id, &self.hub);
        let others = self.nodes.iter().filter(|node| node.id != id);
        self.unnoticed.extend(others.map(|node| (node.id, dead)));
        self.people.push((id, Vec::new()));
        self.killed += 1;
    }

    async fn ask_for_people(&mut self, who: usize) {
        let node = &self.nodes[who];
        let bus = node.room.shared().bus.clone();
        let people = bus.people(node.room.name()).await.unwrap();
        self.people.push((node.id, people));
    }

    /// Some of what is under way arrives; all of it, and nothing is lost, where it is to become quiet.
    async fn carry(&mut self, quiet: bool) {
        for (from, states) in std::mem::take(&mut *self.hub.said.lock()) {
            for node in self.nodes.iter().filter(|node| node.id != from) {
                let lost = !quiet && self.faults == Faults::Loss && self.random.u32(..4) == 0;
                let times = match self.random.u32(..6) {
                    _ if lost => 0,
                    0 => 2,
                    _ => 1,
                };
                for _ in 0..times {
                    self.under_way.push((node.id, from, states.clone()));
                }
            }
        }
        while !self.under_way.is_empty() && (quiet || self.random.u32(..3) > 0) {
            let which = self.random.usize(..self.under_way.len());
            let (to, from, states) = self.under_way.swap_remove(which);
            self.notice(to, from);
            if let Some(node) = self.nodes.iter().find(|node| node.id == to) {
                node.room.shown(from, &states, Instant::now());
            }
        }
        while !self.people.is_empty() && (quiet || self.random.bool()) {
            let (to, people) = self.people.remove(0);
            people.iter().for_each(|(from, _)| self.notice(to, *from));
            if let Some(node) = self.nodes.iter().find(|node| node.id == to) {
                // Of a node that has just started: it asks now, and takes it in later.
                match people.is_empty() {
                    true => node.room.meet_others().await,
                    false => node.room.meet(&people, Instant::now()),
                }
            }
        }
        while !self.unnoticed.is_empty() && (quiet || self.random.u32(..4) == 0) {
            let (who, gone) = self.unnoticed.remove(0);
            self.under_way
                .retain(|(to, from, _)| (*to, *from) != (who, gone));
            if let Some(node) = self.nodes.iter().find(|node| node.id == who) {
                node.room.gone(gone, Instant::now());
            }
        }
    }

    /// Whoever hears a node will notice that it has died: once more, where these are its last words.
    fn notice(&mut self, who: NodeId, whom: NodeId) {
        let is_dead = self.hub.dead.lock().contains(&whom);
        if is_dead && !self.unnoticed.contains(&(who, whom)) {
            self.unnoticed.push((who, whom));
        }
    }

    async fn pass(&mut self, time: Duration) {
        tokio::time::sleep(time).await;
        for page in &mut self.pages {
            page.take_all();
            page.renew();
        }
        let now = Instant::now();
        for node in &self.nodes {
            node.room.expire_presence(now);
        }
    }

    async fn settle(&mut self, time: Duration) {
        self.lost.clear();
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.carry(true).await;
            self.pass(Duration::from_millis(50)).await;
        }
    }

    fn renewed_within(&self, time: Duration) -> bool {
        let spoke = |page: &Page| page.clocks[&page.client].1;
        self.pages
            .iter()
            .any(|page| page.connected.is_some() && spoke(page).elapsed() < time)
    }

    fn is_agreed(&self, seed: u64) {
        let here = self.pages.iter().filter(|page| page.connected.is_some());
        let here: BTreeMap<_, _> = here.map(|page| (page.client, page.clock())).collect();
        for node in &self.nodes {
            assert_eq!(node.sees(), here, "seed {seed}: node {}", node.id);
            assert_eq!(node.room.info().people, here.len(), "seed {seed}");
        }
        for page in self.pages.iter().filter(|page| page.connected.is_some()) {
            assert_eq!(page.sees(), here, "seed {seed}: page {}", page.client);
        }
        let elsewhere: usize = self
            .nodes
            .iter()
            .map(|node| here.len() - node.room.info().people_elsewhere)
            .sum();
        assert_eq!(elsewhere, here.len(), "seed {seed}: each is of one node");
    }
}

async fn live(seed: u64, faults: Faults) -> World {
    let mut world = World::new(seed, faults);
    for _ in 0..150 {
        world.act().await;
        world.carry(false).await;
        let time = Duration::from_millis(world.random.u64(..60));
        world.pass(time).await;
    }
    world
}

#[tokio::test(start_paused = true)]
async fn n48_everyone_sees_the_same_people_soon_after_disorder() {
    let (mut moved, mut killed) = (0, 0);
    for seed in 0..200 {
        let mut world = live(seed, Faults::Disorder).await;
        // Long before a client renews its state, and longer before one expires.
        world.settle(Duration::from_secs(3)).await;
        world.is_agreed(seed);
        moved += world.moved;
        killed += world.killed;
    }
    assert!(
        moved > 2_000 && killed > 200,
        "{moved} moves, {killed} kills"
    );
}

#[tokio::test(start_paused = true)]
async fn n48_what_was_lost_is_made_good_by_renewal_and_expiry() {
    for seed in 0..20 {
        let mut world = live(seed, Faults::Loss).await;
        world.settle(Duration::from_secs(61)).await;
        // No renewal is under way.
        while world.renewed_within(Duration::from_secs(1)) {
            world.settle(Duration::from_millis(200)).await;
        }
        world.is_agreed(seed);
    }
}

/// Two nodes with the room.
fn two() -> (Arc<Hub>, Node, Node) {
    let hub = Arc::<Hub>::default();
    let (one, two) = (Node::start(1, &hub), Node::start(2, &hub));
    (hub, one, two)
}

/// Carries what was said to the other node.
fn carry(hub: &Hub, nodes: [&Node; 2]) -> usize {
    let said = std::mem::take(&mut *hub.said.lock());
    for (from, states) in &said {
        for node in nodes.iter().filter(|node| node.id != *from) {
            node.room.shown(*from, states, Instant::now());
        }
    }
    said.len()
}

#[tokio::test(start_paused = true)]
async fn n40_people_on_another_node_are_met_and_move_and_leave_as_here() {
    let (hub, one, two) = two();
    let mut ann = Page::new(10);
    ann.connect(&one.room, 1);
    tokio::time::sleep(Duration::from_millis(50)).await;
    ann.take_all();
    tokio::time::sleep(Duration::from_millis(50)).await;
    carry(&hub, [&one, &two]);
    let mut bob = Page::new(20);
    bob.connect(&two.room, 2);
    assert_eq!(
        bob.sees(),
        BTreeMap::from([(10, 1), (20, 0)]),
        "the greeting has her"
    );
    for clock in 2..5 {
        ann.move_pointer();
        tokio::time::sleep(Duration::from_millis(50)).await;
        carry(&hub, [&one, &two]);
        tokio::time::sleep(Duration::from_millis(50)).await;
        bob.take_all();
        assert_eq!(bob.sees()[&10], clock);
    }
    assert_eq!(
        two.room.unstored(),
        0,
        "a cursor never costs a document update"
    );
    ann.lose();
    tokio::time::sleep(Duration::from_millis(50)).await;
    carry(&hub, [&one, &two]);
    tokio::time::sleep(Duration::from_millis(50)).await;
    bob.take_all();
    assert_eq!(bob.sees(), BTreeMap::from([(20, 1)]));
}

#[tokio::test(start_paused = true)]
async fn n41_a_node_says_nothing_of_what_it_heard_from_another() {
    let (hub, one, two) = two();
    let mut bob = Page::new(20);
    bob.connect(&two.room, 2);
    let (mut ann, mut eve) = (Page::new(10), Page::new(11));
    ann.connect(&one.room, 1);
    eve.connect(&one.room, 3);
    let mut said = Vec::new();
    for _ in 0..10 {
        bob.move_pointer();
        for page in [&mut ann, &mut bob, &mut eve] {
            page.take_all();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        said.push(carry(&hub, [&one, &two]));
    }
    assert_eq!(ann.sees().len(), 3);
    // Once those of the first node have answered the greeting, only the second has anything to say, although all clients relay.
    assert!(said[3..].iter().all(|messages| *messages == 1), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn n46_the_people_of_a_room_include_those_on_other_nodes() {
    let (hub, one, two) = two();
    let (mut ann, mut bob) = (Page::new(10), Page::new(20));
    ann.connect(&one.room, 1);
    bob.connect(&two.room, 2);
    tokio::time::sleep(Duration::from_millis(50)).await;
    carry(&hub, [&one, &two]);
    let info = one.room.info();
    assert_eq!(
        (info.sessions, info.people, info.people_elsewhere),
        (1, 2, 1)
    );
    let mut totals = RoomTotals::default();
    two.room.add_to(&mut totals);
    assert_eq!((totals.people, totals.people_elsewhere), (2, 1));
    one.room.gone(two.id, Instant::now());
    assert_eq!((one.room.info().people, two.room.info().people), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn n47_what_cannot_be_read_of_another_node_changes_nothing() {
    let (_, one, two) = two();
    let mut bob = Page::new(20);
    bob.connect(&two.room, 2);
    let good = awareness::encode(
        [AwarenessEntry {
            client: 10,
            clock: 1,
            state: Some(b"{}"),
        }]
        .into_iter(),
    );
    for end in 0..good.len() {
        one.room.shown(two.id, &good[..end], Instant::now());
        two.room
            .shown(one.id, &[&good[..], &[0]].concat(), Instant::now());
    }
    assert_eq!((one.room.info().people, two.room.info().people), (0, 1));
    one.room.shown(two.id, &good, Instant::now());
    assert_eq!(one.room.info().people, 1);
}

/// A room is loaded empty.
struct Empty;

#[async_trait]
impl Source for Empty {
    async fn load(&self, _: &RoomName) -> Result<Opened, OpenError> {
        Ok(Opened::default())
    }
}

#[tokio::test(start_paused = true)]
async fn n40_a_node_hears_for_its_open_rooms_and_asks_again_for_all() {
    let hub = Arc::<Hub>::default();
    let wire = |node| Wire {
        node,
        hub: hub.clone(),
    };
    let shared = RoomsShared::new(RoomsConfig::for_tests(), Arc::new(wire(1)));
    let rooms = Registry::new(Arc::new(Empty), Arc::new(shared));
    let name = RoomName::new("demo").unwrap();
    let _here = rooms.enter(&name, 1, Identity::default()).await.unwrap();
    let people = || rooms.live()[0].people_elsewhere;
    let states = |client| {
        let entry = AwarenessEntry {
            client,
            clock: 1,
            state: Some(b"{}"),
        };
        awareness::encode([entry].into_iter())
    };
    rooms.shown("demo", 2, &states(10));
    rooms.shown("closed", 2, &states(11));
    rooms.shown("demo", 3, &states(12));
    assert_eq!(people(), 2);
    rooms.gone(2);
    assert_eq!(people(), 1);
    wire(4).show(&name, &states(13));
    rooms.meet_others();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!((people(), rooms.live().len()), (2, 1));
}
