//! Which requests are written whole.

use std::sync::Arc;

use super::Choice;
use crate::config::share;
use crate::request::{Ended, Options};

impl Options {
    /// Which share of the requests is logged, from 0 to 1. By default all of them; what lies beyond the bounds
    /// counts as the nearer one. A request is kept
    /// whole or not at all, by its trace's identifier, so that all services of a trace that sample
    /// alike agree.
    ///
    /// One that is left out is held in memory, within the bounds of
    /// [`detail_bytes`](Options::detail_bytes), until its end: if that is one of those whose
    /// [detail](Options::wants_detail) is wanted, it is written whole after all. From the first
    /// warning, error or audit record on within such a request, it is written as any other. Records
    /// of requests tell a share that is not 1 as `sample_rate`.
    ///
    /// ```
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().sample(0.1);
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn sample(mut self, rate: f64) -> Self {
        self.sample_rate = share(rate);
        self
    }

    /// How many bytes of detail a request keeps in memory at most; older records make room for
    /// newer ones, and the request's record says how many, as `dropped_detail`. By default 64 KiB; 0 keeps none. All requests of a process together keep at most
    /// 64 MiB. Which records these are says
    /// [`Builder::request_detail`](crate::Builder::request_detail).
    ///
    /// ```
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().detail_bytes(256 << 10);
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn detail_bytes(mut self, bytes: usize) -> Self {
        self.detail_bytes = bytes;
        self
    }

    /// Chooses the requests whose detail is written. By default those that failed, were cut short, or
    /// were slow: see [`Ended::wants_detail`].
    ///
    /// ```
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().wants_detail(|ended| ended.is_error());
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn wants_detail(
        mut self,
        wants: impl Fn(&Ended<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.wants_detail = Some(Choice(Arc::new(wants)));
        self
    }
}
