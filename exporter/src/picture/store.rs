//! All pictures of one drawing.
//!
//! Knows what was asked for before and what it cost. The rule: a file is unpacked once for each size that it is drawn at, and
//! never beyond the limits on all of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kurbo::Size;
use scrible_board::media::Image;
use scrible_board::{AssetKind, Board};
use usvg::fontdb::Database;

use super::embed::embed;
use super::guard::guarded;
use super::raster::Raster;
use super::shrink::halvings;
use super::vector::{self, Reader};
use super::{
    Detail, Dimension, Embedded, Format, Orientation, PictureLimits, PictureProblem, Pictures,
    placement, source,
};
use crate::text::Fonts;

/// What a store works with.
#[derive(Clone)]
pub struct PictureSetup<'a> {
    /// Files that are not in the board.
    pub pictures: &'a dyn Pictures,
    /// For text in SVG pictures.
    pub fonts: &'a Fonts,
    /// Bounds.
    pub limits: PictureLimits,
    /// What the drawing is for.
    pub detail: Detail,
}

/// Makes pictures and keeps them while a drawing is made. One look-up may take as long as decoding a picture of
/// [`PictureLimits::pixels`]; cancel between two.
pub struct PictureStore<'a> {
    setup: PictureSetup<'a>,
    known: HashMap<Key, Known>,
    fonts: Option<Arc<Database>>,
    bytes: u64,
    pixels: u64,
}

/// Where a text lies and its length: the board does not change meanwhile, and data URLs are too long to hash at every turn.
type Key = (usize, usize);

enum Known {
    /// Another look would find the same.
    Problem(PictureProblem),
    /// Good for all sizes.
    Vector(Arc<Embedded>),
    /// By how often it was halved.
    Raster {
        stored: Size,
        orientation: Orientation,
        halved: BTreeMap<u32, Arc<Embedded>>,
    },
}

impl<'a> PictureStore<'a> {
    /// An empty one.
    pub fn new(setup: PictureSetup<'a>) -> Self {
        Self {
            setup,
            known: HashMap::new(),
            fonts: None,
            bytes: 0,
            pixels: 0,
        }
    }

    /// The picture of a shape. `density` is device px for each px of the shape.
    pub fn of(
        &mut self,
        board: &'a Board,
        image: &Image,
        density: f64,
    ) -> Result<Arc<Embedded>, PictureProblem> {
        let id = image.asset.as_ref().ok_or(PictureProblem::NoAsset)?;
        let asset = board.assets().get(id).ok_or(PictureProblem::MissingAsset)?;
        let AssetKind::Image(file) = &asset.kind else {
            return Err(PictureProblem::NotAPicture);
        };
        let src = file.src.as_deref().ok_or(PictureProblem::NoSource)?;
        let shown = placement(image, Orientation::UPRIGHT).map_or(Size::ZERO, |place| place.size);
        self.picture(src, shown * density)
    }

    /// The picture that is named so, to be shown upright and whole in a box of `shown` device px; the icons and pictures of
    /// bookmarks are got this way. Ask for the largest box of a picture first: [`Detail::Zoomed`] uses it for the others too.
    pub fn picture(&mut self, src: &'a str, shown: Size) -> Result<Arc<Embedded>, PictureProblem> {
        if src.is_empty() {
            return Err(PictureProblem::NoSource);
        }
        let key = (src.as_ptr().addr(), src.len());
        if let Some(known) = self.known.get(&key)
            && let Some(answer) = known.answer(self.setup.detail, shown)
        {
            return answer;
        }
        let made = self.make(src, shown);
        match (made, self.known.get_mut(&key)) {
            (Ok(Made::Vector(picture)), _) => {
                self.known.insert(key, Known::Vector(Arc::clone(&picture)));
                Ok(picture)
            }
            (Ok(Made::Raster { times, picture, .. }), Some(Known::Raster { halved, .. })) => {
                halved.insert(times, Arc::clone(&picture));
                Ok(picture)
            }
            (
                Ok(Made::Raster {
                    times,
                    picture,
                    stored,
                }),
                _,
            ) => {
                let known = Known::Raster {
                    stored,
                    orientation: picture.orientation,
                    halved: BTreeMap::from([(times, Arc::clone(&picture))]),
                };
                self.known.insert(key, known);
                Ok(picture)
            }
            // Better another size than none.
            (Err(problem), Some(Known::Raster { halved, .. })) => {
                halved.values().next().cloned().ok_or(problem)
            }
            (Err(problem), _) => {
                self.known.insert(key, Known::Problem(problem.clone()));
                Err(problem)
            }
        }
    }

