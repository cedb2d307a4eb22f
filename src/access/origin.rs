//! Origins: from which pages requests may come, and names of this machine.
//!
//! Browsers say where a page is from and cannot be made to lie; programs can, which is why an origin only ever takes rights away. The rule: an
//! origin is compared whole. What merely begins or ends like a known one is foreign, and so is one that hides (`null`).

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use super::From;

/// Scheme, host and port of a page, as browsers write them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// From what an operator wrote: `https://boards.example`, `http://127.0.0.1:5173`, `capacitor://localhost`. A `/` at the end is no harm.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let bare = url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        Self::of(&url).filter(|_| bare)
    }

    /// That of a page at an address; `None` where such an address has none.
    pub fn of(url: &Url) -> Option<Self> {
        let host = url.host_str().filter(|host| !host.is_empty())?;
        // Schemes that browsers do not know of have no origin by the book; web views send them like this.
        let written = match url.origin() {
            origin if origin.is_tuple() => origin.ascii_serialization(),
            _ => match url.port() {
                Some(port) => format!("{}://{host}:{port}", url.scheme()),
                None => format!("{}://{host}", url.scheme()),
            },
        };
        (url.scheme() != "file").then_some(Self(written))
    }

    /// As it stands in the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What pages are taken for that are not on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// Foreign.
    Foreign,
    /// Foreign, but for pages of this machine.
    OfThisMachine,
    /// Known.
    Known,
}

/// Which pages are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins {
    /// By name.
    pub listed: Vec<Origin>,
    /// Whatever else there is.
    pub others: Others,
}

impl Origins {
    /// Whether an origin stands on the list.
    pub fn lists(&self, origin: &Origin) -> bool {
        self.listed.contains(origin)
    }

    /// What to think of the page that a header names.
    pub fn judge(&self, header: Option<&str>) -> From {
        let Some(header) = header else {
            return From::NoPage;
        };
        // An origin that is not written as browsers write it was not written by one.
        let Some(origin) = Origin::parse(header).filter(|origin| origin.as_str() == header) else {
            return From::ForeignPage;
        };
        let is_known = self.lists(&origin)
            || match self.others {
                Others::Foreign => false,
                Others::OfThisMachine => is_loopback_origin(header),
                Others::Known => true,
            };
        match is_known {
            true => From::KnownPage,
            false => From::ForeignPage,
        }
    }
}

/// Whether an origin is one of a page that this machine serves.
pub fn is_loopback_origin(header: &str) -> bool {
    let Some(origin) = Origin::parse(header).filter(|origin| origin.as_str() == header) else {
        return false;
    };
    Url::parse(origin.as_str()).is_ok_and(|url| match url.host() {
        Some(Host::Domain(name)) => is_loopback_name(name),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    })
}

/// Whether the header `Host` names this machine, whatever the port.
pub fn is_loopback_host(host: &str) -> bool {
    let Ok(authority) = host.parse::<hyper::http::uri::Authority>() else {
        return false;
    };
    let name = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    is_loopback_name(name)
}

/// `localhost`, all below it, and loopback addresses. Resolvers answer the first two from this machine alone (RFC 6761).
pub fn is_loopback_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(listed: &[&str], others: Others) -> Origins {
        Origins {
            listed: listed
                .iter()
                .map(|text| Origin::parse(text).unwrap())
                .collect(),
            others,
        }
    }

    #[test]
    fn u4_an_origin_is_known_whole_or_not_at_all() {
        let known = origins(
            &[
                "https://boards.example",
                "http://app.example:8080/",
                "HTTPS://Bücher.example:443",
                "capacitor://localhost",
            ],
            Others::Foreign,
        );
        for origin in [
            "https://boards.example",
            "http://app.example:8080",
            "https://xn--bcher-kva.example",
            "capacitor://localhost",
        ] {
            assert_eq!(known.judge(Some(origin)), From::KnownPage, "{origin}");
        }
        for origin in [
            "null",
            "",
            "*",
            "https://boards.example.evil.example",
            "https://evilboards.example",
            "https://sub.boards.example",
            "https://boards.example:8443",
            "http://boards.example",
            "https://boards.example/",
            "https://boards.example/x",
            "https://boards.example@evil.example",
            "https://evil.example#https://boards.example",
            "https://evil.example, https://boards.example",
            "https://BOARDS.example",
            "https://boards.example.",
            " https://boards.example",
            "boards.example",
            "file://",
            "http://localhost:5173",
        ] {
            assert_eq!(known.judge(Some(origin)), From::ForeignPage, "{origin}");
        }
        assert_eq!(known.judge(None), From::NoPage);
    }

    #[test]
    fn u4_pages_of_this_machine_are_those_of_loopback_names() {
        let here = origins(&["https://boards.example"], Others::OfThisMachine);
        for origin in [
            "http://localhost",
            "http://localhost:5173",
            "https://app.localhost:5173",
            "http://127.0.0.1:3000",
            "http://127.3.2.1",
            "http://[::1]:8080",
            "https://boards.example",
        ] {
            assert_eq!(here.judge(Some(origin)), From::KnownPage, "{origin}");
        }
        for origin in [
            "null",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://evil-localhost",
            "http://10.0.0.1:3000",
            "http://0.0.0.0:3000",
            "http://[::]",
            "http://localhost:5173/",
        ] {
            assert_eq!(here.judge(Some(origin)), From::ForeignPage, "{origin}");
        }
        let all = origins(&[], Others::Known);
        assert_eq!(all.judge(Some("https://evil.example")), From::KnownPage);
        assert_eq!(all.judge(Some("null")), From::ForeignPage);
    }

    #[test]
    fn u3_names_of_this_machine() {
        for host in [
            "localhost:3001",
            "LOCALHOST",
            "127.0.0.1",
            "[::1]:3001",
            "app.localhost:80",
        ] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1:3001",
            "",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
        ] {
            assert!(!is_loopback_host(host), "{host}");
        }
    }

    #[test]
    fn an_origin_has_no_path_and_no_password() {
        for text in [
            "https://a.example/x",
            "https://u@a.example",
            "https://a.example?x",
            "a.example",
            "file:///x",
            "data:x",
            "https://",
        ] {
            assert_eq!(Origin::parse(text), None, "{text}");
        }
    }
}
