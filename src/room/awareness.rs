//! Who is here and where their cursors are: a table of the latest state of each Yjs client, with versions.
//!
//! A session's place in it is the last version that it was sent, so bursts coalesce to the latest state and nothing
//! queues. Every y-websocket client sends back each state that it receives; such relays carry clocks that the table knows
//! and therefore change nothing. The table never decodes a state and never reads a clock: time comes in with each event.
//!
//! The one rule: a session may take a state away only from a client that it owns.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use scrible_wire::awareness::{self, Entry};
use tokio::time::Instant;

use crate::access::Identity;

/// A session's number.
type Session = u64;

/// Peers drop a state that was not renewed for 30 s (y-protocols `outdatedTimeout`); ours goes a little later, so that
/// a table never shows someone whom all peers have dropped.
const EXPIRY: Duration = Duration::from_secs(45);
/// How long the clock of a client that left is remembered: longer than any peer may hold its state.
const TOMBSTONE: Duration = Duration::from_secs(120);
/// States up to this are not added up: as many of them as a session may have weigh little.
const SMALL_STATE: usize = 2 << 10;

/// How much presence one session may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresenceLimits {
    /// Client ids that it may bring to life: its own and those of sibling tabs that it forwards.
    pub ids: usize,
    /// Bytes of all their states together.
    pub bytes: usize,
}

impl Default for PresenceLimits {
    fn default() -> Self {
        Self {
            ids: 64,
            bytes: 256 << 10,
        }
    }
}

#[derive(Debug)]
struct Row {
    clock: u32,
    /// JSON of the state; `None` once the client has left.
    state: Option<Bytes>,
    owner: Option<Session>,
    identity: Identity,
    /// The version of the table at which this row last changed.
    version: u64,
    /// The clock at which its owner was last asked to speak again.
    asked_at: Option<u32>,
    seen: Instant,
}

/// The states of a room's clients.
#[derive(Debug)]
pub struct Awareness {
    rows: HashMap<u64, Row>,
    version: u64,
    limits: PresenceLimits,
}

/// Who speaks.
#[derive(Debug, Clone)]
pub struct Speaker {
    /// The session's number.
    pub session: Session,
    /// Whom it speaks for.
    pub identity: Identity,
    /// The client id that this session announced first, and so calls its own.
    pub own: Option<u64>,
    /// The client has answered our step 1. Providers announce themselves before that, on opening the connection; later, a first
    /// message about somebody who is here is the relay of a client that has no state of its own.
    pub answered: bool,
}

/// What a message from a session did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Something changed: others must hear it.
    pub changed: bool,
    /// Who must be asked to speak again, because somebody who hears them holds their clock and would ignore it.
    pub ask: Vec<Ask>,
    /// Client ids that were one too many for the session.
    pub ids_refused: u32,
    /// States that were too much for it.
    pub bytes_refused: u32,
}

/// Asks the owner of a client id to raise its clock and send its state again. It does so on hearing its own id
/// taken away at the clock that it has, or a higher one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Whom to tell.
    pub session: Session,
    /// The client id.
    pub client: u64,
    /// The clock to exceed.
    pub clock: u32,
}

impl Awareness {
    /// Nobody is here.
    pub fn new(limits: PresenceLimits) -> Self {
        Self {
            rows: HashMap::new(),
            version: 0,
            limits,
        }
    }

    /// The version of the newest change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many clients have a state.
    pub fn people(&self) -> usize {
        self.rows.values().filter(|row| row.state.is_some()).count()
    }

