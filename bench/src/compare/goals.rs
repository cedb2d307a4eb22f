//! What we want to reach, each goal a line of the report's first table, judged by the results of one run.
//!
//! Knows scenarios and figures by their ids. The one rule: a goal that was not measured is told apart from one that was missed, and neither
//! is left out.

use super::number::{number, with_unit};
use super::result::{Better, Run, Scenario};

/// Our own name among the peers.
pub const OURS: &str = "Scrible";
/// The name of the server without CRDT and storage.
pub const REFERENCE: &str = "reference";
/// Lost or missing updates, whatever the scenario.
const MISSING: &str = "missing";
/// Shortest time between two cursor messages of a room, by default, in ms.
const TICK_MS: f64 = 40.0;

/// One of the lines.
pub struct Goal {
    /// By which `notes.toml` gives the reason why it was missed.
    pub id: &'static str,
    title: &'static str,
    quantity: Quantity,
    better: Better,
    least: Option<Bound>,
    aim: Option<Bound>,
}

enum Quantity {
    /// What we have of a figure, in this unit.
    Ours {
        scenario: &'static str,
        figure: &'static str,
        unit: &'static str,
    },
    /// That, divided by what a peer has.
    Ratio {
        scenario: &'static str,
        figure: &'static str,
        to: &'static str,
    },
    /// What we lost in all scenarios together.
    Missing,
}

enum Bound {
    At(f64),
    /// What the best peer has (the reference is none), and so much more.
    BestPeer {
        plus: f64,
    },
}

/// A goal after a run, in words.
#[derive(Debug, PartialEq, Eq)]
pub struct Judged {
    /// What is compared.
    pub title: &'static str,
    /// What we have.
    pub measured: Option<String>,
    /// What it should be at least.
    pub least: String,
    /// What it should become.
    pub aim: String,
    /// How it ended.
    pub verdict: Verdict,
}

/// How a goal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Reached, and the aim too.
    Aim,
    /// Reached; the aim, where there is one, is still ahead.
    Least,
    /// Missed.
    Missed,
    /// Something that it needs is not in the run.
    NotMeasured,
}

const DELIVERIES: (&str, &str) = ("fan-out-1x50", "deliveries");

