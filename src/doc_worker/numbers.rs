//! Numbers as JavaScript has them: one kind, of which some are whole.
//!
//! The rule: what JavaScript writes without a fraction is written so here.

/// The largest whole number up to which JavaScript has all of them.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

/// The whole number that this is, if it is one that JavaScript holds exactly. -0 is 0, as in JSON.
pub fn whole(value: f64) -> Option<i64> {
    // In this range every whole number is an i64.
    (value.fract() == 0.0 && value.abs() <= MAX_SAFE).then_some(value as i64)
}

/// As `String(value)` has it.
pub fn text(value: f64) -> String {
    ryu_js::Buffer::new().format(value).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_no_fraction() {
        assert_eq!(whole(3.0), Some(3));
        assert_eq!(whole(-0.0), Some(0));
        assert_eq!(whole(MAX_SAFE), Some(9_007_199_254_740_991));
        for none in [0.5, 1e300, f64::NAN, f64::INFINITY] {
            assert_eq!(whole(none), None);
        }
    }

    #[test]
    fn text_is_as_in_javascript() {
        let all = [1.0, -0.0, 0.1, 1e21, 1.5e-7, f64::NAN, f64::NEG_INFINITY].map(text);
        assert_eq!(
            all,
            ["1", "0", "0.1", "1e+21", "1.5e-7", "NaN", "-Infinity"]
        );
    }
}
