//! Every setting, from flag, environment, file or default, in that order; the only reader of the environment.
//!
//! Values are gathered first ([`Effective`], which `scrible config` shows) and then read and checked ([`Config`], which is
//! passed down as plain structs). The rule: a setting that cannot be honoured stops the start with a sentence; it is
//! never replaced by something else in silence.

mod access;
mod edge;
mod limits;
mod objects;
mod settings;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use scrible_store::{Database, Durability};

use crate::bus::RedisAddress;
use crate::compact::Retention;
use crate::doc_worker::DocWorkersConfig;
use crate::fonts::{FontsConfig, SystemFonts};
use crate::room::CompactionConfig;

pub use self::access::AccessConfig;
pub use self::edge::EdgeConfig;
pub use self::limits::LimitsConfig;
pub use self::objects::{Bucket, ObjectsPlace, ObjectsSettings};
pub use self::settings::{SETTINGS, Setting, TOKEN_VARIABLE};
use self::value::read_file;
pub use self::value::{FileText, Source, Value};

/// Read from the working folder if it is there and no other file was named.
const DEFAULT_FILE: &str = "scrible.toml";

/// What a server needs to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: ListenConfig,
    /// Where and how to store.
    pub store: StoreConfig,
    /// How to reach other nodes; `None`: there are none.
    pub redis: Option<RedisConfig>,
    /// What to log.
    pub log: LogConfig,
    /// How much to take.
    pub limits: LimitsConfig,
    /// How many may connect, and over which proxies.
    pub edge: EdgeConfig,
    /// Who may come in.
    pub access: AccessConfig,
    /// When things happen by themselves.
    pub timing: TimingConfig,
    /// When snapshots are made and how long they stay.
    pub history: HistoryConfig,
    /// How documents are opened.
    pub documents: DocumentsConfig,
    /// Where files are kept.
    pub objects: ObjectsSettings,
    /// How exports are made and kept.
    pub exports: ExportSettings,
    /// Where metrics are served; `None`: nowhere.
    pub metrics_listen: Option<SocketAddr>,
}

/// Where to listen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListenConfig {
    /// An IP address without brackets, or a host name.
    pub host: String,
    /// 0 for any free one.
    pub port: u16,
}

/// Where and how to store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreConfig {
    /// Where.
    pub database: Database,
    /// What an acknowledgement promises.
    pub durability: Durability,
    /// How long the start waits for a database server that does not answer yet.
    pub wait: Duration,
}

/// The Redis that nodes talk through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RedisConfig {
    /// Where.
    pub address: RedisAddress,
    /// What all names there begin with.
    pub prefix: String,
}

/// What to log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogConfig {
    /// A tracing filter, known to be one.
    pub filter: String,
    /// For people or for programs.
    pub format: LogFormat,
}

/// For whom the log is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// Lines for people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// When things happen by themselves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimingConfig {
    /// How long a room stays in memory after its last client.
    pub room_idle: Duration,
    /// How often awareness is sent on.
    pub awareness_interval: Duration,
    /// How often a connection is probed.
    pub ping_interval: Duration,
    /// How long a client may go without a message.
    pub keepalive: Duration,
    /// How long a server that was told to stop goes on before it does.
    pub drain_delay: Duration,
    /// How long stopping may take after that.
    pub shutdown: Duration,
}

/// When snapshots are made and how long they stay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HistoryConfig {
    /// Stored updates at which a room is compacted.
    pub compact_rows: u64,
    /// Their bytes.
    pub compact_bytes: usize,
    /// How often a version is kept of a room that is being changed.
    pub version_interval: Duration,
    /// How long every version stays.
    pub keep_all: Duration,
    /// How long one version an hour stays.
    pub keep_hourly: Duration,
    /// How long one version a day stays; `None`: for ever.
    pub keep_daily: Option<Duration>,
}

/// How documents are opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DocumentsConfig {
    /// Processes.
    pub workers: usize,
    /// How long one may take for one request.
    pub time_limit: Duration,
    /// The largest doc.
    pub max_bytes: usize,
    /// Beyond the bundled ones.
    pub fonts: FontsConfig,
}

/// How exports are made and kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportSettings {
    /// At once, in one process; `None`: as many as suit it.
    pub workers: Option<usize>,
    /// How long a file stays where nobody says.
    pub life: Duration,
    /// Bytes of the files of one room's exports.
    pub room_bytes: u64,
}

