//! A scene drawn on a page, from the bottom up.
//!
//! Knows marks and the library's surface. The rules: whatever is pushed is popped before anything may end the work, and
//! every mark is placed by one transform from its own space to the page, so that numbers stay as exact as they were.

use krilla::color::rgb;
use krilla::num::NormalizedF32;
use krilla::paint::{Fill as Filling, FillRule, LineCap, LineJoin, Stroke as Line, StrokeDash};
use krilla::surface::Surface;
use kurbo::{Affine, BezPath, Circle, Shape};

use super::hatch::{self, Cell};
use super::images::Images;
use super::letters::Faces;
use super::path;
use crate::geometry::path::{Path, Rounding};
use crate::scene::{Fill, Group, Layer, Mark, Order, PathMark, PictureMark, Scene, Stroke};
use crate::theme::Rgba;

/// A page being drawn.
pub(super) struct Sheet<'a, 's, 'f> {
    pub scene: &'a Scene,
    pub surface: Surface<'s>,
    pub faces: &'a mut Faces<'f>,
    pub images: &'a mut Images,
    /// From the board's page to this one, pt.
    pub base: Affine,
}

impl Sheet<'_, '_, '_> {
    /// Draws a layer.
    pub fn layer(&mut self, layer: &Layer) {
        if layer.marks.is_empty() {
            return;
        }
        let clip = match layer.clip {
            None => None,
            Some(at) => match clip(&self.scene.clips[at], self.base) {
                Some(clip) => Some(clip),
                None => return,
            },
        };
        if let Some(clip) = &clip {
            self.surface.push_clip_path(clip, &FillRule::NonZero);
        }
        let place = self.base * layer.transform;
        match &layer.marks[..] {
            [Mark::Path(path)] if path.is_single() => self.path(path, place, layer.opacity),
            marks => self.opaque(layer.opacity, |sheet| sheet.marks(marks, place)),
        }
        if clip.is_some() {
            self.surface.pop();
        }
    }

    /// Draws within a group that is seen through as one.
    fn opaque(&mut self, opacity: f64, draw: impl FnOnce(&mut Self)) {
        if opacity >= 1.0 {
            return draw(self);
        }
        self.surface.push_opacity(normal(opacity));
        draw(self);
        self.surface.pop();
    }

    fn marks(&mut self, marks: &[Mark], place: Affine) {
        let mut rest = marks.iter().peekable();
        while let Some(mark) = rest.next() {
            match mark {
                Mark::Path(path) => match rest.peek() {
                    Some(Mark::Path(hatch)) if is_hatched(path, hatch, self.scene.paper) => {
                        self.hatched(path, place);
                        rest.next();
                    }
                    _ => self.path(path, place, 1.0),
                },
                Mark::Picture(it) => self.picture(it, place),
                Mark::Shadow(it) => {
                    if !self.images.shadow(it, place, &mut self.surface) {
                        it.rim.iter().for_each(|part| self.picture(part, place));
                    }
                }
                Mark::Group(group) => self.group(group, place),
            }
        }
    }

    fn group(&mut self, group: &Group, around: Affine) {
        let place = around * group.transform;
        match &group.clip {
            None => self.marks(&group.marks, place),
            Some(path) => {
                if let Some(clip) = clip(path, place) {
                    self.surface.push_clip_path(&clip, &FillRule::NonZero);
                    self.marks(&group.marks, place);
                    self.surface.pop();
                }
            }
        }
    }

    fn picture(&mut self, it: &PictureMark, place: Affine) {
        if let Some(place) = path::transform(place * it.place) {
            self.surface.push_transform(&place);
            let url = &self.scene.pictures[it.picture];
            self.images.draw(url, &mut self.surface);
            self.surface.pop();
        }
    }

    /// A path, and the opacity of what is around when that is nothing but the path.
    fn path(&mut self, mark: &PathMark, place: Affine, around: f64) {
        let opacity = mark.opacity * around;
        match mark.is_single() {
            true => self.painted(mark, place, opacity),
            false => self.opaque(opacity, |sheet| sheet.painted(mark, place, 1.0)),
        }
    }

    fn painted(&mut self, mark: &PathMark, place: Affine, opacity: f64) {
        let (Some(path), Some(place)) = (path::parse(&mark.data), path::transform(place)) else {
            return;
        };
        self.surface.push_transform(&place);
        let fill = mark.fill.map(|fill| match fill {
            Fill::Plain(color) => plain(color, opacity),
            Fill::Hatch => {
                let (paper, opacity) = (self.scene.paper, normal(opacity));
                hatch::fill(Cell::Around, paper, opacity, &mut self.surface)
            }
        });
        match &mark.stroke {
            Some(stroke) if stroke.order == Order::StrokeBelow => {
                self.stroke(&path, stroke, opacity);
                self.fill(mark, &path, fill, None);
            }
            Some(stroke) if fill.is_none() => self.stroke(&path, stroke, opacity),
            Some(stroke) => self.fill(mark, &path, fill, Some(line(stroke, opacity))),
            None => self.fill(mark, &path, fill, None),
        }
        self.surface.pop();
    }

    /// Paper in lines of a color, with nothing between them.
    fn hatched(&mut self, mark: &PathMark, place: Affine) {
        let (Some(path), Some(place)) = (path::parse(&mark.data), path::transform(place)) else {
            return;
        };
        self.surface.push_transform(&place);
        let paper = plain(self.scene.paper, 1.0);
        self.fill(mark, &path, Some(paper), None);
        if let Some(Fill::Plain(color)) = mark.fill {
            let slits = hatch::fill(Cell::Slits, color, NormalizedF32::ONE, &mut self.surface);
            self.fill(mark, &path, Some(slits), None);
        }
        self.surface.pop();
    }

    fn fill(&mut self, mark: &PathMark, path: &BezPath, fill: Option<Filling>, line: Option<Line>) {
        if fill.is_none() {
            return;
        }
        self.surface.set_fill(fill);
        self.surface.set_stroke(line);
        let letters = mark.letters.as_deref();
        if let Some(written) = letters.and_then(|run| self.faces.write(run))
            && let Some(shear) = path::transform(written.shear)
        {
            self.surface.push_transform(&shear);
            written.draw(&mut self.surface);
            self.surface.pop();
            return;
        }
        if let Some(path) = path::library(path) {
            self.surface.draw_path(&path);
        }
    }

    fn stroke(&mut self, path: &BezPath, stroke: &Stroke, opacity: f64) {
        if let Some(at) = path::dot(path) {
            let dot = Circle::new(at, stroke.width / 2.0).to_path(stroke.width * 1e-3);
            self.surface.set_fill(Some(plain(stroke.color, opacity)));
            self.surface.set_stroke(None);
            if let Some(dot) = path::library(&dot) {
                self.surface.draw_path(&dot);
            }
            return;
        }
        self.surface.set_fill(None);
        self.surface.set_stroke(Some(line(stroke, opacity)));
        if let Some(path) = path::library(path) {
            self.surface.draw_path(&path);
        }
    }
}

