//! What became of the records, as flushes and shutdowns tell it.

use std::fmt;

use crate::drain::durable::NotDurable;
use crate::pipeline::Running;

/// What became of all records by the end of a shutdown, summed over the sinks.
///
/// ```
/// # use std::time::Duration;
/// # fn main() -> Result<(), offloop::Error> {
/// let (writer, guard) = offloop::non_blocking(std::io::sink())?;
/// # drop(writer);
/// let report = guard.shutdown(Duration::from_secs(5));
/// assert_eq!((report.written, report.lost, report.pending), (0, 0, 0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Records that sinks took.
    pub written: u64,
    /// Records that were lost, now or before.
    pub lost: u64,
    /// Records that were not written by the deadline. The writers go on trying until the process
    /// ends. What other threads go on logging once the shutdown has written everything else is none of
    /// these: they write it themselves.
    pub pending: u64,
}

impl Report {
    /// Whether every record was written.
    ///
    /// ```
    /// # fn main() -> Result<(), offloop::Error> {
    /// # let memory = offloop::Memory::new();
    /// # let (_layer, guard) = offloop::builder().memory(&memory).build::<tracing_subscriber::Registry>()?;
    /// assert!(guard.shutdown(std::time::Duration::from_secs(5)).is_complete());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.lost == 0 && self.pending == 0
    }
}

/// A flush did not keep its promise.
///
/// ```
/// # use std::time::Duration;
/// # fn main() -> Result<(), offloop::Error> {
/// # let (_writer, guard) = offloop::non_blocking(std::io::sink())?;
/// if let Err(error) = guard.flush(Duration::from_secs(1)) {
///     println!("{error}: {} records", error.pending);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlushError {
    /// Records that wait to be written, summed over the sinks.
    pub pending: u64,
    /// Why it did not.
    pub failure: FlushFailure,
}

/// Why a flush did not keep its promise.
///
/// ```
/// # use std::time::Duration;
/// # fn main() -> Result<(), offloop::Error> {
/// # let (_writer, guard) = offloop::non_blocking(std::io::sink())?;
/// let flushed = guard.flush_durable(Duration::from_secs(1));
/// let is_on_disk = !flushed.is_err_and(|error| error.failure == offloop::FlushFailure::Sync);
/// # assert!(is_on_disk);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlushFailure {
    /// Time ran out. Nothing is lost by that.
    Timeout,
    /// Everything could be written, but a file could not be synced to the disk.
    Sync,
    /// The process has forked, and this is the child: what was logged before is its parent's to write.
    Fork,
}

impl fmt::Display for FlushError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pending = self.pending;
        let why = match self.failure {
            FlushFailure::Timeout => {
                return write!(
                    formatter,
                    "flush log: time ran out with {pending} records waiting"
                );
            }
            FlushFailure::Sync => "the disk failed, unsynced records may be lost",
            FlushFailure::Fork => "the process has forked, it is for the parent to write",
        };
        write!(formatter, "flush log: {why}")
    }
}

impl std::error::Error for FlushError {}

impl FlushError {
    pub(super) fn timed_out(running: &Running) -> Self {
        FlushError::new(running, FlushFailure::Timeout)
    }

    /// `why` it is not on the disk.
    pub(super) fn not_durable(running: &Running, why: NotDurable) -> Self {
        let failure = match why {
            NotDurable::SyncFailed | NotDurable::Lost => FlushFailure::Sync,
            NotDurable::Forked => FlushFailure::Fork,
        };
        FlushError::new(running, failure)
    }

    fn new(running: &Running, failure: FlushFailure) -> Self {
        FlushError {
            pending: running.stats().waiting(),
            failure,
        }
    }
}
