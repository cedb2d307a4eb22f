//! Who may come in, read from the settings and handed to the doorkeeper; and the refusal to stand open by mistake.
//!
//! The rule: a server that others can reach checks who they are, or was told in so many words not to.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use super::{Config, ConfigError, Effective, ListenConfig, Value};
use crate::access::{
    BadKey, DoorkeeperConfig, FrontendUrl, Hosts, Keys, Mode, Origin, Origins, Others, PublicUrl,
    Secret, TokensConfig, Transport, is_loopback_name,
};

/// What claims of a token are called that mean something else already.
const TAKEN_CLAIMS: [&str; 9] = [
    "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "name",
];

/// Who may come in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessConfig {
    /// How tokens are checked; `None`: no key is configured.
    pub tokens: Option<TokensConfig>,
    /// Whether everybody may come in who reaches the server, wherever he is.
    pub open: bool,
    /// Where people reach this server.
    pub public_url: Option<PublicUrl>,
    /// Where people go who have been let in.
    pub frontend_url: Option<FrontendUrl>,
    /// Pages that may connect, beside those of the two.
    pub allowed_origins: Vec<Origin>,
}

impl AccessConfig {
    pub(super) fn read(settings: &Effective) -> Result<Self, ConfigError> {
        let open = settings.one_of(
            "SCRIBLE_OPEN",
            &[("no", false), ("yes", true), ("0", false), ("1", true)],
        )?;
        let tokens = tokens(settings)?;
        if open && tokens.is_some() {
            return Err(ConfigError(format!(
                "{} opens every room to everybody, but a key for tokens is set, too: take one of them away",
                settings.value("SCRIBLE_OPEN").place()
            )));
        }
        let public_url = optional(settings, "SCRIBLE_PUBLIC_URL", |text| {
            PublicUrl::parse(text).ok_or(
                "where browsers reach this server, for example https://sync.example.com, without a query and without a password",
            )
        })?;
        let frontend_url = optional(settings, "SCRIBLE_FRONTEND_URL", |text| {
            FrontendUrl::parse(text).ok_or(
                "the address of a front end with {room} behind its host, for example https://draw.example.com/?room={room}",
            )
        })?;
        let origins = optional(settings, "SCRIBLE_ALLOWED_ORIGINS", |text| {
            let written = text.split(',').map(str::trim).filter(|one| !one.is_empty());
            let read: Option<Vec<_>> = written.map(Origin::parse).collect();
            read.ok_or(
                "origins with commas between: scheme, host and perhaps a port, for example https://draw.example.com,http://localhost:5173",
            )
        })?;
        Ok(Self {
            tokens,
            open,
            public_url,
            frontend_url,
            allowed_origins: origins.unwrap_or_default(),
        })
    }

    /// How the doorkeeper of a server works that listens there.
    ///
    /// # Errors
    /// Where others can come and nothing says whom to let in.
    pub fn doorkeeper(&self, address: IpAddr) -> Result<DoorkeeperConfig, ConfigError> {
        let here = address.to_canonical().is_loopback();
        let mode = match &self.tokens {
            Some(tokens) => Mode::Guarded(tokens.clone()),
            None if self.open => Mode::Open(Hosts::Any),
            None if here => Mode::Open(Hosts::OfThisMachine),
            None => return Err(unguarded(&address.to_string())),
        };
        let listed: Vec<Origin> = [
            self.public_url.as_ref().map(PublicUrl::origin),
            self.frontend_url.as_ref().map(FrontendUrl::origin),
        ]
        .into_iter()
        .flatten()
        .chain(&self.allowed_origins)
        .cloned()
        .collect();
        let others = match &mode {
            Mode::Open(Hosts::Any) if self.allowed_origins.is_empty() => Others::Known,
            Mode::Open(Hosts::OfThisMachine) => Others::OfThisMachine,
            Mode::Guarded(_) if here && listed.is_empty() => Others::OfThisMachine,
            _ => Others::Foreign,
        };
        let is_https = self.public_url.as_ref().is_some_and(PublicUrl::is_https);
        Ok(DoorkeeperConfig {
            mode,
            origins: Origins { listed, others },
            transport: match is_https {
                true => Transport::Https,
                false => Transport::Http,
            },
        })
    }
}

