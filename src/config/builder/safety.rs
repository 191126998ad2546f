//! What of records is kept out of the log, and how much of them is kept.

use super::super::{Limits, Redaction};
use super::Builder;

impl Builder {
    /// Sets which secrets are kept out of the log. By default the usual ones, by the names of fields
    /// and by what values look like: see [`Redaction`].
    ///
    /// ```
    /// use offloop::Redaction;
    ///
    /// let builder = offloop::builder().redaction(Redaction::default().key("iban"));
    /// # drop(builder);
    /// ```
    pub fn redaction(mut self, redaction: Redaction) -> Self {
        self.config.redaction = redaction;
        self
    }

    /// Sets how much a record may hold. See [`Limits`].
    ///
    /// ```
    /// use offloop::Limits;
    ///
    /// let builder = offloop::builder().limits(Limits::default().record_bytes(64 << 10));
    /// # drop(builder);
    /// ```
    pub fn limits(mut self, limits: Limits) -> Self {
        self.config.limits = limits;
        self
    }
}
