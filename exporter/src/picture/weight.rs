//! How much there is to draw of an SVG once its references are followed.
//!
//! Few bytes can refer to each other so that millions of elements are drawn. Counts without unfolding anything. Knows
//! references in attributes; those of style sheets it counts once, whatever they are applied to. The rule: each element is
//! looked at once, so that counting is never the costly part.

use std::collections::HashMap;

use usvg::roxmltree::{Document, Node, NodeId};

use super::{Dimension, Format, PictureLimits, PictureProblem};

/// No number may be larger: a circle is cut into more and more arcs as it grows.
const MOST_NUMBER: f64 = 1e7;
/// What a letter of text counts: it becomes an outline.
const LETTER: u64 = 1024;
/// Rules of style times elements: each is tried on each.
const MOST_TRIALS: u64 = 50_000_000;

/// Attributes that circles and arcs are made from.
const SIZES: [&str; 8] = [
    "d",
    "r",
    "rx",
    "ry",
    "width",
    "height",
    "viewBox",
    "font-size",
];

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Weight {
    elements: u64,
    characters: u64,
    /// Elements inside of each other, this one included.
    height: u32,
}

/// `Err` when it is more than the limits say.
pub(super) fn check<'a>(
    document: &'a Document<'_>,
    limits: &'a PictureLimits,
) -> Result<(), PictureProblem> {
    let mut scale = Scale {
        ids: HashMap::new(),
        weighed: HashMap::new(),
        rules: 0,
        limits,
    };
    for node in document.descendants().filter(Node::is_element) {
        if let Some(id) = node.attribute("id") {
            // Of several elements with an id the first one is meant, or the last: either may be the heavy one.
            scale.ids.entry(id).or_default().push(node);
        }
    }
    let weight = scale.weigh(document.root_element(), 1)?;
    if scale.rules.saturating_mul(weight.elements) > MOST_TRIALS {
        return Err(PictureProblem::broken(
            Format::Svg,
            "its styles are beyond measure",
        ));
    }
    Ok(())
}

struct Scale<'a, 'i> {
    ids: HashMap<&'a str, Vec<Node<'a, 'i>>>,
    /// `None` for those whose weighing is under way: a circle of references, which nobody draws.
    weighed: HashMap<NodeId, Option<Weight>>,
    /// Of all style sheets.
    rules: u64,
    limits: &'a PictureLimits,
}

impl<'a, 'i> Scale<'a, 'i> {
    fn weigh(&mut self, node: Node<'a, 'i>, level: u32) -> Result<Weight, PictureProblem> {
        let check = |level: u32| {
            PictureProblem::check(
                Dimension::Levels,
                u64::from(level),
                u64::from(self.limits.depth),
            )
        };
        check(level)?;
        if let Some(known) = self.weighed.get(&node.id()) {
            let weight = known.unwrap_or_default();
            check(level.saturating_add(weight.height))?;
            return Ok(weight);
        }
        self.weighed.insert(node.id(), None);
        let mut weight = Weight {
            elements: 1,
            ..Weight::default()
        };
        for child in node.children() {
            if child.is_element() {
                let below = self.weigh(child, level + 1)?;
                self.add(&mut weight, below, 1)?;
            } else if let Some(text) = child.text() {
                let (each, is_style) = match node.tag_name().name() {
                    "text" | "tspan" | "textPath" | "tref" | "a" => (LETTER, false),
                    "style" => (1, true),
                    // Programs keep whole files of their own in theirs, and none of it is drawn.
                    _ => (1, false),
                };
                if is_style {
                    let rules = text.bytes().filter(|byte| matches!(byte, b'{' | b','));
                    self.rules += rules.count() as u64;
                }
                if is_style && fonts(text).any(is_beyond) {
                    return Err(beyond_measure());
                }
                let letters = text.split_whitespace().map(str::len).sum::<usize>() as u64;
                weight.characters = weight
                    .characters
                    .saturating_add(letters.saturating_mul(each));
                for id in urls(text) {
                    self.follow(id, 1, level, &mut weight)?;
                }
            }
        }
        weight.characters = node.attributes().fold(weight.characters, |sum, attribute| {
            sum.saturating_add(attribute.value().len() as u64)
        });
        let is_absurd = node.attributes().any(|attribute| match attribute.name() {
            "style" => fonts(attribute.value()).any(is_beyond),
            name => SIZES.contains(&name) && is_beyond(attribute.value()),
        });
        if is_absurd {
            return Err(beyond_measure());
        }
        let below = weight;
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            if name == "href"
                && let Some(id) = value.trim().strip_prefix('#')
            {
                self.follow(id, 1, level, &mut weight)?;
            }
            // Some are handed down to every element below, some stand at every point of a path.
            let times = match name {
                "marker-mid" | "marker" => below.characters / 2,
                "style" if value.contains("marker") => below.characters / 2,
                "fill" | "stroke" | "style" | "marker-start" | "marker-end" => below.elements,
                _ => 1,
            };
            for id in urls(value) {
                self.follow(id, times, level, &mut weight)?;
            }
        }
        self.weighed.insert(node.id(), Some(weight));
        Ok(weight)
    }

    fn follow(
        &mut self,
        id: &str,
        times: u64,
        level: u32,
        weight: &mut Weight,
    ) -> Result<(), PictureProblem> {
        for node in self.ids.get(id).cloned().unwrap_or_default() {
            let target = self.weigh(node, level + 1)?;
            self.add(weight, target, times)?;
        }
        Ok(())
    }

    /// At once `Err` past the limits, so that counting ends there.
    fn add(&self, weight: &mut Weight, other: Weight, times: u64) -> Result<(), PictureProblem> {
        let sum = |one: u64, other: u64| one.saturating_add(other.saturating_mul(times));
        weight.elements = sum(weight.elements, other.elements);
        weight.characters = sum(weight.characters, other.characters);
        weight.height = weight.height.max(other.height.saturating_add(1));
        PictureProblem::check(Dimension::Elements, weight.elements, self.limits.elements)?;
        PictureProblem::check(
            Dimension::Characters,
            weight.characters,
            self.limits.bytes as u64,
        )
    }
}

