//! Which rows and columns at the sides of a picture stay empty.
//!
//! The editor finds out by painting: it looks for the first row and column with a pixel unlike that in the corner. This tells
//! the same from the marks, before anything is painted and for every file format. Knows scenes, and what the browser's
//! painter (Skia) makes of outlines; no boards and no file formats. The rule: only what reaches into a margin is looked at
//! closely, for all the rest cannot matter.

mod blur;
mod cells;
mod own_color;

use kurbo::{Affine, BezPath, Insets, PathEl, Point, Rect, Shape as _};
use resvg::tiny_skia::{
    LineCap, LineJoin, Path as SkPath, PathBuilder, PathSegment, PathStroker, Stroke as SkStroke,
    StrokeDash, Transform,
};

use crate::geometry::path::Path;
use crate::scene::{Cast, Fill, Layer, Mark, PathMark, Scene, Stroke};
use crate::theme::Rgba;
use blur::Blur;
use cells::{of_box, of_outline};

/// How far a pixel is covered by a line that runs along its edge, of 255.
const HALF: u8 = 128;

/// Dashes around one path at most; more are taken for a whole line, which reaches no less far.
const MOST_DASHES: f64 = 2_000.0;

/// How much a shadow must change a pixel, of 255 steps.
const LEAST_SHADOW: f64 = 0.8;
/// The same where it is painted on a layer first, on which a part of a step is lost.
const LEAST_SEEN_THROUGH: f64 = 0.97;

/// What is painted, and on what.
#[derive(Debug, Clone, Copy)]
pub struct Canvas {
    /// What of the page, px.
    pub view: Rect,
    /// Pixels across and down, whole numbers.
    pub pixels: (f64, f64),
    /// How many at each side may be given up, a whole number.
    pub most: f64,
}

/// How many pixels at each side stay empty, at most those that may be given up.
pub fn empty(scene: &Scene, canvas: &Canvas) -> Insets {
    let (across, down) = canvas.pixels;
    let scale = (across / canvas.view.width(), down / canvas.view.height());
    let to_pixels = Affine::scale_non_uniform(scale.0, scale.1)
        * Affine::translate(-canvas.view.origin().to_vec2());
    let whole = Rect::new(0.0, 0.0, across, down);
    let eye = Eye {
        background: scene.background,
        paper: scene.paper,
        known: whole.inset(-canvas.most),
        is_natural: scale.0 as f32 == 1.0 && scale.1 as f32 == 1.0,
    };
    let seen = scene.layers.iter().filter_map(|layer| {
        let to_pixels = to_pixels * layer.transform;
        eye.layer(
            scene,
            layer,
            to_pixels,
            to_pixels * layer.transform.inverse(),
        )
    });
    let seen = seen.fold(eye.known, |all, more| all.union(more));
    let side = |empty: f64| empty.clamp(0.0, canvas.most);
    Insets::new(
        side(seen.x0),
        side(seen.y0),
        side(across - seen.x1),
        side(down - seen.y1),
    )
}

/// Looks for pixels that are unlike the background.
struct Eye {
    background: Option<Rgba>,
    paper: Rgba,
    /// The picture without its margins, in pixels.
    known: Rect,
    /// Whether a px of the page is a pixel.
    is_natural: bool,
}

/// How a mark stands on the picture.
#[derive(Clone, Copy)]
struct Standing {
    to_pixels: Affine,
    /// 0 to 1.
    opacity: f64,
}

impl Standing {
    fn within(self, transform: Affine) -> Self {
        Self {
            to_pixels: self.to_pixels * transform,
            ..self
        }
    }

    fn scale(&self) -> f64 {
        self.to_pixels.determinant().abs().sqrt()
    }

    fn is_upright(&self) -> bool {
        let [a, b, c, d, ..] = self.to_pixels.as_coeffs();
        b == 0.0 && c == 0.0 && a > 0.0 && d > 0.0
    }
}

impl Eye {
    fn layer(
        &self,
        scene: &Scene,
        layer: &Layer,
        to_pixels: Affine,
        page_to_pixels: Affine,
    ) -> Option<Rect> {
        let standing = Standing {
            to_pixels,
            opacity: layer.opacity,
        };
        let seen = self.marks(&layer.marks, standing)?;
        match layer.clip.and_then(|clip| scene.clips.get(clip)?.bounds()) {
            None => Some(seen),
            Some(clip) => {
                let clip = page_to_pixels.transform_rect_bbox(clip);
                common(seen, of_box(clip, f64::from(u8::MAX))?)
            }
        }
    }

