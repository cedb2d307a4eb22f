//! Precedence, each refusal, what is hidden, and that the example file and the table agree.

use ipnet::IpNet;
use scrible_objects::{Addressing, Encryption};

use super::settings::PREFIX;
use super::value::without_password;
use super::*;
use crate::access::{Mode, Origin, Others, Transport};

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

fn given(pairs: &[(&'static str, &str)]) -> Given {
    Given {
        flags: pairs
            .iter()
            .map(|(name, value)| (*name, value.to_string()))
            .collect(),
        file: None,
    }
}

fn file(text: &str) -> Option<FileText<'_>> {
    let path = Path::new("scrible.toml");
    Some(FileText { path, text })
}

fn defaults() -> Config {
    Effective::gather(&Given::default(), &BTreeMap::new(), None)
        .unwrap()
        .config()
        .unwrap()
}

fn from_environment(pairs: &[(&str, &str)]) -> Result<Config, String> {
    let effective = Effective::gather(&Given::default(), &environment(pairs), None).unwrap();
    effective.config().map_err(|e| e.to_string())
}

fn from_file(text: &str) -> Result<Config, String> {
    let effective = Effective::gather(&Given::default(), &BTreeMap::new(), file(text));
    effective
        .and_then(|effective| effective.config())
        .map_err(|e| e.to_string())
}

#[test]
fn defaults_are_what_the_table_says() {
    let config = defaults();
    assert_eq!(
        config.listen,
        ListenConfig {
            host: "127.0.0.1".to_owned(),
            port: 3001
        }
    );
    assert_eq!(config.store.database.url(), "sqlite:./data/scrible.db");
    assert_eq!(config.store.durability, Durability::Full);
    assert_eq!(config.store.wait, Duration::from_secs(30));
    assert_eq!(config.log.filter, "info");
    assert_eq!(config.log.format, LogFormat::Pretty);
    assert_eq!(config.limits.max_message_bytes, 64 << 20);
    assert_eq!(config.limits.max_uncommitted_bytes, 256 << 20);
    assert_eq!(config.edge.max_incoming_bytes, 256 << 20);
    assert_eq!(config.edge.max_connections, None);
    assert_eq!(config.edge.max_per_address, Some(500));
    assert_eq!(config.edge.max_per_room, Some(2000));
    assert_eq!(config.timing.awareness_interval, Duration::from_millis(40));
    let seconds = [30, 20, 12, 0, 20].map(Duration::from_secs);
    let timing = config.timing;
    assert_eq!(
        [
            timing.room_idle,
            timing.ping_interval,
            timing.keepalive,
            timing.drain_delay,
            timing.shutdown
        ],
        seconds
    );
}

#[test]
fn flag_beats_environment_beats_file_beats_default() {
    let flags = given(&[("PORT", "4001")]);
    let variables = environment(&[("PORT", "4002"), ("HOST", "::1")]);
    let text = "port = 4003\nhost = \"0.0.0.0\"\nkeepalive_seconds = 7\n";
    let effective = Effective::gather(&flags, &variables, file(text)).unwrap();
    let config = effective.config().unwrap();
    assert_eq!(
        config.listen,
        ListenConfig {
            host: "::1".to_owned(),
            port: 4001
        }
    );
    assert_eq!(config.timing.keepalive, Duration::from_secs(7));
    let source = |name| effective.value(name).source.to_string();
    assert_eq!(source("PORT"), "flag");
    assert_eq!(source("HOST"), "environment");
    assert_eq!(source("SCRIBLE_KEEPALIVE_SECONDS"), "scrible.toml");
    assert_eq!(source("SCRIBLE_LOG"), "default");
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    let config = from_environment(&[("REDIS_URL", ""), ("PORT", ""), ("SCRIBLE_JWT_SECRET", "")]);
    assert_eq!(config.unwrap(), defaults());
    let flags = given(&[("PORT", "")]);
    let effective = Effective::gather(&flags, &BTreeMap::new(), None).unwrap();
    assert!(
        effective
            .config()
            .unwrap_err()
            .to_string()
            .starts_with("--port is \"\"")
    );
}

#[test]
fn values_are_read_in_each_form_they_may_have() {
    let config = from_environment(&[
        ("HOST", "[::1]"),
        ("SCRIBLE_MAX_MESSAGE_BYTES", "65536"),
        ("SCRIBLE_MAX_UNCOMMITTED_BYTES", "1 GiB"),
        ("SCRIBLE_MAX_CONNECTIONS", "7"),
        ("SCRIBLE_MAX_CONNECTIONS_PER_ADDRESS", "0"),
        ("SCRIBLE_DURABILITY", "relaxed"),
        ("SCRIBLE_LOG", "warn,scrible::journal=debug"),
        ("SCRIBLE_LOG_FORMAT", "json"),
        ("DATABASE_URL", "sqlite:///var/lib/scrible/rooms.db"),
    ])
    .unwrap();
    assert_eq!(config.listen.host, "::1");
    assert_eq!(config.limits.max_message_bytes, 65536);
    assert_eq!(config.limits.max_uncommitted_bytes, 1 << 30);
    assert_eq!(config.edge.max_connections, Some(7));
    assert_eq!(config.edge.max_per_address, None);
    assert_eq!(config.store.durability, Durability::Relaxed);
    assert_eq!(config.log.format, LogFormat::Json);
    let config =
        from_file("max_message_bytes = 65536\nmax_uncommitted_bytes = \"64KiB\"\n").unwrap();
    assert_eq!(config.limits.max_uncommitted_bytes, 65536);
}

#[test]
fn l10_proxies_are_addresses_or_networks() {
    let written = "127.0.0.1, 10.0.0.0/8,fd00::/8,::1,";
    let config = from_environment(&[("SCRIBLE_TRUSTED_PROXIES", written)]);
    let networks = config.unwrap().edge.trusted_proxies;
    let networks: Vec<_> = networks.iter().map(IpNet::to_string).collect();
    assert_eq!(
        networks,
        ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8", "::1/128"]
    );
}

#[test]
fn s3_folders_of_fonts_are_those_that_are_there() {
    let fonts = defaults().documents.fonts;
    assert_eq!(fonts, FontsConfig::default());
    let found = from_environment(&[
        ("SCRIBLE_FONTS_DIR", "src:exporter/fonts:"),
        ("SCRIBLE_SYSTEM_FONTS", "yes"),
    ]);
    let fonts = found.unwrap().documents.fonts;
    assert_eq!(fonts.folders, ["src", "exporter/fonts"].map(PathBuf::from));
    assert_eq!(fonts.system, SystemFonts::Taken);
    let wrong = from_environment(&[("SCRIBLE_FONTS_DIR", "src:nowhere")]).unwrap_err();
    let told = "SCRIBLE_FONTS_DIR in the environment is \"src:nowhere\"; allowed is a folder that is there";
    assert!(wrong.starts_with(told), "{wrong}");
}

#[test]
fn s3_a_wrong_value_is_told_with_its_place_and_what_is_allowed() {
    for (name, value, allowed) in [
        ("HOST", "127.0.0.1:3001", "without a port"),
        ("HOST", "my host", "an IP address or a host name"),
        ("PORT", "http", "a whole number from 0 to 65535"),
        ("PORT", "65536", "a whole number from 0 to 65535"),
        (
            "SCRIBLE_TRUSTED_PROXIES",
            "10.0.0.0/8 nginx",
            "addresses or networks with commas between",
        ),
        ("SCRIBLE_TRUSTED_PROXIES", "10.0.0.0/33", "10.0.0.0/8"),
        ("PORT", "-1", "a whole number from 0 to 65535"),
        (
            "DATABASE_URL",
            "mysql://localhost/x",
            "sqlite:./data/scrible.db",
        ),
        (
            "DATABASE_URL",
            "data/scrible.db",
            "sqlite:./data/scrible.db",
        ),
        ("DATABASE_URL", "sqlite::memory:", "would forget everything"),
        ("DATABASE_URL", "sqlite:x.db?mode=ro", "question mark"),
        ("SCRIBLE_DURABILITY", "Full", "full or relaxed"),
        (
            "SCRIBLE_LOG",
            "scrible=loud",
            "off, error, warn, info, debug, trace",
        ),
        ("SCRIBLE_LOG_FORMAT", "xml", "pretty or json"),
        (
            "SCRIBLE_MAX_MESSAGE_BYTES",
            "65535",
            "from 64.0 KiB to 512.0 MiB",
        ),
        (
            "SCRIBLE_MAX_MESSAGE_BYTES",
            "513MiB",
            "from 64.0 KiB to 512.0 MiB",
        ),
        ("SCRIBLE_MAX_MESSAGE_BYTES", "much", "in bytes or as 64MiB"),
        ("SCRIBLE_MAX_MESSAGE_BYTES", "-1", "in bytes or as 64MiB"),
        ("SCRIBLE_MAX_MESSAGE_BYTES", "1e400", "in bytes or as 64MiB"),
        (
            "SCRIBLE_MAX_UNCOMMITTED_BYTES",
            "1MiB",
            "no less than SCRIBLE_MAX_MESSAGE_BYTES",
        ),
        ("SCRIBLE_MAX_INCOMING_BYTES", "1KiB", "from 1.0 MiB"),
        ("SCRIBLE_REDIS_PREFIX", "{x}", "letters, digits"),
        ("SCRIBLE_MAX_CONNECTIONS", "0", "from 1 to 10000000"),
        (
            "SCRIBLE_MAX_CONNECTIONS_PER_ADDRESS",
            "many",
            "from 0 to 10000000",
        ),
        ("SCRIBLE_MAX_CONNECTIONS_PER_ROOM", "-1", "from 0"),
        ("SCRIBLE_ROOM_IDLE_SECONDS", "30s", "from 0 to 86400"),
        ("SCRIBLE_AWARENESS_INTERVAL_MS", "4", "from 5 to 1000"),
        ("SCRIBLE_AWARENESS_INTERVAL_MS", "1001", "from 5 to 1000"),
        ("SCRIBLE_PING_INTERVAL_SECONDS", "0", "from 1 to 3600"),
        ("SCRIBLE_KEEPALIVE_SECONDS", "30", "from 1 to 29"),
        ("SCRIBLE_SHUTDOWN_SECONDS", "1.5", "from 1 to 3600"),
        ("SCRIBLE_DATABASE_WAIT_SECONDS", "3601", "from 0 to 3600"),
    ] {
        let sentence = from_environment(&[(name, value)]).unwrap_err();
        let start = format!("{name} in the environment is {value:?}; allowed is ");
        assert!(sentence.starts_with(&start), "{sentence}");
        assert!(sentence.contains(allowed), "{sentence}");
    }
    let sentence = from_file("port = 70000").unwrap_err();
    assert!(
        sentence.starts_with("port in scrible.toml is \"70000\"; allowed is "),
        "{sentence}"
    );
    let effective = Effective::gather(
        &given(&[("SCRIBLE_LOG_FORMAT", "x")]),
        &BTreeMap::new(),
        None,
    );
    let sentence = effective.unwrap().config().unwrap_err().to_string();
    assert_eq!(sentence, "--log-format is \"x\"; allowed is pretty or json");
}

#[test]
fn s4_what_this_version_cannot_honour_is_refused_and_stays_secret() {
    for (name, value, advice) in [
        ("REDIS_URL", "redis://:hunter2@cache:6379", "run one node"),
        (
            "DATABASE_URL",
            "postgres://ann:hunter2@db:port/scrible",
            "percent-encoded",
        ),
        (
            "DATABASE_URL",
            "postgresql:ann:hunter2@db/scrible",
            "postgres://USER:PASSWORD@HOST/DATABASE",
        ),
        (
            "DATABASE_URL",
            "mysql://ann:hunter2@db/scrible",
            "sqlite:./data/scrible.db",
        ),
    ] {
        let sentence = from_environment(&[(name, value)]).unwrap_err();
        assert!(
            sentence.starts_with(&format!("{name} in the environment ")),
            "{sentence}"
        );
        assert!(sentence.contains(advice), "{sentence}");
        assert!(!sentence.contains("hunter2"), "{sentence}");
    }
}

#[test]
fn n20_redis_is_taken_beside_postgres_and_refused_in_a_sentence() {
    let postgres = ("DATABASE_URL", "postgres://ann:hunter2@db/scrible");
    let config = from_environment(&[postgres, ("REDIS_URL", "rediss://:hunter2@cache")]);
    let redis = config.unwrap().redis.unwrap();
    assert_eq!(
        (redis.address.to_string().as_str(), redis.prefix.as_str()),
        ("cache:6379", "scrible")
    );
    let shared = [
        postgres,
        ("REDIS_URL", "redis+cluster://a:1,b:2"),
        ("SCRIBLE_REDIS_PREFIX", "staging:1"),
    ];
    let redis = from_environment(&shared).unwrap().redis.unwrap();
    assert_eq!(
        (redis.address.to_string().as_str(), redis.prefix.as_str()),
        ("a:1, b:2", "staging:1")
    );
    for url in [
        "http://:hunter2@cache",
        "redis://:hunter2@a,b",
        "cache:6379",
        "redis://:hunter2@cache:port",
    ] {
        let sentence = from_environment(&[postgres, ("REDIS_URL", url)]).unwrap_err();
        assert!(
            sentence.starts_with(
                "REDIS_URL in the environment is \"****\"; allowed is redis://HOST:PORT, "
            ),
            "{sentence}"
        );
        assert!(!sentence.contains("hunter2"), "{sentence}");
    }
}

#[test]
fn secrets_are_shown_nowhere() {
    let variables = environment(&[
        ("REDIS_URL", "redis://:hunter2@cache"),
        ("SCRIBLE_JWT_SECRET", "hunter2"),
        ("DATABASE_URL", "postgres://ann:hunter2@db:5432/scrible?x=y"),
    ]);
    let effective = Effective::gather(&Given::default(), &variables, None).unwrap();
    assert_eq!(effective.value("REDIS_URL").shown(), "****");
    assert_eq!(effective.value("SCRIBLE_JWT_SECRET").shown(), "****");
    let database = effective.value("DATABASE_URL");
    assert_eq!(database.shown(), "postgres://ann:****@db:5432/scrible?x=y");
    let all = format!("{effective:?}");
    assert!(all.contains("****") && !all.contains("hunter2"), "{all}");
    // A password may itself hold the signs that end one, and other values hold no password.
    for (raw, shown) in [
        ("postgres://ann:hunter2@x@db/s", "postgres://ann:****@db/s"),
        ("postgres://ann:hunter2:x@db/s", "postgres://ann:****@db/s"),
        ("postgres://ann@db/s", "postgres://ann@db/s"),
        ("postgres:ann:hunter2@db/s", "postgres:ann:****@db/s"),
        (
            "postgres://db/s?user=ann&password=hunter2&sslmode=require",
            "postgres://db/s?user=ann&password=****&sslmode=require",
        ),
        ("sqlite:./a:b@c.db", "sqlite:./a:b@c.db"),
        ("sqlite:///a:b@c.db", "sqlite:///a:b@c.db"),
        ("127.0.0.1", "127.0.0.1"),
    ] {
        assert_eq!(without_password(raw), shown);
    }
}

#[test]
fn a_file_is_taken_whole_or_refused_with_the_reason() {
    for (text, what) in [
        ("prot = 1", "unknown key \"prot\"; did you mean \"port\"?"),
        ("databse_url = \"x\"", "did you mean \"database_url\"?"),
        ("SCRIBLE_LOG = \"x\"", "unknown key \"SCRIBLE_LOG\""),
        ("[server]\nport = 1", "unknown key \"server\""),
        ("port = 1\nport = 2", "not valid TOML at line 2"),
        ("host = \"::1\"\nport = \n", "not valid TOML at line 2"),
        ("port = true", "port in scrible.toml is a boolean"),
        (
            "keepalive_seconds = 1.5",
            "keepalive_seconds in scrible.toml is a float",
        ),
        ("host = [\"::1\"]", "host in scrible.toml is a array"),
    ] {
        let sentence = from_file(text).unwrap_err();
        assert!(sentence.contains(what), "{sentence}");
    }
    assert_eq!(from_file("").unwrap(), defaults());
}

#[test]
fn unknown_variables_are_named_and_those_of_kubernetes_are_not() {
    let warnings = |pairs: &[(&str, &str)]| {
        Effective::gather(&Given::default(), &environment(pairs), None)
            .unwrap()
            .warnings
    };
    let odd = warnings(&[
        ("SCRIBLE_KEEPALIVE_SECOND", "3"),
        ("SCRIBLE_HOST", "::"),
        ("OTHER", ""),
    ]);
    assert_eq!(odd.len(), 2);
    assert!(
        odd[0].starts_with("SCRIBLE_HOST in the environment is not a setting"),
        "{odd:?}"
    );
    assert!(odd[0].ends_with("did you mean HOST?"), "{odd:?}");
    assert!(
        odd[1].ends_with("did you mean SCRIBLE_KEEPALIVE_SECONDS?"),
        "{odd:?}"
    );
    let links = [
        ("SCRIBLE_CONFIG", "/etc/scrible.toml"),
        ("SCRIBLE_TOKEN", "a.b.c"),
        ("SCRIBLE_SERVICE_HOST", "10.0.0.1"),
        ("SCRIBLE_SERVICE_PORT", "3001"),
        ("SCRIBLE_SERVICE_PORT_HTTP", "3001"),
        ("SCRIBLE_PORT", "tcp://10.0.0.1:3001"),
        ("SCRIBLE_PORT_3001_TCP", "tcp://10.0.0.1:3001"),
        ("SCRIBLE_PORT_3001_TCP_ADDR", "10.0.0.1"),
        ("SCRIBLE_REDIS_PORT_6379_TCP_PROTO", "tcp"),
        ("SCRIBLE_LOG", "warn"),
    ];
    assert_eq!(warnings(&links), Vec::<String>::new());
    assert_eq!(warnings(&[("SCRIBLE_PORT", "3002")]).len(), 1);
}

#[test]
fn names_follow_from_each_other() {
    for Setting {
        name,
        key,
        flag,
        secret,
        ..
    } in SETTINGS
    {
        assert_eq!(
            *key,
            name.strip_prefix(PREFIX).unwrap_or(name).to_lowercase()
        );
        match flag {
            Some(flag) => assert_eq!(*flag, key.replace('_', "-")),
            None => assert!(secret, "{name} has no flag and is no secret"),
        }
    }
    let unprefixed = SETTINGS
        .iter()
        .filter(|s| !s.name.starts_with(PREFIX))
        .map(|s| s.name);
    let shared = ["HOST", "PORT", "DATABASE_URL", "REDIS_URL"];
    assert_eq!(unprefixed.collect::<Vec<_>>(), shared);
}

#[test]
fn the_example_file_shows_every_setting_with_its_default() {
    let example = include_str!("../../scrible.example.toml");
    assert_eq!(
        from_file(example).unwrap(),
        defaults(),
        "as it stands it changes something"
    );
    // Each setting stands there behind a "#", the ones that have a default with it.
    let line_of = |setting: &Setting| {
        let start = format!("#{} = ", setting.key);
        let mut lines = example.lines().filter(move |line| line.starts_with(&start));
        let line = lines
            .next()
            .unwrap_or_else(|| panic!("{} is missing", setting.key));
        assert_eq!(lines.next(), None, "{} stands there twice", setting.key);
        line
    };
    let uncommented: Vec<&str> = SETTINGS
        .iter()
        .map(line_of)
        .zip(SETTINGS)
        .filter(|(_, setting)| setting.default.is_some())
        .map(|(line, _)| line.trim_start_matches('#'))
        .collect();
    let text = uncommented.join("\n");
    let effective = Effective::gather(&Given::default(), &BTreeMap::new(), file(&text)).unwrap();
    assert_eq!(effective.config().unwrap(), defaults());
    for value in &effective.values {
        assert_eq!(
            value.raw.as_deref(),
            value.setting.default,
            "{}",
            value.setting.key
        );
    }
    let settings = example
        .lines()
        .filter(|line| line.starts_with('#') && !line.starts_with("# "));
    assert_eq!(
        settings.filter(|line| line.len() > 1).count(),
        SETTINGS.len()
    );
}

#[test]
fn the_documentation_has_every_setting_as_it_is() {
    let documented = include_str!("../../docs/settings.md");
    for setting in SETTINGS {
        let default = setting.default.map(|value| format!("`{value}`"));
        let default = default.as_deref().unwrap_or("unset");
        let row = format!("| `{}` | {default} | {} |", setting.name, setting.meaning);
        assert_eq!(
            documented.lines().filter(|line| **line == row).count(),
            1,
            "docs/settings.md lacks:\n{row}"
        );
    }
    let rows = documented.lines().filter(|line| line.starts_with("| `"));
    assert_eq!(rows.count(), SETTINGS.len());
    // Those of the front page are some of them.
    let front = include_str!("../../README.md");
    let names = front
        .lines()
        .skip_while(|line| !line.starts_with("| setting |"))
        .skip(2)
        .take_while(|line| line.starts_with("| `"))
        .flat_map(|line| line.split('|').nth(1).unwrap_or_default().split(','))
        .map(|name| name.trim().trim_matches('`'));
    let known = |name: &str| SETTINGS.iter().any(|setting| setting.name == name);
    let unknown: Vec<_> = names.clone().filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(names.count() > 5);
}

#[test]
fn m1_files_are_kept_in_a_folder_or_in_a_bucket() {
    let place = |pairs: &[(&str, &str)]| from_environment(pairs).map(|config| config.objects.place);
    let folder = |path: &str| Ok(ObjectsPlace::Folder(path.into()));
    assert_eq!(place(&[]), folder("./data/exports"));
    let postgres = ("DATABASE_URL", "postgres://ann@db/s");
    assert_eq!(place(&[postgres]), folder("./data/exports"));
    let file = ("DATABASE_URL", "sqlite:///var/lib/scrible/rooms.db");
    assert_eq!(place(&[file]), folder("/var/lib/scrible/exports"));
    let own = ("SCRIBLE_EXPORTS_DIR", "/srv/files");
    assert_eq!(place(&[file, own]), folder("/srv/files"));

    let bucket = [
        ("SCRIBLE_S3_BUCKET", "boards"),
        ("SCRIBLE_S3_ACCESS_KEY_ID", "scrible"),
        ("SCRIBLE_S3_SECRET_ACCESS_KEY", "hunter2"),
    ];
    let with = |more: &[(&'static str, &'static str)]| place(&[&bucket[..], more].concat());
    let Ok(ObjectsPlace::Bucket(all)) = with(&[
        ("SCRIBLE_S3_ENDPOINT", "http://10.0.0.1:9000"),
        ("SCRIBLE_S3_PUBLIC_ENDPOINT", "https://files.example"),
        ("SCRIBLE_S3_REGION", "eu-central-1"),
        ("SCRIBLE_S3_SESSION_TOKEN", "hunter2"),
        ("SCRIBLE_S3_PATH_STYLE", "no"),
        ("SCRIBLE_S3_SSE", "aws:kms"),
        ("SCRIBLE_S3_KMS_KEY", "k"),
    ]) else {
        panic!("a bucket is no bucket");
    };
    assert_eq!(all.endpoint.as_deref(), Some("http://10.0.0.1:9000"));
    assert_eq!(all.addressing, Some(Addressing::VirtualHost));
    assert_eq!(
        all.encryption,
        Encryption::OfKeyService(Some("k".to_owned()))
    );
    assert!(!format!("{all:?}").contains("hunter2"), "{all:?}");
    for (wrong, told) in [
        (place(&bucket[..2]), "not SCRIBLE_S3_SECRET_ACCESS_KEY"),
        (place(&bucket[1..]), "set SCRIBLE_S3_BUCKET"),
        (with(&[own]), "are both set"),
        (
            with(&[("SCRIBLE_S3_ENDPOINT", "10.0.0.1:9000")]),
            "https://s3.example.com",
        ),
        (
            with(&[("SCRIBLE_S3_ENDPOINT", "http://a:hunter2@s3")]),
            "without a name",
        ),
        (with(&[("SCRIBLE_S3_SSE", "yes")]), "AES256 or aws:kms"),
        (with(&[("SCRIBLE_S3_KMS_KEY", "k")]), "is not aws:kms"),
        (
            with(&[("SCRIBLE_S3_REGION", "eu central")]),
            "letters, digits",
        ),
        (
            place(&[("SCRIBLE_LINK_SECONDS", "604801")]),
            "from 1 to 604800",
        ),
    ] {
        let sentence = wrong.unwrap_err();
        assert!(
            sentence.contains(told) && !sentence.contains("hunter2"),
            "{sentence}"
        );
    }
}

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn startable(pairs: &[(&str, &str)]) -> Result<(), String> {
    let refused = from_environment(pairs)?.refuse_to_stand_open();
    refused.map_err(|error| error.to_string())
}

#[test]
fn u17_a_server_that_others_can_reach_was_told_whom_to_let_in() {
    for host in ["127.0.0.1", "::1", "[::1]", "127.9.9.9", "localhost"] {
        assert_eq!(startable(&[("HOST", host)]), Ok(()), "{host}");
    }
    for host in [
        "0.0.0.0",
        "::",
        "10.0.0.1",
        "scrible.example",
        "localhost.example",
    ] {
        let sentence = startable(&[("HOST", host)]).unwrap_err();
        for remedy in ["SCRIBLE_JWT_SECRET", "SCRIBLE_OPEN=1", "127.0.0.1"] {
            assert!(sentence.contains(remedy), "{sentence}");
        }
        for remedy in [("SCRIBLE_JWT_SECRET", SECRET), ("SCRIBLE_OPEN", "1")] {
            assert_eq!(startable(&[("HOST", host), remedy]), Ok(()), "{host}");
        }
    }
    // A name that led to an address that others can reach.
    let open = defaults().access;
    assert!(open.doorkeeper("10.0.0.1".parse().unwrap()).is_err());
    assert!(open.doorkeeper("127.0.0.1".parse().unwrap()).is_ok());
    let both = startable(&[("SCRIBLE_OPEN", "yes"), ("SCRIBLE_JWT_SECRET", SECRET)]);
    assert!(both.unwrap_err().contains("take one of them away"));
    let sentence = startable(&[("SCRIBLE_JWT_ISSUER", "https://login.example")]).unwrap_err();
    assert!(
        sentence.contains("no key to check tokens with"),
        "{sentence}"
    );
}

#[test]
fn u4_which_pages_are_known_follows_from_the_settings() {
    let door = |pairs: &[(&str, &str)], address: &str| {
        let access = from_environment(pairs).unwrap().access;
        access.doorkeeper(address.parse().unwrap()).unwrap()
    };
    let guarded = ("SCRIBLE_JWT_SECRET", SECRET);
    let listed = (
        "SCRIBLE_ALLOWED_ORIGINS",
        "https://a.example, http://b.example:1,",
    );
    let open = ("SCRIBLE_OPEN", "1");
    for (pairs, address, others) in [
        (&[][..], "127.0.0.1", Others::OfThisMachine),
        (&[listed], "127.0.0.1", Others::OfThisMachine),
        (&[guarded], "::1", Others::OfThisMachine),
        (&[guarded], "10.0.0.1", Others::Foreign),
        (&[guarded, listed], "127.0.0.1", Others::Foreign),
        (&[open], "127.0.0.1", Others::Known),
        (&[open], "0.0.0.0", Others::Known),
        (&[open, listed], "0.0.0.0", Others::Foreign),
    ] {
        assert_eq!(
            door(pairs, address).origins.others,
            others,
            "{pairs:?} {address}"
        );
    }
    let all = [
        guarded,
        listed,
        ("SCRIBLE_PUBLIC_URL", "https://sync.example/"),
        ("SCRIBLE_FRONTEND_URL", "https://draw.example/{room}"),
    ];
    let door = door(&all, "127.0.0.1");
    let origins: Vec<_> = door.origins.listed.iter().map(Origin::as_str).collect();
    assert_eq!(
        origins,
        [
            "https://sync.example",
            "https://draw.example",
            "https://a.example",
            "http://b.example:1"
        ]
    );
    assert_eq!(door.transport, Transport::Https);
    assert!(matches!(door.mode, Mode::Guarded(tokens) if tokens.leeway == Duration::from_secs(30)));
}

#[test]
fn u7_keys_come_as_text_or_as_files_and_are_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let pem = include_str!("../access/tests/keys/eddsa.pub.pem");
    let private = include_str!("../access/tests/keys/eddsa.pem");
    let path = folder.path().join("key.pem");
    std::fs::write(&path, pem).unwrap();
    let key = |text: &str| from_environment(&[("SCRIBLE_JWT_PUBLIC_KEY", text)]);
    for text in [pem, &pem.replace('\n', "\\n"), path.to_str().unwrap()] {
        let tokens = key(text).unwrap().access.tokens.unwrap();
        assert!(tokens.public_key.is_some(), "{text}");
    }
    let sentence = key(private).unwrap_err();
    assert!(sentence.contains("give it to nobody"), "{sentence}");
    assert!(
        !sentence.contains(private.lines().nth(1).unwrap()),
        "{sentence}"
    );
    for (name, value, allowed) in [
        ("SCRIBLE_JWT_SECRET", "hunter2", "at least 32 bytes"),
        (
            "SCRIBLE_JWT_PUBLIC_KEY",
            "nowhere.pem",
            "a public key in PEM",
        ),
        ("SCRIBLE_JWT_JWKS", "nowhere.json", "a JSON Web Key Set"),
        ("SCRIBLE_JWT_ROOMS_CLAIM", "sub", "the name of a claim"),
        ("SCRIBLE_JWT_LEEWAY_SECONDS", "601", "from 0 to 600"),
        ("SCRIBLE_OPEN", "maybe", "no or yes"),
        (
            "SCRIBLE_PUBLIC_URL",
            "sync.example",
            "https://sync.example.com",
        ),
        ("SCRIBLE_FRONTEND_URL", "https://draw.example", "{room}"),
        (
            "SCRIBLE_ALLOWED_ORIGINS",
            "https://a.example/x",
            "scheme, host",
        ),
        ("SCRIBLE_ALLOWED_ORIGINS", "*", "scheme, host"),
    ] {
        let sentence = from_environment(&[(name, value)]).unwrap_err();
        assert!(
            sentence.starts_with(&format!("{name} in the environment is ")),
            "{sentence}"
        );
        assert!(sentence.contains(allowed), "{sentence}");
        assert!(!sentence.contains("hunter2"), "{sentence}");
    }
    let effective = Effective::gather(
        &Given::default(),
        &environment(&[("JWT_SECRET", "hunter2")]),
        None,
    );
    let warnings = effective.unwrap().warnings;
    assert!(
        warnings[0].ends_with("did you mean SCRIBLE_JWT_SECRET?"),
        "{warnings:?}"
    );
}
