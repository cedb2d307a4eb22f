//! The keys by which editors put siblings in order.
//!
//! Knows their alphabet and that they compare as bytes. The rule: keys are compared as they stand, whether or not an editor
//! would call them well-formed: whatever is there is drawn somewhere.

use std::cmp::Ordering;

/// Digits from low to high; their order as bytes is the same.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Compares siblings: by key, and where two have the same key by id, which editors leave open.
pub(crate) fn compare(one: (&str, &str), other: (&str, &str)) -> Ordering {
    one.cmp(&other)
}

/// The beginning of a key: where it differs it compares as the keys do, and far faster.
pub(crate) fn beginning(key: &str) -> u64 {
    let mut bytes = [0; 8];
    let taken = key.len().min(bytes.len());
    bytes[..taken].copy_from_slice(&key.as_bytes()[..taken]);
    u64::from_be_bytes(bytes)
}

/// Whether the newest editors would write this key anew: it ends in 0, and is not the very first.
pub(crate) fn is_old(key: &str) -> bool {
    key.ends_with('0') && key != "a0"
}

/// Keys from the first on: `a1`, `a2`, … `az`, `b01`, …, none of them ending in 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Keys {
    given: usize,
}

impl Iterator for Keys {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        // Counted without the numbers that end in 0: every 61 keys there is one.
        let last = DIGITS[1 + self.given % 61];
        let mut above = self.given / 61;
        self.given += 1;
        // The first letter says how many digits follow: `a` one, `b` two.
        let mut digits = 1u8;
        let mut room = 1usize;
        while above >= room {
            above -= room;
            room = room.checked_mul(62)?;
            digits += 1;
        }
        let mut key = vec![b'a' + digits - 1];
        for place in (0..u32::from(digits) - 1).rev() {
            key.push(DIGITS[above / 62usize.pow(place) % 62]);
        }
        key.push(last);
        String::from_utf8(key).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_rise_and_none_ends_in_zero() {
        let keys: Vec<_> = Keys::default().take(300_000).collect();
        assert_eq!(keys[..3], ["a1", "a2", "a3"]);
        assert_eq!(keys[60..63], ["az", "b01", "b02"]);
        assert!(keys.is_sorted_by(|one, other| one < other));
        assert!(!keys.iter().any(|key| is_old(key)));
    }

    #[test]
    fn siblings_sort_as_bytes_and_equal_keys_by_id() {
        let sorted = ["Zz", "a0", "a1", "a1V", "a2", "aA", "az", "b00"];
        assert!(sorted.is_sorted_by(|one, other| compare((one, ""), (other, "")).is_lt()));
        assert!(compare(("a1", "shape:a"), ("a1", "shape:b")).is_lt());
        assert!(sorted.is_sorted_by(|one, other| beginning(one) < beginning(other)));
        assert!(beginning("a1234567V") == beginning("a1234567"));
        assert!(beginning("é") > beginning("zzz") && beginning("") == 0);
        assert!(is_old("a10") && is_old("b00") && !is_old("a0") && !is_old("a01"));
    }
}
