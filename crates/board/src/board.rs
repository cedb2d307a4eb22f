//! The board: reads a document and answers questions about its shapes.
//!
//! Knows how records become one board, not how any of it is drawn. The rule: reading is pure: no clock, no files, no global
//! state, and the same content gives the same board in whatever layout it was kept.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::connector::Binding;
use crate::error::BoardError;
use crate::fields::{Fields, Reader, finite};
use crate::input::{self, Origin, RootSummary, Sink, Unfolded, Wanted};
use crate::limits::Limits;
use crate::migrate::{Upgraded, upgrade};
use crate::note::{MOST_ID_BYTES, Note, Notes, Problem, cut};
use crate::output::{Original, Originals};
use crate::record::{Asset, Document, Page, User};
use crate::schema::Versions;
use crate::shape::{Kind, Parent, Shape, ShapeIndex};
use crate::tree::{self, Loose};
use crate::value::{TooLarge, Value};
use crate::{connector, ink, label, media};

/// A whiteboard.
#[derive(Debug, Clone)]
pub struct Board {
    document: Document,
    pages: Vec<Page>,
    shapes: Vec<Shape>,
    assets: BTreeMap<String, Asset>,
    users: BTreeMap<String, User>,
    by_id: HashMap<String, ShapeIndex>,
    notes: Notes,
    origin: Origin,
    pub(crate) originals: Originals,
}

impl Board {
    /// Reads the board in a Yjs update of either format, a `.tldr` file, or the JSON of a snapshot. When a document has
    /// several boards, the one with the most shapes is read; of equals the first by name.
    ///
    /// Updates are opened by yrs, which may panic or never end on hostile ones: do that in a process that can be killed.
    ///
    /// # Errors
    /// See [`BoardError`]. A bad record is none: it is named in the [notes](Self::notes).
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, BoardError> {
        Self::read_wanted(bytes, Wanted::Largest, limits)
    }

    /// As [`read`](Self::read), of the board that is wanted.
    ///
    /// # Errors
    /// As there, and [`BoardError::NotThere`].
    pub fn read_wanted(
        bytes: &[u8],
        wanted: Wanted<'_>,
        limits: &Limits,
    ) -> Result<Self, BoardError> {
        let mut collector = Collector::new(limits);
        let origin = input::read(bytes, wanted, limits, &mut collector)?;
        Ok(collector.finish(origin))
    }

    /// The boards in a document, by the names of their roots.
    ///
    /// # Errors
    /// As of [`read`](Self::read).
    pub fn roots(bytes: &[u8], limits: &Limits) -> Result<Vec<RootSummary>, BoardError> {
        input::roots(bytes, limits)
    }

    /// What is said about the whole board.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The pages in order.
    pub fn pages(&self) -> &[Page] {
        &self.pages
    }

    /// All shapes in drawing order: page by page, depth first, parents before their children.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// A shape.
    ///
    /// # Panics
    /// With an index of another board.
    pub fn shape(&self, at: ShapeIndex) -> &Shape {
        &self.shapes[at.get()]
    }

    /// The shape with an id, `shape:` included, if it is drawn.
    pub fn find(&self, id: &str) -> Option<ShapeIndex> {
        self.by_id.get(id).copied()
    }

    /// All shapes of a page in drawing order; none for a page that is not there.
    pub fn page_shapes(&self, page: usize) -> impl DoubleEndedIterator<Item = ShapeIndex> + use<> {
        let range = self.pages.get(page).map_or(0..0, |it| it.shapes.clone());
        range.map(|at| ShapeIndex(at as u32))
    }

    /// The shapes that stand in a page or a shape themselves, in drawing order.
    pub fn children(&self, parent: Parent) -> impl Iterator<Item = ShapeIndex> + '_ {
        let range = match parent {
            Parent::Page(page) => self.pages.get(page).map_or(0..0, |it| it.shapes.clone()),
            Parent::Shape(at) => at.get() + 1..self.shape(at).subtree_end.get(),
        };
        let mut at = range.start;
        std::iter::from_fn(move || {
            let child = (at < range.end).then_some(ShapeIndex(at as u32))?;
            at = self.shape(child).subtree_end.get();
            Some(child)
        })
    }

    /// All that is in a page or shape, at any depth, in drawing order.
    pub fn descendants(
        &self,
        parent: Parent,
    ) -> impl DoubleEndedIterator<Item = ShapeIndex> + use<> {
        let range = match parent {
            Parent::Page(page) => self.pages.get(page).map_or(0..0, |it| it.shapes.clone()),
            Parent::Shape(at) => at.get() + 1..self.shape(at).subtree_end.get(),
        };
        range.map(|at| ShapeIndex(at as u32))
    }

    /// What a shape stands in, from the nearest outwards.
    pub fn ancestors(&self, at: ShapeIndex) -> impl Iterator<Item = ShapeIndex> + '_ {
        let above = |at: ShapeIndex| match self.shape(at).parent {
            Parent::Shape(parent) => Some(parent),
            Parent::Page(_) => None,
        };
        std::iter::successors(above(at), move |at| above(*at))
    }

    /// The frames whose rectangles clip a shape, from the nearest outwards. A frame is not clipped by its own, and an arrow by
    /// none: in the pictures that editors make, arrows reach out of their frames.
    pub fn clips(&self, at: ShapeIndex) -> impl Iterator<Item = ShapeIndex> + '_ {
        let reaches_out = matches!(self.shape(at).kind, Kind::Arrow(_));
        let above = self.ancestors(at).filter(move |_| !reaches_out);
        above.filter(|at| matches!(self.shape(*at).kind, Kind::Frame(_)))
    }

    /// Pictures, films and web pages by id.
    pub fn assets(&self) -> &BTreeMap<String, Asset> {
        &self.assets
    }

    /// People by id.
    pub fn users(&self) -> &BTreeMap<String, User> {
        &self.users
    }

    /// What was wrong with records: the first of them, by record.
    pub fn notes(&self) -> &[Note] {
        self.notes.kept()
    }

    /// How many notes there were in all.
    pub fn note_count(&self) -> usize {
        self.notes.all()
    }

    /// Where the board was read from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// Bytes of an id that is of use.
