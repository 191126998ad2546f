//! Where the records of one source are counted, and how often it may log. Time is in ticks, so no
//! clock is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;

use super::source::{LimitedOrigin, Source};
use crate::capture::thread;
use crate::channel::ticks::{self, TICKS_MARGIN};
use crate::pace::Pace;

/// What holds for a level. All accesses are Relaxed: each word stands for itself, and a reload that is
/// seen in part does no harm.
#[derive(Debug, Default)]
pub(super) struct Rule {
    /// The ticks from one record to the next, as long as it goes on. 0 where there is no limit.
    pub(super) interval: AtomicU64,
    /// By how many ticks a record may be early.
    pub(super) burst: AtomicU64,
    /// The share that is kept, as the bits of a float; 0 where all of them are.
    pub(super) sample: AtomicU64,
}

/// What is known of a source, and counted.
#[derive(Debug, Default)]
pub(super) struct SourceState {
    /// Whose it is, where it lies among those of several sources. 0 if it is free.
    key: AtomicU64,
    pub(super) pace: Pace,
    /// How many records were drawn for a sample.
    drawn: AtomicU64,
    /// How many records were left out by a limit.
    pub(super) limited: AtomicU64,
    /// Not in a cell that a thread could wait for: a forked child would wait for ever for one that
    /// it does not have.
    origin: ArcSwapOption<LimitedOrigin>,
}

impl Rule {
    /// The share that is kept, if that is not all.
    pub(super) fn share(&self) -> Option<f64> {
        let sample = self.sample.load(Ordering::Relaxed);
        (sample != 0).then(|| f64::from_bits(sample))
    }
}

impl SourceState {
    /// Whether it is the state of the source that has this key, which takes it if it is free. No key is
    /// 0.
    pub(super) fn is_of(&self, key: u64) -> bool {
        // Relaxed: nothing is published by it. A state is never given up.
        let known = self.key.load(Ordering::Relaxed);
        let taken = |_| {
            self.key
                .compare_exchange(0, key, Ordering::Relaxed, Ordering::Relaxed)
        };
        known == key || (known == 0 && taken(()).map_or_else(|other| other == key, |_| true))
    }

    /// Counts a record of a source that a limit left out.
    pub(super) fn leave_out(&self, source: &impl Source) {
        self.note_origin(source);
        // In this order: who sees the count finds whose it is. Pairs with the Acquire load in `limited`.
        self.limited.fetch_add(1, Ordering::Release);
    }

    /// How many records limits left out, and whose. `None` if there were none.
    pub(super) fn limited(&self) -> Option<(u64, Arc<LimitedOrigin>)> {
        let limited = self.limited.load(Ordering::Acquire);
        Some((limited, self.origin.load_full()?)).filter(|_| limited != 0)
    }

    /// Notes whose records are left out here. Of threads that do so at once any may win.
    fn note_origin(&self, source: &impl Source) {
        // Relaxed: who has counted one has noted it before.
        let is_first = self.limited.load(Ordering::Relaxed) == 0;
        if is_first && self.origin.load().is_none() {
            self.origin.store(Some(Arc::new(source.origin())));
        }
    }

    /// Whether a record that comes now is kept for a sample. Sources with different seeds draw
    /// different ones.
    pub(super) fn is_drawn(&self, share: f64, seed: u64) -> bool {
        if let Some(of_request) = thread::random_share() {
            return of_request < share;
        }
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        let random = mix(number ^ mix(seed));
        (random >> 11) as f64 / (1_u64 << 53) as f64 <= share
    }

    /// Whether a record that comes now is within the limit, of which it takes its part.
    pub(super) fn is_in_time(&self, rule: &Rule) -> bool {
        let interval = rule.interval.load(Ordering::Relaxed);
        if interval == 0 {
            return true;
        }
        let (now, burst) = (ticks::now(), rule.burst.load(Ordering::Relaxed));
        let taken = self.pace.take(now, interval, burst);
        let latest = now.saturating_add(burst);
        if taken.is_err_and(|due| latest.saturating_add(TICKS_MARGIN) < due) {
            // Nobody takes that much ahead: the counter has fallen, and the limit would stay shut.
            ticks::look();
        }
        taken.is_ok()
    }
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// SplitMix64, by Sebastiano Vigna: numbers in a row become as good as random.
pub(super) fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_mul(GOLDEN);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(burst: u64, interval: u64) -> Rule {
        Rule {
            interval: interval.into(),
            burst: (burst * interval).into(),
            sample: 0.into(),
        }
    }

    #[test]
    fn a_burst_is_let_through_and_no_more() {
        let (state, rule) = (SourceState::default(), rule(5, u64::MAX / 100));
        let let_through = (0..100).filter(|_| state.is_in_time(&rule)).count();
        assert_eq!(let_through, 5);
    }

    #[test]
    #[cfg(not(any(offloop_loom, offloop_shuttle)))]
    fn a_limit_does_not_stay_shut_where_the_counter_falls() {
        use std::time::Duration;

        use crate::channel::sync::simulated::Simulated;

        let time = Simulated::begin(std::time::SystemTime::UNIX_EPOCH);
        let (state, rule) = (SourceState::default(), rule(2, 1_000_000_000));
        time.advance(Duration::from_secs(3_600));
        assert!(state.is_in_time(&rule));
        time.restart_counter();
        time.advance(Duration::from_secs(10));
        // The first one is to find out.
        assert!((0..2).any(|_| state.is_in_time(&rule)));
    }

    #[test]
    fn threads_at_once_share_one_burst() {
        let (state, rule) = (SourceState::default(), rule(100, u64::MAX / 1000));
        let let_through = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let count = (0..1000).filter(|_| state.is_in_time(&rule)).count();
                    let_through.fetch_add(count as u64, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(let_through.into_inner(), 100);
    }

    #[test]
    fn a_sample_has_its_share() {
        let state = SourceState::default();
        for share in [0.0, 0.1, 0.5, 0.9] {
            let drawn = (0..10_000).filter(|_| state.is_drawn(share, 7)).count() as f64;
            assert!((drawn / 10_000.0 - share).abs() < 0.02, "{share}: {drawn}");
        }
    }

    #[test]
    fn a_state_that_is_taken_is_not_that_of_another_source() {
        let state = SourceState::default();
        assert!(state.is_of(8) && state.is_of(8));
        assert!(!state.is_of(16));
    }
}
