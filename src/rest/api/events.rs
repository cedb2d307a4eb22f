//! `GET /api/events`: what is going on in the rooms of this node, as server-sent events, for its dashboard.
//!
//! Knows how to tell it, not how rooms are looked at. The rules: while nobody listens nobody looks; one look a second is for all who listen;
//! and a slow listener skips to the newest event, so nothing queues.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa::ToSchema;
use warp::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use warp::reply::{Reply, Response};

use super::call::{Answer, Call};
use super::words::time;
use crate::clock::now_ms;
use crate::rest::error::Problem;
use crate::service::{LiveRoom, Lookout, Overview};

/// Who listens at once; whoever comes on top is told to come again.
const LISTENERS: usize = 64;
/// The time from one look to the next.
const PERIOD: Duration = Duration::from_secs(1);
/// After so long without an event a comment is sent, so that both ends and what is between them know that the other is there.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// What is sent then.
const COMMENT: &[u8] = b":\n\n";

/// A room that is open on this node.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveRoom)]
pub struct OpenRoom {
    name: String,
    /// Open connections to this node.
    connections: usize,
    /// Clients that show themselves, on all nodes.
    people: usize,
    /// Those of them that are on other nodes.
    people_elsewhere: usize,
    /// The other nodes on which these are.
    nodes: Vec<String>,
    /// Clients that have shown something new in the last second: whose cursors move.
    moving: usize,
    /// In the last second.
    updates_per_second: f64,
    /// How large the room is.
    bytes: usize,
    /// The number of the newest stored update.
    stored: u64,
    /// When it was last changed; `null` where that was before it was opened here.
    #[schema(format = "date-time")]
    changed: Option<String>,
}

/// All rooms that are open on this node, the busiest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct LiveRooms {
    /// At most 500.
    rooms: Vec<OpenRoom>,
    /// How many there are.
    open: usize,
    /// Open connections to this node.
    connections: usize,
    /// Clients that show themselves in them, on all nodes.
    people: usize,
    /// Those of them that are on other nodes.
    people_elsewhere: usize,
    /// Clients whose cursors move.
    moving: usize,
    /// In the last second.
    updates_per_second: f64,
    /// How large they are together.
    bytes: usize,
}

/// Tells everybody who listens what one pair of eyes sees.
pub struct Events {
    places: Arc<Semaphore>,
    /// The newest event.
    newest: watch::Sender<Option<Bytes>>,
    /// Somebody looks.
    looking: Mutex<bool>,
    stop: CancellationToken,
}

/// `GET /api/events`
pub async fn events(call: Call) -> Answer {
    let watching = call.services.watch(&call.knock).await?;
    let once = call.flag("once")?;
    let place = call.events.places.clone().try_acquire_owned();
    let busy = |_| Problem::busy("too many are watching; try again later");
    let listener = Listener {
        newest: call
            .events
            .listen(call.services.tasks(), || call.services.lookout()),
        stop: call.events.stop.clone(),
        end: watching.until_ms.map(|until| {
            let left = u64::try_from(until.saturating_sub(now_ms())).unwrap_or(0);
            Instant::now() + Duration::from_millis(left)
        }),
        once,
        over: false,
        _place: place.map_err(busy)?,
    };
    let events = stream::unfold(listener, |mut listener| async move {
        let next = listener.next().await?;
        Some((Ok::<_, std::convert::Infallible>(next), listener))
    });
    Ok(answer(warp::reply::stream(events).into_response()))
}

fn answer(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/event-stream");
    headers.insert(CONTENT_TYPE, kind);
    // nginx would hold events back until it has some kilobytes of them.
    let unbuffered = HeaderName::from_static("x-accel-buffering");
    headers.insert(unbuffered, HeaderValue::from_static("no"));
    response
}

