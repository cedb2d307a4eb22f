//! Values from JSON text and to it.
//!
//! Knows serde, not records. The rule: what is written reads as the same value, in the same order.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::{Number, Object, Value};

impl Value<'_> {
    /// As JSON text.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("all keys of a value are texts")
    }

    /// As a value of [`serde_json`].
    pub(crate) fn to_serde(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("all keys of a value are texts")
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(bool) => serializer.serialize_bool(*bool),
            Self::Number(Number::Whole(number)) => serializer.serialize_i64(*number),
            Self::Number(Number::Large(number)) => serializer.serialize_u64(*number),
            Self::Number(Number::Float(number)) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(list) => serializer.collect_seq(list),
            Self::Object(object) => serializer.collect_map(object.iter()),
        }
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, bool: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(bool))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(Value::from(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(match i64::try_from(number) {
            Ok(number) => Number::Whole(number),
            Err(_) => Number::Large(number),
        }))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value<'de>, E> {
        Ok(match number.is_finite() {
            true => Value::Number(Number::Float(number)),
            false => Value::Null,
        })
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::from(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::from(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element()? {
            list.push(value);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some((Key(key), value)) = map.next_entry()? {
            fields.push((key, value));
        }
        Ok(Value::Object(Object::listed(fields)))
    }
}

/// The key of a field, which serde would always copy.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Keys)
    }
}

struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_through_unchanged() {
        for text in [
            "null",
            "[true,false,[],{}]",
            r#"{"b":1,"a":-2,"\n":"\"é\u0001"}"#,
            "[0.1,-0.0,1.0,1e+300,5e-324,9223372036854775807,9223372036854775808,18446744073709551615,-9223372036854775808]",
        ] {
            let value: Value<'_> = serde_json::from_str(text).unwrap();
            assert_eq!(value.to_json(), text);
            let other: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(value.to_serde(), other);
            assert_eq!(value.to_serde().to_string(), text);
        }
    }

    #[test]
    fn texts_stay_where_they_stand() {
        let text = r#"{"plain":"a","esc\naped":"b\n"}"#;
        let value: Value<'_> = serde_json::from_str(text).unwrap();
        let Value::Object(object) = value else {
            panic!("an object")
        };
        let borrowed = |text: &Cow<'_, str>| matches!(text, Cow::Borrowed(_));
        let fields = object.into_fields();
        let texts = fields.iter().map(|(key, value)| match value {
            Value::Text(text) => (borrowed(key), borrowed(text)),
            other => panic!("{other:?}"),
        });
        assert_eq!(texts.collect::<Vec<_>>(), [(true, true), (false, false)]);
    }

    #[test]
    fn a_key_that_stands_again_counts_once() {
        let value: Value<'_> = serde_json::from_str(r#"{"a":1,"b":2,"a":3}"#).unwrap();
        assert_eq!(value.to_json(), r#"{"a":3,"b":2}"#);
    }
}