    fn marks(&self, marks: &[Mark], standing: Standing) -> Option<Rect> {
        let seen = marks.iter().filter_map(|mark| self.mark(mark, standing));
        seen.reduce(|all, more| all.union(more))
    }

    /// The pixels that a mark changes, if there can be any in a margin.
    fn mark(&self, mark: &Mark, standing: Standing) -> Option<Rect> {
        match mark {
            Mark::Path(path) => self.path(path, standing),
            Mark::Picture(it) => {
                let unit = Rect::new(0.0, 0.0, 1.0, 1.0);
                let whole = (standing.to_pixels * it.place).transform_rect_bbox(unit);
                of_box(whole, f64::from(u8::MAX) * standing.opacity)
            }
            Mark::Shadow(it) => {
                let casts = it.casts.iter();
                let seen = casts.filter_map(|cast| self.shadow(cast, standing));
                seen.reduce(|all, more| all.union(more))
            }
            Mark::Group(it) => {
                let within = standing.within(it.transform);
                let seen = self.marks(&it.marks, within)?;
                match it.clip.as_ref().and_then(Path::bounds) {
                    None => Some(seen),
                    Some(clip) => {
                        let clip = within.to_pixels.transform_rect_bbox(clip);
                        common(seen, of_box(clip, f64::from(u8::MAX))?)
                    }
                }
            }
        }
    }

    fn shadow(&self, shadow: &Cast, standing: Standing) -> Option<Rect> {
        let black = Rgba {
            rgb: [0; 3],
            alpha: u8::MAX,
        };
        let steps = self.steps(black) * shadow.opacity * standing.opacity;
        let [a, b, ..] = standing.to_pixels.as_coeffs();
        let blur = Blur {
            deviation: shadow.deviation * standing.scale(),
            steps,
            least: if standing.opacity < 1.0 {
                LEAST_SEEN_THROUGH
            } else {
                LEAST_SHADOW
            },
            turn: b.atan2(a),
        };
        let rect = standing.to_pixels.transform_rect_bbox(shadow.rect);
        let most = blur.most();
        if self.known.contains_rect(rect.inflate(most, most)) {
            return None;
        }
        let reach = blur.reach()?;
        of_box(rect.inflate(reach, reach), f64::from(u8::MAX))
    }

    fn path(&self, path: &PathMark, standing: Standing) -> Option<Rect> {
        let scale = standing.scale();
        let out = path.stroke.map_or(0.0, |stroke| stroke.width / 2.0) * scale;
        // Lines thinner than a pixel are painted as wide as one.
        let out = out.max(0.5);
        let near = standing.to_pixels.transform_rect_bbox(path.hull);
        if self.known.contains_rect(near.inflate(out, out)) {
            return None;
        }
        let outline = BezPath::from_svg(&path.data).ok()?;
        if outline.is_empty() {
            return None;
        }
        let opacity = standing.opacity * path.opacity;
        let fill = match path.fill {
            Some(Fill::Plain(color)) => Some(color),
            Some(Fill::Hatch) => Some(self.paper),
            None => None,
        };
        let own = |color: &Rgba| Some(*color) == self.background;
        if let (Some(fill), Some(stroke)) = (&fill, &path.stroke)
            && own(fill)
            && own(&stroke.color)
        {
            return self.pill(&outline, stroke, standing);
        }
        let fill = fill.and_then(|color| {
            let outline = standing.to_pixels * outline.clone();
            of_outline(&outline, self.steps(color) * opacity)
        });
        let stroke = path.stroke.and_then(|stroke| {
            let steps = match own(&stroke.color) {
                true => own_color::STEPS,
                false => self.steps(stroke.color) * opacity,
            };
            let width = stroke.width * scale;
            if width <= 1.0 && stroke.dashes.is_none() {
                let centre = (standing.to_pixels * outline.clone()).bounding_box();
                return of_box(centre.inflate(0.5, 0.5), steps * width);
            }
            of_outline(&stroked(&outline, &stroke, standing.to_pixels)?, steps)
        });
        match (fill, stroke) {
            (Some(fill), Some(stroke)) => Some(fill.union(stroke)),
            (fill, stroke) => fill.or(stroke),
        }
    }

