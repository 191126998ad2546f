//! How often callsites may log, and which share of their records is kept.
//!
//! Each callsite has one word that says when its next record would be due if its records came at
//! exactly the rate that is allowed: the generic cell rate algorithm (ITU-T I.371), which is a bucket of
//! tokens without anybody who has to fill it. A record that comes too early by more than a burst is
//! left out. Time is in ticks, so no clock is asked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata};

use super::wanted::Wish;
use crate::audit;
use crate::capture::callsite::is_log_bridge;
use crate::capture::thread;
use crate::channel::overflow::{LEVELS, level_index};
use crate::channel::ticks;
use crate::config::Rates;
use crate::recovery;
use crate::request;

const PLACES: usize = 4096;

/// How many places are looked at for a callsite.
const PROBES: usize = 16;

/// Decides which events are left out that the filter wants.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    rules: [Rule; LEVELS],
    /// Made once there is a rule.
    places: OnceLock<Box<[Place]>>,
    suppressed: [AtomicU64; LEVELS],
    /// How many of these a limit left out.
    limited: AtomicU64,
}

/// What holds for a level. All accesses are Relaxed: each word stands for itself, and a reload that is
/// seen in part does no harm.
#[derive(Debug, Default)]
struct Rule {
    /// The ticks from one record to the next, as long as it goes on. 0 where there is no limit.
    interval: AtomicU64,
    /// By how many ticks a record may be early.
    burst: AtomicU64,
    /// The share that is kept, as the bits of a float; 0 where all of them are.
    sample: AtomicU64,
}

/// A callsite.
#[derive(Debug, Default)]
struct Place {
    /// Its address, or a hash of its target and level with the lowest bit set. 0 if it is free.
    key: AtomicU64,
    /// When the next record is due, in ticks.
    due: AtomicU64,
    /// How many records were drawn for a sample.
    drawn: AtomicU64,
    /// How many records were left out by a limit.
    limited: AtomicU64,
    /// Not in a cell that a thread could wait for: a forked child would wait for ever for one that
    /// it does not have.
    origin: ArcSwapOption<LimitedOrigin>,
}

/// Whose records were left out.
#[derive(Clone, Debug)]
pub(crate) struct LimitedOrigin {
    pub(crate) level: Level,
    pub(crate) target: Box<str>,
    pub(crate) file: Option<Box<str>>,
    pub(crate) line: Option<u32>,
}

impl Limiter {
    /// Other rules hold from now on. Says whether there are any.
    pub(super) fn set(&self, rates: &Rates) -> bool {
        let (mut has_rules, mut has_other_limits) = (false, false);
        for (rule, rates) in self.rules.iter().zip(rates.by_level()) {
            let (interval, burst) = match rates.limit {
                Some(limit) => {
                    let interval = ticks_between(limit.per_second);
                    (interval, interval.saturating_mul(limit.burst.max(1).into()))
                }
                None => (0, 0),
            };
            let sample = rates.sample.filter(|share| *share < 1.0);
            let sample = sample.map_or(0, |share| share.max(f64::MIN_POSITIVE).to_bits());
            has_other_limits |= rule.interval.swap(interval, Ordering::Relaxed) != interval;
            has_other_limits |= rule.burst.swap(burst, Ordering::Relaxed) != burst;
            rule.sample.store(sample, Ordering::Relaxed);
            has_rules |= interval != 0 || sample != 0;
        }
        if has_rules {
            self.places
                .get_or_init(|| (0..PLACES).map(|_| Place::default()).collect());
        }
        if has_other_limits {
            self.forget_dues();
        }
        has_rules
    }

    /// Has callsites begin anew: by a limit of before, a record may be due far later than by that
    /// of now.
    fn forget_dues(&self) {
        let places = self.places.get().into_iter().flatten();
        places.for_each(|place| place.due.store(0, Ordering::Relaxed));
    }

    /// Whether the events of a callsite are to be looked at.
    pub(super) fn is_concerned(&self, metadata: &Metadata<'_>) -> bool {
        let rule = &self.rules[usize::from(level_index(*metadata.level()))];
        let has_rule = rule.interval.load(Ordering::Relaxed) != 0 || rule.share().is_some();
        has_rule && !audit::is_audit(metadata) && metadata.target() != request::TARGET
    }

