//! From the bytes of a document to files: the page that is wanted, or one after the other.
//!
//! Runs in the child, and in the process of a command that somebody runs on a file of their own. Knows boards and the exporter;
//! no folders and no names of files. The rule: what whoever asks can put right is a [`Refusal`] with a sentence; everything
//! else is the document's fault.

use std::collections::BTreeSet;

use scrible_board::{AssetKind, Board, BoardError, Kind, Limits, Wanted};
use scrible_exporter::error::ExportError;
use scrible_exporter::export::{Artifact, Commission, Exporter, Format, Paged};
use scrible_exporter::limits::Stop;
use scrible_exporter::options::{Options, PageChoice};
use scrible_exporter::picture::Pictures;
use serde::{Deserialize, Serialize};

use super::DocError;

/// As many notes, empty pages and other boards as are passed on.
const MAX_TOLD: usize = 20;

/// As many files as are looked for outside of a board.
const MAX_PICTURES: usize = 400;

/// Bytes of what a board calls one. All of them fit into the head of a message.
const MAX_PICTURE_NAME: usize = 2000;

/// Of a name of a page or root.
const MAX_NAME_CHARS: usize = 60;

/// What to make of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Which board, when there are several.
    pub board: BoardChoice,
    /// What it becomes.
    pub format: Format,
    /// Which of its pages become files.
    pub pages: Pages,
    /// How each is drawn.
    pub options: Options,
}

/// One of the boards in a document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoardChoice {
    /// The one with the most shapes.
    #[default]
    Largest,
    /// The one in the root of this name, and no other.
    Root(String),
    /// The one that editors keep in a room of this name; otherwise the largest.
    Room(String),
}

/// How many files there will be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pages {
    /// One, as the options say.
    #[default]
    One,
    /// One for each page with something on it, whatever the options say; one with all of them where the format has room.
    Each,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The place of the page, from 1, when there is one file for each.
    pub page: Option<usize>,
    /// The file.
    pub artifact: Artifact,
}

/// What is said about the whole of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What was wrong with records, the first sentences.
    pub notes: Vec<String>,
    /// How many such sentences there were in all.
    pub note_count: usize,
    /// Pages that were passed over because nothing is on them: numbers and names of the first.
    pub empty: Vec<String>,
    /// How many such pages there were in all.
    pub empty_count: usize,
    /// Roots of the document's other boards, each with the number of its shapes, when nobody said which one is meant: the
    /// first of them.
    pub other_boards: Vec<(String, usize)>,
    /// Fonts that could not be had, a sentence each.
    pub fonts: Vec<String>,
}

/// Why there is no file, which is for whoever asked to put right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{why}")]
pub struct Refusal {
    /// What kind of thing is wrong.
    pub fault: Fault,
    /// What exactly, and what would be right.
    pub why: String,
}

/// What can be wrong with an order, or with ordering that of this document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The document holds no board that can be drawn.
    NoBoard,
    /// The page, shape or root is not there.
    NotThere,
    /// Nothing is on the page.
    Empty,
    /// An option that cannot be, or two that do not go together.
    Option,
    /// The file would be larger than is made.
    TooLarge,
}

/// Why an export ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportFailure {
    /// Whoever asked can put it right.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// As for whatever else is asked about a document.
    #[error(transparent)]
    Document(#[from] DocError),
}

/// An order on a document.
pub struct Job<'a> {
    /// The document: as a server keeps it, or any file with a board.
    pub document: &'a [u8],
    /// How much of it is read.
    pub limits: Limits,
    /// What to make of it.
    pub order: &'a Order,
    /// What makes it.
    pub exporter: &'a Exporter,
    /// Files that the board only names.
    pub pictures: &'a dyn Pictures,
    /// Asked now and then.
    pub stop: Stop<'a>,
}

/// What the shapes of a board call the files that are not in it, each once; nothing where there is no such board. The first of them, if they
/// are very many.
pub fn picture_names(document: &[u8], board: &BoardChoice, limits: &Limits) -> Vec<String> {
    let Ok(board) = Board::read_wanted(document, board.wanted(), limits) else {
        return Vec::new();
    };
    let asset = |id: &Option<String>| board.assets().get(id.as_deref()?);
    let mut names = BTreeSet::new();
    for shape in board.shapes() {
        let named = match &shape.kind {
            Kind::Image(image) => asset(&image.asset),
            Kind::Bookmark(bookmark) => asset(&bookmark.asset),
            _ => None,
        };
        match named.map(|asset| &asset.kind) {
            Some(AssetKind::Image(file)) => names.extend(file.src.as_deref()),
            Some(AssetKind::Bookmark(page)) => {
                names.extend([page.image.as_str(), page.favicon.as_str()]);
            }
            _ => {}
        }
    }
    names.retain(|name| {
        let is_data = name.trim_start().get(..5);
        let is_data = is_data.is_some_and(|start| start.eq_ignore_ascii_case("data:"));
        !is_data && (1..=MAX_PICTURE_NAME).contains(&name.len())
    });
    names
        .into_iter()
        .take(MAX_PICTURES)
        .map(str::to_owned)
        .collect()
}

