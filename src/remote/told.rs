//! What is told of a server that is not there, not the right one, or sends us away.
//!
//! Knows close codes and answers to upgrades, not what was asked for. The rule: of what the other side says nothing steers a terminal.

use std::io::ErrorKind;

use anyhow::{Error, anyhow};
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::http::header::LOCATION;
use url::Url;

use crate::terminal::steers;
use crate::tls;

/// Of what the other side says against us.
const MAX_TOLD_CHARACTERS: usize = 200;

/// What others say, without what steers a terminal.
pub fn harmless(text: &str) -> String {
    let characters = text.chars().take(MAX_TOLD_CHARACTERS);
    let plain = characters.map(|character| match steers(character) {
        true => ' ',
        false => character,
    });
    plain.collect()
}

/// What to do about being sent away.
pub fn remedy(code: u16, with_token: bool) -> &'static str {
    match (code, with_token) {
        (4401, false) | (4403, false) => {
            ". Show a token that may draw in this room: SCRIBLE_TOKEN or --token; `scrible token` makes one"
        }
        (4401, true) => {
            ". Get a fresh token; `scrible token` makes one where the server's key is set"
        }
        (4403, true) => ". It takes a token that may draw in this room",
        (4404, _) => {
            ". `scrible room restore` brings a deleted room back, for its owner and for admins"
        }
        (4413, _) => {
            ". One value in the file is larger than the server takes as one message: raise its SCRIBLE_MAX_MESSAGE_BYTES"
        }
        (1012 | 1013 | 4500, _) => ". Try again in a moment",
        _ => "",
    }
}

/// Why there is no connection, and what to do about it.
pub fn unreachable(url: &str, error: tungstenite::Error) -> Error {
    if let Some(trouble) = tls::trouble(&error) {
        return anyhow!("{url}: {trouble}");
    }
    match error {
        // There is none on this machine, or not where SSL_CERT_FILE says.
        tungstenite::Error::Io(error)
            if error.kind() == ErrorKind::NotFound && url.starts_with("wss:") =>
        {
            let remedy = "no authorities for certificates are known here: name a file of them (PEM) in SSL_CERT_FILE";
            Error::new(error).context(remedy)
        }
        tungstenite::Error::Io(error) => anyhow!(
            "nobody answers at {url} ({error}): start the server with `scrible`, or name it with --server"
        ),
        tungstenite::Error::Http(response) => {
            let status = response.status();
            if status.is_redirection() {
                let location = response.headers().get(LOCATION);
                let location = location.and_then(|location| location.to_str().ok());
                let from = Url::parse(url).ok();
                let to = from.zip(location).and_then(|(from, to)| from.join(to).ok());
                // No more of it than says which server: what is behind may be a secret.
                let to = to.map_or("elsewhere".to_owned(), |to| {
                    format!("to {}", to.origin().ascii_serialization())
                });
                return anyhow!(
                    "{url} redirects {to}, and a token is not carried on: if that is right, name it with --server"
                );
            }
            let body = response.body().as_deref().unwrap_or_default();
            let body = String::from_utf8_lossy(body);
            anyhow!("{url} refuses with {status}: {}", harmless(body.trim()))
        }
        error => Error::new(error).context(format!("connect to {url}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::STEERING;

    #[test]
    fn i7_a_close_code_has_its_remedy() {
        for (code, wanted) in [
            (4413, "SCRIBLE_MAX_MESSAGE_BYTES"),
            (1012, "Try again"),
            (4404, "room restore"),
        ] {
            assert!(remedy(code, true).contains(wanted), "{code}");
        }
        assert_eq!(remedy(4422, false), "");
    }

    #[test]
    fn h20_who_is_sent_away_is_told_of_tokens() {
        for (code, with_token, wanted) in [
            (4401, false, "SCRIBLE_TOKEN"),
            (4401, true, "fresh"),
            (4403, true, "a token that may draw"),
            (4403, false, "SCRIBLE_TOKEN"),
        ] {
            assert!(remedy(code, with_token).contains(wanted), "{code}");
        }
    }

    #[test]
    fn what_the_other_side_says_is_one_line() {
        assert_eq!(harmless("a\u{1b}[31mb\r\nc"), "a [31mb  c");
        assert_eq!(harmless("a\u{202e}b\u{2066}c\u{2028}d"), "a b c d");
        assert!(harmless(STEERING).chars().all(|character| character == ' '));
        assert_eq!(harmless(&"x".repeat(300)).len(), MAX_TOLD_CHARACTERS);
    }
}
