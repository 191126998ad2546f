//! The builder: what is left out.

use super::Builder;
use crate::config::Rates;

impl Builder {
    /// Sets how often each callsite may log, and which share of the records of a level is kept. By
    /// default nothing is left out. See [`Rates`].
    ///
    /// ```
    /// use offloop::Rates;
    ///
    /// let builder = offloop::builder().rates(Rates::new().limit(100, 10.0));
    /// # drop(builder);
    /// ```
    pub fn rates(mut self, rates: Rates) -> Self {
        self.config.rates = rates;
        self
    }
}
