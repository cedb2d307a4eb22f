//! Plain values as lib0 writes them: where they end, and which of them are equal.
//!
//! Knows tags, not documents. The rule: two values have the same form exactly if JavaScript would see no difference, so
//! `1` as integer and as float are one, and `0`, `-0` and the BigInt `0n` are three.

use scrible_wire::varint::{Reader, write_number, write_var_bytes};
use scrible_wire::{Malformed, Reason};

/// How deep values may nest; rooms take no more than 64.
const MAX_DEPTH: usize = 128;

const BUFFER: u8 = 116;
const LIST: u8 = 117;
const OBJECT: u8 = 118;
const TEXT: u8 = 119;
const BIGINT: u8 = 122;
const DOUBLE: u8 = 123;
const FLOAT: u8 = 124;
const INTEGER: u8 = 125;

/// Steps over one value.
pub(super) fn skip(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    walk(reader, MAX_DEPTH, &mut Vec::new())
}

/// What equal values have in common and no others have: numbers as doubles, keys in order.
pub(super) fn form(value: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut reader = Reader::new(value);
    let mut form = Vec::with_capacity(value.len() + value.len() / 2);
    walk(&mut reader, MAX_DEPTH, &mut form)?;
    reader.end()?;
    Ok(form)
}

/// The value of bytes.
pub(super) fn of_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(bytes.len() + 6);
    value.push(BUFFER);
    write_var_bytes(&mut value, bytes);
    value
}

/// The bytes, if it is nothing else.
pub(super) fn bytes(value: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(value);
    let bytes = (reader.byte().ok()? == BUFFER)
        .then(|| reader.var_bytes().ok())
        .flatten()?;
    reader.end().ok()?;
    Some(bytes)
}

/// The text, if it is one.
pub(super) fn text(value: &[u8]) -> Option<&str> {
    let mut reader = Reader::new(value);
    (reader.byte().ok()? == TEXT)
        .then(|| reader.var_str().ok())
        .flatten()
}

/// The key of an entry as `YKeyValue` has them in its array: an object of exactly `key`, a text, and `val`.
pub(super) fn entry_key(value: &[u8]) -> Option<&str> {
    let mut reader = Reader::new(value);
    if reader.byte().ok()? != OBJECT || reader.number().ok()? != 2 {
        return None;
    }
    let (mut key, mut has_val) = (None, false);
    for _ in 0..2 {
        let name = reader.var_str().ok()?;
        let from = reader.at();
        skip(&mut reader).ok()?;
        match name {
            "key" => key = text(&value[from..reader.at()]),
            "val" => has_val = true,
            _ => return None,
        }
    }
    key.filter(|_| has_val)
}

/// Reads one value and appends its form.
fn walk(reader: &mut Reader<'_>, depth: usize, form: &mut Vec<u8>) -> Result<(), Malformed> {
    let at = reader.at();
    let tag = reader.byte()?;
    let deeper = || {
        depth.checked_sub(1).ok_or(Malformed {
            reason: Reason::Depth,
            at,
        })
    };
    match tag {
        // undefined, null, false, true
        127 | 126 | 121 | 120 => form.push(tag),
        INTEGER => write_double(form, signed(reader)?),
        FLOAT => {
            let bytes = reader.take(4)?.try_into().expect("took four");
            write_double(form, f64::from(f32::from_be_bytes(bytes)));
        }
        DOUBLE => {
            let bytes = reader.take(8)?.try_into().expect("took eight");
            write_double(form, f64::from_be_bytes(bytes));
        }
        BIGINT => {
            form.push(tag);
            form.extend_from_slice(reader.take(8)?);
        }
        TEXT => {
            form.push(tag);
            write_var_bytes(form, reader.var_str()?.as_bytes());
        }
        BUFFER => {
            form.push(tag);
            write_var_bytes(form, reader.var_bytes()?);
        }
        LIST => {
            let depth = deeper()?;
            let count = reader.count(1)?;
            form.push(tag);
            write_number(form, count as u64);
            for _ in 0..count {
                walk(reader, depth, form)?;
            }
        }
        OBJECT => {
            let depth = deeper()?;
            let count = reader.count(2)?;
            // As they come at first: mostly they are few, and what they hold needs no place of its own.
            let (mut entries, mut unsorted) = (Vec::with_capacity(count), Vec::new());
            for _ in 0..count {
                let key = reader.var_str()?;
                let from = unsorted.len();
                walk(reader, depth, &mut unsorted)?;
                entries.push((key, from..unsorted.len()));
            }
            // Of a key that comes twice the last one counts, as for who reads it into an object: sorting is stable.
            entries.sort_by_key(|(key, _)| *key);
            entries.reverse();
            entries.dedup_by_key(|(key, _)| *key);
            form.push(tag);
            write_number(form, entries.len() as u64);
            for (key, value) in entries {
                write_var_bytes(form, key.as_bytes());
                form.extend_from_slice(&unsorted[value]);
            }
        }
        _ => {
            return Err(Malformed {
                reason: Reason::Tag,
                at,
            });
        }
    }
    Ok(())
}

