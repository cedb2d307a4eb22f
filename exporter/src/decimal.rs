//! Numbers as text, with few digits after the point.
//!
//! Half of the time that an SVG takes went into finding the shortest text of numbers that had just been rounded. The rule: the
//! text is that of JavaScript for the same number, so that drawings can be compared with the editor's.

/// A number with a fixed count of digits after the point, none of them a zero at the end.
pub(crate) struct Decimal {
    buffer: [u8; 32],
    start: usize,
}

/// Whether a zero stands before the point.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zero {
    Written,
    LeftOut,
}

impl Decimal {
    /// `scaled` is the number times ten to the `DIGITS`, of which there are no more than ten. How many there are is known
    /// beforehand, so that nothing is divided by what is not known: that would take half of the time.
    pub fn new<const DIGITS: u32>(scaled: i64, zero: Zero) -> Self {
        const { assert!(DIGITS <= 10) }
        let mut decimal = Self {
            buffer: [0; 32],
            start: 32,
        };
        let one = 10_u64.pow(DIGITS);
        let (mut whole, mut part) = (scaled.unsigned_abs() / one, scaled.unsigned_abs() % one);
        let has_part = part > 0;
        if has_part {
            let mut left = DIGITS;
            while part % 10 == 0 {
                part /= 10;
                left -= 1;
            }
            for _ in 0..left {
                decimal.push(b'0' + (part % 10) as u8);
                part /= 10;
            }
            decimal.push(b'.');
        }
        if whole == 0 && !(has_part && zero == Zero::LeftOut) {
            decimal.push(b'0');
        }
        while whole > 0 {
            decimal.push(b'0' + (whole % 10) as u8);
            whole /= 10;
        }
        if scaled < 0 {
            decimal.push(b'-');
        }
        decimal
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.buffer[self.start..]).unwrap_or_default()
    }

    /// Twenty digits, a point and a sign fit.
    fn push(&mut self, byte: u8) {
        self.start -= 1;
        self.buffer[self.start] = byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_they_go() {
        let four = |scaled| Decimal::new::<4>(scaled, Zero::Written).as_str().to_owned();
        assert_eq!(four(0), "0");
        assert_eq!(four(10_000), "1");
        assert_eq!(four(-5), "-0.0005");
        assert_eq!(four(1_234_500), "123.45");
        assert_eq!(four(i64::MIN), "-922337203685477.5808");
        let two = |scaled| Decimal::new::<2>(scaled, Zero::LeftOut).as_str().to_owned();
        assert_eq!([two(0), two(-50), two(105)], ["0", "-.5", "1.05"]);
        assert_eq!(two(-100), "-1");
    }

    #[test]
    fn it_is_what_javascript_prints() {
        let mut rng = fastrand::Rng::with_seed(4);
        for _ in 0..20_000 {
            let scaled = rng.i64(-1_000_000_000_000..1_000_000_000_000) >> rng.u32(0..40);
            let mut buffer = ryu_js::Buffer::new();
            let wanted = buffer.format(scaled as f64 / 1e4);
            assert_eq!(Decimal::new::<4>(scaled, Zero::Written).as_str(), wanted);
        }
    }
}
