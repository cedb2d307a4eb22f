//! State vectors: for each client, the clock that comes next.
//!
//! Says nothing about deletions, which no clock counts. The rule: an absent client and clock 0 are the same thing.

use crate::by_client::{self, ByClient};
use crate::limits::Limits;
use crate::malformed::{Malformed, Reason};
use crate::varint::{Reader, write_number};

/// What somebody has: client id to the next clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateVector {
    clocks: ByClient<u32>,
}

impl StateVector {
    /// Has nothing.
    pub fn new() -> Self {
        StateVector::default()
    }

    /// Reads the v1 encoding. A client that is listed twice, or bytes left over, are malformed.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let count = reader.count_within(2, limits.state_vector_clients)?;
        let mut clocks = by_client::with_capacity(count);
        for _ in 0..count {
            let at = reader.at();
            let client = reader.client()?;
            if clocks.insert(client, reader.clock()?).is_some() {
                return Err(Reason::ClientTwice.at(at));
            }
        }
        reader.end()?;
        clocks.retain(|_, clock| *clock > 0);
        Ok(StateVector { clocks })
    }

    /// Writes the v1 encoding, clients in descending order as Yjs does.
    pub fn encode(&self) -> Vec<u8> {
        let mut entries: Vec<(u64, u32)> = self.iter().collect();
        entries.sort_unstable_by(|a, b| b.cmp(a));
        let mut out = Vec::with_capacity(9 + entries.len() * 10);
        write_number(&mut out, entries.len() as u64);
        for (client, clock) in entries {
            write_number(&mut out, client);
            write_number(&mut out, u64::from(clock));
        }
        out
    }

    /// The next clock of `client`, 0 when nothing of it is known.
    pub fn get(&self, client: u64) -> u32 {
        self.clocks.get(&client).copied().unwrap_or(0)
    }

    /// Raises the clock of `client` to `clock`, unless it is there already.
    pub fn raise(&mut self, client: u64, clock: u32) {
        if clock > 0 {
            let held = self.clocks.entry(client).or_insert(0);
            *held = clock.max(*held);
        }
    }

    /// Clients and clocks, in no particular order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u64, u32)> + '_ {
        self.clocks.iter().map(|(client, clock)| (*client, *clock))
    }

    /// How many clients are known.
    pub fn len(&self) -> usize {
        self.clocks.len()
    }

    /// Whether nothing at all is known.
    pub fn is_empty(&self) -> bool {
        self.clocks.is_empty()
    }

    /// Whether everything that `other` has is here too (structs only: deletions are not counted by clocks).
    pub fn covers(&self, other: &StateVector) -> bool {
        other
            .iter()
            .all(|(client, clock)| self.get(client) >= clock)
    }
}

impl FromIterator<(u64, u32)> for StateVector {
    /// The greatest clock wins where a client comes twice.
    fn from_iter<I: IntoIterator<Item = (u64, u32)>>(entries: I) -> Self {
        let mut vector = StateVector::new();
        for (client, clock) in entries {
            vector.raise(client, clock);
        }
        vector
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(bytes: &[u8]) -> Reason {
        StateVector::decode(bytes, &Limits::default())
            .unwrap_err()
            .reason
    }

    #[test]
    fn survives_the_round_trip_in_the_order_of_yjs() {
        let vector: StateVector = [(1, 5), ((1 << 53) - 1, 7), (300, 1)].into_iter().collect();
        let bytes = vector.encode();
        assert_eq!(bytes[..2], [3, 0xff]);
        assert_eq!(StateVector::decode(&bytes, &Limits::default()), Ok(vector));
        assert_eq!(StateVector::new().encode(), [0]);
    }

    #[test]
    fn absent_is_zero() {
        let vector = StateVector::decode(&[1, 9, 0], &Limits::default()).unwrap();
        assert_eq!(vector, StateVector::new());
        assert_eq!(vector.get(9), 0);
        assert!(vector.is_empty());
    }

    #[test]
    fn raising_never_lowers() {
        let mut vector = StateVector::new();
        vector.raise(1, 5);
        vector.raise(1, 3);
        vector.raise(2, 0);
        assert_eq!((vector.get(1), vector.len()), (5, 1));
    }

    #[test]
    fn covers_compares_every_client() {
        let more: StateVector = [(1, 5), (2, 2)].into_iter().collect();
        let less: StateVector = [(1, 5)].into_iter().collect();
        assert!(more.covers(&less) && more.covers(&more));
        assert!(!less.covers(&more));
    }

    #[test]
    fn malformed_vectors_are_refused() {
        assert_eq!(reason(&[]), Reason::Truncated);
        assert_eq!(reason(&[2, 1, 5, 1, 6]), Reason::ClientTwice);
        assert_eq!(reason(&[0, 0]), Reason::Trailing);
        assert_eq!(reason(&[1, 1]), Reason::Count);
        assert_eq!(reason(&[1, 1, 0x80, 0x80, 0x80, 0x80, 0x08]), Reason::Clock);
        // 2^26 and 2^28 clients, declared in 4 and 5 bytes.
        assert_eq!(reason(&[0x80, 0x80, 0x80, 0x20]), Reason::Count);
        assert_eq!(reason(&[0x80, 0x80, 0x80, 0x80, 0x01]), Reason::Count);
        let limits = Limits {
            state_vector_clients: 1,
            ..Limits::default()
        };
        let e = StateVector::decode(&[2, 1, 1, 2, 1], &limits).unwrap_err();
        assert_eq!(e.reason, Reason::TooMany);
    }
}
