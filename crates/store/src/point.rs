//! Named places on the way of an update, at which a test can end the process: `FAILPOINTS="append a batch: written=return"`.
//!
//! Knows names only. The rule: without the feature `failpoints` nothing of this is in the program.

/// Says that a place was reached. Where FAILPOINTS asks for it (`return` at that name), the process ends as by `kill -9`.
#[cfg(feature = "failpoints")]
pub fn reach(doing: &str, stage: &str) {
    fail::fail_point!(&format!("{doing}: {stage}"), |_| kill());
}

/// Does nothing.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn reach(_doing: &str, _stage: &str) {}

/// Reads FAILPOINTS; to be called once, before anything else runs.
#[cfg(feature = "failpoints")]
pub fn arm() {
    // Dropping it would disarm them.
    std::mem::forget(fail::FailScenario::setup());
}

#[cfg(feature = "failpoints")]
fn kill() {
    use rustix::process::{Signal, getpid, kill_process};
    kill_process(getpid(), Signal::KILL).expect("a process may end itself");
}
