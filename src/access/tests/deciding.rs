//! Every combination of facts against a second statement of the rules, and each way in with one thing missing.

use scrible_store::{Grant, GrantSource, GrantState, Role, RoomEntry, RoomFacts, Visibility};

use super::{NOW_MS, claims, entry};
use crate::access::claims::EXPIRED;
use crate::access::decide::{Asking, Brought, Openness, Ruling, Token, decide};
use crate::access::{Claims, Denied, From, Identity};

const ROOM: &str = "demo";

/// What may be the matter with a grant.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// Nothing was brought.
    Not,
    /// Something was brought that leads nowhere.
    Unknown,
    Good(Role),
    Revoked,
    Expired,
    /// The password or the invite is not good any more.
    Fallen,
}

const WAYS: [Way; 7] = [
    Way::Not,
    Way::Unknown,
    Way::Good(Role::Viewer),
    Way::Good(Role::Owner),
    Way::Revoked,
    Way::Expired,
    Way::Fallen,
];

impl Way {
    fn brought(self) -> Brought {
        match self {
            Self::Not => Brought::Nothing,
            _ => Brought::Secret,
        }
    }

    fn found(self, id: i64) -> Option<GrantState> {
        if matches!(self, Self::Not | Self::Unknown) {
            return None;
        }
        let grant = Grant {
            id,
            name: Some(format!("by {id}").into()),
            role: match self {
                Self::Good(role) => role,
                _ => Role::Owner,
            },
            source: GrantSource::Invite(1),
            epoch: 0,
            created_ms: 0,
            expires_ms: match self {
                Self::Expired => NOW_MS,
                _ => NOW_MS + id,
            },
            revoked_ms: (self == Self::Revoked).then_some(1),
        };
        Some(GrantState {
            grant,
            source_stands: self != Self::Fallen,
        })
    }

    fn is_dead(self) -> bool {
        matches!(self, Self::Revoked | Self::Expired | Self::Fallen)
    }
}

/// One combination.
#[derive(Debug, Clone)]
struct Case {
    openness: Openness,
    from: From,
    /// `None`: none; `Some(None)`: a bad one.
    token: Option<Option<Claims>>,
    is_local: bool,
    link: Way,
    session: Way,
    room: Option<RoomEntry>,
    blocked_until_ms: Option<i64>,
}

const LINK: i64 = 700;
const SESSION: i64 = 300;

impl Case {
    fn decide(&self) -> Result<Ruling, Denied> {
        let asking = Asking {
            room: ROOM,
            from: self.from,
            token: match &self.token {
                None => Token::None,
                Some(None) => Token::Bad("bad"),
                Some(Some(claims)) => Token::Good(claims),
            },
            link: self.link.brought(),
            session: self.session.brought(),
            is_local: self.is_local,
            now_ms: NOW_MS,
        };
        let facts = RoomFacts {
            room: self.room.clone(),
            by_link: self.link.found(LINK),
            by_session: self.session.found(SESSION),
            blocked_until_ms: self.blocked_until_ms,
        };
        decide(self.openness, &asking, &facts)
    }