    /// A box in the color of what lies behind it.
    fn pill(&self, outline: &BezPath, stroke: &Stroke, standing: Standing) -> Option<Rect> {
        let background = self.background?;
        let rect = (standing.to_pixels * outline.clone()).bounding_box();
        let out = stroke.width / 2.0 * standing.scale();
        let whole = f64::from(u8::MAX);
        if !standing.is_upright() {
            // A slanted side shows here and there, seldom where it reaches farthest.
            return of_box(rect.inflate(-out, -out), whole);
        }
        if self.is_natural && !own_color::shows(background, HALF) {
            let top = own_color::corner_top(rect)?;
            // The sides do not show, so where it is does not matter.
            let at = Point::new(rect.center().x, top);
            return Some(Rect::from_points(at, at));
        }
        of_box(rect.inflate(out, out), whole)
    }

    /// By how many of 255 steps a color stands out from the background.
    fn steps(&self, color: Rgba) -> f64 {
        let alpha = f64::from(color.alpha);
        let Some(background) = self.background else {
            return alpha;
        };
        let apart = color.rgb.iter().zip(background.rgb);
        let most = apart.map(|(one, other)| one.abs_diff(other)).max();
        f64::from(most.unwrap_or(0)) * alpha / f64::from(u8::MAX)
    }
}

/// What two rectangles share. `None` when they are apart.
fn common(one: Rect, other: Rect) -> Option<Rect> {
    one.overlaps(other).then(|| one.intersect(other))
}

/// The outline of a stroke, in pixels: that of the painter, whose curves miss the true ones by as much as a quarter of a
/// pixel.
fn stroked(line: &BezPath, stroke: &Stroke, to_pixels: Affine) -> Option<BezPath> {
    let [a, b, c, d, e, f] = to_pixels.as_coeffs().map(|it| it as f32);
    let precision = PathStroker::compute_resolution_scale(&Transform::from_row(a, b, c, d, e, f));
    let props = SkStroke {
        width: stroke.width as f32,
        line_cap: LineCap::Round,
        line_join: LineJoin::Round,
        ..SkStroke::default()
    };
    let bounds = line.control_box();
    let mut line = to_skia(line)?;
    let dashes = stroke.dashes.filter(|dashes| {
        let around = 2.0 * (bounds.width() + bounds.height());
        around <= MOST_DASHES * (dashes.dash + dashes.gap)
    });
    if let Some(dashes) = dashes {
        let lengths = vec![dashes.dash as f32, dashes.gap as f32];
        let dash = StrokeDash::new(lengths, dashes.offset as f32);
        line = dash
            .and_then(|dash| line.dash(&dash, precision))
            .unwrap_or(line);
    }
    let outline = line.stroke(&props, precision)?;
    Some(to_pixels * from_skia(&outline))
}

fn to_skia(path: &BezPath) -> Option<SkPath> {
    let mut to = PathBuilder::new();
    let near = |at: Point| (at.x as f32, at.y as f32);
    for element in path.elements() {
        match *element {
            PathEl::MoveTo(at) => to.move_to(near(at).0, near(at).1),
            PathEl::LineTo(at) => to.line_to(near(at).0, near(at).1),
            PathEl::QuadTo(one, at) => {
                let (one, at) = (near(one), near(at));
                to.quad_to(one.0, one.1, at.0, at.1);
            }
            PathEl::CurveTo(one, two, at) => {
                let (one, two, at) = (near(one), near(two), near(at));
                to.cubic_to(one.0, one.1, two.0, two.1, at.0, at.1);
            }
            PathEl::ClosePath => to.close(),
        }
    }
    to.finish()
}

fn from_skia(path: &SkPath) -> BezPath {
    let far = |at: resvg::tiny_skia::Point| Point::new(f64::from(at.x), f64::from(at.y));
    let mut to = BezPath::new();
    for segment in path.segments() {
        match segment {
            PathSegment::MoveTo(at) => to.move_to(far(at)),
            PathSegment::LineTo(at) => to.line_to(far(at)),
            PathSegment::QuadTo(one, at) => to.quad_to(far(one), far(at)),
            PathSegment::CubicTo(one, two, at) => to.curve_to(far(one), far(two), far(at)),
            PathSegment::Close => to.close_path(),
        }
    }
    to
}
