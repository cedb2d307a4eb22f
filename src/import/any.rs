//! JSON as lib0 writes it into updates: the values that arrays and maps of a Yjs document hold.
//!
//! Knows tags and numbers, not what the values mean. The rule: the bytes are those that a JavaScript client would write for
//! the same JSON, so that who reads them sees the same numbers, and equal content compares equal.

use scrible_wire::varint::{write_number, write_var_bytes};
use serde_json::{Number, Value};

/// Whole numbers up to this take lib0's variable-length form; its readers calculate with 32 bits.
const MAX_WHOLE: f64 = i32::MAX as f64;

/// Appends one value. Keys keep their order.
pub fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(126),
        Value::Bool(false) => out.push(121),
        Value::Bool(true) => out.push(120),
        Value::Number(number) => write_any_number(out, number),
        Value::String(text) => {
            out.push(119);
            write_var_bytes(out, text.as_bytes());
        }
        Value::Object(entries) => {
            out.push(118);
            write_number(out, entries.len() as u64);
            for (key, value) in entries {
                write_var_bytes(out, key.as_bytes());
                write(out, value);
            }
        }
        Value::Array(values) => {
            out.push(117);
            write_number(out, values.len() as u64);
            for value in values {
                write(out, value);
            }
        }
    }
}

fn write_any_number(out: &mut Vec<u8>, number: &Number) {
    // JavaScript has no other numbers either: what JSON says beyond 2^53 is rounded there just so.
    let number = number.as_f64().unwrap_or(f64::NAN);
    if number.fract() == 0.0 && number.abs() <= MAX_WHOLE {
        out.push(125);
        write_signed(out, number.is_sign_negative(), number.abs() as u64);
    } else if f64::from(number as f32) == number {
        out.push(124);
        out.extend((number as f32).to_be_bytes());
    } else {
        out.push(123);
        out.extend(number.to_be_bytes());
    }
}

/// The sign stands in bit 6 of the first byte, which holds 6 bits of the number; the others hold 7.
fn write_signed(out: &mut Vec<u8>, negative: bool, number: u64) {
    let more = if number > 0x3f { 0x80 } else { 0 };
    let sign = if negative { 0x40 } else { 0 };
    out.push(more | sign | (number & 0x3f) as u8);
    if more > 0 {
        write_number(out, number >> 6);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(value: Value) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, &value);
        out
    }

    #[test]
    fn i4_values_are_written_as_lib0_writes_them() {
        for (value, bytes) in [
            (json!(null), &[126][..]),
            (json!(true), &[120]),
            (json!(false), &[121]),
            (json!(0), &[125, 0]),
            (json!(-0.0), &[125, 0x40]),
            (json!(1.0), &[125, 1]),
            (json!(-1), &[125, 0x41]),
            (json!(63), &[125, 0x3f]),
            (json!(64), &[125, 0x80, 1]),
            (json!(-64), &[125, 0xc0, 1]),
            (json!(2147483647), &[125, 0xbf, 0xff, 0xff, 0xff, 0x0f]),
            (json!(2147483648u32), &[124, 0x4f, 0, 0, 0]),
            (json!(0.5), &[124, 0x3f, 0, 0, 0]),
            (
                json!(0.1),
                &[123, 0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a],
            ),
            (
                json!(1700000000001u64),
                &[123, 0x42, 0x78, 0xbc, 0xfe, 0x56, 0x80, 0x10, 0],
            ),
            (json!("ä"), &[119, 2, 0xc3, 0xa4]),
            (json!([1, []]), &[117, 2, 125, 1, 117, 0]),
            (
                json!({"b": {}, "a": null}),
                &[118, 2, 1, b'b', 118, 0, 1, b'a', 126],
            ),
        ] {
            assert_eq!(written(value.clone()), bytes, "{value}");
        }
    }
}
