//! What is going on in the rooms that are open on this node, look after look.
//!
//! Knows rooms and two clocks; not who watches. The one rule: a look takes each room's lock for a few lines and copies no content, so that
//! watching costs those who draw nothing.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokio::time::Instant;

use super::{ServiceError, Services, now_ms};
use crate::access::{Denied, Knock};
use crate::bus::NodeId;
use crate::room::{Pulse, Registry, RoomName};

/// Rooms that are told of one by one: those with the most people, then those with the most updates.
const MAX_ROOMS: usize = 500;

/// A room that is open on this node.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveRoom {
    /// Its name.
    pub name: RoomName,
    /// Open connections to this node.
    pub connections: usize,
    /// Clients that show themselves, on all nodes.
    pub people: usize,
    /// Those of them that are on other nodes.
    pub people_elsewhere: usize,
    /// The other nodes on which these are.
    pub nodes: BTreeSet<NodeId>,
    /// Clients that have shown something new since the look before: whose cursors move.
    pub moving: usize,
    /// Tenths of updates in a second, since the look before.
    pub rate: u64,
    /// How large it is.
    pub bytes: usize,
    /// The number of the newest stored update.
    pub stored: u64,
    /// When it was last changed, in milliseconds since 1970; `None` where that was before it was opened.
    pub changed_ms: Option<i64>,
}

/// All open rooms at a moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Overview {
    /// The busiest first.
    pub rooms: Vec<LiveRoom>,
    /// Open rooms, told of or not.
    pub open: usize,
    /// Open connections to this node.
    pub connections: usize,
    /// Clients that show themselves in them, on all nodes.
    pub people: usize,
    /// Those of them that are on other nodes.
    pub people_elsewhere: usize,
    /// Clients whose cursors move.
    pub moving: usize,
    /// Tenths of updates in a second.
    pub rate: u64,
    /// How large they are together.
    pub bytes: usize,
}

/// Somebody who may watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watching {
    /// For how long, in milliseconds since 1970.
    pub until_ms: Option<i64>,
}

/// Looks at the rooms, and remembers what it saw last.
pub struct Lookout {
    rooms: Arc<Registry>,
    seen: HashMap<RoomName, Seen>,
    at: Option<Instant>,
}

/// A room as it was at the last look.
struct Seen {
    updates: u64,
    presence: u64,
    changed: Option<(Instant, i64)>,
}

impl Services {
    /// Whether somebody may see all rooms: an admin, or whoever sits at the machine of an open server.
    ///
    /// # Errors
    /// What the gate has against it.
    pub async fn watch(&self, knock: &Knock) -> Result<Watching, ServiceError> {
        let caller = self.gate.caller(knock).await?;
        if caller.is_admin {
            let claims = caller.basis.claims;
            return Ok(Watching {
                until_ms: claims.map(|claims| claims.expires_ms),
            });
        }
        // Where everybody may make rooms without any, no credentials would help.
        match knock.credentials.token.is_none() && !caller.may_create {
            true => Err(Denied::NoCredentials.into()),
            false => Err(Denied::Forbidden.into()),
        }
    }

    /// A new pair of eyes.
    pub fn lookout(&self) -> Lookout {
        Lookout::new(self.rooms.clone())
    }
}

impl Lookout {
    /// Has seen nothing yet.
    pub fn new(rooms: Arc<Registry>) -> Self {
        Self {
            rooms,
            seen: HashMap::new(),
            at: None,
        }
    }

    /// Looks around. Rates are those since the look before; at the first they are 0.
    pub fn look(&mut self) -> Overview {
        let now = Instant::now();
        let elapsed = self.at.replace(now).map(|before| now - before);
        let tenths = |updates: u64| {
            let seconds = elapsed.map_or(0.0, |elapsed| elapsed.as_secs_f64());
            match seconds > 0.0 {
                true => (updates as f64 / seconds * 10.0).round() as u64,
                false => 0,
            }
        };
        let mut before = std::mem::take(&mut self.seen);
        let mut all = Overview::default();
        let mut updates = 0;
        for room in self.rooms.open() {
            let seen = before.remove(room.name());
            let pulse = room.pulse(seen.as_ref().map_or(0, |seen| seen.presence));
            // A room that was closed and opened in between begins anew.
            let new = seen
                .as_ref()
                .map_or(0, |seen| pulse.updates.saturating_sub(seen.updates));
            updates += new;
            let changed = changed(&pulse, seen.and_then(|seen| seen.changed), now);
            let live = LiveRoom {
                name: room.name().clone(),
                connections: pulse.sessions,
                people: pulse.people,
                people_elsewhere: pulse.people_elsewhere,
                nodes: pulse.nodes,
                moving: pulse.moving,
                rate: tenths(new),
                bytes: pulse.bytes,
                stored: pulse.stored,
                changed_ms: changed.map(|(_, ms)| ms),
            };
            all.add(&live);
            all.rooms.push(live);
            let seen = Seen {
                updates: pulse.updates,
                presence: pulse.presence,
                changed,
            };
            self.seen.insert(room.name().clone(), seen);
        }
        all.rate = tenths(updates);
        let rank = |room: &LiveRoom| std::cmp::Reverse((room.people, room.rate));
        all.rooms
            .sort_unstable_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name)));
        all.rooms.truncate(MAX_ROOMS);
        all
    }
}