const MOST_USABLE_ID_BYTES: usize = 1_000;

/// Takes up records and makes a board of them.
struct Collector {
    reader: Reader,
    versions: Versions,
    seen: HashSet<String>,
    document: Document,
    pages: Vec<Page>,
    loose: Loose,
    bindings: Vec<Binding>,
    assets: BTreeMap<String, Asset>,
    users: BTreeMap<String, User>,
    originals: Vec<Original>,
}

impl Sink for Collector {
    fn begin(&mut self, schema: Option<&serde_json::Value>, records: usize, shapes: usize) {
        self.seen.reserve(records);
        self.loose.shapes.reserve(shapes);
        self.loose.parents.reserve(shapes);
        self.originals.reserve(records);
        self.versions = Versions::of(schema);
        for (name, found, known) in self.versions.newer() {
            let problem = Problem::Newer { found, known };
            self.reader.notes.add(name, problem);
        }
    }

    fn record(
        &mut self,
        name: &str,
        record: Result<Unfolded<'_>, TooLarge>,
    ) -> Result<(), BoardError> {
        let Ok(record) = record else {
            self.reader.notes.add(name, Problem::TooLarge);
            return Ok(());
        };
        let limit = self.reader.limits.records;
        if self.seen.len() >= limit {
            return Err(BoardError::TooManyRecords { limit });
        }
        self.take(name, record);
        Ok(())
    }
}

impl Collector {
    fn new(limits: &Limits) -> Self {
        Self {
            reader: Reader {
                limits: limits.clone(),
                notes: Notes::at_most(limits.notes),
                points: limits.points,
            },
            versions: Versions::default(),
            seen: HashSet::new(),
            document: Document::default(),
            pages: Vec::new(),
            loose: Loose::default(),
            bindings: Vec::new(),
            assets: BTreeMap::new(),
            users: BTreeMap::new(),
            originals: Vec::new(),
        }
    }

    fn take(&mut self, name: &str, unfolded: Unfolded<'_>) {
        let Unfolded { mut value, bytes } = unfolded;
        let id = value.get("id").and_then(Value::to_text);
        let Some(id) = id.filter(|id| !id.is_empty() && id.len() <= MOST_USABLE_ID_BYTES) else {
            self.reader.notes.add(name, Problem::Unusable("id"));
            return;
        };
        if !self.seen.insert(id.to_string()) {
            self.reader.notes.add(&id, Problem::SameId);
            return;
        }
        let kind = value.get("typeName").and_then(Value::to_text);
        let kind = kind.unwrap_or_default();
        let original = Original::of(&kind, &value, bytes);
        let Some(object) = value.as_object_mut() else {
            return;
        };
        let made = match upgrade(object, &self.versions) {
            Upgraded::Kept(made) => made,
            Upgraded::Dropped => return,
        };
        if !self.typed(&kind, &id, &value) {
            return;
        }
        self.originals.push(original);
        for binding in made {
            let id = binding.get("id").and_then(Value::as_str);
            self.typed("binding", id.unwrap_or_default(), &binding);
        }
    }

    /// False when the record is of no use.
    fn typed(&mut self, kind: &str, id: &str, record: &Value<'_>) -> bool {
        let mut fields = Fields::of(id, Some(record), &mut self.reader);
        match kind {
            "document" => self.document = Document::read(&mut fields),
            "page" => self.pages.push(Page::read(&mut fields)),
            "shape" => {
                let Some((shape, parent)) = shape(id, &mut fields) else {
                    return false;
                };
                self.loose.shapes.push(shape);
                self.loose.parents.push(parent);
            }
            "binding" if record.get("type").and_then(Value::as_str) == Some("arrow") => {
                let binding = Binding::read(id, &mut fields);
                let usable = binding.is_some();
                self.bindings.extend(binding);
                return usable;
            }
            "asset" => {
                self.assets.insert(id.to_owned(), Asset::read(&mut fields));
            }
            "user" => {
                self.users.insert(id.to_owned(), User::read(&mut fields));
            }
            _ => {
                let kind = cut(kind, MOST_ID_BYTES).to_owned();
                fields.note(Problem::UnknownKind(kind));
            }
        }
        true
    }

