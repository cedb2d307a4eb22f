//! `--server` and `--token`: which running server a command talks to, and what it shows there.
//!
//! The rule: a token is never shown, neither by help nor by `Debug` nor by an error.

use std::convert::Infallible;

use clap::{Arg, ArgMatches};

use super::healthcheck;
use crate::access::Secret;
use crate::config::{ListenConfig, TOKEN_VARIABLE};

/// What was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// `--server`.
    pub server: Option<String>,
    /// `--token`, or the variable.
    pub token: Option<Secret>,
}

impl Target {
    /// The arguments as the parser knows them.
    pub fn arguments() -> [Arg; 2] {
        let server = Arg::new("server")
            .long("server")
            .value_name("URL")
            .help("http://host:port or https://host [default: where these settings listen]");
        // What stands on a command line is seen by everybody at the machine; the variable is not.
        let token = Arg::new("token")
            .long("token")
            .value_name("TOKEN")
            .env(TOKEN_VARIABLE)
            .hide_env_values(true)
            .value_parser(|text: &str| Ok::<_, Infallible>(Secret::new(text.trim())))
            .help("Who you are, to a server that asks; better in the variable than on the command line");
        [server, token]
    }

    /// Out of what was parsed by [`Target::arguments`].
    pub fn of(matches: &ArgMatches) -> Self {
        let token = matches.get_one::<Secret>("token");
        Self {
            server: matches.get_one::<String>("server").cloned(),
            // Compose files pass on variables that are not set as empty ones.
            token: token.filter(|token| !token.reveal().is_empty()).cloned(),
        }
    }

    /// Where the server is: the one that is named, or that of these settings.
    pub fn url(&self, listen: &ListenConfig) -> String {
        let listening = || format!("http://{}", healthcheck::address(listen));
        self.server.clone().unwrap_or_else(listening)
    }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    fn parse(words: &[&str]) -> Result<Target, clap::Error> {
        let command = Command::new("x").args(Target::arguments());
        command
            .try_get_matches_from(words)
            .map(|matches| Target::of(&matches))
    }

    #[test]
    fn h20_a_token_is_taken_and_not_shown() {
        let target = parse(&["x", "--token", " planted-token\n"]).unwrap();
        assert_eq!(target.token, Some(Secret::new("planted-token")));
        assert!(!format!("{target:?}").contains("planted"), "{target:?}");
        assert_eq!(parse(&["x", "--token", ""]).unwrap(), Target::default());
        for words in [
            &["x", "--token=planted-token", "--token=planted-token"][..],
            &["x", "--token=planted-token", "--servre=x"],
            &["x", "--tokne=planted-token"],
        ] {
            let told = parse(words).unwrap_err().to_string();
            assert!(!told.contains("planted"), "{told}");
        }
    }

    #[test]
    fn without_a_name_it_is_the_server_of_the_settings() {
        let listen = ListenConfig {
            host: "::".to_owned(),
            port: 4000,
        };
        assert_eq!(Target::default().url(&listen), "http://[::1]:4000");
        let named = parse(&["x", "--server", "https://h"]).unwrap();
        assert_eq!(named.url(&listen), "https://h");
    }
}
