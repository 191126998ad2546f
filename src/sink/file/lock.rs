//! The lock under which processes share a file: `flock` on the file itself.
//!
//! Who writes, cuts, mends or renames the file does so under this lock, so that at any other time
//! it ends with a whole line. The lock belongs to an open file, not to a process: two sinks of one
//! program exclude each other as well, and the system lets go of it when the file is closed,
//! however its owner ends. Who does not ask for it is not held up: readers, `logrotate`, a shell.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

/// How long the lock may be taken before that is a failure.
const TAKEN_MAX: Duration = Duration::from_secs(1);

/// How soon to look again, if somebody else is at it.
pub(super) const PAUSE: Duration = Duration::from_micros(500);

/// File systems that have no such locks answer one of these.
const UNSUPPORTED: [Errno; 5] = [
    Errno::NOLCK,
    Errno::NOSYS,
    Errno::OPNOTSUPP,
    Errno::NOTSUP,
    Errno::INVAL,
];

/// Let go of when it is dropped.
#[derive(Debug)]
pub(super) struct Lock<'f> {
    /// `None` where there are no locks.
    file: Option<&'f File>,
}

impl<'f> Lock<'f> {
    /// Takes the lock if it is free: otherwise the error is `WouldBlock`.
    pub(super) fn take(file: &'f File) -> io::Result<Lock<'f>> {
        match retry_on_intr(|| flock(file, FlockOperation::NonBlockingLockExclusive)) {
            Ok(()) => Ok(Lock { file: Some(file) }),
            Err(errno) if UNSUPPORTED.contains(&errno) => Ok(Lock { file: None }),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Whether it excludes anybody.
    pub(super) fn is_supported(&self) -> bool {
        self.file.is_some()
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        if let Some(file) = self.file {
            // Not left to the closing of the file: a forked child may have a copy of it. Should it
            // fail, there was no lock to let go of.
            let _ = flock(file, FlockOperation::Unlock);
        }
    }
}

/// How long somebody has been waited for.
#[derive(Debug, Default)]
pub(super) struct Patience {
    since: Option<Instant>,
}

impl Patience {
    /// Whether the wait, which begins with the first call, has taken `at_most` by now.
    pub(super) fn is_over(&mut self, at_most: Duration) -> bool {
        at_most <= self.since.get_or_insert_with(Instant::now).elapsed()
    }

    /// Takes the lock. The error is `WouldBlock` if it is not free, and `TimedOut` once it has not
    /// been free for a while.
    pub(super) fn lock<'f>(&mut self, file: &'f File) -> io::Result<Lock<'f>> {
        let taken = Lock::take(file);
        let is_taken = matches!(&taken, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        if !is_taken {
            self.renew();
        } else if self.is_over(TAKEN_MAX) {
            let why = "another process keeps the file locked";
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        taken
    }

    /// The wait has come to a good end.
    pub(super) fn renew(&mut self) {
        self.since = None;
    }
}