impl Events {
    /// Nobody listens yet. Whoever listens when `stop` is cancelled has heard the last of it.
    pub fn new(stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            places: Arc::new(Semaphore::new(LISTENERS)),
            newest: watch::Sender::new(None),
            looking: Mutex::new(false),
            stop,
        })
    }

    /// Begins to look, if nobody does.
    fn listen(
        self: &Arc<Self>,
        tasks: &TaskTracker,
        lookout: impl FnOnce() -> Lookout,
    ) -> watch::Receiver<Option<Bytes>> {
        let mut looking = self.looking.lock();
        let mut newest = self.newest.subscribe();
        // What there is already is news to whoever has just come.
        newest.mark_changed();
        if !*looking {
            *looking = true;
            let (this, lookout) = (self.clone(), lookout());
            tasks.spawn(async move {
                let looking = AssertUnwindSafe(this.look(lookout)).catch_unwind();
                if looking.await.is_err() {
                    tracing::error!("looking at rooms for whoever watches them failed");
                    // Whoever comes next begins anew.
                    *this.looking.lock() = false;
                }
            });
        }
        newest
    }

    /// Looks as long as somebody listens.
    async fn look(&self, mut lookout: Lookout) {
        let mut last = None;
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.stop.cancelled() => return,
            }
            {
                let mut looking = self.looking.lock();
                if self.newest.receiver_count() == 0 {
                    *looking = false;
                    self.newest.send_replace(None);
                    return;
                }
            }
            let seen = lookout.look();
            if last.as_ref() != Some(&seen) {
                self.newest.send_replace(Some(event(&seen)));
                last = Some(seen);
            }
        }
    }
}

/// Somebody who listens.
struct Listener {
    newest: watch::Receiver<Option<Bytes>>,
    stop: CancellationToken,
    /// When the permission ends.
    end: Option<Instant>,
    /// For the first event only.
    once: bool,
    over: bool,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// What is to be sent next; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let end = self.end;
        let ended = async {
            match end {
                Some(end) => tokio::time::sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        if self.over {
            return None;
        }
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            () = ended => None,
            event = newer(&mut self.newest) => {
                self.over = self.once;
                event
            }
            () = tokio::time::sleep(HEARTBEAT) => Some(Bytes::from_static(COMMENT)),
        }
    }
}

/// The newest event, once it is another than the last.
async fn newer(newest: &mut watch::Receiver<Option<Bytes>>) -> Option<Bytes> {
    loop {
        newest.changed().await.ok()?;
        if let Some(event) = newest.borrow_and_update().clone() {
            return Some(event);
        }
    }
}

fn event(seen: &Overview) -> Bytes {
    // JSON has no line breaks of its own, and so fits into one line of an event.
    let data = serde_json::to_string(&LiveRooms::from(seen)).unwrap_or_default();
    format!("event: rooms\ndata: {data}\n\n").into()
}

fn tenths(rate: u64) -> f64 {
    rate as f64 / 10.0
}

impl From<&Overview> for LiveRooms {
    fn from(seen: &Overview) -> Self {
        Self {
            rooms: seen.rooms.iter().map(OpenRoom::from).collect(),
            open: seen.open,
            connections: seen.connections,
            people: seen.people,
            people_elsewhere: seen.people_elsewhere,
            moving: seen.moving,
            updates_per_second: tenths(seen.rate),
            bytes: seen.bytes,
        }
    }
}

