//! Which elements of one sequence are which of another: the least that must go and come.
//!
//! Knows positions and what equals what, nothing of documents. The rule: positions rise on both sides, because nothing can
//! be moved in a Yjs sequence, and the work is bounded by a deadline, after which answers get coarser but stay right.

use std::hash::Hash;
use std::ops::Range;
use std::time::Instant;

use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

/// Pairs of candidates that are weighed against each other; where there are more, they are taken as they come.
const MAX_WEIGHED: usize = 40_000;

/// A stretch that stays, or one that something else takes the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stretch {
    /// These elements are the same, one for one.
    Same(Range<usize>, Range<usize>),
    /// Elements that go, and those that come in their place. Not both are empty.
    Other(Range<usize>, Range<usize>),
}

/// Compares two sequences. The answer covers both from beginning to end.
pub(super) fn compare<T: Hash + Eq + Ord>(
    current: &[T],
    target: &[T],
    deadline: Instant,
) -> Vec<Stretch> {
    capture_diff_slices_deadline(Algorithm::Myers, current, target, Some(deadline))
        .into_iter()
        .map(|op| match op {
            DiffOp::Equal { .. } => Stretch::Same(op.old_range(), op.new_range()),
            _ => Stretch::Other(op.old_range(), op.new_range()),
        })
        .collect()
}

/// Pairs of positions in two stretches whose elements are to be turned into each other, most alike ones first in mind.
///
/// `likeness` says how alike two elements are; None that one cannot become the other. A pair more counts as much as
/// likeness of 1.
pub(super) fn pair(
    current: Range<usize>,
    target: Range<usize>,
    mut likeness: impl FnMut(usize, usize) -> Option<u32>,
) -> Vec<(usize, usize)> {
    let (rows, columns) = (current.len(), target.len());
    if rows.saturating_mul(columns) > MAX_WEIGHED {
        return pair_in_order(current, target, likeness);
    }
    // The best sum for what is left of both from (row, column) on.
    let width = columns + 1;
    let mut best = vec![0u32; (rows + 1) * width];
    let mut pairs = vec![None; rows * columns];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            let like = likeness(current.start + row, target.start + column);
            pairs[row * columns + column] = like;
            let skipping = best[(row + 1) * width + column].max(best[row * width + column + 1]);
            let taking = like.map_or(0, |like| 1 + like + best[(row + 1) * width + column + 1]);
            best[row * width + column] = skipping.max(taking);
        }
    }
    let mut found = Vec::new();
    let (mut row, mut column) = (0, 0);
    while row < rows && column < columns {
        let here = best[row * width + column];
        let taking = pairs[row * columns + column]
            .map(|like| 1 + like + best[(row + 1) * width + column + 1]);
        if taking == Some(here) {
            found.push((current.start + row, target.start + column));
            row += 1;
            column += 1;
        } else if best[(row + 1) * width + column] == here {
            row += 1;
        } else {
            column += 1;
        }
    }
    found
}

/// Takes each element that comes with the next one that can become it.
fn pair_in_order(
    current: Range<usize>,
    target: Range<usize>,
    mut likeness: impl FnMut(usize, usize) -> Option<u32>,
) -> Vec<(usize, usize)> {
    const LOOK_AHEAD: usize = 64;
    let mut found = Vec::new();
    let mut next = current.start;
    for new in target {
        let reach = next..current.end.min(next + LOOK_AHEAD);
        if let Some(old) = reach.into_iter().find(|old| likeness(*old, new).is_some()) {
            found.push((old, new));
            next = old + 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn compared(current: &str, target: &str) -> Vec<Stretch> {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        let deadline = Instant::now() + Duration::from_secs(60);
        compare(&chars(current), &chars(target), deadline)
    }

    #[test]
    fn equal_stretches_stay() {
        assert_eq!(compared("", ""), []);
        assert_eq!(compared("abc", "abc"), [Stretch::Same(0..3, 0..3)]);
        assert_eq!(
            compared("abcd", "axd"),
            [
                Stretch::Same(0..1, 0..1),
                Stretch::Other(1..3, 1..2),
                Stretch::Same(3..4, 2..3),
            ]
        );
        assert_eq!(compared("", "a"), [Stretch::Other(0..0, 0..1)]);
    }

    #[test]
    fn a_deadline_that_has_passed_makes_it_coarse_and_not_wrong() {
        let current: Vec<u32> = (0..50_000).map(|n| n * 7 % 1_000).collect();
        let target: Vec<u32> = (0..50_000).map(|n| n * 11 % 1_000).collect();
        let stretches = compare(&current, &target, Instant::now());
        let (mut old, mut new) = (0, 0);
        for stretch in &stretches {
            let (Stretch::Same(a, b) | Stretch::Other(a, b)) = stretch;
            assert_eq!((a.start, b.start), (old, new));
            if matches!(stretch, Stretch::Same(..)) {
                assert_eq!(current[a.clone()], target[b.clone()]);
            }
            (old, new) = (a.end, b.end);
        }
        assert_eq!((old, new), (50_000, 50_000));
    }

    #[test]
    fn the_most_alike_are_paired_and_all_that_can_be() {
        // As alike as the numbers are near; a 9 can become nothing.
        let like = |a: u32, b: u32| (a != 9 && b != 9).then(|| 8u32.saturating_sub(a.abs_diff(b)));
        let paired = |current: &[u32], target: &[u32]| {
            pair(0..current.len(), 0..target.len(), |i, j| {
                like(current[i], target[j])
            })
        };
        assert_eq!(paired(&[1], &[7, 1, 6]), [(0, 1)]);
        assert_eq!(paired(&[1, 9, 5], &[5, 1]), [(0, 0), (2, 1)]);
        assert_eq!(paired(&[1, 2], &[8, 8]), [(0, 0), (1, 1)]);
        assert_eq!(paired(&[9], &[9]), []);
        assert_eq!(paired(&[], &[1]), []);
    }

    #[test]
    fn many_candidates_are_paired_as_they_come() {
        let pairs = pair(0..1_000, 10..1_010, |old, new| {
            (old % 3 == new % 3).then_some(0)
        });
        assert!(pairs.len() > 300);
        assert!(pairs.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 < w[1].1));
    }
}
