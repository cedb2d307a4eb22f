//! One figure of a scenario as an SVG: a bar for each peer, the best on top, a whisker from the lowest to the highest repeat.
//!
//! Knows nothing of files. The one rule: a plot says on itself how it is to be read (unit, which way is good, whether the scale is
//! logarithmic), because people look at pictures alone. It has a background of its own, so that it is legible on dark pages too.

use anyhow::{Result, anyhow};
use plotters::coord::ranged1d::{BoldPoints, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::goals::{OURS, REFERENCE};
use super::number::{number, with_unit};
use super::result::{Better, Figure, Scenario, Value};

/// px of the picture.
const WIDTH: i32 = 860;
/// Above the bars: heading and how it is to be read.
const HEAD: i32 = 72;
/// Of one bar with its room.
const ROW: i32 = 34;
/// Below the bars: the scale.
const FOOT: i32 = 44;
/// Where bars begin and may end: names stand before, values behind.
const BARS: (i32, i32) = (190, 710);
/// Beyond so much between the lowest and the highest, the low ones would be no bars any more.
const LINEAR_UP_TO: f64 = 20.0;

const PAPER: RGBColor = RGBColor(255, 255, 255);
const EDGE: RGBColor = RGBColor(208, 215, 222);
const GRID: RGBColor = RGBColor(226, 230, 235);
const INK: RGBColor = RGBColor(31, 35, 40);
const FAINT: RGBColor = RGBColor(89, 99, 110);
const OURS_COLOR: RGBColor = RGBColor(33, 102, 214);
const REFERENCE_COLOR: RGBColor = RGBColor(140, 149, 159);
const PEER_COLOR: RGBColor = RGBColor(230, 145, 56);

/// The first figure of a scenario; `None` where nobody has a value for it.
pub fn plot(scenario: &Scenario) -> Result<Option<String>> {
    let Some(figure) = scenario.figures.first() else {
        return Ok(None);
    };
    let rows = scenario.rows.iter();
    let mut bars: Vec<(&str, Value)> = rows
        .filter_map(|row| Some((row.peer.as_str(), *row.values.get(&figure.id)?)))
        .collect();
    bars.sort_by(|(_, one), (_, other)| match figure.better {
        Better::More => other.median.total_cmp(&one.median),
        Better::Less => one.median.total_cmp(&other.median),
    });
    let Some(high) = bars.iter().map(|(_, value)| value.high).reduce(f64::max) else {
        return Ok(None);
    };
    let low = bars.iter().map(|(_, value)| value.low).reduce(f64::min);
    let low = low.unwrap_or(high);
    let picture = Picture {
        scenario,
        figure,
        bars,
    };
    let svg = match low > 0.0 && high / low > LINEAR_UP_TO {
        true => {
            // From a power of ten on, so that even the smallest is a bar.
            let from = 10_f64.powf((low / 1.5).log10().floor());
            let scale: LogCoord<f64> = (from..high).log_scale().into();
            picture.draw(&scale, from, ", logarithmic scale")
        }
        false => {
            let to = if high > 0.0 { high } else { 1.0 };
            picture.draw(&RangedCoordf64::from(0.0..to), 0.0, "")
        }
    };
    Ok(Some(svg?))
}

struct Picture<'a> {
    scenario: &'a Scenario,
    figure: &'a Figure,
    bars: Vec<(&'a str, Value)>,
}

impl Picture<'_> {
    /// On a scale that begins `from` somewhere.
    fn draw(&self, scale: &impl Ranged<ValueType = f64>, from: f64, kind: &str) -> Result<String> {
        let mut svg = String::new();
        let height = HEAD + ROW * self.bars.len() as i32 + FOOT;
        let on = SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32));
        self.draw_on(&on.into_drawing_area(), scale, from, kind)
            .map_err(|error| anyhow!("draw {}: {error}", self.scenario.id))?;
        Ok(svg)
    }

    fn draw_on<B: DrawingBackend>(
        &self,
        on: &DrawingArea<B, plotters::coord::Shift>,
        scale: &impl Ranged<ValueType = f64>,
        from: f64,
        kind: &str,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let at = |value: f64| scale.map(&value, BARS);
        let bottom = HEAD + ROW * self.bars.len() as i32;
        on.fill(&PAPER)?;
        let whole = [(0, 0), (WIDTH - 1, bottom + FOOT - 1)];
        on.draw(&Rectangle::new(whole, EDGE.stroke_width(1)))?;

        let mut heading = text(20, INK, HPos::Left);
        heading.font = heading.font.style(FontStyle::Bold);
        on.draw(&Text::new(self.scenario.title.as_str(), (20, 26), heading))?;
        let unit = match self.figure.unit.as_str() {
            "" => String::new(),
            unit => format!(" ({unit})"),
        };
        let way = match self.figure.better {
            Better::More => "more",
            Better::Less => "less",
        };
        let how = format!("{}{unit}: {way} is better{kind}", self.figure.title);
        on.draw(&Text::new(how, (20, 50), text(16, FAINT, HPos::Left)))?;

        for tick in scale.key_points(BoldPoints(6)) {
            let x = at(tick);
            on.draw(&PathElement::new([(x, HEAD - 4), (x, bottom + 4)], GRID))?;
            on.draw(&Text::new(
                number(tick),
                (x, bottom + 18),
                text(15, FAINT, HPos::Center),
            ))?;
        }
        for (place, (peer, value)) in self.bars.iter().enumerate() {
            let middle = HEAD + ROW * place as i32 + ROW / 2;
            let bar = [(at(from), middle - 10), (at(value.median), middle + 10)];
            on.draw(&Rectangle::new(bar, color(peer).filled()))?;
            let label = text(17, INK, HPos::Right);
            on.draw(&Text::new(*peer, (BARS.0 - 12, middle), label))?;
            let (low, high) = (at(value.low), at(value.high));
            if high > low {
                let ends = [low, high].map(|x| [(x, middle - 5), (x, middle + 5)]);
                let ends = ends.into_iter().chain([[(low, middle), (high, middle)]]);
                for line in ends {
                    on.draw(&PathElement::new(line, INK.stroke_width(1)))?;
                }
            }
            let value = with_unit(value.median, &self.figure.unit);
            let behind = high.max(at(from)) + 10;
            on.draw(&Text::new(
                value,
                (behind, middle),
                text(17, INK, HPos::Left),
            ))?;
        }
        on.present()
    }
}

