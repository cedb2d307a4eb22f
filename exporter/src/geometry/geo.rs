//! The outlines of geometric shapes.
//!
//! Knows each kind's corners and curves; no labels, no styles beyond the inner lines that depend on them. The rule: all
//! corners lie in the box and stand in the editor's order, since the wobble goes by it.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use kurbo::{Point, Vec2};
use scrible_board::label;
use scrible_board::style::{Dash, GeoKind, Size};

use super::outline::{DashEnd, EllipseArc, Freedom, Outline, Role, Subpath};
use super::path::{ArcPart, Turn};
use super::pen::Pen;
use super::{cloud, sane, stroke_width};

/// A geometric shape in its own space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geo<'a> {
    /// The whole id, `shape:` included.
    pub id: &'a str,
    /// Which shape.
    pub kind: GeoKind,
    /// Width, px; below one it counts as one.
    pub w: f64,
    /// Height, px, what the label needs included; below one it counts as one.
    pub h: f64,
    /// Which sides are swapped.
    pub mirror: Mirror,
    /// The style.
    pub dash: Dash,
    /// The size that the bumps of a cloud and the inset of crosses go by.
    pub size: Size,
    /// Multiplies the wiggle of a cloud and the inset of crosses, and nothing else here.
    pub scale: f64,
}

/// Which sides of a shape are swapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mirror {
    /// Left and right.
    pub x: bool,
    /// Top and bottom.
    pub y: bool,
}

impl<'a> Geo<'a> {
    /// As it is laid out for an export, which is before its scale: what comes of it is to be scaled by that.
    pub fn of(id: &'a str, geo: &label::Geo) -> Self {
        Self {
            id,
            kind: geo.geo,
            w: geo.w / geo.scale,
            h: (geo.h + geo.grow_y) / geo.scale,
            mirror: Mirror {
                x: geo.flip_x,
                y: geo.flip_y,
            },
            dash: geo.dash,
            size: geo.size,
            scale: geo.scale,
        }
    }

