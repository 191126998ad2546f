//! When a file ends, as the user says it.

use chrono::NaiveTime;
use serde::{Deserialize, Serialize};

use super::units::{self, Written};
use crate::error::Error;
use crate::sink::{Every, RotationRules, Schedule, Zone};

/// When a log file ends and the next begins.
///
/// The active file keeps its name. When it ends it is given the time of its last record and a
/// number: `app.jsonl` becomes `app.2026-11-22T0330Z.1.jsonl`, and a new `app.jsonl` is begun.
/// Nothing is ever overwritten, and names increase, by time and then number, in the order in which
/// the files ended, whatever the clock does. Every file holds whole records. An empty file does
/// not end.
///
/// A file that cannot be renamed goes on: its directory is read-only, its path is a symbolic link, it
/// is mounted on its own, or its name has no room for some 20 bytes more. That is
/// [said](crate::Builder::on_error) once, and tried again every 10 s.
///
/// Times of day are those of UTC, unless a zone was chosen with `in_zone`. Names are in UTC (`Z`)
/// in any case, since a local time comes twice when daylight saving ends.
///
/// A clock that is set forward ends a file once, however many periods it skipped. One that is set
/// back by a day at most does not end a file twice: it goes on to the end of its period. One that
/// is set back further is believed.
///
/// ```
/// use offloop::Rotation;
///
/// let rotation = Rotation::daily().in_zone("Europe/Berlin").at_bytes(256 << 20);
/// # drop(rotation);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
#[must_use = "a rotation does nothing before it is given to a sink"]
pub struct Rotation {
    /// How often a file ends: with the minute, the hour, the day or the week.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) every: Option<Unit>,
    /// At which time of day, with `every = "day"` or `"week"`.
    #[serde(with = "units", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::time_of_day")
    )]
    pub(super) time: Option<TimeOfDay>,
    /// In which zone of the IANA database that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) zone: Option<String>,
    /// A file ends before it becomes longer than so many bytes.
    #[serde(
        rename = "at_bytes",
        with = "units",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::size")
    )]
    pub(super) bytes_max: Option<u64>,
    /// Whether a file that is there already ends when the program starts.
    at_start: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Unit {
    Minute,
    Hour,
    Day,
    Week,
}

/// Hour and minute, which need not be right before the pipeline is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeOfDay {
    hour: u32,
    minute: u32,
}

impl Written for TimeOfDay {
    const ALLOWED: &'static str = "a time of day from \"00:00\" to \"23:59\"";

    fn from_text(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let number = |digits: &str| {
            let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| are_digits)
        };
        let time = TimeOfDay {
            hour: number(hour)?,
            minute: number(minute)?,
        };
        time.checked().ok().map(|_| time)
    }

    fn to_text(&self) -> String {
        format!("{:02}:{:02}", self.hour, self.minute)
    }
}

impl TimeOfDay {
    fn checked(self) -> Result<NaiveTime, Error> {
        let TimeOfDay { hour, minute } = self;
        NaiveTime::from_hms_opt(hour, minute, 0).ok_or(Error::TimeOfDay { hour, minute })
    }
}

impl Rotation {
    /// A file ends when it is asked to, and otherwise never. This is the default.
    ///
    /// ```
    /// let rotation = offloop::Rotation::on_demand().at_start();
    /// # drop(rotation);
    /// ```
    pub fn on_demand() -> Self {
        Rotation::default()
    }

    /// A file ends with the minute.
    ///
    /// ```
    /// let rotation = offloop::Rotation::minutely();
    /// # drop(rotation);
    /// ```
    pub fn minutely() -> Self {
        Rotation::every(Unit::Minute)
    }

    /// A file ends with the hour.
    ///
    /// ```
    /// let rotation = offloop::Rotation::hourly();
    /// # drop(rotation);
    /// ```
    pub fn hourly() -> Self {
        Rotation::every(Unit::Hour)
    }

    /// A file ends with the day: at midnight.
    ///
    /// Where clocks skip the time at which a file ends, as when daylight saving begins, it ends
    /// with the first moment after. Where they show that time twice, it ends at the first.
    ///
    /// ```
    /// let rotation = offloop::Rotation::daily();
    /// # drop(rotation);
    /// ```
    pub fn daily() -> Self {
        Rotation::every(Unit::Day)
    }

