//! Files made to do harm: to memory, to time, to those who open a drawing.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use kurbo::Size;
use scrible_exporter::picture::{
    Detail, Dimension, Embedded, Format, Mime, PictureLimits, PictureProblem, PictureSetup,
    PictureStore,
};
use usvg::roxmltree::{Document, Node};

use super::{FONTS, File, limits, open, show};

fn picture() -> DynamicImage {
    RgbaImage::from_fn(33, 21, |x, y| {
        Rgba([x as u8 * 7, y as u8 * 12, (x * y) as u8, (y * 9) as u8])
    })
    .into()
}

fn packed(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    if format == ImageFormat::Jpeg {
        picture()
            .into_rgb8()
            .write_with_encoder(JpegEncoder::new(&mut bytes))
            .unwrap();
    } else {
        picture().write_to(&mut bytes, format).unwrap();
    }
    bytes.into_inner()
}

fn svg(body: &str) -> Vec<u8> {
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' width='40' height='30'>{body}</svg>"
    )
    .into_bytes()
}

const BUSY: &str = "<style>.a{fill:url(#g)}</style><defs><linearGradient id='g'><stop offset='1' stop-color='red'/></linearGradient>\
    <pattern id='p' width='4' height='4'><path d='M0 0h3v3z'/></pattern><mask id='m'><circle r='9' fill='white'/></mask></defs>\
    <g id='x' class='a' mask='url(#m)'><rect width='9' height='9' rx='2'/><use href='#y' x='3'/></g>\
    <ellipse id='y' cx='9' cy='9' rx='4' ry='3' fill='url(#p)' stroke='blue' stroke-dasharray='1 2'/><text x='3' y='9'>Aé</text>";

fn data_url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    let data = base64::engine::general_purpose::STANDARD.encode(bytes);
    format!("data:image/png;base64,{data}")
}

