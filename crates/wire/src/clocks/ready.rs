//! Finds what of an update is ready when its lists can't simply be read from front to back.
//!
//! Lists may build on one another in any order and both ways, repeat what is known, and have gaps. The rule: time stays
//! near linear whatever the order is. Each list is walked until it blocks, is parked on the one item that it waits for,
//! and goes on when the list that brings it has come so far. What never goes on, cycles included, is early.

use std::cell::{Cell, OnceCell};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::{Missing, Part};
use crate::by_client::{self, ByClient};
use crate::limits::Limits;
use crate::malformed::Malformed;
use crate::scan::ListFacts;
use crate::structs::{Facts, Id, Struct};
use crate::varint::Reader;

/// An update that is known to be well formed.
pub(crate) struct Scanned<'a> {
    pub update: &'a [u8],
    pub lists: &'a [ListFacts],
    pub limits: &'a Limits,
}

/// What is there without the update.
pub(crate) trait Have {
    /// The clock of whoever a list is of.
    fn of_list(&self, list: &ListFacts) -> u32;
    /// The clock of somebody that there is no list of.
    fn of_other(&self, client: u64) -> u32;
}

/// What of an update is ready.
pub(super) enum Ready<'a> {
    /// All of its lists, byte for byte.
    Whole,
    /// These parts, and what the rest lacks, if it isn't all known.
    Parts {
        parts: Vec<Part<'a>>,
        early: Option<Missing>,
    },
}

/// How far a list has come. There is one of these for each list, and hostile updates hold nothing but very many lists: it is kept
/// small, since most of their time goes by with touching fresh memory.
#[derive(Clone, Copy)]
struct Place {
    /// What is there of its client.
    reached: u32,
    /// The clock behind its last struct.
    end: u32,
    walked: Walked,
    waiting: Waiting,
}

/// The index of clients takes as long as looking for one in so many of them by halving.
const SEARCHED: usize = 16;

/// What of a list was walked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Walked {
    /// Nothing: it stopped at its first struct, if it has been looked at.
    No,
    /// All, and nothing of it was taken.
    Known,
    /// All, and it was taken as it stands.
    Whole,
    /// So much as the pause with this number says.
    Paused(u32),
}

/// Who waits for a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Nobody,
    /// Mostly it is one list. Which, and what clock it wants.
    One(u32, u32),
    /// They are in the crowd of its client.
    Several,
}

/// The lists that wait for clocks of one client: which clock each wants, and the list.
#[derive(Default)]
struct Crowd {
    /// The lowest at the end.
    sorted: Vec<Reverse<(u32, u32)>>,
    /// Those that have come since. They are sorted all at once when they are the most, which takes much less for each than a heap does.
    new: BinaryHeap<Reverse<(u32, u32)>>,
}

impl Crowd {
    fn push(&mut self, wanted: u32, list: u32) {
        self.new.push(Reverse((wanted, list)));
    }

    /// A list that wants less than this clock, the lowest first.
    fn pop_below(&mut self, clock: u32) -> Option<u32> {
        if self.new.len() > self.sorted.len() {
            self.sorted.extend(std::mem::take(&mut self.new).into_vec());
            self.sorted.sort();
        }
        let lowest = self.sorted.last().max(self.new.peek()).copied();
        let Reverse((_, list)) = lowest.filter(|Reverse((wanted, _))| *wanted < clock)?;
        if self.sorted.last() == lowest.as_ref() {
            self.sorted.pop();
        } else {
            self.new.pop();
        }
        Some(list)
    }
}

/// A list that stopped, or that was not taken as it stands.
#[derive(Clone, Copy)]
struct Pause {
    /// Where the next struct stands, and its clock.
    at: usize,
    clock: u32,
    /// What the room had.
    have: u32,
    /// Taken structs, which always lie side by side: what is known, and Skips over it, can only come before them.
    taken: u32,
    taken_at: usize,
    taken_end: usize,
    /// How many clocks of the first one are known.
    cut: u32,
}

