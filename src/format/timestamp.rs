//! Time stamps: RFC 3339, or a number since the Unix epoch.
//!
//! The text of a second is kept for the records that follow in it; only its fraction is written
//! anew.

use chrono::{DateTime, Datelike, NaiveDateTime, Timelike, Utc};

use super::line::Line;
use crate::config::Precision;
use crate::sink::Zone;

const NANOSECONDS_PER_SECOND: i64 = 1_000_000_000;

/// `2026-11-22T01:02:03.123456789+01:00` is the longest text; the rest is room for a whole block.
const TEXT_BYTES: usize = 40;

/// Where the date ends, and where the seconds do.
pub(super) const TIME_OF_DAY: usize = 11;
const FRACTION: usize = 20;

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum TimeStyle {
    /// RFC 3339, with so many digits, as clocks show it in a zone.
    Text(Precision, DisplayZone),
    /// Whole units since the Unix epoch.
    Number(Precision),
}

/// Whose clocks lines show.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum DisplayZone {
    #[default]
    Utc,
    /// Ahead of UTC by so many seconds.
    Fixed(i32),
    /// Those of a place.
    Of(Zone),
}

impl DisplayZone {
    /// `UTC` or `Z`, `+02:00`, or a name of the IANA database.
    pub(crate) fn parse(name: &str) -> Option<DisplayZone> {
        match name {
            "UTC" | "Z" => Some(DisplayZone::Utc),
            _ if name.starts_with(['+', '-']) => parse_offset(name).map(DisplayZone::Fixed),
            _ => Zone::named(name).ok().map(DisplayZone::Of),
        }
    }

    /// By how many seconds, in whole minutes, its clocks are ahead of UTC. Offsets from before there
    /// were zones have seconds, which RFC 3339 cannot say: they are left out of the time, too.
    fn offset_seconds(self, instant: DateTime<Utc>) -> i32 {
        let seconds = match self {
            DisplayZone::Utc => 0,
            DisplayZone::Fixed(seconds) => seconds,
            DisplayZone::Of(zone) => zone.offset(instant).num_seconds() as i32,
        };
        seconds - seconds % 60
    }
}

/// `+02:00`, less than a day.
fn parse_offset(text: &str) -> Option<i32> {
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let number = |digits: &str| -> Option<i32> {
        let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| is_number)
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let seconds = hours * 3600 + minutes * 60;
    let is_possible = hours < 24 && minutes < 60;
    is_possible.then_some(if text.starts_with('-') {
        -seconds
    } else {
        seconds
    })
}

/// Writes time stamps. Any `i64` of nanoseconds lies in the years 1677 to 2262, so that every
/// year has four digits.
#[derive(Debug)]
pub(crate) struct Timestamps {
    style: TimeStyle,
    /// When the second began that the text shows. Wider than a time: the first second that there is
    /// begins before the first time that there is.
    second_ns: i128,
    text: [u8; TEXT_BYTES],
    len: usize,
}

impl Default for Timestamps {
    fn default() -> Self {
        Timestamps::new(TimeStyle::Text(Precision::Microseconds, DisplayZone::Utc))
    }
}

impl Timestamps {
    pub(crate) fn new(style: TimeStyle) -> Self {
        let mut text = [0; TEXT_BYTES];
        text[..FRACTION].copy_from_slice(b"1970-01-01T00:00:00.");
        Timestamps {
            style,
            second_ns: i128::MIN,
            text,
            len: 0,
        }
    }

    /// Appends the time `time_ns` nanoseconds after the Unix epoch, rounded down.
    #[inline]
    pub(super) fn push(&mut self, time_ns: i64, line: &mut Line) {
        match self.style {
            TimeStyle::Text(precision, zone) => {
                self.write(time_ns, precision, zone);
                line.push_start(&self.text, self.len);
            }
            TimeStyle::Number(precision) => {
                let number = time_ns.div_euclid(nanoseconds(precision));
                line.push_slice(itoa::Buffer::new().format(number).as_bytes());
            }
        }
    }

