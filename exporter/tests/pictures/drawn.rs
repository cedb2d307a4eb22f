//! What comes out when a picture is drawn in its place.

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageEncoder, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use kurbo::{Point, Size};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg;
use scrible_board::media::{Crop, Image};
use scrible_exporter::picture::{Clip, Detail, Embedded, Fit, Mime, placement};

use super::{open, show};

const RED: [u8; 3] = [220, 20, 20];
const GREEN: [u8; 3] = [20, 200, 20];
const BLUE: [u8; 3] = [20, 20, 220];
const YELLOW: [u8; 3] = [230, 220, 20];

/// Red, green above blue, yellow; twice as wide as tall.
fn quarters() -> RgbImage {
    RgbImage::from_fn(64, 32, |x, y| {
        Rgb(match (x < 32, y < 16) {
            (true, true) => RED,
            (false, true) => GREEN,
            (true, false) => BLUE,
            (false, false) => YELLOW,
        })
    })
}

fn packed(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A shape of that size showing all of a picture.
fn shape(w: f64, h: f64) -> Image {
    Image {
        w,
        h,
        asset: None,
        crop: None,
        flip_x: false,
        flip_y: false,
        url: String::new(),
        alt_text: String::new(),
    }
}

/// The shape on white, one device px for each of its own.
fn draw(picture: &Embedded, image: &Image) -> Pixmap {
    let place = placement(image, picture.orientation).unwrap();
    let clip = match place.clip {
        None => String::new(),
        Some(Clip::Rect(rect)) => {
            format!(
                "<rect width='{}' height='{}'/>",
                rect.width(),
                rect.height()
            )
        }
        Some(Clip::Ellipse(ellipse)) => {
            let (at, radii) = (ellipse.center(), ellipse.radii());
            format!(
                "<ellipse cx='{}' cy='{}' rx='{}' ry='{}'/>",
                at.x, at.y, radii.x, radii.y
            )
        }
    };
    let svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{}' height='{}'><clipPath id='c'>{clip}</clipPath>\
         <rect width='999' height='999' fill='#fff'/>\
         <g {}><image width='{}' height='{}' transform='matrix({})' preserveAspectRatio='{}' \
         style='image-rendering:smooth' href='{}'/></g></svg>",
        image.w,
        image.h,
        if clip.is_empty() {
            ""
        } else {
            "clip-path='url(#c)'"
        },
        place.size.width,
        place.size.height,
        place
            .transform
            .as_coeffs()
            .map(|number| number.to_string())
            .join(" "),
        match picture.fit {
            Fit::Contain => "xMidYMid",
            Fit::Fill => "none",
        },
        picture.data_url(),
    );
    let tree = usvg::Tree::from_str(&svg, &usvg::Options::default()).unwrap();
    let mut pixels = Pixmap::new(image.w as u32, image.h as u32).unwrap();
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    pixels
}

fn is_near(pixels: &Pixmap, x: f64, y: f64, colour: [u8; 3]) -> bool {
    let found = pixels.pixel(x as u32, y as u32).unwrap();
    let found = [found.red(), found.green(), found.blue()];
    found
        .iter()
        .zip(colour)
        .all(|(one, other)| one.abs_diff(other) < 12)
}

/// The colours in the middle of the quarters of a box: above, then below.
fn assert_quarters(pixels: &Pixmap, corner: Point, size: Size, colours: [[u8; 3]; 4]) {
    for (at, colour) in colours.into_iter().enumerate() {
        let x = corner.x + size.width * (0.25 + 0.5 * (at % 2) as f64);
        let y = corner.y + size.height * (0.25 + 0.5 * (at / 2) as f64);
        let found = pixels.pixel(x as u32, y as u32).unwrap();
        assert!(
            is_near(pixels, x, y, colour),
            "{at}: {found:?} is not {colour:?}"
        );
    }
}

#[test]
fn a_photo_stands_upright_whichever_way_the_camera_was_held() {
    for number in 1..=8 {
        for is_jpeg in [true, false] {
            // A TIFF header and one entry: orientation, a short.
            let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
            exif.extend([number, 0, 0, 0, 0, 0, 0, 0]);
            let mut bytes = Vec::new();
            let image = DynamicImage::from(quarters());
            if is_jpeg {
                let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
                encoder.set_exif_metadata(exif).unwrap();
                image.write_with_encoder(encoder).unwrap();
            } else {
                let mut encoder = image::codecs::png::PngEncoder::new(&mut bytes);
                encoder.set_exif_metadata(exif).unwrap();
                image.write_with_encoder(encoder).unwrap();
            }
            let picture = open(&bytes).unwrap();
            let mut upright = DynamicImage::from(quarters());
            upright.apply_orientation(image::metadata::Orientation::from_exif(number).unwrap());
            let upright = upright.to_rgb8();
            let size = picture.upright();
            assert_eq!(
                (size.width as u32, size.height as u32),
                upright.dimensions()
            );
            let at = |x: u32, y: u32| {
                upright
                    .get_pixel(upright.width() * x / 4, upright.height() * y / 4)
                    .0
            };
            let colours = [at(1, 1), at(3, 1), at(1, 3), at(3, 3)];
            // In a square box it keeps its proportions, in the middle.
            let pixels = draw(&picture, &shape(100.0, 100.0));
            let corner = Point::new(50.0 - size.width * 0.78, 50.0 - size.height * 0.78);
            assert_quarters(&pixels, corner, size * 1.56, colours);
            // A small one is made smaller before it is turned.
            let small = show(&bytes, Size::new(16.0, 16.0), Detail::Shown).unwrap();
            assert_eq!(
                (small.stored, small.mime),
                (Size::new(16.0, 8.0), Mime::Png)
            );
            let pixels = draw(&small, &shape(100.0, 100.0));
            assert_quarters(&pixels, corner, size * 1.56, colours);
        }
    }
}

