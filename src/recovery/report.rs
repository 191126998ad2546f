//! What is told of leftovers, and of a recovery.

use std::path::PathBuf;
use std::time::SystemTime;

/// What a process has in memory that outlives it: its records that are not written yet. See
/// [`leftovers`](crate::leftovers).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leftover {
    /// The file, in memory, that holds them.
    pub path: PathBuf,
    /// The process.
    pub process: u32,
    /// How the program was called, where that is known.
    pub program: Option<String>,
    /// When its pipeline started.
    pub started: SystemTime,
    /// Whether the process lives, and writes them itself.
    pub is_alive: bool,
    /// The panic that ended it, if one did.
    pub panic: Option<String>,
    /// The files that the records are meant for.
    pub sinks: Vec<LeftoverSink>,
}

/// A log file that a process wrote to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftoverSink {
    /// The log file.
    pub path: PathBuf,
    /// How many records are meant for it that it has not got. With those that the sink's filter
    /// keeps away.
    pub waiting: u64,
}

/// What a recovery has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// The records that were written.
    pub recovered: u64,
    /// The records, and the ends of pages, that could not be read. The leftover is kept, under a
    /// name that ends in `.damaged`.
    pub unreadable: u64,
    /// The dead processes whose records these are.
    pub processes: Vec<u32>,
    /// How many leftovers were left alone because their process lives, or because another process is
    /// recovering them.
    pub in_use: u64,
    /// What could not be done, and why. It is still there, and can be tried again.
    pub failures: Vec<String>,
}

impl RecoveryReport {
    /// Whether everything that dead processes left is written.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unreadable == 0 && self.failures.is_empty()
    }
}
