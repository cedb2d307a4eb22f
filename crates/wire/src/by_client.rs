//! Maps from client ids, and their order.
//!
//! Does not know what there is of a client. The rule: ids come from strangers, who may choose them so that they collide. The hasher has random keys, therefore; it takes a tenth of
//! the time of the standard one, which would be most of the time that an update of very many clients takes.

use std::collections::HashMap;

/// What there is of each client.
pub(crate) type ByClient<T> = HashMap<u64, T, foldhash::quality::RandomState>;

/// An empty map with room for as many.
pub(crate) fn with_capacity<T>(clients: usize) -> ByClient<T> {
    ByClient::with_capacity_and_hasher(clients, Default::default())
}

/// Positions in descending order of the clients, as Yjs writes them; those of one client stay in the order in which they came.
pub(crate) fn descending(clients: impl ExactSizeIterator<Item = u64> + Clone) -> Vec<u32> {
    let count = clients.len() as u32;
    if clients.clone().is_sorted_by(|one, next| one >= next) {
        return (0..count).collect();
    }
    // Single numbers are sorted several times as fast as pairs, and shorter ones faster. Yjs draws ids of 32 bits.
    let positions = 0..count;
    if clients.clone().all(|client| client <= u64::from(u32::MAX)) {
        let keys = clients.zip(positions);
        let keys = keys.map(|(client, at)| (u64::from(u32::MAX) - client) << 32 | u64::from(at));
        let mut keys: Vec<u64> = keys.collect();
        // Finds what is in order already, as the clients of several updates behind one another are.
        keys.sort();
        return keys.into_iter().map(|key| key as u32).collect();
    }
    let keys = clients.zip(positions);
    let keys = keys.map(|(client, at)| u128::from(u64::MAX - client) << 32 | u128::from(at));
    let mut keys: Vec<u128> = keys.collect();
    keys.sort();
    keys.into_iter().map(|key| key as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_descend_and_what_is_of_one_stays_in_order() {
        let order = |clients: &[u64]| descending(clients.iter().copied());
        assert!(order(&[]).is_empty());
        assert_eq!(order(&[9, 9, 3]), [0, 1, 2]);
        assert_eq!(order(&[3, 9, 0, 3, 9]), [1, 4, 0, 3, 2]);
        let edges = [0, u64::from(u32::MAX), 1, 0];
        assert_eq!(order(&edges), [1, 2, 0, 3]);
        let large = [0, (1 << 32) + 1, (1 << 53) - 1, 1 << 32, 0];
        assert_eq!(order(&large), [2, 1, 3, 0, 4]);
    }
}