/// A PNG that says it is that large, checksum and all.
fn png_of(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = packed(ImageFormat::Png);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = crc32fast::hash(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn jpeg_of(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = packed(ImageFormat::Jpeg);
    let frame = bytes
        .windows(2)
        .position(|two| two == [0xff, 0xc0])
        .unwrap();
    bytes[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    bytes[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

fn gif_of(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = packed(ImageFormat::Gif);
    bytes[6..8].copy_from_slice(&width.to_le_bytes());
    bytes[8..10].copy_from_slice(&height.to_le_bytes());
    bytes
}

fn too_large(bytes: &[u8]) -> Option<(u64, Dimension)> {
    match open(bytes) {
        Err(PictureProblem::TooLarge { is, of, .. }) => Some((is, of)),
        _ => None,
    }
}

#[test]
fn sizes_are_judged_before_anything_is_unpacked() {
    assert_eq!(
        too_large(&png_of(50_000, 50_000)),
        Some((2_500_000_000, Dimension::Pixels))
    );
    assert_eq!(
        too_large(&jpeg_of(65_535, 65_535)),
        Some((4_294_836_225, Dimension::Pixels))
    );
    assert_eq!(
        too_large(&gif_of(65_535, 65_535)),
        Some((4_294_836_225, Dimension::Pixels))
    );
    // The largest that WebP can say.
    let mut webp = packed(ImageFormat::WebP);
    let header = webp.windows(4).position(|name| name == b"VP8L").unwrap() + 9;
    webp[header..header + 4].copy_from_slice(&0x0fff_bffe_u32.to_le_bytes());
    assert_eq!(too_large(&webp), Some((16_383 * 16_383, Dimension::Pixels)));
    assert!(matches!(
        open(&png_of(0, 5)),
        Err(PictureProblem::Broken { .. })
    ));
}

#[test]
fn a_header_that_lies_within_the_limits_draws_no_more_than_it_says() {
    for (bytes, format) in [
        (png_of(1000, 900), Format::Png),
        (jpeg_of(1000, 900), Format::Jpeg),
        (jpeg_of(8, 8), Format::Jpeg),
    ] {
        match open(&bytes) {
            Ok(picture) => assert!(picture.stored.area() <= 900_000.0),
            Err(PictureProblem::Broken { format: found, .. }) => assert_eq!(found, format),
            Err(other) => panic!("{other}"),
        }
    }
    // The screen of a GIF may be larger than its frame; what is not covered is clear.
    let picture = open(&gif_of(300, 200)).unwrap();
    assert_eq!(picture.stored, Size::new(300.0, 200.0));
}

#[test]
fn a_cut_file_is_broken_or_drawn_as_far_as_it_goes() {
    for format in [
        ImageFormat::Png,
        ImageFormat::Gif,
        ImageFormat::WebP,
        ImageFormat::Jpeg,
    ] {
        let whole = packed(format);
        assert!(open(&whole).is_ok());
        for cut in 0..whole.len() {
            if let Ok(picture) = open(&whole[..cut]) {
                assert_eq!(picture.stored, Size::new(33.0, 21.0));
                assert!(
                    image::load_from_memory(&picture.bytes).is_ok(),
                    "{format:?} {cut}"
                );
            }
        }
        assert!(open(&whole[..whole.len() / 8]).is_err(), "{format:?}");
    }
    let whole = svg(BUSY);
    for cut in (0..whole.len()).filter(|cut| std::str::from_utf8(&whole[..*cut]).is_ok()) {
        assert!(open(&whole[..cut]).is_err());
    }
}

#[test]
fn a_decoder_that_panics_costs_one_picture() {
    // The opacity of its first frame has fewer pixels than the frame.
    let bytes = include_bytes!("../data/pictures/alpha-of-a-smaller-frame.webp");
    assert!(matches!(
        open(bytes),
        Err(PictureProblem::Broken {
            format: Format::WebP,
            ..
        })
    ));
}

#[test]
fn damaged_files_neither_stop_nor_cheat_us() {
    let mut random = fastrand::Rng::with_seed(51);
    let mut drawn = 0;
    for (whole, times) in [
        (packed(ImageFormat::Png), 400),
        (packed(ImageFormat::Gif), 400),
        (packed(ImageFormat::WebP), 400),
        (packed(ImageFormat::Jpeg), 400),
        (svg(BUSY), 400),
    ] {
        for _ in 0..times {
            let mut bytes = whole.clone();
            for _ in 0..random.usize(1..8) {
                let at = random.usize(..bytes.len());
                match random.u8(..4) {
                    0 => bytes[at] = random.u8(..),
                    1 => bytes[at] ^= 1 << random.u8(..8),
                    2 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, random.choice(*b"<>&\"'#/\0\xff 9").unwrap()),
                }
            }
            let shown = Size::new(random.f64() * 60.0, 40.0);
            for detail in [Detail::Shown, Detail::Zoomed] {
                if let Ok(picture) = show(&bytes, shown, detail) {
                    drawn += 1;
                    assert_clean(&picture);
                }
            }
        }
    }
    assert!(drawn > 500, "only {drawn} were drawn");
}

/// Whatever is embedded draws, is within the limits, and refers to nothing.
fn assert_clean(picture: &Embedded) {
    match picture.mime {
        Mime::Png | Mime::Jpeg => {
            assert!(picture.stored.area() <= limits().pixels as f64);
            let image = image::load_from_memory(&picture.bytes).unwrap();
            assert_eq!(
                picture.stored,
                Size::new(f64::from(image.width()), f64::from(image.height()))
            );
        }
        Mime::Svg => assert_clean_svg(std::str::from_utf8(&picture.bytes).unwrap()),
    }
}

fn assert_clean_svg(text: &str) {
    const ELEMENTS: [&str; 13] = [
        "svg",
        "g",
        "path",
        "defs",
        "linearGradient",
        "radialGradient",
        "stop",
        "pattern",
        "mask",
        "clipPath",
        "filter",
        "image",
        "use",
    ];
    let document = Document::parse(text).unwrap();
    for node in document.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        assert!(ELEMENTS.contains(&name) || name.starts_with("fe"), "{name}");
        assert_eq!(
            node.tag_name().namespace(),
            Some("http://www.w3.org/2000/svg")
        );
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(!name.starts_with("on") && name != "base", "{name}");
            let is_inner = ["png", "jpeg"]
                .iter()
                .any(|format| value.starts_with(&format!("data:image/{format};base64,")));
            assert!(
                name != "href" || value.starts_with('#') || is_inner,
                "{value}"
            );
            let urls = |start| value.matches(start).count();
            assert!(
                name == "id" || urls("url(") == urls("url(#"),
                "{name} {value}"
            );
        }
    }
    assert!(
        !document
            .descendants()
            .any(|node| node.is_pi() || node.text().is_some_and(|text| !text.trim().is_empty()))
    );
}

fn drawn_svg(body: &str) -> String {
    let picture = open(&svg(body)).unwrap();
    assert_clean(&picture);
    String::from_utf8(picture.bytes.to_vec()).unwrap()
}

#[test]
fn nothing_in_a_vector_picture_reaches_outside_or_runs() {
    let written = drawn_svg(
        "<?evil x?><script>alert(1)</script><style>@import 'http://evil/'; rect{fill:url(http://evil/#a)}</style>\
         <a href='javascript:alert(1)'><rect width='9' height='9' onclick='alert(1)' filter='url(http://evil/#f)'/></a>\
         <foreignObject width='9' height='9'><iframe xmlns='http://www.w3.org/1999/xhtml' src='http://evil/'/></foreignObject>\
         <animate href='#r' attributeName='href' to='http://evil/'/><use href='http://evil/#a'/><use href='file:///etc/passwd#a'/>\
         <image href='http://evil/a.png' width='9' height='9'/><image xlink:href='file:///etc/passwd' width='9' height='9'/>\
         <image href='/etc/passwd.svg' width='9' height='9'/><image href='../a.png' width='9' height='9'/>\
         <text font-family='url(http://evil/font)'>a</text><rect id='&lt;script&gt;\"&apos; onload=\"evil' width='9' height='9' mask='none'/>\
         <feImage href='http://evil/'/>",
    );
    assert!(written.contains("<path"), "{written}");
    assert!(
        !written.contains("evil/") && !written.contains("passwd"),
        "{written}"
    );
}

#[test]
fn ids_are_data_and_never_markup() {
    for id in [
        "a\" onload=\"x",
        "a&gt;&lt;script&gt;",
        "a]]&gt;",
        "a) url(http://x",
        "&#10;b&#9;",
    ] {
        let id = id.replace('"', "&quot;");
        let body = format!(
            "<linearGradient id=\"{id}\"><stop offset='0'/><stop offset='1' stop-color='red'/></linearGradient>\
             <g id=\"x{id}\" opacity='0.5'><rect width='9' height='9' fill=\"url(#{id})\"/><rect x='3' width='9' height='9'/></g>"
        );
        drawn_svg(&body);
    }
}

#[test]
fn pictures_inside_of_vector_pictures_are_held_to_the_same_limits() {
    let image = |mime: &str, bytes: &[u8]| {
        let url = data_url(bytes).replace("image/png", mime);
        format!("<image width='9' height='9' href='{url}'/>")
    };
    let count = |body: &str| drawn_svg(body).matches("<image").count();
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Gif,
        ImageFormat::WebP,
    ] {
        assert_eq!(count(&image("image/png", &packed(format))), 1, "{format:?}");
    }
    assert_eq!(count(&image("image/png", &png_of(50_000, 50_000))), 0);
    assert_eq!(count(&image("image/svg+xml", &svg(BUSY))), 0);
    assert_eq!(count(&image("image/png", b"not a picture")), 0);
    assert_eq!(
        count(&image("image/png", &png_of(900, 900))),
        0,
        "it has fewer pixels than it says"
    );
    let film = include_bytes!("../data/pictures/alpha-of-a-smaller-frame.webp");
    assert_eq!(count(&image("image/webp", film)), 0);
    // Each within the limits, but not all together.
    let many = svg(&image("image/png", &packed(ImageFormat::Png)).repeat(10));
    let file = File(&many);
    let mut store = PictureStore::new(PictureSetup {
        pictures: &file,
        fonts: &FONTS,
        limits: PictureLimits {
            total_pixels: 33 * 21 * 7 + 5,
            ..limits()
        },
        detail: Detail::Shown,
    });
    let picture = store.picture("file", Size::new(9.0, 9.0)).unwrap();
    let written = std::str::from_utf8(&picture.bytes).unwrap();
    assert_eq!(written.matches("<image").count(), 7);
    // Nothing is left for another one.
    let png = packed(ImageFormat::Png);
    let src = data_url(&png);
    let most = 33 * 21 * 7 + 5;
    let of = Dimension::Pixels;
    assert_eq!(
        store.picture(&src, Size::new(9.0, 9.0)),
        Err(PictureProblem::TooMuch { most, of })
    );
}

#[test]
fn vector_bombs_are_refused_by_their_weight() {
    let mut laughs = "<!DOCTYPE svg [<!ENTITY a0 'ha'>".to_owned();
    for level in 0..9 {
        let ten = format!("&a{level};").repeat(10);
        laughs.push_str(&format!("<!ENTITY a{} '{ten}'>", level + 1));
    }
    laughs.push_str("]><svg xmlns='http://www.w3.org/2000/svg'><text>&a9;</text></svg>");
    assert!(open(laughs.as_bytes()).is_err());
    let outside = "<!DOCTYPE svg [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><svg xmlns='http://www.w3.org/2000/svg'><text>&a;</text></svg>";
    assert!(open(outside.as_bytes()).is_err());
    let fan: String = (0..7)
        .map(|level| {
            let uses = format!("<use href='#l{level}'/>").repeat(10);
            format!("<g id='l{}'>{uses}</g>", level + 1)
        })
        .collect();
    let bomb = svg(&format!("<rect id='l0' width='1' height='1'/>{fan}"));
    assert!(matches!(
        too_large(&bomb),
        Some((100_001.., Dimension::Elements))
    ));
    for (open_tag, close_tag) in [
        ("<g>", "</g>"),
        ("<svg>", "</svg>"),
        ("<text><tspan>", "</tspan></text>"),
    ] {
        let deep = svg(&format!(
            "{}{}",
            open_tag.repeat(20_000),
            close_tag.repeat(20_000)
        ));
        assert!(open(&deep).is_err());
        let some = svg(&format!(
            "{}<rect width='9' height='9'/>{}",
            open_tag.repeat(60),
            close_tag.repeat(60)
        ));
        assert!(open(&some).is_ok(), "{open_tag}");
    }
    let squeezed = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0];
    assert_eq!(
        open(&squeezed),
        Err(PictureProblem::Unsupported("compressed SVG"))
    );
    for body in [
        "<circle r='1e38'/>",
        "<rect width='NaN' height='inf'/>",
        "<path d='M1e38 1e38L-1e38 9e99'/>",
    ] {
        if let Ok(picture) = open(&svg(body)) {
            assert_clean(&picture);
        }
    }
    for size in [
        "width='1e30' height='1e30'",
        "width='0' height='9'",
        "width='1e-30' height='5'",
        "viewBox='0 0 0 0'",
    ] {
        let text = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' {size}><rect width='9' height='9'/></svg>"
        );
        if let Ok(picture) = open(text.as_bytes()) {
            assert_clean(&picture);
            assert!(picture.stored.width > 0.0 && picture.stored.is_finite());
        }
    }
}