    fn make(&mut self, src: &str, shown: Size) -> Result<Made, PictureProblem> {
        let pictures = self.setup.pictures;
        let limits = self.setup.limits.clone();
        let bytes = source::read(pictures, src, limits.bytes)?;
        spend(
            &mut self.bytes,
            bytes.len() as u64,
            limits.total_bytes,
            Dimension::Bytes,
        )?;
        let format = Format::of(&bytes)?;
        if format == Format::Svg {
            let fonts = self
                .fonts
                .get_or_insert_with(|| vector::database(self.setup.fonts));
            let reader = Reader {
                limits: &limits,
                fonts: Arc::clone(fonts),
                detail: self.setup.detail,
                pixels: limits.total_pixels.saturating_sub(self.pixels),
            };
            let (picture, pixels) = guarded(format, || vector::read(&bytes, &reader))?;
            self.pixels += pixels;
            return Ok(Made::Vector(Arc::new(picture)));
        }
        let raster = guarded(format, || Raster::open(format, &bytes, &limits))?;
        spend(
            &mut self.pixels,
            raster.pixels(),
            limits.total_pixels,
            Dimension::Pixels,
        )?;
        let stored = raster.size();
        let times = wanted(self.setup.detail, raster.orientation.turned(stored), shown);
        let detail = self.setup.detail;
        let made = guarded(format, || embed(raster, &bytes, times, detail))?;
        Ok(Made::Raster {
            times: made.0,
            picture: Arc::new(made.1),
            stored,
        })
    }
}

enum Made {
    Vector(Arc<Embedded>),
    Raster {
        times: u32,
        picture: Arc<Embedded>,
        stored: Size,
    },
}

impl Known {
    /// `None` when the file has to be read once more.
    fn answer(&self, detail: Detail, shown: Size) -> Option<Result<Arc<Embedded>, PictureProblem>> {
        match self {
            Self::Problem(problem) => Some(Err(problem.clone())),
            Self::Vector(picture) => Some(Ok(Arc::clone(picture))),
            Self::Raster {
                stored,
                orientation,
                halved,
            } => {
                let times = wanted(detail, orientation.turned(*stored), shown);
                let found = match detail {
                    Detail::Shown => halved.get(&times),
                    Detail::Zoomed => halved.range(..=times).next_back().map(|(_, found)| found),
                };
                found.cloned().map(Ok)
            }
        }
    }
}

/// How often a picture of that upright size is to be halved for that box.
fn wanted(detail: Detail, upright: Size, shown: Size) -> u32 {
    let fraction = (shown.width / upright.width).min(shown.height / upright.height);
    let headroom = match detail {
        Detail::Shown => 1.0,
        Detail::Zoomed => 2.0,
    };
    halvings(1.0 / (fraction * headroom))
}