    /// The time in RFC 3339, without its date where `from` is [`TIME_OF_DAY`].
    pub(crate) fn text(&mut self, time_ns: i64, from: usize) -> &[u8] {
        if let TimeStyle::Text(precision, zone) = self.style {
            self.write(time_ns, precision, zone);
        }
        self.text.get(from..self.len).unwrap_or_default()
    }

    #[inline]
    fn write(&mut self, time_ns: i64, precision: Precision, zone: DisplayZone) {
        let mut fraction_ns = i128::from(time_ns).wrapping_sub(self.second_ns);
        if !(0..NANOSECONDS_PER_SECOND.into()).contains(&fraction_ns) {
            self.write_second(time_ns.div_euclid(NANOSECONDS_PER_SECOND), precision, zone);
            fraction_ns = i128::from(time_ns) - self.second_ns;
        }
        let nanosecond = fraction_ns as u32;
        match precision {
            Precision::Seconds => {}
            Precision::Milliseconds => {
                self.write_pair(FRACTION, nanosecond / 10_000_000);
                self.text[FRACTION + 2] = b'0' + (nanosecond / 1_000_000 % 10) as u8;
            }
            Precision::Microseconds => self.write_microseconds(nanosecond),
            Precision::Nanoseconds => {
                self.write_microseconds(nanosecond);
                self.write_pair(FRACTION + 6, nanosecond / 10 % 100);
                self.text[FRACTION + 8] = b'0' + (nanosecond % 10) as u8;
            }
        }
    }

    #[inline]
    fn write_microseconds(&mut self, nanosecond: u32) {
        let microsecond = nanosecond / 1000;
        self.write_pair(FRACTION, microsecond / 10_000);
        self.write_pair(FRACTION + 2, microsecond / 100 % 100);
        self.write_pair(FRACTION + 4, microsecond % 100);
    }

    #[cold]
    fn write_second(&mut self, second: i64, precision: Precision, zone: DisplayZone) {
        let instant = DateTime::from_timestamp(second, 0).unwrap_or(DateTime::<Utc>::UNIX_EPOCH);
        let offset = zone.offset_seconds(instant);
        let local = instant.naive_utc() + chrono::TimeDelta::seconds(offset.into());
        self.write_local(local);
        self.len = match precision {
            Precision::Seconds => FRACTION - 1,
            Precision::Milliseconds => FRACTION + 3,
            Precision::Microseconds => FRACTION + 6,
            Precision::Nanoseconds => FRACTION + 9,
        };
        // Seconds may have overwritten it.
        self.text[FRACTION - 1] = b'.';
        if zone == DisplayZone::Utc {
            self.text[self.len] = b'Z';
            self.len += 1;
        } else {
            self.text[self.len] = if offset < 0 { b'-' } else { b'+' };
            self.text[self.len + 3] = b':';
            let minutes = offset.unsigned_abs() / 60;
            self.write_pair(self.len + 1, minutes / 60);
            self.write_pair(self.len + 4, minutes % 60);
            self.len += 6;
        }
        self.second_ns = i128::from(second) * i128::from(NANOSECONDS_PER_SECOND);
    }

    fn write_local(&mut self, local: NaiveDateTime) {
        let year = local.year().unsigned_abs();
        let pairs = [
            (0, year / 100 % 100),
            (2, year % 100),
            (5, local.month()),
            (8, local.day()),
            (11, local.hour()),
            (14, local.minute()),
            (17, local.second()),
        ];
        for (at, number) in pairs {
            self.write_pair(at, number);
        }
    }

    /// Writes a number below 100 as two digits.
    #[inline]
    fn write_pair(&mut self, at: usize, number: u32) {
        self.text[at] = b'0' + (number / 10) as u8;
        self.text[at + 1] = b'0' + (number % 10) as u8;
    }
}

fn nanoseconds(unit: Precision) -> i64 {
    match unit {
        Precision::Seconds => NANOSECONDS_PER_SECOND,
        Precision::Milliseconds => 1_000_000,
        Precision::Microseconds => 1000,
        Precision::Nanoseconds => 1,
    }
}

#[cfg(test)]
mod tests {
    use chrono::{FixedOffset, SecondsFormat};
    use proptest::prelude::*;

    use super::*;