/// The library takes a font's size for its line: letters are four fifths of it.
fn text(size: i32, color: RGBColor, side: HPos) -> TextStyle<'static> {
    let mut style = TextStyle::from(("sans-serif", size).into_font());
    style.color = color.to_backend_color();
    style.pos = Pos::new(side, VPos::Center);
    style
}

fn color(peer: &str) -> RGBColor {
    match peer {
        REFERENCE => REFERENCE_COLOR,
        peer if peer.starts_with(OURS) => OURS_COLOR,
        _ => PEER_COLOR,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::compare::result::Row;

    fn scenario(better: Better, repeats: &[(&str, &[f64])]) -> Scenario {
        let row = |(peer, repeats): &(&str, &[f64])| Row {
            peer: (*peer).to_owned(),
            valid: repeats.len(),
            repeats: 3,
            values: Value::of(repeats.to_vec())
                .map(|value| ("x".to_owned(), value))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
            note: None,
        };
        Scenario {
            id: "one".to_owned(),
            title: "One < two & three".to_owned(),
            what: String::new(),
            figures: vec![Figure {
                id: "x".to_owned(),
                title: "deliveries".to_owned(),
                unit: "/s".to_owned(),
                better,
            }],
            rows: repeats.iter().map(row).collect(),
        }
    }

    /// Its words from top to bottom, and the widths of its bars.
    fn read(svg: &str) -> (Vec<String>, Vec<f64>) {
        let svg = roxmltree::Document::parse(svg).expect("it is XML");
        let named = |name: &'static str| {
            svg.descendants()
                .filter(move |node| node.has_tag_name(name))
        };
        let words = named("text").filter_map(|node| Some(node.text()?.trim().to_owned()));
        let bars = named("rect").filter(|node| {
            let fill = node.attribute("fill");
            fill.is_some_and(|fill| fill != "none" && fill != "#FFFFFF")
        });
        let widths = bars.filter_map(|node| node.attribute("width")?.parse().ok());
        (words.collect(), widths.collect())
    }

    #[test]
    fn the_best_stands_on_top_and_its_unit_and_way_are_said() {
        let rows: &[(&str, &[f64])] = &[
            ("hocuspocus", &[100.0]),
            ("Scrible", &[200.0, 150.0, 240.0]),
        ];
        let svg = plot(&scenario(Better::More, rows)).unwrap().unwrap();
        let (words, widths) = read(&svg);
        let place = |word: &str| words.iter().position(|one| one == word).expect(word);
        assert_eq!(words[0], "One < two & three");
        assert_eq!(words[1], "deliveries (/s): more is better");
        assert!(place("Scrible") < place("hocuspocus"));
        assert!(words.contains(&"200/s".to_owned()), "{words:?}");
        assert_eq!(widths.len(), 2);
        assert!((widths[0] / widths[1] - 2.0).abs() < 0.02, "{widths:?}");

        let svg = plot(&scenario(Better::Less, rows)).unwrap().unwrap();
        let (words, _) = read(&svg);
        let place = |word: &str| words.iter().position(|one| one == word).expect(word);
        assert!(place("hocuspocus") < place("Scrible"));
    }

    #[test]
    fn far_apart_values_stand_on_a_logarithmic_scale_and_all_have_a_bar() {
        let rows: &[(&str, &[f64])] = &[("a", &[10.0]), ("b", &[1e4]), ("c", &[5.984e6])];
        let svg = plot(&scenario(Better::More, rows)).unwrap().unwrap();
        let (words, widths) = read(&svg);
        assert!(words[1].ends_with("logarithmic scale"), "{}", words[1]);
        assert_eq!(widths.len(), 3);
        assert!(widths.iter().all(|width| *width > 20.0), "{widths:?}");
        assert!(widths[0] <= f64::from(BARS.1 - BARS.0), "{widths:?}");
    }

    #[test]
    fn zeros_are_plotted_and_nothing_at_all_is_not() {
        let zero = plot(&scenario(Better::Less, &[("a", &[0.0]), ("b", &[0.0])]));
        assert!(zero.unwrap().is_some());
        let nothing = plot(&scenario(Better::Less, &[("a", &[])]));
        assert!(nothing.unwrap().is_none());
    }
}
