//! How long each step takes for its bytes, and how much memory at most.
//!
//! It knows nothing of what it measures. The rules: nothing may take longer than 10 ms per MiB of its input beside a fixed 100 µs, in which
//! tiny inputs are; and a step that looks too slow is repeated, because the machine has other things to do: its best time counts, and of
//! that what the thread had of a processor.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use peak_alloc::PeakAlloc;
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const ALLOWANCE: Duration = Duration::from_micros(100);
const PER_MIB: Duration = Duration::from_millis(10);
/// What a step may need for each byte that it reads, at most, and beside that.
const MEMORY_PER_BYTE: usize = 128;
const MEMORY_ALLOWANCE: usize = 64 << 10;
/// From this length on the allowance hides little.
const LARGE: usize = 64 << 10;
const REPEATS: usize = 20;
/// Repeated in so many rounds, as long as it is slower than allowed.
const ROUNDS: usize = 10;
const ROUND_EVERY: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Slowest {
    small: Seen,
    large: Seen,
    memory: (f64, usize),
}

/// The one that took the greatest share of what it was allowed to, its length and its first bytes.
#[derive(Default)]
struct Seen {
    share: f64,
    took: Duration,
    len: usize,
    hex: String,
}

impl Seen {
    /// In milliseconds per MiB.
    fn rate(&self) -> f64 {
        self.took.as_secs_f64() * 1e3 * 1_048_576.0 / self.len.max(1) as f64
    }
}

/// How long a step may take for so many bytes.
fn allowed(bytes: usize) -> Duration {
    ALLOWANCE + PER_MIB.mul_f64(bytes as f64 / 1_048_576.0)
}

/// Watches the steps.
pub struct Meter {
    /// Whether time counts; memory always does.
    timed: bool,
    steps: BTreeMap<&'static str, Slowest>,
}

impl Meter {
    pub fn new(timed: bool) -> Self {
        Self {
            timed,
            steps: BTreeMap::new(),
        }
    }

    /// Runs a step that changes nothing.
    pub fn run<T>(&mut self, step: &'static str, bytes: &[u8], run: impl Fn() -> T) -> T {
        self.change(step, bytes, &run, || (), |_| run())
    }

    /// Runs a step that changes something. To repeat it, `state` makes again what was there before, and `again` does the same to that.
    pub fn change<S, T>(
        &mut self,
        step: &'static str,
        bytes: &[u8],
        run: impl FnOnce() -> T,
        state: impl Fn() -> S,
        again: impl Fn(&mut S) -> T,
    ) -> T {
        MEMORY.reset_peak_usage();
        let held = MEMORY.current_usage();
        let begin = processor_time();
        let result = run();
        let mut took = processor_time() - begin;
        let memory = MEMORY.peak_usage().saturating_sub(held);
        assert!(
            memory <= MEMORY_ALLOWANCE + MEMORY_PER_BYTE * bytes.len(),
            "{step}: {memory} bytes of memory for {} bytes",
            bytes.len()
        );
        let per_byte = memory as f64 / bytes.len().max(1) as f64;
        let slowest = self.steps.entry(step).or_default();
        if bytes.len() >= LARGE && per_byte > slowest.memory.0 {
            slowest.memory = (per_byte, bytes.len());
        }
        if !self.timed {
            return result;
        }
        let seen = if bytes.len() >= LARGE {
            &mut slowest.large
        } else {
            &mut slowest.small
        };
        let allowed = allowed(bytes.len());
        let share = |took: Duration| took.as_secs_f64() / allowed.as_secs_f64();
        let mut rounds = 0;
        while share(took) > seen.share && rounds < ROUNDS && (rounds == 0 || share(took) > 1.0) {
            if rounds > 0 {
                // Whatever keeps the processor from its pace may be over by then.
                std::thread::sleep(ROUND_EVERY);
            }
            rounds += 1;
            for _ in 0..REPEATS {
                let mut state = state();
                let begin = processor_time();
                let again = again(&mut state);
                took = took.min(processor_time() - begin);
                drop(again);
            }
        }
        if share(took) > seen.share {
            *seen = Seen {
                share: share(took),
                took,
                len: bytes.len(),
                hex: hex(&bytes[..bytes.len().min(64)]),
            };
        }
        result
    }

    /// What was slower than allowed.
    pub fn slow(&self) -> Vec<String> {
        let of = |step: &&'static str, seen: &Seen| {
            (seen.share > 1.0).then(|| {
                format!(
                    "{step}: {:?} for {} bytes: {}",
                    seen.took, seen.len, seen.hex
                )
            })
        };
        let seen = self.steps.iter().flat_map(|(step, slowest)| {
            [&slowest.small, &slowest.large].map(|seen| of(step, seen))
        });
        seen.flatten().collect()
    }

    /// A table of the slowest.
    pub fn report(&self) -> String {
        let mut out = String::new();
        for (step, slowest) in &self.steps {
            let (small, large) = (&slowest.small, &slowest.large);
            let _ = writeln!(
                out,
                "{step:12} small: {:7.1} µs ({} bytes: {:.24})  from 64 KiB: {:5.2} ms/MiB ({} bytes: {:.24})  memory: {:.0} a byte",
                small.took.as_secs_f64() * 1e6,
                small.len,
                small.hex,
                large.rate(),
                large.len,
                large.hex,
                slowest.memory.0,
            );
        }
        out
    }
}

/// What this thread has taken of a processor: how long others had it in between does not count.
fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(now).expect("time does not run backwards")
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
