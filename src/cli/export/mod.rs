//! `scrible export INPUT`: draws a board, or writes its records, to a file.
//!
//! Knows arguments and where a document comes from. A file is opened in this process, which is all that it can cost; what is
//! stored of a room in a doc worker, with the limits of one. The rule: whatever goes wrong is one sentence that names the remedy.

mod output;
mod pictures;
mod progress;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command};
use scrible_exporter::export::{Exporter, Format};
use scrible_exporter::limits::Stop;
use scrible_exporter::options::{Background, Options, Padding, PageChoice};
use scrible_exporter::picture::{NoPictures, is_guarded};
use scrible_exporter::theme::Theme;

use self::output::{Output, Target};
use self::progress::Progress;
use super::{room, unless_interrupted};
use crate::config::Config;
use crate::doc_worker::child::{STACK_BYTES, last_words};
use crate::doc_worker::export::{BoardChoice, Facts, Job, Order, Pages};
use crate::fonts::{self, Loaded};
use crate::room::RoomName;

/// Of fonts beyond the bundled ones.
const MAX_FONT_BYTES: usize = 512 << 20;

/// What was typed.
#[derive(Debug, Clone, PartialEq)]
pub struct Args {
    /// What to export.
    pub input: Input,
    /// `--output`.
    pub output: Option<PathBuf>,
    /// `--format`.
    pub format: Option<Format>,
    /// `--page`.
    pub page: Option<String>,
    /// `--shapes`.
    pub shapes: Vec<String>,
    /// `--scale`.
    pub scale: Option<f64>,
    /// `--padding`.
    pub padding: Option<Padding>,
    /// `--dark`.
    pub dark: bool,
    /// `--transparent`.
    pub transparent: bool,
    /// `--root`.
    pub root: Option<String>,
    /// `--quiet`.
    pub quiet: bool,
}

/// Where a document comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// `-`.
    Stdin,
    /// `room:NAME`.
    Room(String),
    /// Everything else.
    File(PathBuf),
}

impl Args {
    /// The command as the parser knows it.
    pub fn command() -> Command {
        let option =
            |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
        let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
        let formats = PossibleValuesParser::new(Format::ALL.map(Format::name));
        let formats = formats.map(|name| name.parse::<Format>().expect("it is one of the names"));
        Command::new("export")
            .about("Draw a board as SVG, PNG or PDF, or write its records as JSON or .tldr")
            .after_help(
                "Without --output the file stands beside INPUT, or for a room in the working folder; what is read from standard \
                 input goes to standard output.",
            )
            .arg(
                Arg::new("input")
                    .value_name("INPUT")
                    .required(true)
                    .value_parser(clap::value_parser!(PathBuf))
                    .help("A Yjs update (v1 or v2), a .tldr file, a snapshot as JSON, room:NAME for what is stored of a room, or - for standard input"),
            )
            .arg(
                option("output", "FILE")
                    .short('o')
                    .value_parser(clap::value_parser!(PathBuf))
                    .help("Where to; - for standard output"),
            )
            .arg(
                option("format", "FORMAT")
                    .value_parser(formats)
                    .help("What to write [default: as FILE ends, otherwise png]"),
            )
            .arg(
                option("page", "N|ID|all")
                    .allow_hyphen_values(true)
                    .help("Which page, by its place from 1, its id or its name; all for a file of each, or one PDF with all [default: the first; all of a PDF]"),
            )
            .arg(
                option("shapes", "IDS")
                    .value_delimiter(',')
                    .action(ArgAction::Append)
                    .help("Only these shapes and all that is in them: ids with \",\" between"),
            )
            .arg(
                option("scale", "FACTOR")
                    .value_parser(clap::value_parser!(f64))
                    .allow_hyphen_values(true)
                    .help("px of the picture for each px of the board [default: 1]"),
            )
            .arg(
                option("padding", "PX|auto")
                    .value_parser(padding)
                    .allow_hyphen_values(true)
                    .help("px of the board around everything [default: auto, as the editor does it]"),
            )
            .arg(flag("dark").help("As the editor looks in the dark"))
            .arg(flag("transparent").help("Nothing behind the shapes"))
            .arg(
                option("root", "NAME")
                    .help("Which board, when a document holds several [default: that of the room, or the one with the most shapes]"),
            )
            .arg(flag("quiet").short('q').help("Say nothing but what went wrong"))
    }

