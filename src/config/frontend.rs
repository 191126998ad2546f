//! How a builder becomes a pipeline for the loggers of another language.

use std::sync::Arc;

use super::Builder;
use crate::drain::line::Content;
use crate::error::Error;
use crate::filter::Wanted;
use crate::frontend::Frontend;
use crate::guard::Guard;

impl Builder {
    /// The same as [`init`](Builder::init), with a door for a front end of another language beside
    /// those for `tracing` and `log`.
    ///
    /// # Errors
    ///
    /// As [`init`](Builder::init).
    ///
    /// ```no_run
    /// # fn main() -> Result<(), offloop::Error> {
    /// let (frontend, guard) = offloop::builder().file("logs/app.jsonl").init_frontend()?;
    /// # drop((frontend, guard));
    /// # Ok(())
    /// # }
    /// ```
    pub fn init_frontend(self) -> Result<(Frontend, Guard), Error> {
        let wanted = self.wanted_without_spans()?;
        let guard = self.init()?;
        Ok((Frontend::new(Arc::clone(guard.pipeline()), wanted), guard))
    }

    /// Starts the pipeline for a front end of another language alone. See [`Frontend`] for an
    /// example.
    ///
    /// # Errors
    ///
    /// As [`init`](Builder::init), but for what concerns the global subscriber.
    pub fn build_frontend(self) -> Result<(Frontend, Guard), Error> {
        let wanted = self.wanted_without_spans()?;
        let pipeline = self.start(Content::Records)?;
        Ok((
            Frontend::new(Arc::clone(&pipeline), wanted),
            Guard::new(pipeline),
        ))
    }

    /// Another language has no spans of ours.
    fn wanted_without_spans(&self) -> Result<Arc<Wanted>, Error> {
        let detail = self.config.request_detail.as_deref();
        Wanted::from_environment(Some(&self.config.level), detail).map(Arc::new)
    }
}
