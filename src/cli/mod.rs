//! The command line: which command, which settings, and what to do about it.
//!
//! Knows the table of settings and each command's entry; serving itself is passed in by `main`. The rule: nothing here
//! decides what a setting means or beats, that is [`config`](crate::config)'s.

pub mod backup;
pub mod check;
pub mod client;
pub mod config;
pub mod doc_worker;
pub mod export;
pub mod healthcheck;
pub mod import;
pub mod migrate;
pub mod restore;
pub mod room;
mod table;
pub mod target;
pub mod token;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};
use scrible_store::{Database, DatabaseKind};

use crate::config::{Config, ConfigError, Effective, Given, SETTINGS, Setting};
use crate::doc_worker::child::{self, ChildConfig};

/// What is asked for.
#[derive(Clone, PartialEq, Debug)]
pub enum Task {
    /// Run the server.
    Serve,
    /// Make exports and nothing else.
    Worker,
    /// Show the settings.
    Config,
    /// Run migrations and end.
    Migrate,
    /// Ask a running server how it is.
    Healthcheck,
    /// Put a file into a room of a running server.
    Import(import::Args),
    /// Draw a board.
    Export(export::Args),
    /// Copy the database.
    Backup(backup::Args),
    /// Put a copy in the place of the database.
    Restore(restore::Args),
    /// Read every room and say which are damaged.
    Check(check::Args),
    /// Rooms of a running server, or what is stored of one.
    Room(room::Args),
    /// Mint a token.
    Token(token::Args),
    /// Open docs for the process that started this one.
    DocWorker(ChildConfig),
}

/// A program that runs until it is told to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Service {
    /// The server.
    Server,
    /// A worker for exports.
    Worker,
}

/// A command line that could be understood.
pub struct Invocation {
    /// The command; serving when there is none.
    pub task: Task,
    /// The flags.
    pub given: Given,
}

impl Invocation {
    /// Of this process. Prints help, version or what was not understood, and exits, when it is not for us to go on.
    pub fn from_process() -> Self {
        Self::parse(std::env::args_os()).unwrap_or_else(|stop| stop.exit())
    }

    /// Of any arguments, the first being the program.
    pub fn parse(
        args: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let matches = command().try_get_matches_from(args)?;
        let (task, matches) = match matches.subcommand() {
            Some(("worker", matches)) => (Task::Worker, matches),
            Some(("config", matches)) => (Task::Config, matches),
            Some(("migrate", matches)) => (Task::Migrate, matches),
            Some(("healthcheck", matches)) => (Task::Healthcheck, matches),
            Some(("import", matches)) => (Task::Import(import::Args::of(matches)), matches),
            Some(("export", matches)) => (Task::Export(export::Args::of(matches)), matches),
            Some(("backup", matches)) => (Task::Backup(backup::Args::of(matches)), matches),
            Some(("restore", matches)) => (Task::Restore(restore::Args::of(matches)), matches),
            Some(("check", matches)) => (Task::Check(check::Args::of(matches)), matches),
            Some(("room", matches)) => {
                let args = room::Args::of(matches);
                let (_, matches) = matches.subcommand().expect("a subcommand is required");
                (Task::Room(args), matches)
            }
            Some(("token", matches)) => (Task::Token(token::Args::of(matches)), matches),
            Some(("doc-worker", matches)) => {
                (Task::DocWorker(doc_worker::config_of(matches)), matches)
            }
            Some((_, matches)) => (Task::Serve, matches),
            None => (Task::Serve, &matches),
        };
        Ok(Self {
            task,
            given: given(matches),
        })
    }
}

/// Does what needs neither a runtime nor a database; `None` when that is not enough, and it is for [`run`].
pub fn run_alone(invocation: &Invocation) -> Option<ExitCode> {
    match &invocation.task {
        // It limits itself before anything else, and there may be many of it.
        Task::DocWorker(config) => Some(child::run(config.clone())),
        Task::Export(args) if args.is_of_file() => {
            let config = gather(invocation).and_then(|effective| effective.config());
            Some(match config {
                Ok(config) => export::run_alone(args, &config),
                Err(error) => refuse(&error),
            })
        }
        _ => None,
    }
}

