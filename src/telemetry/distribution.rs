//! A histogram that is only atomic additions: many sessions on many threads measure into the same one.
//!
//! The library's own stands behind a mutex, which all sessions would meet in. The one rule: measuring never waits and never allocates.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// How often what was measured lay between which bounds. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Distribution(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Upper bounds, rising, in what is measured (nanoseconds, bytes, things).
    bounds: Box<[u64]>,
    /// How many of those make one of what is shown.
    unit: f64,
    /// One for each bound, and one for what is above all of them.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

const NANOSECONDS: f64 = 1e9;

impl Distribution {
    /// Of times; bounds in microseconds. Shown in seconds.
    pub fn of_times(bounds_us: &[u64]) -> Self {
        Self::new(bounds_us.iter().map(|us| us * 1000).collect(), NANOSECONDS)
    }

    /// Of numbers, shown as they are.
    pub fn of_numbers(bounds: &[u64]) -> Self {
        Self::new(bounds.into(), 1.0)
    }

    fn new(bounds: Box<[u64]>, unit: f64) -> Self {
        assert!(bounds.is_sorted(), "bounds rise");
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Inner {
            bounds,
            unit,
            counts,
            sum: AtomicU64::new(0),
        }))
    }

    /// Adds a time.
    pub fn time(&self, took: Duration) {
        self.number(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds a number.
    pub fn number(&self, number: u64) {
        let Inner {
            bounds,
            counts,
            sum,
            ..
        } = &*self.0;
        let at = bounds.partition_point(|bound| *bound < number);
        counts[at].fetch_add(1, Relaxed);
        // Wraps in a few centuries; for whoever reads it, that is a restart.
        sum.fetch_add(number, Relaxed);
    }

    /// How many were added.
    pub fn count(&self) -> u64 {
        self.0.counts.iter().map(|count| count.load(Relaxed)).sum()
    }
}

impl EncodeMetric for Distribution {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let Inner {
            bounds,
            unit,
            counts,
            sum,
        } = &*self.0;
        let shown = |number: u64| number as f64 / unit;
        let bounds = bounds.iter().map(|bound| shown(*bound));
        let buckets: Vec<(f64, u64)> = bounds
            .chain([f64::INFINITY])
            .zip(counts.iter().map(|count| count.load(Relaxed)))
            .collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(shown(sum.load(Relaxed)), count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;

    use super::*;

    fn shown(distribution: &Distribution) -> String {
        let mut registry = Registry::default();
        registry.register("d", "D", distribution.clone());
        let mut said = String::new();
        text::encode(&mut said, &registry).unwrap();
        said
    }

    #[test]
    fn t3_a_time_counts_in_every_bucket_from_the_first_that_holds_it() {
        let times = Distribution::of_times(&[100, 250, 1_000_000]);
        for us in [1, 100, 101, 250, 999_999, 1_000_001] {
            times.time(Duration::from_micros(us));
        }
        assert_eq!(times.count(), 6);
        assert_eq!(
            shown(&times),
            "# HELP d D.\n# TYPE d histogram\nd_sum 2.000452\nd_count 6\n\
             d_bucket{le=\"0.0001\"} 2\nd_bucket{le=\"0.00025\"} 4\nd_bucket{le=\"1.0\"} 5\nd_bucket{le=\"+Inf\"} 6\n\
             # EOF\n"
        );
    }

    #[test]
    fn nothing_is_lost_between_threads() {
        let numbers = Distribution::of_numbers(&[10, 20]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..900).for_each(|n| numbers.number(n % 30)));
            }
        });
        assert_eq!(numbers.count(), 4 * 900);
        // 0 to 10, thirty times each in each thread.
        assert!(shown(&numbers).contains("d_bucket{le=\"10.0\"} 1320\n"));
    }
}