/// All goals, in the order of the table.
pub const GOALS: &[Goal] = &[
    against(
        "fan-out-1x50-reference",
        "1×50 saturated: deliveries/s, of the reference's",
        REFERENCE,
        0.85,
        Some(1.1),
    ),
    against(
        "fan-out-1x50-hocuspocus",
        "1×50 saturated: deliveries/s, of hocuspocus'",
        "hocuspocus",
        3.0,
        None,
    ),
    against(
        "fan-out-1x50-y-websocket",
        "1×50 saturated: deliveries/s, of y-websocket's",
        "y-websocket",
        25.0,
        None,
    ),
    against(
        "fan-out-1x50-y-sweet",
        "1×50 saturated: deliveries/s, of y-sweet's",
        "y-sweet",
        150.0,
        None,
    ),
    Goal {
        id: "fan-out-50x4-cpu",
        title: "50×4 saturated: server CPU per delivery, of the reference's",
        quantity: Quantity::Ratio {
            scenario: "fan-out-50x4",
            figure: "cpu",
            to: REFERENCE,
        },
        better: Better::Less,
        least: Some(Bound::At(1.4)),
        aim: Some(Bound::At(1.1)),
    },
    Goal {
        id: "cursors-behind",
        title: "cursors 100 × 20/s: states that did not arrive in the end",
        quantity: Quantity::Ours {
            scenario: "cursors",
            figure: "behind",
            unit: "",
        },
        better: Better::Less,
        least: Some(Bound::At(0.0)),
        aim: None,
    },
    Goal {
        id: "cursors-p50",
        title: "cursors 100 × 20/s: p50 (at least: the best peer's and the tick; aim: the tick of 40 ms alone)",
        quantity: Quantity::Ours {
            scenario: "cursors",
            figure: "p50",
            unit: "ms",
        },
        better: Better::Less,
        least: Some(Bound::BestPeer { plus: TICK_MS }),
        aim: Some(Bound::At(TICK_MS)),
    },
    Goal {
        id: "idle-memory",
        title: "memory per idle connection",
        quantity: Quantity::Ours {
            scenario: "idle",
            figure: "memory",
            unit: "KiB",
        },
        better: Better::Less,
        least: Some(Bound::At(8.0)),
        aim: Some(Bound::At(4.0)),
    },
    Goal {
        id: "resident-ratio",
        title: "memory per byte of board, idle room",
        quantity: Quantity::Ours {
            scenario: "resident",
            figure: "ratio",
            unit: "",
        },
        better: Better::Less,
        least: Some(Bound::At(1.6)),
        aim: Some(Bound::At(1.2)),
    },
    Goal {
        id: "open-fresh",
        title: "fresh client opens a board of 5,000 records (2 MB): as fast as the best peer",
        quantity: Quantity::Ours {
            scenario: "open",
            figure: "fresh",
            unit: "ms",
        },
        better: Better::Less,
        least: Some(Bound::BestPeer { plus: 0.0 }),
        aim: None,
    },
    Goal {
        id: "open-fresh-cpu",
        title: "the same: server CPU",
        quantity: Quantity::Ours {
            scenario: "open",
            figure: "fresh-cpu",
            unit: "ms",
        },
        better: Better::Less,
        least: None,
        aim: Some(Bound::At(3.0)),
    },
    Goal {
        id: "open-growth",
        title: "20 such joins at once after 100,000 edits: memory grows by",
        quantity: Quantity::Ours {
            scenario: "open",
            figure: "growth",
            unit: "MiB",
        },
        better: Better::Less,
        least: Some(Bound::At(100.0)),
        aim: Some(Bound::At(40.0)),
    },
    Goal {
        id: "journal-rate",
        title: "committed updates, one node, SQLite with full sync, 16 rooms",
        quantity: Quantity::Ours {
            scenario: "journal",
            figure: "rooms",
            unit: "/s",
        },
        better: Better::More,
        least: Some(Bound::At(20_000.0)),
        aim: Some(Bound::At(60_000.0)),
    },
    Goal {
        id: "journal-echo",
        title: "send to committed echo: p50 at light load",
        quantity: Quantity::Ours {
            scenario: "journal",
            figure: "echo",
            unit: "ms",
        },
        better: Better::Less,
        least: Some(Bound::At(12.0)),
        aim: Some(Bound::At(6.0)),
    },
    Goal {
        id: "missing",
        title: "lost or missing, in all scenarios together",
        quantity: Quantity::Missing,
        better: Better::Less,
        least: Some(Bound::At(0.0)),
        aim: None,
    },
];

const fn against(
    id: &'static str,
    title: &'static str,
    to: &'static str,
    least: f64,
    aim: Option<f64>,
) -> Goal {
    Goal {
        id,
        title,
        quantity: Quantity::Ratio {
            scenario: DELIVERIES.0,
            figure: DELIVERIES.1,
            to,
        },
        better: Better::More,
        least: Some(Bound::At(least)),
        aim: match aim {
            Some(aim) => Some(Bound::At(aim)),
            None => None,
        },
    }
}

impl Goal {
    /// How it ended in a run.
    pub fn judge(&self, run: &Run) -> Judged {
        let measured = self.measured(run);
        let [least, aim] = [&self.least, &self.aim].map(|bound| {
            let bound = bound.as_ref()?;
            Some(self.bound(bound, run))
        });
        let meets = |bound: Option<f64>| {
            let (measured, bound) = (measured?, bound?);
            Some(match self.better {
                Better::More => measured >= bound,
                Better::Less => measured <= bound,
            })
        };
        let verdict = match (least.map(&meets), aim.map(&meets)) {
            // What must be known first is missing.
            (Some(None), _) | (None, Some(None) | None) => Verdict::NotMeasured,
            (Some(Some(false)), _) | (None, Some(Some(false))) => Verdict::Missed,
            (_, Some(Some(true))) => Verdict::Aim,
            (Some(Some(true)), _) => Verdict::Least,
        };
        let show = |bound: Option<Option<f64>>| match bound {
            None => String::new(),
            Some(None) => "the best peer was not measured".to_owned(),
            Some(Some(bound)) => self.show(bound),
        };
        Judged {
            title: self.title,
            measured: measured.map(|measured| self.show(measured)),
            least: show(least),
            aim: show(aim),
            verdict,
        }
    }

