//! How long things took, kept one by one so that any percentile can be had.
//!
//! Does not know what took so long. The rule: nothing is rounded beyond a microsecond, and nothing is left out.

use std::time::Duration;

/// Times, to a microsecond.
#[derive(Debug, Default, Clone)]
pub struct Times {
    micros: Vec<u32>,
}

impl Times {
    /// One more.
    #[inline]
    pub fn push(&mut self, time: Duration) {
        let micros = time.as_micros();
        self.micros.push(micros.try_into().unwrap_or(u32::MAX));
    }

    /// How many there are.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.micros.len()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.micros.clear();
    }

    /// The time that `share` of all are not above, in milliseconds; `None` where there are none.
    pub fn percentile_ms(&mut self, share: f64) -> Option<f64> {
        let at = (self.micros.len().checked_sub(1)? as f64 * share) as usize;
        let (_, micros, _) = self.micros.select_nth_unstable(at);
        Some(f64::from(*micros) / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_all_times() {
        let mut times = Times::default();
        assert_eq!(times.percentile_ms(0.5), None);
        for millis in (0..=100).rev() {
            times.push(Duration::from_millis(millis));
        }
        assert_eq!(times.len(), 101);
        assert_eq!(times.percentile_ms(0.5), Some(50.0));
        assert_eq!(times.percentile_ms(0.99), Some(99.0));
        assert_eq!(times.percentile_ms(1.0), Some(100.0));
        times.clear();
        assert_eq!(times.len(), 0);
    }
}
