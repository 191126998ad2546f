//! The builder: the records of requests.

use super::Builder;
use crate::request::Options;

impl Builder {
    /// Sets what middleware does that is not given [`Options`] of its own: how the records of requests
    /// look, which of them are slow, quiet or left out, what is taken of their headers.
    ///
    /// It holds for requests that begin once the pipeline has started, in the whole program: requests
    /// belong to no pipeline. One that is started without a word about them changes nothing.
    ///
    /// ```
    /// use std::time::Duration;
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().slow_after(Duration::from_millis(250)).quiet("/health")?;
    /// let builder = offloop::builder().requests(options);
    /// # drop(builder);
    /// # Ok::<(), offloop::Error>(())
    /// ```
    pub fn requests(mut self, options: Options) -> Self {
        self.config.requests = options;
        self
    }
}
