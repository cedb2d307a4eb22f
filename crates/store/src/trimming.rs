//! What may be deleted from a room, decided before anything is.
//!
//! Knows no database. The rule: whatever is deleted, two sound snapshots cover it, so that any one of them may turn out
//! to be damaged without loss.

use crate::{StoreError, Trim};

/// How many sound snapshots must cover a row before it may go.
pub const COVER: usize = 2;

/// What stands in a room.
pub struct Standing {
    /// All versions, newest first.
    pub versions: Vec<u64>,
    /// Version and sequence number of the newest [`COVER`] of them whose bytes are sound, newest first; fewer when
    /// there are fewer.
    pub sound: Vec<(u64, u64)>,
    /// The lowest row, if there is any.
    pub first_row: Option<u64>,
}

/// Refuses a plan that would leave less than what must stand.
pub fn allow(trim: &Trim, standing: &Standing) -> Result<(), StoreError> {
    let conflict = |what: String| {
        let sentence = format!("trim room number {}: {what}", trim.room.0);
        Err(StoreError::Conflict(sentence))
    };
    for version in &trim.versions {
        // The newest by number stay, too, damaged or not: the next number comes from them.
        let newest = standing.versions.iter().take(COVER).any(|v| v == version);
        let needed = standing.sound.iter().any(|(sound, _)| sound == version);
        if newest || needed {
            return conflict(format!("snapshot {version} is one of the newest two"));
        }
    }
    let (first, last) = (*trim.rows.start(), *trim.rows.end());
    if trim.rows.is_empty() {
        return Ok(());
    }
    let covered = standing.sound.get(COVER - 1).map_or(0, |(_, seq)| *seq);
    if last > covered {
        return conflict(format!(
            "rows up to {last} are not covered by two sound snapshots, only those up to {covered}"
        ));
    }
    match standing.first_row {
        Some(lowest) if lowest < first => conflict(format!(
            "row {lowest} stands below {first}, a gap would be left between them"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;

    use super::*;
    use crate::RoomId;

    fn verdict(rows: RangeInclusive<u64>, versions: &[u64], standing: &Standing) -> String {
        let trim = Trim {
            room: RoomId(1),
            rows,
            versions: versions.to_vec(),
        };
        match allow(&trim, standing) {
            Ok(()) => "allowed".to_owned(),
            Err(StoreError::Conflict(why)) => why,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn two_sound_snapshots_must_remain_above_what_goes() {
        // The newest is damaged: the two below it are what counts.
        let standing = Standing {
            versions: vec![5, 4, 3, 2],
            sound: vec![(4, 40), (3, 30)],
            first_row: Some(11),
        };
        let none = RangeInclusive::new(1, 0);
        for (rows, versions, what) in [
            (11..=30, &[2][..], "allowed"),
            (1..=30, &[2, 1, 77], "allowed"),
            (11..=31, &[], "only those up to 30"),
            (12..=30, &[], "row 11 stands below 12"),
            (none.clone(), &[5], "snapshot 5 is one of"),
            (none.clone(), &[4], "snapshot 4 is one of"),
            (none.clone(), &[3], "snapshot 3 is one of"),
            (none, &[], "allowed"),
        ] {
            let found = verdict(rows, versions, &standing);
            assert!(found.contains(what), "{found}");
        }
    }

    #[test]
    fn without_two_sound_snapshots_no_row_goes() {
        for sound in [vec![], vec![(2, 40)]] {
            let standing = Standing {
                versions: vec![2, 1],
                sound,
                first_row: None,
            };
            let found = verdict(1..=1, &[], &standing);
            assert!(found.contains("only those up to 0"), "{found}");
        }
    }
}