    /// A file ends each day at a time of day: hour (0 to 23) and minute (0 to 59).
    ///
    /// A time that there is not is an [`Error::TimeOfDay`] when the pipeline is built.
    ///
    /// ```
    /// let rotation = offloop::Rotation::daily_at(3, 30);
    /// # drop(rotation);
    /// ```
    pub fn daily_at(hour: u32, minute: u32) -> Self {
        Rotation {
            time: Some(TimeOfDay { hour, minute }),
            ..Rotation::daily()
        }
    }

    /// A file ends with the week: on Monday at midnight.
    ///
    /// ```
    /// let rotation = offloop::Rotation::weekly();
    /// # drop(rotation);
    /// ```
    pub fn weekly() -> Self {
        Rotation::every(Unit::Week)
    }

    /// A file ends before it becomes longer than so many bytes. Only a record that is longer by
    /// itself makes a longer file, which it has for itself.
    ///
    /// ```
    /// let rotation = offloop::Rotation::hourly().at_bytes(64 << 20);
    /// # drop(rotation);
    /// ```
    pub fn at_bytes(mut self, bytes_max: u64) -> Self {
        self.bytes_max = Some(bytes_max);
        self
    }

    /// A file that is there already ends when the program starts, so that each run has a file
    /// of its own.
    ///
    /// ```
    /// let rotation = offloop::Rotation::daily().at_start();
    /// # drop(rotation);
    /// ```
    pub fn at_start(mut self) -> Self {
        self.at_start = true;
        self
    }

    /// Hours, days and weeks are those of a zone of the IANA database: `America/New_York`.
    ///
    /// The database is part of the program, so that it is there in every container; changes that
    /// governments make later come with a new build. A zone that it does not know is an
    /// [`Error::TimeZone`] when the pipeline is built.
    ///
    /// ```
    /// let rotation = offloop::Rotation::daily_at(3, 30).in_zone("Europe/Berlin");
    /// # drop(rotation);
    /// ```
    #[cfg(feature = "time-zones")]
    pub fn in_zone(mut self, name: impl Into<String>) -> Self {
        self.zone = Some(name.into());
        self
    }

    fn every(unit: Unit) -> Self {
        Rotation {
            every: Some(unit),
            ..Rotation::default()
        }
    }

    pub(crate) fn rules(&self) -> Result<RotationRules, Error> {
        let zone = self.zone.as_deref().map(Zone::named).transpose()?;
        let time = self.time.map(TimeOfDay::checked).transpose()?;
        let time = time.unwrap_or_default();
        let schedule = self.every.map(|unit| Schedule {
            every: match unit {
                Unit::Minute => Every::Minute,
                Unit::Hour => Every::Hour,
                Unit::Day => Every::Day(time),
                Unit::Week => Every::Week(time),
            },
            zone: zone.unwrap_or_default(),
        });
        Ok(RotationRules {
            schedule,
            bytes_max: self.bytes_max,
            at_start: self.at_start,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_that_there_is_not_is_an_error() {
        for (hour, minute) in [(24, 0), (0, 60), (u32::MAX, u32::MAX)] {
            let error = Rotation::daily_at(hour, minute).rules().unwrap_err();
            let expected = format!("end log files at {hour:02}:{minute:02}: no such time of day");
            assert_eq!(error.to_string(), expected);
        }
        assert!(Rotation::daily_at(23, 59).rules().is_ok());
    }

    #[cfg(feature = "time-zones")]
    #[test]
    fn a_zone_that_there_is_not_is_an_error() {
        for name in ["", "Europe/Berln", "europe/berlin", "CEST", "../etc/passwd"] {
            let error = Rotation::daily().in_zone(name).rules().unwrap_err();
            let expected = format!("find time zone {name:?}: not in the IANA database");
            assert_eq!(error.to_string(), expected);
        }
        for name in ["UTC", "Europe/Berlin", "America/New_York", "EST5EDT"] {
            assert!(Rotation::daily().in_zone(name).rules().is_ok());
        }
    }
}