enum Stop {
    /// It waits for an item that another list may bring: that list, and the item.
    Parked(usize, Id),
    /// It builds on something that is neither here nor there.
    Early(Missing),
}

/// Finds what is ready.
pub(super) fn ready<'a>(have: &impl Have, scanned: &Scanned<'a>) -> Result<Ready<'a>, Malformed> {
    walk(have, scanned, |_, _| {})?.finish()
}

/// Tells `taken` each struct that is ready, by its list, after all that it builds on. Answers with the lists of which that was not
/// all, and the clock that each has come to.
pub(crate) fn in_order(
    have: &impl Have,
    scanned: &Scanned<'_>,
    taken: impl FnMut(usize, &Struct),
) -> Result<Vec<(usize, u32)>, Malformed> {
    let walk = walk(have, scanned, taken)?;
    let places = walk.places.iter().enumerate();
    let left = places.filter(|(list, place)| place.reached < scanned.lists[*list].end);
    Ok(left.map(|(list, place)| (list, place.reached)).collect())
}

fn walk<'a, 's, H: Have, T: FnMut(usize, &Struct)>(
    have: &'s H,
    scanned: &'s Scanned<'a>,
    told: T,
) -> Result<Walk<'a, 's, H, T>, Malformed> {
    let place = |list| {
        let reached = have.of_list(list);
        let known = list.end <= reached;
        Place {
            reached,
            end: list.end,
            walked: if known { Walked::Known } else { Walked::No },
            waiting: Waiting::Nobody,
        }
    };
    let mut walk = Walk {
        have,
        told,
        scanned,
        places: scanned.lists.iter().map(place).collect(),
        pauses: Vec::new(),
        crowds: ByClient::default(),
        order: OnceCell::new(),
        searched: Cell::new(0),
        index: OnceCell::new(),
        last: Cell::new(0),
        woken: Vec::new(),
        early: None,
    };
    for list in 0..walk.places.len() {
        if walk.places[list].walked == Walked::No {
            walk.run(list)?;
        }
        while let Some(list) = walk.woken.pop() {
            walk.run(list as usize)?;
        }
    }
    Ok(walk)
}

struct Walk<'a, 's, H, T> {
    have: &'s H,
    told: T,
    scanned: &'s Scanned<'a>,
    places: Vec<Place>,
    pauses: Vec<Pause>,
    /// By the client that they wait for.
    crowds: ByClient<Crowd>,
    /// In which order the clients of lists come, if in any; once somebody has asked.
    order: OnceCell<Option<Ordering>>,
    /// How many were looked for without the index.
    searched: Cell<usize>,
    /// Which list is a client's, once somebody has often asked.
    index: OnceCell<ByClient<u32>>,
    /// The list that was looked up last.
    last: Cell<usize>,
    /// Lists that can go on.
    woken: Vec<u32>,
    /// The first list that builds on something that is neither here nor there, and what that is.
    early: Option<(usize, Missing)>,
}

