//! The lib0 primitives that everything else is written in: variable-length numbers, byte strings and text.
//!
//! Knows nothing of what is encoded. The rule: reading accepts what lib0 accepts, up to 8 bytes and 2^53 - 1 (numbers
//! need not be minimal), and writing is always minimal.

use crate::limits::{MAX_CLIENT, MAX_CLOCK};
use crate::malformed::{Malformed, Reason};

/// The greatest number that lib0 reads: 2^53 - 1.
pub const MAX_NUMBER: u64 = MAX_CLIENT - 1;

/// A place in bytes that are being read.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Text need not be looked at: it was before.
    again: bool,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader {
            bytes,
            at: 0,
            again: false,
        }
    }

    /// Starts at `at`, which must not lie beyond the end, in bytes of which the same was read before.
    pub(crate) fn again(bytes: &'a [u8], at: usize) -> Self {
        debug_assert!(at <= bytes.len());
        Reader {
            bytes,
            at,
            again: true,
        }
    }

    /// The offset of the next byte.
    #[inline]
    pub fn at(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        self.at = self.bytes.len();
        rest
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        match self.bytes.get(self.at) {
            Some(byte) => {
                self.at += 1;
                Ok(*byte)
            }
            None => Err(Reason::Truncated.at(self.at)),
        }
    }

    /// An unsigned number of up to 8 bytes and 2^53 - 1.
    #[inline]
    pub fn number(&mut self) -> Result<u64, Malformed> {
        match self.bytes.get(self.at) {
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(*byte))
            }
            _ => self.long_number(),
        }
    }

    fn long_number(&mut self) -> Result<u64, Malformed> {
        let start = self.at;
        let mut number = 0;
        for shift in (0..56).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return if number <= MAX_NUMBER {
                    Ok(number)
                } else {
                    Err(Reason::Number.at(start))
                };
            }
        }
        Err(Reason::Number.at(start))
    }

    /// A signed number: sign in bit 6 of the first byte, which holds 6 bits; 7 in each of the others. -0 is 0.
    #[inline]
    pub fn signed(&mut self) -> Result<i64, Malformed> {
        let start = self.at;
        let first = self.byte()?;
        let mut number = u64::from(first & 0x3f);
        if first >= 0x80 {
            number = self.rest_of_signed(number, start)?;
        }
        let number = number as i64;
        Ok(if first & 0x40 == 0 { number } else { -number })
    }

    fn rest_of_signed(&mut self, mut number: u64, start: usize) -> Result<u64, Malformed> {
        for shift in (6..55).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return if number <= MAX_NUMBER {
                    Ok(number)
                } else {
                    Err(Reason::Number.at(start))
                };
            }
        }
        Err(Reason::Number.at(start))
    }

    /// A client id. Every number that can be read is one.
    #[inline]
    pub(crate) fn client(&mut self) -> Result<u64, Malformed> {
        let start = self.at;
        self.number().map_err(|e| match e.reason {
            Reason::Number => Reason::Client.at(start),
            _ => e,
        })
    }

    /// A clock, or a length counted in clocks, below 2^31.
    #[inline]
    pub(crate) fn clock(&mut self) -> Result<u32, Malformed> {
        let start = self.at;
        let number = self.number()?;
        if number < MAX_CLOCK {
            Ok(number as u32)
        } else {
            Err(Reason::Clock.at(start))
        }
    }

    /// A length in clocks that follows on `clock`: not zero, and the sum below 2^31.
    #[inline]
    pub(crate) fn clock_len(&mut self, clock: u32) -> Result<u32, Malformed> {
        let start = self.at;
        let len = self.clock()?;
        if len == 0 {
            return Err(Reason::Empty.at(start));
        }
        if u64::from(clock) + u64::from(len) >= MAX_CLOCK {
            return Err(Reason::Clock.at(start));
        }
        Ok(len)
    }

    /// A count of things that take at least `min_bytes` each, which must fit into what is left.
    #[inline]
    pub fn count(&mut self, min_bytes: usize) -> Result<usize, Malformed> {
        let start = self.at;
        let count = self.number()?;
        if count > (self.remaining() / min_bytes) as u64 {
            return Err(Reason::Count.at(start));
        }
        Ok(count as usize)
    }

    /// Like [`Reader::count`], and not above `limit`.
    pub(crate) fn count_within(
        &mut self,
        min_bytes: usize,
        limit: usize,
    ) -> Result<usize, Malformed> {
        let start = self.at;
        let count = self.count(min_bytes)?;
        if count > limit {
            return Err(Reason::TooMany.at(start));
        }
        Ok(count)
    }

    /// The next `len` bytes.
    #[inline]
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        if len > self.remaining() {
            return Err(Reason::Truncated.at(self.at));
        }
        let taken = &self.bytes[self.at..self.at + len];
        self.at += len;
        Ok(taken)
    }

    /// Bytes with their length in front.
    #[inline]
    pub fn var_bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let start = self.at;
        let len = self.number()?;
        if len > self.remaining() as u64 {
            return Err(Reason::Truncated.at(start));
        }
        self.take(len as usize)
    }

    /// UTF-8 text with its length in bytes in front.
    #[inline]
    pub fn var_str(&mut self) -> Result<&'a str, Malformed> {
        let start = self.at;
        let bytes = self.var_bytes()?;
        std::str::from_utf8(bytes).map_err(|_| Reason::Utf8.at(start))
    }

    /// The bytes of such text, which is mostly ASCII: to see that takes a fraction of the time.
    #[inline]
    pub(crate) fn var_text(&mut self) -> Result<&'a [u8], Malformed> {
        let start = self.at;
        let bytes = self.var_bytes()?;
        if self.again || bytes.is_ascii() || std::str::from_utf8(bytes).is_ok() {
            Ok(bytes)
        } else {
            Err(Reason::Utf8.at(start))
        }
    }

    /// Fails when anything is left.
    pub fn end(&self) -> Result<(), Malformed> {
        if self.remaining() == 0 {
            Ok(())
        } else {
            Err(Reason::Trailing.at(self.at))
        }
    }
}

