//! PDFs, read again by another library: pages, sizes, text, fonts, pictures.

use std::collections::BTreeSet;
use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lopdf::content::{Content, Operation};
use lopdf::{Document, Object};
use scrible_board::{Board, Limits as BoardLimits};
use scrible_exporter::draw::{self, Artist};
use scrible_exporter::error::ExportError;
use scrible_exporter::export::{Artifact, Commission, Exporter, Format, Paged};
use scrible_exporter::limits::{Limits, Stop};
use scrible_exporter::options::{Background, Options, PageChoice};
use scrible_exporter::pdf::{Book, Setup, Sketch};
use scrible_exporter::picture::{Detail, NoPictures, PictureLimits};
use scrible_exporter::text::{ExtraFace, Fonts};
use scrible_exporter::theme::Theme;
use serde_json::{Value, json};

fn golden(name: &str) -> Board {
    let doc = format!(
        "{}/tests/data/golden/{name}/doc.bin",
        env!("CARGO_MANIFEST_DIR")
    );
    Board::read(&std::fs::read(doc).unwrap(), &BoardLimits::default()).unwrap()
}

/// Shapes on pages, each shape with the number of its page from 1.
fn board(pages: &[&str], shapes: &[(usize, Value)]) -> Board {
    let mut records = Vec::new();
    for (at, name) in pages.iter().enumerate() {
        let (id, index) = (format!("page:{}", at + 1), format!("a{}", at + 1));
        records.push(json!({"id": id, "typeName": "page", "name": name, "index": index}));
    }
    for (at, (page, shape)) in shapes.iter().enumerate() {
        let mut shape = shape.clone();
        if shape["typeName"].is_null() {
            shape["typeName"] = json!("shape");
            shape["id"] = json!(format!("shape:{at}"));
            shape["parentId"] = json!(format!("page:{page}"));
            shape["index"] = json!(format!("a{}", at + 1));
        }
        records.push(shape);
    }
    let schema = json!({"schemaVersion": 2, "sequences": {}});
    let file = json!({"tldrawFileFormatVersion": 1, "schema": schema, "records": records});
    Board::read(file.to_string().as_bytes(), &BoardLimits::default()).unwrap()
}

fn rectangle(props: Value) -> Value {
    json!({"type": "geo", "x": 10, "y": 20, "props": props})
}

fn words(text: &str) -> Value {
    json!({"type": "text", "x": 0, "y": 0, "props": {"text": text, "font": "sans"}})
}

fn wanted(options: &Options) -> Commission<'_> {
    Commission {
        format: Format::Pdf,
        options,
        pictures: &NoPictures,
        stop: Stop::never(),
    }
}

fn exporter() -> Exporter {
    Exporter::with(Fonts::bundled())
}

fn one(board: &Board, options: &Options) -> Artifact {
    exporter().export(board, wanted(options)).unwrap()
}

fn read(file: &Artifact) -> Document {
    Document::load_mem(&file.bytes).unwrap()
}

/// Width and height of each page, pt.
fn sizes(file: &Document) -> Vec<[f32; 2]> {
    let sizes = file.page_iter().map(|page| {
        let page = file.get_dictionary(page).unwrap();
        let media = page.get(b"MediaBox").unwrap().as_array().unwrap();
        let number = |at: usize| media[at].as_float().unwrap();
        assert_eq!((number(0), number(1)), (0.0, 0.0));
        [number(2), number(3)]
    });
    sizes.collect()
}

fn operations(file: &Document) -> Vec<Operation> {
    let pages = file.page_iter();
    let all = pages.flat_map(|page| {
        let content = file.get_page_content(page);
        Content::decode(&content).unwrap().operations
    });
    all.collect()
}

/// Dictionaries and streams whose key has this name.
fn named<'a>(file: &'a Document, key: &[u8], name: &str) -> Vec<&'a Object> {
    let is_named = |object: &&Object| {
        let dictionary = match object {
            Object::Dictionary(dictionary) => dictionary,
            Object::Stream(stream) => &stream.dict,
            _ => return false,
        };
        let value = dictionary.get(key).and_then(Object::as_name);
        value.is_ok_and(|value| value == name.as_bytes())
    };
    file.objects.values().filter(is_named).collect()
}

