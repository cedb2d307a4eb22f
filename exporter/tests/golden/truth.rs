//! How like the editor's own export a picture is.
//!
//! Two measures that small shifts of single pixels hardly move: whether ink lies where it should, and how far colors are
//! apart once both pictures are blurred. The rule: each is 1 for equal pictures and falls with every missing stroke.

use super::raster::{Raster, farthest};

/// How far a channel must be from the background to be ink.
const INK: u8 = 20;
/// How far ink may lie from where it should, px.
const NEAR: usize = 1;
/// Radius of the blur, px.
const BLUR: usize = 3;
/// How many px the sizes may differ: a border trimmed at another pixel.
const TRIM: usize = 1;

/// How like two pictures are, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likeness {
    /// F1 of the pixels that hold ink.
    pub ink: f64,
    /// Of the colors where either has ink.
    pub color: f64,
}

/// Compares a picture with the truth. `None` when their sizes differ.
pub fn likeness(truth: &Raster, ours: &Raster) -> Option<Likeness> {
    let is_near = |one: usize, two: usize| one.abs_diff(two) <= TRIM;
    if !is_near(truth.width, ours.width) || !is_near(truth.height, ours.height) {
        return None;
    }
    let size = (truth.width.max(ours.width), truth.height.max(ours.height));
    // The editor's pictures have nothing in that corner.
    let background = truth.pixels[0];
    let inks = [truth, ours].map(|it| Plane::ink(it, size, background));
    let [truth_ink, our_ink] = &inks;
    let [near_truth, near_ours] = inks.each_ref().map(|ink| ink.spread(NEAR));
    let recall = truth_ink.share_in(&near_ours);
    let precision = our_ink.share_in(&near_truth);
    let ink = match recall + precision > 0.0 {
        true => 2.0 * recall * precision / (recall + precision),
        false => 0.0,
    };
    let mut sum = 0.0;
    for channel in 0..3 {
        let [one, two] = [truth, ours].map(|it| Plane::channel(it, size, channel).sums(BLUR));
        let both = one.values.iter().zip(&two.values);
        let either = truth_ink.values.iter().zip(&our_ink.values);
        let apart = both.zip(either).filter(|(_, (one, two))| **one + **two > 0);
        sum += apart
            .map(|((one, two), _)| f64::from(one.abs_diff(*two)))
            .sum::<f64>();
    }
    let either = truth_ink.values.iter().zip(&our_ink.values);
    let drawn = either.filter(|(one, two)| **one + **two > 0).count().max(1);
    let window = (2 * BLUR + 1).pow(2);
    let color = 1.0 - sum / (3.0 * 255.0 * (drawn * window) as f64);
    Some(Likeness { ink, color })
}

/// One number for each pixel.
struct Plane {
    width: usize,
    values: Vec<u32>,
}

impl Plane {
    fn of(size: (usize, usize), value: impl Fn(usize, usize) -> u32) -> Self {
        let (width, height) = size;
        let pixels = (0..width * height).map(|at| value(at % width, at / width));
        Self {
            width,
            values: pixels.collect(),
        }
    }

    fn ink(picture: &Raster, size: (usize, usize), background: [u8; 4]) -> Self {
        Self::of(size, |x, y| {
            u32::from(farthest(picture.at(x, y), background) > INK)
        })
    }

    fn channel(picture: &Raster, size: (usize, usize), channel: usize) -> Self {
        Self::of(size, |x, y| u32::from(picture.at(x, y)[channel]))
    }

    /// Around each pixel the sum over a square; pixels at the edges count as often as it takes.
    fn sums(&self, radius: usize) -> Self {
        self.sums_across(radius)
            .turned()
            .sums_across(radius)
            .turned()
    }

    fn sums_across(&self, radius: usize) -> Self {
        let mut values = Vec::with_capacity(self.values.len());
        for row in self.values.chunks_exact(self.width) {
            let at = |x: usize| row[x.saturating_sub(radius).min(self.width - 1)];
            let mut sum: u32 = (0..=2 * radius).map(at).sum();
            for x in 0..self.width {
                values.push(sum);
                sum = sum + at(x + 2 * radius + 1) - at(x);
            }
        }
        Self { values, ..*self }
    }

    /// Rows become columns.
    fn turned(&self) -> Self {
        let height = self.values.len() / self.width;
        Self {
            width: height,
            ..Self::of((height, self.width), |x, y| self.values[x * self.width + y])
        }
    }

    /// Ones wherever there is one in a square around.
    fn spread(&self, radius: usize) -> Self {
        let mut spread = self.sums(radius);
        spread
            .values
            .iter_mut()
            .for_each(|value| *value = (*value).min(1));
        spread
    }

    /// The share of the ones here that are ones there too.
    fn share_in(&self, other: &Self) -> f64 {
        let ones = self.values.iter().sum::<u32>();
        let both = self.values.iter().zip(&other.values);
        let both: u32 = both.map(|(one, two)| one * two).sum();
        match ones {
            0 => 1.0,
            _ => f64::from(both) / f64::from(ones),
        }
    }
}

#[test]
fn what_is_missing_moved_or_of_another_color_counts() {
    let mut truth = Raster::blank(60, 40);
    for y in 10..20 {
        for x in 10..40 {
            truth.pixels[y * 60 + x] = [200, 30, 30, 255];
        }
    }
    let same = likeness(&truth, &truth).unwrap();
    assert_eq!((same.ink, same.color), (1.0, 1.0));

    let mut moved = truth.clone();
    moved.pixels.rotate_right(60 + 1);
    let moved = likeness(&truth, &moved).unwrap();
    assert!(moved.ink == 1.0 && moved.color < 0.98, "{moved:?}");
    let mut far = truth.clone();
    far.pixels.rotate_right(8 * 60);
    assert!(likeness(&truth, &far).unwrap().ink < 0.6);

    let mut half = truth.clone();
    half.pixels[15 * 60..].fill([255; 4]);
    assert!(likeness(&truth, &half).unwrap().ink < 0.9);
    assert_eq!(likeness(&truth, &Raster::blank(60, 40)).unwrap().ink, 0.0);

    let mut other = truth.clone();
    other.pixels.iter_mut().for_each(|it| it.swap(0, 2));
    let other = likeness(&truth, &other).unwrap();
    assert!(other.ink == 1.0 && other.color < 0.7, "{other:?}");
    assert_eq!(likeness(&truth, &Raster::blank(62, 40)), None);
}