    /// What it is drawn with before its scale.
    pub fn pen(&self) -> Pen<'a> {
        Pen {
            dash: self.dash,
            width: stroke_width(self.size),
            seed: self.id,
        }
    }

    /// Its outline, the filled part first. Empty when a number is not finite.
    pub fn outline(&self) -> Outline {
        if !sane(&[self.w, self.h, self.scale]) {
            return Outline::default();
        }
        let (w, h) = (self.w.max(1.0), self.h.max(1.0));
        let mut outline = self.upright(w, h);
        let Mirror { x, y } = self.mirror;
        if x || y {
            outline.map(|point| {
                Point::new(
                    if x { w - point.x } else { point.x },
                    if y { h - point.y } else { point.y },
                )
            });
        }
        outline
    }

    fn upright(&self, w: f64, h: f64) -> Outline {
        let slant = 0.38 * w.min(h);
        let (head, left, right) = (slant, 0.16 * w, w - 0.16 * w);
        let (top, bottom) = (0.16 * h, h - 0.16 * h);
        let polygon = |points: &[(f64, f64)]| {
            let points: Vec<_> = points.iter().map(|(x, y)| Point::new(*x, *y)).collect();
            Outline::polygon(&points)
        };
        let rectangle = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)];
        match self.kind {
            GeoKind::Rectangle => polygon(&rectangle),
            GeoKind::Triangle => polygon(&[(w / 2.0, 0.0), (w, h), (0.0, h)]),
            GeoKind::Diamond => {
                polygon(&[(w / 2.0, 0.0), (w, h / 2.0), (w / 2.0, h), (0.0, h / 2.0)])
            }
            GeoKind::Rhombus => polygon(&[(slant, 0.0), (w, 0.0), (w - slant, h), (0.0, h)]),
            GeoKind::Rhombus2 => polygon(&[(0.0, 0.0), (w - slant, 0.0), (w, h), (slant, h)]),
            GeoKind::Trapezoid => polygon(&[(slant, 0.0), (w - slant, 0.0), (w, h), (0.0, h)]),
            GeoKind::ArrowLeft => polygon(&[
                (head, 0.0),
                (head, top),
                (w, top),
                (w, bottom),
                (head, bottom),
                (head, h),
                (0.0, h / 2.0),
            ]),
            GeoKind::ArrowRight => polygon(&[
                (0.0, top),
                (w - head, top),
                (w - head, 0.0),
                (w, h / 2.0),
                (w - head, h),
                (w - head, bottom),
                (0.0, bottom),
            ]),
            GeoKind::ArrowUp => polygon(&[
                (w / 2.0, 0.0),
                (w, head),
                (right, head),
                (right, h),
                (left, h),
                (left, head),
                (0.0, head),
            ]),
            GeoKind::ArrowDown => polygon(&[
                (left, 0.0),
                (right, 0.0),
                (right, h - head),
                (w, h - head),
                (w / 2.0, h),
                (0.0, h - head),
                (left, h - head),
            ]),
            GeoKind::Pentagon => regular(5, w, h),
            GeoKind::Hexagon => regular(6, w, h),
            GeoKind::Octagon => regular(8, w, h),
            GeoKind::Star => star(w, h),
            GeoKind::Ellipse => ellipse(w, h),
            GeoKind::Oval => oval(w, h),
            GeoKind::Heart => heart(w, h),
            GeoKind::Cloud => cloud::outline(self, w, h),
            GeoKind::CheckBox => {
                let mut outline = polygon(&rectangle);
                outline.subpaths.extend(check(w, h));
                outline
            }
            GeoKind::XBox => {
                let mut outline = polygon(&rectangle);
                outline.subpaths.extend(self.cross(w, h));
                outline
            }
        }
    }

    fn cross(&self, w: f64, h: f64) -> Vec<Subpath> {
        let corners = [(0.0, 0.0), (w, h), (0.0, h), (w, 0.0)].map(Point::from);
        let inset = match self.dash {
            Dash::None => return Vec::new(),
            Dash::Dashed | Dash::Dotted => {
                let centre = Point::new(w / 2.0, h / 2.0);
                let spokes = corners.map(|corner| {
                    let mut spoke = Subpath::new(corner, Role::Stroke);
                    spoke.line(centre);
                    spoke.dash_ends = [Some(DashEnd::Skip), Some(DashEnd::Outset)];
                    spoke
                });
                return spokes.into();
            }
            Dash::Draw => 0.62 * stroke_width(self.size) * self.scale,
            Dash::Solid => 0.0,
        };
        let bar = |from: (f64, f64), to: (f64, f64)| {
            let within = |(x, y): (f64, f64)| Point::new(x.min(w).max(0.0), y.min(h).max(0.0));
            let mut bar = Subpath::new(within(from), Role::Stroke);
            bar.line(within(to));
            bar
        };
        vec![
            bar((inset, inset), (w - inset, h - inset)),
            bar((w - inset, inset), (inset, h - inset)),
        ]
    }
}

fn regular(corners: usize, w: f64, h: f64) -> Outline {
    let step = TAU / corners as f64;
    let corner = |at| {
        let angle = -FRAC_PI_2 + step * at as f64;
        Point::new(
            w / 2.0 + w / 2.0 * angle.cos(),
            h / 2.0 + h / 2.0 * angle.sin(),
        )
    };
    let mut points: Vec<_> = (0..corners).map(corner).collect();
    let least = points.iter().fold(points[0], |one, two| {
        Point::new(one.x.min(two.x), one.y.min(two.y))
    });
    let most = points.iter().fold(points[0], |one, two| {
        Point::new(one.x.max(two.x), one.y.max(two.y))
    });
    let size = most - least;
    // They fill their box.
    for point in &mut points {
        point.x = (point.x - least.x) / size.x * w;
        point.y = (point.y - least.y) / size.y * h;
    }
    Outline::polygon(&points)
}

