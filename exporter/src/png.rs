//! Paints a scene as PNG.
//!
//! Wraps the SVG library, which never gets to see fonts, files or addresses. The rules: how many pixels there will be is
//! known before any is allocated, and a scene is painted in parts, so that neither memory nor the time between two looks at
//! the clock grows with it.

mod parts;

use kurbo::{Affine, Rect};
use resvg::tiny_skia::{BlendMode, Color, IntRect, Pixmap, PixmapPaint, Transform};
use resvg::usvg::{self, ImageHrefResolver, Node, Options, Tree};

use crate::error::ExportError;
use crate::limits::{Limits, Stop};
use crate::scene::{Layer, Scene};
use crate::svg;

/// How much is painted at a time.
#[derive(Debug, Clone, Copy)]
struct Effort {
    /// Pixels of all the pictures that are kept at once for what is clipped or seen through. What needs more, such as a shape
    /// far larger than the frame around it, is painted tile by tile.
    kept: f64,
    /// Side of a tile, px.
    tile: u32,
}

/// A GB is kept.
const EFFORT: Effort = Effort {
    kept: 256e6,
    tile: 4_096,
};

/// Paints a scene, at a px for each px of its size.
///
/// # Errors
/// When there would be more pixels than the limits allow, or when it is told to stop.
pub fn paint(scene: &Scene, limits: &Limits, stop: &Stop<'_>) -> Result<Vec<u8>, ExportError> {
    check(scene, size(scene), limits)?;
    let mut painting = Painting::new(scene)?;
    painting.paint(EFFORT, stop)?;
    stop.check()?;
    encode(painting.pixels)
}

/// Whole pixels across and down.
fn size(scene: &Scene) -> (f64, f64) {
    let whole = |length: f64| length.round().max(1.0);
    (whole(scene.size.0), whole(scene.size.1))
}

/// A scene on its way into pixels.
struct Painting<'a> {
    scene: &'a Scene,
    /// From px of the scene's size to pixels.
    scale: Transform,
    pixels: Pixmap,
}

impl<'a> Painting<'a> {
    fn new(scene: &'a Scene) -> Result<Self, ExportError> {
        let (across, down) = size(scene);
        let empty = || ExportError::Drawing("no room for its pixels".to_owned());
        let mut pixels = Pixmap::new(across as u32, down as u32).ok_or_else(empty)?;
        if let Some(color) = scene.background {
            let [red, green, blue] = color.rgb;
            pixels.fill(Color::from_rgba8(red, green, blue, color.alpha));
        }
        let (width, height) = scene.size;
        Ok(Self {
            scene,
            scale: Transform::from_scale((across / width) as f32, (down / height) as f32),
            pixels,
        })
    }

    fn paint(&mut self, effort: Effort, stop: &Stop<'_>) -> Result<(), ExportError> {
        for layers in parts::parts(self.scene) {
            stop.check()?;
            let tree = parse(&svg::part(self.scene, &layers, None)?)?;
            if kept(tree.root(), Canvas::of(&self.pixels)) <= effort.kept {
                resvg::render(&tree, self.scale, &mut self.pixels.as_mut());
                continue;
            }
            drop(tree);
            for tile in tiles(&self.pixels, effort.tile) {
                stop.check()?;
                self.tile(&layers, tile)?;
            }
        }
        Ok(())
    }

    /// Paints what of some layers lies in a tile.
    fn tile(&mut self, layers: &[&Layer], tile: IntRect) -> Result<(), ExportError> {
        let page = self.on_page(tile);
        let is_here = |layer: &Layer| layer.hull().is_some_and(|hull| hull.overlaps(page));
        let here: Vec<_> = layers.iter().copied().filter(|it| is_here(it)).collect();
        let Some(mut pixels) = self.pixels.clone_rect(tile) else {
            return Ok(());
        };
        let tree = parse(&svg::part(self.scene, &here, Some(page))?)?;
        let (left, top) = (tile.x(), tile.y());
        let place = self.scale.post_translate(-left as f32, -top as f32);
        resvg::render(&tree, place, &mut pixels.as_mut());
        let paint = PixmapPaint {
            blend_mode: BlendMode::Source,
            ..PixmapPaint::default()
        };
        let pixels = pixels.as_ref();
        self.pixels
            .draw_pixmap(left, top, pixels, &paint, Transform::identity(), None);
        Ok(())
    }