    /// Out of what was parsed by [`Args::command`].
    pub fn of(matches: &ArgMatches) -> Self {
        let path = |name: &str| matches.get_one::<PathBuf>(name).cloned();
        let text = |name: &str| matches.get_one::<String>(name).cloned();
        let shapes = matches.get_many::<String>("shapes");
        Self {
            input: Input::of(path("input").unwrap_or_default()),
            output: path("output"),
            format: matches.get_one("format").copied(),
            page: text("page"),
            shapes: shapes.into_iter().flatten().cloned().collect(),
            scale: matches.get_one("scale").copied(),
            padding: matches.get_one("padding").copied(),
            dark: matches.get_flag("dark"),
            transparent: matches.get_flag("transparent"),
            root: text("root"),
            quiet: matches.get_flag("quiet"),
        }
    }

    /// Whether it works on files alone, so that neither a database nor a runtime is needed.
    pub fn is_of_file(&self) -> bool {
        !matches!(self.input, Input::Room(_))
    }

    fn order(&self, format: Format) -> Result<Order> {
        if !format.is_picture() {
            self.refuse_what_draws(format)?;
        }
        let pages = match self.page.as_deref() {
            Some("all") => Pages::Each,
            None if format.is_paged() && self.shapes.is_empty() => Pages::Each,
            _ => Pages::One,
        };
        if pages == Pages::Each && !self.shapes.is_empty() {
            bail!(
                "--shapes stand on one page, so they do not go together with --page all: leave one of the two out"
            );
        }
        let page = match self.page.as_deref() {
            None | Some("all") => PageChoice::First,
            Some(name) => match name.parse() {
                Ok(number) => PageChoice::Number(number),
                Err(_) => PageChoice::Named(name.to_owned()),
            },
        };
        Ok(Order {
            board: match (&self.root, &self.input) {
                (Some(root), _) => BoardChoice::Root(root.clone()),
                (None, Input::Room(room)) => BoardChoice::Room(room.clone()),
                (None, _) => BoardChoice::Largest,
            },
            format,
            pages,
            options: Options {
                page,
                shapes: self.shapes.clone(),
                scale: self.scale.unwrap_or(1.0),
                padding: self.padding.unwrap_or_default(),
                background: match self.transparent {
                    true => Background::Transparent,
                    false => Background::Painted,
                },
                theme: match self.dark {
                    true => Theme::Dark,
                    false => Theme::Light,
                },
            },
        })
    }

    /// To pass over them would look as if they had been heeded.
    fn refuse_what_draws(&self, format: Format) -> Result<()> {
        let given = [
            ("--page", self.page.is_some()),
            ("--shapes", !self.shapes.is_empty()),
            ("--scale", self.scale.is_some()),
            ("--padding", self.padding.is_some()),
            ("--dark", self.dark),
            ("--transparent", self.transparent),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((name, _)) => bail!(
                "{name} says how a picture is drawn, and {} holds the whole board: leave it out, or take svg, png or pdf",
                format.name()
            ),
            None => Ok(()),
        }
    }
}