impl<'a, H: Have, T: FnMut(usize, &Struct)> Walk<'a, '_, H, T> {
    /// Walks one list until it ends or stops.
    fn run(&mut self, list: usize) -> Result<(), Malformed> {
        let Scanned { update, limits, .. } = *self.scanned;
        let facts = &self.scanned.lists[list];
        let Place {
            mut reached,
            walked,
            ..
        } = self.places[list];
        let mut here = match walked {
            Walked::Paused(number) => self.pauses[number as usize],
            _ => Pause {
                at: facts.at,
                clock: facts.start,
                have: reached,
                taken: 0,
                taken_at: facts.at,
                taken_end: facts.at,
                cut: 0,
            },
        };
        let mut reader = Reader::again(update, here.at);
        let mut parked = None;
        while here.at < facts.end_at {
            let ignored = &mut Facts::default();
            let read = Struct::read(&mut reader, facts.client, here.clock, limits, ignored);
            // In place: moving it takes as long as reading it.
            let structure = read.as_ref().map_err(Malformed::clone)?;
            // What is known builds on nothing any more.
            if !structure.is_skip() && structure.end() > here.have {
                match self.stop(facts.client, reached, structure) {
                    None => {}
                    Some(Stop::Parked(other, id)) => {
                        parked = Some((other, id.clock));
                        break;
                    }
                    Some(Stop::Early(missing)) => {
                        if self.early.is_none_or(|(first, _)| list < first) {
                            self.early = Some((list, missing));
                        }
                        break;
                    }
                }
                (self.told)(list, structure);
                if here.taken == 0 {
                    here.taken_at = structure.at;
                    here.cut = reached - structure.clock;
                }
                here.taken += 1;
                here.taken_end = structure.end_at;
                reached = structure.end();
            }
            here.at = structure.end_at;
            here.clock = structure.end();
        }
        let through = here.at == facts.end_at;
        let walked = match walked {
            Walked::Paused(number) => {
                self.pauses[number as usize] = here;
                walked
            }
            _ if here.at == facts.at => Walked::No,
            _ if through && here.taken == 0 => Walked::Known,
            _ if through && here.is_whole(facts) => Walked::Whole,
            _ => {
                if self.pauses.is_empty() {
                    // Pages that are not written to cost nothing, and moving them would cost twice.
                    self.pauses.reserve_exact(self.places.len());
                }
                self.pauses.push(here);
                Walked::Paused(self.pauses.len() as u32 - 1)
            }
        };
        let place = &mut self.places[list];
        (place.reached, place.walked) = (reached, walked);
        self.wake(list);
        if let Some((other, wanted)) = parked {
            self.park(other, (wanted, list as u32));
        }
        Ok(())
    }

    /// Why the next struct of a list can't be taken.
    #[inline]
    fn stop(&self, client: u64, reached: u32, structure: &Struct) -> Option<Stop> {
        if structure.clock > reached {
            // Only this list could fill the gap, and it has moved past it.
            return Some(Stop::Early(Missing {
                client,
                clock: structure.clock,
            }));
        }
        let lacking = structure.lacks(client, |other| match self.list_of(other) {
            Some(at) => self.places[at].reached,
            None => self.have.of_other(other),
        })?;
        let brought = |other: usize| lacking.clock < self.places[other].end;
        Some(match self.list_of(lacking.client) {
            Some(other) if brought(other) => Stop::Parked(other, lacking),
            _ => Stop::Early(behind(lacking)),
        })
    }

    /// Whether lists come in an order of their clients, and in which: Yjs writes them descending.
    fn order(&self) -> Option<Ordering> {
        *self.order.get_or_init(|| {
            let orders = [Ordering::Greater, Ordering::Less];
            orders.into_iter().find(|order| {
                let mut pairs = self.scanned.lists.windows(2);
                pairs.all(|pair| pair[0].client.cmp(&pair[1].client) == *order)
            })
        })
    }

    /// Which list is a client's. Mostly the one that was asked for before, or one beside it.
    fn list_of(&self, client: u64) -> Option<usize> {
        let lists = self.scanned.lists;
        let last = self.last.get();
        for near in [last, last + 1, last.wrapping_sub(1)] {
            if lists.get(near).is_some_and(|list| list.client == client) {
                self.last.set(near);
                return Some(near);
            }
        }
        let searched = self.searched.get();
        let at = if lists.len() <= super::FEW_LISTS {
            lists.iter().position(|list| list.client == client)
        } else if searched < lists.len() / SEARCHED
            && let Some(order) = self.order()
        {
            self.searched.set(searched + 1);
            let found = lists.binary_search_by(|list| match order {
                Ordering::Greater => client.cmp(&list.client),
                _ => list.client.cmp(&client),
            });
            found.ok()
        } else {
            let index = self.index.get_or_init(|| {
                let mut index = by_client::with_capacity(lists.len());
                let lists = lists.iter().enumerate();
                index.extend(lists.map(|(at, list)| (list.client, at as u32)));
                index
            });
            index.get(&client).map(|at| *at as usize)
        };
        self.last.set(at.unwrap_or(last));
        at
    }

    /// Lets a list wait for a clock of another one.
    #[inline]
    fn park(&mut self, other: usize, (wanted, list): (u32, u32)) {
        let waiting = &mut self.places[other].waiting;
        if *waiting == Waiting::Nobody {
            *waiting = Waiting::One(list, wanted);
            return;
        }
        let before = std::mem::replace(waiting, Waiting::Several);
        let client = self.scanned.lists[other].client;
        let crowd = self.crowds.entry(client).or_default();
        if let Waiting::One(list, wanted) = before {
            crowd.push(wanted, list);
        }
        crowd.push(wanted, list);
    }

    /// Lets those go on that wait for what a list has come to.
    #[inline]
    fn wake(&mut self, list: usize) {
        let Place {
            reached, waiting, ..
        } = &mut self.places[list];
        match *waiting {
            Waiting::One(waits, wanted) if wanted < *reached => {
                *waiting = Waiting::Nobody;
                self.woken.push(waits);
                // It will ask for this one.
                self.last.set(list);
            }
            Waiting::Nobody | Waiting::One(..) => {}
            Waiting::Several => {
                let client = self.scanned.lists[list].client;
                let crowd = self.crowds.entry(client).or_default();
                while let Some(list) = crowd.pop_below(*reached) {
                    self.woken.push(list);
                }
            }
        }
    }

    fn finish(self) -> Result<Ready<'a>, Malformed> {
        let Scanned { update, lists, .. } = *self.scanned;
        let mut both = lists.iter().zip(&self.places);
        if both.all(|(list, place)| self.is_whole(list, place)) {
            return Ok(Ready::Whole);
        }
        let mut parts = Vec::with_capacity(lists.len());
        let mut early = self.early.map(|(_, missing)| missing);
        for (list, place) in lists.iter().zip(&self.places) {
            let mut part = Part {
                client: list.client,
                start: list.start,
                end: place.reached,
                structs: list.structs as u32,
                cut: 0,
                bytes: &update[list.at..list.end_at],
            };
            match place.walked {
                Walked::Whole => {}
                Walked::Known => continue,
                Walked::No => {
                    if early.is_none() {
                        early = self.waits_for(list, place, (list.at, list.start))?;
                    }
                    continue;
                }
                Walked::Paused(number) => {
                    let here = &self.pauses[number as usize];
                    if here.at < list.end_at && early.is_none() {
                        early = self.waits_for(list, place, (here.at, here.clock))?;
                    }
                    if here.taken == 0 {
                        continue;
                    }
                    part.start = here.have;
                    part.structs = here.taken;
                    part.cut = here.cut;
                    part.bytes = &update[here.taken_at..here.taken_end];
                }
            }
            parts.push(part);
        }
        Ok(Ready::Parts { parts, early })
    }

    fn is_whole(&self, list: &ListFacts, place: &Place) -> bool {
        match place.walked {
            Walked::Whole => true,
            Walked::No | Walked::Known => false,
            Walked::Paused(number) => self.pauses[number as usize].is_whole(list),
        }
    }

    /// What a list waits for at its next struct, which stands there with that clock. That one is stopped itself, and what stopped it is the better answer where there is one.
    fn waits_for(
        &self,
        list: &ListFacts,
        place: &Place,
        (at, clock): (usize, u32),
    ) -> Result<Option<Missing>, Malformed> {
        let mut reader = Reader::again(self.scanned.update, at);
        let ignored = &mut Facts::default();
        let limits = self.scanned.limits;
        let next = Struct::read(&mut reader, list.client, clock, limits, ignored)?;
        let stop = self.stop(list.client, place.reached, &next);
        Ok(stop.map(|stop| match stop {
            Stop::Parked(_, id) => behind(id),
            Stop::Early(missing) => missing,
        }))
    }
}

impl Pause {
    fn is_whole(&self, list: &ListFacts) -> bool {
        self.taken as usize == list.structs && self.cut == 0
    }
}

fn behind(id: Id) -> Missing {
    Missing {
        client: id.client,
        clock: id.clock + 1,
    }
}
