//! Whether a session may still be where it is: asked anew whenever who may be in its room has changed, and over when its time is.
//!
//! It does not know how a gate decides. The one rule: what could not be decided says nothing against anybody for a while, and everything against him
//! after that.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::Leave;
use crate::access::{Admission, Denied, Gate, OwnSecrets, Role, Seen, events};
use crate::clock::now_ms;
use crate::room::{Membership, Room, Rung};
use crate::stays::Staying;

/// How long a gate may take to decide.
const DECISION: Duration = Duration::from_secs(10);
/// How long somebody stays of whom nothing can be decided.
const BENEFIT_OF_DOUBT: Duration = Duration::from_secs(60);
/// Until that is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(2);
/// How often the wall clock is looked at, which may be set, or may have gone on while the machine slept.
const LOOK: Duration = Duration::from_secs(30);

/// A gate's decision that is on its way.
type Deciding = Pin<Box<dyn Future<Output = Result<Admission, Denied>> + Send>>;

/// What a session was let in as, and on what that rests.
pub struct Standing {
    gate: Arc<dyn Gate>,
    peer: IpAddr,
    admission: Admission,
    own_secrets: OwnSecrets,
    staying: Staying,
    /// When to look whether its time is over.
    look_at: Option<Instant>,
    /// How often the bell had rung when it was last asked.
    heard: u64,
    /// It is to be asked, whatever the bell says.
    is_due: bool,
    deciding: Option<Deciding>,
    doubt: Option<Doubt>,
}

/// Nothing can be decided for now.
struct Doubt {
    /// When to ask again.
    again: Instant,
    /// When that has gone on for too long.
    until: Instant,
}

impl Standing {
    /// Of a session that was just let into a room.
    pub fn new(gate: Arc<dyn Gate>, admission: Admission, seat: &Membership, peer: IpAddr) -> Self {
        let admission = without_room(admission);
        let room = seat.room();
        let stays = &room.shared().stays;
        Self {
            gate,
            peer,
            staying: stays.begin(room.name(), seat.session(), &admission),
            look_at: admission.until_ms.map(|_| Instant::now()),
            admission,
            own_secrets: OwnSecrets::default(),
            heard: 0,
            is_due: false,
            deciding: None,
            doubt: None,
        }
    }

    /// Who may be in the room may have changed since the admission: it is asked again at once.
    pub fn outdated(mut self) -> Self {
        self.is_due = true;
        self
    }

    /// What was brought to be let in is not to be written into the room.
    pub fn keeping(mut self, own_secrets: OwnSecrets) -> Self {
        self.own_secrets = own_secrets;
        self
    }

    /// What the client may not write.
    pub fn own_secrets(&self) -> &OwnSecrets {
        &self.own_secrets
    }

    /// Notes the client id that the session calls its own.
    pub fn seen_as(&mut self, client: u64) {
        self.staying.seen_as(client);
    }

    /// What may be done.
    pub fn role(&self) -> Role {
        self.admission.role
    }

