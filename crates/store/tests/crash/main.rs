//! A process that writes is killed in the middle, again and again, on one file.
//!
//! Started without arguments this is the test: it starts itself as the child, kills it with SIGKILL after a random
//! number of lines, opens the file and looks at what is there. The seed is printed; `CRASH_SEED=n` runs one again.

mod appending;
mod compacting;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use scrible_store::{Incarnation, SqliteOptions};

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let arguments: Vec<String> = std::env::args().collect();
    match &arguments[1..] {
        [child, file, round] if child == "append" || child == "checkpoint" => {
            let round = round.parse().expect("a round");
            let mut options = SqliteOptions::default();
            if child == "checkpoint" {
                options.checkpoint_pages = 1;
            }
            runtime.block_on(appending::append_for_ever(file, round, options));
        }
        [child, file, _] if child == "compact" => {
            runtime.block_on(compacting::compact_for_ever(file));
        }
        _ => {
            let seed = std::env::var("CRASH_SEED")
                .ok()
                .and_then(|s| s.parse().ok());
            let seed: u64 = seed.unwrap_or_else(|| Incarnation::random().0 as u64);
            println!("crash: CRASH_SEED={seed}");
            let mut chance = Chance(seed | 1);
            runtime.block_on(appending::kill_again_and_again(&mut chance));
            runtime.block_on(appending::kill_inside_of_checkpoints(&mut chance));
            runtime.block_on(compacting::kill_again_and_again(&mut chance));
        }
    }
}

/// Numbers that follow from the seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// One write call a line, so that a kill leaves a torn line only at the very end.
fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())
        .expect("the parent listens");
    out.flush().expect("the parent listens");
}

/// How long a child may take to come where it shall be killed.
const PATIENCE: Duration = Duration::from_secs(1);

/// Everything the child said before it died.
fn run_and_kill(what: &str, file: &str, round: u64, after_lines: u64) -> Vec<String> {
    run_and_kill_where(what, file, round, after_lines, || true)
}

/// As [`run_and_kill`], but after so many lines it goes on until it is somewhere, as seen from outside.
fn run_and_kill_where(
    what: &str,
    file: &str,
    round: u64,
    after_lines: u64,
    is_there: impl Fn() -> bool,
) -> Vec<String> {
    let program = std::env::current_exe().expect("our own path");
    let mut child = Command::new(program)
        .args([what, file, &round.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    let mut lines = Vec::new();
    let mut line = String::new();
    // To the end of the pipe: what was said before the kill counts.
    while out.read_line(&mut line).expect("text") > 0 {
        if !line.ends_with('\n') {
            break;
        }
        lines.push(std::mem::take(&mut line).trim_end().to_owned());
        if lines.len() as u64 == after_lines + 1 {
            let began = Instant::now();
            while !is_there() && began.elapsed() < PATIENCE {}
            child.kill().expect("the child is killed");
        }
    }
    let status = child.wait().expect("the child ends");
    assert!(
        status.code().is_none(),
        "the child ended by itself: {status}"
    );
    lines
}
