//! What stands under the roots of a document, told from its JSON.
//!
//! Counts and keeps nothing: the JSON of a large room is several times its size. The rule: names come out as they are.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// A root type of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Root {
    /// Its name.
    pub root: String,
    /// What it shows: `array`, `map` or `text`; `value` for what else JSON has.
    pub shows: &'static str,
    /// Elements, entries or characters.
    pub len: u64,
}

/// All roots that show anything, in the order of the JSON.
///
/// # Errors
/// When it is no JSON object.
pub fn roots(json: &[u8]) -> serde_json::Result<Vec<Root>> {
    let Roots(roots) = serde_json::from_slice(json)?;
    Ok(roots)
}

struct Roots(Vec<Root>);

struct Shape {
    shows: &'static str,
    len: u64,
}

impl<'de> Deserialize<'de> for Roots {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reading;

        impl<'de> Visitor<'de> for Reading {
            type Value = Roots;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a value for each root")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Roots, A::Error> {
                let mut roots = Vec::new();
                while let Some((root, Shape { shows, len })) = map.next_entry::<String, Shape>()? {
                    roots.push(Root { root, shows, len });
                }
                Ok(Roots(roots))
            }
        }

        from.deserialize_map(Reading)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Counting;

        impl<'de> Visitor<'de> for Counting {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("what a root shows")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
                let mut len = 0;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    len += 1;
                }
                let shows = "map";
                Ok(Shape { shows, len })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
                let mut len = 0;
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    len += 1;
                }
                let shows = "array";
                Ok(Shape { shows, len })
            }

            fn visit_str<E>(self, text: &str) -> Result<Shape, E> {
                let len = text.chars().count() as u64;
                Ok(Shape { shows: "text", len })
            }

            fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
                Ok(VALUE)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
                Ok(VALUE)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
                Ok(VALUE)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
                Ok(VALUE)
            }

            fn visit_unit<E>(self) -> Result<Shape, E> {
                Ok(VALUE)
            }
        }

        from.deserialize_any(Counting)
    }
}

const VALUE: Shape = Shape {
    shows: "value",
    len: 1,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_root_is_told_with_what_it_shows_and_how_much() {
        let json = r#"{"b":[1,{"x":[2]},null],"a":{"x":1,"y":"z"},"t":"häß","n":1.5,"z":null}"#;
        let roots = roots(json.as_bytes()).unwrap();
        let told: Vec<_> = roots
            .iter()
            .map(|root| (&*root.root, root.shows, root.len))
            .collect();
        assert_eq!(
            told,
            [
                ("b", "array", 3),
                ("a", "map", 2),
                ("t", "text", 3),
                ("n", "value", 1),
                ("z", "value", 1)
            ]
        );
        for broken in ["[]", "{", "{\"a\":[1}"] {
            assert!(super::roots(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
