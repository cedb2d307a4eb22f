//! Writes a scene as SVG that looks the same everywhere.
//!
//! No script, no HTML inside, no reference to anything outside, no fonts: letters are paths. Knows elements and attributes.
//! The rule: what comes from strangers reaches the text only as numbers, as path data that we wrote, or escaped.

use std::fmt::{self, Write};

use kurbo::Affine;

use crate::decimal::{Decimal, Zero};
use crate::error::ExportError;
use crate::geometry::path::{Path, Rounding};
use crate::limits::{Limits, Stop};
use crate::scene::{Fill, Group, Layer, Mark, Order, PathMark, PictureMark, Scene};
use crate::theme::Rgba;

/// Writes a scene.
///
/// # Errors
/// When it would be longer than the limit, or when it is told to stop.
pub fn write(scene: &Scene, limits: &Limits, stop: &Stop<'_>) -> Result<String, ExportError> {
    let mut writer = Writer {
        text: String::new(),
        cuts: 0,
    };
    writer.head(scene);
    let mut at = 0;
    while at < scene.layers.len() {
        let clips = &scene.layers[at].clips;
        let run = scene.layers[at..]
            .iter()
            .take_while(|layer| layer.clips == *clips);
        let run = run.count();
        for clip in clips {
            let _ = write!(writer.text, r#"<g clip-path="url(#c{clip})">"#);
        }
        for layer in &scene.layers[at..at + run] {
            stop.check()?;
            writer.layer(layer);
            if writer.text.len() > limits.svg_bytes {
                return Err(ExportError::SvgTooLarge {
                    limit: limits.svg_bytes,
                });
            }
        }
        writer.text.push_str(&"</g>".repeat(clips.len()));
        at += run;
    }
    writer.text.push_str("</svg>\n");
    Ok(writer.text)
}

struct Writer {
    text: String,
    /// Clips that stand beside their paths.
    cuts: usize,
}

/// A number as JavaScript prints it, with at most four digits after the point.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scaled = self.0 * 1e4;
        if scaled.abs() < 9e15 {
            return out.write_str(Decimal::new(scaled.round() as i64, 4, Zero::Written).as_str());
        }
        // Beyond that no digits are left after the point.
        out.write_str(ryu_js::Buffer::new().format(self.0))
    }
}