    /// For what an event is wanted that the filter lets through.
    pub(super) fn wish(&self, event: &Event<'_>) -> Wish {
        let metadata = event.metadata();
        let level = usize::from(level_index(*metadata.level()));
        let rule = &self.rules[level];
        let Some(place) = self.place_of(event) else {
            return Wish::Now;
        };
        let share = rule.share();
        if share.is_some_and(|share| !place.is_drawn(share)) {
            self.suppressed[level].fetch_add(1, Ordering::Relaxed);
            return Wish::Never;
        }
        if !place.is_in_time(rule) {
            place.note_origin(event);
            // In this order: who sees the sum finds what it is made of, and of whom. Pairs with the
            // Acquire load in `limited`.
            place.limited.fetch_add(1, Ordering::Release);
            self.suppressed[level].fetch_add(1, Ordering::Relaxed);
            self.limited.fetch_add(1, Ordering::Release);
            return Wish::Never;
        }
        match share {
            Some(_) => Wish::Sampled,
            None => Wish::Now,
        }
    }

    /// The share of a level's records that is kept.
    pub(crate) fn share(&self, level: u8) -> f64 {
        self.rules[usize::from(level) % LEVELS]
            .share()
            .unwrap_or(1.0)
    }

    /// How many records of each level were left out.
    pub(crate) fn suppressed(&self) -> [u64; LEVELS] {
        let suppressed = self.suppressed.each_ref();
        suppressed.map(|count| count.load(Ordering::Relaxed))
    }

    /// How many records limits left out: a quick look whether there are new ones.
    pub(crate) fn limited(&self) -> u64 {
        self.limited.load(Ordering::Acquire)
    }

    /// The same for each callsite, at its place.
    pub(crate) fn limited_by_place(
        &self,
    ) -> impl Iterator<Item = (usize, u64, Arc<LimitedOrigin>)> {
        let places = self.places.get().into_iter().flatten().enumerate();
        places.filter_map(|(number, place)| {
            let limited = place.limited.load(Ordering::Acquire);
            Some((number, limited, place.origin.load_full()?)).filter(|_| limited != 0)
        })
    }

    /// Forgets what was left out in another process.
    pub(crate) fn begin_anew(&self) {
        let counts = self.suppressed.iter().chain([&self.limited]);
        let places = self.places.get().into_iter().flatten();
        let counts = counts.chain(places.map(|place| &place.limited));
        counts.for_each(|count| count.store(0, Ordering::Relaxed));
    }

    /// The place of an event's callsite. `None` if there is none left.
    fn place_of(&self, event: &Event<'_>) -> Option<&Place> {
        let places = self.places.get()?;
        let metadata = event.metadata();
        let key = if is_log_bridge(metadata) {
            key_of_log(event)
        } else {
            std::ptr::from_ref(metadata).addr() as u64
        };
        let first = (key.wrapping_mul(GOLDEN) >> (u64::BITS - PLACES.ilog2())) as usize;
        (first..first + PROBES)
            .map(|place| &places[place % PLACES])
            .find(|place| place.is_of(key))
    }
}

impl Rule {
    fn share(&self) -> Option<f64> {
        let sample = self.sample.load(Ordering::Relaxed);
        (sample != 0).then(|| f64::from_bits(sample))
    }
}

impl Place {
    /// Whether it is the place of a callsite, which takes it if it is free.
    fn is_of(&self, key: u64) -> bool {
        // Relaxed: nothing is published by it. A place is never given up.
        let known = self.key.load(Ordering::Relaxed);
        let taken = |_| {
            self.key
                .compare_exchange(0, key, Ordering::Relaxed, Ordering::Relaxed)
        };
        known == key || (known == 0 && taken(()).map_or_else(|other| other == key, |_| true))
    }

    /// Notes whose records are left out here. Of threads that do so at once any may win.
    fn note_origin(&self, event: &Event<'_>) {
        // Relaxed: who has counted one has noted it before.
        let is_first = self.limited.load(Ordering::Relaxed) == 0;
        if is_first && self.origin.load().is_none() {
            self.origin.store(Some(Arc::new(origin_of(event))));
        }
    }

