//! How a builder becomes a pipeline for the loggers of another language.

use std::sync::Arc;

use super::Builder;
use crate::drain::line::Content;
use crate::error::Error;
use crate::frontend::Frontend;
use crate::guard::Guard;
use crate::reloader;

impl Builder {
    /// Starts the pipeline for a front end of another language. See [`Frontend`] for an example.
    ///
    /// # Errors
    ///
    /// As [`init`](Builder::init), but for what concerns the global subscriber.
    pub fn build_frontend(self) -> Result<(Frontend, Guard), Error> {
        let pipeline = self.start(Content::Records)?;
        reloader::follow(&pipeline)?;
        Ok((Frontend::new(Arc::clone(&pipeline)), Guard::new(pipeline)))
    }
}