impl Writer {
    fn head(&mut self, scene: &Scene) {
        let (w, h) = scene.size;
        let view = scene.view;
        let _ = write!(
            self.text,
            concat!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" width="{}" height="{}" viewBox="{} {} {} {}" "#,
                r#"preserveAspectRatio="none" stroke-linecap="round" stroke-linejoin="round">"#
            ),
            Number(w),
            Number(h),
            Full(view.x0),
            Full(view.y0),
            Full(view.width()),
            Full(view.height()),
        );
        self.definitions(scene);
        if let Some(color) = scene.background {
            // A little more than the view, whose edge may lie between pixels.
            let _ = write!(
                self.text,
                r#"<rect x="{}" y="{}" width="{}" height="{}"{}/>"#,
                Number(view.x0 - 1.0),
                Number(view.y0 - 1.0),
                Number(view.width() + 2.0),
                Number(view.height() + 2.0),
                Paint("fill", color),
            );
        }
    }

    fn definitions(&mut self, scene: &Scene) {
        let hatched = scene.layers.iter().any(|layer| is_hatched(&layer.marks));
        if !hatched && scene.clips.is_empty() && scene.pictures.is_empty() {
            return;
        }
        self.text.push_str("<defs>");
        if hatched {
            let _ = write!(self.text, "{}", Hatch(scene.paper));
        }
        for (at, clip) in scene.clips.iter().enumerate() {
            self.clip(&format!("c{at}"), clip);
        }
        for (at, picture) in scene.pictures.iter().enumerate() {
            // Data URLs of our own making hold nothing to escape.
            let _ = write!(
                self.text,
                r#"<image id="i{at}" width="1" height="1" preserveAspectRatio="none" image-rendering="smooth" href="{picture}"/>"#
            );
        }
        self.text.push_str("</defs>");
    }

    fn clip(&mut self, id: &str, path: &Path) {
        let _ = write!(
            self.text,
            r#"<clipPath id="{id}"><path d="{}"/></clipPath>"#,
            path.to_svg(Rounding::FourDigits)
        );
    }

    fn layer(&mut self, layer: &Layer) {
        if layer.marks.is_empty() {
            return;
        }
        let _ = write!(self.text, "<g{}", Transform(layer.transform));
        self.opacity(layer.opacity);
        self.text.push('>');
        self.marks(&layer.marks);
        self.text.push_str("</g>");
    }

    fn marks(&mut self, marks: &[Mark]) {
        for mark in marks {
            match mark {
                Mark::Path(it) => self.path(it),
                Mark::Picture(it) => self.picture(it),
                Mark::Shadow(it) => it.rim.iter().for_each(|part| self.picture(part)),
                Mark::Group(it) => self.group(it),
            }
        }
    }

    fn group(&mut self, group: &Group) {
        if group.marks.is_empty() {
            return;
        }
        let cut = group.clip.as_ref().map(|clip| self.cut(clip));
        let _ = write!(self.text, "<g{}", Transform(group.transform));
        if let Some(cut) = cut {
            let _ = write!(self.text, r#" clip-path="url(#{cut})""#);
        }
        if let Some(words) = &group.words {
            self.text.push_str(r#" role="img" aria-label=""#);
            escape(words, &mut self.text);
            self.text.push('"');
        }
        self.text.push('>');
        self.marks(&group.marks);
        self.text.push_str("</g>");
    }

    fn path(&mut self, path: &PathMark) {
        if path.data.is_empty() {
            return;
        }
        self.text.push_str("<path");
        match path.fill {
            None => self.text.push_str(r#" fill="none""#),
            Some(Fill::Hatch) => self.text.push_str(r#" fill="url(#hatch)""#),
            Some(Fill::Plain(color)) => {
                let _ = write!(self.text, "{}", Paint("fill", color));
            }
        }
        if let Some(stroke) = &path.stroke {
            let width = Number(stroke.width);
            let _ = write!(
                self.text,
                r#"{} stroke-width="{width}""#,
                Paint("stroke", stroke.color)
            );
            if let Some(dashes) = &stroke.dashes {
                let (dash, gap) = (Full(dashes.dash), Full(dashes.gap));
                let _ = write!(self.text, r#" stroke-dasharray="{dash} {gap}""#);
                if dashes.offset != 0.0 {
                    let offset = Full(dashes.offset);
                    let _ = write!(self.text, r#" stroke-dashoffset="{offset}""#);
                }
            }
            if stroke.order == Order::StrokeBelow {
                self.text.push_str(r#" paint-order="stroke""#);
            }
        }
        self.opacity(path.opacity);
        let _ = write!(self.text, r#" d="{}"/>"#, path.data);
    }

    fn picture(&mut self, it: &PictureMark) {
        let (picture, place) = (it.picture, Transform(it.place));
        let _ = write!(self.text, r##"<use href="#i{picture}"{place}/>"##);
    }

    /// Defines a clip right here; its name.
    fn cut(&mut self, path: &Path) -> String {
        let id = format!("k{}", self.cuts);
        self.cuts += 1;
        self.clip(&id, path);
        id
    }

    fn opacity(&mut self, opacity: f64) {
        if opacity < 1.0 {
            let _ = write!(self.text, r#" opacity="{}""#, Number(opacity));
        }
    }
}

/// A number with all its digits.
struct Full(f64);

impl fmt::Display for Full {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(ryu_js::Buffer::new().format(self.0 + 0.0))
    }
}

/// An attribute with a color, and a second one where the color is not opaque.
struct Paint(&'static str, Rgba);

impl fmt::Display for Paint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name, color) = self;
        write!(out, r#" {name}="{}""#, color.to_hex())?;
        if color.alpha < 255 {
            write!(out, r#" {name}-opacity="{}""#, Number(color.opacity()))?;
        }
        Ok(())
    }
}

/// An attribute that is left out when it changes nothing.
struct Transform(Affine);

impl fmt::Display for Transform {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0.as_coeffs();
        let (e, f) = (Number(e), Number(f));
        if [a, b, c, d] != [1.0, 0.0, 0.0, 1.0] {
            let [a, b, c, d] = [a, b, c, d].map(Full);
            return write!(out, r#" transform="matrix({a} {b} {c} {d} {e} {f})""#);
        }
        if e.0 != 0.0 || f.0 != 0.0 {
            return write!(out, r#" transform="translate({e} {f})""#);
        }
        Ok(())
    }
}

/// Squares of paper with slits across them, through which the color beneath shows.
struct Hatch(Rgba);

impl fmt::Display for Hatch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = 2.0 / 3.0;
        let mut slits = String::new();
        for (from, to) in [(1.0, 3.0), (5.0, 7.0), (9.0, 11.0)] {
            let (from, to) = (Full(from * t), Full(to * t));
            write!(slits, "M{from} {to}L{to} {from}")?;
        }
        write!(
            out,
            concat!(
                r##"<mask id="slits" maskUnits="userSpaceOnUse" x="0" y="0" width="8" height="8"><path fill="#fff" d="M0 0h8v8H0z"/>"##,
                r##"<path stroke="#000" d="{slits}"/></mask>"##,
                r#"<pattern id="hatch" width="8" height="8" patternUnits="userSpaceOnUse">"#,
                r#"<path mask="url(#slits)"{paint} d="M0 0h8v8H0z"/></pattern>"#
            ),
            slits = slits,
            paint = Paint("fill", self.0),
        )
    }
}

fn is_hatched(marks: &[Mark]) -> bool {
    marks.iter().any(|mark| match mark {
        Mark::Path(path) => path.fill == Some(Fill::Hatch),
        Mark::Group(group) => is_hatched(&group.marks),
        Mark::Picture(_) | Mark::Shadow(_) => false,
    })
}

/// Text in an attribute, without what XML 1.0 does not allow.
fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\u{fffe}' | '\u{ffff}' => {}
            other if other.is_control() => {}
            other => out.push(other),
        }
    }
}
