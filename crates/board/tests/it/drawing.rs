//! Order, transforms, opacity, clipping and bounds, against pictures that the editor drew.

use scrible_board::kurbo::{Affine, Point, Rect};
use scrible_board::{Board, Extent, Kind, Outlines, Parent, PropsOnly, ShapeIndex};
use serde_json::{Value, json};

use crate::{board, file, json, read};

/// What one element of the editor's picture says: matrix, opacity, and whether it is clipped.
#[derive(Debug, PartialEq)]
struct Drawn {
    matrix: [f64; 6],
    opacity: f64,
    clipped: bool,
}

fn by_editor(name: &str) -> Vec<Drawn> {
    let list = json(&format!("boards/{name}/drawn.json"));
    let number = |value: &Value| value.as_f64().unwrap();
    let drawn = |one: &Value| Drawn {
        matrix: [0, 1, 2, 3, 4, 5].map(|at| number(&one[at])),
        opacity: number(&one[6]),
        clipped: number(&one[7]) == 1.0,
    };
    list.as_array().unwrap().iter().map(drawn).collect()
}

/// The layers of a page as the editor has them: highlights first lie at the bottom of their page or frame.
fn layers(board: &Board, parent: Parent, under: &mut Vec<ShapeIndex>, over: &mut Vec<ShapeIndex>) {
    for at in board.children(parent) {
        match board.shape(at).kind {
            Kind::Highlight(_) => {
                under.push(at);
                over.push(at);
            }
            Kind::Group => {}
            _ => over.push(at),
        }
        if matches!(board.shape(at).kind, Kind::Frame(_)) {
            let (mut inner_under, mut inner_over) = (Vec::new(), Vec::new());
            layers(board, Parent::Shape(at), &mut inner_under, &mut inner_over);
            over.append(&mut inner_under);
            over.append(&mut inner_over);
        } else {
            layers(board, Parent::Shape(at), under, over);
        }
    }
}

fn round(number: f64) -> f64 {
    (number * 1e4).round() / 1e4 + 0.0
}

#[test]
fn shapes_are_drawn_in_the_editors_order_with_its_transforms_and_opacities() {
    for name in ["groups-nested", "opacity-zorder", "frames"] {
        let board = board(&format!("boards/{name}/doc.bin"));
        let (mut order, mut over) = (Vec::new(), Vec::new());
        layers(&board, Parent::Page(0), &mut order, &mut over);
        order.append(&mut over);
        let drawn = order.into_iter().map(|at| {
            let shape = board.shape(at);
            Drawn {
                matrix: shape.transform.as_coeffs().map(round),
                opacity: shape.opacity,
                clipped: board.clips(at).next().is_some(),
            }
        });
        assert_eq!(drawn.collect::<Vec<_>>(), by_editor(name), "{name}");
    }
}

/// The editor's own local bounds, for what props do not tell.
struct Editor(Value);

impl Editor {
    fn rect(&self, board: &Board, at: ShapeIndex, space: &str) -> Rect {
        let numbers = &self.0[&board.shape(at).id][space];
        let [x, y, w, h] = [0, 1, 2, 3].map(|at| numbers[at].as_f64().unwrap());
        Rect::new(x, y, x + w, y + h)
    }
}

impl Outlines for Editor {
    fn outline(&self, board: &Board, at: ShapeIndex) -> Option<Vec<Point>> {
        if matches!(board.extent(at), Extent::Exact(_)) {
            return None;
        }
        let rect = self.rect(board, at, "local");
        Some(vec![
            Point::new(rect.x0, rect.y0),
            Point::new(rect.x1, rect.y0),
            Point::new(rect.x1, rect.y1),
            Point::new(rect.x0, rect.y1),
        ])
    }
}

fn close(one: Rect, other: Rect) -> bool {
    let pairs = [
        (one.x0, other.x0),
        (one.y0, other.y0),
        (one.x1, other.x1),
        (one.y1, other.y1),
    ];
    pairs.iter().all(|(one, other)| (one - other).abs() < 2e-4)
}