    /// The rules again, in the words in which they were agreed: a list of the ways in, and what outweighs them.
    fn stated(&self) -> Result<(Role, Option<&'static str>, Option<i64>), &'static str> {
        let token = self.token.clone().flatten();
        let link = self.room.as_ref().map_or(Way::Unknown, |_| self.link);
        let bad_token = matches!(self.token, Some(None))
            || token
                .as_ref()
                .is_some_and(|token| token.expires_ms <= NOW_MS);
        let dead_link = self.link != Way::Not && (link == Way::Unknown || link.is_dead());
        for (refused, why) in [
            (self.from == From::ForeignPage, "foreign page"),
            (bad_token, "bad token"),
            (dead_link, "dead grant"),
        ] {
            if refused {
                return Err(why);
            }
        }
        let cookie = match (self.from, &self.room) {
            (From::KnownPage, Some(_)) => self.session,
            _ => Way::Not,
        };
        let owns = |token: &Claims| {
            self.room.as_ref().and_then(|room| room.owner.clone()) == Some(token.subject.clone())
        };
        let mut rights = Vec::new();
        if self.openness == Openness::Open && self.is_local {
            rights.push(Role::Owner);
        }
        if let Some(token) = &token {
            if token.is_admin || owns(token) {
                rights.push(Role::Owner);
            }
            // Only such patterns are made below.
            rights.extend(token.rooms.iter().map(|(_, role)| *role));
        }
        let mut ways = rights.clone();
        if let Way::Good(role) = self.link {
            ways.push(role);
        }
        match &self.room {
            None if self.openness == Openness::Open => ways.push(Role::Editor),
            Some(room) if room.password.is_none() => match room.visibility {
                Some(Visibility::Public) => ways.push(room.link_role),
                None if self.openness == Openness::Open => ways.push(Role::Editor),
                _ => {}
            },
            _ => {}
        }
        let without_cookie = ways.iter().copied().max();
        if let Way::Good(role) = cookie {
            ways.push(role);
        }
        if self.blocked_until_ms > Some(NOW_MS) && !rights.contains(&Role::Owner) {
            return Err("blocked");
        }
        let Some(role) = ways.into_iter().max() else {
            return Err(match (&token, cookie) {
                (Some(_), _) => "forbidden",
                (None, cookie) if cookie.is_dead() => "dead grant",
                (None, _) => "no credentials",
            });
        };
        if self
            .room
            .as_ref()
            .is_some_and(|room| room.deleted_ms.is_some())
        {
            return Err("deleted");
        }
        let mut until = token.as_ref().map(|token| token.expires_ms);
        let mut who = token.as_ref().map(|_| "sub:ann");
        if let Way::Good(_) = self.link {
            until = Some(until.map_or(NOW_MS + LINK, |until| until.min(NOW_MS + LINK)));
            who = who.or(Some("grant:700"));
        }
        if let Way::Good(from_cookie) = cookie {
            if Some(from_cookie) > without_cookie {
                until = Some(until.map_or(NOW_MS + SESSION, |until| until.min(NOW_MS + SESSION)));
            }
            who = who.or(Some("grant:300"));
        }
        Ok((role, who, until))
    }
}

fn word(denied: &Denied) -> &'static str {
    match denied {
        Denied::NoCredentials => "no credentials",
        Denied::BadToken(_) => "bad token",
        Denied::DeadGrant(_) => "dead grant",
        Denied::Forbidden => "forbidden",
        Denied::Blocked => "blocked",
        Denied::ForeignPage => "foreign page",
        Denied::Deleted => "deleted",
        Denied::TooMany => "too many",
        Denied::Undecided => "undecided",
    }
}

fn tokens() -> Vec<Option<Option<Claims>>> {
    let good = claims(&[]);
    let of = |change: &dyn Fn(&mut Claims)| {
        let mut claims = good.clone();
        change(&mut claims);
        Some(Some(claims))
    };
    vec![
        None,
        Some(None),
        of(&|claims| claims.expires_ms = NOW_MS),
        of(&|_| {}),
        of(&|claims| claims.rooms = vec![(ROOM.into(), Role::Viewer)]),
        of(&|claims| claims.rooms = vec![("de*".into(), Role::Editor)]),
        of(&|claims| claims.rooms = vec![("*".into(), Role::Owner)]),
        of(&|claims| claims.is_admin = true),
    ]
}

fn rooms() -> Vec<Option<RoomEntry>> {
    let mut rooms = vec![None];
    for visibility in [None, Some(Visibility::Private), Some(Visibility::Public)] {
        for link_role in [Role::Viewer, Role::Editor] {
            for password in [None, Some("$argon2id$")] {
                for deleted_ms in [None, Some(1)] {
                    for owner in [None, Some("ann"), Some("ben")] {
                        rooms.push(Some(RoomEntry {
                            owner: owner.map(Into::into),
                            visibility,
                            link_role,
                            password: password.map(Into::into),
                            deleted_ms,
                            ..entry(ROOM)
                        }));
                    }
                }
            }
        }
    }
    rooms
}

