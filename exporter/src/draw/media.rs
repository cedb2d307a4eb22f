//! Pictures that people have pasted, and the small ones that this crate draws with.
//!
//! Knows which of the scene's pictures a mark shows. The rule: what is shown twice is kept once, and a picture that cannot
//! be drawn is left out and remarked upon.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kurbo::{Affine, Rect, Shape as _, Size};
use scrible_board::ShapeIndex;
use scrible_board::media::Image;

use super::{Painter, shadow};
use crate::error::ExportError;
use crate::geometry::path::Path;
use crate::picture::{Clip, Embedded, Fit, PictureProblem, Placement, placement};
use crate::scene::{Group, Mark, PictureMark, Remark, Shadow};

/// How far a clip may be from its curve, px.
const ACCURACY: f64 = 1e-2;

/// What casts a shadow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Caster {
    Note,
    Card,
}

impl<'a> Painter<'a> {
    pub(super) fn image(&mut self, at: ShapeIndex, image: &'a Image) -> Option<Mark> {
        let density = self.density(at);
        let picture = match self.store.of(self.board, image, density) {
            Ok(picture) => picture,
            Err(problem) => {
                self.left_out(at, problem);
                return None;
            }
        };
        let place = placement(image, picture.orientation)?;
        self.placed(&picture, place)
    }

    /// Device px for each px of a shape.
    pub(super) fn density(&self, at: ShapeIndex) -> f64 {
        let shape = self.board.shape(at);
        self.scale * shape.transform.determinant().abs().sqrt()
    }

    pub(super) fn left_out(&mut self, at: ShapeIndex, problem: PictureProblem) {
        let shape = self.board.shape(at).id.clone();
        self.remark(Remark::Picture { shape, problem });
    }

    /// A picture in its place.
    pub(super) fn placed(&mut self, picture: &Arc<Embedded>, place: Placement) -> Option<Mark> {
        let mark = Mark::Picture(PictureMark {
            place: place.transform * fitted(picture, place.size),
            picture: self.embedded(picture),
        });
        let clip = match place.clip {
            None => return Some(mark),
            Some(Clip::Rect(rect)) => rect.to_path(ACCURACY),
            Some(Clip::Ellipse(ellipse)) => ellipse.to_path(ACCURACY),
        };
        Some(Mark::Group(Group {
            transform: Affine::IDENTITY,
            clip: Some(Path::from_bez(&clip)?),
            words: None,
            marks: vec![mark],
        }))
    }

    /// The shadow of a box with a corner at the origin, px.
    pub(super) fn shadow(&mut self, of: Caster, size: Size) -> Result<Mark, ExportError> {
        let kind = match of {
            Caster::Note => &shadow::NOTE,
            Caster::Card => &shadow::CARD,
        };
        if !self.shadows.contains_key(&of) {
            let parts = shadow::parts(kind)?.into_iter();
            let parts = parts.map(|part| (self.small(&part.png), part)).collect();
            self.shadows.insert(of, parts);
        }
        let rim = self.shadows[&of].iter().filter_map(|(picture, part)| {
            let rect = part.rect(size)?;
            Some(PictureMark {
                picture: *picture,
                place: Affine::new([rect.width(), 0.0, 0.0, rect.height(), rect.x0, rect.y0]),
            })
        });
        let rim: Vec<_> = rim.collect();
        let casts = match rim.is_empty() {
            true => Vec::new(),
            false => kind.casts(size),
        };
        Ok(Mark::Shadow(Shadow { rim, casts }))
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