impl BoardChoice {
    fn wanted(&self) -> Wanted<'_> {
        match self {
            Self::Largest => Wanted::Largest,
            Self::Root(name) => Wanted::Root(name),
            Self::Room(name) => Wanted::Room(name),
        }
    }
}

impl Job<'_> {
    /// Makes the files that are ordered and hands each over as soon as it is made.
    ///
    /// A hostile document may panic in yrs or never end.
    ///
    /// # Errors
    /// When nothing can be made, or with the first error of `take`.
    pub fn run<E: From<ExportFailure>>(
        &self,
        mut take: impl FnMut(Exported) -> Result<(), E>,
    ) -> Result<Facts, E> {
        let order = self.order;
        order.options.check().map_err(ExportFailure::from)?;
        let board = self.board()?;
        let mut facts = Facts::of(&board, order);
        if order.pages == Pages::One || !order.format.is_picture() {
            let artifact = self.make(&board, &order.options)?;
            let page = None;
            take(Exported { page, artifact })?;
            return Ok(facts);
        }
        if order.format.is_paged() {
            let paged = self
                .exporter
                .export_paged(&board, self.commission(&order.options));
            let Paged { artifact, empty } = paged.map_err(ExportFailure::from)?;
            for at in empty {
                facts.pass_over(at, &board);
            }
            let page = None;
            take(Exported { page, artifact })?;
            return Ok(facts);
        }
        let mut nothing = ExportFailure::from(ExportError::NoPages);
        for at in 0..board.pages().len() {
            let number = at + 1;
            let options = Options {
                page: PageChoice::Number(number),
                ..order.options.clone()
            };
            match self.make(&board, &options) {
                Ok(artifact) => {
                    let page = Some(number);
                    take(Exported { page, artifact })?;
                }
                Err(ExportFailure::Refused(refusal)) if refusal.fault == Fault::Empty => {
                    facts.pass_over(at, &board);
                    nothing = refusal.into();
                }
                Err(failure) => return Err(failure.into()),
            }
        }
        match facts.empty_count == board.pages().len() {
            true => Err(nothing.into()),
            false => Ok(facts),
        }
    }

    fn board(&self) -> Result<Board, ExportFailure> {
        let wanted = self.order.board.wanted();
        Ok(Board::read_wanted(self.document, wanted, &self.limits)?)
    }

    fn make(&self, board: &Board, options: &Options) -> Result<Artifact, ExportFailure> {
        Ok(self.exporter.export(board, self.commission(options))?)
    }

    fn commission<'a>(&'a self, options: &'a Options) -> Commission<'a> {
        Commission {
            format: self.order.format,
            options,
            pictures: self.pictures,
            stop: self.stop,
        }
    }
}

impl Facts {
    fn of(board: &Board, order: &Order) -> Self {
        let origin = board.origin();
        let is_chosen = match &order.board {
            BoardChoice::Largest => false,
            BoardChoice::Root(_) => true,
            BoardChoice::Room(room) => {
                let root = &origin.root.name;
                root == room || root.strip_prefix("tl_") == Some(room)
            }
        };
        let others = origin.others.iter().filter(|_| !is_chosen).take(MAX_TOLD);
        let notes = board.notes().iter().take(MAX_TOLD);
        Self {
            notes: notes.map(ToString::to_string).collect(),
            note_count: board.note_count(),
            other_boards: others
                .map(|root| (short(&root.name), root.shapes))
                .collect(),
            ..Self::default()
        }
    }

    /// Nothing is on that page, counted from 0.
    fn pass_over(&mut self, at: usize, board: &Board) {
        self.empty_count += 1;
        if self.empty.len() < MAX_TOLD {
            let name = short(&board.pages()[at].name);
            self.empty.push(format!("{} ({name:?})", at + 1));
        }
    }
}

fn short(name: &str) -> String {
    name.chars().take(MAX_NAME_CHARS).collect()
}

impl From<BoardError> for ExportFailure {
    fn from(error: BoardError) -> Self {
        let fault = match error {
            BoardError::Unreadable { .. } => {
                return Self::Document(DocError::Broken(error.to_string()));
            }
            BoardError::NoBoard { .. } | BoardError::FirstEdition => Fault::NoBoard,
            BoardError::NotThere { .. } => Fault::NotThere,
            BoardError::TooLarge { .. } | BoardError::TooManyRecords { .. } => Fault::TooLarge,
        };
        let why = error.to_string();
        Self::Refused(Refusal { fault, why })
    }
}

impl From<ExportError> for ExportFailure {
    fn from(error: ExportError) -> Self {
        let fault = match error {
            ExportError::Drawing(_) | ExportError::Font(_) | ExportError::Stopped => {
                return Self::Document(DocError::Broken(error.to_string()));
            }
            ExportError::NoPages | ExportError::Empty { .. } => Fault::Empty,
            ExportError::NoPage { .. } | ExportError::NoShape { .. } => Fault::NotThere,
            ExportError::SeveralPages | ExportError::Option { .. } => Fault::Option,
            ExportError::SvgTooLarge { .. }
            | ExportError::PdfTooLarge { .. }
            | ExportError::TooManyPages { .. }
            | ExportError::TooManyPixels { .. }
            | ExportError::TooMuchText { .. } => Fault::TooLarge,
        };
        let why = error.to_string();
        Self::Refused(Refusal { fault, why })
    }
}