    /// Takes in what a session said.
    ///
    /// A state counts when its clock is higher than the one known, or equal where it takes a held state away. A client
    /// that belongs to another identity cannot be touched. A row changes owner only when its owner is gone or when the session
    /// calls the client its own: a tab that forwards its sibling's cursor does not become its owner.
    pub fn hear(&mut self, speaker: &mut Speaker, entries: &[Entry<'_>], now: Instant) -> Heard {
        let mut heard = Heard::default();
        // The first message of a provider holds its own state alone; a relay of something known is not an announcement.
        if speaker.own.is_none()
            && let [
                Entry {
                    client,
                    clock,
                    state: Some(_),
                },
            ] = entries
            && self.rows.get(client).is_none_or(|row| {
                row.state.is_none() || (!speaker.answered && row.identity == speaker.identity)
            })
        {
            speaker.own = Some(*client);
            heard.ask = self.announced(speaker.session, *client, *clock);
        }
        for entry in entries {
            let own = speaker.own == Some(entry.client);
            if let Some(state) = entry.state
                && state.len() > SMALL_STATE
                && self.is_news(entry)
                && self.others_of(speaker.session, entry.client) + state.len() > self.limits.bytes
            {
                heard.bytes_refused += 1;
                continue;
            }
            let Some(row) = self.rows.get_mut(&entry.client) else {
                // Counted only for a client that is new, which relays never are.
                let owned = || {
                    self.rows
                        .values()
                        .filter(|row| row.owner == Some(speaker.session))
                        .count()
                };
                if entry.state.is_some() && owned() >= self.limits.ids {
                    heard.ids_refused += 1;
                } else if entry.state.is_some() {
                    self.version += 1;
                    self.rows.insert(
                        entry.client,
                        Row {
                            clock: entry.clock,
                            state: entry.state.map(Bytes::copy_from_slice),
                            owner: Some(speaker.session),
                            identity: speaker.identity.clone(),
                            version: self.version,
                            asked_at: None,
                            seen: now,
                        },
                    );
                    heard.changed = true;
                }
                continue;
            };
            let newer = entry.clock > row.clock
                || (entry.clock == row.clock && entry.state.is_none() && row.state.is_some());
            if !newer || (row.owner.is_some() && row.identity != speaker.identity) {
                continue;
            }
            // A relayed farewell of a client whose own socket is alive is that socket's to say.
            if entry.state.is_none()
                && !own
                && row.owner.is_some_and(|owner| owner != speaker.session)
            {
                continue;
            }
            if own || row.owner.is_none() {
                row.owner = Some(speaker.session);
                row.identity = speaker.identity.clone();
            }
            self.version += 1;
            row.clock = entry.clock;
            row.state = entry.state.map(Bytes::copy_from_slice);
            row.version = self.version;
            row.seen = now;
            heard.changed = true;
        }
        heard
    }

    /// Whether a state is not simply the relay of a known one.
    fn is_news(&self, entry: &Entry<'_>) -> bool {
        let row = self.rows.get(&entry.client);
        row.is_none_or(|row| entry.clock > row.clock)
    }

    /// Bytes of a session's states but that of one client.
    fn others_of(&self, session: Session, client: u64) -> usize {
        let others = self
            .rows
            .iter()
            .filter(|(id, row)| **id != client && row.owner == Some(session));
        others
            .filter_map(|(_, row)| Some(row.state.as_ref()?.len()))
            .sum()
    }

    /// Whom a session's first own state makes the server ask: the client itself, whose clock its peers may hold from before; and
    /// where it was here before, those whose state has not changed since, because it dropped their states when it lost its
    /// connection but keeps their clocks.
    fn announced(&mut self, session: Session, client: u64, clock: u32) -> Vec<Ask> {
        let known = self.rows.get(&client);
        let clock = known.map_or(clock, |row| row.clock.max(clock));
        let mut ask = vec![Ask {
            session,
            client,
            clock,
        }];
        // While its old connection is not known to be dead, it is not known either what that one still delivered.
        let unchanged_since = known.map(|row| {
            if row.state.is_some() {
                u64::MAX
            } else {
                row.version
            }
        });
        if let Some(since) = unchanged_since {
            for (id, row) in self
                .rows
                .iter_mut()
                .filter(|(id, row)| **id != client && row.state.is_some() && row.version <= since)
            {
                if let Some(owner) = row.owner
                    && row.asked_at.replace(row.clock) != Some(row.clock)
                {
                    ask.push(Ask {
                        session: owner,
                        client: *id,
                        clock: row.clock,
                    });
                }
            }
        }
        ask
    }

    /// Takes away the states that a session leaves behind. True when others must hear it.
    pub fn leave(&mut self, session: Session, now: Instant) -> bool {
        let before = self.version;
        for row in self
            .rows
            .values_mut()
            .filter(|row| row.owner == Some(session))
        {
            row.owner = None;
            if row.state.take().is_some() {
                self.version += 1;
                row.version = self.version;
                row.seen = now;
            }
        }
        self.version > before
    }

    /// Takes away states that nobody renewed and forgets clients that left long ago. True when others must hear it.
    pub fn expire(&mut self, now: Instant) -> bool {
        let before = self.version;
        for row in self.rows.values_mut() {
            if row.state.is_some() && now.duration_since(row.seen) > EXPIRY {
                row.state = None;
                row.owner = None;
                self.version += 1;
                row.version = self.version;
                row.seen = now;
            }
        }
        self.rows
            .retain(|_, row| row.state.is_some() || now.duration_since(row.seen) <= TOMBSTONE);
        self.version > before
    }

    /// All that changed after a version, as the body of one awareness message; `None` when nothing did.
    ///
    /// With `since` 0, the farewells are left out: whoever asks has seen nobody yet.
    pub fn changes_since(&self, since: u64) -> Option<Vec<u8>> {
        let entries: Vec<_> = self
            .rows
            .iter()
            .filter(|(_, row)| row.version > since && (since > 0 || row.state.is_some()))
            .map(|(client, row)| Entry {
                client: *client,
                clock: row.clock,
                state: row.state.as_deref(),
            })
            .collect();
        (!entries.is_empty()).then(|| awareness::encode(entries.into_iter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scrible_wire::Limits;

    const HERE: Option<&[u8]> = Some(b"{}");

    fn table() -> Awareness {
        Awareness::new(PresenceLimits::default())
    }

    fn speaker(session: Session) -> Speaker {
        Speaker {
            session,
            identity: Identity::default(),
            own: None,
            answered: false,
        }
    }

    fn say(client: u64, clock: u32, state: Option<&[u8]>) -> Entry<'_> {
        Entry {
            client,
            clock,
            state,
        }
    }

    fn seen(table: &Awareness, since: u64) -> Vec<(u64, u32, bool)> {
        let body = table.changes_since(since).unwrap_or_else(|| vec![0]);
        let mut entries: Vec<_> = awareness::parse(&body, &Limits::default())
            .unwrap()
            .iter()
            .map(|entry| (entry.client, entry.clock, entry.state.is_some()))
            .collect();
        entries.sort_unstable();
        entries
    }

    #[test]
    fn a1_a_relay_of_a_known_clock_changes_nothing_and_moves_no_ownership() {
        let (mut table, now) = (table(), Instant::now());
        let (mut ann, mut bob) = (speaker(1), speaker(2));
        assert!(table.hear(&mut ann, &[say(10, 1, HERE)], now).changed);
        assert!(table.hear(&mut bob, &[say(20, 1, HERE)], now).changed);
        let version = table.version();
        for _ in 0..400 {
            assert_eq!(
                table.hear(&mut bob, &[say(10, 1, HERE)], now),
                Heard::default()
            );
        }
        assert_eq!(table.version(), version);
        assert!(table.leave(2, now));
        assert_eq!(
            seen(&table, 0),
            [(10, 1, true)],
            "the relay did not make bob the owner of ann"
        );
    }

    #[test]
    fn a2_a_burst_coalesces_to_the_latest_state() {
        let (mut table, now) = (table(), Instant::now());
        let mut ann = speaker(1);
        for clock in 1..=60 {
            table.hear(&mut ann, &[say(10, clock, HERE)], now);
        }
        assert_eq!(seen(&table, 5), [(10, 60, true)]);
        assert_eq!(table.changes_since(table.version()), None);
    }

    #[test]
    fn a3_a_returning_client_takes_its_id_from_its_dead_socket() {
        let (mut table, now) = (table(), Instant::now());
        let (mut old, mut new) = (speaker(1), speaker(2));
        table.hear(&mut old, &[say(10, 7, HERE)], now);
        // Same clock on the new socket: the announcement is answered with the clock that must be exceeded.
        assert_eq!(
            table.hear(&mut new, &[say(10, 7, HERE)], now).ask,
            [Ask {
                session: 2,
                client: 10,
                clock: 7
            }]
        );
        assert!(table.hear(&mut new, &[say(10, 8, HERE)], now).changed);
        assert!(
            !table.leave(1, now),
            "the late end of the old socket takes nothing away"
        );
        assert!(table.leave(2, now), "and the new one leaves no ghost");
        assert_eq!(seen(&table, 0), []);
    }

    #[test]
    fn a4_a_client_that_left_is_told_the_clock_to_exceed_when_it_returns() {
        let (mut table, now) = (table(), Instant::now());
        table.hear(&mut speaker(1), &[say(10, 7, HERE)], now);
        table.leave(1, now);
        let since = table.version();
        let mut back = speaker(2);
        let heard = table.hear(&mut back, &[say(10, 5, HERE)], now);
        assert_eq!(
            heard,
            Heard {
                changed: false,
                ask: vec![Ask {
                    session: 2,
                    client: 10,
                    clock: 7
                }],
                ..Heard::default()
            }
        );
        assert!(table.hear(&mut back, &[say(10, 8, HERE)], now).changed);
        assert_eq!(seen(&table, since), [(10, 8, true)]);
        assert_eq!(
            table.hear(&mut back, &[say(10, 9, HERE)], now).ask,
            [],
            "once per session"
        );
    }

    #[test]
    fn a4_those_who_stayed_are_asked_once_if_nothing_of_theirs_has_changed_since() {
        let (mut table, now) = (table(), Instant::now());
        let (mut still, mut moved, mut gone) = (speaker(1), speaker(2), speaker(3));
        table.hear(&mut still, &[say(10, 4, HERE)], now);
        table.hear(&mut moved, &[say(20, 6, HERE)], now);
        let fresh = table.hear(&mut gone, &[say(30, 2, HERE)], now);
        assert_eq!(fresh.ask.len(), 1, "a newcomer holds nobody's clock");
        table.leave(3, now);
        table.hear(&mut moved, &[say(20, 7, HERE)], now);
        let ask = |session, client, clock| Ask {
            session,
            client,
            clock,
        };
        let mut back = speaker(4);
        assert_eq!(
            table.hear(&mut back, &[say(30, 2, HERE)], now).ask,
            [ask(4, 30, 2), ask(1, 10, 4)]
        );
        assert!(table.hear(&mut back, &[say(30, 3, HERE)], now).changed);
        // Back once more while the connection before is not known to be dead: all who were not asked at their clock.
        assert_eq!(
            table.hear(&mut speaker(5), &[say(30, 3, HERE)], now).ask,
            [ask(5, 30, 3), ask(2, 20, 7)]
        );
    }

    #[test]
    fn a5_another_identity_can_neither_move_nor_remove_a_cursor() {
        let (mut table, now) = (table(), Instant::now());
        let mut ann = Speaker {
            identity: Identity(Some("ann".into())),
            ..speaker(1)
        };
        let mut eve = Speaker {
            identity: Identity(Some("eve".into())),
            ..speaker(2)
        };
        table.hear(&mut ann, &[say(10, 1, HERE)], now);
        assert_eq!(
            table.hear(&mut eve, &[say(10, 9, HERE)], now),
            Heard::default()
        );
        assert_eq!(
            table.hear(&mut eve, &[say(10, 1, None)], now),
            Heard::default()
        );
        assert_eq!(seen(&table, 0), [(10, 1, true)]);
    }

    #[test]
    fn a6_a_sibling_tab_forwards_but_does_not_own() {
        let (mut table, now) = (table(), Instant::now());
        let (mut one, mut two) = (speaker(1), speaker(2));
        table.hear(&mut one, &[say(10, 1, HERE)], now);
        table.hear(&mut two, &[say(20, 1, HERE)], now);
        assert!(
            table.hear(&mut two, &[say(10, 2, HERE)], now).changed,
            "the forward may come first"
        );
        assert!(!table.hear(&mut one, &[say(10, 2, HERE)], now).changed);
        table.leave(2, now);
        assert_eq!(seen(&table, 0), [(10, 2, true)]);
        assert!(
            !table.hear(&mut two, &[say(10, 2, None)], now).changed,
            "nor may it say goodbye for the other"
        );
    }

    #[test]
    fn a7_silence_expires_and_tombstones_are_forgotten() {
        let (mut table, start) = (table(), Instant::now());
        table.hear(&mut speaker(1), &[say(10, 1, HERE)], start);
        assert!(!table.expire(start + Duration::from_secs(44)));
        let since = table.version();
        assert!(table.expire(start + Duration::from_secs(46)));
        assert_eq!(seen(&table, since), [(10, 1, false)]);
        table.expire(start + Duration::from_secs(200));
        assert!(table.rows.is_empty());
    }

    #[test]
    fn a8_the_ids_of_one_session_are_bounded() {
        let (mut table, now) = (table(), Instant::now());
        let mut flood = speaker(1);
        let mut refused = 0;
        for client in 0..10_000 {
            let heard = table.hear(&mut flood, &[say(client, 1, HERE)], now);
            refused += heard.ids_refused as usize;
        }
        assert_eq!((table.people(), refused), (64, 10_000 - 64));
    }

    #[test]
    fn a8_the_bytes_of_one_session_are_bounded_and_its_cursor_still_moves() {
        let (mut table, now) = (table(), Instant::now());
        let (mut flood, mut other) = (speaker(1), speaker(2));
        let large = format!("\"{}\"", "x".repeat(60_000)).into_bytes();
        let mut refused = 0;
        for client in 0..10 {
            let heard = table.hear(&mut flood, &[say(client, 1, Some(&large))], now);
            refused += heard.bytes_refused;
        }
        assert_eq!((table.people(), refused), (4, 6));
        assert!(
            table
                .hear(&mut flood, &[say(0, 2, Some(&large))], now)
                .changed
        );
        assert!(
            table
                .hear(&mut other, &[say(99, 1, Some(&large))], now)
                .changed
        );
        // What others have is not this session's to pay for.
        let relay = table.hear(&mut flood, &[say(99, 1, Some(&large))], now);
        assert_eq!(relay, Heard::default());
    }

    #[test]
    fn a3_the_relay_of_a_client_without_a_state_makes_it_nobody() {
        let (mut table, now) = (table(), Instant::now());
        table.hear(&mut speaker(1), &[say(10, 3, HERE)], now);
        // It was greeted with ann's state, after it had answered the greeting's step 1, and hands that state back.
        let mut mute = Speaker {
            answered: true,
            ..speaker(2)
        };
        assert_eq!(
            table.hear(&mut mute, &[say(10, 3, HERE)], now),
            Heard::default()
        );
        assert!(!table.hear(&mut mute, &[say(10, 3, None)], now).changed);
        assert_eq!(seen(&table, 0), [(10, 3, true)]);
        // Who sets a state of its own late is itself all the same.
        assert!(table.hear(&mut mute, &[say(20, 1, HERE)], now).changed);
        assert_eq!(mute.own, Some(20));
    }
}
