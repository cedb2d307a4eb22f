//! How far the shadow of a box shows.
//!
//! Browsers blur by taking the mean of the pixels around three times, which ends sooner than a true blur. Knows pixels and
//! steps of color; no shapes. The rule: beyond the reach that is given here nothing shows, and up to it something does.

use std::f64::consts::{PI, SQRT_2};

/// What is blurred, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blur {
    /// Standard deviation.
    pub deviation: f64,
    /// By how much the color stands out where it is whole, of 255 steps.
    pub steps: f64,
    /// How many steps a pixel must change: less is lost on the way.
    pub least: f64,
    /// Of the box, radians.
    pub turn: f64,
}

/// How many places along a side are tried.
const PLACES: i32 = 24;

impl Blur {
    /// Farther than this it never shows, in pixels: at most to where nothing is left of both sides of a corner.
    pub fn most(&self) -> f64 {
        Edge::blurred(self.deviation).end * SQRT_2
    }

    /// How far out of the rectangle around the box it shows, in pixels; less than nothing where a corner is blurred away.
    /// `None` when it does not show at all.
    pub fn reach(&self) -> Option<f64> {
        let share = self.least / self.steps;
        if !(share < 1.0 && self.deviation.is_finite() && self.deviation > 0.0) {
            return None;
        }
        let edge = Edge::blurred(self.deviation);
        let (sin, cos) = self.turn.sin_cos();
        let (sin, cos) = (sin.abs(), cos.abs());
        // Beyond the one side of a corner and beyond or within the other: what shows farthest out?
        let places =
            (-PLACES..=PLACES).map(|place| edge.end * f64::from(place) / f64::from(PLACES));
        let reaches = places.filter_map(|beyond| {
            let left = share / edge.share(beyond);
            (left <= 1.0).then(|| edge.beyond(left) * cos.max(sin) + beyond * cos.min(sin))
        });
        // Of a pixel, its middle counts.
        reaches.reduce(f64::max).map(|reach| reach - 0.5)
    }
}

/// A straight edge, blurred.
struct Edge {
    /// How many pixels make a mean.
    length: f64,
    /// Where nothing is left.
    end: f64,
}

impl Edge {
    fn blurred(deviation: f64) -> Self {
        let length = (deviation * 3.0 * (2.0 * PI).sqrt() / 4.0 + 0.5)
            .floor()
            .max(1.0);
        // Of even lengths, the last is one more, so that the edge stays in its place.
        let sum = if length % 2.0 == 1.0 {
            3.0 * length
        } else {
            3.0 * length + 1.0
        };
        Self {
            length: sum / 3.0,
            end: sum / 2.0,
        }
    }

    /// What is left of the color beyond the edge, 0 to 1.
    fn share(&self, beyond: f64) -> f64 {
        let at = beyond.abs() / self.length;
        let left = if at < 0.5 {
            0.5 - 0.75 * at + at.powi(3) / 3.0
        } else {
            (1.5 - at).max(0.0).powi(3) / 6.0
        };
        if beyond < 0.0 { 1.0 - left } else { left }
    }

    /// Where so much is left.
    fn beyond(&self, share: f64) -> f64 {
        let (mut near, mut far) = (-self.end, self.end);
        for _ in 0..40 {
            let middle = f64::midpoint(near, far);
            if self.share(middle) >= share {
                near = middle;
            } else {
                far = middle;
            }
        }
        near
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a note, in the browser.
    fn note(deviation: f64, turn: f64) -> f64 {
        let blur = Blur {
            deviation,
            steps: 125.5,
            least: 0.8,
            turn,
        };
        blur.reach().unwrap()
    }

    #[test]
    fn shadows_end_where_the_browser_lets_them() {
        // Shown in a pixel that begins so far out, and not in the next one that was tried.
        for (deviation, last, next) in [
            (3.0, 6.75, 6.9),
            (6.0, 12.25, 12.4),
            (12.0, 26.0, 27.0),
            (1.5, 2.5, 3.5),
        ] {
            let reach = note(deviation, 0.0);
            assert!(reach > last && reach <= next, "{deviation}: {reach}");
        }
    }

    #[test]
    fn corners_are_blurred_away() {
        let (straight, corner) = (note(6.0, 0.0), note(6.0, std::f64::consts::FRAC_PI_4));
        assert!(corner < straight - 1.5, "{corner} {straight}");
        assert!((note(6.0, std::f64::consts::FRAC_PI_2) - straight).abs() < 1e-6);
    }

    #[test]
    fn it_never_shows_beyond_the_most() {
        for deviation in [0.01, 0.3, 1.0, 3.0, 12.5, 400.0] {
            for turn in 0..16 {
                let blur = Blur {
                    deviation,
                    steps: 255.0,
                    least: 1e-9,
                    turn: f64::from(turn) * PI / 15.0,
                };
                let reach = blur.reach().unwrap();
                assert!(reach <= blur.most(), "{blur:?}: {reach}");
            }
        }
    }

    #[test]
    fn what_is_too_faint_or_absurd_casts_no_shadow() {
        let blur = Blur {
            deviation: 3.0,
            steps: 0.5,
            least: 0.8,
            turn: 0.0,
        };
        assert_eq!(blur.reach(), None);
        assert_eq!(
            Blur {
                deviation: f64::NAN,
                steps: 99.0,
                ..blur
            }
            .reach(),
            None
        );
    }
}