impl Input {
    fn of(path: PathBuf) -> Self {
        match path.to_str() {
            Some("-") => Self::Stdin,
            Some(name) => match name.strip_prefix("room:") {
                Some(room) => Self::Room(room.to_owned()),
                None => Self::File(path),
            },
            None => Self::File(path),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Stdin => "standard input".to_owned(),
            Self::Room(room) => format!("room {room:?}"),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// Exports from a file. 0 when all of it was written, else 1 with the reason on standard error.
pub fn run_alone(args: &Args, config: &Config) -> ExitCode {
    let name = args.input.name();
    std::panic::set_hook(Box::new(move |panic| {
        if is_guarded() {
            return;
        }
        let said = last_words(panic);
        // It may be closed, and a second panic would end the process without a code.
        let _ = writeln!(
            std::io::stderr(),
            "scrible: {name}: the document cannot be worked with: reading or drawing it panicked: {said}"
        );
        std::process::exit(1)
    }));
    // Values may be nested as deep as the bytes are long.
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK_BYTES);
        let working = thread.spawn_scoped(scope, || from_file(args, config));
        let done = working
            .context("start a thread")
            .and_then(|working| working.join().expect("a panic ends the process"));
        code(args, done)
    })
}

/// Exports from wherever it is. Exit codes as of [`run_alone`].
pub async fn run(args: &Args, config: &Config) -> ExitCode {
    match &args.input {
        Input::Room(name) => code(
            args,
            unless_interrupted(from_room(args, name, config)).await,
        ),
        _ => run_alone(args, config),
    }
}

fn code(args: &Args, done: Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scrible: {}: {error:#}", args.input.name());
            ExitCode::FAILURE
        }
    }
}

fn from_file(args: &Args, config: &Config) -> Result<()> {
    let target = Target::of(args)?;
    let order = args.order(target.format)?;
    let progress = Progress::of(args);
    let limits = scrible_board::Limits::default();
    let document = match &args.input {
        Input::File(path) => std::fs::File::open(path)
            .map_err(Into::into)
            .and_then(|file| read(file, limits.document_bytes))
            .context("read the file")?,
        _ => read(std::io::stdin().lock(), limits.document_bytes)?,
    };
    let Loaded { fonts, warnings } = fonts::load(&config.documents.fonts, MAX_FONT_BYTES);
    let exporter = Exporter::with(fonts);
    let job = Job {
        document: &document,
        limits,
        order: &order,
        exporter: &exporter,
        pictures: &NoPictures,
        stop: Stop::never(),
    };
    let mut output = Output::new(args, target);
    let facts = job.run(|exported| progress.pause(|| output.write(exported)))?;
    drop(progress);
    let fonts = warnings;
    output.tell(&Facts { fonts, ..facts });
    Ok(())
}

async fn from_room(args: &Args, name: &str, config: &Config) -> Result<()> {
    let name = RoomName::new(name)?;
    let target = Target::of(args)?;
    let order = args.order(target.format)?;
    let progress = Progress::of(args);
    let keeper = room::keeper(config).await?;
    let done = async {
        let updates = room::stored(&keeper, &name).await?;
        let pictures = match order.format.is_picture() {
            true => pictures::of_room(&keeper, &name, &updates, &order.board, config).await,
            false => Vec::new(),
        };
        Ok(keeper.documents.export(updates, order, pictures).await?)
    };
    let done: Result<_> = done.await;
    keeper.documents.close().await;
    keeper.store.close().await;
    let exports = done?;
    drop(progress);
    let mut output = Output::new(args, target);
    for file in exports.files {
        output.write(file)?;
    }
    output.tell(&exports.facts);
    Ok(())
}