impl Overview {
    fn add(&mut self, room: &LiveRoom) {
        self.open += 1;
        self.connections += room.connections;
        self.people += room.people;
        self.people_elsewhere += room.people_elsewhere;
        self.moving += room.moving;
        self.bytes += room.bytes;
    }
}

/// When a room was last changed, by both clocks. Told from the second once only, so that looks at a quiet room are equal.
fn changed(pulse: &Pulse, known: Option<(Instant, i64)>, now: Instant) -> Option<(Instant, i64)> {
    let Some(at) = pulse.changed else {
        return known;
    };
    match known {
        Some((before, _)) if before >= at => known,
        _ => {
            let ago = now.saturating_duration_since(at).as_millis();
            let ago = i64::try_from(ago).unwrap_or(i64::MAX);
            Some((at, now_ms().saturating_sub(ago)))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;
    use scrible_wire::awareness::Entry;
    use scrible_wire::varint::write_var_bytes;

    use super::*;
    use crate::access::Identity;
    use crate::bus::Alone;
    use crate::room::{Carrier, Membership, OpenError, Opened, RoomsConfig, RoomsShared, Source};

    struct Empty;

    #[async_trait]
    impl Source for Empty {
        async fn load(&self, _: &RoomName) -> Result<Opened, OpenError> {
            Ok(Opened::default())
        }
    }

    fn registry() -> Arc<Registry> {
        let shared = RoomsShared::new(RoomsConfig::for_tests(), Arc::new(Alone));
        Registry::new(Arc::new(Empty), Arc::new(shared))
    }

    async fn enter(rooms: &Arc<Registry>, room: &str, session: u64) -> Membership {
        let room = RoomName::new(room).unwrap();
        let entering = rooms.enter(&room, session, Identity::default());
        entering.await.unwrap()
    }

    /// Inserts an `x` at a clock of client 1, behind those before it.
    fn draw(member: &Membership, clock: u8) {
        let mut update = vec![1, 1, 1, clock, 4, 1, 1, b't'];
        if clock > 0 {
            update = vec![1, 1, 1, clock, 0x84, 1, clock - 1];
        }
        write_var_bytes(&mut update, b"x");
        update.push(0);
        member.offer(&update, Carrier::Update, None).unwrap();
    }

    fn show(member: &mut Membership, client: u64) {
        let state = Some(&b"{}"[..]);
        let clock = 1;
        let entry = Entry {
            client,
            clock,
            state,
        };
        assert!(member.hear(&[entry], Instant::now()));
    }

    fn names(seen: &Overview) -> Vec<&str> {
        seen.rooms.iter().map(|room| room.name.as_str()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn z2_a_look_tells_what_is_going_on_in_each_room_and_in_all() {
        let rooms = registry();
        let mut lookout = Lookout::new(rooms.clone());
        assert_eq!(lookout.look(), Overview::default());
        let (mut ann, _bob) = (
            enter(&rooms, "demo", 1).await,
            enter(&rooms, "demo", 2).await,
        );
        let _cid = enter(&rooms, "quiet", 3).await;
        draw(&ann, 0);
        let first = lookout.look();
        assert_eq!(names(&first), ["demo", "quiet"]);
        assert_eq!((first.open, first.connections), (2, 3));
        assert_eq!(first.rate, 0, "there was no look at this room before");

        for clock in 1..6 {
            draw(&ann, clock);
        }
        show(&mut ann, 1);
        tokio::time::advance(Duration::from_secs(2)).await;
        let second = lookout.look();
        let [demo, quiet] = &second.rooms[..] else {
            panic!("{second:?}");
        };
        assert_eq!((demo.rate, demo.people, demo.moving), (25, 1, 1));
        assert_eq!((quiet.rate, quiet.people, quiet.changed_ms), (0, 0, None));
        assert!(demo.bytes > first.rooms[0].bytes);
        assert_eq!(second.bytes, demo.bytes + quiet.bytes);
        let changed = demo.changed_ms.unwrap();
        assert!(
            (now_ms() - 60_000..=now_ms()).contains(&changed),
            "{changed}"
        );

        tokio::time::advance(Duration::from_secs(1)).await;
        let third = lookout.look();
        assert_eq!((third.rate, third.moving, third.people), (0, 0, 1));
        assert_eq!(third.rooms[0].changed_ms, Some(changed));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(lookout.look(), third, "nothing has happened");
    }

    #[tokio::test]
    async fn z2_of_very_many_rooms_the_busiest_are_told_of_and_all_are_counted() {
        let rooms = registry();
        let mut members = Vec::new();
        for room in 0..MAX_ROOMS as u64 + 3 {
            members.push(enter(&rooms, &format!("room-{room:04}"), room + 1).await);
        }
        show(members.last_mut().unwrap(), 1);
        let seen = Lookout::new(rooms).look();
        assert_eq!((seen.rooms.len(), seen.open), (MAX_ROOMS, MAX_ROOMS + 3));
        assert_eq!(seen.connections, MAX_ROOMS + 3);
        assert_eq!(&names(&seen)[..2], ["room-0502", "room-0000"]);
    }
}
