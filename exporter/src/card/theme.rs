//! The colors of cards.
//!
//! Knows numbers. The rule: the light ones are those of the editor's export; nobody has seen cards in a dark export.

use crate::theme::{Rgba, Theme};

pub(super) struct Colors {
    pub panel: Rgba,
    pub border: Rgba,
    pub text: Rgba,
    /// Behind the text, over the panel.
    pub copy: Rgba,
    /// In place of a picture, and beneath one.
    pub hollow: Rgba,
    /// Around pictures.
    pub edge: Rgba,
    /// An embed without its page.
    pub empty: Rgba,
}

pub(super) const fn solid(rgb: [u8; 3]) -> Rgba {
    Rgba { rgb, alpha: 255 }
}

pub(super) fn colors(theme: Theme) -> Colors {
    match theme {
        Theme::Light => Colors {
            panel: solid([252; 3]),
            border: solid([255; 3]),
            text: solid([46; 3]),
            copy: Rgba {
                rgb: [0; 3],
                alpha: 5,
            },
            hollow: Rgba {
                rgb: [0; 3],
                alpha: 11,
            },
            edge: solid([232; 3]),
            empty: solid([249, 250, 251]),
        },
        Theme::Dark => Colors {
            panel: solid([32, 33, 37]),
            border: solid([52, 51, 66]),
            text: solid([249, 250, 251]),
            copy: Rgba {
                rgb: [255; 3],
                alpha: 5,
            },
            hollow: Rgba {
                rgb: [255; 3],
                alpha: 13,
            },
            edge: solid([38, 38, 43]),
            empty: solid([32, 33, 37]),
        },
    }
}
