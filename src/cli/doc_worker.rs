//! `scrible doc-worker`: what the server starts as a child to open docs in.
//!
//! Not for people, so `--help` does not list it. The rule: it knows its arguments only, no settings and no environment.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::doc_worker::child::ChildConfig;
use crate::fonts::{FontsConfig, SystemFonts};

/// The command as the parser knows it.
pub fn command() -> Command {
    let number = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("N")
            .required(true)
            .help(help)
            .value_parser(value_parser!(u64))
    };
    Command::new("doc-worker")
        .hide(true)
        .about("Open docs for the process that starts this one, over standard input and output")
        .arg(number("parent", "Process id of the one that asks").value_parser(value_parser!(u32)))
        .arg(number("doc-limit", "The largest doc").value_parser(value_parser!(usize)))
        .arg(number("memory-bytes", "Memory that may be taken"))
        // Not the names of the settings, which every command takes and this one must not.
        .arg(
            Arg::new("font-folder")
                .long("font-folder")
                .value_name("DIR")
                .action(ArgAction::Append)
                .help("Where there are fonts")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            Arg::new("machine-fonts")
                .long("machine-fonts")
                .action(ArgAction::SetTrue)
                .help("Take this machine's fonts, too"),
        )
}

/// Out of what was parsed by [`command`].
pub fn config_of(matches: &ArgMatches) -> ChildConfig {
    const REQUIRED: &str = "the parser refuses a command line without it";
    ChildConfig {
        parent: *matches.get_one("parent").expect(REQUIRED),
        max_doc_bytes: *matches.get_one("doc-limit").expect(REQUIRED),
        memory_bytes: *matches.get_one("memory-bytes").expect(REQUIRED),
        fonts: FontsConfig {
            folders: matches
                .get_many::<PathBuf>("font-folder")
                .into_iter()
                .flatten()
                .cloned()
                .collect(),
            system: match matches.get_flag("machine-fonts") {
                true => SystemFonts::Taken,
                false => SystemFonts::Left,
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Invocation, Task};

    #[test]
    fn its_arguments_are_all_it_needs() {
        let given = [
            "scrible",
            "doc-worker",
            "--parent=7",
            "--doc-limit=8",
            "--memory-bytes=9",
        ];
        let config = ChildConfig {
            parent: 7,
            max_doc_bytes: 8,
            memory_bytes: 9,
            fonts: FontsConfig::default(),
        };
        let mut with_fonts = config.clone();
        with_fonts.fonts = FontsConfig {
            folders: vec!["a b".into(), "c".into()],
            system: SystemFonts::Taken,
        };
        let fonts = [
            "--font-folder",
            "a b",
            "--font-folder",
            "c",
            "--machine-fonts",
        ];
        let all = given.iter().chain(&fonts);
        assert_eq!(
            Invocation::parse(all).unwrap().task,
            Task::DocWorker(with_fonts)
        );
        assert_eq!(
            Invocation::parse(given).unwrap().task,
            Task::DocWorker(config)
        );
        for left_out in 2..given.len() {
            let some: Vec<_> = given
                .iter()
                .filter(|word| **word != given[left_out])
                .collect();
            assert!(Invocation::parse(some).is_err());
        }
    }

    #[test]
    fn help_does_not_speak_of_it() {
        let help = Invocation::parse(["scrible", "--help"])
            .err()
            .unwrap()
            .to_string();
        let lists = |name: &str| help.lines().any(|line| line.trim_start().starts_with(name));
        assert!(lists("healthcheck ") && !lists("doc-worker"), "{help}");
    }
}
