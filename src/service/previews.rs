//! Small pictures of rooms as they are, and of their versions: drawn when somebody asks, kept until the room has changed.
//!
//! Whoever may export a room may see its preview. The rules: a room that was not changed is drawn once, however many ask; what costs
//! too much is answered with an older picture, if there is one, before it is refused; and looking through versions keeps nobody from seeing
//! what is there now.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use lru::LruCache;
use parking_lot::Mutex;
use scrible_store::RoomId;
use tokio::sync::Semaphore;

use super::{Refusal, ServiceError, Services};
use crate::access::Knock;
use crate::exporting::{NoPicture, Picture, PreviewKind, PreviewWish};
use crate::room::RoomName;

/// Pictures in memory, in bytes.
const MAX_BYTES: usize = 32 << 20;
/// A larger one is not kept: it would drive out all others.
const MAX_KEPT_BYTES: usize = MAX_BYTES / 8;
/// What one costs beside its bytes.
const OVERHEAD: usize = 256;
/// How many are drawn at once, and how many more may wait for that.
const DRAWING: usize = 2;
const WAITING: usize = 32;
/// How often one room is drawn: so many at once, and then one in each second.
const BURST: NonZeroU32 = NonZeroU32::new(5).expect("not 0");
const PER_SECOND: NonZeroU32 = NonZeroU32::new(1).expect("not 0");
/// The same for versions. A list of them is wanted whole, and never in a hurry.
const DRAWING_VERSIONS: usize = 1;
const BURST_OF_VERSIONS: NonZeroU32 = NonZeroU32::new(20).expect("not 0");
const VERSIONS_PER_SECOND: NonZeroU32 = NonZeroU32::new(2).expect("not 0");
/// Rooms whose rate is remembered; beyond it those that have rested are let go of.
const MAX_ROOMS: usize = 10_000;

/// A picture, or that it is the one that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preview {
    /// Its tag is among those that were given.
    Unchanged(String),
    /// Its tag, which changes with it, and the file.
    Picture(String, Bytes),
}

/// The pictures that are there, and whose turn it is to draw.
pub(super) struct Previews {
    kept: Mutex<Kept>,
    /// Who draws what; whoever wants the same waits for it.
    turns: Mutex<HashMap<Key, Weak<tokio::sync::Mutex<()>>>>,
    rooms: Queue,
    versions: Queue,
}

/// Who waits to be drawn.
struct Queue {
    drawing: Semaphore,
    waiting: Semaphore,
    rates: DefaultKeyedRateLimiter<RoomId>,
}

type Key = (RoomId, PreviewWish);

/// One for each key, of the newest content that was drawn.
struct Kept {
    pictures: LruCache<Key, Found>,
    bytes: usize,
}

/// What came of drawing.
#[derive(Debug, Clone)]
struct Found {
    seq: u64,
    /// The file, or why there is none of this content.
    drawn: Result<Bytes, String>,
}

impl Services {
    /// A room's picture. `known` are the tags of those that whoever asks has.
    ///
    /// # Errors
    /// [`Refusal::TooOften`], [`Refusal::NotDrawable`], [`Refusal::RoomNotFound`], [`ServiceError::NotFound`] for the version,
    /// [`ServiceError::Unavailable`], and what the gate has against it.
    pub async fn preview(
        &self,
        room: &RoomName,
        knock: &Knock,
        wish: PreviewWish,
        known: &[&str],
    ) -> Result<Preview, ServiceError> {
        let (_, entry) = self.admit_to_export(room, knock).await?;
        let head = match wish.version {
            // What is kept of a version is never too old.
            Some(version) => {
                self.versions.known(room, version).await?;
                0
            }
            None => {
                let heads = self.keeper.store.heads(&[room.shared()]).await?;
                heads.first().map_or(0, |head| head.seq)
            }
        };
        let key = (entry.id, wish);
        let tag = tag(&key, head);
        if known.contains(&&*tag) {
            return Ok(Preview::Unchanged(tag));
        }
        let found = match self.previews.kept(&key, head) {
            Some(found) => found,
            None => self.drawn(room, &key, head).await?,
        };
        let tag = self::tag(&key, found.seq);
        match found.drawn {
            Ok(_) if known.contains(&&*tag) => Ok(Preview::Unchanged(tag)),
            Ok(bytes) => Ok(Preview::Picture(tag, bytes)),
            Err(why) => Err(Refusal::NotDrawable(why).into()),
        }
    }

