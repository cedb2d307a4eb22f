//! What a comparison found, as it is kept in `docs/benchmarks/results.json`: scenarios, their figures, and for each peer a row.
//!
//! Knows nothing of how it was measured or how it is shown. The one rule: a peer that failed or lost something has a row that says so.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// One run of the comparison, or what there is of it so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// When it began, as `2026-11-22`.
    pub date: String,
    /// Processor, cores, memory and kernel, as one line.
    pub machine: String,
    /// Whether it was a short one, which shows that all works and little else.
    pub quick: bool,
    /// What each peer calls its version, by its name.
    pub versions: BTreeMap<String, String>,
    /// How often each measurement was to be made.
    pub repeats: usize,
    /// What was measured, in the order in which it is shown.
    pub scenarios: Vec<Scenario>,
}

/// One situation that all peers were put in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Short and of lower-case letters, as in `fan-out-1x50`: names its plot.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// One sentence on what was done.
    pub what: String,
    /// Its columns; the first is plotted.
    pub figures: Vec<Figure>,
    /// The peers, in the order in which they were measured.
    pub rows: Vec<Row>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Names it among those of its scenario.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// As `/s` or `µs`; nothing where it is a count or a ratio.
    pub unit: String,
    /// Which way is good.
    pub better: Better,
}

/// Which of two values is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// The larger one.
    More,
    /// The smaller one.
    Less,
}

/// What one peer did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its name.
    pub peer: String,
    /// Repeats that count.
    pub valid: usize,
    /// Repeats that were made.
    pub repeats: usize,
    /// By the figure's id; what could not be measured is not here.
    pub values: BTreeMap<String, Value>,
    /// Why something is missing, or what was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What was found in the repeats that count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Value {
    /// The one in the middle.
    pub median: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

impl Run {
    /// What an earlier run, or an earlier part of this one, left.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        serde_json::from_slice(&bytes).with_context(|| format!("understand {}", path.display()))
    }

    /// Leaves it for the report.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
    }
}

impl Value {
    /// Of the repeats that count; `None` where there is none.
    pub fn of(mut repeats: Vec<f64>) -> Option<Self> {
        repeats.sort_unstable_by(f64::total_cmp);
        let (low, high) = (*repeats.first()?, *repeats.last()?);
        let middle = repeats.len() / 2;
        let median = match repeats.len() % 2 {
            0 => (repeats[middle - 1] + repeats[middle]) / 2.0,
            _ => repeats[middle],
        };
        Some(Self { median, low, high })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_between_the_two_in_the_middle() {
        let value = |median, low, high| Some(Value { median, low, high });
        assert_eq!(Value::of(vec![3.0, 1.0, 2.5]), value(2.5, 1.0, 3.0));
        assert_eq!(Value::of(vec![4.0, 1.0]), value(2.5, 1.0, 4.0));
        assert_eq!(Value::of(vec![]), None);
    }
}