fn text(file: &Document) -> String {
    let pages: Vec<u32> = file.get_pages().into_keys().collect();
    file.extract_text(&pages).unwrap()
}

#[test]
fn a_page_for_each_with_something_on_it() {
    let board = golden("pages-several");
    let options = Options::default();
    let Paged { artifact, empty } = exporter().export_paged(&board, wanted(&options)).unwrap();
    assert_eq!((artifact.pages, artifact.size), (Some(3), None));
    assert_eq!(empty, [3]);
    let file = read(&artifact);
    let mut separate = Vec::new();
    for page in 1..=3 {
        let options = Options {
            page: PageChoice::Number(page),
            ..Options::default()
        };
        let artifact = one(&board, &options);
        assert_eq!(artifact.pages, Some(1));
        let size = artifact.size.unwrap();
        separate.extend(sizes(&read(&artifact)));
        let px = [size.width, size.height].map(|px| px as f32 * 0.75);
        assert_eq!(separate.last(), Some(&px));
    }
    assert_eq!(sizes(&file), separate);
    let contents = file.get_toc().unwrap().toc;
    let names: Vec<_> = contents.iter().map(|it| (it.page, &it.title[..])).collect();
    let pages = board.pages();
    assert_eq!(names, [1, 2, 3].map(|at| (at, &pages[at - 1].name[..])));
    let said = text(&file);
    for words in ["page one", "on Second", "on Third"] {
        assert!(said.contains(words), "{said:?}");
    }
}

#[test]
fn a_board_without_anything_has_no_pdf() {
    let board = board(&["One", "Two"], &[]);
    let options = Options::default();
    let paged = exporter().export_paged(&board, wanted(&options));
    assert!(matches!(paged, Err(ExportError::Empty { page }) if page.contains("Two")));
    let one = exporter().export(&board, wanted(&options));
    assert!(matches!(one, Err(ExportError::Empty { page }) if page.contains("One")));
}

#[test]
fn the_same_board_gives_the_same_bytes_without_a_date() {
    for name in ["board-architecture", "images-formats"] {
        let board = golden(name);
        let options = Options::default();
        let file = one(&board, &options);
        assert_eq!(one(&board, &options).bytes, file.bytes, "{name}");
        let said = String::from_utf8_lossy(&file.bytes);
        assert!(!said.contains("CreationDate") && !said.contains("CreateDate"));
        assert!(said.contains("/Creator") && said.contains("/Title"));
    }
}

#[test]
fn text_is_found_as_it_was_written_and_drawn_with_embedded_fonts() {
    let fi = "office affine Größe кириллица";
    let board = board(&["One"], &[(1, words(fi))]);
    let artifact = one(&board, &Options::default());
    assert_eq!(artifact.missing, [' '; 0]);
    let file = read(&artifact);
    assert!(text(&file).contains(fi), "{:?}", text(&file));
    let fonts = named(&file, b"Type", "FontDescriptor");
    assert!(!fonts.is_empty());
    for font in fonts {
        let font = font.as_dict().unwrap();
        assert!(font.has(b"FontFile2") || font.has(b"FontFile3"));
    }
    // Letters are shown and nothing else is painted but the background.
    let operations = operations(&file);
    let count = |name: &str| operations.iter().filter(|it| it.operator == name).count();
    assert!(count("TJ") + count("Tj") > 0);
    assert_eq!(count("f"), 1);
}

#[test]
fn what_would_look_otherwise_as_text_is_outlined() {
    let arabic = include_bytes!("data/fonts/dejavu-subset.ttf").to_vec();
    let emoji = include_bytes!("data/fonts/noto-color-emoji-subset.ttf").to_vec();
    // Its maker does not want it embedded.
    let mut forbidden = arabic.clone();
    let tables = usize::from(u16::from_be_bytes([forbidden[4], forbidden[5]]));
    let mut directory = (0..tables).map(|at| 12 + 16 * at);
    let os2 = directory.find(|at| forbidden[*at..].starts_with(b"OS/2"));
    let offset = os2.unwrap() + 8;
    let offset = u32::from_be_bytes(forbidden[offset..offset + 4].try_into().unwrap());
    let fs_type = offset as usize + 8;
    forbidden[fs_type..fs_type + 2].copy_from_slice(&[0, 2]);
    for (font, said, embedded) in [
        (arabic, "مرحبا", 1),
        (forbidden, "مرحبا", 0),
        (emoji, "😀", 0),
    ] {
        let board = board(&["One"], &[(1, words(said))]);
        let bytes = font.into();
        let extra = vec![ExtraFace { bytes, index: 0 }];
        let exporter = Exporter::with(Fonts::with(extra).unwrap());
        let options = Options::default();
        let artifact = exporter.export(&board, wanted(&options)).unwrap();
        assert_eq!(artifact.missing, [' '; 0], "{said}");
        let found = named(&read(&artifact), b"Type", "FontDescriptor").len();
        assert_eq!(found, embedded, "{said}");
    }
}

