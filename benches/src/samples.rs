//! Many measured calls, summed up.

use crate::clock::Timer;
use crate::results::Metrics;

/// Measured calls, in ticks. Its memory is touched before the first call is measured.
pub struct Samples {
    ticks: Vec<u64>,
    length: usize,
}

impl Samples {
    pub fn with_capacity(capacity: usize) -> Samples {
        Samples {
            ticks: vec![1; capacity],
            length: 0,
        }
    }

    pub fn push(&mut self, ticks: u64) {
        self.ticks[self.length] = ticks;
        self.length += 1;
    }

    pub fn merge(all: Vec<Samples>) -> Samples {
        let ticks: Vec<u64> = all
            .into_iter()
            .flat_map(|one| one.ticks.into_iter().take(one.length))
            .collect();
        let length = ticks.len();
        Samples { ticks, length }
    }

    /// Adds `name.p50`, `.p99`, `.p99.9` and `.max`, in nanoseconds.
    pub fn summarise(mut self, name: &str, timer: &Timer, metrics: &mut Metrics) {
        self.ticks.truncate(self.length);
        self.ticks.sort_unstable();
        for (label, part) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)] {
            let ticks = within_step(&self.ticks, part, timer.step);
            metrics.insert(format!("{name}.{label}"), timer.nanoseconds(ticks));
        }
    }
}

/// A percentile of values that were read off a counter with steps: equal values are taken to lie
/// evenly between half a step below and half a step above (the median of grouped data).
fn within_step(sorted: &[u64], part: f64, step: u64) -> f64 {
    let value = percentile(sorted, part);
    let below = sorted.partition_point(|&other| other < value);
    let equal = sorted.partition_point(|&other| other <= value) - below;
    let rank = sorted.len() as f64 * part - below as f64;
    value as f64 + step as f64 * (rank / equal as f64 - 0.5)
}

/// The smallest value that at least `part` of the sorted values do not exceed.
pub fn percentile<T: Copy>(sorted: &[T], part: f64) -> T {
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}