    const ALL: [(Precision, SecondsFormat); 4] = [
        (Precision::Seconds, SecondsFormat::Secs),
        (Precision::Milliseconds, SecondsFormat::Millis),
        (Precision::Microseconds, SecondsFormat::Micros),
        (Precision::Nanoseconds, SecondsFormat::Nanos),
    ];

    fn pushed(timestamps: &mut Timestamps, time_ns: i64) -> String {
        let mut line = Line::default();
        timestamps.push(time_ns, &mut line);
        String::from_utf8(line.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn known_times_have_known_texts() {
        let mut timestamps = Timestamps::default();
        for (time_ns, expected) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (999, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (1_795_309_323_123_456_789, "2026-11-22T01:02:03.123456Z"),
            (1_709_164_800_000_001_000, "2024-02-29T00:00:00.000001Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775Z"),
        ] {
            assert_eq!(pushed(&mut timestamps, time_ns), expected);
        }
    }

    #[test]
    fn numbers_count_whole_units_since_the_epoch() {
        for (time_ns, precision, expected) in [
            (
                1_795_309_323_123_456_789,
                Precision::Milliseconds,
                "1795309323123",
            ),
            (
                1_795_309_323_123_456_789,
                Precision::Nanoseconds,
                "1795309323123456789",
            ),
            (-1, Precision::Seconds, "-1"),
        ] {
            let mut timestamps = Timestamps::new(TimeStyle::Number(precision));
            assert_eq!(pushed(&mut timestamps, time_ns), expected);
        }
    }

    #[test]
    fn offsets_are_read_as_they_are_written() {
        for (text, expected) in [
            ("UTC", Some(DisplayZone::Utc)),
            ("+02:00", Some(DisplayZone::Fixed(7200))),
            ("-09:30", Some(DisplayZone::Fixed(-34_200))),
            ("+24:00", None),
            ("+01:60", None),
            ("+1:00", None),
            ("+é:00", None),
            ("+", None),
            ("", None),
            ("Nowhere/At_All", None),
        ] {
            assert_eq!(DisplayZone::parse(text), expected, "{text:?}");
        }
    }

    #[cfg(feature = "time-zones")]
    #[test]
    fn clocks_of_a_place_change_when_they_do_there() {
        let zone = DisplayZone::parse("Europe/Berlin").unwrap();
        let mut timestamps = Timestamps::new(TimeStyle::Text(Precision::Seconds, zone));
        for (time, expected) in [
            ("2026-03-29T00:59:59Z", "2026-03-29T01:59:59+01:00"),
            ("2026-03-29T01:00:00Z", "2026-03-29T03:00:00+02:00"),
            ("2026-10-25T00:59:59Z", "2026-10-25T02:59:59+02:00"),
            ("2026-10-25T01:00:00Z", "2026-10-25T02:00:00+01:00"),
            // The sun's time, 53 minutes and 28 seconds ahead.
            ("1890-01-01T00:00:00Z", "1890-01-01T00:53:00+00:53"),
        ] {
            let time = DateTime::parse_from_rfc3339(time).unwrap();
            let shown = pushed(&mut timestamps, time.timestamp_nanos_opt().unwrap());
            assert_eq!(shown, expected);
        }
    }

    proptest! {
        #[test]
        fn any_times_in_any_order_are_written_as_chrono_does(
            times in any::<[i64; 4]>(),
            step in 0..2_000_000_000_i64,
            minutes in -1439..1440,
            style in 0..4_usize,
        ) {
            let (precision, format) = ALL[style];
            let zone = DisplayZone::Fixed(minutes * 60);
            let mut local = Timestamps::new(TimeStyle::Text(precision, zone));
            let mut utc = Timestamps::new(TimeStyle::Text(precision, DisplayZone::Utc));
            let offset = FixedOffset::east_opt(minutes * 60).unwrap();
            for time_ns in times.iter().flat_map(|time| [*time, time.saturating_add(step), *time]) {
                let time = DateTime::from_timestamp_nanos(time_ns);
                prop_assert_eq!(pushed(&mut utc, time_ns), time.to_rfc3339_opts(format, true));
                let there = time.with_timezone(&offset).to_rfc3339_opts(format, false);
                prop_assert_eq!(pushed(&mut local, time_ns), there);
            }
        }
    }
}