fn star(w: f64, h: f64) -> Outline {
    let step = PI / 5.0;
    let angle = |at: f64| -FRAC_PI_2 + at * step;
    let most_x = angle(2.0).cos() * w / 2.0;
    let least_x = angle(8.0).cos() * w / 2.0;
    let least_y = angle(0.0).sin() * h / 2.0;
    let most_y = angle(4.0).sin() * h / 2.0;
    let more = Vec2::new(w - (most_x - least_x).abs(), h - (most_y - least_y).abs());
    let off = Vec2::new(
        w / 2.0 + least_x - (w / 2.0 - most_x),
        h / 2.0 + least_y - (h / 2.0 - most_y),
    );
    let centre = Point::new((w - off.x) / 2.0, (h - off.y) / 2.0);
    let outer = Vec2::new((w + more.x) / 2.0, (h + more.y) / 2.0);
    let corner = |at: u32| {
        let radii = if at.is_multiple_of(2) {
            outer
        } else {
            outer / 2.0
        };
        let (sin, cos) = angle(f64::from(at)).sin_cos();
        centre + Vec2::new(cos * radii.x, sin * radii.y)
    };
    let points: Vec<_> = (0..10).map(corner).collect();
    Outline::polygon(&points)
}

fn clockwise(radii: Vec2, to: Point) -> EllipseArc {
    EllipseArc {
        radii,
        part: ArcPart::Small,
        turn: Turn::Clockwise,
        to,
    }
}

fn ellipse(w: f64, h: f64) -> Outline {
    let radii = Vec2::new(w / 2.0, h / 2.0);
    let start = Point::new(0.0, h / 2.0);
    let mut subpath = Subpath::new(start, Role::Filled);
    subpath.arc(clockwise(radii, Point::new(w, h / 2.0)));
    subpath.arc(clockwise(radii, start));
    subpath.close();
    Outline {
        subpaths: vec![subpath],
    }
}

fn oval(w: f64, h: f64) -> Outline {
    let (r, points) = if h > w {
        let r = w / 2.0;
        (r, [(0.0, r), (w, r), (w, h - r), (0.0, h - r)])
    } else {
        let r = h / 2.0;
        (r, [(r, h), (r, 0.0), (w - r, 0.0), (w - r, h)])
    };
    let [one, two, three, four] = points.map(Point::from);
    let mut subpath = Subpath::new(one, Role::Filled);
    subpath.arc(clockwise(Vec2::splat(r), two));
    subpath.line(three);
    subpath.arc(clockwise(Vec2::splat(r), four));
    subpath.close();
    Outline {
        subpaths: vec![subpath],
    }
}

fn heart(w: f64, h: f64) -> Outline {
    let (k, o) = (h / 4.0, w / 4.0);
    let curves = [
        [(o * 1.5, k * 3.0), (0.0, k * 2.5), (0.0, k * 1.2)],
        [(0.0, k * -0.32), (o * 1.85, k * -0.32), (w / 2.0, k * 0.9)],
        [(o * 2.15, k * -0.32), (w, k * -0.32), (w, k * 1.2)],
        [(w, k * 2.5), (o * 2.5, k * 3.0), (w / 2.0, h)],
    ];
    let mut subpath = Subpath::new(Point::new(w / 2.0, h), Role::Filled);
    for curve in curves {
        let [one, two, to] = curve.map(Point::from);
        subpath.cubic([one, two], to);
    }
    subpath.close();
    Outline {
        subpaths: vec![subpath],
    }
}

fn check(w: f64, h: f64) -> Option<Subpath> {
    let size = 0.82 * w.min(h);
    let corner = Vec2::new((w - size) / 2.0, (h - size) / 2.0);
    let points = [(0.25, 0.52), (0.45, 0.82), (0.82, 0.22)].map(|(x, y)| {
        let at = corner + Vec2::new(x, y) * size;
        Point::new(at.x.min(w).max(0.0), at.y.min(h).max(0.0))
    });
    let mut subpath = Subpath::open(&points)?;
    subpath.start_freedom = Freedom::Still;
    subpath.commands.last_mut()?.freedom = Freedom::Still;
    Some(subpath)
}
