//! The rooms that are open on this node: opened once however many ask, closed when nobody has been there for a while.
//!
//! Removal is compare-and-remove: a room first ends itself under its own lock, which it does only while it is empty and stored,
//! and only that very room is then taken off the table. A newcomer who meets an ended room asks again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::{
    Author, Membership, OpenError, Opened, Room, RoomName, RoomTotals, RoomsShared, Source,
};
use crate::access::Identity;
use crate::bus::{Commit, Hearer, NodeId};
use crate::telemetry::{LimitMet, Openings};

/// How often presence is looked at for states that nobody renewed.
const SWEEP: Duration = Duration::from_secs(5);

/// How long those who wait for a room are kept waiting until it is known who is in it on other nodes, so that they are greeted with these.
const MEETING: Duration = Duration::from_millis(200);

/// What a waiting session hears of an opening room.
type Opening = watch::Receiver<Option<Result<Arc<Room>, OpenError>>>;

#[derive(Clone)]
enum Slot {
    Opening(Opening),
    Open(Arc<Room>),
}

/// The rooms of a node.
pub struct Registry {
    rooms: Mutex<HashMap<RoomName, Slot>>,
    /// Since when open rooms have been without sessions.
    idle: Mutex<IdleRooms>,
    source: Arc<dyn Source>,
    shared: Arc<RoomsShared>,
}

/// What an operator sees of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomInfo {
    /// The canonical name.
    pub name: RoomName,
    /// Open connections.
    pub sessions: usize,
    /// Clients that show themselves, on all nodes.
    pub people: usize,
    /// Those of them that are on other nodes.
    pub people_elsewhere: usize,
    /// Memory of base and log, in bytes.
    pub bytes: usize,
    /// Bytes that wait for the journal.
    pub uncommitted_bytes: usize,
}

impl Registry {
    /// A node without open rooms.
    pub fn new(source: Arc<dyn Source>, shared: Arc<RoomsShared>) -> Arc<Self> {
        Arc::new(Self {
            rooms: Mutex::default(),
            idle: Mutex::default(),
            source,
            shared,
        })
    }

    /// What the rooms share.
    pub fn shared(&self) -> &Arc<RoomsShared> {
        &self.shared
    }

    /// Gives a session a seat in a room, opening the room if need be.
    ///
    /// # Errors
    /// [`OpenError`] when the room could not be loaded. Everyone who waited for the same attempt gets the same answer.
    pub async fn enter(
        self: &Arc<Self>,
        name: &RoomName,
        session: Author,
        identity: Identity,
    ) -> Result<Membership, OpenError> {
        loop {
            match self.slot(name) {
                Slot::Open(room) => match room.enter(session, identity.clone()) {
                    Ok(membership) => return Ok(membership),
                    Err(_) => self.forget(
                        name,
                        |slot| matches!(slot, Slot::Open(other) if Arc::ptr_eq(other, &room)),
                    ),
                },
                Slot::Opening(mut opening) => {
                    let outcome = opening
                        .wait_for(Option::is_some)
                        .await
                        .map(|outcome| outcome.clone());
                    match outcome {
                        Ok(Some(Err(error))) => return Err(error),
                        Ok(_) => {}
                        Err(_) => {
                            // The loading task died without a word, so its slot is still there.
                            self.forget(name, |slot| matches!(slot, Slot::Opening(other) if other.same_channel(&opening)));
                            return Err(OpenError::Unavailable("loading was interrupted".into()));
                        }
                    }
                }
            }
        }
    }

    /// The rooms that are open, by name.
    pub fn live(&self) -> Vec<RoomInfo> {
        let mut infos: Vec<_> = self.open().iter().map(|room| room.info()).collect();
        infos.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        infos
    }

    /// All open rooms together.
    pub fn totals(&self) -> RoomTotals {
        let mut totals = RoomTotals::default();
        self.open().iter().for_each(|room| room.add_to(&mut totals));
        totals
    }

    /// A room, if it is open.
    pub fn find(&self, name: &RoomName) -> Option<Arc<Room>> {
        match self.rooms.lock().get(name)? {
            Slot::Open(room) => Some(room.clone()),
            Slot::Opening(_) => None,
        }
    }

    /// A room by its canonical name, if it is open.
    pub fn open_by(&self, name: &str) -> Option<Arc<Room>> {
        self.find(&RoomName::new(name).ok()?)
    }

    /// How many updates in all rooms are not stored.
    pub fn unstored(&self) -> u64 {
        self.open().iter().map(|room| room.unstored()).sum()
    }

