//! Which page and which of its shapes are wanted.
//!
//! Knows what people write for them. The rule: what does not exist is an error that says what does.

use scrible_board::{Board, Kind, ShapeIndex};

use crate::error::ExportError;
use crate::options::{Options, PageChoice};

/// The page and shapes to draw.
pub(super) struct Choice {
    /// Index among the board's pages.
    pub page: usize,
    /// The shapes that were asked for, in drawing order, none within another; empty for all of the page.
    roots: Vec<ShapeIndex>,
    /// Stretches of the board's shapes, sorted.
    ranges: Vec<(usize, usize)>,
}

impl Choice {
    pub fn of(board: &Board, options: &Options) -> Result<Self, ExportError> {
        let named = match &options.page {
            PageChoice::First => None,
            PageChoice::Number(number) => Some(by_number(board, *number)?),
            PageChoice::Named(name) => Some(by_name(board, name)?),
        };
        if options.shapes.is_empty() {
            if board.pages().is_empty() {
                return Err(ExportError::NoPages);
            }
            let page = named.unwrap_or(0);
            return Ok(Self {
                page,
                roots: Vec::new(),
                ranges: vec![(0, board.shapes().len())],
            });
        }
        let mut roots = Vec::new();
        for wanted in &options.shapes {
            let at = board.find(wanted);
            let at = at.or_else(|| board.find(&format!("shape:{wanted}")));
            let is_there = |at: &ShapeIndex| named.is_none_or(|page| board.shape(*at).page == page);
            roots.push(at.filter(is_there).ok_or_else(|| ExportError::NoShape {
                wanted: wanted.clone(),
                on: named.map_or_else(String::new, |page| {
                    format!(" on page {}", title(board, page))
                }),
            })?);
        }
        roots.sort_unstable();
        let page = board.shape(roots[0]).page;
        if roots.iter().any(|at| board.shape(*at).page != page) {
            return Err(ExportError::SeveralPages);
        }
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        roots.retain(|at| {
            let range = (at.get(), board.shape(*at).subtree_end.get());
            let is_outside = ranges.last().is_none_or(|last| last.1 <= range.0);
            if is_outside {
                ranges.push(range);
            }
            is_outside
        });
        Ok(Self {
            page,
            roots,
            ranges,
        })
    }

    /// Whether a shape of the page is drawn.
    pub fn holds(&self, at: ShapeIndex) -> bool {
        let next = self.ranges.partition_point(|range| range.1 <= at.get());
        self.ranges
            .get(next)
            .is_some_and(|range| range.0 <= at.get())
    }

    /// The frame, when one frame and nothing else was asked for: it is drawn without its border and name.
    pub fn only_frame(&self, board: &Board) -> Option<ShapeIndex> {
        match self.roots[..] {
            [only] => Some(only).filter(|at| matches!(board.shape(*at).kind, Kind::Frame(_))),
            _ => None,
        }
    }
}

/// A page as people know it.
pub(super) fn title(board: &Board, page: usize) -> String {
    let name = &board.pages()[page].name;
    format!("{} ({name:?})", page + 1)
}

fn by_number(board: &Board, number: usize) -> Result<usize, ExportError> {
    let page = number.checked_sub(1).filter(|at| *at < board.pages().len());
    page.ok_or_else(|| no_page(board, &number.to_string()))
}

/// Ids come before names, and of pages with one name the first counts.
fn by_name(board: &Board, wanted: &str) -> Result<usize, ExportError> {
    let pages = board.pages();
    let is_id = |id: &str| id == wanted || id.strip_prefix("page:") == Some(wanted);
    let by_id = pages.iter().position(|page| is_id(&page.id));
    let found = by_id.or_else(|| pages.iter().position(|page| page.name == wanted));
    found.ok_or_else(|| no_page(board, &format!("{wanted:?}")))
}

fn no_page(board: &Board, wanted: &str) -> ExportError {
    const SHOWN: usize = 20;
    if board.pages().is_empty() {
        return ExportError::NoPages;
    }
    let all = board.pages().len();
    let mut pages: Vec<_> = (0..all.min(SHOWN)).map(|page| title(board, page)).collect();
    if all > SHOWN {
        pages.push(format!("{} more", all - SHOWN));
    }
    ExportError::NoPage {
        wanted: wanted.to_owned(),
        pages: pages.join(", "),
    }
}
