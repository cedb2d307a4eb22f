//! From a board to a scene: what the editor would export.
//!
//! [`choice`] finds the page and the shapes that are wanted, [`place`] lays each of them out, [`view`] says what the picture
//! shows, and one file for each kind of shape says what is drawn of it. Knows boards and scenes; no file formats. The rule:
//! the same board and options give the same scene, in whatever order its records were kept.

mod arrow;
mod card;
mod choice;
mod clip;
mod frame;
mod geo;
mod ink;
mod label;
mod lettering;
mod media;
mod note;
mod place;
mod shadow;
mod view;

use std::collections::HashMap;
use std::sync::Arc;

use kurbo::Affine;
use scrible_board::{Board, Kind, Parent, ShapeIndex};

use crate::error::ExportError;
use crate::limits::Stop;
use crate::options::{Background, Options};
use crate::picture::{Detail, PictureLimits, PictureSetup, PictureStore, Pictures};
use crate::scene::{Fill, Layer, Mark, Scene};
use crate::text::Fonts;
use crate::theme::Theme;

use choice::Choice;
use clip::{Clip, Clips};
use lettering::Lettering;
use media::Caster;
pub use place::{Body, Place, Places};
use view::View;

/// px of the picture for each px of a hatch, beyond which it is left out and its color stays: whoever paints keeps one square of
/// it, which would be larger than the picture.
const MOST_HATCH_SCALE: f64 = 128.0;

/// The shortest dash with its gap, px of the picture: below, a line is drawn whole.
const LEAST_DASH: f64 = 0.25;

/// What drawing goes by.
pub struct Artist<'a> {
    /// All that text is drawn with.
    pub fonts: &'a Fonts,
    /// Files that the board only names.
    pub pictures: &'a dyn Pictures,
    /// Bounds on them.
    pub picture_limits: PictureLimits,
    /// Whether the drawing becomes pixels at once: pictures keep as many as are seen, and letters are fitted to them.
    pub detail: Detail,
    /// Asked now and then.
    pub stop: Stop<'a>,
}

/// Draws a page or some shapes of a board.
///
/// # Errors
/// See [`ExportError`].
pub fn scene(board: &Board, options: &Options, artist: &Artist<'_>) -> Result<Scene, ExportError> {
    options.check()?;
    let choice = Choice::of(board, options)?;
    let places = Places::of(board, choice.page, artist)?;
    let view = View::of(board, &choice, &places, options)?;
    let mut painter = Painter {
        board,
        places: &places,
        fonts: artist.fonts,
        scale: options.scale,
        store: PictureStore::new(PictureSetup {
            pictures: artist.pictures,
            fonts: artist.fonts,
            limits: artist.picture_limits.clone(),
            detail: artist.detail,
        }),
        embedded: HashMap::new(),
        theme: options.theme,
        choice: &choice,
        lettering: Lettering::new(artist.detail, view.to_pixels(options)),
        clips: Clips::default(),
        pictures: HashMap::new(),
        shadows: HashMap::new(),
        scene: Scene {
            view: view.whole,
            size: (0.0, 0.0),
            background: None,
            paper: options.theme.paper(),
            clips: Vec::new(),
            pictures: Vec::new(),
            remarks: Vec::new(),
            layers: Vec::new(),
        },
    };
    painter.layers(artist.stop)?;
    let mut scene = painter.scene;
    if options.background == Background::Painted {
        scene.background = Some(match choice.only_frame(board) {
            Some(_) => options.theme.paper(),
            None => options.theme.background(),
        });
    }
    view.trim(&mut scene, options);
    Ok(scene)
}

/// Adds what is seen of shapes to a scene.
struct Painter<'a> {
    board: &'a Board,
    places: &'a Places<'a>,
    fonts: &'a Fonts,
    /// px of the picture for each px of the board.
    scale: f64,
    store: PictureStore<'a>,
    /// Where the bytes of board pictures lie, with their place among the scene's pictures.
    embedded: HashMap<usize, usize>,
    theme: Theme,
    choice: &'a Choice,
    lettering: Lettering,
    clips: Clips,
    /// Data URLs, with their place among the scene's pictures.
    pictures: HashMap<Arc<str>, usize>,
    /// What shadows are made of, with the places among the scene's pictures.
    shadows: HashMap<Caster, Vec<(usize, shadow::Part)>>,
    scene: Scene,
}

