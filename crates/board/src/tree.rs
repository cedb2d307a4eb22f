//! Puts shapes into their pages and into drawing order.
//!
//! Knows ids, parents and order; nothing of kinds. The rules: everything here is linear but for one sort, no step recurses,
//! since trees come from strangers, and nothing depends on the order in which shapes were read.

use std::collections::HashMap;

use kurbo::Affine;

use crate::note::{MOST_ID_BYTES, Notes, Problem, cut};
use crate::order;
use crate::record::Page;
use crate::shape::{Parent, Shape, ShapeIndex};

/// Shapes that were read. Their places are not yet known.
#[derive(Default)]
pub(crate) struct Loose {
    pub(crate) shapes: Vec<Shape>,
    /// The id of what each says it stands in.
    pub(crate) parents: Vec<String>,
}

/// The pages in order, and their shapes in drawing order: depth first, parents before their children.
pub(crate) fn grow(
    mut pages: Vec<Page>,
    loose: Loose,
    depth: usize,
    notes: &mut Notes,
) -> (Vec<Page>, Vec<Shape>) {
    make_pages(&mut pages, &loose, notes);
    pages.sort_unstable_by(|one, other| {
        order::compare((&one.order, &one.id), (&other.order, &other.id))
    });
    let parents = parents(&pages, &loose);
    let children = Children::of(&parents, &loose.shapes, pages.len());
    let mut visit = Visit::default();
    for (number, page) in pages.iter_mut().enumerate() {
        let first = visit.order.len();
        visit.page(&children, number, depth);
        page.shapes = first..visit.order.len();
    }
    for at in &visit.too_deep {
        notes.add(&loose.shapes[*at].id, Problem::TooDeep);
    }
    note_unvisited(&loose, &parents, &visit, notes);
    let shapes = place(loose.shapes, &parents, &pages, &visit);
    (pages, shapes)
}

/// What a shape stands in, by number in the list of what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Above {
    Page(usize),
    Loose(usize),
    Nothing,
}

/// A document without any page has its shapes on pages that are only named by them.
fn make_pages(pages: &mut Vec<Page>, loose: &Loose, notes: &mut Notes) {
    if !pages.is_empty() {
        return;
    }
    let ids = loose.parents.iter().map(String::as_str);
    let mut ids: Vec<_> = ids.filter(|id| id.starts_with("page:")).collect();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        notes.add(id, Problem::MadePage);
        pages.push(Page {
            id: id.to_owned(),
            name: String::new(),
            order: String::new(),
            shapes: 0..0,
        });
    }
}

fn parents(pages: &[Page], loose: &Loose) -> Vec<Above> {
    let mut ids = HashMap::with_capacity(pages.len() + loose.shapes.len());
    let pages = pages.iter().enumerate();
    ids.extend(pages.map(|(number, page)| (page.id.as_str(), Above::Page(number))));
    let shapes = loose.shapes.iter().enumerate();
    ids.extend(shapes.map(|(at, shape)| (shape.id.as_str(), Above::Loose(at))));
    let above = |parent: &String| ids.get(parent.as_str()).copied();
    let above = loose.parents.iter().map(above);
    above.map(|it| it.unwrap_or(Above::Nothing)).collect()
}

/// The children of each page and each shape, in order.
struct Children {
    /// All that have a parent, siblings together.
    list: Vec<usize>,
    /// Where the children of a slot begin in the list. Pages have the first slots, shapes those after.
    first: Vec<usize>,
    pages: usize,
}

impl Children {
    fn of(parents: &[Above], shapes: &[Shape], pages: usize) -> Self {
        let slot = |at: usize| match parents[at] {
            Above::Page(page) => Some(page),
            Above::Loose(parent) => Some(pages + parent),
            Above::Nothing => None,
        };
        let key = |at: usize| (shapes[at].order.as_str(), shapes[at].id.as_str());
        let mut list: Vec<_> = (0..shapes.len())
            .filter_map(|at| Some((slot(at)?, order::beginning(key(at).0), at)))
            .collect();
        list.sort_unstable_by(|one, other| {
            let by_key = || order::compare(key(one.2), key(other.2));
            (one.0, one.1).cmp(&(other.0, other.1)).then_with(by_key)
        });
        let mut first = vec![0; pages + shapes.len() + 1];
        for (slot, ..) in &list {
            first[slot + 1] += 1;
        }
        for slot in 1..first.len() {
            first[slot] += first[slot - 1];
        }
        let list = list.into_iter().map(|(.., at)| at).collect();
        Self { list, first, pages }
    }

    fn of_slot(&self, slot: usize) -> &[usize] {
        &self.list[self.first[slot]..self.first[slot + 1]]
    }

    fn of_page(&self, page: usize) -> &[usize] {
        self.of_slot(page)
    }

    fn of_loose(&self, at: usize) -> &[usize] {
        self.of_slot(self.pages + at)
    }
}

