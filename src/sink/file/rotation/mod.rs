//! When a file ends: by time, by size, or both.
//!
//! Everything here is a pure function of the clock that it is given; files are the sink's part.
//!
//! ## Time
//!
//! A [`Schedule`] knows the boundaries between periods, a [`Period`] which one the active file is
//! in. A file ends with the first call that comes after the end of its period, so once, however
//! many periods went by unused. Nothing is ended that is empty.
//!
//! After a restart, the period of a file that exists is that of its modification time: of its
//! last record. All its records are of that period, since the next one would have begun with
//! another file. What the file itself tells is asked of whoever finds it under the path, so that
//! it does not matter which of several processes wrote to it.
//!
//! ## A clock that is set
//!
//! - Forwards: the file ends once, then the new period begins.
//! - Backwards, by a day at most: a boundary that was passed is not passed again. The file goes on
//!   to the end of its period, which takes longer by what the clock was set back.
//! - Backwards by more: the clock is believed. The file goes on, to the end of the period that
//!   the clock is in now.
//!
//! ## Size
//!
//! A file ends before the record that would make it longer than the limit. A record that is longer
//! than the limit has a file for itself, and is the only reason for a file to be longer.

mod schedule;
mod zone;

use std::time::SystemTime;

use chrono::{DateTime, TimeDelta, Utc};

use crate::channel::sync::wall_clock;
use crate::sink::lines::{first_len, whole_len};

pub(crate) use self::schedule::{Every, Schedule};
pub(crate) use self::zone::Zone;

/// A clock that is set back further than this is believed.
///
/// A day, since the usual mistake is one of time zones, which is corrected soon.
const SETBACK_MAX: TimeDelta = TimeDelta::days(1);

/// A clock that shows less or more is taken to show this: the calendar ends somewhere.
const EARLIEST: DateTime<Utc> = DateTime::<Utc>::UNIX_EPOCH;
const LATEST: DateTime<Utc> = match DateTime::from_timestamp(253_402_300_740, 0) {
    Some(end_of_9999) => end_of_9999,
    None => DateTime::<Utc>::UNIX_EPOCH,
};

/// What the system's clock shows.
pub(crate) fn now() -> DateTime<Utc> {
    instant(wall_clock())
}

/// The same time for the calendar. A clock may be as wrong as it can be.
pub(crate) fn instant(time: SystemTime) -> DateTime<Utc> {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let instant = DateTime::from_timestamp(seconds, since.subsec_nanos());
    instant.unwrap_or(LATEST).clamp(EARLIEST, LATEST)
}

/// When a file ends. By default only when it is asked to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RotationRules {
    pub(crate) schedule: Option<Schedule>,
    /// How long a file may become.
    pub(crate) bytes_max: Option<u64>,
    /// Whether a file that is there already ends when the sink is opened.
    pub(crate) at_start: bool,
}

impl RotationRules {
    /// The period of a file that is begun at `at`, or that was written to at `at`.
    pub(crate) fn period(&self, at: DateTime<Utc>) -> Period {
        let at = at.clamp(EARLIEST, LATEST);
        Period {
            at,
            end: self
                .schedule
                .map(|schedule| schedule.first_boundary_after(at)),
        }
    }

    /// Whether a file must end before anything else is written to it. `period` follows the clock.
    pub(crate) fn has_ended(&self, period: &mut Period, now: DateTime<Utc>) -> bool {
        if now < period.at - SETBACK_MAX {
            *period = self.period(now);
        }
        period.end.is_some_and(|end| end <= now)
    }

    /// How much of `lines` goes into a file of `len` bytes: that many whole records. 0 means that the
    /// file ends first, which an empty one never does.
    ///
    /// `lines` are whole records.
    pub(crate) fn fitting(&self, len: u64, lines: &[u8]) -> usize {
        let Some(bytes_max) = self.bytes_max else {
            return lines.len();
        };
        let room = usize::try_from(bytes_max.saturating_sub(len)).unwrap_or(usize::MAX);
        if lines.len() <= room {
            return lines.len();
        }
        match whole_len(lines, room) {
            0 if len == 0 => first_len(lines, lines.len()),
            fitting => fitting,
        }
    }
}

/// The stretch of time that one file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    /// A moment within it.
    at: DateTime<Utc>,
    /// Its end. `None` if files do not end by time.
    end: Option<DateTime<Utc>>,
}

#[cfg(test)]
impl Period {
    pub(crate) fn end(&self) -> Option<DateTime<Utc>> {
        self.end
    }
}

// Most of them need zones.
#[cfg(feature = "time-zones")]
#[cfg(test)]
mod tests;
