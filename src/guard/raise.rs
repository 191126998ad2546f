//! More is wanted for a time.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use crate::drain::notice;
use crate::error::Error;
use crate::fork;
use crate::guard::Guard;
use crate::install;
use crate::pipeline::Pipeline;

/// Directives that lie on top of the filter for a time, made by [`Guard::level_for`].
///
/// Losing it changes nothing: they go when their time is over.
#[derive(Debug)]
pub struct Raise {
    raised: Arc<Raised>,
    /// Ends the thread that would end it later.
    wake: Sender<()>,
}

/// What was raised.
#[derive(Debug)]
struct Raised {
    pipeline: Arc<Pipeline>,
    number: u64,
    directives: String,
}

impl Guard {
    /// Puts directives on top of the filter for a time: `debug`, `my_crate::module=trace`,
    /// `[request{user=42}]=trace`. They win over those of the filter for the same target. After `duration`
    /// they go by themselves, or earlier, by [`Raise::end`].
    ///
    /// Several may lie on top of each other: the latest wins, and each goes for itself. A
    /// [reload](Guard::reload) meanwhile changes what is below them. The filters of sinks stay as they
    /// are: a sink that takes warnings alone still does.
    ///
    /// Both its beginning and its end are a record of the log, with the target `offloop`. A child that is forked
    /// meanwhile goes on with the directives until it is reloaded. Called where a reload may be
    /// called.
    ///
    /// # Errors
    ///
    /// [`Error::Filter`] if the directives cannot be read, [`Error::StartTimer`] if there is no thread
    /// to be had that would end it. Nothing has changed then.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn main() -> Result<(), offloop::Error> {
    /// # let memory = offloop::Memory::new();
    /// # let (_layer, guard) = offloop::builder().memory(&memory).build::<tracing_subscriber::Registry>()?;
    /// let raise = guard.level_for(Duration::from_secs(60), "my_crate=trace")?;
    /// // Enough seen.
    /// raise.end();
    /// # Ok(())
    /// # }
    /// ```
    pub fn level_for(
        &self,
        duration: Duration,
        directives: impl Into<String>,
    ) -> Result<Raise, Error> {
        let directives = directives.into();
        let raised = Arc::new(Raised {
            pipeline: Arc::clone(&self.pipeline),
            number: self.pipeline.gate().raise(&directives)?,
            directives,
        });
        let (wake, woken) = crossbeam_channel::bounded(1);
        // Losing the handle ends nothing.
        let (timer, kept) = (Arc::clone(&raised), wake.clone());
        let end_in_time = move || {
            let _kept = kept;
            timer.end_after(duration, &woken);
        };
        if let Err(cause) = fork::spawn("offloop-raise".to_owned(), end_in_time) {
            self.pipeline.gate().lower(raised.number);
            return Err(Error::StartTimer(cause));
        }
        install::ask_anew(&self.pipeline);
        notice::say_raised(&self.pipeline, &raised.directives, Some(duration));
        Ok(Raise { raised, wake })
    }
}

impl Raise {
    /// Ends it now.
    ///
    /// See [`Guard::level_for`] for an example.
    pub fn end(self) {
        self.raised.end();
        // Its thread ends with that.
        let _ = self.wake.try_send(());
    }
}

impl Raised {
    fn end_after(&self, duration: Duration, woken: &Receiver<()>) {
        if let Err(RecvTimeoutError::Timeout) = woken.recv_timeout(duration) {
            self.end();
        }
    }

    fn end(&self) {
        if self.pipeline.gate().lower(self.number) {
            install::ask_anew(&self.pipeline);
            notice::say_raised(&self.pipeline, &self.directives, None);
        }
    }
}