#[test]
fn without_text_the_letters_are_drawn_all_the_same() {
    let board = board(&["One"], &[(1, words("letters"))]);
    let fonts = Fonts::bundled();
    let artist = Artist {
        fonts: &fonts,
        pictures: &NoPictures,
        picture_limits: PictureLimits::default(),
        detail: Detail::Zoomed,
        stop: Stop::never(),
    };
    let scene = &draw::scene(&board, &Options::default(), &artist).unwrap();
    let setup = Setup {
        fonts: &fonts,
        limits: &Limits::default(),
        title: "A board",
    };
    let name = "One";
    let bound = |mut book: Book<'_>| {
        let fitted = book.page(Sketch { name, scene }, &Stop::never()).unwrap();
        assert_eq!(fitted.scale, 1.0);
        Document::load_mem(&book.finish().unwrap()).unwrap()
    };
    let painted = |file: &Document| {
        let operations = operations(file).into_iter();
        operations.filter(|it| it.operator == "f").count()
    };
    let (written, outlined) = (bound(Book::new(setup)), bound(Book::outlined(setup)));
    assert_eq!((painted(&written), painted(&outlined)), (1, 2));
    assert_eq!(text(&written).trim(), "letters");
    assert_eq!(text(&outlined).trim(), "");
    assert!(named(&outlined, b"Type", "FontDescriptor").is_empty());
}

#[test]
fn a_picture_is_there_once_however_often_it_is_shown() {
    let mut png = Vec::new();
    let pixels =
        image::RgbaImage::from_fn(20, 10, |x, y| image::Rgba([x as u8 * 9, y as u8, 7, 200]));
    let kind = image::ImageFormat::Png;
    pixels.write_to(&mut Cursor::new(&mut png), kind).unwrap();
    let src = format!("data:image/png;base64,{}", STANDARD.encode(&png));
    let props = json!({"src": src, "w": 20, "h": 10, "mimeType": "image/png", "name": "", "isAnimated": false});
    let asset = json!({"id": "asset:a", "typeName": "asset", "type": "image", "props": props});
    let image = |x: f64| {
        let props = json!({"w": 40, "h": 20, "assetId": "asset:a"});
        json!({"type": "image", "x": x, "y": 0, "props": props})
    };
    let shapes = [
        (1, asset),
        (1, image(0.0)),
        (1, image(100.0)),
        (2, image(50.0)),
    ];
    let board = board(&["One", "Two"], &shapes);
    let options = Options::default();
    let paged = exporter().export_paged(&board, wanted(&options)).unwrap();
    let file = read(&paged.artifact);
    assert_eq!(file.page_iter().count(), 2);
    // Its colors, and how far each is seen through.
    assert_eq!(named(&file, b"Subtype", "Image").len(), 2);
    let shown = operations(&file);
    assert_eq!(shown.iter().filter(|it| it.operator == "Do").count(), 3);
}

#[test]
fn a_vector_picture_stays_lines_and_one_with_a_filter_does_not() {
    for (body, images) in [
        ("<circle cx='5' cy='5' r='4' fill='red'/>", 0),
        (
            "<filter id='f'><feGaussianBlur stdDeviation='1'/></filter><circle cx='5' cy='5' r='4' filter='url(#f)'/>",
            2,
        ),
    ] {
        let svg =
            format!("<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'>{body}</svg>");
        let src = format!("data:image/svg+xml;base64,{}", STANDARD.encode(svg));
        let props = json!({"src": src, "w": 10, "h": 10});
        let asset = json!({"id": "asset:a", "typeName": "asset", "type": "image", "props": props});
        let props = json!({"w": 40, "h": 40, "assetId": "asset:a"});
        let image = json!({"type": "image", "x": 0, "y": 0, "props": props});
        let board = board(&["One"], &[(1, asset), (1, image)]);
        let artifact = one(&board, &Options::default());
        assert_eq!(artifact.left_out, [""; 0]);
        let file = read(&artifact);
        assert_eq!(named(&file, b"Subtype", "Image").len(), images, "{body}");
        assert!(!named(&file, b"Subtype", "Form").is_empty() || images > 0);
    }
}