/// Appends an unsigned number.
#[inline]
pub fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends bytes with their length in front.
pub fn write_var_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(bytes: &[u8]) -> Result<u64, Reason> {
        Reader::new(bytes).number().map_err(|e| e.reason)
    }

    #[test]
    fn numbers_survive_the_round_trip() {
        for bits in 0..53 {
            for n in [(1u64 << bits) - 1, 1 << bits, (1 << bits) + 1] {
                let mut out = Vec::new();
                write_number(&mut out, n);
                let mut reader = Reader::new(&out);
                assert_eq!(reader.number(), Ok(n));
                assert_eq!(reader.end(), Ok(()));
            }
        }
    }

    #[test]
    fn numbers_need_not_be_minimal() {
        assert_eq!(number(&[0x80, 0x00]), Ok(0));
        assert_eq!(number(&[0x85, 0x80, 0x80, 0x00]), Ok(5));
        assert_eq!(
            number(&[0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0]),
            Ok(1)
        );
    }

    #[test]
    fn numbers_end_at_2_to_the_53_and_at_8_bytes() {
        let max = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(number(&max), Ok(MAX_NUMBER));
        let above = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
        assert_eq!(number(&above), Err(Reason::Number));
        assert_eq!(
            number(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0]),
            Err(Reason::Number)
        );
    }

    #[test]
    fn truncated_numbers_are_refused() {
        assert_eq!(number(&[]), Err(Reason::Truncated));
        assert_eq!(number(&[0x80]), Err(Reason::Truncated));
    }

    #[test]
    fn signed_numbers_end_at_2_to_the_53() {
        let read = |bytes: &[u8]| Reader::new(bytes).signed().map_err(|e| e.reason);
        assert_eq!(read(&[0x3f]), Ok(63));
        assert_eq!(read(&[0x7f]), Ok(-63));
        assert_eq!(read(&[0x40]), Ok(0));
        assert_eq!(read(&[0xc1, 0x02]), Ok(-129));
        // 6 bits, then 7 * 6 = 42, then 5: 53 ones.
        let max = [0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f];
        assert_eq!(read(&max), Ok(MAX_NUMBER as i64));
        let above = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
        assert_eq!(read(&above), Err(Reason::Number));
        assert_eq!(read(&[0x80; 12]), Err(Reason::Number));
        assert_eq!(read(&[0x80]), Err(Reason::Truncated));
    }

    #[test]
    fn counts_are_held_to_the_remaining_bytes() {
        assert_eq!(Reader::new(&[2, 0, 0, 0, 0]).count(2), Ok(2));
        let e = Reader::new(&[3, 0, 0, 0, 0]).count(2).unwrap_err();
        assert_eq!(e, Reason::Count.at(0));
    }

    #[test]
    fn text_must_be_utf8() {
        assert_eq!(Reader::new(&[3, 0xe2, 0x82, 0xac]).var_str(), Ok("€"));
        // A surrogate written as three bytes, as lone surrogates are in careless encoders.
        let e = Reader::new(&[3, 0xed, 0xa0, 0x80]).var_str().unwrap_err();
        assert_eq!(e.reason, Reason::Utf8);
    }

    #[test]
    fn text_is_looked_at_once_and_whatever_is_no_text_is_found() {
        for len in 0..40 {
            for at in 0..len {
                let mut bytes = vec![b'a'; len];
                bytes[at] = 0xff;
                bytes.insert(0, len as u8);
                let reason = Reader::new(&bytes).var_text().map_err(|e| e.reason);
                assert_eq!(reason, Err(Reason::Utf8), "{len} {at}");
                assert_eq!(Reader::again(&bytes, 0).var_text(), Ok(&bytes[1..]));
            }
            let text = "é".repeat(len);
            let bytes = [&[2 * len as u8][..], text.as_bytes()].concat();
            assert_eq!(Reader::new(&bytes).var_text(), Ok(text.as_bytes()));
        }
    }

    #[test]
    fn the_message_names_reason_and_place() {
        assert_eq!(
            Reason::Clock.at(17).to_string(),
            "clock out of range at byte 17"
        );
    }
}