/// Whether two marks together are a hatched fill, which is drawn in another way that looks the same.
fn is_hatched(under: &PathMark, over: &PathMark, paper: Rgba) -> bool {
    let is_plain = |mark: &PathMark| mark.stroke.is_none() && mark.opacity >= 1.0;
    matches!(under.fill, Some(Fill::Plain(color)) if color.alpha == 255)
        && over.fill == Some(Fill::Hatch)
        && is_plain(under)
        && is_plain(over)
        && paper.alpha == 255
        && under.data == over.data
}

/// `None` when nothing lies in it.
fn clip(path: &Path, place: Affine) -> Option<krilla::geom::Path> {
    let mut path = path::parse(&path.to_svg(Rounding::Full))?;
    path.apply_affine(place);
    path::library(&path)
}

fn plain(color: Rgba, opacity: f64) -> Filling {
    Filling {
        paint: paint(color),
        opacity: normal(color.opacity() * opacity),
        rule: FillRule::NonZero,
    }
}

fn line(stroke: &Stroke, opacity: f64) -> Line {
    Line {
        paint: paint(stroke.color),
        width: stroke.width as f32,
        miter_limit: 10.0,
        line_cap: LineCap::Round,
        line_join: LineJoin::Round,
        opacity: normal(stroke.color.opacity() * opacity),
        dash: stroke.dashes.map(|dashes| StrokeDash {
            array: vec![dashes.dash as f32, dashes.gap as f32],
            offset: dashes.offset as f32,
        }),
    }
}

fn paint(color: Rgba) -> krilla::paint::Paint {
    let [red, green, blue] = color.rgb;
    rgb::Color::new(red, green, blue).into()
}

pub(super) fn normal(opacity: f64) -> NormalizedF32 {
    NormalizedF32::new(opacity.clamp(0.0, 1.0) as f32).unwrap_or(NormalizedF32::ONE)
}
