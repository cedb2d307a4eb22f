//! What is planned, what one repeat found, and how repeats become a row.
//!
//! Does not know situations or servers. The one rule: what is lost is told from every repeat, also from those that do not count.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::BUSY;
use super::result::{Better, Figure, Row, Scenario, Value};
use crate::load::own_seconds;
use crate::peers::{Peer, Running};

/// The figure whose values are taken from all repeats.
pub const MISSING: &str = "missing";
/// More of an error does not fit into a table.
const NOTE_CHARS: usize = 240;
/// After so many failures a peer is not tried again.
const FAILURES: usize = 2;

/// What will be measured.
pub struct Plan {
    /// Names it.
    pub id: &'static str,
    /// Its heading.
    pub title: String,
    /// One sentence on what is done.
    pub what: String,
    /// Its columns.
    pub figures: Vec<Figure>,
    /// Whether a processor is to be filled.
    pub fills: bool,
    /// Once is enough where nothing depends on chance.
    pub once: bool,
    /// For one measurement.
    pub limit: Duration,
}

/// What one measurement is made under.
pub struct Conditions {
    /// Who is measured.
    pub peer: Peer,
    /// Whether it is a short one.
    pub quick: bool,
    /// When it fails.
    pub until: Instant,
}

/// What one measurement found.
#[derive(Debug, Default)]
pub struct Found {
    /// By the figure's id.
    pub values: BTreeMap<&'static str, f64>,
    /// What has to be said beside them.
    pub notes: Vec<String>,
    /// Where it matters how busy both were.
    pub spent: Option<Spent>,
}

/// What both sides have taken of their processors.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    /// How long.
    pub seconds: f64,
    /// Of which the server was busy for.
    pub server: f64,
    /// Of which the load generator was busy for.
    pub load: f64,
}

/// Measures what both sides take.
pub struct Meter {
    began: Instant,
    server: f64,
    load: f64,
}

/// What the repeats of one peer found so far.
pub struct Gathered {
    peer: Peer,
    repeats: Vec<Result<Found>>,
}

impl Plan {
    /// How often it is measured where others are so often.
    pub fn repeats(&self, usual: usize) -> usize {
        if self.once { usual.min(1) } else { usual }
    }

    /// With what was found.
    pub fn with_rows(self, rows: Vec<Gathered>) -> Scenario {
        let rows = rows.into_iter().map(|row| row.finish(&self)).collect();
        Scenario {
            id: self.id.to_owned(),
            title: self.title,
            what: self.what,
            figures: self.figures,
            rows,
        }
    }
}

/// A column.
pub fn figure(id: &str, title: &str, unit: &str, better: Better) -> Figure {
    Figure {
        id: id.to_owned(),
        title: title.to_owned(),
        unit: unit.to_owned(),
        better,
    }
}

impl Conditions {
    /// The first, or the second where it is a short one.
    pub fn either<T>(&self, whole: T, quick: T) -> T {
        if self.quick { quick } else { whole }
    }
}

impl Found {
    /// Notes a value.
    pub fn set(&mut self, figure: &'static str, value: f64) {
        self.values.insert(figure, value);
    }

    /// Notes a value, if there is one.
    pub fn set_some(&mut self, figure: &'static str, value: Option<f64>) {
        self.values.extend(value.map(|value| (figure, value)));
    }

    /// Whether a processor was full.
    fn filled(&self) -> bool {
        let share = |spent: &Spent| spent.server.max(spent.load) / spent.seconds;
        self.spent.is_none_or(|spent| share(&spent) >= BUSY)
    }
}

impl Meter {
    /// From now on.
    pub fn start(running: &Running) -> Result<Self> {
        let server = running.taken()?.seconds;
        Ok(Self {
            began: Instant::now(),
            server,
            load: own_seconds(),
        })
    }

    /// Until now.
    pub fn stop(&self, running: &Running) -> Result<Spent> {
        let (seconds, load) = (self.began.elapsed().as_secs_f64(), own_seconds());
        Ok(Spent {
            seconds,
            server: running.taken()?.seconds - self.server,
            load: load - self.load,
        })
    }
}

impl Gathered {
    /// Nothing yet.
    pub fn new(peer: Peer) -> Self {
        Self {
            peer,
            repeats: Vec::new(),
        }
    }

