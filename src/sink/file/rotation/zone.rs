//! Local time: what clocks show in a zone, and when.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
#[cfg(feature = "time-zones")]
use chrono::{Offset, TimeZone};

use crate::error::Error;

/// Where days begin: everywhere at once, or in a zone of the IANA database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Zone {
    #[default]
    Utc,
    #[cfg(feature = "time-zones")]
    Iana(chrono_tz::Tz),
}

/// More than any zone is away from UTC, and more than any zone ever skipped.
#[cfg(feature = "time-zones")]
const SHIFT_MAX: TimeDelta = TimeDelta::hours(26);

impl Zone {
    /// The zone of that name in the IANA database.
    pub(crate) fn named(name: &str) -> Result<Zone, Error> {
        let unknown = || Error::TimeZone {
            name: name.to_owned(),
        };
        #[cfg(feature = "time-zones")]
        return name.parse().map(Zone::Iana).map_err(|_| unknown());
        #[cfg(not(feature = "time-zones"))]
        Err(unknown())
    }

    /// What clocks show at an instant.
    pub(super) fn local(self, instant: DateTime<Utc>) -> NaiveDateTime {
        instant.naive_utc() + self.offset(instant)
    }

    /// How far clocks are ahead of UTC.
    #[cfg_attr(
        not(feature = "time-zones"),
        expect(unused_variables, reason = "UTC is itself")
    )]
    pub(crate) fn offset(self, instant: DateTime<Utc>) -> TimeDelta {
        match self {
            Zone::Utc => TimeDelta::zero(),
            #[cfg(feature = "time-zones")]
            Zone::Iana(zone) => {
                let offset = zone.offset_from_utc_datetime(&instant.naive_utc()).fix();
                TimeDelta::seconds(offset.local_minus_utc().into())
            }
        }
    }

    /// The first instant at which clocks show `local` or, if they skip it, something later.
    pub(super) fn first_instant(self, local: NaiveDateTime) -> DateTime<Utc> {
        match self {
            Zone::Utc => local.and_utc(),
            #[cfg(feature = "time-zones")]
            Zone::Iana(zone) => match zone.from_local_datetime(&local).earliest() {
                Some(instant) => instant.to_utc(),
                None => {
                    let around = local.and_utc();
                    first(around - SHIFT_MAX, around + SHIFT_MAX, |instant| {
                        local <= self.local(instant)
                    })
                }
            },
        }
    }
}

/// The first whole second for which `is_past` holds. It does not at `from`, it does at `to`, and it
/// changes once in between.
pub(super) fn first(
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    is_past: impl Fn(DateTime<Utc>) -> bool,
) -> DateTime<Utc> {
    let (mut before, mut past) = (from, to);
    while TimeDelta::seconds(1) < past - before {
        let middle = before + TimeDelta::seconds((past - before).num_seconds() / 2);
        if is_past(middle) {
            past = middle;
        } else {
            before = middle;
        }
    }
    past
}