    /// Draws it, or waits for whoever does.
    async fn drawn(&self, room: &RoomName, key: &Key, head: u64) -> Result<Found, ServiceError> {
        let previews = &self.previews;
        let turn = previews.turn(key);
        let _turn = turn.lock().await;
        if let Some(found) = previews.kept(key, head) {
            return Ok(found);
        }
        let queue = previews.queue(key);
        let refused = match queue.may_draw(key.0) {
            Err(refusal) => ServiceError::from(refusal),
            Ok(()) => match queue.waiting.try_acquire() {
                Err(_) => ServiceError::Unavailable("too many previews are being drawn".to_owned()),
                Ok(_place) => {
                    let closed = |_| ServiceError::Unavailable("the server is stopping".to_owned());
                    let _drawing = queue.drawing.acquire().await.map_err(closed)?;
                    let picture = self.workshop.preview(key.0, room.as_str(), key.1).await;
                    if let (Err(NoPicture::NoVersion), Some(version)) = (&picture, key.1.version) {
                        return Err(ServiceError::no_version(room.as_str(), version));
                    }
                    return previews.found(key, picture);
                }
            },
        };
        // An older one is better than none.
        previews.kept(key, 0).ok_or(refused)
    }
}

impl Default for Previews {
    fn default() -> Self {
        Self {
            kept: Mutex::new(Kept {
                pictures: LruCache::unbounded(),
                bytes: 0,
            }),
            turns: Mutex::default(),
            rooms: Queue::new(DRAWING, Quota::per_second(PER_SECOND).allow_burst(BURST)),
            versions: Queue::new(
                DRAWING_VERSIONS,
                Quota::per_second(VERSIONS_PER_SECOND).allow_burst(BURST_OF_VERSIONS),
            ),
        }
    }
}

impl Queue {
    /// So many are drawn at once, each room so often.
    fn new(drawing: usize, quota: Quota) -> Self {
        Self {
            drawing: Semaphore::new(drawing),
            waiting: Semaphore::new(drawing + WAITING),
            rates: RateLimiter::hashmap(quota),
        }
    }

    fn may_draw(&self, room: RoomId) -> Result<(), Refusal> {
        if self.rates.len() > MAX_ROOMS {
            self.rates.retain_recent();
        }
        self.rates.check_key(&room).map_err(|early| {
            let retry_after = early.wait_time_from(DefaultClock::default().now());
            Refusal::TooOften { retry_after }
        })
    }
}

impl Previews {
    /// What is kept of that content, or of a newer one.
    fn kept(&self, key: &Key, head: u64) -> Option<Found> {
        let mut kept = self.kept.lock();
        let found = kept.pictures.get(key)?;
        (found.seq >= head).then(|| found.clone())
    }

    fn turn(&self, key: &Key) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock();
        if let Some(turn) = turns.get(key).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        turns.insert(*key, Arc::downgrade(&turn));
        turn
    }

    fn queue(&self, (_, wish): &Key) -> &Queue {
        match wish.version {
            Some(_) => &self.versions,
            None => &self.rooms,
        }
    }

    /// Keeps what came of drawing, unless that may be another time.
    fn found(&self, key: &Key, picture: Result<Picture, NoPicture>) -> Result<Found, ServiceError> {
        let found = match picture {
            Ok(Picture { seq, bytes }) => Found {
                seq,
                drawn: Ok(bytes),
            },
            Err(NoPicture::Never { seq, why }) => Found {
                seq,
                drawn: Err(why),
            },
            Err(NoPicture::NotNow(cause)) => return Err(ServiceError::Unavailable(cause)),
            Err(NoPicture::NoRoom | NoPicture::NoVersion) => {
                return Err(Refusal::RoomNotFound.into());
            }
        };
        if found.size() <= MAX_KEPT_BYTES {
            self.kept.lock().keep(*key, found.clone());
        }
        Ok(found)
    }
}

impl Kept {
    fn keep(&mut self, key: Key, found: Found) {
        self.bytes += found.size();
        if let Some((_, before)) = self.pictures.push(key, found) {
            self.bytes -= before.size();
        }
        while self.bytes > MAX_BYTES
            && let Some((_, oldest)) = self.pictures.pop_lru()
        {
            self.bytes -= oldest.size();
        }
    }
}

