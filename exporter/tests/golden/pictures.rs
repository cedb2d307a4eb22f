//! Which boards are drawn, and how like the editor's pictures they are.
//!
//! One line for each picture. `truth(ink, color)` holds what was reached, less a little; a change that makes a picture
//! better may raise it, one that makes it worse has to say why.

use std::path::PathBuf;

use scrible_exporter::error::ExportError;
use scrible_exporter::limits::{Limits, Stop};
use scrible_exporter::options::{Options, PageChoice};
use scrible_exporter::png;
use scrible_exporter::theme::Theme;

use super::files::{bytes, data, hold_picture, hold_text};
use super::raster::Raster;
use super::truth::{Likeness, likeness};
use super::{scene, write};

/// A picture to draw.
struct Golden {
    /// Of its folder in `data/golden`, and of its page where there are several.
    name: &'static str,
    doc: PathBuf,
    options: Options,
    /// Whether its SVG is small enough to be read.
    has_text: bool,
    truth: Option<Likeness>,
}

fn golden(name: &'static str) -> Golden {
    Golden {
        name,
        doc: data("golden").join(name).join("doc.bin"),
        options: Options::default(),
        has_text: false,
        truth: None,
    }
}

impl Golden {
    /// Of a document that lies among other tests' data.
    fn from(self, doc: &str) -> Self {
        let doc = data(doc);
        Self { doc, ..self }
    }

    fn board(self, doc: &str) -> Self {
        self.from(&format!("../../../crates/board/tests/data/{doc}/doc.bin"))
    }

    fn page(mut self, number: usize) -> Self {
        self.options.page = PageChoice::Number(number);
        self
    }

    fn dark(mut self) -> Self {
        self.options.theme = Theme::Dark;
        self
    }

    fn scale(mut self, scale: f64) -> Self {
        self.options.scale = scale;
        self
    }

    fn with_text(mut self) -> Self {
        self.has_text = true;
        self
    }

    fn truth(mut self, ink: f64, color: f64) -> Self {
        self.truth = Some(Likeness { ink, color });
        self
    }

