//! The value of a setting before it is read: where it comes from, how it may be shown, and the file that it may stand in.
//!
//! The rule: secrets are hidden wherever a value is shown.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::ConfigError;
use super::settings::{self, SETTINGS, Setting};

/// The text of a settings file and what to call it.
#[derive(Clone, Copy)]
pub struct FileText<'a> {
    /// For sentences.
    pub path: &'a Path,
    /// TOML.
    pub text: &'a str,
}

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// The command line.
    Flag,
    /// A variable.
    Environment,
    /// This file.
    File(PathBuf),
    /// Nobody said anything.
    Default,
}

/// The value of one setting, not yet read.
#[derive(Clone)]
pub struct Value {
    /// Which one.
    pub setting: &'static Setting,
    /// Where the value comes from.
    pub source: Source,
    /// As it was written; `None` for one that is unset.
    pub(super) raw: Option<String>,
}

impl Value {
    /// As it may be shown: secrets are hidden, and so is a password in a URL.
    pub fn shown(&self) -> String {
        match &self.raw {
            None => "(unset)".to_owned(),
            Some(_) if self.setting.secret => "****".to_owned(),
            // Nobody reads a key, and somebody may have taken the wrong half of it.
            Some(raw) if raw.contains("-----BEGIN") => "(a key)".to_owned(),
            Some(raw) => without_password(raw),
        }
    }

    pub(super) fn text(&self) -> &str {
        self.raw.as_deref().unwrap_or_default()
    }

    /// By the name that the person who wrote it used.
    pub(super) fn place(&self) -> String {
        let Setting {
            name, key, flag, ..
        } = self.setting;
        match &self.source {
            Source::Flag => format!("--{}", flag.unwrap_or(key)),
            Source::Environment => format!("{name} in the environment"),
            Source::File(path) => format!("{key} in {}", path.display()),
            Source::Default => format!("the default of {name}"),
        }
    }

    pub(super) fn wrong(&self, allowed: &str) -> ConfigError {
        ConfigError(format!(
            "{} is {:?}; allowed is {allowed}",
            self.place(),
            self.shown()
        ))
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} = {} ({})",
            self.setting.name,
            self.shown(),
            self.source
        )
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment => f.write_str("environment"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// `scheme://user:****@host`: the password ends at the last `@` before the path. It may stand behind `?` as well.
pub(super) fn without_password(url: &str) -> String {
    let shown = without_user_password(url);
    let Some((place, query)) = shown.split_once('?') else {
        return shown;
    };
    let hidden = |part: &str| match part.split_once('=') {
        Some((name @ ("password" | "sslpassword"), _)) => format!("{name}=****"),
        _ => part.to_owned(),
    };
    let query: Vec<String> = query.split('&').map(hidden).collect();
    format!("{place}?{}", query.join("&"))
}

fn without_user_password(url: &str) -> String {
    let hidden = || {
        // Without the slashes it is no URL yet, and the password is there all the same.
        let slashless = || {
            let split = url.split_once(':')?;
            ["postgres", "postgresql"]
                .contains(&split.0)
                .then_some(split)
        };
        let (_, rest) = url.split_once("://").or_else(slashless)?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let (user_info, _) = authority.rsplit_once('@')?;
        let (user, _) = user_info.split_once(':')?;
        let before = &url[..url.len() - rest.len()];
        Some(format!("{before}{user}:****{}", &rest[user_info.len()..]))
    };
    hidden().unwrap_or_else(|| url.to_owned())
}

pub(super) fn read_file(file: FileText<'_>) -> Result<BTreeMap<String, String>, ConfigError> {
    let path = file.path.display();
    let table: toml::Table = file.text.parse().map_err(|e: toml::de::Error| {
        let line = e
            .span()
            .map_or(0, |span| file.text[..span.start].matches('\n').count() + 1);
        ConfigError(format!(
            "{path} is not valid TOML at line {line}: {}",
            e.message()
        ))
    })?;
    let mut values = BTreeMap::new();
    for (key, value) in table {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else {
            let nearest = settings::nearest(&key, SETTINGS.iter().map(|setting| setting.key));
            return Err(ConfigError(format!(
                "{path} has an unknown key {key:?}; did you mean {nearest:?}?"
            )));
        };
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            // Not shown: it may be a secret that lacks its quotes.
            other => {
                return Err(ConfigError(format!(
                    "{key} in {path} is a {}; allowed is a text in quotes or a whole number",
                    other.type_str()
                )));
            }
        };
        values.insert(setting.key.to_owned(), text);
    }
    Ok(values)
}
