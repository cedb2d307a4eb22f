//! What shows of marks in the color of the background: the boxes behind names of frames, the outlines of texts.
//!
//! Nothing should, but the browser's painter rounds twice where a pixel is covered in part, and the editor counts what is off
//! by one. Knows the painter's arithmetic; no shapes. The rule: only what was seen in the browser is claimed here.

use kurbo::Rect;

use crate::theme::Rgba;

/// How much of a pixel an outline of a text covers before some of it shows: its edge has many pixels, each covered to some
/// other extent, so nearly all of it does.
pub(super) const STEPS: f64 = 2.0;

/// Whether a color painted over itself changes a pixel that it covers so far, of 255.
pub(super) fn shows(color: Rgba, covered: u8) -> bool {
    // The painter's division by 255 rounds up.
    let share = |value: u8, of: u8| (u32::from(value) * u32::from(of)).div_ceil(256);
    let covered_twice = |value: u8| share(value, covered) + share(value, u8::MAX - covered);
    color
        .rgb
        .iter()
        .any(|value| covered_twice(*value) != u32::from(*value))
}

/// The topmost row of pixels in which a corner of a light box of whole position shows, by the 64ths of a pixel that its
/// right side stands at: at a corner pixels are covered to all extents, and which ones follows from nothing simpler than
/// the painter. Counted from the half-covered row above the box.
const CORNERS: [Option<u8>; 64] = {
    const N: Option<u8> = None;
    const A: Option<u8> = Some(0);
    const B: Option<u8> = Some(1);
    const C: Option<u8> = Some(5);
    [
        N, N, N, B, B, B, N, N, N, N, N, N, N, N, N, N, //
        N, N, B, C, N, B, N, N, N, N, A, N, N, N, B, B, //
        B, B, N, N, N, A, N, N, N, C, B, A, B, B, N, B, //
        B, B, B, B, B, B, N, A, N, N, N, N, N, N, N, N, //
    ]
};

/// The top of the pixels in which a corner of a box shows, in pixels.
pub(super) fn corner_top(rect: Rect) -> Option<f64> {
    let at = (rect.x1.rem_euclid(1.0) * 64.0).round() as usize % 64;
    CORNERS[at].map(|row| rect.y0.round() - 1.0 + f64::from(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Theme;

    #[test]
    fn a_light_color_over_itself_shows_where_the_browser_showed_it() {
        let light = Theme::Light.background();
        let shown: Vec<u8> = (0..=255).filter(|covered| shows(light, *covered)).collect();
        assert_eq!(
            shown,
            [
                36, 42, 51, 73, 85, 102, 109, 146, 153, 170, 182, 204, 213, 219
            ]
        );
    }

    #[test]
    fn half_a_pixel_shows_in_the_dark_only() {
        assert!(!shows(Theme::Light.background(), 128));
        assert!(shows(Theme::Dark.background(), 128));
    }
}
