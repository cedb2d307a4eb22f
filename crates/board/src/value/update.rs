//! Values as they stand in updates.
//!
//! Knows lib0's tags, not documents. The rule: bytes come from an update that the gate has let through, but nothing here
//! relies on it: what cannot be read is not there.

use std::borrow::Cow;

use scrible_wire::Malformed;
use scrible_wire::value::step;
use scrible_wire::varint::Reader;

use super::{Budget, Object, TooLarge, Value};

const LIST: u8 = 117;
const OBJECT: u8 = 118;
const TEXT: u8 = 119;

/// Values inside values of an update that is read; the rooms of a server take fewer.
pub(crate) const MOST_DEPTH: usize = 500;

/// The most room that is made for a list before its values are there.
const MOST_ROOM: usize = 1_024;

/// A value with its bytes.
pub(crate) struct Read<'d> {
    /// `None` is JavaScript's undefined.
    pub(crate) value: Option<Value<'d>>,
    pub(crate) bytes: &'d [u8],
}

/// Reads the value that bytes begin with. Numbers that are not finite become null and undefined fields vanish, as when a
/// browser writes JSON; fields are sorted.
pub(crate) fn read<'d>(
    bytes: &'d [u8],
    budget: &mut Budget,
    nesting: usize,
) -> Result<Read<'d>, TooLarge> {
    let mut reader = Reader::new(bytes);
    let value = value(&mut reader, budget, nesting)?;
    Ok(Read {
        value,
        bytes: &bytes[..reader.at()],
    })
}

/// The text that bytes begin with, if it is one.
pub(crate) fn text(bytes: &[u8]) -> Option<&str> {
    let mut reader = tagged(bytes, TEXT)?;
    reader.var_str().ok()
}

/// The values of the list that bytes begin with, if it is one. What they begin is all that is said: the last may be cut off.
pub(crate) fn items(bytes: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let mut reader = tagged(bytes, LIST)?;
    let count = reader.count(1).ok()?;
    Some((0..count).map_while(move |at| {
        // Over one before the next is wanted: nobody steps over the last, which mostly is the largest.
        if at > 0 {
            step(&mut reader, MOST_DEPTH).ok()?;
        }
        Some(&bytes[reader.at()..])
    }))
}

/// The keys and values of the object that bytes begin with, if it is one; values as in [`items`]. A key may stand twice; the
/// last counts.
pub(crate) fn fields(bytes: &[u8]) -> Option<impl Iterator<Item = (&str, &[u8])>> {
    let mut reader = tagged(bytes, OBJECT)?;
    let count = reader.count(2).ok()?;
    Some((0..count).map_while(move |at| {
        if at > 0 {
            step(&mut reader, MOST_DEPTH).ok()?;
        }
        let key = reader.var_str().ok()?;
        Some((key, &bytes[reader.at()..]))
    }))
}

fn tagged(bytes: &[u8], tag: u8) -> Option<Reader<'_>> {
    let mut reader = Reader::new(bytes);
    (reader.byte() == Ok(tag)).then_some(reader)
}

fn value<'d>(
    reader: &mut Reader<'d>,
    budget: &mut Budget,
    nesting: usize,
) -> Result<Option<Value<'d>>, TooLarge> {
    budget.take(0)?;
    let inner = || nesting.checked_sub(1).ok_or(TooLarge);
    Ok(Some(match reader.byte()? {
        127 => return Ok(None),
        126 => Value::Null,
        125 => Value::from(reader.signed()?),
        124 => Value::float(f32::from_be_bytes(bytes(reader)?).into()),
        123 => Value::float(f64::from_be_bytes(bytes(reader)?)),
        122 => Value::from(i64::from_be_bytes(bytes(reader)?)),
        121 => Value::Bool(false),
        120 => Value::Bool(true),
        TEXT => {
            let text = reader.var_str()?;
            budget.take(text.len())?;
            Value::from(text)
        }
        OBJECT => {
            let inner = inner()?;
            let count = reader.count(2)?;
            let mut fields = Vec::with_capacity(count.min(MOST_ROOM));
            for _ in 0..count {
                let key = reader.var_str()?;
                budget.take(key.len())?;
                if let Some(value) = value(reader, budget, inner)? {
                    fields.push((Cow::Borrowed(key), value));
                }
            }
            Value::Object(Object::sorted(fields))
        }
        LIST => {
            let inner = inner()?;
            let count = reader.count(1)?;
            let mut list = Vec::with_capacity(count.min(MOST_ROOM));
            for _ in 0..count {
                let value = value(reader, budget, inner)?;
                list.push(value.unwrap_or(Value::Null));
            }
            Value::List(list)
        }
        // Bytes, for which JSON has nothing.
        116 => {
            reader.var_bytes()?;
            Value::Null
        }
        _ => return Err(TooLarge),
    }))
}

