//! What a board calls a picture, and where that leads: to a file of its own room, to a host that the operator named, or nowhere.
//!
//! Knows addresses, asks nobody. The rule: what names a file of any room leads to the room that is drawn, and no name leads to a file of this
//! machine.

use percent_encoding::percent_decode_str;
use url::Url;

/// A host that pictures may be fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageHost {
    name: String,
    /// As it is written; `None`: the usual one of the scheme that is asked by.
    port: Option<u16>,
}

/// Where a name leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// To the room's own file of this name.
    OfRoom(String),
    /// To a file on a host that is allowed.
    Outside(Box<Url>),
    /// Nowhere.
    Nowhere,
}

impl ImageHost {
    /// `images.example.com`, or with a port.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(&format!("https://{text}")).ok()?;
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let is_host = !text.contains(['/', '@', '\\', '*']);
        let name = url.host_str().filter(|_| is_bare && is_host)?;
        // An address does not keep the usual port of its scheme, and no port is the usual one of both.
        let by_http = || Url::parse(&format!("http://{text}")).ok()?.port();
        Some(Self {
            name: name.to_owned(),
            port: url.port().or_else(by_http),
        })
    }

    fn allows(&self, url: &Url) -> bool {
        let is_port = match self.port {
            Some(_) => url.port_or_known_default() == self.port,
            None => url.port().is_none(),
        };
        is_port && url.host_str() == Some(&self.name)
    }
}

impl Named {
    /// Where a name leads.
    pub fn read(name: &str, hosts: &[ImageHost]) -> Self {
        if let Some(asset) = name.strip_prefix("asset:") {
            return Self::OfRoom(asset.to_owned());
        }
        let url = match name.starts_with('/') && !name.starts_with("//") {
            // On whatever server the board is.
            true => Url::parse("http://server").and_then(|server| server.join(name)),
            false => Url::parse(name),
        };
        let Ok(url) = url else {
            return Self::Nowhere;
        };
        if !["http", "https"].contains(&url.scheme()) {
            return Self::Nowhere;
        }
        // Servers move and boards are copied; what they name moves and is copied with them.
        if let Some(asset) = asset_of(&url) {
            return Self::OfRoom(asset);
        }
        let is_plain = url.username().is_empty() && url.password().is_none();
        match is_plain && hosts.iter().any(|host| host.allows(&url)) {
            true => Self::Outside(Box::new(url)),
            false => Self::Nowhere,
        }
    }
}

/// The file in `…/api/rooms/<room>/assets/<name>`.
fn asset_of(url: &Url) -> Option<String> {
    let mut segments = url.path_segments()?.rev();
    let name = segments.next()?;
    if segments.next()? != "assets" {
        return None;
    }
    segments.next()?;
    if segments.next()? != "rooms" || segments.next()? != "api" {
        return None;
    }
    let name = percent_decode_str(name).decode_utf8().ok()?;
    (!name.is_empty()).then(|| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> Named {
        let hosts = ["images.example", "cdn.example:8443", "127.0.0.1"];
        let hosts: Vec<_> = hosts
            .iter()
            .map(|host| ImageHost::parse(host).unwrap())
            .collect();
        Named::read(name, &hosts)
    }

    #[test]
    fn m8_a_file_of_any_room_is_the_one_of_the_room_that_is_drawn() {
        for name in [
            "https://sync.example/api/rooms/demo/assets/a%20b.png",
            "http://localhost:3001/boards/api/rooms/team%2F7/assets/a%20b.png?x=1#y",
            "/api/rooms/other~gAAAAAAAAAAAAAAAAAAAAAA/assets/a%20b.png",
            "asset:a b.png",
        ] {
            assert_eq!(read(name), Named::OfRoom("a b.png".to_owned()), "{name}");
        }
    }

    #[test]
    fn m9_what_is_not_on_the_list_leads_nowhere() {
        for name in [
            "https://images.example/a.png",
            "http://images.example:80/a.png?size=1",
            "https://cdn.example:8443/a.png",
            // An operator who names an address is told by nobody; it is refused where it is asked.
            "http://127.0.0.1/a.png",
        ] {
            assert!(matches!(read(name), Named::Outside(_)), "{name}");
        }
        for name in [
            "",
            "a.png",
            "./a.png",
            "../../etc/passwd",
            "/etc/passwd",
            "//images.example/a.png",
            "file:///etc/passwd",
            "file:///api/rooms/demo/assets/a.png",
            "ftp://images.example/a.png",
            "javascript:alert(1)",
            "https://images.example.evil.example/a.png",
            "https://evil.example/images.example/a.png",
            "https://sub.images.example/a.png",
            "https://images.example:8443/a.png",
            "https://cdn.example/a.png",
            "https://ann:secret@images.example/a.png",
            "https://images.example@evil.example/a.png",
            "http://169.254.169.254/latest/meta-data/",
            "http://localhost:3001/api/rooms",
            "http://localhost:3001/api/rooms/demo/assets/",
        ] {
            assert_eq!(read(name), Named::Nowhere, "{name}");
        }
    }

    #[test]
    fn hosts_are_names_and_ports() {
        for text in [
            "",
            "https://a.example",
            "a.example/x",
            "*.example",
            "a@b.example",
            "a b",
            "a.example:x",
        ] {
            assert_eq!(ImageHost::parse(text), None, "{text}");
        }
        let host = ImageHost::parse("Images.Example").unwrap();
        assert_eq!(host, ImageHost::parse("images.example").unwrap());
    }

    #[test]
    fn m9_a_port_that_is_written_is_the_only_one() {
        let (http, https) = ("http://a.example/x", "https://a.example/x");
        for (host, allowed, refused) in [
            ("a.example", [http, https], "http://a.example:443/x"),
            ("a.example:80", [http, "https://a.example:80/x"], https),
            ("a.example:443", [https, "http://a.example:443/x"], http),
        ] {
            let hosts = [ImageHost::parse(host).unwrap()];
            for name in allowed {
                let named = Named::read(name, &hosts);
                assert!(matches!(named, Named::Outside(_)), "{host} {name}");
            }
            assert_eq!(Named::read(refused, &hosts), Named::Nowhere, "{host}");
        }
    }
}