#[test]
fn a_crop_shows_its_part_of_the_flipped_picture() {
    let picture = open(&packed(quarters(), ImageFormat::Png)).unwrap();
    let mut image = shape(64.0, 64.0);
    let half = |left: f64, is_circle| {
        Some(Crop {
            top_left: Point::new(left, 0.0),
            bottom_right: Point::new(left + 0.5, 1.0),
            is_circle,
        })
    };
    let all = |pixels: &Pixmap, colours| {
        assert_quarters(pixels, Point::ZERO, Size::new(64.0, 64.0), colours)
    };
    image.crop = half(0.0, false);
    all(&draw(&picture, &image), [RED, RED, BLUE, BLUE]);
    image.flip_x = true;
    all(&draw(&picture, &image), [GREEN, GREEN, YELLOW, YELLOW]);
    image.flip_y = true;
    all(&draw(&picture, &image), [YELLOW, YELLOW, GREEN, GREEN]);
    image.crop = half(0.25, true);
    let pixels = draw(&picture, &image);
    all(&pixels, [YELLOW, BLUE, GREEN, RED]);
    for (x, y) in [(2.0, 2.0), (61.0, 2.0), (2.0, 61.0), (61.0, 61.0)] {
        assert!(is_near(&pixels, x, y, [255; 3]));
    }
}

#[test]
fn every_format_shows_its_first_picture() {
    let clear = RgbaImage::from_fn(64, 32, |x, y| {
        let Rgb([r, g, b]) = *quarters().get_pixel(x, y);
        Rgba([r, g, b, if x < 32 && y < 16 { 0 } else { 255 }])
    });
    let size = Size::new(64.0, 32.0);
    for format in [ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
        let picture = open(&packed(clear.clone(), format)).unwrap();
        let pixels = draw(&picture, &shape(64.0, 32.0));
        assert_quarters(&pixels, Point::ZERO, size, [[255; 3], GREEN, BLUE, YELLOW]);
    }
    let grey = DynamicImage::from(quarters()).into_luma8();
    let [red, green, blue, yellow] =
        [(9, 9), (50, 9), (9, 25), (50, 25)].map(|(x, y)| [grey.get_pixel(x, y)[0]; 3]);
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let pixels = draw(
            &open(&packed(grey.clone(), format)).unwrap(),
            &shape(64.0, 32.0),
        );
        assert_quarters(&pixels, Point::ZERO, size, [red, green, blue, yellow]);
    }
    let deep = DynamicImage::from(quarters()).into_rgb16();
    let pixels = draw(
        &open(&packed(deep, ImageFormat::Png)).unwrap(),
        &shape(64.0, 32.0),
    );
    assert_quarters(&pixels, Point::ZERO, size, [RED, GREEN, BLUE, YELLOW]);
    let mut film = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut film);
    encoder.encode_frame(image::Frame::new(clear)).unwrap();
    for _ in 0..50 {
        encoder
            .encode_frame(image::Frame::new(RgbaImage::new(64, 32)))
            .unwrap();
    }
    drop(encoder);
    let pixels = draw(&open(&film).unwrap(), &shape(64.0, 32.0));
    assert_quarters(&pixels, Point::ZERO, size, [[255; 3], GREEN, BLUE, YELLOW]);
}

#[test]
fn a_vector_picture_is_drawn_at_any_size_with_the_pictures_inside_of_it() {
    use base64::Engine as _;
    let inner =
        base64::engine::general_purpose::STANDARD.encode(packed(quarters(), ImageFormat::Png));
    let svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 4 2'><image width='2' height='2' preserveAspectRatio='none' \
         href='data:image/png;base64,{inner}'/><rect x='2' width='2' height='1' fill='rgb(20,200,20)'/>\
         <path style='fill:rgb(230,220,20)' d='M2 1h2v1h-2z'/></svg>"
    );
    let picture = open(svg.as_bytes()).unwrap();
    assert_eq!((picture.mime, picture.fit), (Mime::Svg, Fit::Contain));
    let pixels = draw(&picture, &shape(400.0, 400.0));
    assert_quarters(
        &pixels,
        Point::new(0.0, 100.0),
        Size::new(200.0, 200.0),
        [RED, GREEN, BLUE, YELLOW],
    );
    assert_quarters(
        &pixels,
        Point::new(200.0, 100.0),
        Size::new(200.0, 200.0),
        [GREEN, GREEN, YELLOW, YELLOW],
    );
    assert!(is_near(&pixels, 200.0, 50.0, [255; 3]));
    let stretched = "<svg xmlns='http://www.w3.org/2000/svg' width='4' height='2'><rect width='4' height='2' fill='rgb(20,20,220)'/></svg>";
    let pixels = draw(&open(stretched.as_bytes()).unwrap(), &shape(100.0, 100.0));
    assert_quarters(&pixels, Point::ZERO, Size::new(100.0, 100.0), [BLUE; 4]);
}

#[test]
fn a_picture_drawn_small_is_the_mean_of_its_pixels() {
    // Lines of one pixel: black, white.
    let lines = RgbImage::from_fn(512, 512, |x, _| Rgb([(x % 2) as u8 * 255; 3]));
    let bytes = packed(lines, ImageFormat::Png);
    let picture = show(&bytes, Size::new(50.0, 50.0), Detail::Shown).unwrap();
    assert_eq!(picture.stored, Size::new(64.0, 64.0));
    let pixels = draw(&picture, &shape(50.0, 50.0));
    for x in 2..48 {
        assert!(is_near(&pixels, f64::from(x), 25.0, [128; 3]));
    }
}
