//! The table of settings, from which `--help`, `scrible config` and the check of the example file are made.
//!
//! Knows names and meanings, not how a value is read. The rule: a setting that is not in this table does not exist.

use std::collections::BTreeMap;

/// Names the settings file.
pub const FILE_VARIABLE: &str = "SCRIBLE_CONFIG";
/// What commands show to a running server. No setting of a server, and read by the parser of arguments.
pub const TOKEN_VARIABLE: &str = "SCRIBLE_TOKEN";
/// What all variables of ours but the common ones begin with.
pub const PREFIX: &str = "SCRIBLE_";

/// What other servers call the secret of tokens.
const BARE_SECRET: &str = "JWT_SECRET";

/// The unit of a list of folders: on a command line it may be given several times.
const FOLDERS: &str = "DIR";
/// The unit of a setting that is on or off: on a command line its name alone is on.
const SWITCH: &str = "yes|no";

/// One setting, under each of its names.
#[derive(Debug)]
pub struct Setting {
    /// In the environment.
    pub name: &'static str,
    /// In the file.
    pub key: &'static str,
    /// On the command line, without the dashes. Secrets have none: everybody on a machine can read command lines.
    pub flag: Option<&'static str>,
    /// As it would be written; `None` when unset is a meaning of its own.
    pub default: Option<&'static str>,
    /// What a value looks like, for the help.
    pub unit: &'static str,
    /// One line.
    pub meaning: &'static str,
    /// Whether the value is hidden wherever it would be shown.
    pub secret: bool,
}

impl Setting {
    /// Whether it is a list of folders.
    pub fn is_folders(&self) -> bool {
        self.unit == FOLDERS
    }

    /// Whether it is on or off.
    pub fn is_switch(&self) -> bool {
        self.unit == SWITCH
    }
}