    fn hold(self) {
        let folder = data("golden").join(self.name);
        let page = match self.options.page {
            PageChoice::Number(page) => format!("-{page}"),
            _ => String::new(),
        };
        let name = format!("{}{page}", self.name);
        let scene = scene(&bytes(&self.doc), &self.options).unwrap();
        let file = png::paint(&scene, &Limits::default(), &Stop::never()).unwrap();
        let picture = Raster::decode(&file);
        let mut wrong = Vec::new();
        wrong.extend(
            hold_picture(&folder.join(format!("accepted{page}.png")), &name, &picture).err(),
        );
        if self.has_text {
            wrong.extend(
                hold_text(
                    &folder.join(format!("accepted{page}.svg")),
                    &name,
                    &write(&scene),
                )
                .err(),
            );
        }
        if let Some(least) = self.truth {
            let truth = Raster::decode(&bytes(&folder.join(format!("truth{page}.png"))));
            let reached = likeness(&truth, &picture);
            if std::env::var_os("SCRIBLE_SHOW_LIKENESS").is_some() {
                println!("{name}: {reached:?}");
            }
            let holds = reached.is_some_and(|it| it.ink >= least.ink && it.color >= least.color);
            if !holds {
                wrong.push(format!(
                    "{name} is less like the editor's: {reached:?}, and it was at least {least:?}"
                ));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

macro_rules! pictures {
    ($($test:ident: $golden:expr;)*) => {
        $(#[test] fn $test() { $golden.hold(); })*
    };
}

pictures! {
    geo_shapes_draw: golden("geo-shapes-draw").truth(0.998, 0.990);
    geo_shapes_dashed: golden("geo-shapes-dashed").truth(0.998, 0.994);
    geo_shapes_dotted: golden("geo-shapes-dotted").scale(0.5);
    geo_fill_pattern: golden("geo-fill-pattern").scale(0.5);
    geo_label_align: golden("geo-label-align").truth(0.998, 0.986);
    geo_label_fonts: golden("geo-label-fonts").truth(0.998, 0.993);
    geo_extremes: golden("geo-extremes").scale(0.5);
    geo_colors_fill_dark: golden("geo-colors-fill-dark").dark();
    geo_flip_rotate: golden("geo-flip-rotate").scale(0.5);
    text_fonts_sizes: golden("text-fonts-sizes").truth(0.998, 0.992);
    text_rich: golden("text-rich").truth(0.997, 0.989);
    text_scripts: golden("text-scripts").truth(0.998, 0.994);
    text_transform: golden("text-transform").scale(0.5);
    notes_colors: golden("notes-colors").truth(0.998, 0.997);
    notes_colors_dark: golden("notes-colors-dark").dark().truth(0.998, 0.997);
    notes_text: golden("notes-text").scale(0.5);
    arrows_heads: golden("arrows-heads").truth(0.998, 0.985);
    arrows_edge_cases: golden("arrows-edge-cases").truth(0.997, 0.993);
    arrows_elbow: golden("arrows-elbow").scale(0.5);
    arrows_labels: golden("arrows-labels").truth(0.997, 0.990);
    arrows_bend_dash: golden("arrows-bend-dash").scale(0.5);
    lines_straight: golden("lines-straight").truth(0.998, 0.995);
    lines_cubic: golden("lines-cubic").scale(0.5);
    draw_dots_segments: golden("draw-dots-segments").truth(0.997, 0.995);
    draw_scale: golden("draw-scale").truth(0.998, 0.996);
    draw_closed_fill: golden("draw-closed-fill").scale(0.5);
    highlight: golden("highlight").truth(0.998, 0.995);
    highlight_dark: golden("highlight-dark").dark().truth(0.998, 0.993);
    frame_single: golden("frame-single").with_text().truth(0.998, 0.996);
    frames: golden("frames").board("boards/frames").truth(0.997, 0.986);
    groups_nested: golden("groups-nested").board("boards/groups-nested").truth(0.998, 0.994);
    opacity_zorder: golden("opacity-zorder").board("boards/opacity-zorder").truth(0.993, 0.995);
    images_crop_flip: golden("images-crop-flip").scale(0.5);
    images_formats: golden("images-formats").scale(0.5);
    images_missing: golden("images-missing").truth(0.998, 0.993);
    media_bookmark_embed: golden("media-bookmark-embed").scale(0.5);
    pages_several_1: golden("pages-several").page(1).with_text().truth(0.998, 0.978);
    pages_several_2: golden("pages-several").page(2).truth(0.998, 0.996);
    pages_several_3: golden("pages-several").page(3).truth(0.998, 0.996);
    single_shapes: golden("single-shapes").with_text().truth(0.998, 0.981);
    board_retro_dark: golden("board-retro-dark").dark().scale(0.5);
    board_flowchart: golden("board-flowchart").from("layouts/board-flowchart/array-kv.bin").truth(0.998, 0.994);
    board_architecture: golden("board-architecture").truth(0.998, 0.996);
    board_annotated_image: golden("board-annotated-image").truth(0.998, 0.997);
    board_mixed: golden("board-mixed").from("../../../crates/board/tests/data/layouts/board-mixed/array-kv.bin").scale(0.5);
    board_handwriting: golden("board-handwriting").scale(0.5);
    board_thousand: golden("board-1000").scale(0.2);
    legacy_2_0_0: golden("legacy-2.0.0-alpha.19").board("legacy/2.0.0-alpha.19").scale(0.5);
    legacy_2_4_6: golden("legacy-2.4.6").board("legacy/2.4.6").truth(0.998, 0.996);
    legacy_3_15_5: golden("legacy-3.15.5").board("legacy/3.15.5").scale(0.5);
    legacy_4_2_0: golden("legacy-4.2.0").board("legacy/4.2.0").scale(0.5);
    legacy_5_0_0: golden("legacy-5.0.0").scale(0.5);
    yjs_duplicate_keys: golden("yjs-duplicate-keys").board("boards/yjs-duplicate-keys").scale(0.5);
    yjs_session_records: golden("yjs-session-records").board("boards/yjs-session-records").scale(0.5);
    yjs_long_history: golden("yjs-long-history").scale(0.5);
}

#[test]
fn a_page_without_shapes_has_no_picture() {
    let doc = golden("empty-page").doc;
    let found = scene(&bytes(&doc), &Options::default()).err();
    let page = "1 (\"Page 1\")".to_owned();
    assert_eq!(found, Some(ExportError::Empty { page }));
}
