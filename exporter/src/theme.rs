//! The editor's colors, light and dark.
//!
//! Knows names and what they look like in each theme, as seen in the pictures that tldraw 5.4 exports (sRGB); no shapes. The
//! rule: a name that is no theme color is taken as a CSS color, and what is neither is drawn as black is.

use std::str::FromStr;

use scrible_board::style::{Color, Fill, ThemeColor};
use serde::{Deserialize, Serialize};

/// A color with its opacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rgba {
    /// Red, green, blue.
    pub rgb: [u8; 3],
    /// 255 is opaque.
    pub alpha: u8,
}

/// Which of the two looks of the editor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Theme {
    /// Dark ink on light paper.
    #[default]
    Light,
    /// Light ink on dark paper.
    Dark,
}

/// What one color looks like in each of its uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shades {
    /// Strokes, texts, and the fill named `fill`.
    pub solid: Rgba,
    /// The fill named `solid`.
    pub semi: Rgba,
    /// Lines of the fill named `pattern`.
    pub pattern: Rgba,
    /// The fill named `lined-fill`.
    pub lined_fill: Rgba,
    /// A note of this color.
    pub note: Rgba,
    /// Text on a note of this color.
    pub note_text: Rgba,
    /// The highlighter.
    pub highlight: Rgba,
}

/// What a closed outline is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filling {
    /// One color.
    Plain(Rgba),
    /// This color under the hatch, which has that of the paper.
    Hatched(Rgba),
}

impl Rgba {
    const fn hex(number: u32) -> Self {
        Self {
            rgb: [(number >> 16) as u8, (number >> 8) as u8, number as u8],
            alpha: 255,
        }
    }

    /// As `#rrggbb`.
    pub fn to_hex(self) -> String {
        let [red, green, blue] = self.rgb;
        format!("#{red:02x}{green:02x}{blue:02x}")
    }

    /// 0 to 1.
    pub fn opacity(self) -> f64 {
        f64::from(self.alpha) / 255.0
    }
}

impl Theme {
    fn pick(self, light: u32, dark: u32) -> Rgba {
        match self {
            Self::Light => Rgba::hex(light),
            Self::Dark => Rgba::hex(dark),
        }
    }

    /// Behind everything, around texts, and under the name of a frame.
    pub fn background(self) -> Rgba {
        self.pick(0xf9fafb, 0x101011)
    }

    /// Paper: the fill named `semi`, the gaps of the hatch, and what lies behind a frame that is drawn alone.
    pub fn paper(self) -> Rgba {
        self.pick(0xfcfffe, 0x010403)
    }

    /// Inside of a frame.
    pub fn frame(self) -> Rgba {
        self.pick(0xffffff, 0x0c0c0c)
    }

    /// Around a frame.
    pub fn frame_border(self) -> Rgba {
        self.pick(0x717171, 0x5c5c5c)
    }

    /// The name of a frame.
    pub fn frame_name(self) -> Rgba {
        self.pick(0x000000, 0xf2f2f2)
    }

    /// Links in texts.
    pub fn link(self) -> Rgba {
        Rgba::hex(0x3182ed)
    }

    /// Behind marked words.
    pub fn marker(self) -> Rgba {
        self.pick(0xfddd00, 0xd1b500)
    }

    /// What a color looks like.
    pub fn shades(self, color: &Color) -> Shades {
        match color {
            Color::Theme(color) => self.of_theme(*color),
            Color::Other(name) => match css(name) {
                Some(color) => Shades {
                    solid: color,
                    semi: color,
                    pattern: color,
                    lined_fill: color,
                    note: color,
                    note_text: color,
                    highlight: color,
                },
                None => self.of_theme(ThemeColor::Black),
            },
        }
    }

    /// What a fill of a color is drawn with; `None` for the fill of none.
    pub fn filling(self, fill: Fill, color: &Color) -> Option<Filling> {
        let shades = self.shades(color);
        Some(match fill {
            Fill::None => return None,
            Fill::Semi => Filling::Plain(self.paper()),
            Fill::Solid => Filling::Plain(shades.semi),
            Fill::Fill => Filling::Plain(shades.solid),
            Fill::LinedFill => Filling::Plain(shades.lined_fill),
            Fill::Pattern => Filling::Hatched(shades.pattern),
        })
    }

    fn of_theme(self, color: ThemeColor) -> Shades {
        let table = match self {
            Self::Light => &LIGHT,
            Self::Dark => &DARK,
        };
        let [solid, semi, pattern, lined_fill, note, note_text, highlight] =
            table[color as usize].map(Rgba::hex);
        Shades {
            solid,
            semi,
            pattern,
            lined_fill,
            note,
            note_text,
            highlight,
        }
    }
}

/// A color by its CSS notation. Names of two thousand letters are none.
fn css(name: &str) -> Option<Rgba> {
    let color = svgtypes::Color::from_str(name.get(..name.len().min(64))?.trim()).ok()?;
    Some(Rgba {
        rgb: [color.red, color.green, color.blue],
        alpha: color.alpha,
    })
}