    /// What is wrong with the run where a figure has another unit than the goal, so that they cannot be compared.
    pub fn objection(&self, run: &Run) -> Option<String> {
        let Quantity::Ours {
            scenario,
            figure,
            unit,
        } = self.quantity
        else {
            return None;
        };
        let figures = &find(run, scenario)?.figures;
        let Some(found) = figures.iter().find(|one| one.id == figure) else {
            return Some(format!(
                "the goal {} needs {figure}, which {scenario} has not",
                self.id
            ));
        };
        let same = found.unit == unit;
        (!same).then(|| {
            format!(
                "the goal {} counts in {unit:?}, and {figure} in {:?}",
                self.id, found.unit
            )
        })
    }

    fn measured(&self, run: &Run) -> Option<f64> {
        match self.quantity {
            Quantity::Ours {
                scenario, figure, ..
            } => median(run, scenario, figure, OURS),
            Quantity::Ratio {
                scenario,
                figure,
                to,
            } => {
                let theirs = median(run, scenario, figure, to).filter(|theirs| *theirs > 0.0)?;
                Some(median(run, scenario, figure, OURS)? / theirs)
            }
            Quantity::Missing => {
                let ours = run.scenarios.iter().flat_map(|scenario| &scenario.rows);
                let ours = ours.filter(|row| row.peer.starts_with(OURS));
                // The worst repeat counts here.
                let missing = ours.filter_map(|row| Some(row.values.get(MISSING)?.high));
                missing.reduce(|one, other| one + other)
            }
        }
    }

    fn bound(&self, bound: &Bound, run: &Run) -> Option<f64> {
        match (bound, &self.quantity) {
            (Bound::At(value), _) => Some(*value),
            (
                Bound::BestPeer { plus },
                Quantity::Ours {
                    scenario, figure, ..
                },
            ) => {
                let rows = &find(run, scenario)?.rows;
                let peers = rows
                    .iter()
                    .filter(|row| row.peer != REFERENCE && !row.peer.starts_with(OURS));
                let values = peers.filter_map(|row| Some(row.values.get(*figure)?.median));
                let best = values.reduce(match self.better {
                    Better::More => f64::max,
                    Better::Less => f64::min,
                });
                Some(best? + plus)
            }
            (Bound::BestPeer { .. }, _) => None,
        }
    }

    fn show(&self, value: f64) -> String {
        match self.quantity {
            Quantity::Ours { unit, .. } => with_unit(value, unit),
            Quantity::Ratio { .. } => with_unit(value, "×"),
            Quantity::Missing => number(value),
        }
    }
}

fn find<'a>(run: &'a Run, scenario: &str) -> Option<&'a Scenario> {
    run.scenarios.iter().find(|one| one.id == scenario)
}

