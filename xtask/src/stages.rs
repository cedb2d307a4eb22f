//! The stages of a test run, in order, each with a heading and its time; after a failure the rest is not run.
//!
//! The one rule: whatever happens, the summary says what passed, what failed and what did not run.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::command::Run;
use crate::postgres::{self, Postgres, Purpose};
use crate::{Part, packages, s3, tools};

/// The folders of the repository.
pub struct Workspace {
    root: PathBuf,
    interop: PathBuf,
    browser: PathBuf,
    deploy: PathBuf,
    api: PathBuf,
    /// The pages with stock editors.
    examples: [PathBuf; 4],
    /// The canvas that the server hands out.
    canvas: PathBuf,
    /// The server binary as `cargo build` leaves it.
    binary: PathBuf,
    /// Where `cargo build --release` leaves programs.
    release: PathBuf,
}

impl Workspace {
    /// The repository that this program was built from.
    pub fn here() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("xtask/ lies in the repository")
            .to_owned();
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
        Self {
            interop: root.join("tests/interop"),
            browser: root.join("tests/browser"),
            deploy: root.join("tests/deploy"),
            api: root.join("tests/api"),
            examples: ["tldraw", "excalidraw", "tiptap", "codemirror"]
                .map(|name| root.join("examples").join(name)),
            canvas: root.join("web/try"),
            binary: root.join(&target).join("debug/scrible"),
            release: root.join(&target).join("release"),
            root,
        }
    }

    /// The repository.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A program as `cargo build --release` leaves it.
    pub fn release(&self, program: &str) -> PathBuf {
        self.release.join(program)
    }

    /// Runs cargo.
    pub fn cargo(&self, arguments: &[&str]) -> Result<()> {
        Run::cargo(&self.root).args(arguments).run()
    }

    /// npm in the folder of the client tests, with all that these need to know.
    fn interop_npm(&self, python: &Path) -> Run<'_> {
        Run::new("npm", &self.interop)
            .env("SCRIBLE_BIN", &self.binary)
            .env("NGINX", tools::nginx())
            .env("PYTHON", python)
    }
}

/// Runs every stage that a selected part needs.
pub fn test(workspace: &Workspace, selected: impl Fn(Part) -> bool) -> Result<()> {
    let parts = [
        Part::Rust,
        Part::Interop,
        Part::Api,
        Part::Deploy,
        Part::Browser,
    ];
    let [rust, interop, api, deploy, browser] = parts.map(&selected);
    let at = workspace;
    let mut report = Report::default();
    report.stage("tools", rust || interop || api || deploy || browser, || {
        tools::prepare(&at.root, &selected)
    });
    report.stage("formatting", rust, || {
        at.cargo(&["fmt", "--all", "--check"])
    });
    report.stage("clippy", rust, || {
        at.cargo(&[
            "clippy",
            "--locked",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ])
    });
    let mut server = None;
    report.stage(
        "Postgres",
        (rust || interop || deploy) && !postgres::is_given(),
        || {
            server = Some(Postgres::start(&at.root, Purpose::Tests)?);
            Ok(())
        },
    );
    let mut objects = None;
    report.stage("S3 server", rust && !s3::is_given(), || {
        objects = Some(s3::install(&at.root)?);
        Ok(())
    });
    report.stage("Rust tests", rust, || {
        let tests = Run::cargo(&at.root).args(["test", "--locked", "--workspace"]);
        let tests = match &objects {
            Some(program) => tests.env(s3::PROGRAM, program),
            None => tests,
        };
        with(&server, tests).run()
    });
    // The Rust tests leave one, with the places at which they can end the process: to build it without these would take all of tokio's
    // users anew.
    let asks = interop || api || deploy || browser;
    report.stage("server binary", asks && !rust, || {
        at.cargo(&["build", "--locked"])
    });
    report.stage("client packages", interop || deploy, || {
        packages::npm(&at.interop)?;
        packages::python(&at.interop).map(drop)
    });
    report.stage("clients", interop, || {
        let npm = at.interop_npm(&packages::python(&at.interop)?);
        with(&server, npm.args(["test"])).run()
    });
    report.stage("REST as documented", api, || {
        let python = packages::python(&at.api)?;
        let tests = Run::new(python, &at.api).env("SCRIBLE_BIN", &at.binary);
        tests.args(["schema.py"]).run()
    });
    report.stage("deployment files", deploy, || {
        let python = packages::python(&at.deploy)?;
        let tests = Run::new(python, &at.deploy).env("SCRIBLE_BIN", &at.binary);
        tests.args(["files.py"]).run()
    });
    report.stage("nodes behind nginx", deploy, || {
        let npm = at.interop_npm(&packages::python(&at.interop)?);
        with(&server, npm.args(["run", "deploy"])).run()
    });
    drop(server);
    report.stage("canvas", browser, || {
        packages::npm(&at.canvas)?;
        Run::new("npm", &at.canvas).args(["run", "check"]).run()
    });
    report.stage("examples", browser, || {
        at.examples.iter().try_for_each(|example| {
            packages::npm(example)?;
            Run::new("npm", example).args(["run", "build"]).run()
        })
    });
    report.stage("browser", browser, || {
        packages::npm(&at.browser)?;
        let npm = Run::new("npm", &at.browser)
            .env("SCRIBLE_BIN", &at.binary)
            .env("CHROME", tools::chrome());
        npm.args(["test"]).run()
    });
    report.finish()
}