#[test]
fn u1_every_combination_of_facts_is_decided_as_the_rules_say() {
    let (mut admitted, mut refused) = (0, 0);
    let mut case = Case {
        openness: Openness::Open,
        from: From::NoPage,
        token: None,
        is_local: false,
        link: Way::Not,
        session: Way::Not,
        room: None,
        blocked_until_ms: None,
    };
    for room in rooms() {
        case.room = room;
        for token in tokens() {
            case.token = token;
            for at in 0..2 * 3 * 2 * 7 * 7 * 3 {
                case.openness = [Openness::Open, Openness::Guarded][at % 2];
                case.from = [From::NoPage, From::KnownPage, From::ForeignPage][at / 2 % 3];
                case.is_local = at / 6 % 2 == 1;
                case.link = WAYS[at / 12 % 7];
                case.session = WAYS[at / 84 % 7];
                case.blocked_until_ms = [None, Some(NOW_MS), Some(NOW_MS + 1)][at / 588 % 3];
                let decided = case.decide();
                let told = match &decided {
                    Ok(ruling) => Ok((ruling.role, ruling.identity.0.as_deref(), ruling.until_ms)),
                    Err(denied) => Err(word(denied)),
                };
                assert_eq!(told, case.stated(), "{case:?}");
                match decided {
                    Ok(_) => admitted += 1,
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(
        admitted > 50_000 && refused > 50_000,
        "{admitted} {refused}"
    );
}

/// Somebody who comes in by one thing alone.
fn base() -> Case {
    Case {
        openness: Openness::Guarded,
        from: From::KnownPage,
        token: None,
        is_local: false,
        link: Way::Not,
        session: Way::Not,
        room: Some(RoomEntry {
            visibility: Some(Visibility::Private),
            ..entry(ROOM)
        }),
        blocked_until_ms: None,
    }
}

fn change(case: &Case, change: impl FnOnce(&mut Case)) -> Case {
    let mut case = case.clone();
    change(&mut case);
    case
}

#[track_caller]
fn refused(case: &Case, word_of: &str) {
    assert_eq!(
        case.decide().as_ref().map_err(word),
        Err(word_of),
        "{case:?}"
    );
}

fn role(case: &Case) -> Option<Role> {
    case.decide().ok().map(|ruling| ruling.role)
}

fn room_of(case: &mut Case) -> &mut RoomEntry {
    case.room.as_mut().unwrap()
}

#[test]
fn u8_a_token_is_nothing_without_each_of_what_it_needs() {
    let editor = change(&base(), |case| {
        case.token = Some(Some(claims(&[(ROOM, Role::Editor)])))
    });
    assert_eq!(role(&editor), Some(Role::Editor));
    let token = |case: &mut Case, change: &dyn Fn(&mut Claims)| {
        change(case.token.as_mut().unwrap().as_mut().unwrap());
    };
    refused(&change(&editor, |case| case.token = None), "no credentials");
    refused(
        &change(&editor, |case| case.token = Some(None)),
        "bad token",
    );
    refused(
        &change(&editor, |case| token(case, &|claims| claims.rooms.clear())),
        "forbidden",
    );
    refused(
        &change(&editor, |case| {
            token(case, &|claims| claims.rooms[0].0 = "other".into())
        }),
        "forbidden",
    );
    refused(
        &change(&editor, |case| case.blocked_until_ms = Some(NOW_MS + 1)),
        "blocked",
    );
    refused(
        &change(&editor, |case| room_of(case).deleted_ms = Some(1)),
        "deleted",
    );
    refused(
        &change(&editor, |case| case.from = From::ForeignPage),
        "foreign page",
    );
    // No page at all is fine for who shows what he has; and a room that is not there is made by drawing.
    assert_eq!(
        role(&change(&editor, |case| case.from = From::NoPage)),
        Some(Role::Editor)
    );
    assert_eq!(
        role(&change(&editor, |case| case.room = None)),
        Some(Role::Editor)
    );
    let expired = change(&editor, |case| {
        token(case, &|claims| claims.expires_ms = NOW_MS)
    });
    assert_eq!(expired.decide(), Err(Denied::BadToken(EXPIRED)));
    let until = editor.decide().unwrap().until_ms;
    assert_eq!(until, Some(NOW_MS + 5_000));
}

#[test]
fn u9_an_owner_is_one_by_claim_by_scope_or_by_being_the_subject_of_the_room() {
    let ann = change(&base(), |case| {
        case.token = Some(Some(claims(&[])));
        room_of(case).owner = Some("ann".into());
    });
    let admin = change(&base(), |case| {
        case.token = Some(Some(Claims {
            is_admin: true,
            ..claims(&[])
        }));
    });
    let by_claim = change(&base(), |case| {
        case.token = Some(Some(claims(&[("*", Role::Owner)])))
    });
    for owner in [ann, admin, by_claim] {
        assert_eq!(role(&owner), Some(Role::Owner));
        // Nobody who has become an owner of their room can keep them out.
        let blocked = change(&owner, |case| case.blocked_until_ms = Some(NOW_MS + 1));
        assert_eq!(role(&blocked), Some(Role::Owner));
        refused(
            &change(&owner, |case| room_of(case).deleted_ms = Some(1)),
            "deleted",
        );
    }
    let other = change(&base(), |case| {
        case.token = Some(Some(claims(&[])));
        room_of(case).owner = Some("ann ".into());
    });
    refused(&other, "forbidden");
    // A grant that makes an owner can be blocked.
    let granted = change(&base(), |case| case.link = Way::Good(Role::Owner));
    assert_eq!(role(&granted), Some(Role::Owner));
    refused(
        &change(&granted, |case| case.blocked_until_ms = Some(NOW_MS + 1)),
        "blocked",
    );
}

#[test]
fn u5_a_cookie_counts_for_a_known_page_and_keeps_nobody_out() {
    let guest = change(&base(), |case| case.session = Way::Good(Role::Editor));
    let ruling = guest.decide().unwrap();
    assert_eq!(
        (ruling.role, ruling.until_ms),
        (Role::Editor, Some(NOW_MS + SESSION))
    );
    assert_eq!(ruling.identity, Identity(Some("grant:300".into())));
    assert_eq!(ruling.name.as_deref(), Some("by 300"));
    refused(
        &change(&guest, |case| case.from = From::NoPage),
        "no credentials",
    );
    refused(
        &change(&guest, |case| case.from = From::ForeignPage),
        "foreign page",
    );
    refused(
        &change(&guest, |case| case.session = Way::Unknown),
        "no credentials",
    );
    refused(&change(&guest, |case| case.room = None), "no credentials");
    for dead in [Way::Revoked, Way::Expired, Way::Fallen] {
        let dead = change(&guest, |case| case.session = dead);
        refused(&dead, "dead grant");
        let public = change(&dead, |case| {
            room_of(case).visibility = Some(Visibility::Public)
        });
        assert_eq!(role(&public), Some(Role::Editor), "as anybody else");
        let token = change(&dead, |case| {
            case.token = Some(Some(claims(&[(ROOM, Role::Viewer)])))
        });
        assert_eq!(role(&token), Some(Role::Viewer));
    }
}

#[test]
fn u10_a_link_is_brought_on_purpose_and_refuses_once_it_is_dead() {
    let guest = change(&base(), |case| case.link = Way::Good(Role::Editor));
    assert_eq!(role(&guest), Some(Role::Editor));
    assert_eq!(
        role(&change(&guest, |case| case.from = From::NoPage)),
        Some(Role::Editor)
    );
    for dead in [Way::Unknown, Way::Revoked, Way::Expired, Way::Fallen] {
        let dead = change(&guest, |case| case.link = dead);
        refused(&dead, "dead grant");
        let owner = change(&dead, |case| {
            case.token = Some(Some(claims(&[("*", Role::Owner)])))
        });
        refused(&owner, "dead grant");
    }
    refused(&change(&guest, |case| case.room = None), "dead grant");
    // With a token as well: the higher role, in the name of the token.
    let both = change(&guest, |case| {
        case.token = Some(Some(claims(&[(ROOM, Role::Viewer)])))
    });
    let ruling = both.decide().unwrap();
    assert_eq!(
        (ruling.role, ruling.until_ms),
        (Role::Editor, Some(NOW_MS + LINK))
    );
    assert_eq!(ruling.identity, Identity(Some("sub:ann".into())));
    assert_eq!(ruling.name.as_deref(), Some("Ann"));
}

#[test]
fn u13_what_a_room_gives_to_everybody() {
    let nobody = |openness, visibility, password: Option<&str>| {
        change(&base(), |case| {
            case.openness = openness;
            let room = room_of(case);
            room.visibility = visibility;
            room.link_role = Role::Viewer;
            room.password = password.map(Into::into);
        })
    };
    use Openness::{Guarded, Open};
    let (public, private) = (Some(Visibility::Public), Some(Visibility::Private));
    for (openness, visibility, password, wanted) in [
        (Guarded, public, None, Some(Role::Viewer)),
        (Guarded, public, Some("x"), None),
        (Guarded, private, None, None),
        (Guarded, None, None, None),
        (Open, public, None, Some(Role::Viewer)),
        (Open, public, Some("x"), None),
        (Open, private, None, None),
        (Open, None, None, Some(Role::Editor)),
        (Open, None, Some("x"), None),
    ] {
        let case = nobody(openness, visibility, password);
        assert_eq!(role(&case), wanted, "{case:?}");
    }
    // Everybody can be an editor, but not an owner.
    let owners = change(&nobody(Guarded, public, None), |case| {
        room_of(case).link_role = Role::Owner
    });
    assert_eq!(role(&owners), Some(Role::Editor));
    let absent = |openness| {
        change(&base(), |case| {
            case.openness = openness;
            case.room = None;
        })
    };
    refused(&absent(Guarded), "no credentials");
    assert_eq!(role(&absent(Open)), Some(Role::Editor));
    // Deleted: told to who could come in; to others it is a room that is not there.
    let deleted = |case: Case| change(&case, |case| room_of(case).deleted_ms = Some(1));
    refused(&deleted(nobody(Guarded, public, None)), "deleted");
    refused(&deleted(nobody(Guarded, private, None)), "no credentials");
    refused(&deleted(nobody(Open, None, None)), "deleted");
    // Who sits at the machine of an open server owns what is there.
    let local = change(&nobody(Open, private, None), |case| case.is_local = true);
    assert_eq!(role(&local), Some(Role::Owner));
    refused(
        &change(&local, |case| case.openness = Guarded),
        "no credentials",
    );
}

#[test]
fn u13_who_came_by_the_password_has_the_link_role_as_it_is_now() {
    for link_role in [Role::Viewer, Role::Owner] {
        let mut room = entry(ROOM);
        (room.visibility, room.link_role) = (Some(Visibility::Private), link_role);
        for (source, wanted) in [
            (GrantSource::Password(0), link_role),
            (GrantSource::Invite(1), Role::Editor),
        ] {
            let mut state = Way::Good(Role::Editor).found(LINK).unwrap();
            state.grant.source = source;
            let facts = RoomFacts {
                room: Some(room.clone()),
                by_link: Some(state),
                by_session: None,
                blocked_until_ms: None,
            };
            let asking = Asking {
                room: ROOM,
                from: From::NoPage,
                token: Token::None,
                link: Brought::Secret,
                session: Brought::Nothing,
                is_local: false,
                now_ms: NOW_MS,
            };
            let ruling = decide(Openness::Guarded, &asking, &facts).unwrap();
            assert_eq!(ruling.role, wanted, "{source:?}");
        }
    }
}
