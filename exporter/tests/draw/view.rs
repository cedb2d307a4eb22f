//! How much of the page a picture shows, and what lies behind.

use scrible_exporter::error::ExportError;
use scrible_exporter::options::{Background, MOST_PADDING, Options, Padding};
use scrible_exporter::scene::Scene;
use scrible_exporter::theme::Theme;
use serde_json::{Value, json};

use super::{page, scene, shape, square, try_scene, with, write};

fn one() -> Vec<Value> {
    vec![
        page("1", ""),
        with(square("a", "page:1", "red"), json!({"x": 1000, "y": -500})),
    ]
}

fn with_options(options: &Options) -> Scene {
    try_scene(&one(), options).unwrap()
}

#[test]
fn padding_is_as_it_was_asked_for() {
    for px in [0.0, 7.5, 300.0] {
        let padding = Padding::Px(px);
        let scene = with_options(&Options {
            padding,
            ..Options::default()
        });
        let (left, top) = (1000.0 - px, -500.0 - px);
        assert_eq!((scene.view.x0, scene.view.y0), (left, top));
        assert_eq!(scene.size, (100.0 + 2.0 * px, 100.0 + 2.0 * px));
    }
}

#[test]
fn without_padding_all_ink_shows_and_little_more() {
    let scene = scene(&one());
    // The outline is 3.5 px wide and stands out by half of it.
    let view = scene.view;
    let ink = kurbo::Rect::new(998.25, -501.75, 1101.75, -398.25);
    assert!(view.union(ink) == view, "{view:?} shows all of {ink:?}");
    assert!(view.x0 > 997.0 && view.y0 > -503.0 && view.x1 < 1103.0 && view.y1 < -397.0);
    assert_eq!(scene.size, (view.width(), view.height()));
}

#[test]
fn a_scale_makes_more_pixels_of_the_same() {
    for scale in [0.25, 2.0, 10.0] {
        let padding = Padding::Px(10.0);
        let scene = with_options(&Options {
            scale,
            padding,
            ..Options::default()
        });
        assert_eq!((scene.view.width(), scene.view.height()), (120.0, 120.0));
        assert_eq!(scene.size, (120.0 * scale, 120.0 * scale));
    }
}

#[test]
fn options_are_checked() {
    for (padding, scale, name) in [
        (Padding::Px(-1.0), 1.0, "padding"),
        (Padding::Px(MOST_PADDING * 2.0), 1.0, "padding"),
        (Padding::Px(f64::NAN), 1.0, "padding"),
        (Padding::Auto, 0.0, "scale"),
        (Padding::Auto, 101.0, "scale"),
        (Padding::Auto, f64::INFINITY, "scale"),
    ] {
        let error = try_scene(
            &one(),
            &Options {
                padding,
                scale,
                ..Options::default()
            },
        )
        .unwrap_err();
        assert!(matches!(error, ExportError::Option { name: found, .. } if found == name));
        assert!(
            error
                .to_string()
                .starts_with(&format!("{name} must be from ")),
            "{error}"
        );
    }
}

#[test]
fn backgrounds_are_those_of_the_theme_or_none() {
    for theme in [Theme::Light, Theme::Dark] {
        let painted = with_options(&Options {
            theme,
            ..Options::default()
        });
        assert_eq!(painted.background, Some(theme.background()));
        let background = Background::Transparent;
        let transparent = with_options(&Options {
            theme,
            background,
            ..Options::default()
        });
        assert_eq!(transparent.background, None);
        // Nothing else differs.
        let paint = theme.background().to_hex();
        let (with, without) = (write(&painted), write(&transparent));
        let (before, rest) = with.split_once("<rect ").unwrap();
        let (rect, after) = rest.split_once("/>").unwrap();
        assert!(rect.ends_with(&format!(r#"fill="{paint}""#)));
        assert_eq!(format!("{before}{after}"), without);
    }
}

#[test]
fn what_frames_hide_takes_no_room() {
    let frame = with(
        shape("f", "page:1", "frame", json!({"w": 200, "h": 200})),
        json!({"x": 50}),
    );
    let inside = with(square("in", "shape:f", "red"), json!({"x": 150, "y": 50}));
    let outside = with(square("out", "shape:f", "blue"), json!({"x": 5_000}));
    let records = [page("1", ""), frame, inside, outside];
    let options = Options {
        padding: Padding::Px(0.0),
        ..Options::default()
    };
    let view = try_scene(&records, &options).unwrap().view;
    assert_eq!(view, kurbo::Rect::new(50.0, 0.0, 250.0, 200.0));
}