/// Tells a program where the server of the tests is; one that was given already is known to it.
fn with<'a>(server: &Option<Postgres>, program: Run<'a>) -> Run<'a> {
    match server {
        Some(server) => program.env(postgres::URL, server.url()),
        None => program,
    }
}

/// Which part's tools a client test needs.
fn part_of(test: &str) -> Part {
    match test {
        "rolling" => Part::Deploy,
        _ => Part::Interop,
    }
}

/// Runs one of the client tests (a script of its npm package) as widely as the settings say.
pub fn clients(workspace: &Workspace, test: &'static str, settings: &[(&str, u32)]) -> Result<()> {
    let at = workspace;
    let mut report = Report::default();
    report.stage("tools", true, || {
        tools::prepare(&at.root, |part| part == part_of(test))
    });
    let mut server = None;
    report.stage("Postgres", !postgres::is_given(), || {
        server = Some(Postgres::start(&at.root, Purpose::Tests)?);
        Ok(())
    });
    report.stage("server binary", true, || at.cargo(&["build", "--locked"]));
    report.stage("client packages", true, || packages::npm(&at.interop));
    report.stage(test, true, || {
        let npm = at.interop_npm(&packages::python(&at.interop)?);
        let npm = with(&server, npm);
        let npm = settings
            .iter()
            .fold(npm, |npm, (name, value)| npm.env(name, value.to_string()));
        npm.args(["run", test]).run()
    });
    report.finish()
}

/// Feeds mutants to everything in the wire crate, and a sample of what it took to Yjs. What failed is left in `target/fuzz`.
pub fn fuzz(workspace: &Workspace, mutants: u32, seed: u64) -> Result<()> {
    let at = workspace;
    let out = at.root.join("target/fuzz");
    let judge = at.root.join("crates/wire/tests/gen");
    let [for_yjs, states] = ["for-yjs.bin", "states.bin"].map(|name| out.join(name));
    let test = || {
        Run::cargo(&at.root)
            .args(["test", "--locked", "--release", "--package", "scrible-wire"])
            .args(["--test", "fuzz", "--", "--nocapture"])
    };
    let mut report = Report::default();
    report.stage("tools", true, || {
        std::fs::create_dir_all(&out)?;
        tools::prepare(&at.root, |part| part == Part::Interop)?;
        packages::npm(&judge)
    });
    report.stage("mutants", true, || {
        let run = test()
            .env("SCRIBLE_MUTANTS", mutants.to_string())
            .env("SCRIBLE_SEED", seed.to_string())
            .env("SCRIBLE_FUZZ_OUT", &out);
        // A process that aborts cannot say where; this file does, and is gone after a run to the end.
        run.run().with_context(|| {
            let place = std::fs::read_to_string(out.join("at")).unwrap_or_default();
            format!("{}; see {}", place.trim(), out.display())
        })
    });
    report.stage("Yjs", true, || {
        let run = Run::new("node", &judge).args(["gen.mjs", "--mutated"]);
        run.args([&for_yjs])
            .args(["--states"])
            .args([&states])
            .run()
    });
    report.stage("the gate on what Yjs writes", true, || {
        test().env("SCRIBLE_FUZZ_STATES", &states).run()
    });
    report.finish()
}

/// What became of each stage.
#[derive(Default)]
pub struct Report {
    stages: Vec<(&'static str, Outcome)>,
    failure: Option<anyhow::Error>,
}

enum Outcome {
    Passed(Duration),
    Failed(Duration),
    NotRun,
}

impl Report {
    /// Runs a stage, unless nobody wants it or one before it failed.
    pub fn stage(&mut self, title: &'static str, wanted: bool, run: impl FnOnce() -> Result<()>) {
        if !wanted {
            return;
        }
        if self.failure.is_some() {
            self.stages.push((title, Outcome::NotRun));
            return;
        }
        println!("\n== {title}");
        let start = Instant::now();
        let outcome = match run() {
            Ok(()) => Outcome::Passed(start.elapsed()),
            Err(error) => {
                self.failure = Some(error.context(title));
                Outcome::Failed(start.elapsed())
            }
        };
        self.stages.push((title, outcome));
    }

    /// Prints the summary; the failure, if there was one, is the answer.
    pub fn finish(self) -> Result<()> {
        println!("\n== summary\n{}", self.summary());
        match self.failure {
            Some(failure) => Err(failure),
            None if self.stages.is_empty() => bail!("nothing was run"),
            None => Ok(()),
        }
    }

    fn summary(&self) -> String {
        let line = |(title, outcome): &(&str, Outcome)| match outcome {
            Outcome::Passed(time) => format!("passed   {:>6.1} s  {title}\n", time.as_secs_f64()),
            Outcome::Failed(time) => format!("FAILED   {:>6.1} s  {title}\n", time.as_secs_f64()),
            Outcome::NotRun => format!("not run           {title}\n"),
        };
        self.stages.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_ends_the_run_and_the_summary_says_what_is_left() {
        let mut report = Report::default();
        report.stage("one", true, || Ok(()));
        report.stage("unwanted", false, || unreachable!("nobody wants it"));
        report.stage("two", true, || bail!("broken"));
        report.stage("three", true, || unreachable!("two failed"));
        let summary = report.summary();
        let lines: Vec<Vec<_>> = summary
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(lines[0][0], "passed");
        assert_eq!(lines[1][0], "FAILED");
        assert_eq!(lines[2], ["not", "run", "three"]);
        assert_eq!(lines.len(), 3);
        assert_eq!(format!("{:#}", report.finish().unwrap_err()), "two: broken");
    }
}
