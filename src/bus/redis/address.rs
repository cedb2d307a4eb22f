//! Where a Redis or a Redis Cluster is, read from a setting.
//!
//! Knows URLs, opens no connection. The one rule: the password in a URL is shown to nobody, in no sentence and no `Debug`.

use std::fmt;

use redis::{
    ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisError,
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};

use super::{KEEPALIVE, REPLY};

/// What may be written, for sentences.
const FORMS: &str =
    "redis://HOST:PORT, rediss://HOST:PORT, unix:///PATH, or redis+cluster://HOST:PORT,HOST:PORT";

/// Where one Redis is, or some nodes of a cluster.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisAddress {
    /// One without its commas; several of a cluster, of which any may be away.
    urls: Vec<String>,
    pub(super) kind: Kind,
}

/// What is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    One,
    Cluster,
}

/// Why something is no address: a sentence without the address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{FORMS} ({0})")]
pub struct BadAddress(String);

impl RedisAddress {
    /// Reads `redis://`, `rediss://`, `unix://`, or for a cluster `redis+cluster://` and `rediss+cluster://` with commas between the hosts.
    /// User and password stand before the first host and count for all.
    ///
    /// # Errors
    /// [`BadAddress`].
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        let bad = |why: &str| Err(BadAddress(why.to_owned()));
        let Some((scheme, rest)) = text.split_once(':') else {
            return bad("there is no scheme");
        };
        let (scheme, kind) = match scheme {
            "redis" | "rediss" | "unix" | "redis+unix" => (scheme, Kind::One),
            "redis+cluster" => ("redis", Kind::Cluster),
            "rediss+cluster" => ("rediss", Kind::Cluster),
            _ => return bad("the scheme is not known"),
        };
        let urls = match kind {
            Kind::One => {
                let authority = rest.trim_start_matches('/').split(['/', '?', '#']).next();
                let hosts = authority.and_then(|authority| authority.rsplit('@').next());
                if !scheme.ends_with("unix") && hosts.is_some_and(|hosts| hosts.contains(',')) {
                    return bad("several hosts are a cluster: redis+cluster://");
                }
                vec![format!("{scheme}:{rest}")]
            }
            Kind::Cluster => {
                let Some(rest) = rest.strip_prefix("//") else {
                    return bad("the scheme ends with ://");
                };
                let rest = rest.strip_suffix('/').unwrap_or(rest);
                let (user, hosts) = match rest.rsplit_once('@') {
                    Some((user, hosts)) => (format!("{user}@"), hosts),
                    None => (String::new(), rest),
                };
                if hosts.contains(['/', '?', '#']) {
                    return bad("a cluster has no databases or options");
                }
                let url = |host| format!("{scheme}://{user}{host}");
                hosts.split(',').map(url).collect()
            }
        };
        let address = Self { urls, kind };
        match address.nodes() {
            Ok(_) => Ok(address),
            Err(error) => bad(&sentence(&error)),
        }
    }

    /// How to connect to each.
    pub(super) fn nodes(&self) -> Result<Vec<ConnectionInfo>, RedisError> {
        let node = |url: &String| {
            let node = url.as_str().into_connection_info()?;
            // What is pushed comes on the connection of the answers.
            let settings = node.redis_settings().clone();
            let settings = settings.set_protocol(ProtocolVersion::RESP3);
            Ok(node
                .set_redis_settings(settings)
                .set_tcp_settings(tcp_settings()))
        };
        self.urls.iter().map(node).collect()
    }
}

/// A connection whose other end has silently gone is given up within 15 s.
pub(super) fn tcp_settings() -> TcpSettings {
    let probes = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE)
        .with_retries(2);
    TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(probes)
        .set_user_timeout(2 * REPLY)
}

/// What went wrong, for a person; what the library says has no passwords.
pub(super) fn sentence(error: &RedisError) -> String {
    let said = error.to_string();
    let mut letters = said.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = self.nodes().map_err(|_| fmt::Error)?;
        let places = nodes.iter().map(|node| node.addr().to_string());
        f.write_str(&places.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {self}", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n20_one_redis_or_a_cluster_is_told_by_its_scheme() {
        for (text, kind, shown) in [
            ("redis://127.0.0.1", Kind::One, "127.0.0.1:6379"),
            ("redis://[::1]:7000/2", Kind::One, "::1:7000"),
            ("rediss://:hunter2@cache:7000", Kind::One, "cache:7000"),
            ("unix:///run/redis.sock", Kind::One, "/run/redis.sock"),
            ("redis://ann:hun,ter2@cache:7000/0", Kind::One, "cache:7000"),
            (
                "redis+cluster://ann:hunter2@a:7000,b:7001,c",
                Kind::Cluster,
                "a:7000, b:7001, c:6379",
            ),
            ("rediss+cluster://a:7000/", Kind::Cluster, "a:7000"),
        ] {
            let address = RedisAddress::parse(text).unwrap();
            assert_eq!((address.kind, &*address.to_string()), (kind, shown));
            assert!(!format!("{address:?}").contains("hun"), "{address:?}");
        }
        let cluster = RedisAddress::parse("rediss+cluster://ann:hunter2@a:7000,b").unwrap();
        for node in cluster.nodes().unwrap() {
            let settings = node.redis_settings();
            assert_eq!(
                (settings.username(), settings.password()),
                (Some("ann"), Some("hunter2"))
            );
            assert_eq!(settings.protocol(), ProtocolVersion::RESP3);
        }
    }

    #[test]
    fn n20_what_is_no_address_is_refused_without_the_password() {
        for (text, why) in [
            ("cache", "no scheme"),
            ("http://ann:hunter2@cache", "scheme is not known"),
            ("redis://ann:hunter2@a,b:7000", "redis+cluster://"),
            ("redis://ann:hunter2@cache:port", "did not parse"),
            ("redis://ann:hunter2@cache/first", "database"),
            ("redis+cluster:a", "://"),
            (
                "redis+cluster://ann:hunter2@a:7000,b:7000/1",
                "no databases",
            ),
            ("redis+cluster://ann:hunter2@a:7000,,b", "did not parse"),
        ] {
            let sentence = RedisAddress::parse(text).unwrap_err().to_string();
            assert!(sentence.contains(why), "{text}: {sentence}");
            assert!(!sentence.contains("hunter2"), "{sentence}");
        }
    }
}
