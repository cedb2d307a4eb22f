//! The machine that everything runs on: what it is, and the part of it that the load generator takes.
//!
//! Linux' `/proc` only. The rule: servers get what we got when we were started, not what we took since, but for the number of open files.

use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Has this thread, which makes the load, run on one processor.
pub fn take_core(core: usize) -> Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    ensure!(
        core < CpuSet::MAX_CPU && core < cores,
        "there is no processor {core} on a machine with {cores}"
    );
    let mut ours = CpuSet::new();
    ours.set(core);
    sched_setaffinity(None, &ours).with_context(|| format!("use processor {core}"))
}

/// Thousands of sockets, here and in servers that we start.
pub fn raise_open_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).context("open many files")
}

/// As `2026-11-22`, in UTC.
pub fn today() -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    now.split('T').next().unwrap_or_default().to_owned()
}

/// Processor, cores, memory and kernel as one line.
pub fn describe() -> Result<String> {
    let file = |path: &str| std::fs::read_to_string(path).with_context(|| format!("read {path}"));
    let (processors, memory) = (file("/proc/cpuinfo")?, file("/proc/meminfo")?);
    let model = field(&processors, "model name").unwrap_or("unknown processor");
    let cores = processors
        .lines()
        .filter(|line| line.starts_with("processor"));
    let kib = field(&memory, "MemTotal").and_then(|size| size.strip_suffix(" kB"));
    let kib: f64 = kib.unwrap_or_default().parse().unwrap_or_default();
    let kernel = file("/proc/sys/kernel/osrelease")?;
    // What follows says who built it.
    let kernel = kernel.trim().split(['-', '+']).next().unwrap_or_default();
    Ok(format!(
        "{model}, {} cores, {:.0} GB of memory, Linux {kernel}",
        cores.count(),
        kib * 1024.0 / 1e9
    ))
}

/// What a line `name : value` says.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(key, _)| key.trim() == name)?;
    Some(value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_described_in_a_line() {
        let line = describe().unwrap();
        assert!(
            line.contains("cores, ") && line.contains("Linux "),
            "{line}"
        );
        assert!(!line.contains(" 0 ") && !line.contains('\n'), "{line}");
        assert_eq!(field("a\t: 1\nab : 2 kB\n", "ab"), Some("2 kB"));
        assert_eq!(today().len(), 10);
    }
}
