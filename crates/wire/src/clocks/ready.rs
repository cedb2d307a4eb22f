//! Finds what of an update is ready when its lists can't simply be read from front to back.
//!
//! Lists may build on one another in any order and both ways, repeat what is known, and have gaps. The rule: time stays
//! near linear whatever the order is. Each list is walked until it blocks, is parked on the one item that it waits for,
//! and goes on when the list that brings it has come so far. What never goes on, cycles included, is early.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Missing, Part};
use crate::by_client::{self, ByClient};
use crate::limits::Limits;
use crate::malformed::Malformed;
use crate::scan::ListFacts;
use crate::structs::{Facts, Id, Struct};
use crate::varint::Reader;

/// The ready part of an update.
pub(crate) struct Ready<'a> {
    pub(super) parts: Vec<Part<'a>>,
    pub(super) early: Option<Missing>,
    /// The parts are all that there is, byte for byte.
    pub whole: bool,
}

/// How far a list was walked.
struct Progress {
    /// Structs not walked yet.
    left: usize,
    /// Where the next one stands, and its clock.
    at: usize,
    clock: u32,
    /// What the room had, and what it has with what was taken of this list.
    have: u32,
    reached: u32,
    /// Taken structs, which always lie side by side: what is known, and Skips over it, can only come before them.
    taken: usize,
    taken_at: usize,
    taken_end: usize,
    cut: Vec<u8>,
    stopped: Stop,
    waiting: Waiting,
}

#[derive(Clone, Copy)]
enum Stop {
    /// It is through, or not walked yet.
    No,
    /// It waits for an item that another list may bring: that list, and the item.
    Parked(usize, Id),
    /// It builds on something that is neither here nor there.
    Early(Missing),
}

/// Lists that wait for a clock of one other. Mostly that is one, which must cost no allocation.
#[derive(Default)]
struct Waiting {
    lowest: Option<(u32, usize)>,
    others: BinaryHeap<Reverse<(u32, usize)>>,
}

impl Waiting {
    fn push(&mut self, mut waiting: (u32, usize)) {
        if let Some(lowest) = &mut self.lowest {
            if waiting < *lowest {
                std::mem::swap(lowest, &mut waiting);
            }
            self.others.push(Reverse(waiting));
        } else {
            self.lowest = Some(waiting);
        }
    }

    /// A list that waits for a clock below this one.
    fn pop_below(&mut self, clock: u32) -> Option<usize> {
        let (_, list) = self.lowest.filter(|(wanted, _)| *wanted < clock)?;
        self.lowest = self.others.pop().map(|Reverse(next)| next);
        Some(list)
    }
}

/// What is ready of an update that is known to be well formed. `have` tells the clocks that are there.
pub(crate) fn ready<'a>(
    have: impl Fn(u64) -> u32,
    update: &'a [u8],
    lists: &[ListFacts],
    limits: &Limits,
) -> Result<Ready<'a>, Malformed> {
    Ok(walked(have, update, lists, limits, |_, _| {})?.finish())
}

/// Tells `taken` each struct of an update that is ready, by its list, after all that it builds on.
pub(crate) fn in_order(
    have: impl Fn(u64) -> u32,
    update: &[u8],
    lists: &[ListFacts],
    limits: &Limits,
    taken: impl FnMut(usize, &Struct),
) -> Result<(), Malformed> {
    walked(have, update, lists, limits, taken).map(drop)
}

fn walked<'a, 'l, H: Fn(u64) -> u32, T: FnMut(usize, &Struct)>(
    have: H,
    update: &'a [u8],
    lists: &'l [ListFacts],
    limits: &'l Limits,
    taken: T,
) -> Result<Walk<'a, 'l, H, T>, Malformed> {
    let mut walk = Walk {
        have,
        told: taken,
        update,
        limits,
        lists,
        index: by_client::with_capacity(lists.len()),
        progress: Vec::with_capacity(lists.len()),
        last: Cell::new(0),
        woken: Vec::new(),
    };
    for (at, list) in lists.iter().enumerate() {
        let have = (walk.have)(list.client);
        walk.index.insert(list.client, at);
        walk.progress.push(Progress {
            left: list.structs,
            at: list.at,
            clock: list.start,
            have,
            reached: have,
            taken: 0,
            taken_at: list.at,
            taken_end: list.at,
            cut: Vec::new(),
            stopped: Stop::No,
            waiting: Waiting::default(),
        });
    }
    for list in 0..lists.len() {
        walk.woken.push(list);
        while let Some(list) = walk.woken.pop() {
            walk.run(list)?;
        }
    }
    Ok(walk)
}

