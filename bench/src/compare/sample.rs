//! Real Yjs clients look at some of the rooms that were written to.
//!
//! Does not know Yjs: a program in Node joins the rooms and counts. The rule: what it finds missing is told in the row, and so is that it
//! could not look.

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
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/verify.mjs");
const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/node_modules");
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

/// Compares some rooms with what their writers, so many in each, have sent. What was measured stands also where nobody could look.
pub fn verify(doors: &[Door], tally: &Tally, writers: usize, found: &mut Found) {
    let notes = look(doors, tally, writers)
        .unwrap_or_else(|error| vec![format!("no Yjs client has looked: {error:#}")]);
    found.notes.extend(notes);
}

/// What is wrong with some rooms.
fn look(doors: &[Door], tally: &Tally, writers: usize) -> Result<Vec<String>> {
    ensure!(Path::new(PACKAGES).exists(), "they are not installed");
    let sent: Vec<_> = tally.sent().collect();
    let rooms: Vec<_> = doors.iter().zip(sent.chunks(writers)).take(ROOMS).collect();
    let answers = ask(rooms.iter().map(|(door, _)| *door))?;
    ensure!(answers.len() == rooms.len(), "a room has no answer");
    let wrong = rooms
        .iter()
        .zip(answers)
        .filter_map(|((door, sent), answer)| {
            let room = door.url.rsplit('/').next().unwrap_or_default();
            Some(format!("a Yjs client in {room}: {}", answer.wrong(sent)?))
        });
    Ok(wrong.collect())
}

impl Answer {
    /// What is wrong with it, where writers have sent so many.
    fn wrong(&self, sent: &[(u64, u32)]) -> Option<String> {
        if let Some(error) = &self.error {
            return Some(error.clone());
        }
        let wanted: BTreeMap<_, _> = sent
            .iter()
            .filter(|(_, sent)| *sent > 0)
            .map(|(id, sent)| (id.to_string(), *sent))
            .collect();
        if self.writers == wanted && self.gaps == 0 && !self.pending {
            return None;
        }
        let count = |all: &BTreeMap<_, u32>| -> u64 { all.values().copied().map(u64::from).sum() };
        Some(format!(
            "{} of {} updates, {} gaps{}",
            count(&self.writers),
            count(&wanted),
            self.gaps,
            if self.pending { ", some waiting" } else { "" }
        ))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(answer: &str) -> Option<String> {
        let answer: Answer = serde_json::from_str(answer).unwrap();
        answer.wrong(&[(7, 2), (8, 0), (9, 1)])
    }

    #[test]
    fn what_a_client_has_is_held_against_what_was_sent() {
        let whole = r#"{"room": "a", "writers": {"7": 2, "9": 1}, "gaps": 0, "pending": false}"#;
        assert_eq!(wrong(whole), None);
        let wanted = |text: &str| Some(text.to_owned());
        let less = whole.replace("\"7\": 2", "\"7\": 1");
        assert_eq!(wrong(&less), wanted("2 of 3 updates, 0 gaps"));
        let waiting = whole.replace("false", "true");
        assert_eq!(
            wrong(&waiting),
            wanted("3 of 3 updates, 0 gaps, some waiting")
        );
        let failed = r#"{"room": "a", "error": "no answer"}"#;
        assert_eq!(wrong(failed), wanted("no answer"));
    }
}