    fn finish(mut self, origin: Origin) -> Board {
        let notes = &mut self.reader.notes;
        if origin.incomplete {
            notes.add(&origin.root.name, Problem::Incomplete);
        }
        let depth = self.reader.limits.depth;
        let (pages, mut shapes) = tree::grow(self.pages, self.loose, depth, notes);
        let by_id: HashMap<String, ShapeIndex> = shapes
            .iter()
            .enumerate()
            .map(|(at, shape)| (shape.id.clone(), ShapeIndex(at as u32)))
            .collect();
        tie(&mut shapes, self.bindings, &by_id, notes);
        notes.sort();
        Board {
            document: self.document,
            pages,
            shapes,
            assets: self.assets,
            users: self.users,
            by_id,
            originals: Originals::of(self.originals, self.versions, origin.schema.clone()),
            notes: self.reader.notes,
            origin,
        }
    }
}

/// A shape that has no place yet, and what it says it stands in. `None`, with a note, when nobody could say where it is or
/// what.
fn shape(id: &str, record: &mut Fields<'_>) -> Option<(Shape, String)> {
    let most = record.reader().limits.coordinate;
    let number = |name: &str| finite(record.raw(name)?).filter(|number| number.abs() <= most);
    let (Some(x), Some(y)) = (number("x"), number("y")) else {
        record.note(Problem::Unusable("position"));
        return None;
    };
    let Some(type_name) = record.raw("type").and_then(Value::as_str) else {
        record.note(Problem::Unusable("type"));
        return None;
    };
    let rotation = record.number("rotation", 0.0);
    let own_opacity = record.share("opacity", 1.0);
    let is_locked = record.flag("isLocked", false);
    let mut order = record.text("index");
    order.truncate(order.floor_char_boundary(connector::MOST_INDEX_BYTES));
    let parent = record.text("parentId");
    if record
        .raw("props")
        .is_some_and(|props| props.as_object().is_none())
    {
        record.note(Problem::BadField("props"));
    }
    let mut props = Fields::of(id, record.raw("props"), record.reader());
    let kind = kind(type_name, &mut props);
    let shape = Shape {
        id: id.to_owned(),
        order,
        // The place is worked out when all shapes are there.
        parent: Parent::Page(0),
        page: 0,
        depth: 0,
        subtree_end: ShapeIndex(0),
        x,
        y,
        rotation,
        transform: kurbo::Affine::IDENTITY,
        own_opacity,
        opacity: own_opacity,
        is_locked,
        kind,
    };
    Some((shape, parent))
}

fn kind(type_name: &str, props: &mut Fields<'_>) -> Kind {
    match type_name {
        "geo" => Kind::Geo(label::Geo::read(props)),
        "text" => Kind::Text(label::Text::read(props)),
        "note" => Kind::Note(label::Note::read(props)),
        "draw" => Kind::Draw(ink::Draw::read(props)),
        "highlight" => Kind::Highlight(ink::Highlight::read(props)),
        "arrow" => Kind::Arrow(connector::Arrow::read(props)),
        "line" => Kind::Line(connector::Line::read(props)),
        "frame" => Kind::Frame(media::Frame::read(props)),
        "group" => Kind::Group,
        "image" => Kind::Image(media::Image::read(props)),
        "video" => Kind::Video(media::Video::read(props)),
        "bookmark" => Kind::Bookmark(media::Bookmark::read(props)),
        "embed" => Kind::Embed(media::Embed::read(props)),
        _ => {
            let type_name = cut(type_name, MOST_ID_BYTES);
            props.note(Problem::UnknownShape(type_name.to_owned()));
            Kind::Unknown(media::Unknown::read(type_name, props))
        }
    }
}

/// Gives arrows what their ends are tied to. Of several bindings of one end the first by id counts.
fn tie(
    shapes: &mut [Shape],
    mut bindings: Vec<Binding>,
    by_id: &HashMap<String, ShapeIndex>,
    notes: &mut Notes,
) {
    bindings.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    for binding in bindings {
        let ends = by_id.get(&binding.from).zip(by_id.get(&binding.to));
        let same_page = ends.filter(|(from, to)| shapes[from.get()].page == shapes[to.get()].page);
        let Some((from, to)) = same_page.filter(|(from, to)| from != to) else {
            notes.add(&binding.id, Problem::Loose);
            continue;
        };
        let Kind::Arrow(arrow) = &mut shapes[from.get()].kind else {
            notes.add(&binding.id, Problem::Loose);
            continue;
        };
        let terminal = arrow.terminal_mut(binding.side);
        if terminal.tie.is_some() {
            notes.add(&binding.id, Problem::TiedTwice);
            continue;
        }
        terminal.tie = Some(connector::Tie {
            to: *to,
            hold: binding.hold,
        });
    }
}
