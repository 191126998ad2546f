//! How often callsites may log, and which share of their records is kept.
//!
//! Each callsite has a [`SourceState`] of its own, however many there are. Where several sources log by
//! the same callsite, those that come first have states of their own, and all others share that of the
//! callsite: what a program makes up as it runs takes no memory without end, and is limited all the same.

mod source;
mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use once_cell::race::OnceBox;
use tracing::Level;

pub(crate) use self::source::LimitedOrigin;
pub(super) use self::source::Source;
use self::state::{Rule, SourceState};
use super::wanted::Wish;
use crate::audit;
use crate::capture::known::{Number, PerCallsite};
use crate::channel::overflow::{LEVELS, level_index};
use crate::config::Rates;
use crate::recovery;
use crate::request;

/// How many sources have states of their own though they have no callsite of their own.
const SOURCES: usize = 4096;

/// How many of these states are looked at for one source.
const PROBES: usize = 16;

/// Decides which events are left out that the filter wants.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    rules: [Rule; LEVELS],
    callsites: PerCallsite<SourceState>,
    /// Made once there is one of them.
    sources: OnceBox<Box<[SourceState]>>,
    suppressed: [AtomicU64; LEVELS],
    /// How many of these a limit left out.
    limited: AtomicU64,
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
        if has_other_limits {
            self.forget_dues();
        }
        has_rules
    }

    /// Has callsites begin anew: by a limit of before, a record may be due far later than by that
    /// of now.
    fn forget_dues(&self) {
        let states = self.states();
        states.for_each(|(_, state)| state.pace.forget());
    }

    /// Whether events of this target and level are to be looked at.
    pub(super) fn is_concerned(&self, target: &str, level: Level) -> bool {
        let rule = &self.rules[usize::from(level_index(level))];
        let has_rule = rule.interval.load(Ordering::Relaxed) != 0 || rule.share().is_some();
        has_rule && !audit::is_audit_at(target, level) && target != request::TARGET
    }

    /// For what a record is wanted that the filter lets through.
    pub(super) fn wish(&self, source: &impl Source, callsite: Number) -> Wish {
        let level = usize::from(level_index(source.level()));
        let rule = &self.rules[level];
        let (state, seed) = self.state_of(source, callsite);
        let share = rule.share();
        if share.is_some_and(|share| !state.is_drawn(share, seed)) {
            self.suppressed[level].fetch_add(1, Ordering::Relaxed);
            return Wish::Never;
        }
        if !state.is_in_time(rule) {
            state.leave_out(source);
            self.suppressed[level].fetch_add(1, Ordering::Relaxed);
            // Behind the above: who sees the sum finds what it is made of. Pairs with the Acquire load in
            // `limited`.
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

    /// The same for each source that has any, with a number that is its own.
    pub(crate) fn limited_by_source(
        &self,
    ) -> impl Iterator<Item = (usize, u64, Arc<LimitedOrigin>)> {
        self.states().filter_map(|(number, state)| {
            let (limited, origin) = state.limited()?;
            Some((number, limited, origin))
        })
    }

    /// Forgets what was left out in another process.
    pub(crate) fn begin_anew(&self) {
        let counts = self.suppressed.iter().chain([&self.limited]);
        let counts = counts.chain(self.states().map(|(_, state)| &state.limited));
        counts.for_each(|count| count.store(0, Ordering::Relaxed));
    }

    /// The states of all sources, each with a number that it keeps.
    fn states(&self) -> impl Iterator<Item = (usize, &SourceState)> {
        let sources = self.sources.get().into_iter().flatten().enumerate();
        let callsites = self.callsites.iter();
        sources.chain(callsites.map(|(number, state)| (SOURCES + number, state)))
    }

    /// The state of a source, and a number that few others have.
    fn state_of(&self, source: &impl Source, callsite: Number) -> (&SourceState, u64) {
        let own = source.key().and_then(|key| self.state_of_source(key | 1));
        own.unwrap_or_else(|| (self.callsites.of(callsite), callsite.to_u64()))
    }

    /// The state of a source that has no callsite of its own. `None` if there is none left.
    fn state_of_source(&self, key: u64) -> Option<(&SourceState, u64)> {
        let make = || Box::new((0..SOURCES).map(|_| SourceState::default()).collect());
        let states = self.sources.get_or_init(make);
        let first = (key >> 32) as usize;
        let state = (first..first + PROBES)
            .map(|index| &states[index % SOURCES])
            .find(|state| state.is_of(key))?;
        Some((state, key))
    }
}

/// Ticks between two records, so many a second.
fn ticks_between(per_second: f64) -> u64 {
    let interval = 1e9 / per_second.max(1e-9) / recovery::ns_per_tick();
    // Without a limit it would be 0.
    (interval as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::frontend::{Place, Spot};
    use crate::capture::known;

    #[test]
    fn a_limit_that_is_relaxed_is_so_at_once_and_one_that_stays_is_as_used_up_as_before() {
        let limiter = Limiter::default();
        let set = |burst, per_second| limiter.set(&Rates::new().limit(burst, per_second));
        let callsite = known::reserve();
        let is_in_time = || {
            let info = usize::from(level_index(Level::INFO));
            limiter
                .callsites
                .of(callsite)
                .is_in_time(&limiter.rules[info])
        };
        assert!(set(100, 0.001));
        while is_in_time() {}
        assert!(set(100, 0.001));
        assert!(!is_in_time());
        assert!(set(100, 1000.0));
        assert!(is_in_time());
    }

    #[test]
    fn sources_beyond_those_that_have_states_share_that_of_their_callsite() {
        let limiter = Limiter::default();
        limiter.set(&Rates::new().limit(1, 1e-6));
        let callsite = known::reserve();
        let log = |line| {
            let line = Place {
                line: Some(line),
                ..Place::of("made up", Level::INFO)
            };
            limiter.wish(&Spot::shared(&line), callsite) == Wish::Now
        };
        let lines = 4 * SOURCES as u32;
        let let_through = (0..lines).filter(|line| log(*line)).count();
        assert!(let_through <= SOURCES + 1, "{let_through}");
        assert!(SOURCES / 2 < let_through, "{let_through}");
        assert_eq!((0..lines).filter(|line| log(*line)).count(), 0);
        let left_out = limiter.limited_by_source().map(|(_, limited, _)| limited);
        assert_eq!(left_out.sum::<u64>(), limiter.limited());
    }
}