impl From<&LiveRoom> for OpenRoom {
    fn from(room: &LiveRoom) -> Self {
        let nodes = room.nodes.iter().map(|node| format!("{node:032x}"));
        Self {
            name: room.name.as_str().to_owned(),
            connections: room.connections,
            people: room.people,
            people_elsewhere: room.people_elsewhere,
            nodes: nodes.collect(),
            moving: room.moving,
            updates_per_second: tenths(room.rate),
            bytes: room.bytes,
            stored: room.stored,
            changed: room.changed_ms.map(time),
        }
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use tokio::time::timeout;

    use super::*;
    use crate::access::Identity;
    use crate::bus::Alone;
    use crate::room::{
        Membership, OpenError, Opened, Registry, RoomName, RoomsConfig, RoomsShared, Source,
    };

    struct Empty;

    #[async_trait]
    impl Source for Empty {
        async fn load(&self, _: &RoomName) -> Result<Opened, OpenError> {
            Ok(Opened::default())
        }
    }

    struct Tower {
        rooms: Arc<Registry>,
        events: Arc<Events>,
        tasks: TaskTracker,
        stop: CancellationToken,
    }

    impl Tower {
        fn new() -> Self {
            let shared = RoomsShared::new(RoomsConfig::for_tests(), Arc::new(Alone));
            let stop = CancellationToken::new();
            Self {
                rooms: Registry::new(Arc::new(Empty), Arc::new(shared)),
                events: Events::new(stop.clone()),
                tasks: TaskTracker::new(),
                stop,
            }
        }

        async fn enter(&self, room: &str) -> Membership {
            let room = RoomName::new(room).unwrap();
            let entering = self.rooms.enter(&room, 1, Identity::default());
            entering.await.unwrap()
        }

        fn listener(&self, end: Option<Instant>) -> Listener {
            let lookout = || Lookout::new(self.rooms.clone());
            Listener {
                newest: self.events.listen(&self.tasks, lookout),
                stop: self.stop.clone(),
                end,
                once: false,
                over: false,
                _place: self.events.places.clone().try_acquire_owned().unwrap(),
            }
        }
    }

    fn is_event(bytes: &Bytes) -> bool {
        bytes.starts_with(b"event: rooms\ndata: {") && bytes.ends_with(b"}\n\n")
    }

    #[tokio::test(start_paused = true)]
    async fn z3_an_event_comes_at_once_and_then_with_a_change_only_the_same_for_all() {
        let tower = Tower::new();
        let (mut ann, mut bob) = (tower.listener(None), tower.listener(None));
        let first = ann.next().await.unwrap();
        assert!(is_event(&first), "{first:?}");
        // Not made twice: it is the same piece of memory.
        assert_eq!(first.as_ptr(), bob.next().await.unwrap().as_ptr());

        let asked = Instant::now();
        assert_eq!(&ann.next().await.unwrap()[..], COMMENT);
        assert_eq!(asked.elapsed(), HEARTBEAT);

        let _here = tower.enter("demo").await;
        let changed = Instant::now();
        let next = ann.next().await.unwrap();
        assert!(changed.elapsed() <= PERIOD);
        assert!(is_event(&next) && next != first, "{next:?}");
        // Who was slow, or has just come, hears the newest.
        assert_eq!(next, bob.next().await.unwrap());
        assert_eq!(next, tower.listener(None).next().await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn z4_while_nobody_listens_nobody_looks_and_there_is_no_place_for_more_than_64() {
        let tower = Tower::new();
        let mut ann = tower.listener(None);
        ann.next().await.unwrap();
        assert_eq!((tower.tasks.len(), *tower.events.looking.lock()), (1, true));
        let others: Vec<_> = (1..LISTENERS).map(|_| tower.listener(None)).collect();
        assert_eq!(tower.tasks.len(), 1, "one looks for all");
        assert_eq!(tower.events.places.available_permits(), 0);

        drop((ann, others));
        tower.tasks.close();
        timeout(PERIOD * 2, tower.tasks.wait()).await.unwrap();
        assert!(!*tower.events.looking.lock());
        assert_eq!(*tower.events.newest.borrow(), None);
        assert_eq!(tower.events.places.available_permits(), LISTENERS);

        assert!(is_event(&tower.listener(None).next().await.unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn z5_it_ends_with_the_permission_and_with_the_server() {
        let tower = Tower::new();
        let in_a_while = Instant::now() + Duration::from_secs(4);
        let (mut ann, mut bob) = (tower.listener(Some(in_a_while)), tower.listener(None));
        assert!(is_event(&ann.next().await.unwrap()));
        assert_eq!(ann.next().await, None);
        assert_eq!(Instant::now(), in_a_while);
        assert!(is_event(&bob.next().await.unwrap()));
        tower.stop.cancel();
        assert_eq!(bob.next().await, None);
        tower.tasks.close();
        tower.tasks.wait().await;
    }
}