    /// Asks where there is reason to.
    ///
    /// # Errors
    /// [`Leave`]: the session must end before anything more of it is taken.
    pub fn poll(
        &mut self,
        rung: Rung,
        room: &Room,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Result<(), Leave> {
        self.staying.keep_if(|| room.stored_as().is_some());
        if rung.sent_out {
            self.on_record("kicked", room);
            return Err(Leave::Denied(Denied::Blocked));
        }
        self.look_at_the_clock(now)?;
        if let Some(doubt) = &self.doubt
            && doubt.until <= now
        {
            return Err(Leave::Denied(Denied::Undecided));
        }
        loop {
            let doubt = self.doubt.as_ref();
            let is_due = self.is_due
                || self.heard != rung.times
                || doubt.is_some_and(|doubt| doubt.again <= now);
            if self.deciding.is_none() && is_due {
                self.is_due = false;
                self.heard = rung.times;
                self.deciding = Some(self.decide(room));
            }
            let Some(deciding) = &mut self.deciding else {
                return Ok(());
            };
            let Poll::Ready(decided) = deciding.as_mut().poll(cx) else {
                return Ok(());
            };
            self.deciding = None;
            self.take(decided, room, now)?;
        }
    }

    /// When there is something to do that nobody wakes the session for.
    pub fn due(&self) -> Option<Instant> {
        let doubt = self.doubt.as_ref();
        let doubted = doubt.map(|doubt| match self.deciding {
            None => doubt.again.min(doubt.until),
            Some(_) => doubt.until,
        });
        doubted.into_iter().chain(self.look_at).min()
    }

    /// Puts on the record that something of this session was refused, or was decided about it.
    pub fn on_record(&self, event: &'static str, room: &Room) {
        tracing::info!(
            target: events::TARGET,
            event,
            room = room.name().as_str(),
            peer = %self.peer,
            identity = self.admission.identity.0.as_deref(),
        );
    }

    fn decide(&self, room: &Room) -> Deciding {
        let (gate, basis) = (self.gate.clone(), self.admission.basis.clone());
        let (name, turns) = (room.name().clone(), room.shared().judging.clone());
        let deciding = async move {
            let _turn = turns.acquire_owned().await;
            gate.readmit(&name, &basis).await
        };
        Box::pin(async {
            let decided = timeout(DECISION, deciding).await;
            decided.unwrap_or(Err(Denied::Undecided))
        })
    }

    fn take(
        &mut self,
        decided: Result<Admission, Denied>,
        room: &Room,
        now: Instant,
    ) -> Result<(), Leave> {
        match decided {
            Ok(admission) => {
                self.doubt = None;
                if admission.role != self.admission.role {
                    self.on_record("role_changed", room);
                    return Err(Leave::RoleChanged);
                }
                self.look_at = admission.until_ms.map(|_| now);
                self.admission = without_room(admission);
                self.look_at_the_clock(now)
            }
            Err(Denied::Undecided) => {
                let doubt = self.doubt.as_ref();
                self.doubt = Some(Doubt {
                    again: now + TRY_AGAIN,
                    until: doubt.map_or(now + BENEFIT_OF_DOUBT, |doubt| doubt.until),
                });
                Ok(())
            }
            Err(denied) => {
                let event = match denied {
                    Denied::Blocked => "kicked",
                    _ => "access_ended",
                };
                self.on_record(event, room);
                Err(Leave::Denied(denied))
            }
        }
    }

    fn look_at_the_clock(&mut self, now: Instant) -> Result<(), Leave> {
        let (Some(until_ms), Some(look_at)) = (self.admission.until_ms, self.look_at) else {
            return Ok(());
        };
        if now < look_at {
            return Ok(());
        }
        let left = until_ms.saturating_sub(now_ms());
        match u64::try_from(left) {
            Ok(left @ 1..) => {
                self.look_at = Some(now + Duration::from_millis(left).min(LOOK));
                Ok(())
            }
            _ => Err(Leave::Expired),
        }
    }
}

/// What was read of the room is old in a moment.
fn without_room(admission: Admission) -> Admission {
    let seen = Seen::Nothing;
    Admission { seen, ..admission }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Waker, ready};

    use async_trait::async_trait;
    use parking_lot::Mutex;
    use tokio::time::{advance, sleep_until};

    use super::*;
    use crate::access::{Basis, Caller, From, Identity, Knock};
    use crate::bus::Alone;
    use crate::room::{Opened, RoomName, RoomsConfig, RoomsShared};

    /// Decides as told; does not answer at all while it is told nothing.
    #[derive(Default)]
    struct Told {
        decision: Mutex<Option<Result<Role, Denied>>>,
        asked: AtomicUsize,
    }

    #[async_trait]
    impl Gate for Told {
        async fn admit(&self, room: &RoomName, _: &Knock) -> Result<Admission, Denied> {
            self.readmit(room, &Basis::default()).await
        }

        async fn readmit(&self, _: &RoomName, _: &Basis) -> Result<Admission, Denied> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let decision = self.decision.lock().clone();
            match decision {
                Some(decision) => decision.map(admission),
                None => std::future::pending().await,
            }
        }

        async fn caller(&self, _: &Knock) -> Result<Caller, Denied> {
            Err(Denied::Forbidden)
        }

        fn page(&self, _: Option<&str>, _: Option<&str>) -> From {
            From::NoPage
        }