struct Walk<'a, 'l, H, T> {
    have: H,
    told: T,
    update: &'a [u8],
    limits: &'l Limits,
    lists: &'l [ListFacts],
    index: ByClient<usize>,
    progress: Vec<Progress>,
    /// The list that was looked up last.
    last: Cell<usize>,
    /// Lists that can go on.
    woken: Vec<usize>,
}

impl<'a, H: Fn(u64) -> u32, T: FnMut(usize, &Struct)> Walk<'a, '_, H, T> {
    /// Walks one list until it ends or stops.
    fn run(&mut self, list: usize) -> Result<(), Malformed> {
        let client = self.lists[list].client;
        self.progress[list].stopped = Stop::No;
        loop {
            let here = &self.progress[list];
            if here.left == 0 {
                return Ok(());
            }
            let mut reader = Reader::starting_at(self.update, here.at);
            let mut facts = Facts::default();
            let structure = Struct::read(&mut reader, client, here.clock, self.limits, &mut facts)?;
            // What is known builds on nothing any more.
            if !structure.is_skip() && structure.end() > here.have {
                if let Some(stop) = self.stop(list, &structure) {
                    if let Stop::Parked(other, id) = stop {
                        self.progress[other].waiting.push((id.clock, list));
                    }
                    self.progress[list].stopped = stop;
                    return Ok(());
                }
                self.take(list, &structure)?;
            }
            let here = &mut self.progress[list];
            here.left -= 1;
            here.at = structure.end_at;
            here.clock = structure.end();
        }
    }

    /// Why the next struct of a list can't be taken.
    fn stop(&self, list: usize, structure: &Struct) -> Option<Stop> {
        let client = self.lists[list].client;
        if structure.clock > self.progress[list].reached {
            // Only this list could fill the gap, and it has moved past it.
            return Some(Stop::Early(Missing {
                client,
                clock: structure.clock,
            }));
        }
        let lacking = structure.lacks(client, |other| match self.list_of(other) {
            Some(at) => self.progress[at].reached,
            None => (self.have)(other),
        })?;
        let brought = |other: usize| lacking.clock < self.lists[other].end;
        Some(match self.list_of(lacking.client) {
            Some(other) if brought(other) => Stop::Parked(other, lacking),
            _ => Stop::Early(behind(lacking)),
        })
    }

    /// Which list is a client's. Mostly the one that was asked for before.
    fn list_of(&self, client: u64) -> Option<usize> {
        let last = self.last.get();
        if self.lists[last].client == client {
            return Some(last);
        }
        let at = self.index.get(&client).copied();
        self.last.set(at.unwrap_or(last));
        at
    }

    fn take(&mut self, list: usize, structure: &Struct) -> Result<(), Malformed> {
        (self.told)(list, structure);
        let here = &mut self.progress[list];
        if here.taken == 0 {
            here.taken_at = structure.at;
            if structure.clock < here.have {
                here.taken_at = structure.end_at;
                structure.write_cut(
                    self.update,
                    self.lists[list].client,
                    here.have - structure.clock,
                    self.limits,
                    &mut here.cut,
                )?;
            }
        }
        here.taken += 1;
        here.taken_end = structure.end_at;
        here.reached = structure.end();
        while let Some(waiting) = here.waiting.pop_below(here.reached) {
            self.woken.push(waiting);
        }
        Ok(())
    }

    fn finish(self) -> Ready<'a> {
        let mut ready = Ready {
            parts: Vec::with_capacity(self.lists.len()),
            early: None,
            whole: true,
        };
        let mut parked = None;
        for (list, here) in self.lists.iter().zip(self.progress) {
            match here.stopped {
                Stop::No => {}
                Stop::Parked(_, id) => parked = parked.or(Some(behind(id))),
                Stop::Early(missing) => ready.early = ready.early.or(Some(missing)),
            }
            ready.whole &= here.taken == list.structs && here.cut.is_empty();
            if here.taken > 0 {
                ready.parts.push(Part {
                    client: list.client,
                    start: here.have,
                    end: here.reached,
                    structs: here.taken,
                    cut: here.cut,
                    rest: &self.update[here.taken_at..here.taken_end],
                });
            }
        }
        // A parked list waits for one that is stopped itself; what stopped that one is the better answer.
        ready.early = ready.early.or(parked);
        ready
    }
}

fn behind(id: Id) -> Missing {
    Missing {
        client: id.client,
        clock: id.clock + 1,
    }
}