#[test]
fn exact_bounds_are_those_of_the_editor() {
    let mut exact = 0;
    for name in [
        "groups-nested",
        "opacity-zorder",
        "frames",
        "yjs-session-records",
    ] {
        let board = board(&format!("boards/{name}/doc.bin"));
        let editor = Editor(json(&format!("boards/{name}/bounds.json")));
        for at in board.page_shapes(0) {
            let id = &board.shape(at).id;
            let local = editor.rect(&board, at, "local");
            if let Extent::Exact(rect) = board.extent(at) {
                exact += 1;
                assert!(close(rect, local), "{id}: {rect:?}, {local:?}");
                assert_eq!(board.local_bounds(at, &PropsOnly), Some(rect));
            }
            let turned = board.shape(at).transform.as_coeffs()[1] != 0.0;
            if !turned && board.shape(at).kind != Kind::Group {
                let page = board.page_bounds(at, &editor).unwrap();
                let expected = editor.rect(&board, at, "page");
                assert!(close(page, expected), "{id}: {page:?}, {expected:?}");
            }
        }
    }
    assert!(exact > 25, "{exact}");
}

#[test]
fn a_group_is_as_large_as_what_is_in_it() {
    let shape = |id: &str, kind: &str, parent: &str, x: f64, props: Value| {
        json!({
            "id": id, "typeName": "shape", "type": kind, "parentId": parent, "index": "a1", "x": x, "y": 0,
            "rotation": if kind == "group" { std::f64::consts::FRAC_PI_2 } else { 0.0 }, "props": props,
        })
    };
    let frame = json!({"w": 10, "h": 20, "name": ""});
    let board = read(&file(&[
        json!({"id": "page:p", "typeName": "page", "index": "a1", "name": ""}),
        shape("shape:g", "group", "page:p", 100.0, json!({})),
        shape("shape:a", "frame", "shape:g", 0.0, frame.clone()),
        shape("shape:inner", "group", "shape:g", 50.0, json!({})),
        shape("shape:b", "frame", "shape:inner", 0.0, frame),
        shape("shape:far", "geo", "shape:b", 1e6, json!({"w": 1, "h": 1})),
        shape("shape:text", "text", "shape:g", 1e6, json!({})),
    ]));
    let group = board.find("shape:g").unwrap();
    assert_eq!(board.extent(group), Extent::Children);
    let local = board.local_bounds(group, &PropsOnly).unwrap();
    assert!(close(local, Rect::new(0.0, 0.0, 50.0, 20.0)), "{local:?}");
    let page = board.page_bounds(group, &PropsOnly).unwrap();
    assert!(close(page, Rect::new(80.0, 0.0, 100.0, 50.0)), "{page:?}");
    let turned = Affine::translate((100.0, 0.0)) * Affine::rotate(std::f64::consts::FRAC_PI_2);
    assert_eq!(board.shape(group).transform, turned);
    let text = board.find("shape:text").unwrap();
    assert_eq!(board.extent(text), Extent::Unknown);
    assert_eq!(board.page_bounds(text, &PropsOnly), None);
}

#[test]
fn the_tree_is_walked_by_indices() {
    let board = board("boards/frames/doc.bin");
    let mut seen = Vec::new();
    let mut waiting: Vec<_> = board.children(Parent::Page(0)).collect();
    waiting.reverse();
    while let Some(at) = waiting.pop() {
        seen.push(at);
        let shape = board.shape(at);
        assert_eq!(board.find(&shape.id), Some(at));
        assert_eq!(board.ancestors(at).count(), shape.depth);
        let mut children: Vec<_> = board.children(Parent::Shape(at)).collect();
        assert!(
            children
                .iter()
                .all(|child| board.shape(*child).parent == Parent::Shape(at))
        );
        children.reverse();
        waiting.extend(children);
    }
    assert_eq!(seen, board.page_shapes(0).collect::<Vec<_>>());
    assert_eq!(seen.len(), board.shapes().len());
    assert!(board.page_shapes(7).next().is_none());
}

#[test]
fn pages_come_in_order_with_their_own_shapes() {
    let board = board("layouts/pages-several/array-kv.bin");
    let orders: Vec<_> = board.pages().iter().map(|page| &page.order).collect();
    assert!(orders.len() > 1 && orders.is_sorted());
    let mut all = 0;
    for page in 0..board.pages().len() {
        for at in board.page_shapes(page) {
            assert_eq!((board.shape(at).page, at.get()), (page, all));
            all += 1;
        }
    }
    assert_eq!(all, board.shapes().len());
}
