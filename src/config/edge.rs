//! Who may connect and how many, read from the settings and handed to the socket.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{ConfigError, Effective};

/// More connections than any one machine takes.
const MOST: u64 = 10_000_000;

/// Who may connect and how many.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EdgeConfig {
    /// Networks of proxies that are believed where they name a client's address.
    pub trusted_proxies: Vec<IpNet>,
    /// WebSockets at once; `None`: as many as there may be open files.
    pub max_connections: Option<usize>,
    /// From one address; `None`: no limit.
    pub max_per_address: Option<usize>,
    /// In one room; `None`: no limit.
    pub max_per_room: Option<usize>,
    /// Memory for messages of all clients that have begun to come.
    pub max_incoming_bytes: usize,
}

impl EdgeConfig {
    pub(super) fn read(settings: &Effective) -> Result<Self, ConfigError> {
        Ok(Self {
            trusted_proxies: networks(settings, "SCRIBLE_TRUSTED_PROXIES")?,
            max_connections: match settings.is_set("SCRIBLE_MAX_CONNECTIONS") {
                true => Some(settings.number("SCRIBLE_MAX_CONNECTIONS", 1..=MOST)? as usize),
                false => None,
            },
            max_per_address: at_most(settings, "SCRIBLE_MAX_CONNECTIONS_PER_ADDRESS")?,
            max_per_room: at_most(settings, "SCRIBLE_MAX_CONNECTIONS_PER_ROOM")?,
            max_incoming_bytes: settings.size("SCRIBLE_MAX_INCOMING_BYTES", 1 << 20..=64 << 30)?,
        })
    }
}

/// A number of connections; 0 is "no limit".
fn at_most(settings: &Effective, name: &str) -> Result<Option<usize>, ConfigError> {
    let most = settings.number(name, 0..=MOST)? as usize;
    Ok((most > 0).then_some(most))
}

/// Addresses or networks with commas between.
fn networks(settings: &Effective, name: &str) -> Result<Vec<IpNet>, ConfigError> {
    let value = settings.value(name);
    let written = value.text().split(',').map(str::trim);
    let read = written.filter(|one| !one.is_empty()).map(|one| {
        one.parse()
            .or_else(|_| one.parse::<IpAddr>().map(IpNet::from))
    });
    read.collect::<Result<_, _>>().map_err(|_| {
        value.wrong(
            "addresses or networks with commas between, for example 127.0.0.1,10.0.0.0/8,fd00::/8",
        )
    })
}
