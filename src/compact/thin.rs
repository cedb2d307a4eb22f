//! Which versions go as time passes. Plain rules on plain lists.
//!
//! The one rule: what a person named stays, and so does the newest version of every period that is kept.

use std::collections::HashSet;
use std::time::Duration;

use scrible_store::SnapshotInfo;

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// How long versions that nobody named are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// All of them.
    pub all: Duration,
    /// After that one for each hour.
    pub hourly: Duration,
    /// After that one for each day (UTC); `None`: for ever.
    pub daily: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 60 * 60);
        Self {
            all: day,
            hourly: day * 30,
            daily: None,
        }
    }
}

impl Retention {
    /// The versions that go, out of a room's snapshots, newest first. Snapshots that are no versions, named ones, and the newest of all stay.
    pub fn thin(&self, snapshots: &[SnapshotInfo], now_ms: i64) -> Vec<u64> {
        let versions = snapshots.iter().filter(|info| info.listed);
        let mut periods = HashSet::new();
        let mut gone = Vec::new();
        for (nth, info) in versions.enumerate() {
            let age_ms = now_ms.saturating_sub(info.time_ms).max(0);
            let within =
                |kept: Duration| i64::try_from(kept.as_millis()).is_ok_and(|kept| age_ms <= kept);
            let period = if within(self.all) {
                continue;
            } else if within(self.hourly) {
                (HOUR_MS, info.time_ms.div_euclid(HOUR_MS))
            } else if self.daily.is_none_or(within) {
                (DAY_MS, info.time_ms.div_euclid(DAY_MS))
            } else {
                if nth > 0 && info.label.is_none() {
                    gone.push(info.version);
                }
                continue;
            };
            // A named one stands for its period as well.
            let is_first = periods.insert(period);
            if !is_first && info.label.is_none() && nth > 0 {
                gone.push(info.version);
            }
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use scrible_store::Builder;

    use super::*;

    fn version(version: u64, time_ms: i64) -> SnapshotInfo {
        SnapshotInfo {
            version,
            seq: version,
            size: 1,
            listed: true,
            builder: Builder::Doc,
            note: None,
            label: None,
            author: None,
            time_ms,
        }
    }

    /// One every 5 minutes for `days`, newest first.
    fn history(days: i64, now_ms: i64) -> Vec<SnapshotInfo> {
        let many = days * 24 * 12;
        (0..many)
            .map(|at| version((many - at) as u64, now_ms - at * 5 * 60_000))
            .collect()
    }

    #[test]
    fn v3_all_of_a_day_hourly_for_a_month_daily_beyond() {
        let now_ms = 20_000 * DAY_MS + 7 * HOUR_MS;
        let all = history(90, now_ms);
        let gone: HashSet<u64> = Retention::default()
            .thin(&all, now_ms)
            .into_iter()
            .collect();
        let stays = |from: i64, to: i64| {
            let ages = |info: &&SnapshotInfo| {
                (from * HOUR_MS..to * HOUR_MS).contains(&(now_ms - info.time_ms))
            };
            all.iter()
                .filter(ages)
                .filter(|info| !gone.contains(&info.version))
                .count()
        };
        assert_eq!(stays(0, 24), 24 * 12);
        assert!(
            (28 * 24..=29 * 24 + 1).contains(&stays(25, 30 * 24)),
            "{}",
            stays(25, 30 * 24)
        );
        assert!(
            (59..=61).contains(&stays(30 * 24 + 1, 90 * 24)),
            "{}",
            stays(30 * 24 + 1, 90 * 24)
        );
        // Thinning what is left takes nothing more, and what is taken never comes in the way of a later thinning.
        let left: Vec<_> = all
            .into_iter()
            .filter(|info| !gone.contains(&info.version))
            .collect();
        assert!(Retention::default().thin(&left, now_ms).is_empty());
    }

    #[test]
    fn v3_named_versions_and_the_newest_stay_whatever_their_age() {
        let now_ms = 20_000 * DAY_MS;
        let mut all = vec![
            version(4, 3_000),
            version(3, 2_000),
            version(2, 1_000),
            version(1, 0),
        ];
        all[2].label = Some("before the workshop".into());
        let bounded = Retention {
            daily: Some(Duration::from_secs(86_400)),
            ..Retention::default()
        };
        assert_eq!(bounded.thin(&all, now_ms), [3, 1]);
        assert_eq!(Retention::default().thin(&all, now_ms), [3, 1]);
    }

    #[test]
    fn v3_snapshots_that_are_no_versions_are_not_its_concern_and_clocks_may_run_backwards() {
        let mut base = version(9, 0);
        base.listed = false;
        let all = [base, version(8, i64::MAX), version(7, i64::MAX)];
        assert!(Retention::default().thin(&all, 0).is_empty());
    }
}