    /// Whether a record that comes now is kept for a sample.
    fn is_drawn(&self, share: f64) -> bool {
        if let Some(of_request) = thread::random_share() {
            return of_request < share;
        }
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        let random = mix(number ^ self.key.load(Ordering::Relaxed));
        (random >> 11) as f64 / (1_u64 << 53) as f64 <= share
    }

    /// Whether a record that comes now is within the limit, of which it takes its part.
    fn is_in_time(&self, rule: &Rule) -> bool {
        let interval = rule.interval.load(Ordering::Relaxed);
        if interval == 0 {
            return true;
        }
        let now = ticks::now();
        let latest = now.saturating_add(rule.burst.load(Ordering::Relaxed));
        // Relaxed: one word is all that there is.
        let taken = self
            .due
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |due| {
                Some(due.max(now).saturating_add(interval)).filter(|next| *next <= latest)
            });
        taken.is_ok()
    }
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Ticks between two records, so many a second.
fn ticks_between(per_second: f64) -> u64 {
    let interval = 1e9 / per_second.max(1e-9) / recovery::ns_per_tick();
    // Without a limit it would be 0.
    (interval as u64).max(1)
}

/// SplitMix64, by Sebastiano Vigna: numbers in a row become as good as random.
fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_mul(GOLDEN);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Stands for a target and a level of the `log` crate.
fn key_of_log(event: &Event<'_>) -> u64 {
    struct Hashed(u64);
    impl Visit for Hashed {
        fn record_str(&mut self, field: &Field, value: &str) {
            if field.name() == "log.target" {
                let bytes = value.bytes();
                self.0 = bytes.fold(self.0, |hash, byte| mix(hash ^ u64::from(byte)));
            }
        }

        fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
    }
    let mut hashed = Hashed(u64::from(level_index(*event.metadata().level())) + 1);
    event.record(&mut hashed);
    // No address is odd.
    hashed.0 | 1
}

fn origin_of(event: &Event<'_>) -> LimitedOrigin {
    let metadata = event.metadata();
    let mut origin = LimitedOrigin {
        level: *metadata.level(),
        target: metadata.target().into(),
        file: metadata.file().map(Into::into),
        line: metadata.line(),
    };
    if is_log_bridge(metadata) {
        event.record(&mut origin);
    }
    origin
}

/// For events of the `log` crate.
impl Visit for LimitedOrigin {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "log.target" => self.target = value.into(),
            // Its records of one target and level may come from many lines: this is one of them.
            "log.file" => self.file = Some(value.into()),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "log.line" {
            self.line = u32::try_from(value).ok();
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
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
        let (place, rule) = (Place::default(), rule(5, u64::MAX / 100));
        let let_through = (0..100).filter(|_| place.is_in_time(&rule)).count();
        assert_eq!(let_through, 5);
    }

    #[test]
    fn a_limit_that_is_relaxed_is_so_at_once_and_one_that_stays_is_as_used_up_as_before() {
        let limiter = Limiter::default();
        let set = |burst, per_second| limiter.set(&Rates::new().limit(burst, per_second));
        let is_in_time = || {
            let info = usize::from(level_index(Level::INFO));
            limiter.places.get().unwrap()[0].is_in_time(&limiter.rules[info])
        };
        assert!(set(100, 0.001));
        while is_in_time() {}
        assert!(set(100, 0.001));
        assert!(!is_in_time());
        assert!(set(100, 1000.0));
        assert!(is_in_time());
    }

    #[test]
    fn threads_at_once_share_one_burst() {
        let (place, rule) = (Place::default(), rule(100, u64::MAX / 1000));
        let let_through = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let count = (0..1000).filter(|_| place.is_in_time(&rule)).count();
                    let_through.fetch_add(count as u64, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(let_through.into_inner(), 100);
    }

    #[test]
    fn a_sample_has_its_share() {
        let place = Place::default();
        for share in [0.0, 0.1, 0.5, 0.9] {
            let drawn = (0..10_000).filter(|_| place.is_drawn(share)).count() as f64;
            assert!((drawn / 10_000.0 - share).abs() < 0.02, "{share}: {drawn}");
        }
    }

    #[test]
    fn callsites_that_find_no_place_are_not_confused_with_others() {
        let place = Place::default();
        assert!(place.is_of(8) && place.is_of(8));
        assert!(!place.is_of(16));
    }
}
