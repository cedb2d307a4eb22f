//! Writes a scene as SVG that looks the same everywhere.
//!
//! No script, no HTML inside, no reference to anything outside, no fonts: letters are paths. Knows elements and attributes.
//! The rule: what comes from strangers reaches the text only as numbers, as path data that we wrote, or escaped.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use kurbo::{Affine, Rect};

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
    let mut writer = Writer::default();
    let layers: Vec<_> = scene.layers.iter().collect();
    writer.head(scene, &layers);
    writer.background(scene);
    for run in layers.chunk_by(|one, other| one.clip == other.clip) {
        writer.run(run, |written| {
            stop.check()?;
            match written <= limits.svg_bytes {
                true => Ok(()),
                false => Err(ExportError::SvgTooLarge {
                    limit: limits.svg_bytes,
                }),
            }
        })?;
    }
    writer.text.push_str("</svg>\n");
    Ok(writer.text)
}

/// Some layers of a scene in their places, without the background. Their marks are what makes it long. With a rectangle of
/// the page to keep to, whoever paints keeps no pictures of what is beyond it.
pub(crate) fn part(
    scene: &Scene,
    layers: &[&Layer],
    keep: Option<Rect>,
) -> Result<String, ExportError> {
    let mut writer = Writer {
        keep,
        ..Writer::default()
    };
    writer.head(scene, layers);
    for run in layers.chunk_by(|one, other| one.clip == other.clip) {
        writer.run(run, |_| Ok(()))?;
    }
    writer.text.push_str("</svg>\n");
    Ok(writer.text)
}

#[derive(Default)]
struct Writer {
    text: String,
    /// Clips that stand beside their paths.
    cuts: usize,
    /// What of the page is painted, where that is less than the view.
    keep: Option<Rect>,
    /// Filters that keep to it.
    kept: usize,
    /// From the space that is being written to the page's.
    to_page: Affine,
}

/// A number as JavaScript prints it, with at most four digits after the point.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scaled = self.0 * 1e4;
        if scaled.abs() < 9e15 {
            return out.write_str(Decimal::new::<4>(scaled.round() as i64, Zero::Written).as_str());
        }
        // Beyond that no digits are left after the point.
        out.write_str(ryu_js::Buffer::new().format(self.0))
    }
}

