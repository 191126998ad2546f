//! How often callsites may log, and which share of their records is kept.

use serde::{Deserialize, Serialize};
use tracing::Level;

use crate::channel::overflow::{LEVELS, level_at, level_index};

/// How often each callsite may log, and which share of the records of a level is kept.
///
/// What is left out costs its caller neither encoding nor memory. It is counted in
/// [`Stats::suppressed`](crate::Stats::suppressed); of what a limit leaves out, the log tells for each
/// callsite while it goes on, once in ten seconds at most: a record with the target `offloop`, the message `records
/// suppressed`, how many there were, and the target, file and line of the callsite.
///
/// By default there is no limit, and everything is kept. Errors are exempt unless
/// [`limit_at`](Rates::limit_at) or [`sample_at`](Rates::sample_at) names them. Audit records, and the
/// records of requests that a middleware writes, are always exempt; those are sampled by
/// [`request::Options::sample`](crate::request::Options::sample).
///
/// A callsite is a macro, or a line of a program in another language; of the `log` crate, a target and a
/// level. There may be any number of macros; of targets of the `log` crate, and of lines beyond 8,192
/// [places](crate::frontend::Place), some 4,000 are told apart, those that come first. All others of a
/// level share one limit.
///
/// ```
/// use offloop::Rates;
/// use tracing::Level;
///
/// let rates = Rates::new()
///     .limit(100, 10.0)
///     .limit_at(Level::DEBUG, 1_000, 100.0)
///     .sample_at(Level::TRACE, 0.01);
/// let builder = offloop::builder().rates(rates);
/// # drop(builder);
/// ```
///
/// In a configuration file:
///
/// ```toml
/// [rates]
/// limit = { burst = 100, per_second = 10 }
/// [rates.debug]
/// limit = { burst = 1000, per_second = 100 }
/// [rates.trace]
/// sample = 0.01
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
pub struct Rates {
    /// How often each callsite below the level ERROR may log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limit: Option<RateLimit>,
    /// What holds for the level TRACE in place of that.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) trace: LevelRates,
    /// The same for DEBUG.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) debug: LevelRates,
    /// The same for INFO.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) info: LevelRates,
    /// The same for WARN.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) warn: LevelRates,
    /// The same for ERROR, which has a limit by nothing else.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) error: LevelRates,
}

/// So many at once, and so many a second for as long as it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) struct RateLimit {
    /// How many records at once.
    pub(crate) burst: u32,
    /// How many a second as long as it goes on, which may be a fraction.
    pub(crate) per_second: f64,
}

impl RateLimit {
    fn new(burst: u32, per_second: f64) -> Option<Self> {
        let is_rate = per_second.is_finite() && 0.0 <= per_second;
        is_rate.then_some(RateLimit { burst, per_second })
    }
}

/// A share of a whole, from 0 to 1: what lies beyond counts as the nearer of both, and what is no number as
/// the whole.
pub(crate) fn share(share: f64) -> f64 {
    if share.is_nan() {
        return 1.0;
    }
    share.clamp(0.0, 1.0)
}

/// What holds for one level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
pub(crate) struct LevelRates {
    /// How often each callsite of this level may log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<RateLimit>,
    /// Which share of the records is kept, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::share")
    )]
    pub(crate) sample: Option<f64>,
}

fn is_default(rates: &LevelRates) -> bool {
    *rates == LevelRates::default()
}

impl Rates {
    /// No limits, and everything is kept.
    #[must_use]
    pub fn new() -> Self {
        Rates::default()
    }

    /// Sets how often each callsite below `ERROR` may log: `burst` records at once, at least one, and
    /// as long as it goes on `per_second`, which may be a fraction. None by default, nor by a rate that is
    /// negative, infinite or not a number.
    ///
    /// ```
    /// let rates = offloop::Rates::new().limit(100, 10.0);
    /// # drop(rates);
    /// ```
    #[must_use]
    pub fn limit(mut self, burst: u32, per_second: f64) -> Self {
        self.limit = RateLimit::new(burst, per_second);
        self
    }

    /// The same for the callsites of one level, for which it holds in place of the other. `ERROR` has
    /// a limit only by this.
    ///
    /// ```
    /// use tracing::Level;
    ///
    /// let rates = offloop::Rates::new().limit_at(Level::ERROR, 1_000, 100.0);
    /// # drop(rates);
    /// ```
    #[must_use]
    pub fn limit_at(mut self, level: Level, burst: u32, per_second: f64) -> Self {
        self.at_mut(level).limit = RateLimit::new(burst, per_second);
        self
    }

    /// Sets which share of a level's records is kept, from 0 to 1: within a request all of them or
    /// none, by its trace's identifier; elsewhere by chance. A record that was drawn tells the share
    /// as `sample_rate`. By default all are kept. What lies beyond the bounds counts as the nearer one.
    ///
    /// ```
    /// use tracing::Level;
    ///
    /// let rates = offloop::Rates::new().sample_at(Level::DEBUG, 0.1);
    /// # drop(rates);
    /// ```
    #[must_use]
    pub fn sample_at(mut self, level: Level, share: f64) -> Self {
        self.at_mut(level).sample = Some(self::share(share));
        self
    }

    fn at_mut(&mut self, level: Level) -> &mut LevelRates {
        match level {
            Level::TRACE => &mut self.trace,
            Level::DEBUG => &mut self.debug,
            Level::INFO => &mut self.info,
            Level::WARN => &mut self.warn,
            Level::ERROR => &mut self.error,
        }
    }

    /// What comes of it for each level, by [`level_index`].
    pub(crate) fn by_level(&self) -> [LevelRates; LEVELS] {
        std::array::from_fn(|index| {
            let level = level_at(index as u8);
            let mut rates = *self.clone().at_mut(level);
            if level_index(level) < level_index(Level::ERROR) {
                rates.limit = rates.limit.or(self.limit);
            }
            rates
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_share_is_the_nearest_one_and_what_is_no_number_the_whole() {
        for (given, expected) in [
            (0.25, 0.25),
            (-1.0, 0.0),
            (99.0, 1.0),
            (f64::INFINITY, 1.0),
            (f64::NAN, 1.0),
        ] {
            assert!((share(given) - expected).abs() < f64::EPSILON, "{given}");
        }
    }

    #[test]
    fn what_is_no_rate_is_no_limit() {
        for per_second in [-1.0, f64::INFINITY, f64::NAN] {
            assert_eq!(Rates::new().limit(1, per_second), Rates::new());
        }
        assert_ne!(Rates::new().limit(1, 0.0), Rates::new());
    }
}
