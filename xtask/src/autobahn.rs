//! `cargo xtask autobahn`: the fuzzing client of Autobahn|Testsuite against `examples/echo.rs`, which has the server's sockets.
//!
//! Knows how to run it and to read its report. The suite runs on Python 2.7 alone, which is not installed here but named when it is missing.
//! The one rule: a case that is neither passed nor known to be looser than the suite would like fails the run.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::json;

use crate::command::{Run, read};
use crate::packages;

/// Names the interpreter.
const PYTHON: &str = "PYTHON2";
/// Where it may be otherwise, below the home folder.
const PYENV: &str = ".pyenv/versions/2.7.18/bin/python";
/// How the suite calls the program under test.
const AGENT: &str = "scrible";

/// Runs the suite from a folder that may hold namespace packages, which PYTHONPATH does not find.
const START: &str = "import site, sys; site.addsitedir(sys.argv.pop(1)); from autobahntestsuite.wstest import run; run()";

/// One case in the report.
#[derive(Deserialize)]
struct Case {
    behavior: String,
    #[serde(rename = "behaviorClose")]
    close: String,
}

/// Runs all cases but those of compression, which is not negotiated; `cases` chooses among them.
pub fn run(root: &Path, cases: &str) -> Result<()> {
    let python = python(root)?;
    let folder = root.join("target/autobahn");
    let site = packages::python2(&root.join("tests/autobahn"), &folder.join("site"), &python)?;
    Run::cargo(root)
        .args(["build", "--locked", "--example", "echo"])
        .run()?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let echo = Echo::start(&root.join(target).join("debug/examples/echo"))?;
    let spec = json!({
        "outdir": folder.join("report"),
        "servers": [{ "agent": AGENT, "url": echo.url }],
        "cases": cases.split(',').collect::<Vec<_>>(),
        "exclude-cases": ["12.*", "13.*"],
        "exclude-agent-cases": {},
    });
    let spec_file = folder.join("spec.json");
    std::fs::write(&spec_file, spec.to_string())
        .with_context(|| format!("write {}", spec_file.display()))?;
    Run::new(&python, root)
        .args(["-c", START])
        .args([&site])
        .args(["-m", "fuzzingclient", "-s"])
        .args([&spec_file])
        .run()?;
    let report = folder.join("report/index.json");
    let agents: BTreeMap<String, BTreeMap<String, Case>> =
        serde_json::from_slice(&read(&report)?).context("read the report")?;
    let cases = agents.get(AGENT).context("nothing was tested")?;
    judge(cases)?;
    println!(
        "The report is in {}",
        folder.join("report/index.html").display()
    );
    Ok(())
}

fn judge(cases: &BTreeMap<String, Case>) -> Result<()> {
    let mut counts = BTreeMap::new();
    let mut failed = Vec::new();
    for (name, Case { behavior, close }) in cases {
        *counts.entry(behavior).or_insert(0) += 1;
        let passed = ["OK", "NON-STRICT", "INFORMATIONAL"].contains(&&**behavior);
        let closed = ["OK", "INFORMATIONAL"].contains(&&**close);
        if !passed || !closed {
            failed.push(format!("{name} ({behavior}, closed: {close})"));
        } else if behavior == "NON-STRICT" {
            println!("not strict: {name}");
        }
    }
    let counts: Vec<_> = counts
        .iter()
        .map(|(behavior, many)| format!("{many} {behavior}"))
        .collect();
    println!("{} cases: {}", cases.len(), counts.join(", "));
    if cases.is_empty() || !failed.is_empty() {
        bail!("these cases failed: {}", failed.join("; "));
    }
    Ok(())
}

fn python(root: &Path) -> Result<PathBuf> {
    let named = std::env::var_os(PYTHON).map(PathBuf::from);
    let pyenv = std::env::home_dir().map(|home| home.join(PYENV));
    let places = [named, pyenv, Some("python2.7".into())];
    places
        .into_iter()
        .flatten()
        .find(|python| {
            let found = Run::new(python, root).args(["-c", "import sys; print(sys.version)"]);
            found
                .try_output()
                .is_some_and(|version| version.starts_with("2.7."))
        })
        .with_context(|| {
            format!(
                "Python 2.7 is not installed, on which alone the suite runs: install it with `pyenv install 2.7.18`, or name one in {PYTHON}"
            )
        })
}

/// The echo server; dropping it ends it.
struct Echo {
    process: Child,
    url: String,
}

impl Echo {
    fn start(binary: &Path) -> Result<Self> {
        let mut process = Command::new(binary)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {}", binary.display()))?;
        let output = process.stdout.take().context("the echo server is mute")?;
        let mut url = String::new();
        BufReader::new(output).read_line(&mut url)?;
        let url = url.trim().to_owned();
        Ok(Self { process, url })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // It may have ended by itself, and then the report shows it.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(behavior: &str, close: &str) -> Case {
        Case {
            behavior: behavior.to_owned(),
            close: close.to_owned(),
        }
    }

    #[test]
    fn a_case_that_fails_in_either_way_is_named_and_a_loose_one_is_not_a_failure() {
        let mut cases = BTreeMap::from([
            ("1.1.1".to_owned(), case("OK", "OK")),
            ("6.4.3".to_owned(), case("NON-STRICT", "OK")),
            ("7.1.6".to_owned(), case("INFORMATIONAL", "INFORMATIONAL")),
        ]);
        judge(&cases).unwrap();
        cases.insert("2.9".to_owned(), case("FAILED", "OK"));
        cases.insert("3.1".to_owned(), case("OK", "WRONG CODE"));
        let error = judge(&cases).unwrap_err().to_string();
        assert_eq!(
            error,
            "these cases failed: 2.9 (FAILED, closed: OK); 3.1 (OK, closed: WRONG CODE)"
        );
        assert!(judge(&BTreeMap::new()).is_err());
    }
}
