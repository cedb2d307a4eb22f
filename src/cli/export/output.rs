//! Where files go, what they are called, and what is said about them.
//!
//! Knows names and the terminal. The rules: the input is never written over, and what stands on standard output is the file and
//! nothing else.

use std::io::{IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use scrible_exporter::export::Format;

use super::{Args, Input, format_of};
use crate::cli::backup;
use crate::doc_worker::export::{Exported, Facts};

/// As many notes about a board as anybody reads.
const MAX_NOTES: usize = 5;

/// What files are written, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// What is in them.
    pub format: Format,
    place: Place,
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    Stdout,
    /// With the page's number before the ending when there are several.
    File(PathBuf),
}

/// Writes files and says so.
pub struct Output<'a> {
    args: &'a Args,
    target: Target,
    missing: Vec<char>,
    left_out: Vec<String>,
}

impl Target {
    /// Follows from what was typed alone.
    pub fn of(args: &Args) -> Result<Self> {
        let is_stdout = |path: &PathBuf| path.as_os_str() == "-";
        let output = args.output.as_ref().filter(|path| !is_stdout(path));
        let format = match (args.format, output) {
            (Some(format), _) => format,
            (None, Some(path)) => format_of(path)?.unwrap_or(Format::Png),
            (None, None) => Format::Png,
        };
        let beside = match &args.input {
            _ if args.output.as_ref().is_some_and(is_stdout) => None,
            Input::Stdin => None,
            Input::File(path) => Some(path.clone()),
            Input::Room(room) => Some(file_name(room).into()),
        };
        let beside = beside.map(|path| match &args.input {
            // A room's name has no ending, whatever it looks like.
            Input::Room(_) => PathBuf::from(format!("{}.{}", path.display(), format.name())),
            _ => path.with_extension(format.name()),
        });
        let place = match output.cloned().or(beside) {
            Some(path) => Place::File(path),
            None => Place::Stdout,
        };
        if place == Place::Stdout && args.page.as_deref() == Some("all") && !format.is_paged() {
            bail!(
                "--page all writes several files, which standard output cannot take: name a file with --output"
            );
        }
        Ok(Self { format, place })
    }

    /// The file for a page, or for the one that there is.
    fn path(&self, page: Option<usize>) -> Option<PathBuf> {
        let Place::File(path) = &self.place else {
            return None;
        };
        let Some(page) = page else {
            return Some(path.clone());
        };
        let stem = path.file_stem().unwrap_or_default().display();
        let name = match path.extension() {
            Some(ending) => format!("{stem}-{page}.{}", ending.display()),
            None => format!("{stem}-{page}"),
        };
        Some(path.with_file_name(name))
    }
}

