//! `scrible token`: mints a token, for trying things out and for programs that have no login of their own.
//!
//! Knows arguments and keys; what a token means is [`access`](crate::access)'s. The rule: standard output holds the token and nothing else.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Map, Value, json};

use crate::access::{ADMIN_SCOPE, Role, Secret, Tokens};
use crate::config::{AccessConfig, Config};

/// How long a token is good without `--expires`.
const DEFAULT_LIFE: &str = "1h";

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Args {
    /// `--sub`.
    pub subject: String,
    /// `--name`.
    pub name: Option<String>,
    /// `--room`, as often as it stood there.
    pub rooms: Vec<(String, Role)>,
    /// `--admin`.
    pub admin: bool,
    /// `--expires`.
    pub expires: Duration,
    /// `--key`: a private key in PEM.
    pub key: Option<PathBuf>,
    /// `--kid`.
    pub key_id: Option<String>,
}

impl Args {
    /// The command as the parser knows it.
    pub fn command() -> Command {
        let text =
            |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
        Command::new("token")
            .about("Make a token that this server takes, and print it")
            .after_help("It is signed with SCRIBLE_JWT_SECRET, or with --key; issuer, audience and the name of the claim for rooms are those of the settings.")
            .arg(text("sub", "ID").required(true).help("Who it is for"))
            .arg(text("name", "TEXT").help("What the person is called"))
            .arg(
                text("room", "ROOM=ROLE")
                    .action(ArgAction::Append)
                    .value_parser(room)
                    .help("What may be done where: a room, or a beginning and *, and viewer, editor or owner; may be given several times"),
            )
            .arg(
                Arg::new("admin")
                    .long("admin")
                    .action(ArgAction::SetTrue)
                    .help("Owner of every room"),
            )
            .arg(
                text("expires", "TIME")
                    .default_value(DEFAULT_LIFE)
                    .value_parser(life)
                    .help("How long it is good, for example 15m, 12h or 30days"),
            )
            .arg(
                text("key", "FILE")
                    .value_parser(clap::value_parser!(PathBuf))
                    .help("Private key in PEM (PKCS #8) to sign with: P-256, Ed25519 or RSA"),
            )
            .arg(text("kid", "ID").help("What the key is called in a key set"))
    }

    /// Out of what was parsed by [`Args::command`].
    pub fn of(matches: &ArgMatches) -> Self {
        let text = |name: &str| matches.get_one::<String>(name).cloned();
        let rooms = matches.get_many::<(String, Role)>("room");
        Self {
            subject: text("sub").unwrap_or_default(),
            name: text("name"),
            rooms: rooms.unwrap_or_default().cloned().collect(),
            admin: matches.get_flag("admin"),
            expires: matches.get_one("expires").copied().unwrap_or_default(),
            key: matches.get_one::<PathBuf>("key").cloned(),
            key_id: text("kid"),
        }
    }
}

/// 0 when a token was printed that a server with these settings takes.
pub fn run(args: &Args, config: &Config) -> ExitCode {
    let made = mint(args, &config.access);
    let printed = made.and_then(|token| {
        writeln!(std::io::stdout(), "{}", token.reveal()).context("print the token")
    });
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scrible: no token: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A token, checked as a server with these settings would check it.
fn mint(args: &Args, access: &AccessConfig) -> Result<Secret> {
    let tokens = access.tokens.as_ref();
    let secret = tokens.and_then(|tokens| tokens.secret.as_ref());
    let (algorithm, key) = match (&args.key, secret) {
        (Some(path), _) => private_key(path)?,
        (None, Some(secret)) => {
            let key = EncodingKey::from_secret(secret.reveal().as_bytes());
            (Algorithm::HS256, key)
        }
        (None, None) => bail!(
            "SCRIBLE_JWT_SECRET is not set: set it as for the server, or name the file of a private key with --key"
        ),
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), json!(args.subject));
    claims.insert("iat".to_owned(), json!(now.as_secs()));
    claims.insert(
        "exp".to_owned(),
        json!(now.as_secs().saturating_add(args.expires.as_secs())),
    );
    let rooms_claim = tokens.map_or("rooms", |tokens| &tokens.rooms_claim);
    let rooms = args
        .rooms
        .iter()
        .map(|(room, role)| (room.clone(), json!(role.as_str())));
    let rooms: Map<String, Value> = rooms.collect();
    let optional = [
        ("name", args.name.as_deref().map(Value::from)),
        (
            "iss",
            tokens
                .and_then(|tokens| tokens.issuer.as_deref())
                .map(Value::from),
        ),
        (
            "aud",
            tokens
                .and_then(|tokens| tokens.audience.as_deref())
                .map(Value::from),
        ),
        ("scope", args.admin.then_some(ADMIN_SCOPE).map(Value::from)),
        (
            rooms_claim,
            (!rooms.is_empty()).then_some(Value::Object(rooms)),
        ),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            claims.insert(name.to_owned(), value);
        }
    }
    let header = Header {
        kid: args.key_id.clone(),
        ..Header::new(algorithm)
    };
    let token = Secret::new(&encode(&header, &claims, &key).context("sign it")?);
    if let Some(tokens) = tokens {
        let refused = Tokens::new(tokens)?.read(&token).err();
        if let Some(why) = refused {
            bail!("a server with these settings would not take it: {why}");
        }
    }
    Ok(token)
}