#[test]
fn a_page_too_long_for_viewers_is_made_smaller_and_that_is_said() {
    let board = board(&["Long"], &[(1, rectangle(json!({"w": 40_000, "h": 100})))]);
    let artifact = one(&board, &Options::default());
    let [width, height] = sizes(&read(&artifact))[0];
    assert!(
        width == 14_400.0 && (30.0..60.0).contains(&height),
        "{height}"
    );
    let said = &artifact.left_out[0];
    assert!(said.starts_with("the page is drawn at 0.4"), "{said}");
    let small = Options {
        scale: 0.1,
        ..Options::default()
    };
    let artifact = one(&board, &small);
    assert_eq!(artifact.left_out, [""; 0]);
    let tiny = Options {
        scale: 1e-6,
        ..Options::default()
    };
    assert_eq!(sizes(&read(&one(&board, &tiny))), [[3.0, 3.0]]);
}

#[test]
fn backgrounds_dashes_opacity_and_hatches_are_drawn_as_such() {
    let solid = rectangle(json!({"w": 100, "h": 100, "fill": "pattern", "dash": "dashed"}));
    let mut faint = rectangle(json!({"w": 100, "h": 100, "fill": "solid"}));
    faint["opacity"] = json!(0.25);
    let board = board(&["One"], &[(1, solid), (1, faint)]);
    let file = read(&one(&board, &Options::default()));
    let drawn = operations(&file);
    assert!(drawn.iter().any(|it| it.operator == "d"));
    assert!(!named(&file, b"Type", "Pattern").is_empty());
    let seen_through = file.objects.values().filter_map(|it| it.as_dict().ok());
    let opacities: BTreeSet<_> = seen_through
        .filter_map(|it| it.get(b"ca").and_then(Object::as_float).ok())
        .map(|it| (it * 100.0).round() as u32)
        .collect();
    assert!(opacities.contains(&25), "{opacities:?}");
    // Masks are what viewers turn into pixels.
    assert!(
        !file
            .objects
            .values()
            .any(|it| it.as_dict().is_ok_and(|it| it.has(b"SMask")))
    );
    let first = |options: &Options| {
        let drawn = operations(&read(&one(&board, options)));
        let color = drawn.iter().find(|it| it.operator == "rg").unwrap();
        color
            .operands
            .iter()
            .map(|it| (it.as_float().unwrap() * 255.0).round() as u8)
            .collect::<Vec<_>>()
    };
    let light = first(&Options::default());
    let dark = first(&Options {
        theme: Theme::Dark,
        ..Options::default()
    });
    assert_eq!(light, Theme::Light.background().rgb);
    assert_eq!(dark, Theme::Dark.background().rgb);
    let none = Options {
        background: Background::Transparent,
        ..Options::default()
    };
    let count = |options: &Options| operations(&read(&one(&board, options))).len();
    assert!(count(&none) < count(&Options::default()));
}

#[test]
fn pages_and_bytes_have_limits() {
    let shapes: Vec<_> = (1..=3)
        .map(|page| (page, rectangle(json!({"w": 100}))))
        .collect();
    let board = board(&["One", "Two", "Three"], &shapes);
    let options = Options::default();
    let mut exporter = exporter();
    exporter.limits.pages = 2;
    let error = exporter.export_paged(&board, wanted(&options)).unwrap_err();
    assert_eq!(error, ExportError::TooManyPages { limit: 2 });
    assert!(exporter.export(&board, wanted(&options)).is_ok());
    for limit in [300, 1_500] {
        exporter.limits.pdf_bytes = limit;
        let error = exporter.export(&board, wanted(&options)).unwrap_err();
        assert_eq!(error, ExportError::PdfTooLarge { limit });
    }
}