    /// Unloads idle rooms and sweeps presence, for ever.
    pub async fn look_after_rooms(&self) {
        let idle = self.shared.config.idle;
        let period = (idle / 4).clamp(Duration::from_millis(50), SWEEP);
        let mut swept = Instant::now();
        loop {
            tokio::time::sleep(period).await;
            let now = Instant::now();
            let rooms = self.open();
            self.unload_idle(&rooms, idle, now);
            self.make_place(now);
            rooms.iter().for_each(|room| room.keep_version_if_due());
            if now.duration_since(swept) >= SWEEP {
                swept = now;
                rooms.iter().for_each(|room| room.expire_presence(now));
            }
        }
    }

    /// Notes which rooms are without sessions, and unloads those that have been for long enough.
    fn unload_idle(&self, rooms: &[Arc<Room>], idle: Duration, now: Instant) {
        let mut empty = self.idle.lock();
        empty.note(rooms, now);
        empty.retain(|room, since| {
            let over = room.is_over();
            let done = over || (now.duration_since(since) >= idle && room.end_if_idle());
            if done {
                self.unload(room);
            }
            !done
        });
    }

    /// Unloads idle rooms before their time, those first that have been idle for longest, while all rooms together take more memory than they
    /// may. False where that was not enough.
    fn make_place(&self, now: Instant) -> bool {
        let budget = self.shared.config.memory;
        let rooms = self.open();
        let mut taken: usize = rooms.iter().map(|room| room.weight()).sum();
        if taken <= budget {
            return true;
        }
        let mut empty = self.idle.lock();
        empty.note(&rooms, now);
        for room in empty.longest_first() {
            let weight = room.weight();
            if room.end_if_idle() {
                tracing::info!(room = ?room.name(), bytes = weight, "room unloaded early: memory is short");
                self.shared.metrics.rooms.evicted.inc();
                self.unload(&room);
                taken -= weight;
            }
            if taken <= budget {
                return true;
            }
        }
        false
    }

    fn unload(&self, room: &Arc<Room>) {
        self.forget(
            room.name(),
            |slot| matches!(slot, Slot::Open(other) if Arc::ptr_eq(other, room)),
        );
        tracing::debug!(room = ?room.name(), "room unloaded");
    }

    /// All open rooms, in no particular order.
    pub fn open(&self) -> Vec<Arc<Room>> {
        let rooms = self.rooms.lock();
        let open = rooms.values().filter_map(|slot| match slot {
            Slot::Open(room) => Some(room.clone()),
            Slot::Opening(_) => None,
        });
        open.collect()
    }

    fn slot(self: &Arc<Self>, name: &RoomName) -> Slot {
        let mut rooms = self.rooms.lock();
        if let Some(slot) = rooms.get(name) {
            return slot.clone();
        }
        let (tell, opening) = watch::channel(None);
        let (this, name_) = (self.clone(), name.clone());
        self.shared.tasks.spawn(async move {
            let (metrics, began) = (&this.shared.metrics.rooms, Instant::now());
            let loaded = if this.make_place(began) {
                // What is stored from now on is heard, so that nothing is missed between what is read and what comes after it.
                if let Err(away) = this.shared.bus.join(&name_).await {
                    tracing::debug!(room = ?name_, %away, "opening a room without the other nodes");
                }
                this.source.load(&name_).await
            } else {
                this.shared.metrics.limits.count(LimitMet::RoomMemory);
                Err(OpenError::Unavailable(
                    "the rooms in use take all the memory that SCRIBLE_MAX_ROOM_MEMORY allows"
                        .into(),
                ))
            };
            metrics.opening.time(began.elapsed());
            metrics.openings.count(outcome(&loaded));
            let room = loaded
                .map(|opened| Arc::new(Room::new(name_.clone(), opened, this.shared.clone())));
            match &room {
                Ok(room) => {
                    this.rooms.lock().insert(name_, Slot::Open(room.clone()));
                    if this.shared.bus.has_others() {
                        // What came while it was being read was heard by nobody.
                        room.look_for_more();
                        let meeting = room.clone();
                        let meeting = async move { meeting.meet_others().await };
                        let meeting = this.shared.tasks.spawn(meeting);
                        // It goes on beyond that.
                        let _ = timeout(MEETING, meeting).await;
                    }
                }
                Err(error) => {
                    match error {
                        // Told once, by whoever found it; its clients come back every few seconds.
                        OpenError::SetAside(_) => {
                            tracing::debug!(room = ?name_, %error, "room refused")
                        }
                        _ => tracing::error!(room = ?name_, %error, "room refused"),
                    }
                    this.forget(&name_, |_| true);
                }
            }
            tell.send_replace(Some(room));
        });
        rooms.insert(name.clone(), Slot::Opening(opening.clone()));
        Slot::Opening(opening)
    }