impl HistoryConfig {
    /// How long versions stay.
    pub fn retention(&self) -> Retention {
        Retention {
            all: self.keep_all,
            hourly: self.keep_hourly,
            daily: self.keep_daily,
        }
    }

    /// When a base is replaced.
    pub fn compaction(&self) -> CompactionConfig {
        CompactionConfig {
            rows: self.compact_rows,
            bytes: self.compact_bytes,
        }
    }
}

impl DocumentsConfig {
    /// The pool of this program's own children.
    pub fn workers(&self) -> DocWorkersConfig {
        DocWorkersConfig {
            // The very program that runs, also after an upgrade has replaced the file under its name.
            program: PathBuf::from("/proc/self/exe"),
            workers: self.workers,
            max_doc_bytes: self.max_bytes,
            time_limit: self.time_limit,
            fonts: self.fonts.clone(),
        }
    }
}

/// Why the program does not start: one sentence for the person who started it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// What was given on the command line. Not `Debug`: nothing here is hidden.
#[derive(Clone, Default)]
pub struct Given {
    /// By [`Setting::name`].
    pub flags: BTreeMap<&'static str, String>,
    /// `--config`.
    pub file: Option<PathBuf>,
}

/// All settings with their sources, and what seemed odd on the way.
#[derive(Clone, Debug)]
pub struct Effective {
    /// In the order of [`SETTINGS`].
    pub values: Vec<Value>,
    /// Sentences about variables that look like settings and are none.
    pub warnings: Vec<String>,
}

