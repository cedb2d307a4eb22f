//! Who is at the other end: the address that a connection counts under, also behind proxies.
//!
//! Knows headers, not what an address is good for. The one rule: a header is believed only from a configured proxy, and whatever is in doubt is a
//! stranger: a request that a proxy passed on is never from this machine, wherever the proxy is and whether or not it is configured.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{FORWARDED, HeaderMap, VIA};
use ipnet::IpNet;

/// The header that is read. Every proxy can send it; `Forwarded` (RFC 7239) is not read.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// Besides, headers that say that a proxy was there.
const TRACES: [&str; 4] = [
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "cf-connecting-ip",
];

/// The proxies whose word on addresses is taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedProxies(pub Vec<IpNet>);

/// The other end of a connection; an extension of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visitor {
    /// The address that it counts under.
    pub address: IpAddr,
    /// Whether the address is that of the connection itself, and no proxy has left a trace.
    direct: bool,
}

impl Visitor {
    /// Whether no proxy has left a trace.
    pub fn is_direct(&self) -> bool {
        self.direct
    }

    /// Whether it comes from this machine, not through anything.
    pub fn is_local(&self) -> bool {
        self.direct && self.address.is_loopback()
    }
}

impl TrustedProxies {
    /// Whether an address is that of a configured proxy.
    pub fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }

    /// Who sends a request over a connection from `peer`: behind configured proxies, the rightmost address of `X-Forwarded-For` that is
    /// not one of them. What stands to the left of it is the client's own claim.
    pub fn visitor(&self, peer: IpAddr, headers: &HeaderMap) -> Visitor {
        let peer = peer.to_canonical();
        if !self.has(peer) {
            let direct = !headers.contains_key(FORWARDED_FOR)
                && !headers.contains_key(FORWARDED)
                && !headers.contains_key(VIA)
                && !TRACES.iter().any(|name| headers.contains_key(*name));
            return Visitor {
                address: peer,
                direct,
            };
        }
        let mut address = peer;
        let hops = headers.get_all(FORWARDED_FOR).into_iter().rev();
        // What is no text holds no address: the walk ends there, as at every hop that cannot be read.
        let hops = hops.flat_map(|value| value.to_str().unwrap_or("?").rsplit(','));
        for hop in hops {
            let Some(hop) = parse_hop(hop) else { break };
            address = hop;
            if !self.has(address) {
                break;
            }
        }
        Visitor {
            address,
            direct: false,
        }
    }
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(hop);
    bare.parse()
        .ok()
        .or_else(|| hop.parse().ok().map(|address: SocketAddr| address.ip()))
        .map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn proxies() -> TrustedProxies {
        TrustedProxies(
            ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"]
                .map(|net| net.parse().unwrap())
                .into(),
        )
    }

    fn visitor(peer: &str, headers: &[(&'static str, &str)]) -> (String, bool) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let visitor = proxies().visitor(peer.parse().unwrap(), &map);
        (visitor.address.to_string(), visitor.is_local())
    }

    #[test]
    fn l10_the_rightmost_address_that_is_no_proxy_is_the_client() {
        for (peer, forwarded, client) in [
            ("10.1.1.1", "203.0.113.9", "203.0.113.9"),
            ("10.1.1.1", "1.2.3.4, 203.0.113.9", "203.0.113.9"),
            (
                "10.1.1.1",
                "1.2.3.4, 203.0.113.9, 10.2.2.2,fd00::7",
                "203.0.113.9",
            ),
            ("::ffff:10.1.1.1", "203.0.113.9:4711", "203.0.113.9"),
            ("fd00::1", "[2001:db8::1]:4711", "2001:db8::1"),
            ("fd00::1", "[2001:db8::1]", "2001:db8::1"),
            ("10.1.1.1", "::ffff:203.0.113.9", "203.0.113.9"),
            // All of them proxies: the one that began.
            ("10.1.1.1", "10.3.3.3, 10.2.2.2", "10.3.3.3"),
            // Nobody knows who is behind what cannot be read; the last that is known passed it on.
            ("10.1.1.1", "203.0.113.9, unknown", "10.1.1.1"),
            ("10.1.1.1", "203.0.113.9, , 10.2.2.2", "10.2.2.2"),
            ("10.1.1.1", "", "10.1.1.1"),
        ] {
            let found = visitor(peer, &[("x-forwarded-for", forwarded)]);
            assert_eq!(found, (client.to_owned(), false), "{forwarded}");
        }
        let two = [
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-for", "203.0.113.9, 10.2.2.2"),
        ];
        assert_eq!(visitor("10.1.1.1", &two).0, "203.0.113.9");
    }

    #[test]
    fn l10_headers_of_anybody_else_are_not_believed() {
        for name in ["x-forwarded-for", "forwarded", "x-real-ip"] {
            let found = visitor("198.51.100.1", &[(name, "127.0.0.1")]);
            assert_eq!(found, ("198.51.100.1".to_owned(), false), "{name}");
        }
    }

    #[test]
    fn l11_only_who_comes_without_a_proxy_is_local() {
        let none = TrustedProxies::default();
        let local: IpAddr = "127.0.0.1".parse().unwrap();
        assert!(none.visitor(local, &HeaderMap::new()).is_local());
        let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
        assert!(none.visitor(mapped, &HeaderMap::new()).is_local());
        // A proxy on this machine that nobody has configured.
        for name in [
            "x-forwarded-for",
            "forwarded",
            "via",
            "x-real-ip",
            "x-forwarded-proto",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static("203.0.113.9"));
            assert!(!none.visitor(local, &headers).is_local(), "{name}");
        }
        // One that is configured: what it passes on is from elsewhere, whatever it says.
        assert!(!visitor("127.0.0.1", &[]).1);
        assert!(!visitor("127.0.0.1", &[("x-forwarded-for", "127.0.0.1")]).1);
        assert!(!visitor("10.1.1.1", &[("x-forwarded-for", "127.0.0.5")]).1);
        assert!(!visitor("10.1.1.1", &[]).1);
    }
}