    /// Rooms of which little place is left, with a sentence for each.
    pub fn scarce(&self) -> Vec<(RoomName, String)> {
        let rooms = self.open();
        let scarce = rooms
            .iter()
            .filter_map(|room| Some((room.name().clone(), room.scarce()?)));
        scarce.collect()
    }

    fn forget(&self, name: &RoomName, which: impl Fn(&Slot) -> bool) {
        let mut rooms = self.rooms.lock();
        if rooms.get(name).is_some_and(which) {
            rooms.remove(name);
            self.shared.bus.leave(name);
        }
    }
}

impl Hearer for Registry {
    fn stored(&self, room: &str, commit: Commit) {
        if let Some(room) = self.open_by(room) {
            room.stored_elsewhere(&commit);
        }
    }

    fn shown(&self, room: &str, node: NodeId, states: &[u8]) {
        if let Some(room) = self.open_by(room) {
            room.shown(node, states, Instant::now());
        }
    }

    fn access_changed(&self, room: &str) {
        if let Ok(room) = RoomName::new(room) {
            self.access_changed_here(&room);
        }
    }

    fn kicked(&self, room: &str, client: u64) {
        if let Ok(room) = RoomName::new(room) {
            self.kick_here(&room, client);
        }
    }

    fn gone(&self, node: NodeId) {
        let now = Instant::now();
        self.open().iter().for_each(|room| room.gone(node, now));
    }

    fn missed(&self) {
        self.open().iter().for_each(Room::look_for_more);
        self.meet_others();
    }
}

/// Open rooms without sessions, and since when.
#[derive(Default)]
struct IdleRooms(HashMap<RoomName, (Arc<Room>, Instant)>);

impl IdleRooms {
    /// Forgets rooms that somebody is in or that are open no more, and notes those that have become empty.
    fn note(&mut self, open: &[Arc<Room>], now: Instant) {
        let mut known = std::mem::take(&mut self.0);
        for room in open.iter().filter(|room| room.info().sessions == 0) {
            let since = match known.remove(room.name()) {
                Some((same, since)) if Arc::ptr_eq(&same, room) => since,
                _ => now,
            };
            self.0.insert(room.name().clone(), (room.clone(), since));
        }
    }

    fn retain(&mut self, mut stays: impl FnMut(&Arc<Room>, Instant) -> bool) {
        self.0.retain(|_, (room, since)| stays(room, *since));
    }

    fn longest_first(&self) -> Vec<Arc<Room>> {
        let mut rooms: Vec<_> = self.0.values().collect();
        rooms.sort_by_key(|(_, since)| *since);
        rooms.into_iter().map(|(room, _)| room.clone()).collect()
    }
}

