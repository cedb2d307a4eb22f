//! Which layers of a scene are painted together.
//!
//! Knows about how long marks take, in pixels painted. The rule: a part is a small share of any time that a caller would
//! wait, unless one layer alone takes longer.

use kurbo::{Affine, Rect};

use crate::scene::{Layer, Mark, PictureMark, Scene};

/// What one part may take.
const MOST: Cost = Cost {
    bytes: 4 << 20,
    pixels: 200e6,
};

/// What a dash takes, in pixels: two round caps and what lies between.
const DASH: f64 = 200.0;

/// Dashes that are drawn of one path at most: the SVG library draws no path of more.
const MOST_DASHES: f64 = 1e6;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Cost {
    /// Of SVG, about.
    bytes: usize,
    /// Painted, about.
    pixels: f64,
}

/// How far a layer may reach from the picture, in pixels. The library's numbers run over at twice as many; a layer that
/// reaches as far is thousands of times as large as the picture and is left out.
const MOST_REACH: f64 = 2.5e8;

/// The layers of a scene that can be painted, part by part.
pub(super) fn parts(scene: &Scene) -> impl Iterator<Item = Vec<&Layer>> {
    let eye = Eye::of(scene);
    let mut layers = scene.layers.iter().filter(move |layer| eye.reaches(layer));
    std::iter::from_fn(move || {
        let mut part = Vec::new();
        let mut cost = Cost {
            bytes: 0,
            pixels: 0.0,
        };
        while cost.bytes <= MOST.bytes && cost.pixels <= MOST.pixels {
            let Some(layer) = layers.next() else {
                break;
            };
            eye.marks(&layer.marks, layer.transform, &mut cost);
            part.push(layer);
        }
        (!part.is_empty()).then_some(part)
    })
}

#[derive(Clone, Copy)]
struct Eye<'a> {
    scene: &'a Scene,
    /// Pixels for each square px of the page.
    density: f64,
}

impl<'a> Eye<'a> {
    fn of(scene: &'a Scene) -> Self {
        let (width, height) = scene.size;
        Self {
            scene,
            density: width * height / scene.view.area(),
        }
    }

    /// Whether a layer is near enough to be painted.
    fn reaches(&self, layer: &Layer) -> bool {
        let view = self.scene.view;
        let most = MOST_REACH / self.density.sqrt();
        let near = view.inflate(most, most);
        layer.hull().is_some_and(|hull| near.union(hull) == near)
    }

    fn marks(&self, marks: &[Mark], to_page: Affine, cost: &mut Cost) {
        for mark in marks {
            match mark {
                Mark::Path(path) => {
                    cost.bytes += path.data.len();
                    let area = self.seen(to_page.transform_rect_bbox(path.hull));
                    let dashes = path.stroke.and_then(|stroke| stroke.dashes);
                    let dashes = dashes.map_or(0.0, |it| {
                        let around = 2.0 * (path.hull.width() + path.hull.height());
                        (around / (it.dash + it.gap)).min(MOST_DASHES)
                    });
                    cost.pixels += area + dashes * DASH;
                }
                Mark::Picture(it) => self.picture(it, to_page, cost),
                Mark::Shadow(it) => it.rim.iter().for_each(|it| self.picture(it, to_page, cost)),
                Mark::Group(it) => self.marks(&it.marks, to_page * it.transform, cost),
            }
        }
    }

    fn picture(&self, it: &PictureMark, to_page: Affine, cost: &mut Cost) {
        // Every place where a picture is shown holds and decodes it anew.
        cost.bytes += self.scene.pictures[it.picture].len();
        let unit = Rect::new(0.0, 0.0, 1.0, 1.0);
        cost.pixels += self.seen((to_page * it.place).transform_rect_bbox(unit));
    }

    /// Pixels of the picture in a box of the page.
    fn seen(&self, rect: Rect) -> f64 {
        let common = rect.intersect(self.scene.view);
        common.area().max(0.0) * self.density
    }
}
