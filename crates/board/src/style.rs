//! The named choices of a shape's style: colors, sizes, dashes, fills, fonts, alignments, heads.
//!
//! Knows the names in records, not what they look like. The rule: no choice has a default here; defaults belong to the shape
//! that has the prop.

/// A choice that records hold by its name.
pub(crate) trait Named: Sized {
    /// `None` for a name that is not known.
    fn named(name: &str) -> Option<Self>;
}

macro_rules! named {
    ($(#[$meta:meta])* $type:ident { $($variant:ident = $name:literal $(| $also:literal)*),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $type {
            $(#[doc = concat!("`", $name, "`")] $variant),+
        }

        impl $type {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name that records hold.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl Named for $type {
            fn named(name: &str) -> Option<Self> {
                match name {
                    $($name $(| $also)* => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

named! {
    /// A color of the theme.
    ThemeColor {
        Black = "black",
        Grey = "grey",
        LightViolet = "light-violet",
        Violet = "violet",
        Blue = "blue",
        LightBlue = "light-blue",
        Yellow = "yellow",
        Orange = "orange",
        Green = "green",
        LightGreen = "light-green",
        LightRed = "light-red",
        Red = "red",
        White = "white",
    }
}

named! {
    /// Stroke width and font size together.
    Size { S = "s", M = "m", L = "l", Xl = "xl" }
}

named! {
    /// How a stroke is drawn. `None` has a fill but no stroke.
    Dash { Draw = "draw", Solid = "solid", Dashed = "dashed", Dotted = "dotted", None = "none" }
}

named! {
    /// How a closed shape is filled. Beware: `Semi` takes the page's paper color, `Solid` the color's pale one, `Fill` the
    /// full one.
    Fill {
        None = "none",
        Semi = "semi",
        Solid = "solid",
        Pattern = "pattern",
        Fill = "fill",
        LinedFill = "lined-fill",
    }
}

named! {
    /// A font of the editor.
    Font { Draw = "draw", Sans = "sans", Serif = "serif", Mono = "mono" }
}

named! {
    /// Alignment along one axis; the `-legacy` names of old labels are drawn as these.
    Align {
        Start = "start" | "start-legacy",
        Middle = "middle" | "middle-legacy",
        End = "end" | "end-legacy",
    }
}

named! {
    /// The outline of a geo shape.
    GeoKind {
        Rectangle = "rectangle",
        Cloud = "cloud",
        Ellipse = "ellipse",
        Triangle = "triangle",
        Diamond = "diamond",
        Pentagon = "pentagon",
        Hexagon = "hexagon",
        Octagon = "octagon",
        Star = "star",
        Rhombus = "rhombus",
        Rhombus2 = "rhombus-2",
        Oval = "oval",
        Trapezoid = "trapezoid",
        ArrowRight = "arrow-right",
        ArrowLeft = "arrow-left",
        ArrowUp = "arrow-up",
        ArrowDown = "arrow-down",
        XBox = "x-box",
        CheckBox = "check-box",
        Heart = "heart",
    }
}

named! {
    /// How a line goes through its points.
    Spline { Line = "line", Cubic = "cubic" }
}

named! {
    /// How an arrow finds its way.
    ArrowKind { Arc = "arc", Elbow = "elbow" }
}

named! {
    /// What stands at an arrow's end.
    Arrowhead {
        None = "none",
        Arrow = "arrow",
        Triangle = "triangle",
        Square = "square",
        Dot = "dot",
        Pipe = "pipe",
        Diamond = "diamond",
        Inverted = "inverted",
        Bar = "bar",
    }
}

named! {
    /// Where the end of an elbow arrow holds on to its target.
    Snap { Center = "center", EdgePoint = "edge-point", Edge = "edge", None = "none" }
}

named! {
    /// How a free-hand segment was made: by moving, or as one straight stretch of two points.
    SegmentKind { Free = "free", Straight = "straight" }
}

/// A color: one of the theme, or whatever else the record says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Color {
    /// One of the thirteen.
    Theme(ThemeColor),
    /// Any other name, at most 64 bytes: the editor hands it to CSS. It comes from strangers, so check it before it goes
    /// anywhere.
    Other(String),
}

impl Color {
    /// Black, the default of every color.
    pub const BLACK: Self = Self::Theme(ThemeColor::Black);

    /// The name in the record.
    pub fn name(&self) -> &str {
        match self {
            Self::Theme(color) => color.name(),
            Self::Other(name) => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_found_by_its_name() {
        for kind in GeoKind::ALL {
            assert_eq!(GeoKind::named(kind.name()), Some(*kind));
        }
        for color in ThemeColor::ALL {
            assert_eq!(ThemeColor::named(color.name()), Some(*color));
        }
        assert_eq!(Align::named("middle-legacy"), Some(Align::Middle));
        assert_eq!(Fill::named("plaid"), None);
    }
}
