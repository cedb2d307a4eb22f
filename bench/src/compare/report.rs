//! Makes `docs/benchmarks/README.md` and its plots of what a run found.
//!
//! Knows results and notes, nothing of measuring. The one rule: every figure on the page is computed from `results.json`; what people wrote by hand
//! (why a goal was missed, what to know of a scenario) stands in `notes.toml`, so that the page can be made anew at any time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde::Deserialize;

use super::goals::{GOALS, OURS, REFERENCE, Verdict};
use super::number::{number, with_unit};
use super::plot::plot;
use super::result::{Row, Run, Scenario, Value};

/// Where what is read and written lies.
#[derive(Args, Clone)]
pub struct ReportConfig {
    /// What a comparison left.
    #[arg(long, default_value = "docs/benchmarks/results.json")]
    results: PathBuf,
    /// Where the page and its plots go; notes.toml is read there.
    #[arg(long, default_value = "docs/benchmarks")]
    into: PathBuf,
}

/// What people wrote by hand.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Notes {
    /// Why a goal was missed, by its id.
    #[serde(default)]
    goals: BTreeMap<String, String>,
    /// What to know of a scenario, by its id.
    #[serde(default)]
    scenarios: BTreeMap<String, String>,
}

/// The page and its plots.
struct Report {
    page: String,
    /// By their file names.
    plots: BTreeMap<String, String>,
    /// What whoever made it should look at.
    warnings: Vec<String>,
}

/// How each server was run, in the order of the table.
const PEERS: &[(&str, &str, &str)] = &[
    (
        OURS,
        "release build, default settings but for the limit of messages and bytes a second from one connection, which is off; journal on, echo after the commit",
        "SQLite, full sync",
    ),
    (
        "Scrible (Postgres)",
        "the same on Postgres, which has the same core as the server",
        "Postgres, fsync on",
    ),
    (
        REFERENCE,
        "tokio-tungstenite that hands every frame to all others in the room and flushes once; no CRDT, no echo. Not a product: it shows what the sockets alone cost",
        "nothing",
    ),
    (
        "hocuspocus",
        "`@hocuspocus/server` with its SQLite extension, which stores two seconds after an edit, ten at most",
        "SQLite, debounced",
    ),
    (
        "y-websocket",
        "`@y/websocket-server` as its command starts it",
        "nothing",
    ),
    (
        "y-sweet",
        "`y-sweet serve` on a folder, which it writes every ten seconds; without keys",
        "files, periodic",
    ),
    (
        "yrs-warp",
        "its broadcast group behind a small main, with a buffer of 1,024",
        "nothing",
    ),
    (
        "tldraw in Chromium",
        "the page of `examples/tldraw` in headless Chromium, joined to the room: how files are made where a server cannot draw",
        "–",
    ),
];

