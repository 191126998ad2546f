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
    /// ends.
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
    /// Whether everything could be written, but a file could not be synced to the disk. Otherwise
    /// time ran out.
    pub is_sync_failed: bool,
}

impl fmt::Display for FlushError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pending = self.pending;
        if self.is_sync_failed {
            return formatter.write_str("flush log: the disk failed, unsynced records may be lost");
        }
        write!(
            formatter,
            "flush log: time ran out with {pending} records waiting"
        )
    }
}

impl std::error::Error for FlushError {}

impl FlushError {
    /// `why` it is not on the disk, unless time ran out.
    pub(super) fn new(running: &Running, why: Option<NotDurable>) -> Self {
        FlushError {
            pending: running.stats().waiting(),
            is_sync_failed: why.is_some(),
        }
    }
}