    /// A tile in page space, with two px more to all sides, for edges lie between pixels.
    fn on_page(&self, tile: IntRect) -> Rect {
        let view = self.scene.view;
        let (across, down) = size(self.scene);
        let by = Affine::scale_non_uniform(view.width() / across, view.height() / down);
        let sides = [tile.left(), tile.top(), tile.right(), tile.bottom()].map(f64::from);
        let tile = Rect::new(sides[0], sides[1], sides[2], sides[3]).inflate(2.0, 2.0);
        (Affine::translate(view.origin().to_vec2()) * by).transform_rect_bbox(tile)
    }
}

/// Squares of a side that cover a picture, cut at its edges.
fn tiles(pixels: &Pixmap, side: u32) -> Vec<IntRect> {
    let (width, height) = (pixels.width(), pixels.height());
    let starts = |whole: u32| (0..whole).step_by(side as usize);
    let corners = starts(height).flat_map(|y| starts(width).map(move |x| (x, y)));
    let tiles = corners.filter_map(|(x, y)| {
        let (w, h) = (side.min(width - x), side.min(height - y));
        IntRect::from_xywh(x.try_into().ok()?, y.try_into().ok()?, w, h)
    });
    tiles.collect()
}

fn check(scene: &Scene, (across, down): (f64, f64), limits: &Limits) -> Result<(), ExportError> {
    let side = f64::from(limits.side);
    let most = limits.pixels as f64;
    if across <= side && down <= side && across * down <= most {
        return Ok(());
    }
    let fits = (side / across)
        .min(side / down)
        .min((most / (across * down)).sqrt());
    let scale = scene.size.0 / scene.view.width();
    Err(ExportError::TooManyPixels {
        width: across,
        height: down,
        most: limits.pixels,
        side: limits.side,
        fits: two_digits(scale * fits),
    })
}

/// Rounded down to two digits.
pub(crate) fn two_digits(number: f64) -> f64 {
    let exponent = number.log10().floor() as i32 - 1;
    let digits = (number / 10f64.powi(exponent)).floor();
    // Powers of ten are not exact, what is read from text is.
    let exact = format!("{digits}e{exponent}").parse();
    exact.unwrap_or(number)
}

/// What pictures are kept for: twice as far as it to all sides.
#[derive(Clone, Copy)]
struct Canvas {
    width: f64,
    height: f64,
}

impl Canvas {
    fn of(pixels: &Pixmap) -> Self {
        Self {
            width: f64::from(pixels.width()),
            height: f64::from(pixels.height()),
        }
    }

    /// Pixels that are kept for a box.
    fn kept(self, rect: usvg::NonZeroRect) -> f64 {
        let common = |from: f32, to: f32, side: f64| {
            let (from, to) = (f64::from(from), f64::from(to));
            (to.min(3.0 * side) - from.max(-2.0 * side)).max(0.0)
        };
        common(rect.left(), rect.right(), self.width)
            * common(rect.top(), rect.bottom(), self.height)
    }
}

/// Pixels that are kept at once while a group is painted.
fn kept(group: &usvg::Group, canvas: Canvas) -> f64 {
    let inside = group.children().iter().map(|child| match child {
        Node::Group(group) => kept(group, canvas),
        _ => 0.0,
    });
    let inside = inside.fold(0.0, f64::max);
    if !group.should_isolate() {
        return inside;
    }
    let own = canvas.kept(group.abs_layer_bounding_box());
    // A clip is a picture too, and a byte for each pixel after that.
    let clip = match group.clip_path() {
        Some(_) => 1.25 * own,
        None => 0.0,
    };
    own + inside.max(clip)
}

/// Reads an SVG that stands on its own.
pub(crate) fn parse(svg: &str) -> Result<Tree, ExportError> {
    let options = Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: ImageHrefResolver::default_data_resolver(),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    Tree::from_str(svg, &options).map_err(|error| ExportError::Drawing(error.to_string()))
}