        fn serves_host(&self, _: Option<&str>) -> bool {
            true
        }
    }

    fn admission(role: Role) -> Admission {
        Admission {
            role,
            identity: Identity::default(),
            name: None,
            until_ms: None,
            basis: Basis::default(),
            seen: Seen::Nothing,
        }
    }

    fn room() -> Arc<Room> {
        let config = RoomsConfig::for_tests();
        let shared = Arc::new(RoomsShared::new(config, Arc::new(Alone)));
        let name = RoomName::new("demo").unwrap();
        Arc::new(Room::new(name, Opened::default(), shared))
    }

    fn standing(gate: &Arc<Told>, room: &Arc<Room>) -> Standing {
        let seat = room.enter(1, Identity::default()).unwrap();
        let peer = [127, 0, 0, 1].into();
        Standing::new(gate.clone(), admission(Role::Editor), &seat, peer)
    }

    fn rung(times: u64) -> Rung {
        Rung {
            times,
            sent_out: false,
        }
    }

    /// Polls as a session does, until it must leave.
    async fn left(standing: &mut Standing, room: &Room) -> Leave {
        let mut timer = Box::pin(sleep_until(Instant::now()));
        poll_fn(|cx| {
            loop {
                let now = Instant::now();
                if let Err(leave) = standing.poll(rung(1), room, now, cx) {
                    return Poll::Ready(leave);
                }
                timer.as_mut().reset(standing.due().unwrap_or(now + LOOK));
                ready!(timer.as_mut().poll(cx));
            }
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn x4_who_cannot_be_judged_is_asked_about_again_and_must_leave_after_a_minute() {
        let (gate, room) = (Arc::new(Told::default()), room());
        *gate.decision.lock() = Some(Err(Denied::Undecided));
        let began = Instant::now();
        let leave = left(&mut standing(&gate, &room), &room).await;
        assert_eq!(leave, Leave::Denied(Denied::Undecided));
        assert_eq!(began.elapsed().as_secs(), 60);
        assert!((25..=31).contains(&gate.asked.load(Ordering::SeqCst)));
    }

    #[tokio::test(start_paused = true)]
    async fn x4_a_gate_that_does_not_answer_is_as_one_that_cannot_decide() {
        let (gate, room) = (Arc::new(Told::default()), room());
        let mut standing = standing(&gate, &room);
        let began = Instant::now();
        let leave = left(&mut standing, &room).await;
        assert_eq!(leave, Leave::Denied(Denied::Undecided));
        assert_eq!(began.elapsed().as_secs(), 70, "the first answer took ten");
        drop(standing);
        let turns = room.shared().judging.available_permits();
        assert_eq!(turns, 16, "nobody waits on");
    }

    #[tokio::test(start_paused = true)]
    async fn x4_a_decision_ends_the_doubt() {
        let (gate, room) = (Arc::new(Told::default()), room());
        *gate.decision.lock() = Some(Err(Denied::Undecided));
        let mut standing = standing(&gate, &room);
        let for_now = timeout(Duration::from_secs(50), left(&mut standing, &room));
        assert!(for_now.await.is_err());
        *gate.decision.lock() = Some(Ok(Role::Editor));
        let for_long = timeout(Duration::from_secs(500), left(&mut standing, &room));
        assert!(for_long.await.is_err());
        let asked = gate.asked.load(Ordering::SeqCst);
        advance(Duration::from_secs(100)).await;
        assert_eq!(standing.due(), None);
        assert_eq!(gate.asked.load(Ordering::SeqCst), asked);
    }

    #[tokio::test]
    async fn x1_whatever_rings_while_a_decision_is_on_its_way_is_asked_about_again() {
        let (gate, room) = (Arc::new(Told::default()), room());
        let mut standing = standing(&gate, &room);
        let mut poll = |times| {
            let mut cx = Context::from_waker(Waker::noop());
            standing.poll(rung(times), &room, Instant::now(), &mut cx)
        };
        assert_eq!(poll(0), Ok(()));
        assert_eq!(
            gate.asked.load(Ordering::SeqCst),
            0,
            "there is no reason to"
        );
        for times in [1, 1, 2, 3] {
            assert_eq!(poll(times), Ok(()));
        }
        assert_eq!(gate.asked.load(Ordering::SeqCst), 1);
        drop(standing);
        let mut standing = self::standing(&gate, &room).outdated();
        *gate.decision.lock() = Some(Ok(Role::Editor));
        let mut cx = Context::from_waker(Waker::noop());
        for times in [0, 1, 1] {
            assert_eq!(
                standing.poll(rung(times), &room, Instant::now(), &mut cx),
                Ok(())
            );
        }
        assert_eq!(gate.asked.load(Ordering::SeqCst), 3);
        *gate.decision.lock() = Some(Ok(Role::Viewer));
        assert_eq!(
            standing.poll(rung(2), &room, Instant::now(), &mut cx),
            Err(Leave::RoleChanged)
        );
    }
    /// What is logged meanwhile.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn x10_what_is_decided_is_on_record_with_room_peer_and_identity() {
        let (gate, room) = (Arc::new(Told::default()), room());
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer({
            let log = log.clone();
            move || log.clone()
        });
        let _logging = tracing::subscriber::set_default(subscriber.finish());
        let mut cx = Context::from_waker(Waker::noop());
        let admission = Admission {
            identity: Identity(Some("sub:ann".into())),
            ..admission(Role::Editor)
        };
        let sent_out = Rung {
            times: 0,
            sent_out: true,
        };
        for (decision, rung, leave) in [
            (Ok(Role::Viewer), rung(1), Leave::RoleChanged),
            (Ok(Role::Editor), sent_out, Leave::Denied(Denied::Blocked)),
            (
                Err(Denied::Forbidden),
                rung(1),
                Leave::Denied(Denied::Forbidden),
            ),
        ] {
            *gate.decision.lock() = Some(decision);
            let seat = room.enter(1, Identity::default()).unwrap();
            let peer = [192, 0, 2, 1].into();
            let mut standing = Standing::new(gate.clone(), admission.clone(), &seat, peer);
            let left = standing.poll(rung, &room, Instant::now(), &mut cx);
            assert_eq!(left, Err(leave));
        }
        let said = String::from_utf8(log.0.lock().clone()).unwrap();
        for event in ["role_changed", "kicked", "access_ended"] {
            let line = format!(
                " INFO scrible::security: event=\"{event}\" room=\"demo\" peer=192.0.2.1 identity=\"sub:ann\""
            );
            assert!(said.contains(&line), "{said}");
        }
    }
}
