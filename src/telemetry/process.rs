//! The process itself, as Linux sees it: memory, files, processor time.
//!
//! Read when somebody asks, from /proc. Names and meanings are those that all Prometheus clients use. What cannot be read is left out.

use std::fmt;

use procfs::process::LimitValue;
use procfs::{Current, WithCurrentSystemInfo};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// This process.
#[derive(Debug, Clone, Copy)]
pub struct Process;

impl Process {
    /// Memory that it has in RAM, in bytes.
    pub fn resident_bytes() -> Option<u64> {
        let stat = procfs::process::Process::myself().ok()?.stat().ok()?;
        Some(stat.rss_bytes().get())
    }

    /// The most memory that it can have, in bytes: the machine's, or the container's where that is less.
    pub fn memory_limit() -> Option<usize> {
        let machine = procfs::Meminfo::current().ok().map(|info| info.mem_total);
        // Version 2 of control groups, and version 1; a container sees its own at the root. "max" is no limit.
        let files = [
            "/sys/fs/cgroup/memory.max",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        ];
        let container = files
            .iter()
            .filter_map(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok());
        let least = machine.into_iter().chain(container).min()?;
        usize::try_from(least).ok()
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut gauge = |name, help, value: Option<f64>| match value {
            Some(value) => {
                let gauge = ConstGauge::new(value);
                gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
            }
            None => Ok(()),
        };
        let Ok(process) = procfs::process::Process::myself() else {
            return Ok(());
        };
        let files = process.fd_count().ok();
        gauge(
            "process_open_fds",
            "Open file descriptors",
            files.map(|count| count as f64),
        )?;
        let most = process.limits().ok();
        let most = most.and_then(|limits| match limits.max_open_files.soft_limit {
            LimitValue::Value(most) => Some(most as f64),
            LimitValue::Unlimited => None,
        });
        gauge(
            "process_max_fds",
            "The most file descriptors that may be open",
            most,
        )?;
        let Ok(stat) = process.stat() else {
            return Ok(());
        };
        let (resident, virtual_) = (stat.rss_bytes().get() as f64, stat.vsize as f64);
        gauge(
            "process_resident_memory_bytes",
            "Memory in RAM, in bytes",
            Some(resident),
        )?;
        gauge(
            "process_virtual_memory_bytes",
            "Address space, in bytes",
            Some(virtual_),
        )?;
        gauge(
            "process_threads",
            "Threads of the operating system",
            Some(stat.num_threads as f64),
        )?;
        let ticks = procfs::ticks_per_second() as f64;
        let started = procfs::boot_time_secs()
            .ok()
            .map(|boot| boot as f64 + stat.starttime as f64 / ticks);
        gauge(
            "process_start_time_seconds",
            "When it started, in seconds since 1970",
            started,
        )?;
        let spent = ConstCounter::new((stat.utime + stat.stime) as f64 / ticks);
        let help = "Processor time spent, in seconds";
        spent.encode(encoder.encode_descriptor(
            "process_cpu_seconds",
            help,
            None,
            spent.metric_type(),
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_a_process_takes() {
        let bytes = Process::resident_bytes().unwrap();
        assert!((1 << 20..1 << 40).contains(&bytes), "{bytes}");
    }
}