/// A byte more than the limit at the most, for the reader of boards to refuse.
fn read(from: impl Read, limit: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn padding(text: &str) -> Result<Padding, String> {
    match text {
        "auto" => Ok(Padding::Auto),
        number => number
            .parse()
            .map(Padding::Px)
            .map_err(|_| "it is auto or a number of px".to_owned()),
    }
}

/// The format that a file's name asks for; `None` where it has no ending.
fn format_of(path: &Path) -> Result<Option<Format>> {
    let Some(ending) = path.extension() else {
        return Ok(None);
    };
    let known = ending.to_str().and_then(|ending| ending.parse().ok());
    match known {
        Some(format) => Ok(Some(format)),
        None => bail!(
            "there is no format that ends in .{}: name a file that ends in .svg, .png, .pdf, .json or .tldr, or say --format",
            ending.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        let matches = Args::command().try_get_matches_from(line.split(' '))?;
        Ok(Args::of(&matches))
    }

    fn order(line: &str) -> Result<Order> {
        let args = parse(line)?;
        args.order(Target::of(&args)?.format)
    }

    #[test]
    fn what_is_typed_becomes_an_order() {
        Args::command().debug_assert();
        let plain = order("export b.tldr").unwrap();
        assert_eq!(plain.options, Options::default());
        assert_eq!((plain.format, plain.pages), (Format::Png, Pages::One));
        assert_eq!(plain.board, BoardChoice::Largest);
        let all = order(
            "export room:a/b -o x.svg --page 2 --shapes a,b --shapes c --scale 2 --padding 10 --dark --transparent --root r",
        );
        let all = all.unwrap();
        assert_eq!(all.format, Format::Svg);
        assert_eq!(all.board, BoardChoice::Root("r".to_owned()));
        assert_eq!(all.options.page, PageChoice::Number(2));
        assert_eq!(all.options.shapes, ["a", "b", "c"]);
        assert_eq!(
            (all.options.scale, all.options.padding),
            (2.0, Padding::Px(10.0))
        );
        assert_eq!(
            (all.options.theme, all.options.background),
            (Theme::Dark, Background::Transparent)
        );
        let room = order("export room:a/b --page all --padding auto").unwrap();
        assert_eq!(room.board, BoardChoice::Room("a/b".to_owned()));
        assert_eq!(
            (room.pages, room.options.padding),
            (Pages::Each, Padding::Auto)
        );
        for (line, pages) in [
            ("export b -o c.pdf", Pages::Each),
            ("export b --format pdf --page all -o -", Pages::Each),
            ("export b -o c.pdf --page 2", Pages::One),
            ("export b -o c.pdf --shapes a", Pages::One),
        ] {
            assert_eq!(order(line).unwrap().pages, pages, "{line}");
        }
        let named = order("export - --page page:x").unwrap();
        assert_eq!(named.options.page, PageChoice::Named("page:x".to_owned()));
    }

    #[test]
    fn the_format_is_what_is_said_then_how_the_output_ends_then_png() {
        for (line, format) in [
            ("export b", Format::Png),
            ("export b.json", Format::Png),
            ("export b -o c", Format::Png),
            ("export b -o c.SVG", Format::Svg),
            ("export b -o c.pdf", Format::Pdf),
            ("export b -o c.tldr", Format::Tldr),
            ("export b -o c.png --format json", Format::Json),
            ("export b -o c.gif --format svg", Format::Svg),
            ("export b -o - --format svg", Format::Svg),
        ] {
            assert_eq!(order(line).unwrap().format, format, "{line}");
        }
    }

    #[test]
    fn e5_what_does_not_go_together_is_refused_with_the_remedy() {
        for (line, why) in [
            ("export b -o c.gif", ".svg, .png, .pdf, .json or .tldr"),
            (
                "export b -o c.json --scale 2",
                "--scale says how a picture is drawn, and json holds the whole board",
            ),
            (
                "export b --format tldr --page 1",
                "leave it out, or take svg, png or pdf",
            ),
            ("export b --page all --shapes x", "leave one of the two out"),
            (
                "export b --page all -o -",
                "--page all writes several files",
            ),
        ] {
            let error = order(line).unwrap_err().to_string();
            assert!(error.contains(why), "{line}: {error}");
        }
        for line in [
            "export",
            "export b --format gif",
            "export b --scale x",
            "export b --padding wide",
        ] {
            parse(line).unwrap_err();
        }
    }
}
