//! Typed looks into the fields of one record.
//!
//! Knows JSON and limits, not which fields there are. The rule: no field can fail a record: what cannot be read gives its
//! default and a note, what is beyond the limits is cut with a note, and what is missing gives its default in silence, since
//! records of all ages are met.

use kurbo::Point;

use crate::limits::Limits;
use crate::note::{Notes, Problem, cut};
use crate::rich_text::{Bounds, RichText};
use crate::style::{Color, Named, ThemeColor};
use crate::value::{Object, Value};

/// Bytes of a color's name.
const MOST_COLOR_BYTES: usize = 64;

/// What all records of a board share while they are read.
pub(crate) struct Reader {
    pub(crate) limits: Limits,
    pub(crate) notes: Notes,
    /// Points that may still be read.
    pub(crate) points: usize,
}

/// The fields of an object in a record.
pub(crate) struct Fields<'r> {
    id: &'r str,
    map: Option<&'r Object<'r>>,
    reader: &'r mut Reader,
}

impl<'r> Fields<'r> {
    /// Looks into an object; what is none has no fields.
    pub(crate) fn of(id: &'r str, object: Option<&'r Value<'r>>, reader: &'r mut Reader) -> Self {
        Self {
            id,
            map: object.and_then(Value::as_object),
            reader,
        }
    }

    pub(crate) fn reader(&mut self) -> &mut Reader {
        self.reader
    }

    /// The id of the record.
    pub(crate) fn id(&self) -> &'r str {
        self.id
    }

    /// The value as it stands; null counts as missing.
    pub(crate) fn raw(&self, name: &str) -> Option<&'r Value<'r>> {
        self.map?.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn note(&mut self, problem: Problem) {
        self.reader.notes.add(self.id, problem);
    }

    /// A field that is there, or word that it is of the wrong type.
    fn get<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&'r Value<'r>) -> Option<T>,
    ) -> Option<T> {
        let value = self.raw(name)?;
        let read = read(value);
        if read.is_none() {
            self.note(Problem::BadField(name));
        }
        read
    }

    /// A number within the limits.
    pub(crate) fn number(&mut self, name: &'static str, default: f64) -> f64 {
        let number = self.get(name, finite);
        number.map_or(default, |number| self.within(name, number))
    }

    /// A number, or none where the field is missing or null.
    pub(crate) fn optional_number(&mut self, name: &'static str) -> Option<f64> {
        let number = self.get(name, finite)?;
        Some(self.within(name, number))
    }

    /// A length: not negative.
    pub(crate) fn length(&mut self, name: &'static str, default: f64) -> f64 {
        let length = self.number(name, default);
        if length < 0.0 {
            self.note(Problem::Cut(name));
        }
        length.max(0.0)
    }

    /// A factor by which things are multiplied: above zero.
    pub(crate) fn factor(&mut self, name: &'static str) -> f64 {
        let factor = self.number(name, 1.0);
        if factor > 0.0 {
            return factor;
        }
        self.note(Problem::BadField(name));
        1.0
    }

    /// A share of a whole: 0 to 1.
    pub(crate) fn share(&mut self, name: &'static str, default: f64) -> f64 {
        self.number(name, default).clamp(0.0, 1.0)
    }

    pub(crate) fn flag(&mut self, name: &'static str, default: bool) -> bool {
        self.get(name, Value::as_bool).unwrap_or(default)
    }

    /// A text, empty where there is none, cut to the limits.
    pub(crate) fn text(&mut self, name: &'static str) -> String {
        self.optional_text(name).unwrap_or_default()
    }

    pub(crate) fn optional_text(&mut self, name: &'static str) -> Option<String> {
        let text = self.get(name, Value::as_str)?;
        let kept = cut(text, self.reader.limits.text_bytes);
        if kept.len() < text.len() {
            self.note(Problem::Cut(name));
        }
        Some(kept.to_owned())
    }

    /// A text that is of no use when it is cut: bounded by the bytes of its record alone.
    pub(crate) fn source(&mut self, name: &'static str) -> Option<String> {
        self.get(name, Value::as_str).map(str::to_owned)
    }

    /// One of the names of a style.
    pub(crate) fn style<T: Named>(&mut self, name: &'static str, default: T) -> T {
        self.get(name, |value| T::named(value.as_str()?))
            .unwrap_or(default)
    }

    pub(crate) fn color(&mut self, name: &'static str) -> Color {
        let color = self.get(name, |value| {
            let text = value.as_str()?;
            let theme = ThemeColor::named(text).map(Color::Theme);
            let other = || (text.len() <= MOST_COLOR_BYTES).then(|| Color::Other(text.to_owned()));
            theme.or_else(other)
        });
        color.unwrap_or(Color::BLACK)
    }

    pub(crate) fn rich_text(&mut self) -> RichText {
        let object = |value: &'r Value<'r>| value.as_object().map(|_| value);
        let Some(doc) = self.get("richText", object) else {
            return RichText::default();
        };
        let bounds = Bounds {
            text_bytes: self.reader.limits.text_bytes,
            nesting: self.reader.limits.nesting,
        };
        RichText::read(doc, bounds).unwrap_or_else(|cut| {
            self.note(Problem::Cut("richText"));
            cut
        })
    }

    /// A point `{x, y}`; the note names the point, not its coordinate.
    pub(crate) fn point(&mut self, name: &'static str) -> Option<Point> {
        let read = |value: &Value<'_>| Some((finite(value.get("x")?)?, finite(value.get("y")?)?));
        let (x, y) = self.get(name, read)?;
        Some(Point::new(self.within(name, x), self.within(name, y)))
    }

    /// The fields of an object inside of this one.
    pub(crate) fn inner(&mut self, name: &str) -> Option<Fields<'_>> {
        let object = self.raw(name)?;
        Some(Fields::of(self.id, Some(object), self.reader))
    }

    fn within(&mut self, name: &'static str, number: f64) -> f64 {
        let most = self.reader.limits.coordinate;
        if number.abs() > most {
            self.note(Problem::Cut(name));
        }
        number.clamp(-most, most)
    }
}

