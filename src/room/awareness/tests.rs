//! The table as a list of what sessions and other nodes say.

use super::*;
use crate::bus::NodeId;
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

fn ask(session: Session, client: u64, clock: u32) -> Ask {
    Ask {
        session,
        client,
        clock,
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
        [ask(2, 10, 7)]
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
            ask: vec![ask(2, 10, 7)],
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

/// Nodes.
const B: NodeId = 2;
const C: NodeId = 3;

fn farewell(client: u64, clock: u32) -> Farewell {
    Farewell { client, clock }
}

/// What other nodes are told of our people since a version.
fn told(table: &Awareness, since: u64) -> Vec<(u64, u32, bool)> {
    let body = table.own_changes_since(since).unwrap_or_else(|| vec![0]);
    let entries = awareness::parse(&body, &Limits::default()).unwrap();
    entries
        .iter()
        .map(|entry| (entry.client, entry.clock, entry.state.is_some()))
        .collect()
}

#[test]
fn n41_nodes_are_told_of_our_own_people_and_never_what_nodes_said() {
    let (mut table, start) = (table(), Instant::now());
    let (mut ann, mut bob) = (speaker(1), speaker(2));
    table.hear(&mut ann, &[say(10, 1, HERE)], start);
    table.hear(&mut bob, &[say(11, 1, HERE)], start);
    table.shown(
        B,
        &[say(20, 3, HERE), say(21, 3, HERE), say(22, 3, HERE)],
        start,
    );
    // As every client does.
    assert_eq!(
        table.hear(&mut ann, &[say(20, 3, HERE), say(21, 3, HERE)], start),
        Heard::default()
    );
    table.leave(2, start);
    let mut ours = told(&table, 0);
    ours.sort_unstable();
    assert_eq!(ours, [(10, 1, true), (11, 1, false)]);
    let since = table.version();
    table.shown(B, &[say(20, 3, None)], start);
    table.gone(B, start);
    table.shown(C, &[say(30, 1, HERE)], start);
    table.hear(&mut ann, &[say(10, 2, HERE)], start + EXPIRY);
    assert!(table.expire(start + EXPIRY * 3 / 2));
    let ends = [(20, 3, false), (21, 3, false), (22, 3, false)];
    let mut all = ends.to_vec();
    all.extend([(10, 2, true), (30, 1, false)]);
    all.sort_unstable();
    assert_eq!(seen(&table, since), all, "sessions hear all of it");
    assert_eq!(told(&table, since), [(10, 2, true)]);
}

#[test]
fn n41_relays_between_nodes_count_against_no_limit() {
    let (mut table, now) = (
        Awareness::new(PresenceLimits { ids: 1, bytes: 1 }),
        Instant::now(),
    );
    let large = format!("\"{}\"", "x".repeat(2 * SMALL_STATE)).into_bytes();
    let people: Vec<_> = (20..80).map(|id| say(id, 3, Some(&large))).collect();
    assert!(table.shown(B, &people, now).changed);
    let mut ann = speaker(1);
    table.hear(&mut ann, &[say(10, 1, HERE)], now);
    assert_eq!(table.hear(&mut ann, &people, now), Heard::default());
    // It has heard more of them than we have, as from a tab that is connected there.
    let newer: Vec<_> = (20..80).map(|id| say(id, 4, Some(&large))).collect();
    assert_eq!(table.hear(&mut ann, &newer, now), Heard::default());
    assert_eq!((table.people(), table.people_elsewhere()), (61, 60));
    assert!(table.leave(1, now));
    assert_eq!((table.people(), table.people_elsewhere()), (60, 60));
}

#[test]
fn n42_order_and_repetition_do_not_matter() {
    let now = Instant::now();
    let said = [
        (B, say(20, 1, HERE)),
        (B, say(20, 2, HERE)),
        (B, say(20, 2, None)),
        (C, say(20, 3, HERE)),
        (C, say(21, 7, HERE)),
        (C, say(21, 7, None)),
    ];
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..500 {
        let mut table = table();
        let mut order: Vec<_> = said.iter().chain(&said).collect();
        random.shuffle(&mut order);
        for (node, entry) in order {
            table.shown(*node, &[*entry], now);
        }
        assert_eq!(seen(&table, 0), [(20, 3, true)]);
        assert!(table.gone(C, now));
        assert_eq!(seen(&table, 0), []);
    }
}

#[test]
fn n43_whoever_comes_over_stays_when_the_node_before_says_goodbye() {
    let now = Instant::now();
    for is_late in [false, true] {
        let mut table = table();
        table.shown(B, &[say(10, 7, HERE)], now);
        let mut ann = speaker(1);
        let heard = table.hear(&mut ann, &[say(10, 7, HERE)], now);
        assert_eq!((heard.changed, heard.ask), (false, vec![ask(1, 10, 7)]));
        if !is_late {
            assert!(table.shown(B, &[say(10, 7, None)], now).changed);
        }
        assert!(table.hear(&mut ann, &[say(10, 8, HERE)], now).changed);
        if is_late {
            assert!(!table.shown(B, &[say(10, 7, None)], now).changed);
        }
        assert!(!table.gone(B, now));
        assert_eq!(seen(&table, 0), [(10, 8, true)]);
        assert_eq!(told(&table, 0), [(10, 8, true)]);
        assert!(table.leave(1, now), "and leaves no ghost");
    }
}

#[test]
fn n43_who_has_gone_over_is_the_other_nodes_and_that_is_said() {
    let (mut table, now) = (table(), Instant::now());
    let mut ann = speaker(1);
    table.hear(&mut ann, &[say(10, 7, HERE)], now);
    let heard = table.shown(B, &[say(10, 8, HERE)], now);
    assert!(heard.changed);
    assert_eq!(heard.farewells, [farewell(10, 7)]);
    assert!(!table.leave(1, now), "her old connection ends late");
    assert_eq!(seen(&table, 0), [(10, 8, true)]);
    assert_eq!(told(&table, 0), []);
    assert!(table.gone(B, now));
}

#[test]
fn n43_nobody_else_moves_or_takes_away_who_is_on_another_node() {
    let (mut table, now) = (table(), Instant::now());
    table.shown(B, &[say(20, 3, HERE)], now);
    let mut ann = speaker(1);
    table.hear(&mut ann, &[say(10, 1, HERE)], now);
    for entry in [
        say(20, 9, HERE),
        say(20, 9, None),
        say(20, 3, None),
        say(20, 3, HERE),
    ] {
        assert_eq!(table.hear(&mut ann, &[entry], now), Heard::default());
    }
    // After the handshake, a first word about somebody is a relay.
    let mut mute = Speaker {
        answered: true,
        ..speaker(2)
    };
    assert!(!table.hear(&mut mute, &[say(20, 9, HERE)], now).changed);
    assert_eq!(mute.own, None);
    assert_eq!(seen(&table, 0), [(10, 1, true), (20, 3, true)]);
    assert_eq!(table.people_elsewhere(), 1);
}

#[test]
fn n44_the_people_of_a_node_that_is_gone_speak_again_when_it_is_not() {
    let (mut table, now) = (table(), Instant::now());
    table.shown(B, &[say(20, 3, HERE), say(21, 5, HERE)], now);
    table.shown(C, &[say(30, 1, HERE)], now);
    table.shown(C, &[say(21, 6, HERE)], now);
    assert!(table.gone(B, now));
    assert_eq!(seen(&table, 0), [(21, 6, true), (30, 1, true)]);
    // It was only slow. Our clients hold the farewell at that clock.
    let heard = table.shown(B, &[say(20, 3, HERE)], now);
    assert_eq!(
        (heard.changed, heard.farewells),
        (false, vec![farewell(20, 3)])
    );
    let again = table.shown(B, &[say(20, 3, HERE)], now);
    assert_eq!(again, Heard::default(), "once for each clock");
    assert!(table.shown(B, &[say(20, 4, HERE)], now).changed);
}

#[test]
fn n45_who_comes_back_by_another_node_has_those_elsewhere_speak_again() {
    let (mut table, now) = (table(), Instant::now());
    table.shown(B, &[say(20, 3, HERE), say(21, 5, HERE)], now);
    table.shown(C, &[say(30, 1, HERE), say(31, 1, HERE)], now);
    table.shown(B, &[say(20, 3, None)], now);
    table.shown(C, &[say(31, 2, HERE)], now);
    let mut heard = table.hear(&mut speaker(1), &[say(20, 3, HERE)], now);
    heard
        .farewells
        .sort_unstable_by_key(|farewell| farewell.client);
    assert_eq!(heard.ask, [ask(1, 20, 3)]);
    assert_eq!(
        heard.farewells,
        [farewell(21, 5), farewell(30, 1)],
        "31 has spoken since"
    );
    let fresh = table.hear(&mut speaker(2), &[say(40, 1, HERE)], now);
    assert_eq!(fresh.farewells, [], "a newcomer holds nobody's clock");
}

#[test]
fn n45_asked_by_another_node_our_client_speaks_again_and_nobody_is_taken_away() {
    let (mut table, now) = (table(), Instant::now());
    table.hear(&mut speaker(1), &[say(10, 4, HERE)], now);
    table.shown(B, &[say(20, 3, HERE)], now);
    let asked = table.shown(C, &[say(10, 4, None), say(20, 3, None)], now);
    assert_eq!((asked.changed, asked.ask), (false, vec![ask(1, 10, 4)]));
    assert_eq!(
        table.shown(B, &[say(10, 4, None)], now),
        Heard::default(),
        "once for each clock"
    );
    assert_eq!(seen(&table, 0), [(10, 4, true), (20, 3, true)]);
}

#[test]
fn n45_who_enters_a_room_that_was_just_opened_may_come_from_another_node() {
    let (mut table, now) = (table(), Instant::now());
    table.shown(B, &[say(20, 3, HERE), say(21, 3, HERE)], now);
    assert_eq!(table.met(0), Heard::default(), "nobody has come here yet");
    table.shown(B, &[say(21, 4, HERE)], now);
    let came = table.hear(&mut speaker(1), &[say(10, 5, HERE)], now);
    assert_eq!(came.farewells, [farewell(20, 3)], "21 has spoken since");
    // All are asked for once more, because something may have been missed.
    let since = table.version();
    table.shown(C, &[say(30, 8, HERE)], now);
    assert_eq!(table.met(since).farewells, [farewell(30, 8)]);
}

#[test]
fn n45_who_left_before_something_was_missed_may_have_been_elsewhere_since() {
    let (mut table, now) = (table(), Instant::now());
    table.shown(B, &[say(10, 5, HERE)], now);
    table.shown(B, &[say(10, 5, None)], now);
    let since = table.version();
    table.shown(C, &[say(30, 8, HERE)], now);
    table.met(since);
    let back = table.hear(&mut speaker(1), &[say(10, 6, HERE)], now);
    assert_eq!(back.farewells, [farewell(30, 8)]);
}

#[test]
fn n45_who_was_heard_of_late_speaks_again_a_second_after_a_newcomer() {
    let (mut table, start) = (table(), Instant::now());
    let second = Duration::from_secs(1);
    table.shown(B, &[say(20, 3, HERE)], start);
    table.hear(&mut speaker(1), &[say(10, 5, HERE)], start + 3 * second);
    table.shown(B, &[say(21, 4, HERE)], start + 3 * second);
    assert_eq!(table.look_again(start + 3 * second), Heard::default());
    let heard = table.look_again(start + 4 * second);
    assert_eq!(heard.farewells, [farewell(21, 4)]);
    assert_eq!(table.look_again(start + 9 * second), Heard::default());
}

#[test]
fn n47_what_other_nodes_bring_is_bounded() {
    let (mut table, now) = (table(), Instant::now());
    table.hear(&mut speaker(1), &[say(0, 1, HERE)], now);
    let flood: Vec<_> = (1..70_000).map(|id| say(id, 1, HERE)).collect();
    let refused = table.shown(B, &flood, now).ids_refused as usize;
    assert_eq!((table.people(), refused), (ROWS, 70_000 - ROWS));
    assert!(table.shown(B, &[say(1, 2, HERE)], now).changed);

    let mut table = Awareness::new(PresenceLimits::default());
    let large = format!("\"{}\"", "x".repeat(65_000)).into_bytes();
    let flood: Vec<_> = (1..2_000).map(|id| say(id, 1, Some(&large))).collect();
    let refused = table.shown(B, &flood, now).bytes_refused as usize;
    assert_eq!(table.people(), (64 << 20) / large.len());
    assert_eq!(refused, 1_999 - table.people());
    assert!(
        table.shown(B, &[say(1, 2, Some(&large))], now).changed,
        "who is there still moves"
    );
    assert!(table.gone(B, now));
    assert!(table.shown(C, &[say(1, 3, Some(&large))], now).changed);
}