/// Does what is asked for; `start` runs what goes on and on, with the settings that were found.
pub async fn run(
    invocation: Invocation,
    start: impl AsyncFnOnce(Service, Config) -> ExitCode,
) -> ExitCode {
    let effective = match gather(&invocation) {
        Ok(effective) => effective,
        Err(error) => return refuse(&error),
    };
    if invocation.task == Task::Config {
        // Whoever reads only the first lines closes the pipe; `print!` would panic.
        let _ = std::io::stdout().write_all(config::listing(&effective).as_bytes());
    }
    let config = match effective.config() {
        Ok(config) => config,
        Err(error) => return refuse(&error),
    };
    match invocation.task {
        Task::Serve => start(Service::Server, config).await,
        Task::Worker => start(Service::Worker, config).await,
        Task::Config => ExitCode::SUCCESS,
        Task::Migrate => migrate::run(&config).await,
        Task::Healthcheck => healthcheck::run(&config.listen).await,
        Task::Import(args) => import::run(&args, &config.listen).await,
        Task::Export(args) => export::run(&args, &config).await,
        Task::Backup(args) => backup::run(&args, &config).await,
        Task::Restore(args) => restore::run(&args, &config).await,
        Task::Check(args) => check::run(&args, &config).await,
        Task::Room(args) => room::run(&args, &config).await,
        Task::Token(args) => token::run(&args, &config),
        Task::DocWorker(config) => child::run(config),
    }
}

/// The SQLite file that a command works on, or the sentence that it has none.
fn file_of<'a>(database: &'a Database, instead: &str) -> anyhow::Result<&'a str> {
    match database.kind() {
        DatabaseKind::Sqlite => Ok(database.url()),
        DatabaseKind::Postgres => {
            anyhow::bail!("rooms are kept in Postgres ({database}): {instead}")
        }
    }
}

/// The settings, once what seemed odd about them was said.
fn gather(invocation: &Invocation) -> Result<Effective, ConfigError> {
    let effective = Effective::load(&invocation.given)?;
    for warning in &effective.warnings {
        eprintln!("scrible: warning: {warning}");
    }
    Ok(effective)
}

// 1 and not a number of its own: container runtimes take anything but 0 and 1 from a health check for a fault of theirs.
fn refuse(error: &ConfigError) -> ExitCode {
    eprintln!("scrible: {error}");
    ExitCode::FAILURE
}

/// Waits for something that may be dropped half-way, and drops it when the process is told to stop: unlike a signal
/// that ends the process at once, this takes unfinished files away.
async fn unless_interrupted<T>(doing: impl Future<Output = T>) -> T {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupted = async {
        match signal(SignalKind::terminate()) {
            Ok(mut term) => {
                tokio::select! { _ = term.recv() => {}, _ = tokio::signal::ctrl_c() => {} }
            }
            Err(_) => std::future::pending().await,
        }
    };
    let done = tokio::select! { done = doing => Some(done), () = interrupted => None };
    done.unwrap_or_else(|| {
        eprintln!("scrible: interrupted; nothing was changed");
        // Returning would wait for threads that copy a large file.
        std::process::exit(130)
    })
}

fn command() -> Command {
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .help_heading("Settings")
        .global(true)
        .help("Settings file [SCRIBLE_CONFIG, default scrible.toml if it is there]");
    Command::new("scrible")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Sync server for collaborative whiteboards: any Yjs editor connects unchanged")
        .after_help(
            "Without a command it serves. A flag beats the environment, which beats the file. Secrets are not taken as \
             flags; see `scrible config` for all settings.",
        )
        .subcommand(Command::new("serve").about("Run the server (this is what happens without a command)"))
        .subcommand(Command::new("worker").about(
            "Make exports and nothing else, beside servers of the same settings; it listens for health checks only",
        ))
        .subcommand(Command::new("config").about("Show every setting in effect and where it comes from"))
        .subcommand(Command::new("migrate").about("Bring the database up to date and end; serving does so, too"))
        .subcommand(
            Command::new("healthcheck").about("Ask the running server how it is: 0 when all is well, else 1"),
        )
        .subcommand(import::Args::command())
        .subcommand(export::Args::command())
        .subcommand(backup::Args::command())
        .subcommand(restore::Args::command())
        .subcommand(check::Args::command())
        .subcommand(room::Args::command())
        .subcommand(token::Args::command())
        .subcommand(doc_worker::command())
        .arg(file)
        .args(SETTINGS.iter().filter_map(argument))
}

fn argument(setting: &'static Setting) -> Option<Arg> {
    let flag = setting.flag?;
    let default = setting
        .default
        .map_or(String::new(), |default| format!(", default {default}"));
    let help = format!("{} [{}{default}]", setting.meaning, setting.name);
    let argument = Arg::new(setting.name)
        .long(flag)
        .value_name(setting.unit)
        .help_heading("Settings")
        .global(true)
        .help(help);
    let argument = if setting.is_folders() {
        let short = flag.strip_suffix("-dir").unwrap_or(flag);
        let argument = argument.visible_alias(short);
        argument.action(ArgAction::Append)
    } else if setting.is_switch() {
        // Without "=" a file's name that follows would be taken for the value.
        let argument = argument.num_args(0..=1).require_equals(true);
        argument.default_missing_value("yes")
    } else {
        argument
    };
    // "--port -1" shall be told what is allowed, not that there is no option "-1".
    Some(argument.allow_hyphen_values(true))
}

