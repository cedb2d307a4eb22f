//! The log, on standard error, for people or for programs.
//!
//! The one rule: what the `log` crate carries is not taken (tracing-subscriber stands without its `tracing-log` feature), because the WebSocket
//! library says every message in it, with all that people write.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// Starts logging; call once.
///
/// # Errors
/// When the filter cannot be read, or something logs already.
pub fn start(config: &LogConfig) -> Result<()> {
    let filter = EnvFilter::try_new(&config.filter).context("read the log filter")?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match config.format {
        LogFormat::Pretty => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("start logging: {error}"))
}
