//! Real Yjs clients look at some of the rooms that were written to.
//!
//! Does not know Yjs: a program in Node joins the rooms and counts. The rule: what it finds missing is told in the row, and where it cannot
//! run, nothing is said to have been verified.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::measured::Found;
use crate::load::Tally;
use crate::peers::{Dialect, Door};

/// Where the program is, and what it needs.
const PROGRAM: &str = "bench/peers/verify.mjs";
const PACKAGES: &str = "bench/peers/node_modules";
/// Rooms that are looked at.
const ROOMS: usize = 3;

#[derive(Serialize)]
struct Asked<'a> {
    url: &'a str,
    room: &'a str,
    kind: &'static str,
}

/// What a real client has in its hands.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    writers: BTreeMap<String, u32>,
    #[serde(default)]
    gaps: u32,
    #[serde(default)]
    pending: bool,
    error: Option<String>,
}

/// Compares some rooms with what their writers, so many in each, have sent.
pub fn verify(doors: &[Door], tally: &Tally, writers: usize, found: &mut Found) -> Result<()> {
    if !Path::new(PACKAGES).exists() {
        return Ok(());
    }
    let sent: Vec<_> = tally.sent().collect();
    let rooms: Vec<_> = doors.iter().zip(sent.chunks(writers)).take(ROOMS).collect();
    let answers = ask(rooms.iter().map(|(door, _)| *door))?;
    ensure!(answers.len() == rooms.len(), "a room was not verified");
    for ((door, sent), answer) in rooms.iter().zip(answers) {
        let wanted: BTreeMap<_, _> = sent
            .iter()
            .filter(|(_, sent)| *sent > 0)
            .map(|(id, sent)| (id.to_string(), *sent))
            .collect();
        let room = door.url.rsplit('/').next().unwrap_or_default();
        if let Some(error) = answer.error {
            found.notes.push(format!("a Yjs client in {room}: {error}"));
        } else if answer.writers != wanted || answer.gaps > 0 || answer.pending {
            let count =
                |all: &BTreeMap<_, u32>| all.values().map(|one| u64::from(*one)).sum::<u64>();
            found.notes.push(format!(
                "a Yjs client in {room} has {} of {} updates, {} gaps{}",
                count(&answer.writers),
                count(&wanted),
                answer.gaps,
                if answer.pending { ", some waiting" } else { "" }
            ));
        }
    }
    Ok(())
}

fn ask<'a>(doors: impl Iterator<Item = &'a Door>) -> Result<Vec<Answer>> {
    let mut child = Command::new("node")
        .arg(PROGRAM)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {PROGRAM}"))?;
    let mut questions = child.stdin.take().context("its input")?;
    for door in doors {
        let (room, kind) = match &door.dialect {
            Dialect::Plain => ("", "plain"),
            Dialect::Named(name) => (name.as_str(), "named"),
        };
        let asked = Asked {
            url: &door.url,
            room,
            kind,
        };
        writeln!(questions, "{}", serde_json::to_string(&asked)?)?;
    }
    drop(questions);
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{PROGRAM} failed");
    let lines = String::from_utf8(output.stdout)?;
    let answers = lines.lines().map(serde_json::from_str);
    answers
        .collect::<Result<_, _>>()
        .context("understand what was verified")
}