/// The ids in `url(#id)`, quoted or not.
fn urls(value: &str) -> impl Iterator<Item = &str> {
    value.split("url(").skip(1).filter_map(|rest| {
        let id = rest.split(')').next()?.trim();
        id.trim_matches(['"', '\'']).trim().strip_prefix('#')
    })
}

/// What declarations of a style say of fonts and their sizes.
fn fonts(style: &str) -> impl Iterator<Item = &str> {
    style
        .split("font")
        .skip(1)
        .filter_map(|rest| rest.split([';', '}']).next())
}

fn beyond_measure() -> PictureProblem {
    PictureProblem::broken(Format::Svg, "its numbers are beyond measure")
}

/// Whether there is a number above [`MOST_NUMBER`] in a list of numbers, however they are set apart.
fn is_beyond(values: &str) -> bool {
    let mut rest = values.as_bytes();
    while let Some(start) = rest
        .iter()
        .position(|byte| byte.is_ascii_digit() || *byte == b'.')
    {
        rest = &rest[start..];
        let digits = |bytes: &[u8]| {
            bytes
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count()
        };
        let mut end = digits(rest);
        if rest.get(end) == Some(&b'.') {
            end += 1 + digits(&rest[end + 1..]);
        }
        if matches!(rest.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(rest.get(end + 1 + sign..).unwrap_or_default());
            if exponent > 0 {
                end += 1 + sign + exponent;
            }
        }
        let number = std::str::from_utf8(&rest[..end])
            .ok()
            .and_then(|text| text.parse::<f64>().ok());
        if number.is_some_and(|number| number > MOST_NUMBER) {
            return true;
        }
        rest = &rest[end..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weigh(body: &str) -> Result<(), PictureProblem> {
        let text = format!("<svg xmlns='http://www.w3.org/2000/svg'>{body}</svg>");
        let limits = PictureLimits {
            elements: 100,
            depth: 20,
            bytes: 10_000,
            ..PictureLimits::default()
        };
        check(&Document::parse(&text).unwrap(), &limits)
    }

    fn counted(body: &str) -> Option<Dimension> {
        match weigh(body) {
            Err(PictureProblem::TooLarge { of, .. }) => Some(of),
            Err(other) => panic!("{other}"),
            Ok(()) => None,
        }
    }

    /// Seven levels of ten references each.
    fn fan(element: impl Fn(usize) -> String) -> String {
        (0..7)
            .map(|level| format!("<g id='l{}'>{}</g>", level + 1, element(level).repeat(10)))
            .collect()
    }

    #[test]
    fn references_count_as_often_as_they_are_drawn() {
        let uses = fan(|level| format!("<use href='#l{level}'/>"));
        assert_eq!(counted(&uses), Some(Dimension::Elements));
        let same = "<g id='a'/>".repeat(60) + &"<use href='#a'/>".repeat(30);
        assert_eq!(counted(&same), Some(Dimension::Elements));
        let masks = fan(|level| format!("<rect mask=' url( \"#l{level}\" )'/>"));
        assert_eq!(counted(&masks), Some(Dimension::Elements));
        let styles = fan(|level| format!("<rect style='fill:url(#l{level})'/>"));
        assert_eq!(counted(&styles), Some(Dimension::Elements));
        let letters = format!(
            "<text id='t'>{}</text>{}",
            "a".repeat(4),
            "<use href='#t'/>".repeat(10)
        );
        assert_eq!(counted(&letters), Some(Dimension::Characters));
        let marks = format!(
            "<marker id='m'><g/><g/></marker><path marker-mid='url(#m)' d='{}'/>",
            "1 ".repeat(100)
        );
        assert_eq!(counted(&marks), Some(Dimension::Elements));
    }

    #[test]
    fn depth_counts_through_references() {
        let nested = format!("{}{}", "<g>".repeat(30), "</g>".repeat(30));
        assert_eq!(counted(&nested), Some(Dimension::Levels));
        let chain: String = (0..30)
            .rev()
            .map(|at| format!("<use id='u{}' href='#u{at}'/>", at + 1))
            .collect();
        assert_eq!(counted(&chain), Some(Dimension::Levels));
        let halves = format!(
            "<g id='a'>{}{}</g>{}<use href='#a'/>{}",
            "<g>".repeat(12),
            "</g>".repeat(12),
            "<g>".repeat(12),
            "</g>".repeat(12)
        );
        assert_eq!(counted(&halves), Some(Dimension::Levels));
    }

    #[test]
    fn style_sheets_are_weighed_against_what_they_are_tried_on() {
        let styled = |rules: usize, elements: usize| {
            let text = format!(
                "<svg xmlns='http://www.w3.org/2000/svg'><style>{}</style>{}</svg>",
                "a b{fill:red}".repeat(rules),
                "<g/>".repeat(elements)
            );
            check(&Document::parse(&text).unwrap(), &PictureLimits::default())
        };
        assert_eq!(styled(500, 20_000), Ok(()));
        assert!(styled(5000, 20_000).is_err());
    }

    #[test]
    fn numbers_are_found_however_they_are_set_apart() {
        for beyond in [
            "1e8",
            "M1e38-5",
            "0,1e38.5",
            "2E+12",
            "12345678901",
            ".5e11",
            "9e999",
            "a9e99px",
        ] {
            assert!(is_beyond(beyond), "{beyond}");
        }
        for fine in [
            "",
            ".",
            "1e7",
            "1em",
            "1e-38",
            "-.5.5.5e3",
            "0.00000000000001",
            "5e",
            "5e+",
            "é9",
        ] {
            assert!(!is_beyond(fine), "{fine}");
        }
        assert!(weigh("<circle r='1e38'/>").is_err());
        assert!(weigh("<style>a{font-size:1e38px}</style>").is_err());
        assert!(weigh("<rect style='stroke:#000; font:9e99px serif'/>").is_err());
        let letters = "<style>@font-face{src:url(data:font/woff2;base64,1e99)} a{fill:#1e90ff}</style>\
            <g id='a1e99' data-id='123456789012' style='fill:#1e90ff' fill='#1e90ff'/><image href='data:,1e99'/>";
        assert_eq!(weigh(letters), Ok(()));
    }

    #[test]
    fn honest_drawings_and_circles_pass() {
        assert_eq!(
            weigh("<g id='a'><use href='#a'/></g><use id='b' href='#b'/>"),
            Ok(())
        );
        let icon = "<linearGradient id='g'><stop/><stop/></linearGradient><g fill='url(#g)'><path d='M0 0h9'/></g>";
        assert_eq!(weigh(icon), Ok(()));
        assert_eq!(
            weigh("<use href='#gone'/><rect fill='url(#gone)'/>"),
            Ok(())
        );
    }
}