/// A number that one can reckon with.
pub(crate) fn finite(value: &Value<'_>) -> Option<f64> {
    value.as_f64().filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::Dash;
    use serde_json::json;

    fn reader() -> Reader {
        let limits = Limits {
            text_bytes: 4,
            coordinate: 1e3,
            ..Limits::default()
        };
        Reader {
            notes: Notes::at_most(100),
            points: 10,
            limits,
        }
    }

    #[test]
    fn a_bad_field_gives_its_default_and_a_note() {
        let mut reader = reader();
        let text = json!({
            "w": "wide", "far": 1e300, "negative": -3, "scale": 0, "dash": "wavy", "flag": 1, "text": "grüße",
            "color": "rebeccapurple", "gone": null, "share": 7, "point": {"x": 1},
        });
        let text = text.to_string();
        let record = serde_json::from_str(&text).unwrap();
        let mut fields = Fields::of("shape:x", Some(&record), &mut reader);
        assert_eq!(fields.number("w", 5.0), 5.0);
        assert_eq!(fields.number("far", 5.0), 1e3);
        assert_eq!(fields.length("negative", 5.0), 0.0);
        assert_eq!(fields.factor("scale"), 1.0);
        assert_eq!(fields.style("dash", Dash::Draw), Dash::Draw);
        assert!(!fields.flag("flag", false));
        assert_eq!(fields.text("text"), "grü");
        assert_eq!(fields.point("point"), None);
        let noted = reader.notes.kept().len();
        assert_eq!(noted, 8, "{:?}", reader.notes.kept());

        let mut fields = Fields::of("shape:x", Some(&record), &mut reader);
        assert_eq!(
            fields.color("color"),
            Color::Other("rebeccapurple".to_owned())
        );
        assert_eq!(fields.optional_number("gone"), None);
        assert_eq!(fields.number("missing", 7.0), 7.0);
        assert_eq!(fields.share("share", 0.5), 1.0);
        assert_eq!(reader.notes.kept().len(), noted);
    }
}
