//! Checks that text is JSON as `JSON.parse` reads it, without building anything.
//!
//! Peers parse embeds and awareness states outside of any error handling, so one bad byte here would throw in every
//! browser of a room. The rule: whatever passes must parse everywhere, so depth is bounded and nothing lenient is let in.

use crate::malformed::Reason;

/// Holds `text` to RFC 8259, with values nested at most `depth` deep.
pub(crate) fn check(text: &str, depth: usize) -> Result<(), Reason> {
    let mut parser = Parser {
        bytes: text.as_bytes(),
        at: 0,
    };
    parser.space();
    parser.value(depth)?;
    parser.space();
    if parser.at == parser.bytes.len() {
        Ok(())
    } else {
        Err(Reason::Json)
    }
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let hit = self.peek() == Some(byte);
        self.at += usize::from(hit);
        hit
    }

    fn expect(&mut self, byte: u8) -> Result<(), Reason> {
        if self.eat(byte) {
            Ok(())
        } else {
            Err(Reason::Json)
        }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Recurses once per level, at most `depth` times.
    fn value(&mut self, depth: usize) -> Result<(), Reason> {
        match self.peek().ok_or(Reason::Json)? {
            b'{' => self.members(b'}', depth, |parser, depth| {
                parser.string()?;
                parser.space();
                parser.expect(b':')?;
                parser.space();
                parser.value(depth)
            }),
            b'[' => self.members(b']', depth, Self::value),
            b'"' => self.string(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn members(
        &mut self,
        close: u8,
        depth: usize,
        member: impl Fn(&mut Self, usize) -> Result<(), Reason>,
    ) -> Result<(), Reason> {
        let inner = depth.checked_sub(1).ok_or(Reason::Depth)?;
        self.at += 1;
        self.space();
        if self.eat(close) {
            return Ok(());
        }
        loop {
            member(self, inner)?;
            self.space();
            if self.eat(close) {
                return Ok(());
            }
            self.expect(b',')?;
            self.space();
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Reason> {
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(Reason::Json)
        }
    }

    fn string(&mut self) -> Result<(), Reason> {
        self.expect(b'"')?;
        loop {
            let byte = self.peek().ok_or(Reason::Json)?;
            self.at += 1;
            match byte {
                b'"' => return Ok(()),
                b'\\' => self.escape()?,
                0..0x20 => return Err(Reason::Json),
                _ => {}
            }
        }
    }

    /// Escapes of lone surrogates pass: `JSON.stringify` writes them for strings that hold one.
    fn escape(&mut self) -> Result<(), Reason> {
        let byte = self.peek().ok_or(Reason::Json)?;
        self.at += 1;
        match byte {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => {
                let digits = self.bytes.get(self.at..self.at + 4).ok_or(Reason::Json)?;
                self.at += 4;
                if digits.iter().all(u8::is_ascii_hexdigit) {
                    Ok(())
                } else {
                    Err(Reason::Json)
                }
            }
            _ => Err(Reason::Json),
        }
    }

    fn number(&mut self) -> Result<(), Reason> {
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Reason> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start {
            Ok(())
        } else {
            Err(Reason::Json)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_json_parse_takes() {
        for text in [
            "null",
            " true ",
            "false",
            "0",
            "-0",
            "-12.5e+10",
            "1E-2",
            "1e999",
            "\"\"",
            r#""a\"\\\/\b\f\n\r\tA""#,
            r#""\ud83d""#,
            "\"\u{7f}\u{2028}😀\"",
            "[]",
            "[ ]",
            "[1, 2 ,[3]]",
            "{}",
            "{ }",
            r#"{"a":{"b":[null]},"":1}"#,
            "\t\r\n{}\n",
        ] {
            assert_eq!(check(text, 8), Ok(()), "{text}");
        }
    }

    #[test]
    fn refuses_what_json_parse_refuses() {
        for text in [
            "",
            " ",
            "nul",
            "nulll",
            "undefined",
            "NaN",
            "01",
            "-",
            "+1",
            ".5",
            "1.",
            "1e",
            "1e+",
            "\"",
            "\"\n\"",
            r#""\x""#,
            r#""\u12""#,
            r#""\u12g4""#,
            "[",
            "[1",
            "[1,]",
            "[,]",
            "[1 2]",
            "{",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            "{a:1}",
            "{1:1}",
            "{} {}",
            "'a'",
            "\u{feff}1",
            "\u{a0}1",
        ] {
            assert_eq!(check(text, 8), Err(Reason::Json), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert_eq!(check(&nested(8), 8), Ok(()));
        assert_eq!(check(&nested(9), 8), Err(Reason::Depth));
        assert_eq!(check(&"[".repeat(1_000_000), 64), Err(Reason::Depth));
        assert_eq!(check(&r#"{"a":"#.repeat(1_000_000), 64), Err(Reason::Depth));
        assert_eq!(check("1", 0), Ok(()));
    }

    #[test]
    fn agrees_with_serde_json_on_mutations() {
        let seed_text = r#"{"a":[1,-2.5e3,true,null,"x\u00e9\n"],"b":{"c":"é😀"}}"#;
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = move |n: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % n as u64) as usize
        };
        let alphabet = b"{}[]\",:0123456789.eE+-truefalsn\\ub \n\x01";
        let (mut good, mut bad) = (0, 0);
        for _ in 0..200_000 {
            let mut bytes = seed_text.as_bytes().to_vec();
            for _ in 0..1 + next(2) {
                let at = next(bytes.len());
                match next(3) {
                    0 => bytes[at] = alphabet[next(alphabet.len())],
                    1 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, alphabet[next(alphabet.len())]),
                }
            }
            let Ok(text) = std::str::from_utf8(&bytes) else {
                continue;
            };
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
            assert_eq!(check(text, 64).is_ok(), theirs, "{text}");
            if theirs { good += 1 } else { bad += 1 }
        }
        assert!(good > 1_000 && bad > 1_000, "{good} {bad}");
    }
}