fn write_double(form: &mut Vec<u8>, number: f64) {
    // There are many NaNs, and JavaScript knows one.
    let number = if number.is_nan() { f64::NAN } else { number };
    form.push(DOUBLE);
    form.extend_from_slice(&number.to_bits().to_be_bytes());
}

/// A signed number: sign in bit 6 of the first byte, which holds 6 bits of it, 7 in each of the others.
fn signed(reader: &mut Reader<'_>) -> Result<f64, Malformed> {
    let at = reader.at();
    let first = reader.byte()?;
    let mut number = u64::from(first & 0x3f);
    let mut last = first;
    for shift in (6..56).step_by(7) {
        if last < 0x80 {
            break;
        }
        last = reader.byte()?;
        number |= u64::from(last & 0x7f) << shift;
    }
    if last >= 0x80 {
        return Err(Malformed {
            reason: Reason::Number,
            at,
        });
    }
    let sign = if first & 0x40 == 0 { 1.0 } else { -1.0 };
    Ok(sign * number as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn double(number: f64) -> Vec<u8> {
        let mut form = Vec::new();
        write_double(&mut form, number);
        form
    }

    #[test]
    fn numbers_are_equal_however_they_are_written() {
        for (number, writings) in [
            (
                1.0,
                &[
                    &[125, 1][..],
                    &[124, 0x3f, 0x80, 0, 0],
                    &[123, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0],
                ][..],
            ),
            (-0.0, &[&[125, 0x40], &[124, 0x80, 0, 0, 0]]),
            (0.0, &[&[125, 0], &[124, 0, 0, 0, 0]]),
            (-65.0, &[&[125, 0xc1, 1]]),
            (2147483647.0, &[&[125, 0xbf, 0xff, 0xff, 0xff, 0x0f]]),
            (
                f64::NAN,
                &[&[124, 0x7f, 0xc0, 0, 0], &[124, 0xff, 0xc0, 0, 1]],
            ),
        ] {
            for writing in writings {
                assert_eq!(form(writing).unwrap(), double(number), "{writing:?}");
            }
        }
        assert_ne!(double(0.0), double(-0.0));
        assert_ne!(form(&[122, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap(), double(0.0));
    }

    #[test]
    fn the_order_of_keys_does_not_count_but_that_of_lists_does() {
        let object = |entries: &[u8]| form(&[&[118, 2], entries].concat()).unwrap();
        assert_eq!(
            object(&[1, b'a', 120, 1, b'b', 121]),
            object(&[1, b'b', 121, 1, b'a', 120])
        );
        assert_ne!(
            form(&[117, 2, 120, 121]).unwrap(),
            form(&[117, 2, 121, 120]).unwrap()
        );
        let twice = object(&[1, b'a', 120, 1, b'a', 121]);
        assert_eq!(twice, form(&[118, 1, 1, b'a', 121]).unwrap());
    }

    #[test]
    fn malformed_values_are_refused() {
        for bytes in [
            &[115][..],
            &[117, 1],
            &[125, 0x80],
            &[120, 120],
            &[119, 1, 0xff],
        ] {
            assert!(form(bytes).is_err(), "{bytes:?}");
        }
        assert_eq!(
            form(&[117, 1].repeat(200)).unwrap_err().reason,
            Reason::Depth
        );
    }

    #[test]
    fn entries_are_objects_of_key_and_val_alone() {
        let key = [3, b'k', b'e', b'y', 119, 1, b'x'];
        let val = [3, b'v', b'a', b'l', 117, 1, 120];
        let object = |parts: &[&[u8]]| [&[118, parts.len() as u8], &parts.concat()[..]].concat();
        assert_eq!(entry_key(&object(&[&key, &val])), Some("x"));
        assert_eq!(entry_key(&object(&[&val, &key])), Some("x"));
        assert_eq!(entry_key(&object(&[&key, &key])), None);
        assert_eq!(entry_key(&object(&[&key, &val, &[1, b'z', 120]])), None);
        assert_eq!(
            entry_key(&object(&[&[3, b'k', b'e', b'y', 125, 1], &val])),
            None
        );
        assert_eq!(entry_key(&[120]), None);
    }
}