fn given(matches: &ArgMatches) -> Given {
    let flags = SETTINGS.iter().filter(|setting| setting.flag.is_some());
    let flags = flags.filter_map(|setting| {
        let values = matches.get_many::<String>(setting.name)?;
        let values: Vec<_> = values.map(String::as_str).collect();
        Some((setting.name, values.join(":")))
    });
    Given {
        flags: flags.collect(),
        file: matches.get_one::<String>("config").map(Into::into),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Invocation, clap::Error> {
        Invocation::parse(line.split_whitespace())
    }

    #[test]
    fn the_parser_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn without_a_command_it_serves() {
        for (line, task) in [
            ("scrible", Task::Serve),
            ("scrible serve", Task::Serve),
            ("scrible worker", Task::Worker),
            ("scrible config", Task::Config),
            ("scrible migrate", Task::Migrate),
            ("scrible healthcheck", Task::Healthcheck),
        ] {
            assert_eq!(parse(line).unwrap().task, task, "{line}");
        }
    }

    #[test]
    fn flags_are_taken_before_and_after_the_command() {
        for line in [
            "scrible --port 4000 --config x.toml healthcheck",
            "scrible healthcheck --port=4000 --config x.toml",
            "scrible --config x.toml healthcheck --port 4000",
            "scrible --port 4000 --config x.toml",
        ] {
            let given = parse(line).unwrap().given;
            assert_eq!(
                given.flags.iter().collect::<Vec<_>>(),
                [(&"PORT", &"4000".to_owned())]
            );
            assert_eq!(given.file.unwrap().to_str(), Some("x.toml"));
        }
        let given = parse("scrible --port -1").unwrap().given;
        assert_eq!(given.flags["PORT"], "-1");
    }

    #[test]
    fn folders_add_up_and_a_switch_alone_is_on() {
        let line = "scrible export --system-fonts b.tldr --fonts a --fonts-dir b:c";
        let Invocation { task, given } = parse(line).unwrap();
        assert!(
            matches!(task, Task::Export(args) if args.input == export::Input::File("b.tldr".into()))
        );
        assert_eq!(given.flags["SCRIBLE_FONTS_DIR"], "a:b:c");
        assert_eq!(given.flags["SCRIBLE_SYSTEM_FONTS"], "yes");
        let off = parse("scrible --system-fonts=no export b.tldr").unwrap();
        assert_eq!(off.given.flags["SCRIBLE_SYSTEM_FONTS"], "no");
    }

    #[test]
    fn every_setting_but_the_secrets_has_its_flag_and_stands_in_the_help() {
        let help = command().render_long_help().to_string();
        for setting in SETTINGS {
            let flag = setting.flag.unwrap_or(setting.key);
            let line = format!("scrible --{flag}=value");
            assert_eq!(parse(&line).is_ok(), !setting.secret, "{line}");
            assert_eq!(
                help.contains(&format!("[{}", setting.name)),
                !setting.secret,
                "{help}"
            );
        }
    }

    #[test]
    fn import_takes_a_file_and_a_room() {
        let line = "scrible import b.tldr a/b --merge --root r --server ws://h:1 --port 4000";
        let invocation = parse(line).unwrap();
        let wanted = import::Args {
            file: "b.tldr".into(),
            room: "a/b".to_owned(),
            target: target::Target {
                server: Some("ws://h:1".to_owned()),
                token: None,
            },
            root: Some("r".to_owned()),
            merge: true,
        };
        assert_eq!(invocation.task, Task::Import(wanted));
        assert_eq!(invocation.given.flags["PORT"], "4000");
        assert!(parse("scrible import b.tldr").is_err());
    }

    #[test]
    fn the_commands_for_the_whole_database_take_their_arguments() {
        let file = || "a b.db".into();
        for (arguments, wanted) in [
            (
                &["backup", "a b.db"][..],
                Task::Backup(backup::Args {
                    file: file(),
                    force: false,
                }),
            ),
            (
                &["backup", "--force", "a b.db"],
                Task::Backup(backup::Args {
                    file: file(),
                    force: true,
                }),
            ),
            (
                &["restore", "a b.db", "--keep-damaged"],
                Task::Restore(restore::Args {
                    file: file(),
                    keep_damaged: true,
                }),
            ),
            (
                &["check", "--json"],
                Task::Check(check::Args {
                    json: true,
                    repair: false,
                }),
            ),
            (
                &["check", "--repair"],
                Task::Check(check::Args {
                    json: false,
                    repair: true,
                }),
            ),
        ] {
            let line = [&["scrible"], arguments].concat();
            assert_eq!(Invocation::parse(line).unwrap().task, wanted);
        }
        assert!(parse("scrible backup").is_err());
        assert!(parse("scrible restore").is_err());
        assert!(parse("scrible check room").is_err());
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in [
            "scrible --prot 1",
            "scrible sreve",
            "scrible --port",
            "scrible --port 1 --port 2",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