impl<'a> Painter<'a> {
    fn layers(&mut self, stop: Stop<'_>) -> Result<(), ExportError> {
        let shapes = self.board.page_shapes(self.choice.page);
        self.highlights_below(Parent::Page(self.choice.page), &stop)?;
        for at in shapes {
            stop.check()?;
            if !self.choice.holds(at) {
                continue;
            }
            self.shape(at)?;
            if matches!(self.board.shape(at).kind, Kind::Frame(_)) {
                self.highlights_below(Parent::Shape(at), &stop)?;
            }
        }
        Ok(())
    }

    /// Highlights of a page or frame lie under everything else there, and once more in their place.
    fn highlights_below(&mut self, scope: Parent, stop: &Stop<'_>) -> Result<(), ExportError> {
        // Shapes before this one belong to a frame within.
        let mut next = 0;
        for at in self.board.descendants(scope) {
            if at.get() < next {
                continue;
            }
            stop.check()?;
            let shape = self.board.shape(at);
            match &shape.kind {
                Kind::Highlight(highlight) if self.choice.holds(at) => {
                    let marks = self.highlight(at, highlight, ink::BELOW);
                    self.push(at, shape.transform, marks);
                }
                Kind::Frame(_) => next = shape.subtree_end.get(),
                _ => {}
            }
        }
        Ok(())
    }

    fn shape(&mut self, at: ShapeIndex) -> Result<(), ExportError> {
        let shape = self.board.shape(at);
        let place = self.places.at(at);
        let scaled = |scale: f64| shape.transform * Affine::scale(scale);
        self.lettering.stand(match &shape.kind {
            Kind::Geo(geo) => scaled(geo.scale),
            Kind::Text(text) => scaled(text.scale),
            Kind::Note(note) => scaled(note.scale),
            _ => shape.transform,
        });
        let (transform, marks) = match (&shape.kind, &place.body) {
            (Kind::Geo(geo), Body::Geo(placed)) => (scaled(geo.scale), self.geo(geo, placed)),
            (Kind::Text(text), Body::Text(label)) => (scaled(text.scale), self.text(text, label)),
            (Kind::Note(note), Body::Note(label)) => {
                (scaled(note.scale), self.note(note, label.as_ref())?)
            }
            (Kind::Draw(draw), Body::Ink(drawing)) => (shape.transform, self.stroke(draw, drawing)),
            (Kind::Highlight(highlight), Body::Ink(_)) => {
                (shape.transform, self.highlight(at, highlight, ink::ABOVE))
            }
            (Kind::Line(line), Body::Line(outline)) => {
                (shape.transform, self.line(&shape.id, line, outline))
            }
            (Kind::Arrow(arrow), Body::Arrow(Some(routed))) => {
                (shape.transform, self.arrow(&shape.id, arrow, routed))
            }
            (Kind::Image(image), _) => {
                let mark = self.image(at, image);
                (shape.transform, mark.into_iter().collect())
            }
            (Kind::Bookmark(bookmark), _) => (shape.transform, self.bookmark(at, bookmark)?),
            (Kind::Embed(embed), _) => (shape.transform, self.embed(embed)?),
            (Kind::Video(video), _) => (shape.transform, self.video(video)?),
            (Kind::Frame(frame), _) => (shape.transform, self.frame(at, frame)),
            _ => return Ok(()),
        };
        self.push(at, transform, marks);
        Ok(())
    }

    fn push(&mut self, at: ShapeIndex, transform: Affine, mut marks: Vec<Mark>) {
        let shape = self.board.shape(at);
        if marks.is_empty() || shape.opacity <= 0.0 {
            return;
        }
        // What reaches too far to have bounds is not drawn.
        if self.places.page_bounds(at).is_none() {
            return;
        }
        let scale = self.scale * transform.determinant().abs().sqrt();
        simplify(&mut marks, scale);
        let clip = match self.clip(at) {
            Clip::Nothing => None,
            Clip::Polygon(at) => Some(at),
            Clip::Everything => return,
        };
        self.scene.layers.push(Layer {
            transform,
            opacity: shape.opacity,
            clip,
            marks,
        });
    }
}

/// Takes away what cannot be seen at a scale, px of the picture for each px of the marks, but would take long to paint.
fn simplify(marks: &mut Vec<Mark>, scale: f64) {
    marks.retain(|mark| match mark {
        Mark::Path(path) => path.fill != Some(Fill::Hatch) || scale <= MOST_HATCH_SCALE,
        _ => true,
    });
    for mark in marks {
        if let Mark::Path(path) = mark
            && let Some(stroke) = &mut path.stroke
            && let Some(dashes) = stroke.dashes
            && (dashes.dash + dashes.gap) * scale < LEAST_DASH
        {
            stroke.dashes = None;
        }
    }
}
