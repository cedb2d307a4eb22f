//! Which page and which shapes, and what is said when there are none.

use scrible_exporter::options::{Options, PageChoice};
use scrible_exporter::theme::Theme;
use serde_json::{Value, json};

use super::{fills, page, read, scene, shape, square, try_scene, with};

fn board() -> Vec<Value> {
    vec![
        page("1", "Plans"),
        page("2", "Plans"),
        page("3", "Empty"),
        square("red", "page:1", "red"),
        shape("group", "page:1", "group", json!({})),
        square("green", "shape:group", "green"),
        square("blue", "page:2", "blue"),
    ]
}

fn of(color: &str) -> scrible_exporter::theme::Rgba {
    let scene = scene(&[page("1", ""), square("a", "page:1", color)]);
    fills(&scene)[0]
}

fn drawn(page: PageChoice, shapes: &[&str]) -> Result<Vec<scrible_exporter::theme::Rgba>, String> {
    let shapes = shapes.iter().map(|id| (*id).to_owned()).collect();
    let options = Options {
        page,
        shapes,
        ..Options::default()
    };
    let scene = try_scene(&board(), &options);
    scene
        .map(|scene| fills(&scene))
        .map_err(|error| error.to_string())
}

fn named(name: &str) -> PageChoice {
    PageChoice::Named(name.to_owned())
}

#[test]
fn pages_are_found_by_place_id_and_name() {
    // By id, the green one stands in a group that sorts between.
    let first = Ok(vec![of("green"), of("red")]);
    assert_eq!(drawn(PageChoice::First, &[]), first);
    for choice in [
        PageChoice::Number(1),
        named("page:1"),
        named("1"),
        named("Plans"),
    ] {
        assert_eq!(drawn(choice, &[]), first);
    }
    for choice in [PageChoice::Number(2), named("page:2"), named("2")] {
        assert_eq!(drawn(choice, &[]), Ok(vec![of("blue")]));
    }
}

#[test]
fn a_page_that_is_not_there_is_told_from_those_that_are() {
    let pages = r#"1 ("Plans"), 2 ("Plans"), 3 ("Empty")"#;
    for (choice, wanted) in [
        (PageChoice::Number(0), "0"),
        (PageChoice::Number(4), "4"),
        (named("plans"), r#""plans""#),
        (named(""), r#""""#),
    ] {
        let expected = format!("page {wanted} does not exist; pages are {pages}");
        assert_eq!(drawn(choice, &[]), Err(expected));
    }
    let empty = r#"there is nothing to draw on page 3 ("Empty")"#;
    assert_eq!(drawn(PageChoice::Number(3), &[]), Err(empty.to_owned()));
    let document =
        json!({"id": "document:document", "typeName": "document", "name": "", "gridSize": 10});
    let nothing = try_scene(&[document], &Options::default());
    assert_eq!(nothing.unwrap_err().to_string(), "the board has no pages");

    let many: Vec<_> = (0..30).map(|at| page(&format!("{at:02}"), "x")).collect();
    let options = Options {
        page: PageChoice::Number(99),
        ..Options::default()
    };
    let error = try_scene(&many, &options).unwrap_err().to_string();
    assert!(error.ends_with(r#"20 ("x"), 10 more"#), "{error}");
}

#[test]
fn shapes_are_found_by_id_with_all_that_is_in_them() {
    let green = Ok(vec![of("green")]);
    for ids in [
        &["green"][..],
        &["shape:green"],
        &["group"],
        &["group", "green"],
        &["green", "green"],
    ] {
        assert_eq!(drawn(PageChoice::First, ids), green, "{ids:?}");
    }
    // Their order is the board's.
    assert_eq!(
        drawn(PageChoice::First, &["red", "green"]),
        Ok(vec![of("green"), of("red")])
    );
    // Without a page, the page is the one that they are on.
    assert_eq!(drawn(PageChoice::First, &["blue"]), Ok(vec![of("blue")]));
    assert_eq!(
        drawn(PageChoice::Number(2), &["blue"]),
        Ok(vec![of("blue")])
    );
}

#[test]
fn shapes_that_are_not_there_are_named() {
    let missing = Err("shape violet does not exist".to_owned());
    assert_eq!(drawn(PageChoice::First, &["red", "violet"]), missing);
    let elsewhere = r#"shape blue does not exist on page 1 ("Plans")"#;
    assert_eq!(
        drawn(PageChoice::Number(1), &["blue"]),
        Err(elsewhere.to_owned())
    );
    let several = "the shapes stand on different pages; ask for those of one page at a time";
    assert_eq!(
        drawn(PageChoice::First, &["red", "blue"]),
        Err(several.to_owned())
    );
}

#[test]
fn a_frame_alone_is_its_paper_without_border_and_name() {
    let frame = shape(
        "frame",
        "page:1",
        "frame",
        json!({"w": 300, "h": 200, "name": "Plan"}),
    );
    let records = [
        page("1", ""),
        with(frame, json!({"x": 10, "y": 20})),
        square("inside", "shape:frame", "red"),
        square("out", "shape:frame", "blue"),
        square("beside", "page:1", "green"),
    ];
    let alone = Options {
        shapes: vec!["frame".to_owned()],
        ..Options::default()
    };
    let scene = try_scene(&records, &alone).unwrap();
    // Exactly the frame, nothing around it, and its paper to the edge.
    assert_eq!(
        (scene.view.x0, scene.view.y0, scene.view.x1, scene.view.y1),
        (10.0, 20.0, 310.0, 220.0)
    );
    assert_eq!(scene.size, (300.0, 200.0));
    assert_eq!(scene.background, Some(Theme::Light.paper()));
    assert_eq!(fills(&scene)[1..], [of("red"), of("blue")]);
    let svg = super::write(&scene);
    assert!(!svg.contains("Plan"));

    // With something beside it, it is a frame like any other.
    let both = Options {
        shapes: vec!["frame".to_owned(), "beside".to_owned()],
        ..Options::default()
    };
    let scene = try_scene(&records, &both).unwrap();
    assert_eq!(scene.background, Some(Theme::Light.background()));
    assert!(super::write(&scene).contains(r#"aria-label="Plan""#));
}

#[test]
fn ids_of_shapes_are_taken_as_they_stand() {
    let records = [
        page("1", ""),
        square("a b", "page:1", "red"),
        square("ä", "page:1", "blue"),
    ];
    assert_eq!(read(&records).shapes().len(), 2);
    for id in ["a b", "shape:ä"] {
        let options = Options {
            shapes: vec![id.to_owned()],
            ..Options::default()
        };
        assert_eq!(fills(&try_scene(&records, &options).unwrap()).len(), 1);
    }
}
