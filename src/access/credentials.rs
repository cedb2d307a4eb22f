//! Where requests carry what proves who sends them.
//!
//! The rule: what is taken out here is a secret from then on, and stands in no log.

use super::{Credentials, Secret};

impl Credentials {
    /// Those of a WebSocket handshake: `?token=`, from the first `?` on. Of several the last counts.
    pub fn of_query(query: Option<&str>) -> Self {
        let query = query.unwrap_or_default().as_bytes();
        let token = form_urlencoded::parse(query).filter(|(key, _)| key == "token");
        Self {
            token: token.last().map(|(_, value)| Secret::new(&value)),
            ..Self::default()
        }
    }
}
