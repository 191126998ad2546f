//! When the open file ends, and that it is given the name of an old one then.
//!
//! The rules are those of [`rotation`](super::rotation), the names those of
//! [`old_files`](super::old_files); this is what a sink knows of the file that it has open. All of it
//! is asked under the file's lock, by whoever is about to write: so one process ends a file, and
//! the others find another under the path.
//!
//! A file that cannot be ended, since its directory may not be changed, goes on; it is tried
//! again after a while.

use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::old_files::OldFiles;
use super::rotation::{self, Period, RotationRules};
use super::system;
use crate::channel::sync::Instant;

/// How long a file goes on that could not be ended.
const RETRY_PAUSE: Duration = Duration::from_secs(10);

/// File systems take the time of a change from a clock that is up to this late: a tick.
const TICK: TimeDelta = TimeDelta::milliseconds(10);

/// What a sink knows of the end of its file.
#[derive(Debug)]
pub(super) struct Ending {
    rules: RotationRules,
    /// `None` until the open file has been looked at.
    period: Option<Period>,
    /// Whether somebody asked for the end.
    is_asked: bool,
    /// Not before then.
    retry_at: Option<Instant>,
}

impl Ending {
    pub(super) fn new(rules: RotationRules) -> Ending {
        Ending {
            rules,
            period: None,
            is_asked: false,
            retry_at: None,
        }
    }

    /// Other rules hold from now on, for the open file too.
    pub(super) fn change(&mut self, rules: RotationRules) {
        self.rules = rules;
        self.period = None;
    }

    /// Another file is open.
    pub(super) fn begin(&mut self) {
        self.period = None;
    }

    /// Whatever is in the file by now is to end.
    pub(super) fn ask(&mut self) {
        self.is_asked = true;
    }

    pub(super) fn ends_at_start(&self) -> bool {
        self.rules.at_start
    }

    /// Whether it is worth the lock to ask [`is_over`](Self::is_over).
    pub(super) fn may_be_over(&mut self, now: DateTime<Utc>) -> bool {
        if self.is_postponed() {
            return false;
        }
        let has_ended = |period: &mut Period| self.rules.has_ended(period, now);
        self.is_asked || self.period.as_mut().is_none_or(has_ended)
    }

    /// Whether the file ends, whatever comes next. `file` is as it was when it was locked.
    pub(super) fn is_over(&mut self, file: &Metadata, now: DateTime<Utc>) -> bool {
        if file.len() == 0 {
            self.period = Some(self.rules.period(now));
            self.is_asked = false;
        }
        if self.is_postponed() {
            return false;
        }
        let modified = modified(file);
        let period = self
            .period
            .unwrap_or_else(|| self.rules.period(modified + TICK));
        let mut period = period;
        let mut is_over = self.rules.has_ended(&mut period, now);
        if is_over {
            // Unless another process has begun the next period in it.
            period = self.rules.period(modified);
            is_over = self.rules.has_ended(&mut period, now);
        }
        self.period = Some(period);
        is_over || self.is_asked
    }

    /// How many bytes of `lines` go into the file, which has `len`. 0 if it ends first.
    pub(super) fn fitting(&self, len: u64, lines: &[u8]) -> usize {
        if self.is_postponed() {
            return lines.len();
        }
        self.rules.fitting(len, lines)
    }

    /// Gives the file the name of an old one. The path is free then, or names another file.
    ///
    /// # Errors
    ///
    /// Why that cannot be. The file goes on.
    pub(super) fn end(&mut self, path: &Path, file: &Metadata) -> io::Result<()> {
        let outcome = rename(path, modified(file));
        self.is_asked = false;
        self.retry_at = outcome.is_err().then(|| Instant::now() + RETRY_PAUSE);
        outcome
    }

    fn is_postponed(&self) -> bool {
        self.retry_at.is_some_and(|at| Instant::now() < at)
    }
}

/// Gives the file at the path, whatever the rules say, the name of an old one. Where the path is a
/// symbolic link, the file that it leads to.
pub(super) fn set_aside(path: &Path, file: &Metadata) -> io::Result<()> {
    rename(&system::canonical(path)?, modified(file))
}

fn rename(path: &Path, ended: DateTime<Utc>) -> io::Result<()> {
    if system::link_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        // The link would be renamed, and the file not.
        return Err(io::Error::other("its path is a symbolic link"));
    }
    match OldFiles::beside(path).and_then(|old_files| old_files.add_active(ended)) {
        // Somebody else has renamed it just now.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed.map(drop),
    }
}

fn modified(file: &Metadata) -> DateTime<Utc> {
    file.modified()
        .map_or_else(|_| rotation::now(), rotation::instant)
}

#[cfg(test)]
mod tests;
