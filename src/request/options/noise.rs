//! How loud requests are.

use std::sync::Arc;
use std::time::Duration;

use tracing::Level;

use super::Choice;
use crate::Error;
use crate::config::share;
use crate::request::latency::Latencies;
use crate::request::pattern::Pattern;
use crate::request::{Ended, Options};

impl Options {
    /// From which duration on a request is slow: its record is at least a warning. By default 1 s.
    ///
    /// ```
    /// use offloop::request::Options;
    /// use std::time::Duration;
    ///
    /// let options = Options::new().slow_after(Duration::from_millis(250));
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn slow_after(mut self, duration: Duration) -> Self {
        self.slow_after = duration;
        self
    }

    /// Which requests are among the slowest: those that take longer than this share of all, between
    /// 0 and 1. Their [detail](Options::wants_detail) is wanted, whatever their duration; their
    /// level stays as it is. By default none. What counts are the durations of the last few
    /// thousand requests, of which there must be 1,024 at first. What lies beyond the bounds counts as the
    /// nearer one.
    ///
    /// ```
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().slowest(0.99);
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn slowest(mut self, quantile: f64) -> Self {
        self.latencies = Some(Arc::new(Latencies::new(share(quantile))));
        self
    }

    /// Chooses the level of each record. By default [`Ended::level`] does. It runs where the request
    /// ends, which may be in a destructor: a panic of it is as if it had not been asked.
    ///
    /// ```
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().level(|ended| match ended.status {
    ///     Some(429) => tracing::Level::WARN,
    ///     _ => ended.level(),
    /// });
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn level(mut self, choose: impl Fn(&Ended<'_>) -> Level + Send + Sync + 'static) -> Self {
        self.level = Some(Choice(Arc::new(choose)));
        self
    }

    /// Is called at the end of each request, with what is known of it, whether it is logged or not: for
    /// metrics. It runs where the request ends, which may be in a destructor, and on an event loop: it must not
    /// block. A panic of it is as if it had not been called.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use offloop::request::Options;
    ///
    /// static FAILED: AtomicU64 = AtomicU64::new(0);
    ///
    /// let options = Options::new().at_end(|ended| {
    ///     FAILED.fetch_add(u64::from(ended.is_error()), Ordering::Relaxed);
    /// });
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn at_end(mut self, look: impl Fn(&Ended<'_>) + Send + Sync + 'static) -> Self {
        self.at_end = Some(Choice(Arc::new(look)));
        self
    }

    /// Requests for these paths are to make no noise as long as they go well: their records are at
    /// DEBUG. May be called several times.
    ///
    /// Paths are matched as those of [`RouteOptions::at`](crate::request::RouteOptions::at) are: `/health`
    /// is that path alone, whatever its spelling, and neither `/healthy-users` nor `/health/live`;
    /// `/health/*` is that path with all below.
    ///
    /// # Errors
    ///
    /// [`Error::PathPattern`] as with [`RouteOptions::at`](crate::request::RouteOptions::at).
    ///
    /// ```
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().quiet("/health")?.quiet("/internal/*")?;
    /// # drop(options);
    /// # Ok::<(), offloop::Error>(())
    /// ```
    pub fn quiet(mut self, paths: impl Into<String>) -> Result<Self, Error> {
        self.quiet.push(Pattern::parse(paths.into())?);
        Ok(self)
    }

    /// Writes a record of each request when it arrives, too, at INFO: its `event.name` is
    /// `http.server.request.start`. By default only the end is written.
    ///
    /// ```
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().announce(true);
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn announce(mut self, is_wanted: bool) -> Self {
        self.announces = is_wanted;
        self
    }

    /// Writes a warning where a request holds up its thread for this time or longer: in one poll of
    /// its handler or of its response's body. On an event loop all other requests of that thread wait
    /// meanwhile. Its `event.name` is `http.server.stall`, and `duration_ms` is how long the poll
    /// took. By default nobody looks, which saves two readings of the clock a poll.
    ///
    /// ```
    /// use offloop::request::Options;
    /// use std::time::Duration;
    ///
    /// let options = Options::new().stall_after(Duration::from_millis(20));
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn stall_after(mut self, duration: Duration) -> Self {
        self.stall_after = Some(duration);
        self
    }
}
