//! Pictures that people have pasted, and the small ones that this crate draws with.
//!
//! Knows which of the scene's pictures a mark shows. The rule: what is shown twice is kept once, and a picture that cannot
//! be drawn is left out and remarked upon.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kurbo::{Affine, Ellipse, Rect, Size};
use scrible_board::ShapeIndex;
use scrible_board::media::Image;

use super::Painter;
use super::label::rounded;
use crate::geometry::outline::{EllipseArc, Role, Subpath};
use crate::geometry::path::{ArcPart, Path, Turn};
use crate::picture::{Clip, Embedded, Fit, placement};
use crate::scene::{Mark, PictureMark, Remark};

impl<'a> Painter<'a> {
    pub(super) fn image(&mut self, at: ShapeIndex, image: &'a Image) -> Option<Mark> {
        let shape = self.board.shape(at);
        let density = self.scale * shape.transform.determinant().abs().sqrt();
        let picture = match self.store.of(self.board, image, density) {
            Ok(picture) => picture,
            Err(problem) => {
                self.remark(Remark::Picture {
                    shape: shape.id.clone(),
                    problem,
                });
                return None;
            }
        };
        let place = placement(image, picture.orientation)?;
        let clip = match place.clip {
            Some(Clip::Rect(rect)) => Some(rounded(rect, 0.0)?),
            Some(Clip::Ellipse(it)) => Some(ellipse(it)?),
            None => None,
        };
        Some(Mark::Picture(PictureMark {
            place: place.transform * fitted(&picture, place.size),
            picture: self.embedded(&picture),
            clip,
        }))
    }

    /// A picture of a board among those of the scene.
    fn embedded(&mut self, picture: &Arc<Embedded>) -> usize {
        let key = Arc::as_ptr(&picture.bytes).addr();
        if let Some(known) = self.embedded.get(&key) {
            return *known;
        }
        let at = self.kept(picture.data_url());
        self.embedded.insert(key, at);
        at
    }

    /// A small PNG among the pictures of the scene.
    pub(super) fn small(&mut self, png: &[u8]) -> usize {
        self.kept(format!("data:image/png;base64,{}", STANDARD.encode(png)))
    }

    fn kept(&mut self, url: String) -> usize {
        let next = self.scene.pictures.len();
        let url: Arc<str> = url.into();
        let at = *self.pictures.entry(url.clone()).or_insert(next);
        if at == next {
            self.scene.pictures.push(url);
        }
        at
    }

    /// Says something of the picture; the first few are kept.
    pub(super) fn remark(&mut self, remark: Remark) {
        const KEPT: usize = 100;
        if self.scene.remarks.len() < KEPT && !self.scene.remarks.contains(&remark) {
            self.scene.remarks.push(remark);
        }
    }
}

/// From the unit square to what a picture takes of a box.
fn fitted(picture: &Embedded, size: Size) -> Affine {
    let stored = picture.stored;
    let by = (size.width / stored.width).min(size.height / stored.height);
    let shown = match picture.fit {
        Fit::Contain => stored * by,
        Fit::Fill => size,
    };
    let rect = Rect::from_center_size((size / 2.0).to_vec2().to_point(), shown);
    Affine::translate(rect.origin().to_vec2())
        * Affine::scale_non_uniform(rect.width(), rect.height())
}

/// `None` when a number is not finite.
fn ellipse(it: Ellipse) -> Option<Path> {
    let (centre, radii) = (it.center(), it.radii());
    let side = |x: f64| (centre.x + x, centre.y).into();
    let mut subpath = Subpath::new(side(-radii.x), Role::Filled);
    for to in [radii.x, -radii.x] {
        subpath.arc(EllipseArc {
            radii,
            part: ArcPart::Small,
            turn: Turn::Clockwise,
            to: side(to),
        });
    }
    Path::new(subpath.elements())
}
