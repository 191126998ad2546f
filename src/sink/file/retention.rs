//! Which old files go.
//!
//! [`Retention::superfluous`] decides, from a list; [`apply`] removes. What is removed is what
//! [`OldFiles`] lists: regular files whose names were made for this active file. Never the active
//! one, never one that is being compressed (its lock is taken), never by way of a symbolic link.
//!
//! Files go from the oldest on, until every rule is satisfied. A file's age is counted from its
//! name, which copying and compressing leave alone. Only where the name lies in the future, made
//! when the clock was wrong, the time of its modification counts.

use std::io;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::caretaker::Round;
use super::name::Form;
use super::old_files::{OldFile, OldFiles};
use crate::config::units;

/// A name that is further ahead than this was made by a clock that was wrong.
const AHEAD_MAX: TimeDelta = TimeDelta::days(1);

/// Which old files are kept. The rules hold together: a file goes as soon as one of them says so,
/// the oldest first.
///
/// Only files go that were made by ending the sink's own file, known by their names. The active
/// file stays, as do symbolic links and whatever else lies beside it. Looked at whenever a file
/// ends, and once a minute, so that quiet services are tended as well. What cannot be removed is
/// reported, and tried again.
///
/// ```
/// use std::time::Duration;
/// use offloop::Retention;
///
/// let week = Duration::from_secs(7 * 24 * 3600);
/// let retention = Retention::all().age_max(week).bytes_max(10 << 30);
/// # drop(retention);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
#[must_use = "a retention does nothing before it is given to a sink"]
pub struct Retention {
    /// At most so many old files are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    files_max: Option<usize>,
    /// No old file is kept that ended longer ago than this.
    #[serde(with = "units", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::time")
    )]
    age_max: Option<Duration>,
    /// At most so many bytes of files are kept, the active one included.
    #[serde(with = "units", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::size")
    )]
    bytes_max: Option<u64>,
    /// Old files go while the file system has less free space than this.
    #[serde(with = "units", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::size")
    )]
    free_bytes_min: Option<u64>,
}

/// What the decision depends on besides the old files themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings {
    pub(crate) now: DateTime<Utc>,
    pub(crate) active_bytes: u64,
    pub(crate) free_bytes: u64,
}

impl Retention {
    /// Keeps all old files. This is the default.
    ///
    /// ```
    /// let retention = offloop::Retention::all();
    /// # drop(retention);
    /// ```
    pub fn all() -> Self {
        Retention::default()
    }

    /// Keeps at most so many old files. The active file does not count.
    ///
    /// ```
    /// let retention = offloop::Retention::all().files_max(30);
    /// # drop(retention);
    /// ```
    pub fn files_max(mut self, count: usize) -> Self {
        self.files_max = Some(count);
        self
    }

    /// Keeps no old file that ended longer ago than this.
    ///
    /// The clock of the system says how long ago that is: if it is wrong by years, files go too
    /// early or too late.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let retention = offloop::Retention::all().age_max(Duration::from_secs(14 * 24 * 3600));
    /// # drop(retention);
    /// ```
    pub fn age_max(mut self, age: Duration) -> Self {
        self.age_max = Some(age);
        self
    }

    /// Keeps at most so many bytes of files, the active one included.
    ///
    /// ```
    /// let retention = offloop::Retention::all().bytes_max(10 << 30);
    /// # drop(retention);
    /// ```
    pub fn bytes_max(mut self, bytes: u64) -> Self {
        self.bytes_max = Some(bytes);
        self
    }

    /// Removes old files while the file system has less free space than this, in bytes.
    ///
    /// Whatever uses up the space: if it is another program, all old files may go.
    ///
    /// ```
    /// let retention = offloop::Retention::all().free_bytes_min(1 << 30);
    /// # drop(retention);
    /// ```
    pub fn free_bytes_min(mut self, bytes: u64) -> Self {
        self.free_bytes_min = Some(bytes);
        self
    }

    /// Which of the old files go. They are given oldest first, and returned so.
    pub(crate) fn superfluous<'f>(
        &self,
        old_files: &'f [OldFile],
        surroundings: Surroundings,
    ) -> Vec<&'f OldFile> {
        let mut count = old_files.len();
        let mut bytes = old_files
            .iter()
            .map(OldFile::bytes)
            .fold(surroundings.active_bytes, u64::saturating_add);
        let mut free_bytes = surroundings.free_bytes;
        let goes = |file: &&OldFile| {
            let goes = self.files_max.is_some_and(|max| max < count)
                || self.bytes_max.is_some_and(|max| max < bytes)
                || self.free_bytes_min.is_some_and(|min| free_bytes < min)
                || self
                    .age_max
                    .is_some_and(|max| is_older(file, max, surroundings.now));
            if goes {
                count -= 1;
                bytes = bytes.saturating_sub(file.bytes());
                free_bytes = free_bytes.saturating_add(file.bytes());
            }
            goes
        };
        old_files.iter().filter(goes).collect()
    }
}

fn is_older(file: &OldFile, age_max: Duration, now: DateTime<Utc>) -> bool {
    let by_name = file.name.ended();
    let ended = if by_name - AHEAD_MAX <= now {
        by_name
    } else {
        file.modified
    };
    // An age that does not fit is one that nothing reaches.
    TimeDelta::from_std(age_max).is_ok_and(|age_max| age_max < now - ended)
}

/// Removes the old files that go, and says how many that were.
pub(crate) fn apply(
    retention: &Retention,
    old_files: &OldFiles,
    now: DateTime<Utc>,
    round: &mut Round<'_>,
) -> io::Result<usize> {
    if *retention == Retention::all() {
        return Ok(0);
    }
    let listed = old_files.list()?;
    let surroundings = Surroundings {
        now,
        active_bytes: old_files.active_bytes(),
        free_bytes: old_files.free_bytes()?,
    };
    let mut removed = 0;
    for file in retention.superfluous(&listed, surroundings) {
        if !(round.goes_on)() {
            break;
        }
        match remove(old_files, file) {
            Ok(is_removed) => removed += usize::from(is_removed),
            Err(error) => {
                let path = old_files.path(file.name, Form::Plain);
                (round.complain)(format!("remove old log file {path:?}: {error}"));
            }
        }
    }
    Ok(removed)
}

/// Removes a file in all its forms, unless somebody is about to change them.
fn remove(old_files: &OldFiles, file: &OldFile) -> io::Result<bool> {
    let plain = old_files.open(file.name, Form::Plain)?;
    let lock = plain.as_ref().map(|plain| old_files.lock(plain, file.name));
    let _lock = match lock.transpose() {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
        taken => taken?,
    };
    for &form in file.forms.keys() {
        old_files.remove(file.name, form)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
