//! Processor time and memory of a process and all that it has started: a database, a proxy. Linux' `/proc` only.
//!
//! The one rule: a child that has ended counts on, by what its parent has been told of it.

use std::collections::HashMap;

use anyhow::{Context, Result};

/// A program of several processes under a name of its own.
#[derive(Debug, Clone)]
pub struct Program {
    /// As it is shown.
    pub name: String,
    /// Its first process.
    pub pid: u32,
}

/// What a program has taken so far, and takes now.
#[derive(Debug, Clone, Copy, Default)]
pub struct Taken {
    /// Of a processor, in seconds.
    pub seconds: f64,
    /// Memory of its own, in MiB: what processes share counts once for them together.
    pub mib: f64,
}

impl std::str::FromStr for Program {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, pid) = text.split_once('=').ok_or("want NAME=PID")?;
        let pid = pid.parse().map_err(|_| "want NAME=PID, the id a number")?;
        Ok(Self {
            name: name.to_owned(),
            pid,
        })
    }
}

impl Program {
    /// What it has taken.
    pub fn taken(&self) -> Result<Taken> {
        let mut taken = Taken::default();
        for one in self.processes()?.into_iter().filter_map(one) {
            taken.seconds += one.seconds;
            taken.mib += one.mib;
        }
        Ok(taken)
    }

    /// Its first process and all below it.
    pub fn processes(&self) -> Result<Vec<u32>> {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for entry in std::fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if let Some(fields) = stat(pid) {
                let parent = fields.get(1).and_then(|field| field.parse().ok());
                children.entry(parent.unwrap_or(0)).or_default().push(pid);
            }
        }
        let (mut all, mut at) = (vec![self.pid], 0);
        while let Some(pid) = all.get(at) {
            all.extend(children.get(pid).into_iter().flatten());
            at += 1;
        }
        Ok(all)
    }
}

/// Whether a process is there and has not ended.
pub fn runs(pid: u32) -> bool {
    stat(pid).is_some_and(|fields| fields.first().is_some_and(|state| state != "Z"))
}

/// The parent of a process.
pub fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

/// What a process is called, as far as Linux keeps it: fifteen bytes.
pub fn name(pid: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

/// A size of a process that `/proc/PID/status` names, in bytes.
pub fn size(pid: u32, name: &str) -> Result<usize> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let line = line.with_context(|| format!("no {name} of process {pid}"))?;
    let kib: usize = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024)
}

/// Forgets the most memory that a process has had (Linux: 5 written to `clear_refs`).
pub fn reset_peak(pid: u32) -> Result<()> {
    Ok(std::fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

/// What stands in `/proc/PID/stat` behind the name, which may hold anything.
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

/// Processor time of a process alone, in seconds, to a hundredth.
pub fn seconds(pid: u32) -> Option<f64> {
    // Its own, in user mode and in the kernel.
    times(pid, 11..13)
}

fn times(pid: u32, fields: std::ops::Range<usize>) -> Option<f64> {
    let stat = stat(pid)?;
    let ticks = stat.get(fields)?.iter();
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    // Linux counts in hundredths for all programs.
    Some(ticks as f64 / 100.0)
}

fn one(pid: u32) -> Option<Taken> {
    // Behind its own stand those of its children that have ended.
    let seconds = times(pid, 11..15)?;
    let maps = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let pss = maps.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib: f64 = pss
        .and_then(|pss| pss.split_whitespace().next()?.parse().ok())
        .unwrap_or(0.0);
    Some(Taken {
        seconds,
        mib: kib / 1024.0,
    })
}

/// A figure of a page of metrics; what it counts together where it has labels.
pub fn metric(page: &str, name: &str) -> Result<f64> {
    let mut lines = page
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix([' ', '{']))
        .peekable();
    lines.peek().with_context(|| format!("no metric {name}"))?;
    Ok(lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_child_that_has_ended_counts_on() {
        // It works, then its parent waits for input that never comes.
        let script =
            "sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'; echo; read forever";
        let mut parent = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = [0];
        let mut words = parent.stdout.take().unwrap();
        std::io::Read::read_exact(&mut words, &mut said).unwrap();
        let program = Program {
            name: "parent".to_owned(),
            pid: parent.id(),
        };
        let (own, all) = (
            seconds(parent.id()).unwrap(),
            program.taken().unwrap().seconds,
        );
        parent.kill().unwrap();
        parent.wait().unwrap();
        assert!(all > own + 0.05, "{own} of {all} s");
    }
}