/// Every setting there is.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "HOST",
        key: "host",
        flag: Some("host"),
        default: Some("127.0.0.1"),
        unit: "ADDRESS",
        meaning: "Address to listen on; 0.0.0.0 or :: for all of this machine",
        secret: false,
    },
    Setting {
        name: "PORT",
        key: "port",
        flag: Some("port"),
        default: Some("3001"),
        unit: "NUMBER",
        meaning: "Port to listen on; 0 for any free one",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_TRUSTED_PROXIES",
        key: "trusted_proxies",
        flag: Some("trusted-proxies"),
        default: None,
        unit: "ADDRESSES",
        meaning: "Proxies whose X-Forwarded-For is believed: addresses or networks with commas between, for example 10.0.0.0/8",
        secret: false,
    },
    Setting {
        name: "DATABASE_URL",
        key: "database_url",
        flag: Some("database-url"),
        default: Some("sqlite:./data/scrible.db"),
        unit: "URL",
        meaning: "Where rooms are stored: sqlite: and a path, which is created, or postgres://USER:PASSWORD@HOST/DATABASE",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_DATABASE_WAIT_SECONDS",
        key: "database_wait_seconds",
        flag: Some("database-wait-seconds"),
        default: Some("30"),
        unit: "SECONDS",
        meaning: "How long the start waits for a Postgres server that does not answer yet",
        secret: false,
    },
    Setting {
        name: "REDIS_URL",
        key: "redis_url",
        flag: None,
        default: None,
        unit: "URL",
        meaning: "Redis that several nodes talk through: redis://, rediss://, unix:// or redis+cluster://HOST:PORT,HOST:PORT; needs Postgres; unset: one node",
        secret: true,
    },
    Setting {
        name: "SCRIBLE_REDIS_PREFIX",
        key: "redis_prefix",
        flag: Some("redis-prefix"),
        default: Some("scrible"),
        unit: "TEXT",
        meaning: "What all names in Redis begin with, so that two deployments can share one",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_JWT_SECRET",
        key: "jwt_secret",
        flag: None,
        default: None,
        unit: "TEXT",
        meaning: "What tokens are signed with (HS256), at least 32 bytes; only who has a token, a password or an invite comes in",
        secret: true,
    },
    Setting {
        name: "SCRIBLE_JWT_PUBLIC_KEY",
        key: "jwt_public_key",
        flag: Some("jwt-public-key"),
        default: None,
        unit: "PEM|FILE",
        meaning: "Public key that tokens are checked with: P-256 (ES256), Ed25519 (EdDSA) or RSA (RS256), in PEM or as the path of a file",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_JWT_JWKS",
        key: "jwt_jwks",
        flag: Some("jwt-jwks"),
        default: None,
        unit: "FILE",
        meaning: "The same as a JSON Web Key Set, of which a token names its key; read when the server starts",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_JWT_ISSUER",
        key: "jwt_issuer",
        flag: Some("jwt-issuer"),
        default: None,
        unit: "TEXT",
        meaning: "What a token has to have as iss; unset: anything",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_JWT_AUDIENCE",
        key: "jwt_audience",
        flag: Some("jwt-audience"),
        default: None,
        unit: "TEXT",
        meaning: "What a token has to have as aud, or among it; unset: tokens with aud are refused",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_JWT_ROOMS_CLAIM",
        key: "jwt_rooms_claim",
        flag: Some("jwt-rooms-claim"),
        default: Some("rooms"),
        unit: "NAME",
        meaning: "The claim of a token that says who may do what: an object from a room, or a beginning and *, to viewer, editor or owner",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_JWT_LEEWAY_SECONDS",
        key: "jwt_leeway_seconds",
        flag: Some("jwt-leeway-seconds"),
        default: Some("30"),
        unit: "SECONDS",
        meaning: "How far the clocks of who signs tokens and of this machine may be apart",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_OPEN",
        key: "open",
        flag: Some("open"),
        default: Some("no"),
        unit: SWITCH,
        meaning: "Whether everybody who reaches the server may edit every room that nobody has closed; without tokens it has to be said unless only this machine can reach it",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_PUBLIC_URL",
        key: "public_url",
        flag: Some("public-url"),
        default: None,
        unit: "URL",
        meaning: "Where browsers reach this server, for example https://sync.example.com; for links, and for cookies that need TLS",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_FRONTEND_URL",
        key: "frontend_url",
        flag: Some("frontend-url"),
        default: None,
        unit: "URL",
        meaning: "Where people go who were let in, with {room}, for example https://draw.example.com/?room={room}",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_ALLOWED_ORIGINS",
        key: "allowed_origins",
        flag: Some("allowed-origins"),
        default: None,
        unit: "ORIGINS",
        meaning: "Pages that may connect, beside those of the two addresses, with commas between, for example https://draw.example.com",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_DURABILITY",
        key: "durability",
        flag: Some("durability"),
        default: Some("full"),
        unit: "full|relaxed",
        meaning: "Whether what was acknowledged survives a power cut (full) or only the end of the process (relaxed)",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_LOG",
        key: "log",
        flag: Some("log"),
        default: Some("info"),
        unit: "FILTER",
        meaning: "What is logged, for example warn or info,scrible::journal=debug",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_LOG_FORMAT",
        key: "log_format",
        flag: Some("log-format"),
        default: Some("pretty"),
        unit: "pretty|json",
        meaning: "How it is logged: for people, or one JSON object a line",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_METRICS_LISTEN",
        key: "metrics_listen",
        flag: Some("metrics-listen"),
        default: None,
        unit: "ADDRESS:PORT",
        meaning: "Where /metrics is served for Prometheus, for example 127.0.0.1:9464; unset: nowhere",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_MAX_CONNECTIONS",
        key: "max_connections",
        flag: Some("max-connections"),
        default: None,
        unit: "NUMBER",
        meaning: "WebSocket connections at once; unset: as many as there may be open files",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_MAX_CONNECTIONS_PER_ADDRESS",
        key: "max_connections_per_address",
        flag: Some("max-connections-per-address"),
        default: Some("500"),
        unit: "NUMBER",
        meaning: "The same from one address (of IPv6, one /64), but not from this machine; 0: no limit",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_MAX_CONNECTIONS_PER_ROOM",
        key: "max_connections_per_room",
        flag: Some("max-connections-per-room"),
        default: Some("2000"),
        unit: "NUMBER",
        meaning: "The same in one room; 0: no limit",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_MAX_MESSAGE_BYTES",
        key: "max_message_bytes",
        flag: Some("max-message-bytes"),
        default: Some("64MiB"),
        unit: "SIZE",
        meaning: "Largest message of a client; a pasted picture is one",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_MAX_INCOMING_BYTES",
        key: "max_incoming_bytes",
        flag: Some("max-incoming-bytes"),
        default: Some("256MiB"),
        unit: "SIZE",
        meaning: "Memory for large messages of all clients while they come; beyond it they come one after another",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_MAX_UNCOMMITTED_BYTES",
        key: "max_uncommitted_bytes",
        flag: Some("max-uncommitted-bytes"),
        default: Some("256MiB"),
        unit: "SIZE",
        meaning: "Edits of all rooms that may wait to be stored; beyond it writers are refused",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_MAX_MESSAGES_PER_SECOND",
        key: "max_messages_per_second",
        flag: Some("max-messages-per-second"),
        default: Some("1000"),
        unit: "NUMBER",
        meaning: "Messages a second of one connection, four seconds' worth at once; a faster one is read more slowly; 0: no limit",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_MAX_BYTES_PER_SECOND",
        key: "max_bytes_per_second",
        flag: Some("max-bytes-per-second"),
        default: Some("16MiB"),
        unit: "SIZE",
        meaning: "Bytes a second of one connection, one largest message at once; a faster one is read more slowly; 0: no limit",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_MAX_ROOM_BYTES",
        key: "max_room_bytes",
        flag: Some("max-room-bytes"),
        default: Some("256MiB"),
        unit: "SIZE",
        meaning: "Largest room; a full one takes only deletions, and its operator is warned at four fifths",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_MAX_ROOM_CLIENTS",
        key: "max_room_clients",
        flag: Some("max-room-clients"),
        default: Some("200000"),
        unit: "NUMBER",
        meaning: "Client ids that may ever write to a room, one for each page that was opened and edited; warned of at four fifths",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_MAX_ROOM_MEMORY",
        key: "max_room_memory",
        flag: Some("max-room-memory"),
        default: None,
        unit: "SIZE",
        meaning: "Memory of all rooms; beyond it idle ones go early and no more are opened; unset: half of the machine's or container's",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_MAX_PRESENCE_BYTES",
        key: "max_presence_bytes",
        flag: Some("max-presence-bytes"),
        default: Some("64KiB"),
        unit: "SIZE",
        meaning: "Largest presence (name, cursor, selection) of one client; a connection may show four times as much",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_MAX_PRESENCE_IDS",
        key: "max_presence_ids",
        flag: Some("max-presence-ids"),
        default: Some("64"),
        unit: "NUMBER",
        meaning: "Clients whose presence one connection may show: its own and other tabs of its browser",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_ROOM_IDLE_SECONDS",
        key: "room_idle_seconds",
        flag: Some("room-idle-seconds"),
        default: Some("30"),
        unit: "SECONDS",
        meaning: "How long a room stays in memory after its last client has gone",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_COMPACT_ROWS",
        key: "compact_rows",
        flag: Some("compact-rows"),
        default: Some("10000"),
        unit: "NUMBER",
        meaning: "Stored updates of a room at which they become a snapshot; a room that is unloaded gets one anyway",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_COMPACT_BYTES",
        key: "compact_bytes",
        flag: Some("compact-bytes"),
        default: Some("1MiB"),
        unit: "SIZE",
        meaning: "The same in bytes; a quarter of the room's last snapshot is always allowed",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_VERSION_INTERVAL_SECONDS",
        key: "version_interval_seconds",
        flag: Some("version-interval-seconds"),
        default: Some("300"),
        unit: "SECONDS",
        meaning: "How often a version is kept of a room that is being changed; one is also kept when it is unloaded",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_KEEP_ALL_HOURS",
        key: "keep_all_hours",
        flag: Some("keep-all-hours"),
        default: Some("24"),
        unit: "HOURS",
        meaning: "How long every version stays; those that somebody named stay for ever",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_KEEP_HOURLY_DAYS",
        key: "keep_hourly_days",
        flag: Some("keep-hourly-days"),
        default: Some("30"),
        unit: "DAYS",
        meaning: "How long one version an hour stays",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_KEEP_DAILY_DAYS",
        key: "keep_daily_days",
        flag: Some("keep-daily-days"),
        default: None,
        unit: "DAYS",
        meaning: "How long one version a day stays; unset: for ever",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_DOC_WORKERS",
        key: "doc_workers",
        flag: Some("doc-workers"),
        default: Some("2"),
        unit: "NUMBER",
        meaning: "Processes in which documents are opened, each only while it is needed",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_DOC_SECONDS",
        key: "doc_seconds",
        flag: Some("doc-seconds"),
        default: Some("60"),
        unit: "SECONDS",
        meaning: "Processor time that opening a document may take before its process is killed; ten times that on the clock",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_MAX_DOC_BYTES",
        key: "max_doc_bytes",
        flag: Some("max-doc-bytes"),
        default: Some("128MiB"),
        unit: "SIZE",
        meaning: "Largest room that is opened as a document, which takes up to 26 times as much memory; a larger one still serves",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_FONTS_DIR",
        key: "fonts_dir",
        flag: Some("fonts-dir"),
        default: None,
        unit: FOLDERS,
        meaning: "Folder with fonts for what the bundled ones lack, in pictures of boards; several with \":\" between",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_SYSTEM_FONTS",
        key: "system_fonts",
        flag: Some("system-fonts"),
        default: Some("no"),
        unit: SWITCH,
        meaning: "Whether this machine's fonts are taken as well; pictures then differ from machine to machine",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_AWARENESS_INTERVAL_MS",
        key: "awareness_interval_ms",
        flag: Some("awareness-interval-ms"),
        default: Some("40"),
        unit: "MILLISECONDS",
        meaning: "How often cursors and presence are sent on",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_PING_INTERVAL_SECONDS",
        key: "ping_interval_seconds",
        flag: Some("ping-interval-seconds"),
        default: Some("20"),
        unit: "SECONDS",
        meaning: "How often a connection is probed for a client that has silently gone",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_KEEPALIVE_SECONDS",
        key: "keepalive_seconds",
        flag: Some("keepalive-seconds"),
        default: Some("12"),
        unit: "SECONDS",
        meaning: "How long a client may go without a message; it hangs up after 30 seconds of silence",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_DRAIN_DELAY_SECONDS",
        key: "drain_delay_seconds",
        flag: Some("drain-delay-seconds"),
        default: Some("0"),
        unit: "SECONDS",
        meaning: "How long a server that was told to stop goes on as before, but not ready, so that balancers notice first",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_SHUTDOWN_SECONDS",
        key: "shutdown_seconds",
        flag: Some("shutdown-seconds"),
        default: Some("20"),
        unit: "SECONDS",
        meaning: "How long stopping may take after that, to close connections and store everything",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_EXPORT_WORKERS",
        key: "export_workers",
        flag: Some("export-workers"),
        default: None,
        unit: "NUMBER",
        meaning: "Exports made at once by this process; unset: 1 by a server, one for each processor by scrible worker; 0: none, others make them",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_EXPORT_TTL_HOURS",
        key: "export_ttl_hours",
        flag: Some("export-ttl-hours"),
        default: Some("24"),
        unit: "HOURS",
        meaning: "How long an export and its file are kept where whoever ordered it does not say",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_MAX_ROOM_EXPORT_BYTES",
        key: "max_room_export_bytes",
        flag: Some("max-room-export-bytes"),
        default: Some("1GiB"),
        unit: "SIZE",
        meaning: "What the files of one room's exports may take before it gets no more of them",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_EXPORTS_DIR",
        key: "exports_dir",
        flag: Some("exports-dir"),
        default: None,
        unit: "FOLDER",
        meaning: "Where exports and what was pasted into boards are kept, a folder of this machine that is created; unset: exports beside the SQLite file, or ./data/exports",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_S3_BUCKET",
        key: "s3_bucket",
        flag: Some("s3-bucket"),
        default: None,
        unit: "NAME",
        meaning: "Bucket where they are kept instead, on a server that speaks S3; it has to be there",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_S3_ENDPOINT",
        key: "s3_endpoint",
        flag: Some("s3-endpoint"),
        default: None,
        unit: "URL",
        meaning: "Where that server is; unset: Amazon's in the region",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_S3_PUBLIC_ENDPOINT",
        key: "s3_public_endpoint",
        flag: Some("s3-public-endpoint"),
        default: None,
        unit: "URL",
        meaning: "Where browsers reach it, for links; unset: as this server does",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_S3_REGION",
        key: "s3_region",
        flag: Some("s3-region"),
        default: Some("us-east-1"),
        unit: "NAME",
        meaning: "What the server was told that its region is",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_S3_ACCESS_KEY_ID",
        key: "s3_access_key_id",
        flag: Some("s3-access-key-id"),
        default: None,
        unit: "TEXT",
        meaning: "Who this server is there",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_S3_SECRET_ACCESS_KEY",
        key: "s3_secret_access_key",
        flag: None,
        default: None,
        unit: "TEXT",
        meaning: "The secret that goes with it",
        secret: true,
    },
    Setting {
        name: "SCRIBLE_S3_SESSION_TOKEN",
        key: "s3_session_token",
        flag: None,
        default: None,
        unit: "TEXT",
        meaning: "What goes with keys that were lent for a while",
        secret: true,
    },
    Setting {
        name: "SCRIBLE_S3_PATH_STYLE",
        key: "s3_path_style",
        flag: Some("s3-path-style"),
        default: None,
        unit: SWITCH,
        meaning: "Whether the bucket stands in the path of addresses instead of the host name; unset: where an endpoint is set",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_S3_SSE",
        key: "s3_sse",
        flag: Some("s3-sse"),
        default: None,
        unit: "AES256|aws:kms",
        meaning: "How the server is to encrypt what it keeps; unset: as the bucket says",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_S3_KMS_KEY",
        key: "s3_kms_key",
        flag: Some("s3-kms-key"),
        default: None,
        unit: "TEXT",
        meaning: "Key of its key service for aws:kms; unset: its own for this",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_MAX_ASSET_BYTES",
        key: "max_asset_bytes",
        flag: Some("max-asset-bytes"),
        default: Some("10MiB"),
        unit: "SIZE",
        meaning: "Largest file that is pasted into a board; some are in memory at once while they come",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_MAX_ROOM_ASSET_BYTES",
        key: "max_room_asset_bytes",
        flag: Some("max-room-asset-bytes"),
        default: Some("1GiB"),
        unit: "SIZE",
        meaning: "What all files that were pasted into one board may take",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_IMAGE_HOSTS",
        key: "image_hosts",
        flag: Some("image-hosts"),
        default: None,
        unit: "HOSTS",
        meaning: "Hosts whose pictures exports fetch where a board names them, with commas between, a port behind a colon; unset: none",
        secret: false,
    },
    Setting {
        name: "SCRIBLE_LINK_SECONDS",
        key: "link_seconds",
        flag: Some("link-seconds"),
        default: Some("3600"),
        unit: "SECONDS",
        meaning: "How long a link to an export is good that this server gives out; 604800 at most",
        secret: false,
    },
];

