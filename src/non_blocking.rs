//! A drop-in for `tracing_appender::non_blocking`.

use std::io;
use std::sync::Arc;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use crate::channel::overflow::level_index;
use crate::config::{Builder, Sink};
use crate::drain::line::Content;
use crate::error::Error;
use crate::guard::Guard;
use crate::pipeline::Pipeline;

/// Makes a writer whose writes return at once: `writer` is called on a thread of its own.
///
/// For programs that use `tracing_subscriber::fmt` with `tracing_appender::non_blocking`: change
/// that one line. What differs:
///
/// - Dropping the guard early loses nothing; what waits is written when the process ends. The guard
///   of tracing-appender writes when it is dropped, and what comes later is lost.
/// - The limit is a budget in bytes (64 MiB), not a number of lines of any length.
/// - The deadline at the end is yours ([`Guard::shutdown`]), not one second.
/// - An error of `writer` is reported and the write is tried again; there it ends in silence.
/// - Lines are written as they come: neither [`Redaction`](crate::Redaction) nor
///   [`Limits`](crate::Limits) holds for what another library has formatted.
/// - What is lost is counted by level and reason ([`Guard::stats`]) and said in the log.
///
/// # Errors
///
/// [`Error::StartWriter`] if there is no thread to be had. (tracing-appender panics.)
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (writer, guard) = offloop::non_blocking(std::io::sink())?;
/// let subscriber = tracing_subscriber::fmt().with_writer(writer).finish();
/// tracing::subscriber::with_default(subscriber, || tracing::info!("ready"));
/// guard.flush(std::time::Duration::from_secs(5))?;
/// # Ok(())
/// # }
/// ```
pub fn non_blocking(
    writer: impl io::Write + Send + 'static,
) -> Result<(NonBlocking, Guard), Error> {
    Builder::default().non_blocking(writer)
}

impl Builder {
    /// The same as [`non_blocking`](crate::non_blocking) with this builder's budget, overflow
    /// policy, delays and time-outs. Sinks and filters given to the builder are not used: lines are
    /// formatted elsewhere.
    ///
    /// # Errors
    ///
    /// [`Error::StartWriter`] if there is no thread to be had.
    ///
    /// ```
    /// # fn main() -> Result<(), offloop::Error> {
    /// let (writer, guard) = offloop::builder().budget(1 << 20).non_blocking(std::io::sink())?;
    /// # drop((writer, guard));
    /// # Ok(())
    /// # }
    /// ```
    pub fn non_blocking(
        self,
        writer: impl io::Write + Send + 'static,
    ) -> Result<(NonBlocking, Guard), Error> {
        let pipeline = self.only(Sink::writer(writer)).start(Content::Lines)?;
        let writer = NonBlocking {
            pipeline: Arc::clone(&pipeline),
            level: level_index(Level::INFO),
        };
        Ok((writer, Guard::new(pipeline)))
    }
}

/// A writer whose writes return at once. Made by [`non_blocking`](crate::non_blocking).
///
/// Each `write` is one record: it is taken whole or, if the budget is used up, dropped whole and
/// counted. It never fails.
///
/// ```
/// use std::io::Write;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (mut writer, guard) = offloop::non_blocking(std::io::sink())?;
/// writer.write_all(b"one line\n")?;
/// assert_eq!(guard.shutdown(std::time::Duration::from_secs(5)).written, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct NonBlocking {
    pipeline: Arc<Pipeline>,
    level: u8,
}

impl io::Write for NonBlocking {
    #[inline]
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Nothing is no record: nobody could tell when it is written.
        if !line.is_empty() {
            self.pipeline.push(self.level, line);
        }
        Ok(line.len())
    }

    /// Does nothing, and never waits. See [`Guard::flush`].
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for NonBlocking {
    type Writer = NonBlocking;

    fn make_writer(&'a self) -> NonBlocking {
        self.clone()
    }

    /// The level decides who may use the last eighth of the budget, and is what losses are counted
    /// by.
    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> NonBlocking {
        NonBlocking {
            pipeline: Arc::clone(&self.pipeline),
            level: level_index(*metadata.level()),
        }
    }
}
