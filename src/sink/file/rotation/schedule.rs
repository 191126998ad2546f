//! The boundaries between periods, in any zone.
//!
//! Days and weeks begin at a time of day as clocks show it. On a day on which clocks skip that time
//! the period begins with the first instant after it; on a day on which they show it twice, the
//! first time counts. A day that a zone skips as a whole, as Samoa did the 30th of December 2011,
//! has no period.
//!
//! Hours and minutes begin when clocks show a whole one. The hour that is shown twice is two, as it
//! lasts two; where clocks are changed by half an hour, the hour before lasts half an hour less or
//! more.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

use super::zone::{self, Zone};

/// How often files end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Every {
    Minute,
    Hour,
    /// At that time of day.
    Day(NaiveTime),
    /// On Monday, at that time of day.
    Week(NaiveTime),
}

/// The boundaries between periods: an endless row of instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) every: Every,
    pub(crate) zone: Zone,
}

impl Schedule {
    /// The first boundary that is later than `instant`.
    ///
    /// `instant` is some weeks away from the first and last that chrono can represent.
    pub(crate) fn first_boundary_after(self, instant: DateTime<Utc>) -> DateTime<Utc> {
        match self.every {
            Every::Minute => self.next_multiple(instant, TimeDelta::minutes(1)),
            Every::Hour => self.next_multiple(instant, TimeDelta::hours(1)),
            Every::Day(time) => self.next_day(instant, time),
            Every::Week(time) => self.next_week(instant, time),
        }
    }

    fn next_day(self, instant: DateTime<Utc>, time: NaiveTime) -> DateTime<Utc> {
        // Clocks may have been set back to yesterday since the boundary of today.
        let mut day = self.zone.local(instant).date() - Days::new(1);
        loop {
            let boundary = self.zone.first_instant(day.and_time(time));
            if instant < boundary && !self.is_skipped(day) {
                return boundary;
            }
            day = day + Days::new(1);
        }
    }

    fn next_week(self, instant: DateTime<Utc>, time: NaiveTime) -> DateTime<Utc> {
        let today = self.zone.local(instant).date();
        let since_monday = u64::from(today.weekday().num_days_from_monday());
        let mut monday = today - Days::new(since_monday + 7);
        loop {
            let boundary = self.zone.first_instant(monday.and_time(time));
            if instant < boundary {
                return boundary;
            }
            monday = monday + Days::new(7);
        }
    }

    /// Whether clocks never show that day.
    fn is_skipped(self, day: NaiveDate) -> bool {
        let begin = |day: NaiveDate| self.zone.first_instant(day.and_time(NaiveTime::MIN));
        begin(day) == begin(day + Days::new(1))
    }

    /// The next instant at which clocks show a multiple of `step`, or skip one.
    fn next_multiple(self, instant: DateTime<Utc>, step: TimeDelta) -> DateTime<Utc> {
        let offset = self.zone.offset(instant);
        let begun = rounded_down(instant.naive_utc() + offset, step);
        let boundary = (begun + step - offset).and_utc();
        if self.zone.offset(boundary) == offset {
            return boundary;
        }
        let second = rounded_down(instant.naive_utc(), TimeDelta::seconds(1)).and_utc();
        let change = zone::first(second, boundary, |instant| {
            self.zone.offset(instant) != offset
        });
        let shown = self.zone.local(change);
        let shown_multiple = rounded_down(shown, step);
        if shown == shown_multiple || begun < shown_multiple {
            return change;
        }
        self.next_multiple(change, step)
    }
}

fn rounded_down(time: NaiveDateTime, step: TimeDelta) -> NaiveDateTime {
    let seconds = time.and_utc().timestamp();
    let whole = seconds - seconds.rem_euclid(step.num_seconds());
    DateTime::from_timestamp(whole, 0).map_or(time, |rounded| rounded.naive_utc())
}