impl<'a> Output<'a> {
    /// Nothing is written yet.
    pub fn new(args: &'a Args, target: Target) -> Self {
        Self {
            args,
            target,
            missing: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// Writes a file.
    ///
    /// # Errors
    /// When it would replace the input, or cannot be written.
    pub fn write(&mut self, exported: Exported) -> Result<()> {
        let mut artifact = exported.artifact;
        self.left_out.append(&mut artifact.left_out);
        for character in &artifact.missing {
            if !self.missing.contains(character) {
                self.missing.push(*character);
            }
        }
        let Some(path) = self.target.path(exported.page) else {
            let mut out = std::io::stdout().lock();
            if matches!(self.target.format, Format::Png | Format::Pdf) && out.is_terminal() {
                let name = self.target.format.name().to_uppercase();
                bail!("a {name} is no text for a terminal: name a file with --output");
            }
            out.write_all(&artifact.bytes)?;
            return Ok(out.flush()?);
        };
        if let Input::File(input) = &self.args.input
            && is_same_file(input, &path)
        {
            bail!(
                "{} would replace what is exported: name another file with --output",
                path.display()
            );
        }
        std::fs::write(&path, &artifact.bytes)
            .with_context(|| format!("write {}", path.display()))?;
        if !self.args.quiet {
            let bytes = backup::size(artifact.bytes.len() as u64);
            let size = match (artifact.size, artifact.pages) {
                (Some(size), _) => format!("{} x {} px, {bytes}", size.width, size.height),
                (None, Some(pages)) => format!("{pages} pages, {bytes}"),
                (None, None) => bytes,
            };
            // Whoever reads only the first lines closes the pipe; `println!` would panic.
            let _ = writeln!(std::io::stdout(), "wrote {} ({size})", path.display());
        }
        Ok(())
    }

    /// Says on standard error what should be known about the files.
    pub fn tell(&self, facts: &Facts) {
        if self.args.quiet {
            return;
        }
        for sentence in self.warnings(facts) {
            eprintln!("scrible: warning: {sentence}");
        }
    }

    fn warnings(&self, facts: &Facts) -> Vec<String> {
        let mut said = facts.fonts.clone();
        if !facts.other_boards.is_empty() {
            let boards = facts.other_boards.iter();
            let boards = boards.map(|(root, shapes)| format!("{root:?} with {shapes} shapes"));
            said.push(format!(
                "the document holds other boards, too: {}; --root NAME takes one of them",
                boards.collect::<Vec<_>>().join(", ")
            ));
        }
        if facts.empty_count > 0 {
            let more = match facts.empty_count - facts.empty.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let pages = facts.empty.join(", ");
            let lacks = match self.target.format.is_paged() {
                true => "so the file has no such page",
                false => "so there is no file",
            };
            said.push(format!("nothing is on page {pages}{more}, {lacks}"));
        }
        let notes = self.left_out.iter().chain(&facts.notes);
        said.extend(notes.take(MAX_NOTES).cloned());
        let all = self.left_out.len() + facts.note_count;
        if let more @ 1.. = all.saturating_sub(MAX_NOTES) {
            said.push(format!("{more} more notes about records"));
        }
        let missing = self.missing.iter().filter(|it| !is_unseen(**it));
        let missing: Vec<_> = missing.map(|it| it.escape_debug().to_string()).collect();
        if !missing.is_empty() {
            said.push(format!(
                "no font has {}, drawn as boxes: name a folder with fonts by --fonts DIR, or take this machine's by --system-fonts",
                missing.join(" ")
            ));
        }
        said
    }
}

/// Whether a character only joins its neighbours or says how they look.
fn is_unseen(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

/// A room's name as that of a file in the working folder.
fn file_name(room: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    let name: String = room
        .chars()
        .map(|c| if kept(c) { c } else { '-' })
        .collect();
    let name = name.trim_start_matches(['.', '-']);
    match name {
        "" => "board".to_owned(),
        // File systems take 255 bytes, and an ending and a page's number are to come.
        name => name[..name.floor_char_boundary(200)].to_owned(),
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| {
        let file = std::fs::metadata(path).ok()?;
        Some((file.dev(), file.ino()))
    };
    identity(one).is_some() && identity(one) == identity(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(line: &str) -> Target {
        let matches = Args::command()
            .try_get_matches_from(line.split(' '))
            .unwrap();
        Target::of(&Args::of(&matches)).unwrap()
    }

    #[test]
    fn files_stand_beside_the_input_and_pages_are_numbered() {
        for (line, one, third) in [
            ("export a/b.tldr", "a/b.png", "a/b-3.png"),
            ("export a/b.c.bin --format svg", "a/b.c.svg", "a/b.c-3.svg"),
            ("export board", "board.png", "board-3.png"),
            ("export board -o x/y.svg", "x/y.svg", "x/y-3.svg"),
            ("export board -o y", "y", "y-3"),
            ("export - -o y.png", "y.png", "y-3.png"),
            ("export room:a/b.c --format svg", "a-b.c.svg", "a-b.c-3.svg"),
            ("export room:../..", "board.png", "board-3.png"),
            ("export room:Größe", "Größe.png", "Größe-3.png"),
        ] {
            let target = target(line);
            assert_eq!(target.path(None), Some(one.into()), "{line}");
            assert_eq!(target.path(Some(3)), Some(third.into()), "{line}");
        }
        for line in ["export -", "export board -o -", "export room:x -o -"] {
            assert_eq!(target(line).path(None), None, "{line}");
        }
    }

    #[test]
    fn e6_what_should_be_known_is_told_briefly() {
        let facts = Facts {
            notes: (0..20).map(|n| format!("shape:{n}: odd")).collect(),
            note_count: 31,
            empty: vec!["2 (\"x\")".to_owned()],
            empty_count: 3,
            other_boards: vec![("tl_b".to_owned(), 4)],
            fonts: vec!["x.ttf cannot be read as a font".to_owned()],
        };
        let matches = Args::command()
            .try_get_matches_from(["export", "b"])
            .unwrap();
        let args = Args::of(&matches);
        let mut output = Output::new(&args, Target::of(&args).unwrap());
        assert_eq!(output.warnings(&Facts::default()), [""; 0]);
        output.missing = vec!['漢', '\u{200d}'];
        output.left_out = vec!["shape:p: no file".to_owned()];
        let said = output.warnings(&facts);
        assert_eq!(
            said[..3],
            [
                "x.ttf cannot be read as a font",
                "the document holds other boards, too: \"tl_b\" with 4 shapes; --root NAME takes one of them",
                "nothing is on page 2 (\"x\") and 2 more, so there is no file",
            ]
        );
        assert_eq!(said[3], "shape:p: no file");
        assert_eq!(said[4..8], [0, 1, 2, 3].map(|n| format!("shape:{n}: odd")));
        assert_eq!(said[8], "27 more notes about records");
        assert!(said[9].starts_with("no font has 漢, drawn as boxes"));
        assert_eq!(said.len(), 10);
    }
}