    /// Whose.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// One more repeat.
    pub fn add(&mut self, found: Result<Found>) {
        if let Err(error) = &found {
            eprintln!("  {}: {error:#}", self.peer.name());
        }
        self.repeats.push(found);
    }

    /// Whether it has failed so often that it would again.
    pub fn given_up(&self) -> bool {
        self.repeats.iter().filter(|found| found.is_err()).count() >= FAILURES
    }

    fn finish(self, plan: &Plan) -> Row {
        let made = self.repeats.len();
        let mut notes: Vec<String> = Vec::new();
        let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        let mut valid = 0;
        for found in &self.repeats {
            let found = match found {
                Ok(found) => found,
                Err(error) => {
                    notes.push(shortened(&format!("failed: {error:#}")));
                    continue;
                }
            };
            let counts = !plan.fills || found.filled();
            valid += usize::from(counts);
            if !counts && let Some(spent) = found.spent {
                notes.push(format!(
                    "a repeat does not count: the server used {:.2} of its processor, the load generator {:.2}",
                    spent.server / spent.seconds,
                    spent.load / spent.seconds
                ));
            }
            notes.extend(found.notes.iter().map(|note| shortened(note)));
            for (figure, value) in &found.values {
                if counts || *figure == MISSING {
                    values.entry(figure).or_default().push(*value);
                }
            }
        }
        let mut said = std::collections::BTreeSet::new();
        notes.retain(|note| said.insert(note.clone()));
        Row {
            peer: self.peer.name().to_owned(),
            valid,
            repeats: made,
            values: values
                .into_iter()
                .filter_map(|(figure, values)| Some((figure.to_owned(), Value::of(values)?)))
                .collect(),
            note: (!notes.is_empty()).then(|| notes.join("; ")),
        }
    }
}

/// The first line, and not too much of that.
fn shortened(text: &str) -> String {
    let line = text
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches(':');
    match line.char_indices().nth(NOTE_CHARS) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    fn plan(fills: bool) -> Plan {
        Plan {
            id: "some",
            title: "Some".into(),
            what: "Something.".into(),
            figures: vec![figure("rate", "Rate", "/s", Better::More)],
            fills,
            once: false,
            limit: Duration::from_secs(1),
        }
    }

    fn found(rate: f64, missing: f64, server: f64) -> Result<Found> {
        let mut found = Found {
            spent: Some(Spent {
                seconds: 2.0,
                server: server * 2.0,
                load: 0.2,
            }),
            ..Found::default()
        };
        found.set("rate", rate);
        found.set_some(MISSING, Some(missing));
        found.set_some("other", None);
        Ok(found)
    }

    #[test]
    fn a_repeat_counts_where_somebody_was_busy_but_what_it_lost_always_does() {
        let mut row = Gathered::new(Peer::Scrible);
        row.add(found(10.0, 0.0, 0.9));
        row.add(found(99.0, 7.0, 0.5));
        row.add(found(20.0, 0.0, 0.8));
        let row = row.finish(&plan(true));
        assert_eq!((row.valid, row.repeats), (2, 3));
        assert_eq!(row.values["rate"].high, 20.0);
        assert_eq!(row.values["missing"].high, 7.0);
        assert!(row.note.unwrap().contains("0.50 of its processor"));
    }

    #[test]
    fn where_nothing_is_to_be_filled_every_repeat_counts() {
        let mut row = Gathered::new(Peer::Scrible);
        row.add(found(99.0, 0.0, 0.5));
        let row = row.finish(&plan(false));
        assert_eq!((row.valid, row.note), (1, None));
    }

    #[test]
    fn who_fails_has_a_row_with_the_reason_and_is_tried_twice() {
        let mut row = Gathered::new(Peer::Reference);
        row.add(Err(anyhow!("it is\nlong")));
        assert!(!row.given_up());
        row.add(Err(anyhow!("it is\nlong")));
        assert!(row.given_up());
        let row = row.finish(&plan(false));
        assert_eq!((row.valid, row.repeats), (0, 2));
        assert_eq!(row.note.as_deref(), Some("failed: it is"));
        assert!(row.values.is_empty());
        assert!(shortened(&"é".repeat(1000)).chars().count() == NOTE_CHARS + 1);
    }
}