impl Writer {
    fn head(&mut self, scene: &Scene, layers: &[&Layer]) {
        let (w, h) = scene.size;
        let view = scene.view;
        let _ = write!(
            self.text,
            concat!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{}" height="{}" viewBox="{} {} {} {}" "#,
                r#"preserveAspectRatio="none" stroke-linecap="round" stroke-linejoin="round">"#
            ),
            Number(w),
            Number(h),
            Full(view.x0),
            Full(view.y0),
            Full(view.width()),
            Full(view.height()),
        );
        let mut used = Used::default();
        for layer in layers {
            used.clips.extend(layer.clip);
            used.add(&layer.marks);
        }
        self.definitions(scene, &used);
    }

    fn background(&mut self, scene: &Scene) {
        let view = scene.view;
        if let Some(color) = scene.background {
            // A little more than the view, whose edge may lie between pixels.
            let _ = write!(
                self.text,
                r#"<rect x="{}" y="{}" width="{}" height="{}"{}/>"#,
                Number(view.x0 - 1.0),
                Number(view.y0 - 1.0),
                Number(view.width() + 2.0),
                Number(view.height() + 2.0),
                Paint("fill", color, 1.0),
            );
        }
    }

    fn definitions(&mut self, scene: &Scene, used: &Used) {
        if *used == Used::default() {
            return;
        }
        self.text.push_str("<defs>");
        if used.hatch {
            let _ = write!(self.text, "{}", Hatch(scene.paper));
        }
        for at in &used.clips {
            self.clip(&format!("c{at}"), &scene.clips[*at]);
        }
        for at in &used.pictures {
            // Data URLs of our own making hold nothing to escape. Inkscape heeds no reference without the old prefix.
            let picture = &scene.pictures[*at];
            let _ = write!(
                self.text,
                r#"<image id="i{at}" width="1" height="1" preserveAspectRatio="none" image-rendering="smooth" xlink:href="{picture}"/>"#
            );
        }
        self.text.push_str("</defs>");
    }

    /// Layers of one clip. After each, `check` is told how long all is.
    fn run(
        &mut self,
        layers: &[&Layer],
        check: impl Fn(usize) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let clip = layers.first().and_then(|layer| layer.clip);
        if let Some(clip) = clip {
            let kept = self.kept();
            let _ = write!(self.text, r#"<g clip-path="url(#c{clip})"{kept}>"#);
        }
        for layer in layers {
            self.layer(layer);
            check(self.text.len())?;
        }
        if clip.is_some() {
            self.text.push_str("</g>");
        }
        Ok(())
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
        self.to_page = layer.transform;
        if let [Mark::Path(path)] = &layer.marks[..]
            && path.is_single()
        {
            let _ = write!(self.text, "<g{}>", Transform(layer.transform));
            self.path(path, layer.opacity);
        } else {
            let kept = match layer.opacity < 1.0 {
                true => self.kept(),
                false => String::new(),
            };
            let _ = write!(self.text, "<g{}{kept}", Transform(layer.transform));
            self.opacity(layer.opacity);
            self.text.push('>');
            self.marks(&layer.marks);
        }
        self.text.push_str("</g>");
        self.to_page = Affine::IDENTITY;
    }

    fn marks(&mut self, marks: &[Mark]) {
        for mark in marks {
            match mark {
                Mark::Path(it) => self.path(it, 1.0),
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
        let around = self.to_page;
        self.to_page = around * group.transform;
        let cut = group
            .clip
            .as_ref()
            .map(|clip| (self.cut(clip), self.kept()));
        let _ = write!(self.text, "<g{}", Transform(group.transform));
        if let Some((cut, kept)) = cut {
            let _ = write!(self.text, r#" clip-path="url(#{cut})"{kept}"#);
        }
        if let Some(words) = &group.words {
            self.text.push_str(r#" role="img" aria-label=""#);
            escape(words, &mut self.text);
            self.text.push('"');
        }
        self.text.push('>');
        self.marks(&group.marks);
        self.to_page = around;
        self.text.push_str("</g>");
    }

    /// A path, and the opacity of what is around when that is nothing but the path.
    fn path(&mut self, path: &PathMark, around: f64) {
        if path.data.is_empty() {
            return;
        }
        self.text.push_str("<path");
        // What is painted once needs no picture of its own to be seen through.
        let opacity = path.opacity * around;
        let (painted, whole) = match path.is_single() {
            true => (opacity, 1.0),
            false => (1.0, opacity),
        };
        match path.fill {
            None => self.text.push_str(r#" fill="none""#),
            Some(Fill::Hatch) => {
                self.text.push_str(r#" fill="url(#hatch)""#);
                self.paint_opacity("fill", painted);
            }
            Some(Fill::Plain(color)) => {
                let _ = write!(self.text, "{}", Paint("fill", color, painted));
            }
        }
        if let Some(stroke) = &path.stroke {
            let width = Number(stroke.width);
            let _ = write!(
                self.text,
                r#"{} stroke-width="{width}""#,
                Paint("stroke", stroke.color, painted)
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
        self.opacity(whole);
        let _ = write!(self.text, r#" d="{}"/>"#, path.data);
    }

    fn paint_opacity(&mut self, name: &str, opacity: f64) {
        if opacity < 1.0 {
            let _ = write!(self.text, r#" {name}-opacity="{}""#, Number(opacity));
        }
    }

    fn picture(&mut self, it: &PictureMark) {
        let (picture, place) = (it.picture, Transform(it.place));
        let _ = write!(self.text, r##"<use xlink:href="#i{picture}"{place}/>"##);
    }

    /// Defines a filter right here that changes nothing but where a picture ends; an attribute that names it. It is needed
    /// wherever whoever paints keeps a picture for an element.
    fn kept(&mut self) -> String {
        let Some(keep) = self.keep else {
            return String::new();
        };
        let rect = self.to_page.inverse().transform_rect_bbox(keep);
        if !rect.is_finite() {
            return String::new();
        }
        let at = self.kept;
        self.kept += 1;
        let _ = write!(
            self.text,
            concat!(
                r#"<filter id="t{}" filterUnits="userSpaceOnUse" x="{}" y="{}" width="{}" height="{}" "#,
                r#"color-interpolation-filters="sRGB"><feOffset/></filter>"#
            ),
            at,
            Full(rect.x0),
            Full(rect.y0),
            Full(rect.width()),
            Full(rect.height()),
        );
        format!(r#" filter="url(#t{at})""#)
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

/// An attribute with a color, and a second one where it is seen through: the color's own opacity times another.
struct Paint(&'static str, Rgba, f64);

impl fmt::Display for Paint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name, color, opacity) = self;
        write!(out, r#" {name}="{}""#, color.to_hex())?;
        let opacity = color.opacity() * opacity;
        if opacity < 1.0 {
            write!(out, r#" {name}-opacity="{}""#, Number(opacity))?;
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
            paint = Paint("fill", self.0, 1.0),
        )
    }
}

/// What of the scene's definitions layers use.
#[derive(Default, PartialEq)]
struct Used {
    hatch: bool,
    clips: BTreeSet<usize>,
    pictures: BTreeSet<usize>,
}

impl Used {
    fn add(&mut self, marks: &[Mark]) {
        for mark in marks {
            match mark {
                Mark::Path(path) => self.hatch |= path.fill == Some(Fill::Hatch),
                Mark::Picture(it) => {
                    self.pictures.insert(it.picture);
                }
                Mark::Shadow(it) => {
                    self.pictures.extend(it.rim.iter().map(|part| part.picture));
                }
                Mark::Group(group) => self.add(&group.marks),
            }
        }
    }
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