/// Rows as the variants of [`ThemeColor`], columns as the fields of [`Shades`].
const LIGHT: [[u32; 7]; 13] = [
    [
        0x1d1d1d, 0xe8e8e8, 0x494949, 0x363636, 0xfce19c, 0x000000, 0xfddd00,
    ], // black
    [
        0x9fa8b2, 0xeceef0, 0xbcc3c9, 0xbbc1c9, 0xc0cad3, 0x000000, 0xcbe7f1,
    ], // grey
    [
        0xe085f4, 0xf5eafa, 0xe9acf8, 0xe9abf7, 0xdfb0f9, 0x000000, 0xff88ff,
    ], // light-violet
    [
        0xae3ec9, 0xecdcf2, 0xbd63d3, 0xbe68d4, 0xdb91fd, 0x000000, 0xc77cff,
    ], // violet
    [
        0x4465e9, 0xdce1f8, 0x6681ee, 0x6580ec, 0x8aa3ff, 0x000000, 0x10acff,
    ], // blue
    [
        0x4ba1f1, 0xddedfa, 0x6fbbf8, 0x7abaf5, 0x9bc4fd, 0x000000, 0x00f4ff,
    ], // light-blue
    [
        0xf1ac4b, 0xf9f0e6, 0xfecb92, 0xf5c27a, 0xfed49a, 0x000000, 0xfddd00,
    ], // yellow
    [
        0xe16919, 0xf8e2d4, 0xf78438, 0xea8643, 0xfaa475, 0x000000, 0xffa500,
    ], // orange
    [
        0x099268, 0xd3e9e3, 0x39a785, 0x0bad7c, 0x6fc896, 0x000000, 0x00ffc8,
    ], // green
    [
        0x4cb05e, 0xdbf0e0, 0x65cb78, 0x7ec88c, 0x98d08a, 0x000000, 0x65f641,
    ], // light-green
    [
        0xf87777, 0xf4dadb, 0xfe9e9e, 0xf99a9a, 0xf7a5a1, 0x000000, 0xff7fa3,
    ], // light-red
    [
        0xe03131, 0xf4dadb, 0xe55959, 0xe75f5f, 0xfc8282, 0x000000, 0xff636e,
    ], // red
    [
        0xffffff, 0xf5f5f5, 0xf9f9f9, 0xffffff, 0xffffff, 0x000000, 0xffffff,
    ], // white
];

/// Rows as the variants of [`ThemeColor`], columns as the fields of [`Shades`].
const DARK: [[u32; 7]; 13] = [
    [
        0xf2f2f2, 0x2c3036, 0x989898, 0xffffff, 0x2c2c2c, 0xf2f2f2, 0xd2b700,
    ], // black
    [
        0x9398b0, 0x33373c, 0x7c8187, 0x8388a5, 0x56595f, 0xf2f2f2, 0x9cb4cb,
    ], // grey
    [
        0xe599f7, 0x383442, 0x9770a9, 0xdc71f4, 0x762f8e, 0xf2f2f2, 0xc400c7,
    ], // light-violet
    [
        0xae3ec9, 0x342938, 0x763a8b, 0x8f2fa7, 0x5f1c70, 0xf2f2f2, 0x9e00ee,
    ], // violet
    [
        0x4f72fc, 0x262d40, 0x3a4b9e, 0x3c5cdd, 0x2a3f98, 0xf2f2f2, 0x0079d2,
    ], // blue
    [
        0x4dabf7, 0x2a3642, 0x4d7aa9, 0x2793ec, 0x1f5495, 0xf2f2f2, 0x00bdc8,
    ], // light-blue
    [
        0xffc034, 0x3b352b, 0xfecb92, 0xffae00, 0x8a5e1c, 0xf2f2f2, 0xd2b700,
    ], // yellow
    [
        0xf76707, 0x3b2e27, 0x9f552d, 0xf54900, 0x7c3905, 0xf2f2f2, 0xd07a00,
    ], // orange
    [
        0x099268, 0x253231, 0x366a53, 0x087856, 0x014429, 0xf2f2f2, 0x009774,
    ], // green
    [
        0x40c057, 0x2a3830, 0x4e874e, 0x37a44b, 0x21581d, 0xf2f2f2, 0x00a000,
    ], // light-green
    [
        0xff8787, 0x3c2b2b, 0xa56767, 0xff6666, 0x7a3333, 0xf2f2f2, 0xdb005b,
    ], // light-red
    [
        0xe03131, 0x382726, 0x8f3734, 0xc31d1d, 0x7e201f, 0xf2f2f2, 0xde002c,
    ], // red
    [
        0xf3f3f3, 0xf5f5f5, 0xf9f9f9, 0xf3f3f3, 0xeaeaea, 0x1d1d1d, 0xffffff,
    ], // white
];