impl Found {
    fn size(&self) -> usize {
        OVERHEAD + self.drawn.as_ref().map_or_else(String::len, Bytes::len)
    }
}

/// What tells one picture from all others, as it stands in an ETag.
fn tag((room, wish): &Key, seq: u64) -> String {
    // A version stays what it is.
    let of = match wish.version {
        Some(version) => format!("v{version}"),
        None => seq.to_string(),
    };
    let kind = match wish.kind {
        PreviewKind::Svg => "svg",
        PreviewKind::Png => "png",
    };
    let side = wish.side.unwrap_or(0);
    let theme = if wish.is_dark { "dark" } else { "light" };
    format!("\"{}-{of}-{kind}-{side}-{theme}\"", room.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(side: u32) -> PreviewWish {
        PreviewWish {
            kind: PreviewKind::Png,
            side: Some(side),
            is_dark: false,
            version: None,
        }
    }

    fn picture(seq: u64, bytes: usize) -> Result<Picture, NoPicture> {
        let bytes = Bytes::from(vec![0; bytes]);
        Ok(Picture { seq, bytes })
    }

    #[test]
    fn f10_pictures_take_bounded_memory_and_those_that_nobody_wants_go_first() {
        let previews = Previews::default();
        let key = |side| (RoomId(1), wish(side));
        for side in 0..9 {
            let size = MAX_KEPT_BYTES - OVERHEAD;
            previews.found(&key(side), picture(1, size)).unwrap();
            // The first is wanted all the time.
            assert!(previews.kept(&key(0), 1).is_some(), "{side}");
            assert!(previews.kept.lock().bytes <= MAX_BYTES);
        }
        assert!(previews.kept(&key(1), 1).is_none());
        previews
            .found(&key(99), picture(1, MAX_KEPT_BYTES))
            .unwrap();
        assert!(previews.kept(&key(99), 1).is_none());
        // A newer one takes the place of the older one.
        let before = previews.kept.lock().bytes;
        previews.found(&key(0), picture(2, 0)).unwrap();
        assert_eq!(
            previews.kept.lock().bytes,
            before - (MAX_KEPT_BYTES - OVERHEAD)
        );
        assert!(previews.kept(&key(0), 3).is_none());
        assert_eq!(previews.kept(&key(0), 2).unwrap().seq, 2);
    }

    #[test]
    fn f10_what_cannot_be_drawn_is_not_tried_again_until_it_changes() {
        let previews = Previews::default();
        let key = (RoomId(1), wish(0));
        let never = NoPicture::Never {
            seq: 7,
            why: "x".to_owned(),
        };
        previews.found(&key, Err(never)).unwrap();
        assert!(previews.kept(&key, 7).unwrap().drawn.is_err());
        assert!(previews.kept(&key, 8).is_none());
        let later = previews.found(&key, Err(NoPicture::NotNow("x".to_owned())));
        assert!(matches!(later, Err(ServiceError::Unavailable(_))));
    }

    #[test]
    fn f10_a_room_is_drawn_a_few_times_a_second() {
        let previews = Previews::default();
        let queue = previews.queue(&(RoomId(1), wish(0)));
        for _ in 0..BURST.get() {
            queue.may_draw(RoomId(1)).unwrap();
        }
        assert!(matches!(
            queue.may_draw(RoomId(1)),
            Err(Refusal::TooOften { .. })
        ));
        queue.may_draw(RoomId(2)).unwrap();
    }

    #[test]
    fn f12_versions_wait_in_a_queue_of_their_own() {
        let previews = Previews::default();
        let version = PreviewWish {
            version: Some(3),
            ..wish(0)
        };
        let [rooms, versions] = [wish(0), version].map(|wish| previews.queue(&(RoomId(1), wish)));
        for _ in 0..BURST_OF_VERSIONS.get() {
            versions.may_draw(RoomId(1)).unwrap();
        }
        assert!(versions.may_draw(RoomId(1)).is_err());
        let _all: Vec<_> = std::iter::from_fn(|| versions.waiting.try_acquire().ok()).collect();
        let _drawn = versions.drawing.try_acquire().unwrap();
        assert!(versions.drawing.try_acquire().is_err());
        rooms.may_draw(RoomId(1)).unwrap();
        assert!(rooms.waiting.try_acquire().is_ok() && rooms.drawing.try_acquire().is_ok());
    }
}