fn bytes<const N: usize>(reader: &mut Reader<'_>) -> Result<[u8; N], TooLarge> {
    let bytes = reader.take(N)?;
    Ok(bytes.try_into().expect("as many as were asked for"))
}

impl From<Malformed> for TooLarge {
    /// Bytes that the gate has let through never come to this.
    fn from(_: Malformed) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    use yrs::{Any, Number};

    use super::*;

    fn encoded(any: &Any) -> Vec<u8> {
        let mut bytes = Vec::new();
        any.encode(&mut bytes);
        bytes
    }

    fn json(bytes: &[u8]) -> Result<String, TooLarge> {
        let read = read(bytes, &mut Budget(1_000), 5)?;
        assert_eq!(read.bytes, bytes);
        Ok(read.value.map_or_else(String::new, |value| value.to_json()))
    }

    #[test]
    fn numbers_are_written_as_a_browser_does() {
        for (number, text) in [
            (Number::Float(100.0), "100"),
            (Number::Float(-0.0), "0"),
            (Number::Float(0.1), "0.1"),
            (Number::Float(0.5), "0.5"),
            (Number::Float(1e300), "1e+300"),
            (Number::Float(f64::NAN), "null"),
            (Number::Float(f64::INFINITY), "null"),
            (Number::Int(-7), "-7"),
            (Number::Int(1 << 40), "1099511627776"),
        ] {
            assert_eq!(json(&encoded(&Any::Number(number))).unwrap(), text);
        }
        let bigint = [&[122][..], &(-5i64).to_be_bytes()].concat();
        assert_eq!(json(&bigint).unwrap(), "-5");
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let any = Any::from_json(r#"{"b":[1,"x",null,true],"a":{"d":{},"c":false}}"#).unwrap();
        let text = r#"{"a":{"c":false,"d":{}},"b":[1,"x",null,true]}"#;
        assert_eq!(json(&encoded(&any)).unwrap(), text);
        // Bytes, and undefined in a list and in an object.
        let odd = [117, 3, 116, 1, 9, 127, 118, 1, 1, b'k', 127];
        assert_eq!(json(&odd).unwrap(), "[null,null,{}]");
        assert_eq!(json(&[127]).unwrap(), "");
        let twice = [118, 2, 1, b'k', 125, 1, 1, b'k', 125, 2];
        assert_eq!(json(&twice).unwrap(), r#"{"k":2}"#);
    }

    #[test]
    fn what_is_too_deep_or_too_long_is_refused() {
        let nested = |deep: usize| (0..deep).fold(Any::Null, |any, _| Any::from(vec![any]));
        let refused = |any: Any| json(&encoded(&any)).is_err();
        assert!(!refused(nested(5)));
        assert!(refused(nested(6)));
        assert!(refused(Any::from("x".repeat(2_000))));
        assert!(refused(Any::from(vec![Any::Null; 600])));
        assert!(json(&[117, 0xff, 0xff, 0x7f, 126]).is_err());
        assert!(json(&[118, 1, 1]).is_err());
    }

    #[test]
    fn one_level_can_be_looked_at() {
        let any = Any::from_json(r#"{"a":[1,{"x":"y"}],"b":"text"}"#).unwrap();
        let bytes = encoded(&any);
        let mut found: Vec<_> = fields(&bytes).unwrap().collect();
        found.sort_unstable();
        assert_eq!((found[0].0, found[1].0), ("a", "b"));
        let inner: Vec<_> = items(found[0].1).unwrap().collect();
        assert!(inner[0].starts_with(&[125, 1]));
        assert!(fields(inner[1]).is_some() && items(inner[1]).is_none());
        assert_eq!((text(found[1].1), text(inner[0])), (Some("text"), None));
        assert!(fields(&[118, 2, 1, b'k']).is_none());
        let cut = [118, 2, 1, b'k', 119, 9];
        assert_eq!(fields(&cut).map(Iterator::count), Some(1));
    }
}
