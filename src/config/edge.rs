//! Who may connect and how many, read from the settings and handed to the socket.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{ConfigError, Effective};

/// Who may connect and how many.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EdgeConfig {
    /// Networks of proxies that are believed where they name a client's address.
    pub trusted_proxies: Vec<IpNet>,
}

impl EdgeConfig {
    pub(super) fn read(settings: &Effective) -> Result<Self, ConfigError> {
        Ok(Self {
            trusted_proxies: networks(settings, "SCRIBLE_TRUSTED_PROXIES")?,
        })
    }
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