/// A file of pixels.
pub(crate) fn encode(pixels: Pixmap) -> Result<Vec<u8>, ExportError> {
    let failed = |error: png::EncodingError| ExportError::Drawing(error.to_string());
    let (width, height) = (pixels.width(), pixels.height());
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().map_err(failed)?;
    let straight = pixels.take_demultiplied();
    writer.write_image_data(&straight).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::path::{Element, Path, Rounding};
    use crate::scene::{Fill, Group, Mark, PathMark};
    use crate::theme::Rgba;

    /// Squares of half a page and more, seen through, turned, clipped and hatched.
    fn scene() -> Scene {
        let rect = |x0: f64, y0: f64, side: f64| {
            let elements = vec![
                Element::Move((x0, y0).into()),
                Element::Line((x0 + side, y0).into()),
                Element::Line((x0 + side, y0 + side).into()),
                Element::Line((x0, y0 + side).into()),
                Element::Close,
            ];
            Path::new(elements).unwrap()
        };
        let color = |red: u8, green: u8| Rgba {
            rgb: [red, green, 90],
            alpha: 255,
        };
        let layers = (0..12_u8).map(|at| {
            let along = f64::from(at);
            let path = rect(0.0, 0.0, 60.0 + 300.0 * f64::from(at % 3));
            let mark = PathMark::new(&path, Rounding::Full);
            let filled = mark
                .clone()
                .filled(Fill::Plain(color(20 * at, 250 - 20 * at)));
            let path = PathMark {
                opacity: 0.7,
                ..filled.stroked(color(200, 10 * at), 3.0, None)
            };
            Layer {
                transform: Affine::translate((13.3 * along, 7.7 * along))
                    * Affine::rotate(0.2 * along),
                opacity: 1.0 - 0.05 * along,
                clip: (at % 2 == 1).then_some(0),
                marks: vec![
                    Mark::Group(Group {
                        transform: Affine::scale(0.9),
                        clip: (at % 4 == 3).then(|| rect(10.0, 10.0, 80.0)),
                        words: None,
                        marks: vec![Mark::Path(path)],
                    }),
                    Mark::Path(mark.filled(Fill::Hatch)),
                ],
            }
        });
        Scene {
            view: Rect::new(-20.5, -10.0, 279.5, 210.0),
            size: (300.0, 220.0),
            background: Some(color(255, 255)),
            paper: color(240, 240),
            clips: vec![rect(5.0, 5.0, 170.0)],
            pictures: Vec::new(),
            remarks: Vec::new(),
            layers: layers.collect(),
        }
    }

    #[test]
    fn tiles_show_what_the_whole_shows() {
        let scene = scene();
        let painted = |effort: Effort| {
            let mut painting = Painting::new(&scene).unwrap();
            painting.paint(effort, &Stop::never()).unwrap();
            painting.pixels.take()
        };
        let whole = painted(EFFORT);
        for tile in [64, 100, 1_000] {
            let tiled = painted(Effort { kept: 0.0, tile });
            let apart = whole
                .iter()
                .zip(&tiled)
                .map(|(one, two)| one.abs_diff(*two));
            // Hatches are smoothed anew in each tile, which shows here and there where many lie on each other.
            let apart = apart.filter(|apart| *apart > 3).count();
            assert!(
                apart < whole.len() / 1_000,
                "{tile}: {apart} of {}",
                whole.len()
            );
        }
        let background = whole[..4].to_vec();
        let drawn = whole.chunks_exact(4).filter(|pixel| *pixel != background);
        assert!(drawn.count() > 20_000);
    }

    #[test]
    fn what_is_kept_is_counted() {
        let kept = |layers: &[&Layer]| {
            let scene = scene();
            let tree = parse(&svg::part(&scene, layers, None).unwrap()).unwrap();
            kept(
                tree.root(),
                Canvas {
                    width: 100.0,
                    height: 100.0,
                },
            )
        };
        let scene = scene();
        // Not more than what the library keeps: 5 times the sides of the picture, for the clip, its mask and two opacities.
        let all: Vec<_> = scene.layers.iter().collect();
        let most = 500.0 * 500.0;
        assert!(
            kept(&all) > 0.1 * most && kept(&all) <= 4.25 * most,
            "{}",
            kept(&all)
        );
        let first = &scene.layers[0];
        let plain = Layer {
            marks: vec![Mark::Path(
                PathMark::new(&scene.clips[0], Rounding::Full).filled(Fill::Hatch),
            )],
            ..first.clone()
        };
        assert_eq!(kept(&[&plain]), 0.0);
    }

    #[test]
    fn two_digits_are_rounded_down_and_exact() {
        let rounded = [
            (0.816_49, 0.81),
            (0.5, 0.5),
            (3.2e-6, 3.2e-6),
            (1.639e-6, 1.6e-6),
            (99.9, 99.0),
        ];
        for (number, expected) in rounded {
            assert_eq!(two_digits(number), expected);
        }
    }
}