fn spend(spent: &mut u64, cost: u64, most: u64, of: Dimension) -> Result<(), PictureProblem> {
    let sum = spent.saturating_add(cost);
    if sum > most {
        return Err(PictureProblem::TooMuch { most, of });
    }
    *spent = sum;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::cell::RefCell;
    use std::io::Cursor;

    use image::codecs::jpeg::JpegEncoder;
    use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

    use super::super::{Fit, Mime};
    use super::*;

    /// One picture under every name that begins with its format; notes what it was asked for.
    #[derive(Default)]
    struct Shelf(RefCell<Vec<String>>);

    fn photo() -> DynamicImage {
        RgbImage::from_fn(800, 600, |x, y| {
            let grain = (x * 31 + y * 17) % 23;
            Rgb([(x / 4) as u8, (y / 3) as u8, grain as u8 * 9])
        })
        .into()
    }

    impl Pictures for Shelf {
        fn bytes(&self, src: &str) -> Option<Cow<'_, [u8]>> {
            self.0.borrow_mut().push(src.to_owned());
            let mut bytes = Vec::new();
            let format = match src.split(' ').next()? {
                "png" => ImageFormat::Png,
                "gif" => ImageFormat::Gif,
                "webp" => ImageFormat::WebP,
                "jpeg" => {
                    photo()
                        .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 90))
                        .unwrap();
                    return Some(bytes.into());
                }
                "svg" => {
                    let svg = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='5'><path d='M0 0h9'/></svg>";
                    return Some(svg.as_bytes().into());
                }
                "text" => return Some(b"no picture".as_slice().into()),
                _ => return None,
            };
            photo()
                .write_to(&mut Cursor::new(&mut bytes), format)
                .unwrap();
            Some(bytes.into())
        }
    }

    fn with<T>(
        detail: Detail,
        limits: PictureLimits,
        test: impl FnOnce(&mut PictureStore<'_>, &Shelf) -> T,
    ) -> T {
        let (shelf, fonts) = (Shelf::default(), Fonts::bundled());
        let mut store = PictureStore::new(PictureSetup {
            pictures: &shelf,
            fonts: &fonts,
            limits,
            detail,
        });
        test(&mut store, &shelf)
    }

    fn pixels(picture: &Embedded) -> DynamicImage {
        image::load_from_memory(&picture.bytes).unwrap()
    }

    const WHOLE: Size = Size::new(800.0, 600.0);

    #[test]
    fn png_and_jpeg_stay_as_they_came_and_others_become_png() {
        for detail in [Detail::Shown, Detail::Zoomed] {
            with(detail, PictureLimits::default(), |store, shelf| {
                let mut mime = |src| store.picture(src, WHOLE).unwrap().mime;
                assert_eq!(mime("png"), Mime::Png);
                assert_eq!(mime("gif"), Mime::Png);
                assert_eq!(mime("webp"), Mime::Png);
                assert_eq!(mime("svg"), Mime::Svg);
                assert_eq!(mime("jpeg"), Mime::Jpeg);
                let picture = store.picture("jpeg", WHOLE).unwrap();
                let stored = shelf.bytes("jpeg").unwrap();
                assert_eq!(pixels(&picture), image::load_from_memory(&stored).unwrap());
                assert_eq!((picture.stored, picture.fit), (WHOLE, Fit::Contain));
                assert_eq!(store.picture("svg", WHOLE).unwrap().fit, Fit::Fill);
                let url = picture.data_url();
                assert!(url.starts_with("data:image/jpeg;base64,/9j/"));
                assert_eq!(url.len(), url.capacity());
            });
        }
    }

    #[test]
    fn a_picture_is_made_once_for_each_size() {
        with(Detail::Shown, PictureLimits::default(), |store, shelf| {
            let src = "png";
            let whole = store.picture(src, WHOLE).unwrap();
            let again = store.picture(src, Size::new(500.0, 500.0)).unwrap();
            assert!(Arc::ptr_eq(&whole, &again));
            let half = store.picture(src, Size::new(400.0, 300.0)).unwrap();
            assert_eq!(half.stored, Size::new(400.0, 300.0));
            // Contained in the box, so the narrow side counts.
            let narrow = store.picture(src, Size::new(400.0, 30_000.0)).unwrap();
            assert!(Arc::ptr_eq(&half, &narrow));
            assert!(Arc::ptr_eq(&whole, &store.picture(src, WHOLE).unwrap()));
            assert_eq!(*shelf.0.borrow(), [src; 2]);
            let missing = "gone";
            for _ in 0..2 {
                assert_eq!(store.picture(missing, WHOLE), Err(PictureProblem::NotFound));
            }
            assert_eq!(shelf.0.borrow().len(), 3);
        });
    }

    #[test]
    fn a_kept_drawing_has_twice_the_pixels_and_is_only_made_smaller_where_that_saves_bytes() {
        with(Detail::Zoomed, PictureLimits::default(), |store, shelf| {
            let (photo, other) = ("jpeg", "jpeg 2");
            let half = store.picture(photo, Size::new(200.0, 150.0)).unwrap();
            assert_eq!(half.stored, Size::new(400.0, 300.0));
            assert_eq!(half.mime, Mime::Jpeg);
            let whole = store.picture(photo, WHOLE).unwrap();
            assert_eq!(whole.stored, WHOLE);
            assert!(half.bytes.len() < whole.bytes.len());
            // The larger one serves all that come after.
            let large = store.picture(other, WHOLE).unwrap();
            let small = store.picture(other, Size::new(20.0, 15.0)).unwrap();
            assert!(Arc::ptr_eq(&large, &small));
            assert_eq!(*shelf.0.borrow(), [photo, photo, other]);
        });
        // A picture of one colour packs so well that a smaller one has more bytes than it saves.
        let mut bytes = Vec::new();
        DynamicImage::from(RgbImage::new(64, 64))
            .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)
            .unwrap();
        let src = Embedded {
            mime: Mime::Png,
            bytes: Arc::new(bytes),
            stored: WHOLE,
            orientation: Orientation::UPRIGHT,
            fit: Fit::Contain,
        }
        .data_url();
        let fonts = Fonts::bundled();
        let mut store = PictureStore::new(PictureSetup {
            pictures: &super::super::NoPictures,
            fonts: &fonts,
            limits: PictureLimits::default(),
            detail: Detail::Zoomed,
        });
        let picture = store.picture(&src, Size::new(8.0, 8.0)).unwrap();
        assert!(picture.stored.width <= 64.0 && picture.data_url().len() <= src.len());
    }

    #[test]
    fn limits_on_all_pictures_together_end_with_the_last_that_fits() {
        let limits = PictureLimits {
            total_pixels: 1_000_000,
            ..PictureLimits::default()
        };
        with(Detail::Shown, limits, |store, _| {
            let (one, two, three) = ("png 1", "png 2", "png 3");
            store.picture(one, WHOLE).unwrap();
            store.picture(two, WHOLE).unwrap();
            let most = 1_000_000;
            let of = Dimension::Pixels;
            assert_eq!(
                store.picture(three, WHOLE),
                Err(PictureProblem::TooMuch { most, of })
            );
            // Another size would have to be unpacked anew; the one at hand is better than none.
            let small = store.picture(one, Size::new(80.0, 60.0)).unwrap();
            assert_eq!(small.stored, WHOLE);
        });
        let limits = PictureLimits {
            total_bytes: 10,
            ..PictureLimits::default()
        };
        with(Detail::Shown, limits, |store, _| {
            let of = Dimension::Bytes;
            assert_eq!(
                store.picture("svg", WHOLE),
                Err(PictureProblem::TooMuch { most: 10, of })
            );
        });
    }

    #[test]
    fn each_picture_has_its_limits() {
        let limits = PictureLimits {
            pixels: 479_999,
            ..PictureLimits::default()
        };
        with(Detail::Shown, limits, |store, _| {
            for src in ["png", "jpeg", "gif", "webp"] {
                let problem = store.picture(src, WHOLE).unwrap_err();
                let said = "the picture is too large: 480000 pixels, at most 479999 are drawn";
                assert_eq!(problem.to_string(), said);
            }
        });
        with(
            Detail::Shown,
            PictureLimits {
                bytes: 50,
                ..PictureLimits::default()
            },
            |store, _| {
                let problem = store.picture("svg", WHOLE).unwrap_err();
                assert!(matches!(
                    problem,
                    PictureProblem::TooLarge {
                        of: Dimension::Bytes,
                        most: 50,
                        ..
                    }
                ));
            },
        );
    }

    #[test]
    fn a_shape_is_told_what_is_wrong_with_its_picture() {
        let file = r#"{"tldrawFileFormatVersion": 1, "schema": {"schemaVersion": 2, "sequences": {}}, "records": [
            {"id": "page:p", "typeName": "page", "name": "Page 1", "index": "a1"},
            {"id": "asset:good", "typeName": "asset", "type": "image", "props": {"w": 8, "h": 6, "src": "png"}},
            {"id": "asset:null", "typeName": "asset", "type": "image", "props": {"w": 8, "h": 6, "src": null}},
            {"id": "asset:empty", "typeName": "asset", "type": "image", "props": {"w": 8, "h": 6, "src": ""}},
            {"id": "asset:gone", "typeName": "asset", "type": "image", "props": {"w": 8, "h": 6, "src": "gone"}},
            {"id": "asset:text", "typeName": "asset", "type": "image", "props": {"w": 8, "h": 6, "src": "text"}},
            {"id": "asset:film", "typeName": "asset", "type": "video", "props": {"w": 8, "h": 6, "src": "png"}}
        ]}"#;
        let board = Board::read(file.as_bytes(), &scrible_board::Limits::default()).unwrap();
        let (shelf, fonts) = (Shelf::default(), Fonts::bundled());
        let mut store = PictureStore::new(PictureSetup {
            pictures: &shelf,
            fonts: &fonts,
            limits: PictureLimits::default(),
            detail: Detail::Shown,
        });
        let mut of = |asset: Option<&str>| {
            let image = Image {
                w: 100.0,
                h: 100.0,
                asset: asset.map(str::to_owned),
                crop: None,
                flip_x: false,
                flip_y: false,
                url: String::new(),
                alt_text: String::new(),
            };
            store.of(&board, &image, 2.0)
        };
        // 200 device px hold 800: two halvings.
        assert_eq!(
            of(Some("asset:good")).unwrap().stored,
            Size::new(200.0, 150.0)
        );
        assert_eq!(of(None), Err(PictureProblem::NoAsset));
        assert_eq!(of(Some("asset:none")), Err(PictureProblem::MissingAsset));
        assert_eq!(of(Some("asset:film")), Err(PictureProblem::NotAPicture));
        assert_eq!(of(Some("asset:null")), Err(PictureProblem::NoSource));
        assert_eq!(of(Some("asset:empty")), Err(PictureProblem::NoSource));
        assert_eq!(of(Some("asset:gone")), Err(PictureProblem::NotFound));
        assert_eq!(of(Some("asset:text")), Err(PictureProblem::UnknownFormat));
    }
}
