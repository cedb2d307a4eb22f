//! Clusters cut into lines, and put into the order in which they are seen.
//!
//! Follows CSS's `white-space: pre-wrap; overflow-wrap: break-word`: all white space stays, what of it ends a line hangs
//! over, and a word is broken only where it does not fit a line of its own. Knows clusters, not glyphs or fonts.

use std::ops::Range;

use unicode_bidi::{BidiInfo, Level};

use super::shape::{Cluster, ClusterKind};

/// Widths up to this much over the line's are taken to fit: browsers count in 1/64 px and round up, px.
const SLACK: f64 = 1.0 / 64.0;

/// How lines are cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineRules {
    /// The width to fit, px; none for a line as long as its text.
    pub width: Option<f64>,
    /// Distance between tab stops, px; positive.
    pub tab: f64,
    /// The narrowest tab, px.
    pub least_tab: f64,
    /// Words may be broken in need.
    pub break_words: bool,
}

/// Clusters of one line, in logical order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CutLine {
    pub clusters: Range<usize>,
    /// Those at its end that hang: white space.
    pub hanging: Range<usize>,
    /// The line ends where nothing but need lets it.
    pub breaks_word: bool,
}

/// Cuts one line from `start` on, and sets the advances of its tabs. At least one cluster is taken.
pub(super) fn cut_line(clusters: &mut [Cluster], start: usize, rules: &LineRules) -> CutLine {
    let mut x = 0.0;
    let mut opportunity = None;
    let mut end = clusters.len();
    let mut breaks_word = false;
    for (place, cluster) in clusters.iter_mut().enumerate().skip(start) {
        if cluster.break_before && place > start {
            opportunity = Some(place);
        }
        if cluster.kind == ClusterKind::Tab {
            cluster.advance = tab_advance(x, rules);
        }
        x += cluster.advance;
        let hangs = cluster.kind != ClusterKind::Text;
        let over = rules.width.is_some_and(|width| !fits(x, width));
        if hangs || !over || place == start {
            continue;
        }
        match opportunity {
            Some(place) => end = place,
            None if rules.break_words => (end, breaks_word) = (place, true),
            None => continue,
        }
        break;
    }
    let text_end = (start..end)
        .rev()
        .find(|place| clusters[*place].kind == ClusterKind::Text)
        .map_or(start, |place| place + 1);
    CutLine {
        clusters: start..end,
        hanging: text_end..end,
        breaks_word,
    }
}

/// Whether so much text goes into a line of so much width, px.
pub(super) fn fits(text: f64, width: f64) -> bool {
    text <= width + SLACK
}

/// From `x` to the next tab stop; a tab that would hardly be seen goes on to the one after.
fn tab_advance(x: f64, rules: &LineRules) -> f64 {
    let to_stop = rules.tab - x.rem_euclid(rules.tab);
    match to_stop < rules.least_tab {
        true => to_stop + rules.tab,
        false => to_stop,
    }
}

/// The places of a line's clusters from left to right; `hanging` are those at its end that are white space.
///
/// White space at the end of a line takes the direction of the paragraph (UAX #9, L1), so it lies at the line's end.
pub(super) fn visual_order(line: &[Cluster], hanging: Range<usize>, base: u8) -> Vec<usize> {
    let levels: Vec<Level> = line
        .iter()
        .enumerate()
        .map(|(place, cluster)| {
            let of_paragraph = hanging.contains(&place) || cluster.kind == ClusterKind::Tab;
            Level::new(if of_paragraph { base } else { cluster.level }).unwrap_or(Level::ltr())
        })
        .collect();
    match levels.iter().all(|level| level.number() == 0) {
        true => (0..line.len()).collect(),
        false => BidiInfo::reorder_visual(&levels),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::fonts::{FaceQuery, Family, Fonts, Slant, Weight};

    /// A cluster of width 10 for every character; lines may break after spaces and hyphens.
    fn clusters(text: &str) -> Vec<Cluster> {
        let face = Fonts::bundled().primary(FaceQuery {
            family: Family::SANS,
            weight: Weight::Normal,
            slant: Slant::Upright,
        });
        let mut before = 'x';
        text.char_indices()
            .map(|(at, character)| {
                let breaks = matches!(before, ' ' | '-' | '\t') && character != ' ';
                before = character;
                Cluster {
                    bytes: at..at + character.len_utf8(),
                    advance: 10.0,
                    kind: match character {
                        ' ' => ClusterKind::Space,
                        '\t' => ClusterKind::Tab,
                        _ => ClusterKind::Text,
                    },
                    break_before: breaks,
                    level: u8::from(character.is_uppercase()),
                    face,
                    style: 0,
                    glyphs: Vec::new(),
                }
            })
            .collect()
    }

    fn lines(text: &str, width: Option<f64>) -> Vec<String> {
        let rules = LineRules {
            width,
            tab: 20.0,
            least_tab: 5.0,
            break_words: true,
        };
        let mut clusters = clusters(text);
        let mut lines = Vec::new();
        let mut start = 0;
        while start < clusters.len() {
            let line = cut_line(&mut clusters, start, &rules);
            start = line.clusters.end;
            lines.push(
                line.clusters
                    .map(|place| &text[clusters[place].bytes.clone()])
                    .collect(),
            );
        }
        lines
    }

    #[test]
    fn words_wrap_and_spaces_hang() {
        assert_eq!(lines("one two", None), ["one two"]);
        assert_eq!(lines("one two", Some(70.0)), ["one two"]);
        assert_eq!(lines("one two", Some(69.0)), ["one ", "two"]);
        assert_eq!(lines("one     two", Some(40.0)), ["one     ", "two"]);
        assert_eq!(lines("   one", Some(20.0)), ["   ", "on", "e"]);
    }

    #[test]
    fn a_word_breaks_only_on_a_line_of_its_own() {
        assert_eq!(lines("a bcdefg", Some(40.0)), ["a ", "bcde", "fg"]);
        assert_eq!(lines("abc-def", Some(50.0)), ["abc-", "def"]);
        assert_eq!(lines("abc", Some(1.0)), ["a", "b", "c"]);
    }

    #[test]
    fn tabs_reach_the_next_stop() {
        let rules = LineRules {
            width: None,
            tab: 20.0,
            least_tab: 5.0,
            break_words: true,
        };
        let mut clusters = clusters("abc\td\te\t");
        cut_line(&mut clusters, 0, &rules);
        let advances: Vec<f64> = clusters.iter().map(|cluster| cluster.advance).collect();
        assert_eq!(advances, [10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0]);
        assert_eq!(tab_advance(20.0, &rules), 20.0);
        assert_eq!(tab_advance(17.0, &rules), 23.0);
    }

    #[test]
    fn right_to_left_words_are_seen_reversed() {
        // Upper case stands for a right-to-left script.
        let text = "ab CD ";
        let mut all = clusters(text);
        all[2].level = 0;
        let seen: String = visual_order(&all, 5..6, 0)
            .into_iter()
            .map(|place| &text[all[place].bytes.clone()])
            .collect();
        assert_eq!(seen, "ab DC ");
    }
}
