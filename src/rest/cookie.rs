//! The session cookie as it is given. Reading it is the gate's business.
//!
//! The one rule: scripts do not see it, and over https it has the prefix with which browsers let no other host set it.

use warp::http::header::HeaderValue;

use crate::access::{SECURE_COOKIE, Secret};
use crate::service::GRANT;

/// Gives a session in a cookie of this name.
pub fn give(name: &str, session: &Secret) -> Option<HeaderValue> {
    let secure = match name {
        SECURE_COOKIE => "; Secure",
        _ => "",
    };
    let cookie = format!(
        "{name}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
        session.reveal(),
        GRANT.as_secs()
    );
    let mut cookie = HeaderValue::from_str(&cookie).ok()?;
    cookie.set_sensitive(true);
    Some(cookie)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::PLAIN_COOKIE;

    #[test]
    fn y5_the_cookie_is_hidden_from_scripts_and_bound_to_the_host_over_https() {
        let session = Secret::new("AAAAAAAAAAAAAAAAAAAAAA");
        for (name, cookie) in [
            (
                SECURE_COOKIE,
                "__Host-scrible=AAAAAAAAAAAAAAAAAAAAAA; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure",
            ),
            (
                PLAIN_COOKIE,
                "scrible=AAAAAAAAAAAAAAAAAAAAAA; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax",
            ),
        ] {
            assert_eq!(give(name, &session).unwrap(), cookie);
        }
    }
}
