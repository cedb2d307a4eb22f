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

/// A shape that was read, and the id of what it says it stands in. Its place is not yet known.
pub(crate) struct Loose {
    pub(crate) parent: String,
    pub(crate) shape: Shape,
}

/// The pages in order, and their shapes in drawing order: depth first, parents before their children.
pub(crate) fn grow(
    mut pages: Vec<Page>,
    loose: Vec<Loose>,
    depth: usize,
    notes: &mut Notes,
) -> (Vec<Page>, Vec<Shape>) {
    make_pages(&mut pages, &loose, notes);
    pages.sort_unstable_by(|one, other| {
        order::compare((&one.order, &one.id), (&other.order, &other.id))
    });
    let parents = parents(&pages, &loose);
    let children = Children::of(&parents, &loose, pages.len());
    let mut visit = Visit::default();
    for (number, page) in pages.iter_mut().enumerate() {
        let first = visit.order.len();
        visit.page(&children, number, depth);
        page.shapes = first..visit.order.len();
    }
    for at in &visit.too_deep {
        notes.add(&loose[*at].shape.id, Problem::TooDeep);
    }
    note_unvisited(&loose, &parents, &visit, notes);
    let shapes = place(loose, &parents, &pages, &visit);
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
fn make_pages(pages: &mut Vec<Page>, loose: &[Loose], notes: &mut Notes) {
    if !pages.is_empty() {
        return;
    }
    let ids = loose.iter().map(|it| it.parent.as_str());
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

fn parents(pages: &[Page], loose: &[Loose]) -> Vec<Above> {
    let pages = pages.iter().enumerate();
    let mut ids: HashMap<&str, Above> = pages
        .map(|(number, page)| (page.id.as_str(), Above::Page(number)))
        .collect();
    let shapes = loose.iter().enumerate();
    ids.extend(shapes.map(|(at, it)| (it.shape.id.as_str(), Above::Loose(at))));
    let above = |it: &Loose| ids.get(it.parent.as_str()).copied();
    loose
        .iter()
        .map(|it| above(it).unwrap_or(Above::Nothing))
        .collect()
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
    fn of(parents: &[Above], loose: &[Loose], pages: usize) -> Self {
        let slot = |at: usize| match parents[at] {
            Above::Page(page) => Some(page),
            Above::Loose(parent) => Some(pages + parent),
            Above::Nothing => None,
        };
        let mut list: Vec<_> = (0..loose.len())
            .filter_map(|at| Some((slot(at)?, at)))
            .collect();
        list.sort_unstable_by(|(one_slot, one), (other_slot, other)| {
            let key = |at: usize| (loose[at].shape.order.as_str(), loose[at].shape.id.as_str());
            let by_key = || order::compare(key(*one), key(*other));
            one_slot.cmp(other_slot).then_with(by_key)
        });
        let mut first = vec![0; pages + loose.len() + 1];
        for (slot, _) in &list {
            first[slot + 1] += 1;
        }
        for slot in 1..first.len() {
            first[slot] += first[slot - 1];
        }
        let list = list.into_iter().map(|(_, at)| at).collect();
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
fn note_unvisited(loose: &[Loose], parents: &[Above], visit: &Visit, notes: &mut Notes) {
    /// What is known of a shape on its way up.
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Not,
        OnThisWay,
        Settled,
    }
    let mut seen = vec![Seen::Not; loose.len()];
    let reached = visit.order.iter().map(|(at, _)| at);
    for at in reached.chain(&visit.too_deep) {
        seen[*at] = Seen::Settled;
    }
    for start in 0..loose.len() {
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
                    Problem::NoParent(cut(&loose[*at].parent, MOST_ID_BYTES).to_owned())
                }
                _ => Problem::Detached,
            };
            notes.add(&loose[*at].shape.id, problem);
        }
    }
}

/// Moves what was reached into drawing order, and works out what depends on the place.
fn place(loose: Vec<Loose>, parents: &[Above], pages: &[Page], visit: &Visit) -> Vec<Shape> {
    let mut new = vec![ShapeIndex(0); loose.len()];
    for (index, (at, _)) in visit.order.iter().enumerate() {
        new[*at] = ShapeIndex(index as u32);
    }
    let mut from: Vec<_> = loose.into_iter().map(|it| Some(it.shape)).collect();
    let mut shapes: Vec<Shape> = Vec::with_capacity(visit.order.len());
    let page_of = pages
        .iter()
        .enumerate()
        .flat_map(|(number, page)| page.shapes.clone().map(move |_| number));
    for ((at, depth), page) in visit.order.iter().zip(page_of) {
        let mut shape = from[*at].take().expect("each shape has one parent");
        let own = Affine::translate((shape.x, shape.y)) * Affine::rotate(shape.rotation);
        shape.page = page;
        shape.depth = *depth;
        match parents[*at] {
            Above::Loose(parent) => {
                let parent = new[parent];
                let above = &shapes[parent.get()];
                shape.parent = Parent::Shape(parent);
                shape.transform = above.transform * own;
                shape.opacity = above.opacity * shape.own_opacity;
            }
            Above::Page(_) | Above::Nothing => {
                shape.parent = Parent::Page(page);
                shape.transform = own;
                shape.opacity = shape.own_opacity;
            }
        }
        shapes.push(shape);
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
