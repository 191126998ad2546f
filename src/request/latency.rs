//! How long requests take, as far as it is needed to know the slowest among them.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Durations are counted in classes, 32 for each doubling: a class is about 3 % wide.
const CLASS_BITS: u32 = 5;
const CLASSES: usize = 64 << CLASS_BITS;

/// After so many requests the threshold is found anew, and what was counted before weighs half as
/// much.
const PERIOD: u32 = 1024;

/// Durations of the latest requests. All accesses are Relaxed: a count that comes late moves the
/// threshold by nothing that matters.
#[derive(Debug)]
pub(super) struct Latencies {
    quantile: f64,
    counts: [AtomicU32; CLASSES],
    noted: AtomicU32,
    /// In microseconds. As long as there are too few requests, none is among the slowest.
    threshold_us: AtomicU64,
}

/// They are the same setting. What was counted so far is none.
impl PartialEq for Latencies {
    fn eq(&self, other: &Self) -> bool {
        self.quantile == other.quantile
    }
}

impl Latencies {
    pub(super) fn new(quantile: f64) -> Self {
        Latencies {
            quantile,
            counts: [const { AtomicU32::new(0) }; CLASSES],
            noted: AtomicU32::new(0),
            threshold_us: AtomicU64::new(u64::MAX),
        }
    }

    /// Counts a request. Says whether it is among the slowest.
    pub(super) fn note(&self, duration: Duration) -> bool {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.counts[class_of(us)].fetch_add(1, Ordering::Relaxed);
        if self.noted.fetch_add(1, Ordering::Relaxed) % PERIOD == PERIOD - 1 {
            self.find_threshold();
        }
        self.threshold_us.load(Ordering::Relaxed) <= us
    }

    #[cold]
    fn find_threshold(&self) {
        let total: u64 = { self.counts.iter() }
            .map(|count| u64::from(count.load(Ordering::Relaxed)))
            .sum();
        let slowest = total as f64 * (1.0 - self.quantile);
        self.threshold_us
            .store(self.behind(slowest), Ordering::Relaxed);
        self.counts.iter().for_each(halve);
    }

    /// The duration that so many are longer than. Within a class they count as evenly spread.
    fn behind(&self, mut slowest: f64) -> u64 {
        for (class, count) in self.counts.iter().enumerate().rev() {
            let count = f64::from(count.load(Ordering::Relaxed));
            if slowest < count {
                let (start, end) = (start_of(class), start_of(class + 1));
                let width = end.saturating_sub(start) as f64;
                return end.saturating_sub((width * slowest / count) as u64);
            }
            slowest -= count;
        }
        0
    }
}

/// Several threads may do that at once, so what is left is made of what is there by then.
fn halve(count: &AtomicU32) {
    let half = |count| Some(count - count / 2);
    let _ = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, half);
}

fn class_of(us: u64) -> usize {
    let us = us.max(1);
    let doublings = us.ilog2();
    // The bits behind the highest one.
    let part = match doublings.checked_sub(CLASS_BITS) {
        Some(surplus) => us >> surplus,
        None => us << (CLASS_BITS - doublings),
    };
    ((u64::from(doublings) << CLASS_BITS) + part - (1 << CLASS_BITS)) as usize
}

/// The shortest duration of a class; for the one behind the last, longer than any.
fn start_of(class: usize) -> u64 {
    if CLASSES <= class {
        return u64::MAX;
    }
    let doublings = (class >> CLASS_BITS) as u32;
    let part = (1 << CLASS_BITS) + class as u64 % (1 << CLASS_BITS);
    match doublings.checked_sub(CLASS_BITS) {
        Some(surplus) => part << surplus,
        None => part >> (CLASS_BITS - doublings),
    }
}

/// As a configuration has it: the share of all requests that is quicker than the slowest.
pub(super) mod quantile {
    use std::sync::Arc;

    use serde::de::{Error, Unexpected};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Latencies;

    pub(in crate::request) fn serialize<S: Serializer>(
        latencies: &Option<Arc<Latencies>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let quantile = latencies.as_ref().map(|latencies| latencies.quantile);
        quantile.serialize(serializer)
    }

    pub(in crate::request) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Arc<Latencies>>, D::Error> {
        let Some(quantile) = Option::<f64>::deserialize(deserializer)? else {
            return Ok(None);
        };
        if !(0.0..=1.0).contains(&quantile) {
            let allowed = &"a share from 0 to 1, such as 0.99";
            return Err(Error::invalid_value(Unexpected::Float(quantile), allowed));
        }
        Ok(Some(Arc::new(Latencies::new(quantile))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_what_lies_between_its_start_and_the_next() {
        for us in (32..10_000).chain([u64::MAX / 3, u64::MAX - 1, u64::MAX]) {
            let class = class_of(us);
            assert!(start_of(class) <= us.max(1), "{us}");
            assert!(us < start_of(class + 1) || CLASSES == class + 1, "{us}");
        }
    }

    #[test]
    fn the_slowest_are_found_once_there_are_enough_and_again_when_times_change() {
        let latencies = Latencies::new(0.99);
        let among_slowest = |factor: u64| {
            let durations = (0..10 * PERIOD).map(|n| u64::from(n % 1000) * factor);
            let slow = durations.filter(|us| latencies.note(Duration::from_micros(*us)));
            slow.count() as u32
        };
        let expected = 10 * PERIOD / 100;
        let first = among_slowest(100);
        assert!((expected / 3..2 * expected).contains(&first), "{first}");
        // At first many of the new ones are slow, by what was known.
        among_slowest(1_000);
        let then = among_slowest(1_000);
        assert!((expected / 3..2 * expected).contains(&then), "{then}");
        assert!(!latencies.note(Duration::from_micros(99_000)));
    }

    #[test]
    fn threads_that_halve_a_count_at_once_leave_no_more_than_there_was() {
        let (count, rounds) = (AtomicU32::new(0), if cfg!(miri) { 100 } else { 300_000 });
        let halve_often = || {
            (0..rounds).all(|_| {
                count.fetch_add(1000, Ordering::Relaxed);
                (0..3).for_each(|_| halve(&count));
                count.load(Ordering::Relaxed) < 1 << 30
            })
        };
        std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(halve_often));
            assert!(
                threads
                    .map(|thread| thread.join().unwrap())
                    .iter()
                    .all(|held| *held)
            );
        });
    }
}