fn median(run: &Run, scenario: &str, figure: &str, peer: &str) -> Option<f64> {
    let row = find(run, scenario)?
        .rows
        .iter()
        .find(|row| row.peer == peer)?;
    Some(row.values.get(figure)?.median)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::compare::result::{Figure, Row, Value};

    /// A run with one scenario of one figure.
    fn run(id: &str, figure: &str, medians: &[(&str, f64)]) -> Run {
        let row = |(peer, median): &(&str, f64)| Row {
            peer: (*peer).to_owned(),
            valid: 1,
            repeats: 1,
            values: BTreeMap::from([(
                figure.to_owned(),
                Value::of(vec![*median]).expect("one repeat"),
            )]),
            note: None,
        };
        Run {
            date: "2026-11-22".to_owned(),
            machine: "one".to_owned(),
            quick: false,
            versions: BTreeMap::new(),
            repeats: 1,
            scenarios: vec![Scenario {
                id: id.to_owned(),
                title: id.to_owned(),
                what: String::new(),
                figures: vec![Figure {
                    id: figure.to_owned(),
                    title: figure.to_owned(),
                    unit: "ms".to_owned(),
                    better: Better::Less,
                }],
                rows: medians.iter().map(row).collect(),
            }],
        }
    }

    fn verdict(goal: &str, run: &Run) -> Verdict {
        let goal = GOALS.iter().find(|one| one.id == goal).expect("a goal");
        goal.judge(run).verdict
    }

    #[test]
    fn a_ratio_is_of_the_same_run_and_reaches_both_bounds_or_one_or_none() {
        let with = |ours| {
            run(
                "fan-out-1x50",
                "deliveries",
                &[("Scrible", ours), ("reference", 100.0)],
            )
        };
        let goal = "fan-out-1x50-reference";
        assert_eq!(verdict(goal, &with(110.0)), Verdict::Aim);
        assert_eq!(verdict(goal, &with(85.0)), Verdict::Least);
        assert_eq!(verdict(goal, &with(84.0)), Verdict::Missed);
        // Nobody to compare with.
        assert_eq!(
            verdict("fan-out-1x50-y-sweet", &with(110.0)),
            Verdict::NotMeasured
        );
    }

    #[test]
    fn the_best_peer_is_neither_the_reference_nor_ourselves() {
        let with = |ours| {
            let all = [
                ("Scrible", ours),
                ("Scrible (Postgres)", 1.0),
                ("reference", 2.0),
            ];
            run(
                "open",
                "fresh",
                &[&all[..], &[("y-sweet", 45.0), ("hocuspocus", 39.0)]].concat(),
            )
        };
        assert_eq!(verdict("open-fresh", &with(39.0)), Verdict::Least);
        assert_eq!(verdict("open-fresh", &with(39.1)), Verdict::Missed);
        let alone = run("open", "fresh", &[("Scrible", 1.0), ("reference", 2.0)]);
        assert_eq!(verdict("open-fresh", &alone), Verdict::NotMeasured);
    }

    #[test]
    fn a_goal_with_an_aim_alone_is_reached_by_it() {
        assert_eq!(
            verdict(
                "open-fresh-cpu",
                &run("open", "fresh-cpu", &[("Scrible", 3.0)])
            ),
            Verdict::Aim
        );
        assert_eq!(
            verdict(
                "open-fresh-cpu",
                &run("open", "fresh-cpu", &[("Scrible", 3.1)])
            ),
            Verdict::Missed
        );
        assert_eq!(
            verdict("open-fresh-cpu", &run("open", "fresh", &[("Scrible", 3.1)])),
            Verdict::NotMeasured
        );
    }

    #[test]
    fn what_we_lost_counts_in_every_scenario_and_what_others_lost_does_not() {
        let of = |losses: &[(&str, f64)]| verdict("missing", &run("storm", "missing", losses));
        assert_eq!(
            of(&[("Scrible", 0.0), ("yrs-warp", 7360.0)]),
            Verdict::Least
        );
        assert_eq!(
            of(&[("Scrible", 0.0), ("Scrible (Postgres)", 1.0)]),
            Verdict::Missed
        );
        assert_eq!(of(&[("yrs-warp", 7360.0)]), Verdict::NotMeasured);
    }

    #[test]
    fn a_figure_in_another_unit_or_of_another_name_is_told() {
        let goal = |id| GOALS.iter().find(|one| one.id == id).expect("a goal");
        let in_ms = run("idle", "memory", &[("Scrible", 6.0)]);
        let told = goal("idle-memory").objection(&in_ms);
        assert!(told.is_some_and(|told| told.contains("KiB")));
        let renamed = run("open", "first", &[("Scrible", 6.0)]);
        assert!(goal("open-fresh").objection(&renamed).is_some());
        let right = run("open", "fresh", &[("Scrible", 6.0)]);
        assert_eq!(goal("open-fresh").objection(&right), None);
        assert_eq!(goal("idle-memory").objection(&right), None);
    }

    #[test]
    fn ids_are_unique() {
        let mut ids: Vec<_> = GOALS.iter().map(|goal| goal.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), GOALS.len());
    }
}