impl Effective {
    /// Gathers the settings of this process.
    pub fn load(given: &Given) -> Result<Self, ConfigError> {
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let environment = std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value)));
        let environment: BTreeMap<String, String> = environment.collect();
        let named = environment
            .get(settings::FILE_VARIABLE)
            .filter(|path| !path.is_empty());
        let named = given.file.clone().or(named.map(PathBuf::from));
        let path = named.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(e) if named.is_none() && e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => {
                return Err(ConfigError(format!(
                    "cannot read the settings in {}: {e}",
                    path.display()
                )));
            }
        };
        let file = text.as_deref().map(|text| FileText { path, text });
        Self::gather(given, &environment, file)
    }

    /// Gathers settings from what is passed in and nothing else.
    pub fn gather(
        given: &Given,
        environment: &BTreeMap<String, String>,
        file: Option<FileText<'_>>,
    ) -> Result<Self, ConfigError> {
        let mut from_file = file.map(read_file).transpose()?.unwrap_or_default();
        let values = SETTINGS.iter().map(|setting| {
            // Compose files pass on variables that are not set as empty ones, so empty is unset.
            let variable = environment
                .get(setting.name)
                .filter(|value| !value.is_empty());
            let (raw, source) = if let Some(value) = given.flags.get(setting.name) {
                (Some(value.clone()), Source::Flag)
            } else if let Some(value) = variable {
                (Some(value.clone()), Source::Environment)
            } else if let (Some(value), Some(file)) = (from_file.remove(setting.key), file) {
                (Some(value), Source::File(file.path.to_owned()))
            } else {
                (setting.default.map(str::to_owned), Source::Default)
            };
            Value {
                setting,
                source,
                raw,
            }
        });
        Ok(Self {
            values: values.collect(),
            warnings: settings::unknown_variables(environment),
        })
    }

    /// Reads and checks all values.
    pub fn config(&self) -> Result<Config, ConfigError> {
        self.refuse_what_we_cannot_honour()?;
        Ok(Config {
            listen: ListenConfig {
                host: self.host()?,
                port: self.number("PORT", 0..=u16::MAX.into())? as u16,
            },
            store: StoreConfig {
                database: self.database()?,
                durability: self.one_of(
                    "SCRIBLE_DURABILITY",
                    &[("full", Durability::Full), ("relaxed", Durability::Relaxed)],
                )?,
                wait: self.seconds("SCRIBLE_DATABASE_WAIT_SECONDS", 0..=3600)?,
            },
            redis: self.redis()?,
            log: LogConfig {
                filter: self.log_filter()?,
                format: self.one_of(
                    "SCRIBLE_LOG_FORMAT",
                    &[("pretty", LogFormat::Pretty), ("json", LogFormat::Json)],
                )?,
            },
            limits: LimitsConfig::read(self)?,
            edge: EdgeConfig::read(self)?,
            access: AccessConfig::read(self)?,
            timing: TimingConfig {
                room_idle: self.seconds("SCRIBLE_ROOM_IDLE_SECONDS", 0..=86_400)?,
                awareness_interval: Duration::from_millis(
                    self.number("SCRIBLE_AWARENESS_INTERVAL_MS", 5..=1000)?,
                ),
                ping_interval: self.seconds("SCRIBLE_PING_INTERVAL_SECONDS", 1..=3600)?,
                keepalive: self.seconds("SCRIBLE_KEEPALIVE_SECONDS", 1..=29)?,
                drain_delay: self.seconds("SCRIBLE_DRAIN_DELAY_SECONDS", 0..=3600)?,
                shutdown: self.seconds("SCRIBLE_SHUTDOWN_SECONDS", 1..=3600)?,
            },
            history: HistoryConfig {
                compact_rows: self.number("SCRIBLE_COMPACT_ROWS", 1..=1_000_000)?,
                compact_bytes: self.size("SCRIBLE_COMPACT_BYTES", 1..=1 << 30)?,
                version_interval: self.seconds("SCRIBLE_VERSION_INTERVAL_SECONDS", 1..=86_400)?,
                keep_all: self.hours("SCRIBLE_KEEP_ALL_HOURS", 1)?,
                keep_hourly: self.hours("SCRIBLE_KEEP_HOURLY_DAYS", 24)?,
                keep_daily: match self.is_set("SCRIBLE_KEEP_DAILY_DAYS") {
                    true => Some(self.hours("SCRIBLE_KEEP_DAILY_DAYS", 24)?),
                    false => None,
                },
            },
            documents: DocumentsConfig {
                workers: self.number("SCRIBLE_DOC_WORKERS", 1..=64)? as usize,
                time_limit: self.seconds("SCRIBLE_DOC_SECONDS", 1..=3600)?,
                max_bytes: self.size("SCRIBLE_MAX_DOC_BYTES", 1 << 20..=1 << 30)?,
                fonts: FontsConfig {
                    folders: self.folders("SCRIBLE_FONTS_DIR")?,
                    system: self.one_of(
                        "SCRIBLE_SYSTEM_FONTS",
                        &[("no", SystemFonts::Left), ("yes", SystemFonts::Taken)],
                    )?,
                },
            },
            objects: ObjectsSettings::read(self)?,
            exports: ExportSettings {
                workers: match self.is_set("SCRIBLE_EXPORT_WORKERS") {
                    true => Some(self.number("SCRIBLE_EXPORT_WORKERS", 0..=64)? as usize),
                    false => None,
                },
                life: Duration::from_secs(
                    self.number("SCRIBLE_EXPORT_TTL_HOURS", 1..=8_760)? * 60 * 60,
                ),
                room_bytes: self.size("SCRIBLE_MAX_ROOM_EXPORT_BYTES", 1 << 10..=1 << 50)? as u64,
            },
            metrics_listen: self.metrics_listen()?,
        })
    }

    /// To go on without it would look as if it worked, with rooms split between nodes.
    fn refuse_what_we_cannot_honour(&self) -> Result<(), ConfigError> {
        let refuse =
            |value: &Value, why: &str| Err(ConfigError(format!("{} {why}", value.place())));
        let redis = self.value("REDIS_URL");
        if redis.raw.is_some() && self.value("DATABASE_URL").text().starts_with("sqlite:") {
            return refuse(
                redis,
                "is set, but DATABASE_URL is a SQLite file, which nodes cannot share: unset it and run one node, or set \
                 DATABASE_URL to postgres://USER:PASSWORD@HOST/DATABASE",
            );
        }
        Ok(())
    }

    fn is_set(&self, name: &str) -> bool {
        self.value(name).raw.is_some()
    }

    fn value(&self, name: &str) -> &Value {
        let found = self.values.iter().find(|value| value.setting.name == name);
        found.expect("the name stands in the table")
    }

    fn host(&self) -> Result<String, ConfigError> {
        let value = self.value("HOST");
        let bare = value
            .text()
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let host = bare.unwrap_or(value.text());
        let is_name = !host.is_empty()
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
        if host.parse::<IpAddr>().is_ok() || is_name {
            Ok(host.to_owned())
        } else {
            Err(value.wrong("an IP address or a host name, without a port"))
        }
    }

    fn metrics_listen(&self) -> Result<Option<SocketAddr>, ConfigError> {
        let value = self.value("SCRIBLE_METRICS_LISTEN");
        if value.raw.is_none() {
            return Ok(None);
        }
        value.text().parse().map(Some).map_err(|_| {
            value.wrong("an IP address and a port, for example 127.0.0.1:9464 or [::1]:9464")
        })
    }

    fn database(&self) -> Result<Database, ConfigError> {
        let value = self.value("DATABASE_URL");
        let allowed = "sqlite: and the path of a file, for example sqlite:./data/scrible.db, or \
                       postgres://USER:PASSWORD@HOST/DATABASE";
        // A path alone would make a file of what is mistyped.
        let known = ["sqlite:", "postgres://", "postgresql://"];
        if !known.iter().any(|scheme| value.text().starts_with(scheme)) {
            return Err(value.wrong(allowed));
        }
        Database::of(value.text()).map_err(|why| value.wrong(&format!("{allowed} ({why})")))
    }

    fn redis(&self) -> Result<Option<RedisConfig>, ConfigError> {
        let value = self.value("REDIS_URL");
        let prefix = self.value("SCRIBLE_REDIS_PREFIX");
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        // Braces would be a hash tag of their own.
        if prefix.text().is_empty() || prefix.text().len() > 64 || !prefix.text().chars().all(fits)
        {
            return Err(prefix.wrong("up to 64 letters, digits and any of - _ . :"));
        }
        if value.raw.is_none() {
            return Ok(None);
        }
        match RedisAddress::parse(value.text()) {
            Ok(address) => Ok(Some(RedisConfig {
                address,
                prefix: prefix.text().to_owned(),
            })),
            Err(bad) => Err(value.wrong(&bad.to_string())),
        }
    }

    fn log_filter(&self) -> Result<String, ConfigError> {
        let value = self.value("SCRIBLE_LOG");
        match tracing_subscriber::EnvFilter::builder().parse(value.text()) {
            Ok(_) => Ok(value.text().to_owned()),
            Err(_) => Err(value.wrong(
                "off, error, warn, info, debug, trace, or such a level for a module, for example \
                 info,scrible::journal=debug",
            )),
        }
    }

    fn one_of<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<T, ConfigError> {
        let value = self.value(name);
        let chosen = choices.iter().find(|(text, _)| *text == value.text());
        chosen.map(|&(_, choice)| choice).ok_or_else(|| {
            let texts: Vec<&str> = choices.iter().map(|&(text, _)| text).collect();
            value.wrong(&texts.join(" or "))
        })
    }

    /// As in PATH, with ":" between.
    fn folders(&self, name: &str) -> Result<Vec<PathBuf>, ConfigError> {
        let value = self.value(name);
        let folders: Vec<PathBuf> = std::env::split_paths(value.text())
            .filter(|folder| !folder.as_os_str().is_empty())
            .collect();
        match folders.iter().all(|folder| folder.exists()) {
            true => Ok(folders),
            false => Err(value.wrong("a folder that is there, or several with \":\" between")),
        }
    }

    fn number(&self, name: &str, range: RangeInclusive<u64>) -> Result<u64, ConfigError> {
        let value = self.value(name);
        let number = value.text().parse().ok().filter(|n| range.contains(n));
        number.ok_or_else(|| {
            value.wrong(&format!(
                "a whole number from {} to {}",
                range.start(),
                range.end()
            ))
        })
    }

    fn seconds(&self, name: &str, range: RangeInclusive<u64>) -> Result<Duration, ConfigError> {
        self.number(name, range).map(Duration::from_secs)
    }

    /// A time that is given in units of so many hours; 0 is "not at all".
    fn hours(&self, name: &str, unit: u64) -> Result<Duration, ConfigError> {
        let number = self.number(name, 0..=100_000)?;
        Ok(Duration::from_secs(number * unit * 60 * 60))
    }

    fn size(&self, name: &str, range: RangeInclusive<u64>) -> Result<usize, ConfigError> {
        let value = self.value(name);
        let size = value
            .text()
            .parse::<ByteSize>()
            .ok()
            .map(|size| size.as_u64());
        let size = size
            .filter(|n| range.contains(n))
            .and_then(|n| usize::try_from(n).ok());
        size.ok_or_else(|| {
            let [least, most] = [range.start(), range.end()].map(|n| ByteSize(*n).display().iec());
            value.wrong(&format!(
                "a size from {least} to {most}, in bytes or as 64MiB"
            ))
        })
    }
}
