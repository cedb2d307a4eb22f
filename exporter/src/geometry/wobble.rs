//! The drawn style: an outline gone over by hand.
//!
//! Every point moves a little at random, corners are rounded, and the whole is drawn more than once. Knows outlines; no
//! widths beyond the one it is told. The rule: three numbers are spent for each point, even where it may not move, for the
//! points after it take theirs from the same source.

use std::f64::consts::FRAC_PI_2;

use kurbo::{Point, Vec2};

use super::outline::{CommandKind, Ends, Freedom, Measure, Outline, Role, Subpath};
use super::path::{Element, Path};
use super::random::Random;
use super::unit;

/// Twice over the whole outline. `None` when it is not finite.
pub(super) fn stroke(outline: &Outline, seed: &str, width: f64) -> Option<Path> {
    let mut elements = Vec::new();
    for pass in ["0", "1"] {
        let mut random = Random::seeded(&[seed, pass]);
        for subpath in &outline.subpaths {
            draw(
                subpath,
                &mut random,
                Hand {
                    reach: width / 3.0,
                    roundness: 2.0 * width,
                },
                &mut elements,
            );
        }
    }
    Path::new(elements)
}

/// What is filled: once, with the corners of the stroke, and nothing moved.
pub(super) fn fill(outline: &Outline, width: f64) -> Option<Path> {
    let mut elements = Vec::new();
    let mut random = Random::seeded(&[]);
    for subpath in outline
        .subpaths
        .iter()
        .filter(|subpath| subpath.role == Role::Filled)
    {
        draw(
            subpath,
            &mut random,
            Hand {
                reach: 0.0,
                roundness: 2.0 * width,
            },
            &mut elements,
        );
    }
    Path::new(elements).filter(|path| !path.is_empty())
}

/// How a hand draws.
#[derive(Clone, Copy)]
struct Hand {
    /// How far a point moves at most, px.
    reach: f64,
    /// How much of an edge a corner takes at most, px.
    roundness: f64,
}

/// A point of a sub-path and what surrounds it.
struct Corner {
    at: Point,
    freedom: Freedom,
    /// The command that ends here.
    before: Option<Measure>,
    /// The command that begins here.
    after: Option<Measure>,
    /// Both are straight.
    is_angle: bool,
}

/// What becomes of a corner.
#[derive(Clone, Copy)]
struct Drawn {
    moved: Vec2,
    /// Where the line before it ends, if that is not the corner itself.
    entry: Option<Point>,
    /// Where the line after it begins, if that is not the corner itself.
    exit: Option<Point>,
}

impl Corner {
    /// How much of the edges the corner takes at most: all that is allowed up to a right angle, nothing where the path turns
    /// back.
    fn roundness(&self, hand: Hand) -> f64 {
        let (true, Some(before), Some(after)) = (self.is_angle, self.before, self.after) else {
            return 0.0;
        };
        let (one, two) = (before.end, after.start);
        if self.freedom == Freedom::Rigid || one.hypot2() <= 0.01 || two.hypot2() <= 0.01 {
            return 0.0;
        }
        let cos = one.dot(two) / (one.hypot2() * two.hypot2()).sqrt();
        let angle = cos.clamp(-1.0, 1.0).acos();
        let roundness = hand.roundness * (1.0 - (angle - FRAC_PI_2) / FRAC_PI_2);
        roundness.clamp(0.0, hand.roundness)
    }

    fn reach(&self, hand: Hand) -> f64 {
        if self.freedom != Freedom::Free {
            return 0.0;
        }
        let length = |measure: Option<Measure>| measure.map_or(f64::INFINITY, |it| it.length);
        let shortest = length(self.before).min(length(self.after));
        let room = (shortest - 2.0 * self.roundness(hand)) / 4.0;
        hand.reach.min(room).max(0.0)
    }

    /// How much it takes of the edge before and of the edge after, px.
    fn takes(&self, hand: Hand) -> [f64; 2] {
        let roundness = self.roundness(hand);
        [self.before, self.after]
            .map(|edge| edge.map_or(roundness, |it| roundness.min(it.length / 4.0)))
    }

    fn drawn(&self, moved: Vec2, [before, after]: [f64; 2]) -> Drawn {
        let at = self.at + moved;
        let entry = self
            .before
            .filter(|_| before > 0.0)
            .map(|it| at + it.end * before);
        let exit = self
            .after
            .filter(|_| after > 0.0)
            .map(|it| at - it.start * after);
        Drawn { moved, entry, exit }
    }
}

fn draw(subpath: &Subpath, random: &mut Random, hand: Hand, elements: &mut Vec<Element>) {
    let measures: Vec<_> = subpath
        .pieces()
        .map(|(from, it)| it.measure(from))
        .collect();
    let is_line = |at: usize| {
        subpath
            .commands
            .get(at)
            .is_some_and(|it| it.kind == CommandKind::Line)
    };
    let last = subpath.commands.len().checked_sub(1);
    let closing = last.filter(|_| subpath.ends == Ends::Closed);
    let corner = |at: usize| {
        let command = subpath.commands[at];
        let next = if closing == Some(at) { 0 } else { at + 1 };
        Corner {
            at: command.to,
            freedom: command.freedom,
            before: Some(measures[at]),
            after: measures.get(next).copied(),
            is_angle: is_line(at) && is_line(next),
        }
    };
    let first = Corner {
        at: subpath.start,
        freedom: subpath.start_freedom,
        before: None,
        after: measures.first().copied(),
        is_angle: false,
    };
    // A closed path begins where its last corner lets it go.
    let after_first = closing.map_or(0.0, |at| corner(at).takes(hand)[1]);
    let moved = displacement(random, first.reach(hand));
    let start = first.drawn(moved, [0.0, after_first]);
    elements.push(Element::Move(start.exit.unwrap_or(first.at + moved)));
    for (at, command) in subpath.commands.iter().enumerate() {
        let corner = corner(at);
        let moved = if closing == Some(at) {
            start.moved
        } else {
            displacement(random, corner.reach(hand))
        };
        let drawn = corner.drawn(moved, corner.takes(hand));
        let to = corner.at + moved;
        match (command.kind, drawn.entry, drawn.exit) {
            (CommandKind::Cubic { controls, .. }, ..) => {
                let [one, two] = controls.map(|control| control + moved);
                elements.push(Element::Cubic(one, two, to));
            }
            (CommandKind::Line, Some(entry), Some(exit)) => {
                elements.push(Element::Line(entry));
                elements.push(Element::Quad(to, exit));
            }
            (CommandKind::Line, _, exit) => elements.push(Element::Line(exit.unwrap_or(to))),
        }
    }
}

fn displacement(random: &mut Random, reach: f64) -> Vec2 {
    let [x, y, share] = std::array::from_fn(|_| random.number());
    unit(Vec2::new(x, y)) * (share.abs().sqrt() * reach)
}
