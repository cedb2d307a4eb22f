//! What somebody was let in by, looked for in what he writes: a page that calls a part of its document after its room writes the secret of the link
//! along, for everybody to read and use.
//!
//! Knows bytes, not documents: names and texts stand in them as they are. The rule: who brought nothing of the kind pays nothing.

use std::fmt;

use memchr::memmem::Finder;

use super::{Basis, Credentials, Secret};

/// What a person was let in by, as far as a page can read it: the secret of a link, and the signature of a token, without which the rest of it opens
/// nothing. Never shown.
#[derive(Default)]
pub struct OwnSecrets(Box<[Finder<'static>]>);

impl OwnSecrets {
    /// Of somebody who was let in. What he brought and what did not count may be any text, and is not looked for.
    pub fn of(credentials: &Credentials, basis: &Basis) -> Self {
        let link = credentials.link.as_ref().filter(|_| basis.link.is_some());
        let token = credentials.token.as_ref();
        let token = token.filter(|_| basis.claims.is_some());
        let signature = token.and_then(|token| token.reveal().rsplit_once('.'));
        let link = link.map(Secret::reveal);
        let secrets = link.into_iter().chain(signature.map(|(_, last)| last));
        let secrets = secrets.filter(|secret| !secret.is_empty());
        Self(
            secrets
                .map(|secret| Finder::new(secret).into_owned())
                .collect(),
        )
    }

    /// Whether any of them stands somewhere in these bytes.
    pub fn are_in(&self, bytes: &[u8]) -> bool {
        self.0.iter().any(|finder| finder.find(bytes).is_some())
    }
}

impl fmt::Debug for OwnSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnSecrets({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::access::Claims;

    const LINK: &str = "AZaz09-_AZaz09-_AZaz09";
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJlIG9mIGFubg";

    fn own(by_link: bool, by_token: bool) -> OwnSecrets {
        let credentials = Credentials {
            link: Some(Secret::new(LINK)),
            token: Some(Secret::new(TOKEN)),
            cookie: None,
        };
        let claims = Claims {
            subject: "ann".into(),
            name: None,
            rooms: Vec::new(),
            is_admin: false,
            expires_ms: i64::MAX,
        };
        let basis = Basis {
            link: by_link.then(|| Secret::new(LINK).hash()),
            claims: by_token.then(|| Arc::new(claims)),
            ..Basis::default()
        };
        OwnSecrets::of(&credentials, &basis)
    }

    #[test]
    fn x11_what_let_somebody_in_is_found_wherever_it_stands_and_nothing_else_is() {
        let (by_link, by_token) = (own(true, false), own(false, true));
        for (text, has_link, has_token) in [
            (LINK, true, false),
            (&format!("tl_demo~g{LINK}"), true, false),
            (&format!("\u{1}\u{27}demo%7Eg{LINK}\u{0}"), true, false),
            (&LINK[1..], false, false),
            (&LINK.to_lowercase(), false, false),
            (TOKEN, false, true),
            (&format!("wss://sync.example/?token={TOKEN}&x"), false, true),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.", false, false),
            (&format!("{TOKEN} {LINK}"), true, true),
            ("", false, false),
        ] {
            let found = (
                by_link.are_in(text.as_bytes()),
                by_token.are_in(text.as_bytes()),
            );
            assert_eq!(found, (has_link, has_token), "{text}");
        }
        let both = own(true, true);
        assert!(both.are_in(LINK.as_bytes()) && both.are_in(TOKEN.as_bytes()));
        let neither = own(false, false);
        assert!(!neither.are_in(LINK.as_bytes()) && !neither.are_in(TOKEN.as_bytes()));
    }

    #[test]
    fn x11_they_are_not_shown() {
        let shown = format!("{:?}", own(true, true));
        assert_eq!(shown, "OwnSecrets(2)");
    }
}
