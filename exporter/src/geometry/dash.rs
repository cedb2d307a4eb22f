//! Dashes and dots, fitted so that they meet the corners.
//!
//! Knows lengths and outlines; no colors. The rule: a dash array is fitted to the length that the editor takes for a curve,
//! which is an estimate, not to the true one.

use scrible_board::style::Dash;

use super::outline::{CommandKind, DashEnd, Ends, Outline, Piece};
use super::path::{Element, Path};

/// What SVG calls dash array and offset, px.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DashArray {
    /// Length of a dash without its round caps.
    pub dash: f64,
    /// Length between two dashes.
    pub gap: f64,
    /// Where in the pattern the path begins.
    pub offset: f64,
}

/// The two styles that are fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// Dashes of about twice the width.
    Dashed,
    /// Dots: very short dashes with round caps.
    Dotted,
}

/// A path and the pattern along it; none is a whole line.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The path.
    pub path: Path,
    /// The pattern.
    pub dashes: Option<DashArray>,
}

/// Dashes of one run: whoever draws them draws every one. At the usual width a run of that many is a million px long.
const MOST_DASHES: f64 = 100_000.0;

impl Pattern {
    /// `None` for the styles of whole lines, and for that of none.
    pub fn of(dash: Dash) -> Option<Self> {
        match dash {
            Dash::Dashed => Some(Self::Dashed),
            Dash::Dotted => Some(Self::Dotted),
            Dash::Draw | Dash::Solid | Dash::None => None,
        }
    }

    /// Fits whole dashes to a length, px, in a stroke of a width, px.
    pub fn fit(self, length: f64, width: f64, ends: [DashEnd; 2]) -> DashArray {
        let (mut dash, spread) = match self {
            Self::Dashed => ((2.0 * width).min(length / 4.0), 1.0),
            Self::Dotted => (width / 100.0, 100.0),
        };
        let mut offset = 0.0;
        let mut length = length;
        match ends[0] {
            DashEnd::Outset => {
                length += dash / 2.0;
                offset += dash / 2.0;
            }
            DashEnd::Skip => {
                length -= dash;
                offset -= dash;
            }
            DashEnd::Flush => {}
        }
        match ends[1] {
            DashEnd::Outset => length += dash / 2.0,
            DashEnd::Skip => length -= dash,
            DashEnd::Flush => {}
        }
        let count = (length / dash / (2.0 * spread)).floor();
        let count = if count >= 1.0 {
            count.min(MOST_DASHES)
        } else {
            1.0
        };
        let gap;
        if self == Self::Dashed && count < 3.0 {
            if length / width < 4.0 {
                dash = length;
                gap = 0.0;
            } else {
                // Not a division: it differs in the last bit.
                dash = length * (1.0 / 3.0);
                gap = dash;
            }
        } else {
            dash = length / count / (2.0 * spread);
            gap = (length - count * dash) / (count - 1.0).max(1.0);
        }
        DashArray { dash, gap, offset }
    }

    /// For free-hand strokes, which have no corners to meet, of a length and a width, px. `None` when there would be too many
    /// dashes: then the line is drawn whole.
    pub fn loose(self, length: f64, width: f64) -> Option<DashArray> {
        let dash = match self {
            Self::Dashed => 2.0 * width,
            Self::Dotted => 0.1,
        };
        let gap = 2.0 * width;
        let are_few = length / (dash + gap) <= MOST_DASHES;
        are_few.then_some(DashArray {
            dash,
            gap,
            offset: 0.0,
        })
    }

    /// The runs of an outline, each with its own fit: every command is one, and so is every arc.
    pub fn runs(self, outline: &Outline, width: f64) -> Vec<Run> {
        let mut runs = Vec::new();
        for subpath in &outline.subpaths {
            let mut pieces: Vec<(Vec<Element>, f64)> = Vec::new();
            for (from, command) in subpath.pieces() {
                let length = command.measure(from).length;
                let continued = matches!(
                    command.kind,
                    CommandKind::Cubic {
                        piece: Piece::Continued,
                        ..
                    }
                );
                match pieces.last_mut() {
                    Some((elements, sum)) if continued => {
                        elements.push(command.element());
                        *sum += length;
                    }
                    _ => pieces.push((vec![Element::Move(from), command.element()], length)),
                }
            }
            let outer = match subpath.ends {
                Ends::Closed => DashEnd::Outset,
                Ends::Open => DashEnd::Flush,
            };
            let [first, last] = subpath.dash_ends.map(|end| end.unwrap_or(outer));
            let count = pieces.len();
            for (at, (elements, length)) in pieces.into_iter().enumerate() {
                let start = if at == 0 { first } else { DashEnd::Outset };
                let end = if at + 1 == count {
                    last
                } else {
                    DashEnd::Outset
                };
                let dashes = Some(self.fit(length, width, [start, end]));
                runs.extend(Path::new(elements).map(|path| Run { path, dashes }));
            }
        }
        runs
    }
}