/// The walk through all pages.
#[derive(Default)]
struct Visit {
    /// What was reached, in drawing order, each with its depth.
    order: Vec<(usize, usize)>,
    too_deep: Vec<usize>,
}

impl Visit {
    fn page(&mut self, children: &Children, page: usize, most: usize) {
        let at_depth = |list: &[usize], depth: usize| {
            let pairs = list.iter().rev().map(move |at| (*at, depth));
            pairs.collect::<Vec<_>>()
        };
        let mut waiting = at_depth(children.of_page(page), 0);
        while let Some((at, depth)) = waiting.pop() {
            if depth > most {
                self.too_deep.push(at);
                continue;
            }
            self.order.push((at, depth));
            waiting.extend(at_depth(children.of_loose(at), depth + 1));
        }
    }
}

/// Says of each shape that is on no page why it is not.
fn note_unvisited(loose: &Loose, parents: &[Above], visit: &Visit, notes: &mut Notes) {
    /// What is known of a shape on its way up.
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Not,
        OnThisWay,
        Settled,
    }
    let mut seen = vec![Seen::Not; loose.shapes.len()];
    let reached = visit.order.iter().map(|(at, _)| at);
    for at in reached.chain(&visit.too_deep) {
        seen[*at] = Seen::Settled;
    }
    for start in 0..loose.shapes.len() {
        let mut way = Vec::new();
        let mut at = start;
        while seen[at] == Seen::Not {
            seen[at] = Seen::OnThisWay;
            way.push(at);
            match parents[at] {
                Above::Loose(parent) => at = parent,
                Above::Page(_) | Above::Nothing => break,
            }
        }
        let Some(last) = way.last() else { continue };
        // The way ran into itself: what lies between is a circle.
        let circle = match parents[*last] {
            Above::Loose(parent) if seen[parent] == Seen::OnThisWay => {
                way.iter().position(|at| *at == parent)
            }
            _ => None,
        };
        for (step, at) in way.iter().enumerate() {
            seen[*at] = Seen::Settled;
            let problem = match parents[*at] {
                _ if circle.is_some_and(|first| step >= first) => Problem::Cycle,
                Above::Nothing => {
                    Problem::NoParent(cut(&loose.parents[*at], MOST_ID_BYTES).to_owned())
                }
                _ => Problem::Detached,
            };
            notes.add(&loose.shapes[*at].id, problem);
        }
    }
}

/// Moves what was reached into drawing order, and works out what depends on the place.
fn place(mut shapes: Vec<Shape>, parents: &[Above], pages: &[Page], visit: &Visit) -> Vec<Shape> {
    let new = new_places(shapes.len(), visit);
    // Where what stands at each place belongs. Exchanged in place, for a second list of shapes would take as much again.
    let mut to = new.clone();
    for at in 0..shapes.len() {
        while to[at] != at {
            let place = to[at];
            shapes.swap(at, place);
            to.swap(at, place);
        }
    }
    shapes.truncate(visit.order.len());
    let page_of = pages
        .iter()
        .enumerate()
        .flat_map(|(number, page)| page.shapes.clone().map(move |_| number));
    for (index, ((at, depth), page)) in visit.order.iter().zip(page_of).enumerate() {
        let (before, rest) = shapes.split_at_mut(index);
        let shape = &mut rest[0];
        let own = Affine::translate((shape.x, shape.y)) * Affine::rotate(shape.rotation);
        shape.page = page;
        shape.depth = *depth;
        match parents[*at] {
            Above::Loose(parent) => {
                let parent = new[parent];
                let above = &before[parent];
                shape.parent = Parent::Shape(ShapeIndex(parent as u32));
                shape.transform = above.transform * own;
                shape.opacity = above.opacity * shape.own_opacity;
            }
            Above::Page(_) | Above::Nothing => {
                shape.parent = Parent::Page(page);
                shape.transform = own;
                shape.opacity = shape.own_opacity;
            }
        }
    }
    // From the back, the next shape that is not deeper ends a subtree. Pages begin at depth 0 and so end all.
    let mut after: Vec<usize> = Vec::new();
    for index in (0..shapes.len()).rev() {
        let deeper = |it: &usize| shapes[*it].depth > shapes[index].depth;
        while after.last().is_some_and(deeper) {
            after.pop();
        }
        let end = after.last().copied().unwrap_or(shapes.len());
        shapes[index].subtree_end = ShapeIndex(end as u32);
        after.push(index);
    }
    shapes
}

/// Where each shape goes: what was reached into drawing order, the others behind.
fn new_places(shapes: usize, visit: &Visit) -> Vec<usize> {
    let mut places = vec![usize::MAX; shapes];
    for (place, (at, _)) in visit.order.iter().enumerate() {
        places[*at] = place;
    }
    let behind = places.iter_mut().filter(|place| **place == usize::MAX);
    for (place, number) in behind.zip(visit.order.len()..) {
        *place = number;
    }
    places
}