fn outcome(loaded: &Result<Opened, OpenError>) -> Openings {
    match loaded {
        Ok(_) => Openings::Opened,
        Err(OpenError::Unavailable(_)) => Openings::Unavailable,
        Err(OpenError::Corrupt(_) | OpenError::Snapshot(_)) => Openings::Damaged,
        Err(OpenError::SetAside(_)) => Openings::SetAside,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use tokio::sync::Semaphore;

    use super::super::{Carrier, RoomsConfig};
    use super::*;
    use crate::bus::Alone;

    /// Loads as often as it has permits; fails when told to.
    struct Slow {
        permits: Semaphore,
        loads: AtomicUsize,
        fail: bool,
    }

    #[async_trait]
    impl Source for Slow {
        async fn load(&self, _: &RoomName) -> Result<Opened, OpenError> {
            self.permits.acquire().await.unwrap().forget();
            self.loads.fetch_add(1, Ordering::SeqCst);
            if self.fail {
                Err(OpenError::Unavailable("down".into()))
            } else {
                Ok(Opened::default())
            }
        }
    }

    fn config(idle: Duration) -> RoomsConfig {
        RoomsConfig {
            idle,
            max_uncommitted_bytes: 1 << 20,
            ..RoomsConfig::for_tests()
        }
    }

    fn registry(source: Arc<Slow>, idle: Duration) -> Arc<Registry> {
        let shared = RoomsShared::new(config(idle), Arc::new(Alone));
        Registry::new(source, Arc::new(shared))
    }

    fn slow(permits: usize, fail: bool) -> Arc<Slow> {
        Arc::new(Slow {
            permits: Semaphore::new(permits),
            loads: AtomicUsize::new(0),
            fail,
        })
    }

    async fn enter_many(
        registry: &Arc<Registry>,
        source: &Slow,
        many: u64,
    ) -> Vec<Result<Membership, OpenError>> {
        let name = RoomName::new("demo").unwrap();
        let tasks: Vec<_> = (0..many)
            .map(|session| {
                let (registry, name) = (registry.clone(), name.clone());
                tokio::spawn(
                    async move { registry.enter(&name, session, Identity::default()).await },
                )
            })
            .collect();
        tokio::task::yield_now().await;
        source.permits.add_permits(1);
        let mut entered = Vec::new();
        for task in tasks {
            entered.push(task.await.unwrap());
        }
        entered
    }

    #[tokio::test]
    async fn o1_a_room_is_opened_once_however_many_ask() {
        let source = slow(0, false);
        let registry = registry(source.clone(), Duration::from_secs(30));
        let entered = enter_many(&registry, &source, 50).await;
        let rooms: Vec<_> = entered
            .iter()
            .map(|entered| entered.as_ref().unwrap().room())
            .collect();
        assert!(rooms.iter().all(|room| Arc::ptr_eq(room, rooms[0])));
        assert_eq!(source.loads.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn o2_a_failed_load_refuses_everyone_who_waited_and_leaves_no_room() {
        let source = slow(0, true);
        let registry = registry(source.clone(), Duration::from_secs(30));
        for entered in enter_many(&registry, &source, 20).await {
            assert_eq!(entered.err(), Some(OpenError::Unavailable("down".into())));
        }
        assert_eq!(registry.live(), []);
        assert_eq!(source.loads.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn o3_an_idle_room_is_unloaded_and_an_occupied_one_is_not() {
        let source = slow(10, false);
        let registry = registry(source.clone(), Duration::from_secs(30));
        let keeper = tokio::spawn({
            let registry = registry.clone();
            async move { registry.look_after_rooms().await }
        });
        let (here, gone) = (
            RoomName::new("here").unwrap(),
            RoomName::new("gone").unwrap(),
        );
        let stays = registry.enter(&here, 1, Identity::default()).await.unwrap();
        drop(registry.enter(&gone, 2, Identity::default()).await.unwrap());
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(registry.live().len(), 2);
        tokio::time::sleep(Duration::from_secs(25)).await;
        assert_eq!(
            registry
                .live()
                .iter()
                .map(|info| info.name.clone())
                .collect::<Vec<_>>(),
            [here]
        );
        drop(stays);
        keeper.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn o4_a_newcomer_who_meets_an_ended_room_gets_a_new_one() {
        let source = slow(10, false);
        let registry = registry(source.clone(), Duration::from_secs(30));
        let name = RoomName::new("demo").unwrap();
        let first = registry.enter(&name, 1, Identity::default()).await.unwrap();
        let room = first.room().clone();
        assert!(!room.end_if_idle(), "someone is here");
        drop(first);
        assert!(room.end_if_idle());
        let second = registry.enter(&name, 2, Identity::default()).await.unwrap();
        assert!(!Arc::ptr_eq(second.room(), &room));
    }

    #[tokio::test]
    async fn l5_idle_rooms_go_early_when_memory_is_short_and_without_any_no_more_is_opened() {
        let source = slow(100, false);
        let mut config = config(Duration::from_secs(3_600));
        config.memory = 3 << 20;
        let shared = Arc::new(RoomsShared::new(config, Arc::new(Alone)));
        let registry = Registry::new(source.clone(), shared);
        let mut here = Vec::new();
        let fill = async |name: &str| {
            let name = RoomName::new(name).unwrap();
            let member = registry.enter(&name, 1, Identity::default()).await.unwrap();
            let mut update = vec![1, 1, 10, 0, 0x03, 1, 1, b't'];
            scrible_wire::varint::write_var_bytes(&mut update, &vec![1; 1 << 20]);
            update.push(0);
            member.offer(&update, Carrier::Step2, None).unwrap();
            let end = member.room().uncommitted(usize::MAX).end;
            member.room().committed(1, 1, end);
            member
        };
        for name in ["first", "second", "third"] {
            drop(fill(name).await);
        }
        let names = || -> Vec<String> {
            let live = registry.live().into_iter();
            live.map(|info| info.name.as_str().to_owned()).collect()
        };
        assert_eq!(names(), ["first", "second", "third"]);
        registry.make_place(Instant::now());
        assert_eq!(registry.shared.metrics.rooms.evicted.get(), 1);
        assert_eq!(names().len(), 2);
        for name in ["fourth", "fifth"] {
            here.push(fill(name).await);
        }
        here.push(fill("sixth").await);
        assert_eq!(names(), ["fifth", "fourth", "sixth"], "rooms in use stay");
        let full = RoomName::new("seventh").unwrap();
        let refused = registry.enter(&full, 1, Identity::default()).await;
        assert!(matches!(refused, Err(OpenError::Unavailable(_))));
        assert_eq!(registry.shared.metrics.limits.of(LimitMet::RoomMemory), 1);
        drop(here);
        assert!(registry.enter(&full, 1, Identity::default()).await.is_ok());
    }
}