/// The known name that somebody most likely meant.
pub fn nearest(meant: &str, names: impl Iterator<Item = &'static str>) -> &'static str {
    let likeness = |name: &str| strsim::jaro_winkler(meant, name);
    names
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .expect("there are settings")
}

/// A misspelt variable is silent otherwise. Only a warning, because others put variables beside ours.
pub fn unknown_variables(environment: &BTreeMap<String, String>) -> Vec<String> {
    let is_known = |name: &str| {
        [FILE_VARIABLE, TOKEN_VARIABLE].contains(&name) || SETTINGS.iter().any(|s| s.name == name)
    };
    let odd = environment.iter().filter(|(name, value)| {
        name.starts_with(PREFIX) && !is_known(name) && !is_service_link(name, value)
    });
    let sentence = |(name, _): (&String, &String)| {
        let bare = name.strip_prefix(PREFIX).unwrap_or(name);
        let shared = SETTINGS.iter().map(|s| s.name).find(|known| *known == bare);
        let names = SETTINGS.iter().map(|setting| setting.name);
        let nearest = shared.unwrap_or_else(|| nearest(name, names));
        format!(
            "{name} in the environment is not a setting and is ignored; did you mean {nearest}?"
        )
    };
    let mut sentences: Vec<String> = odd.map(sentence).collect();
    // Whoever believes that tokens are checked shall not find out by being open.
    let secret = format!("{PREFIX}{BARE_SECRET}");
    if environment.contains_key(BARE_SECRET) && !environment.contains_key(&secret) {
        sentences.push(format!(
            "{BARE_SECRET} in the environment is not a setting and is ignored; did you mean {secret}?"
        ));
    }
    sentences
}

/// What Kubernetes and Docker links set in every container for a service whose name begins with "scrible".
fn is_service_link(name: &str, value: &str) -> bool {
    let numbered = name
        .split("PORT_")
        .nth(1)
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    name.ends_with("SERVICE_HOST")
        || name.contains("SERVICE_PORT")
        || numbered
        || (name.ends_with("_PORT") && value.contains("://"))
}