fn private_key(path: &Path) -> Result<(Algorithm, EncodingKey)> {
    let pem = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    let kinds = [
        (Algorithm::ES256, EncodingKey::from_ec_pem(&pem)),
        (Algorithm::EdDSA, EncodingKey::from_ed_pem(&pem)),
        (Algorithm::RS256, EncodingKey::from_rsa_pem(&pem)),
    ];
    let read = kinds
        .into_iter()
        .find_map(|(algorithm, key)| Some((algorithm, key.ok()?)));
    read.with_context(|| {
        format!(
            "{} holds no private key in PEM (PKCS #8) for ES256, EdDSA or RS256; `openssl pkcs8 -topk8 -nocrypt` makes one of other forms",
            path.display()
        )
    })
}

fn room(text: &str) -> Result<(String, Role), String> {
    let split = text.rsplit_once('=').filter(|(room, _)| !room.is_empty());
    let read = split.and_then(|(room, role)| Some((room.to_owned(), Role::of(role)?)));
    read.ok_or_else(|| "write it as ROOM=viewer, ROOM=editor or ROOM=owner".to_owned())
}

fn life(text: &str) -> Result<Duration, String> {
    let life = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match life.as_secs() {
        0 => Err("less than a second is no time".to_owned()),
        _ => Ok(life),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::TokensConfig;

    fn access(secret: Option<&str>) -> AccessConfig {
        AccessConfig {
            tokens: secret.map(|secret| TokensConfig {
                secret: Some(Secret::new(secret)),
                public_key: None,
                key_set: None,
                issuer: Some("https://login.example".to_owned()),
                audience: Some("scrible".to_owned()),
                rooms_claim: "boards".to_owned(),
                leeway: Duration::ZERO,
            }),
            open: false,
            public_url: None,
            frontend_url: None,
            allowed_origins: Vec::new(),
        }
    }

    fn parse(line: &str) -> Result<Args, clap::Error> {
        let words = std::iter::once("token").chain(line.split_whitespace());
        Args::command()
            .try_get_matches_from(words)
            .map(|matches| Args::of(&matches))
    }

    #[test]
    fn u16_what_was_asked_for_is_what_a_server_reads() {
        let args =
            parse("--sub ann --name Ann --room team/*=editor --room a=b=owner --expires 90s")
                .unwrap();
        let access = access(Some("0123456789abcdef0123456789abcdef"));
        let token = mint(&args, &access).unwrap();
        let tokens = Tokens::new(access.tokens.as_ref().unwrap()).unwrap();
        let claims = tokens.read(&token).unwrap();
        assert_eq!(
            (&*claims.subject, claims.name.as_deref()),
            ("ann", Some("Ann"))
        );
        assert_eq!(
            claims.rooms,
            [("team/*".into(), Role::Editor), ("a=b".into(), Role::Owner)]
        );
        assert!(!claims.is_admin);
        let admin = mint(&parse("--sub ann --admin").unwrap(), &access).unwrap();
        assert!(tokens.read(&admin).unwrap().is_admin);
    }

    #[test]
    fn u16_what_cannot_be_is_refused() {
        for line in [
            "",
            "--sub ann --room demo",
            "--sub ann --room demo=admin",
            "--sub ann --room =owner",
            "--sub ann --expires 0s",
            "--sub ann --expires soon",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        let args = parse("--sub ann").unwrap();
        let none = mint(&args, &access(None)).unwrap_err().to_string();
        assert!(none.contains("SCRIBLE_JWT_SECRET"), "{none}");
        // Signed with a key that the server of these settings does not have.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        std::fs::write(&path, include_bytes!("../access/tests/keys/eddsa.pem")).unwrap();
        let with_key = Args {
            key: Some(path.clone()),
            ..args.clone()
        };
        assert!(mint(&with_key, &access(None)).is_ok());
        let refused = mint(&with_key, &access(Some("0123456789abcdef0123456789abcdef")));
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("would not take it"), "{refused}");
        std::fs::write(&path, "no key").unwrap();
        assert!(mint(&with_key, &access(None)).is_err());
    }
}