/// Reads results and notes, writes the page and the plots, and says what should be looked at.
pub fn report(config: &ReportConfig) -> Result<()> {
    let run = Run::read(&config.results)?;
    let notes = config.into.join("notes.toml");
    let notes: Notes = match std::fs::read_to_string(&notes) {
        Ok(text) => toml::from_str(&text).with_context(|| format!("read {}", notes.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Notes::default(),
        Err(error) => return Err(error).with_context(|| format!("read {}", notes.display())),
    };
    let made = make(&run, &notes)?;
    std::fs::create_dir_all(&config.into)?;
    // What is not plotted any more must not stay beside what is.
    for entry in std::fs::read_dir(&config.into)? {
        let path = entry?.path();
        let is_plot = path.extension().is_some_and(|extension| extension == "svg");
        let name = path.file_name().and_then(|name| name.to_str());
        if is_plot && !name.is_some_and(|name| made.plots.contains_key(name)) {
            std::fs::remove_file(&path)?;
        }
    }
    let page = ("README.md".to_owned(), made.page);
    for (name, text) in made.plots.into_iter().chain([page]) {
        let path = config.into.join(name);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    for warning in made.warnings {
        eprintln!("{warning}");
    }
    println!("{}", config.into.join("README.md").display());
    Ok(())
}

fn make(run: &Run, notes: &Notes) -> Result<Report> {
    let mut report = Report {
        page: String::new(),
        plots: BTreeMap::new(),
        warnings: Vec::new(),
    };
    head(&mut report.page, run)?;
    goals(&mut report, run, notes)?;
    method(&mut report.page, run)?;
    report.page.push_str("\n## Scenarios\n");
    for scenario in &run.scenarios {
        let picture = plot(scenario)?;
        section(&mut report.page, scenario, picture.is_some(), notes)?;
        if let Some(picture) = picture {
            report.plots.insert(file_of(scenario), picture);
        }
    }
    for id in notes.scenarios.keys() {
        if !run.scenarios.iter().any(|scenario| scenario.id == *id) {
            report
                .warnings
                .push(format!("notes.toml: there is no scenario {id} in this run"));
        }
    }
    Ok(report)
}

fn head(page: &mut String, run: &Run) -> Result<()> {
    page.push_str("# Benchmarks\n\n<!-- Made by `cargo xtask bench`; what is written by hand stands in notes.toml. -->\n\n");
    if run.quick {
        page.push_str("> ## A quick run\n>\n> Short measurements, few repeats: it shows that everything works, and its figures say little.\n\n");
    }
    writeln!(page, "Measured on {} on {}.", run.date, run.machine)?;
    Ok(())
}

fn goals(report: &mut Report, run: &Run, notes: &Notes) -> Result<()> {
    let page = &mut report.page;
    page.push_str(
        "\n## Goals\n\nRatios are of one run. What was missed stays here, with the reason.\n\n",
    );
    page.push_str("| goal | measured | at least | aim | reached |\n|---|---|---|---|---|\n");
    let mut reasons = String::new();
    for goal in GOALS {
        let judged = goal.judge(run);
        report.warnings.extend(goal.objection(run));
        let reached = match (judged.verdict, judged.aim.is_empty()) {
            (Verdict::Aim, _) if judged.least.is_empty() => "yes",
            (Verdict::Aim, _) => "yes, the aim too",
            (Verdict::Least, _) => "yes",
            (Verdict::Missed, _) => "**no**",
            (Verdict::NotMeasured, _) => "not measured",
        };
        writeln!(
            page,
            "| {} | {} | {} | {} | {reached} |",
            judged.title,
            judged.measured.as_deref().unwrap_or("–"),
            or_dash(&judged.least),
            or_dash(&judged.aim),
        )?;
        match (judged.verdict, notes.goals.get(goal.id)) {
            (Verdict::Missed, Some(reason)) => {
                writeln!(reasons, "- **{}**: {}", judged.title, one_line(reason))?;
            }
            (Verdict::Missed, None) => report.warnings.push(format!(
                "the goal {} was missed, and notes.toml does not say why",
                goal.id
            )),
            (Verdict::Aim | Verdict::Least, Some(_)) => report.warnings.push(format!(
                "the goal {} was reached, and notes.toml still says why not",
                goal.id
            )),
            _ => {}
        }
    }
    for id in notes.goals.keys() {
        if !GOALS.iter().any(|goal| goal.id == id) {
            report
                .warnings
                .push(format!("notes.toml: there is no goal {id}"));
        }
    }
    if !reasons.is_empty() {
        write!(page, "\nWhy not:\n\n{reasons}")?;
    }
    Ok(())
}

fn method(page: &mut String, run: &Run) -> Result<()> {
    let times = match run.repeats {
        1 => "once".to_owned(),
        many => format!("{many} times"),
    };
    write!(
        page,
        "\n## How it was measured\n\n\
         Everything on one machine over loopback: the server on one core (with its database, where that is a process of its own), the load generator on another. \
         Each scenario was measured {times}, the servers in turn within each repeat, so that what else the machine did hit all of them alike. Of servers that are \
         to be saturated a repeat counts only if the server or the load generator used at least 0.8 of its core. Cells show the median of the repeats that count, and the \
         lowest and the highest. Clients forge their updates, so that no CRDT of theirs is measured, and check that nothing is missing; samples are verified by \
         real Yjs clients. Each server was started anew, as its users run it, for each measurement. `cargo xtask bench` does all of it.\n\n\
         | server | version | how it ran | what it keeps |\n|---|---|---|---|\n"
    )?;
    let rows = run.scenarios.iter().flat_map(|scenario| &scenario.rows);
    let mut measured: Vec<&str> = rows.map(|row| row.peer.as_str()).collect();
    // Those that are known in the order of their table, then others.
    measured.sort_by_key(|name| {
        let place = PEERS.iter().position(|(known, ..)| known == name);
        (place.unwrap_or(PEERS.len()), *name)
    });
    measured.dedup();
    for name in measured {
        let known = PEERS.iter().find(|(known, ..)| *known == name);
        let (how, keeps) = known.map_or(("", ""), |(_, how, keeps)| (how, keeps));
        let version = run.versions.get(name).map_or("", String::as_str);
        writeln!(
            page,
            "| {} | {} | {how} | {keeps} |",
            cell(name),
            cell(version)
        )?;
    }
    Ok(())
}

fn section(page: &mut String, scenario: &Scenario, plotted: bool, notes: &Notes) -> Result<()> {
    write!(page, "\n### {}\n\n{}\n\n", scenario.title, scenario.what)?;
    if plotted {
        writeln!(page, "![{}]({})\n", scenario.title, file_of(scenario))?;
    }
    let first = scenario.figures.first();
    let base = |peer: &str| {
        let row = scenario.rows.iter().find(|row| row.peer == peer)?;
        let median = row.values.get(&first?.id)?.median;
        (median > 0.0).then_some(median)
    };
    let bases = [(OURS, base(OURS)), (REFERENCE, base(REFERENCE))];
    // With one row there is nobody to compare with.
    let bases = bases
        .into_iter()
        .filter_map(|(peer, base)| Some((peer, base?)));
    let bases: Vec<_> = bases.filter(|_| scenario.rows.len() > 1).collect();
    let annotated = scenario.rows.iter().any(|row| row.note.is_some());

    let mut columns = vec!["server".to_owned()];
    for (place, figure) in scenario.figures.iter().enumerate() {
        columns.push(figure.title.clone());
        if place == 0 {
            let of = |(peer, _): &(&str, f64)| format!("to {peer}");
            columns.extend(bases.iter().map(of));
        }
    }
    columns.push("repeats".to_owned());
    columns.extend(annotated.then(|| "notes".to_owned()));
    line(page, &columns);
    line(page, &vec!["---".to_owned(); columns.len()]);
    for row in &scenario.rows {
        let mut cells = vec![cell(&row.peer)];
        for (place, figure) in scenario.figures.iter().enumerate() {
            let value = row.values.get(&figure.id);
            cells.push(value.map_or("–".to_owned(), |value| shown(value, &figure.unit)));
            if place == 0 {
                let ratio = |(_, base): &(&str, f64)| {
                    value.map_or("–".to_owned(), |value| {
                        with_unit(value.median / base, "×")
                    })
                };
                cells.extend(bases.iter().map(ratio));
            }
        }
        cells.push(repeats(row));
        cells.extend(annotated.then(|| cell(row.note.as_deref().unwrap_or_default())));
        line(page, &cells);
    }
    if let Some(note) = notes.scenarios.get(&scenario.id) {
        write!(page, "\n{}\n", note.trim())?;
    }
    Ok(())
}

fn file_of(scenario: &Scenario) -> String {
    format!("{}.svg", scenario.id)
}

fn line(page: &mut String, cells: &[String]) {
    page.push_str("| ");
    page.push_str(&cells.join(" | "));
    page.push_str(" |\n");
}

/// The median, and how far the repeats were apart.
fn shown(value: &Value, unit: &str) -> String {
    let median = with_unit(value.median, unit);
    let [low, high] = [value.low, value.high].map(number);
    match low == high {
        true => median,
        false => format!("{median} ({low} to {high})"),
    }
}

fn repeats(row: &Row) -> String {
    match row.valid == row.repeats {
        true => row.valid.to_string(),
        false => format!("{} of {}", row.valid, row.repeats),
    }
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}

/// As it may stand in a table.
fn cell(text: &str) -> String {
    one_line(text).replace('|', "\\|")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/report");

    fn example() -> (Run, Notes) {
        let run = Run::read(&Path::new(DATA).join("results.json")).expect("the example");
        let notes = std::fs::read_to_string(Path::new(DATA).join("notes.toml"));
        let notes = toml::from_str(&notes.expect("its notes")).expect("they are TOML");
        (run, notes)
    }

    #[test]
    fn the_page_of_the_example_is_the_accepted_one() {
        let (run, notes) = example();
        let made = make(&run, &notes).unwrap();
        let accepted = Path::new(DATA).join("README.md");
        if std::env::var_os("SCRIBLE_ACCEPT").is_some() {
            std::fs::write(&accepted, &made.page).unwrap();
        }
        let accepted = std::fs::read_to_string(accepted).unwrap_or_default();
        assert!(
            made.page == accepted,
            "SCRIBLE_ACCEPT=1 takes this page:\n{}",
            made.page
        );
    }

    #[test]
    fn every_scenario_with_a_value_has_a_plot_that_the_page_shows() {
        let (run, notes) = example();
        let made = make(&run, &notes).unwrap();
        let names: Vec<_> = made.plots.keys().map(String::as_str).collect();
        assert_eq!(names, ["fan-out-1x50.svg", "open.svg"]);
        for (name, svg) in &made.plots {
            assert!(made.page.contains(&format!("]({name})")), "{name}");
            roxmltree::Document::parse(svg).expect("it is XML");
        }
        assert!(!made.page.contains("journal.svg"));
    }

    #[test]
    fn a_miss_without_a_reason_and_a_reason_without_a_miss_are_told() {
        let (run, notes) = example();
        let told = make(&run, &notes).unwrap().warnings.join("\n");
        assert!(
            told.contains("fan-out-1x50-hocuspocus was missed"),
            "{told}"
        );
        assert!(
            told.contains("fan-out-1x50-reference was reached"),
            "{told}"
        );
        assert!(told.contains("no goal no-such-goal"), "{told}");
        assert!(told.contains("no scenario no-such-scenario"), "{told}");
        assert_eq!(told.lines().count(), 4, "{told}");
    }

    #[test]
    fn a_quick_run_says_so_above_everything_else() {
        let (mut run, notes) = example();
        assert!(!make(&run, &notes).unwrap().page.contains("quick"));
        run.quick = true;
        let page = make(&run, &notes).unwrap().page;
        let said = page.find("## A quick run").expect("it says so");
        assert!(said < page.find("## Goals").expect("goals"));
    }

    #[test]
    fn reports_into_a_folder_and_takes_old_plots_away() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("gone.svg"), "<svg/>").unwrap();
        std::fs::write(folder.path().join("other.txt"), "stays").unwrap();
        let config = ReportConfig {
            results: Path::new(DATA).join("results.json"),
            into: folder.path().to_owned(),
        };
        report(&config).unwrap();
        let names = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["README.md", "fan-out-1x50.svg", "open.svg", "other.txt"]
        );
    }

    #[test]
    fn the_page_of_the_repository_is_what_its_results_make() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks");
        let run = Run::read(&page.join("results.json")).unwrap();
        let notes = std::fs::read_to_string(page.join("notes.toml")).unwrap();
        let made = make(&run, &toml::from_str(&notes).unwrap()).unwrap();
        assert_eq!(made.warnings, Vec::<String>::new());
        let remedy = "`cargo run -p scrible-bench -- report` makes it anew";
        for (name, text) in made
            .plots
            .iter()
            .chain([(&"README.md".to_owned(), &made.page)])
        {
            let there = std::fs::read_to_string(page.join(name)).unwrap();
            assert!(there == *text, "{name} is another: {remedy}");
        }
    }
}
