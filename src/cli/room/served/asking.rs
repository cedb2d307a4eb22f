//! What is asked of the person at the terminal: passwords, without showing them, and whether something is meant.
//!
//! The rule: what is typed is seen by nobody, and a terminal is left as it was found, also by whoever breaks off.

use std::io::{ErrorKind, IsTerminal, Read, Write, stderr, stdin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::{Context, Result, bail, ensure};
use signal_hook::consts::SIGINT;
use signal_hook::flag::register_conditional_default;

use crate::access::Secret;

/// Of what is read from standard input; more than any server takes as a password.
const MAX_INPUT_BYTES: u64 = 4096;

/// Where a password comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Standard input.
    Input,
    /// The terminal.
    Terminal,
    /// The terminal, where somebody sits at one who may also say that there is to be none.
    TerminalIfAny,
}

/// The password, if there is to be one.
///
/// # Errors
/// None came, or two that differ, or it was broken off.
pub fn password(source: Source) -> Result<Option<Secret>> {
    match source {
        Source::Input if !stdin().is_terminal() => input(stdin().lock()).map(Some),
        Source::TerminalIfAny if !stdin().is_terminal() => Ok(None),
        Source::TerminalIfAny => typed("Password for those who have the link (Enter for none): "),
        Source::Input | Source::Terminal => {
            ensure!(
                stdin().is_terminal(),
                "there is no terminal to ask at: give the password on standard input, with --stdin"
            );
            let remedy = match source {
                Source::Terminal => "; --remove takes one away",
                _ => "",
            };
            let password = typed("New password: ")?;
            password
                .map(Some)
                .with_context(|| format!("no password was typed{remedy}"))
        }
    }
}

/// Lets only who means it go on. `word` is what has to be typed; where there is none, `y` will do.
///
/// # Errors
/// It is not meant, or there is nobody to ask.
pub fn confirm(question: &str, word: Option<&str>) -> Result<()> {
    ensure!(
        stdin().is_terminal(),
        "there is no terminal to ask at whether that is meant: say so with --yes"
    );
    let how = match word {
        Some(_) => "type its name to go on: ",
        None => "[y/N] ",
    };
    let mut out = stderr().lock();
    write!(out, "{question} {how}")?;
    out.flush()?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    let answer = answer.trim_end_matches(['\n', '\r']);
    let is_meant = match word {
        Some(word) => answer == word,
        None => ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()),
    };
    ensure!(is_meant, "nothing was changed");
    Ok(())
}

/// One line, and nothing else.
fn input(from: impl Read) -> Result<Secret> {
    let mut text = String::new();
    let read = from.take(MAX_INPUT_BYTES + 1).read_to_string(&mut text);
    // What it says would come from the password.
    ensure!(
        read.is_ok(),
        "standard input cannot be read as a password in UTF-8"
    );
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    ensure!(!line.is_empty(), "standard input holds no password");
    let is_line = text.len() as u64 <= MAX_INPUT_BYTES && !line.contains(['\n', '\r']);
    ensure!(
        is_line,
        "standard input holds more than a password in one line"
    );
    Ok(Secret::new(line))
}

/// Twice, as nobody sees what is typed; `None` where that is nothing.
fn typed(prompt: &str) -> Result<Option<Secret>> {
    // An interrupt would end the process before the terminal shows again what is typed.
    let is_deadly = Arc::new(AtomicBool::new(false));
    register_conditional_default(SIGINT, is_deadly.clone()).context("hold back interrupts")?;
    let typed = typed_twice(prompt);
    is_deadly.store(true, Relaxed);
    typed
}

fn typed_twice(prompt: &str) -> Result<Option<Secret>> {
    let first = ask(prompt)?;
    if first.is_empty() {
        return Ok(None);
    }
    let again = ask("The same again: ")?;
    ensure!(
        first == again,
        "the two are not the same; nothing was changed"
    );
    Ok(Some(Secret::new(&first)))
}

fn ask(prompt: &str) -> Result<String> {
    match rpassword::prompt_password(prompt) {
        Ok(answer) => Ok(answer),
        Err(error) => {
            // What follows shall stand in a line of its own.
            eprintln!();
            match error.kind() {
                ErrorKind::Interrupted | ErrorKind::UnexpectedEof => {
                    bail!("broken off; nothing was changed")
                }
                _ => Err(error).context("ask for a password at the terminal"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h17_a_password_from_standard_input_is_one_line_and_stands_in_no_error() {
        for (given, wanted) in [("red paper\n", "red paper"), ("x", "x"), (" y \r\n", " y ")] {
            assert_eq!(input(given.as_bytes()).unwrap().reveal(), wanted);
        }
        let long = "planted".repeat(1000);
        for wrong in [
            &b""[..],
            b"\n",
            b"planted\nsecond\n",
            b"planted\xff",
            long.as_bytes(),
        ] {
            let told = format!("{:#}", input(wrong).unwrap_err());
            assert!(
                told.contains("password") && !told.contains("planted"),
                "{told}"
            );
        }
    }
}
