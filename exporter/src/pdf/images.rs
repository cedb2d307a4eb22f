//! Pasted pictures and shadows, each once in the file.
//!
//! Knows the data URLs that a scene holds: PNG, JPEG and SVG that the picture store has made. The rule: what would become
//! pixels only in here (filters of an SVG) has its bound.

use std::collections::HashMap;
use std::sync::Arc;

use data_url::DataUrl;
use krilla::geom::{Size, Transform};
use krilla::graphic::Graphic;
use krilla::image::Image;
use krilla::surface::Surface;
use krilla_svg::{SurfaceExt, SvgSettings};
use kurbo::{Affine, Rect};
use resvg::tiny_skia::Pixmap;
use resvg::usvg::Tree;

use super::shadow::Budget;
use super::{path, shadow};
use crate::png;
use crate::scene::Shadow;

/// Pixels of an SVG that is not drawn as lines, in the longer direction.
const MOST_SIDE: f32 = 2_048.0;

/// The pictures of a document.
#[derive(Default)]
pub(super) struct Images {
    pasted: HashMap<Arc<str>, Option<Drawn>>,
    /// With where they lie.
    shadows: HashMap<Shape, Option<(Rect, Drawn)>>,
    budget: Budget,
}

/// What tells shadows apart: the bits of all numbers of the rim and the casts.
type Shape = Vec<[u64; 6]>;

enum Drawn {
    Pixels(Image),
    Lines(Graphic),
}

impl Images {
    /// Whether a picture was drawn before.
    pub fn knows(&self, url: &Arc<str>) -> bool {
        self.pasted.contains_key(url)
    }

    /// Draws a picture into the unit square.
    pub fn draw(&mut self, url: &Arc<str>, surface: &mut Surface<'_>) {
        if !self.pasted.contains_key(url) {
            self.pasted.insert(url.clone(), read(url, surface));
        }
        // All were decoded when the scene was made.
        if let Some(Some(drawn)) = self.pasted.get(url) {
            drawn.draw(surface);
        }
    }

    /// Draws a shadow into the space that a transform moves to the page. `false` when it is to be drawn in its parts.
    pub fn shadow(&mut self, shadow: &Shadow, place: Affine, surface: &mut Surface<'_>) -> bool {
        let rim = shadow.rim.iter().map(|part| part.place.as_coeffs());
        let casts = shadow.casts.iter().map(|cast| {
            let Rect { x0, y0, x1, y1 } = cast.rect;
            [x0, y0, x1, y1, cast.deviation, cast.opacity]
        });
        let shape = rim.chain(casts).map(|it| it.map(f64::to_bits)).collect();
        let drawn = self.shadows.entry(shape).or_insert_with(|| {
            let (rect, png) = shadow::picture(shadow, &mut self.budget)?;
            Some((rect, pixels(png)?))
        });
        let Some((rect, drawn)) = drawn else {
            return false;
        };
        let of_unit = Affine::new([rect.width(), 0.0, 0.0, rect.height(), rect.x0, rect.y0]);
        if let Some(place) = path::transform(place * of_unit) {
            surface.push_transform(&place);
            drawn.draw(surface);
            surface.pop();
        }
        true
    }
}

impl Drawn {
    /// Into the unit square.
    fn draw(&self, surface: &mut Surface<'_>) {
        match self {
            Self::Pixels(image) => {
                let unit = Size::from_wh(1.0, 1.0).expect("both are above zero");
                surface.draw_image(image.clone(), unit);
            }
            Self::Lines(graphic) => surface.draw_graphic(graphic.clone()),
        }
    }
}

fn read(url: &str, surface: &mut Surface<'_>) -> Option<Drawn> {
    let url = DataUrl::process(url).ok()?;
    let (bytes, _) = url.decode_to_vec().ok()?;
    let mime = url.mime_type();
    match (mime.type_.as_str(), mime.subtype.as_str()) {
        ("image", "png") => pixels(bytes),
        ("image", "jpeg") => Image::from_jpeg(bytes.into(), true).ok().map(Drawn::Pixels),
        ("image", "svg+xml") => {
            let tree = png::parse(std::str::from_utf8(&bytes).ok()?).ok()?;
            match tree.filters().is_empty() {
                true => Some(Drawn::Lines(lines(&tree, surface))),
                false => pixels(painted(&tree)?),
            }
        }
        _ => None,
    }
}

fn pixels(png: Vec<u8>) -> Option<Drawn> {
    Image::from_png(png.into(), true).ok().map(Drawn::Pixels)
}

/// Once for all places where it is shown.
fn lines(tree: &Tree, surface: &mut Surface<'_>) -> Graphic {
    let mut builder = surface.stream_builder();
    let mut own = builder.surface();
    let (width, height) = (tree.size().width(), tree.size().height());
    own.push_transform(&Transform::from_scale(1.0 / width, 1.0 / height));
    let settings = SvgSettings {
        embed_text: false,
        ..SvgSettings::default()
    };
    if let Some(size) = Size::from_wh(width, height) {
        own.draw_svg(tree, size, settings);
    }
    own.pop();
    own.finish();
    Graphic::new(builder.finish(), true)
}

fn painted(tree: &Tree) -> Option<Vec<u8>> {
    let size = tree.size();
    let scale = MOST_SIDE / size.width().max(size.height());
    let whole = |length: f32| (length * scale).round().max(1.0) as u32;
    let (width, height) = (whole(size.width()), whole(size.height()));
    let mut pixels = Pixmap::new(width, height)?;
    let scale = resvg::tiny_skia::Transform::from_scale(
        width as f32 / size.width(),
        height as f32 / size.height(),
    );
    resvg::render(tree, scale, &mut pixels.as_mut());
    png::encode(pixels).ok()
}