impl Config {
    /// Whether a server may be started with these settings, as far as it can be told before it listens.
    ///
    /// # Errors
    /// As [`AccessConfig::doorkeeper`].
    pub fn refuse_to_stand_open(&self) -> Result<(), ConfigError> {
        let ListenConfig { host, .. } = &self.listen;
        let is_guarded = self.access.tokens.is_some() || self.access.open;
        match is_guarded || is_loopback_name(host) {
            true => Ok(()),
            false => Err(unguarded(host)),
        }
    }
}

fn unguarded(at: &str) -> ConfigError {
    ConfigError(format!(
        "on {at} others can reach this server, and nothing says whom to let in: set SCRIBLE_JWT_SECRET (or \
         SCRIBLE_JWT_PUBLIC_KEY or SCRIBLE_JWT_JWKS) to let in whoever has a token, or SCRIBLE_OPEN=1 to let everybody edit every room; \
         on 127.0.0.1 only this machine is let in"
    ))
}

fn tokens(settings: &Effective) -> Result<Option<TokensConfig>, ConfigError> {
    let secret = optional(settings, "SCRIBLE_JWT_SECRET", |text| {
        let secret = Secret::new(text);
        Keys::of_secret(&secret).map(|_| secret)
    })?;
    let public_key = optional(settings, "SCRIBLE_JWT_PUBLIC_KEY", |text| {
        let pem = match text.contains("-----BEGIN") {
            // Files of variables have no lines in a value.
            true => text.replace("\\n", "\n"),
            false => std::fs::read_to_string(Path::new(text)).map_err(|_| BadKey::NoPublicKey)?,
        };
        Keys::of_pem(&pem).map(|_| pem)
    })?;
    let key_set = optional(settings, "SCRIBLE_JWT_JWKS", |path| {
        let json = std::fs::read_to_string(Path::new(path)).map_err(|_| BadKey::NoKeySet)?;
        Keys::of_set(&json).map(|_| json)
    })?;
    let rooms_claim = settings.value("SCRIBLE_JWT_ROOMS_CLAIM");
    if rooms_claim.text().is_empty() || TAKEN_CLAIMS.contains(&rooms_claim.text()) {
        let taken = TAKEN_CLAIMS.join(", ");
        return Err(rooms_claim.wrong(&format!("the name of a claim, and none of {taken}")));
    }
    let text = |name| optional(settings, name, |text| Ok::<_, BadKey>(text.to_owned()));
    let config = TokensConfig {
        issuer: text("SCRIBLE_JWT_ISSUER")?,
        audience: text("SCRIBLE_JWT_AUDIENCE")?,
        rooms_claim: rooms_claim.text().to_owned(),
        leeway: Duration::from_secs(settings.number("SCRIBLE_JWT_LEEWAY_SECONDS", 0..=600)?),
        secret,
        public_key,
        key_set,
    };
    let has_key =
        config.secret.is_some() || config.public_key.is_some() || config.key_set.is_some();
    let for_nothing = ["SCRIBLE_JWT_ISSUER", "SCRIBLE_JWT_AUDIENCE"];
    let for_nothing = for_nothing.into_iter().find(|name| settings.is_set(name));
    match for_nothing.filter(|_| !has_key) {
        Some(name) => Err(ConfigError(format!(
            "{} is set, but no key to check tokens with: set SCRIBLE_JWT_SECRET, SCRIBLE_JWT_PUBLIC_KEY or SCRIBLE_JWT_JWKS",
            settings.value(name).place()
        ))),
        None => Ok(has_key.then_some(config)),
    }
}

/// What a setting says, where it says something; the error is what is allowed.
fn optional<T, E: ToString>(
    settings: &Effective,
    name: &str,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, ConfigError> {
    let value: &Value = settings.value(name);
    let read = value.raw.as_deref().map(read).transpose();
    read.map_err(|allowed| value.wrong(&allowed.to_string()))
}
