//! The random numbers behind the wobble of drawn lines.
//!
//! A xorshift generator over four 32-bit words that is fed with a text. Knows no shapes. The rule: the same text gives the
//! same numbers for ever, or every board looks different from what its author saw.

/// Numbers from a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Random {
    x: u32,
    y: u32,
    z: u32,
    w: u32,
}

impl Random {
    /// Fed with the UTF-16 of the parts one after the other.
    pub fn seeded(parts: &[&str]) -> Self {
        let mut random = Self {
            x: 0,
            y: 0,
            z: 0,
            w: 0,
        };
        let units = parts.iter().flat_map(|part| part.encode_utf16());
        for unit in units.chain([0; 64]) {
            random.x ^= u32::from(unit);
            random.step();
        }
        random
    }

    /// The next number, at least -1 and below 1.
    pub fn number(&mut self) -> f64 {
        f64::from(self.step().cast_signed()) / f64::from(1u32 << 31)
    }

    fn step(&mut self) -> u32 {
        let t = self.x ^ (self.x << 11);
        self.x = self.y;
        self.y = self.z;
        self.z = self.w;
        self.w ^= (self.w >> 19) ^ t ^ (t >> 8);
        self.w
    }
}
