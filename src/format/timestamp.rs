//! RFC 3339, UTC, microseconds; the text of a second is kept for the records that follow in it.

use chrono::{DateTime, Datelike, Timelike, Utc};

const NANOSECONDS_PER_SECOND: i64 = 1_000_000_000;

/// `2026-11-22T01:02:03.123456Z`
pub(crate) type TimestampText = [u8; 27];

/// Where the microseconds stand in a [`TimestampText`].
const FRACTION: usize = 20;

/// Writes time stamps. Any `i64` of nanoseconds lies in the years 1677 to 2262, so that every
/// year has four digits.
#[derive(Debug)]
pub(crate) struct Timestamps {
    /// When the second began that the text shows. Wider than a time: the first second that there is
    /// begins before the first time that there is.
    second_ns: i128,
    text: TimestampText,
}

impl Timestamps {
    pub(crate) fn new() -> Self {
        Timestamps {
            second_ns: 0,
            text: *b"1970-01-01T00:00:00.000000Z",
        }
    }

    /// The time `time_ns` nanoseconds after the Unix epoch, rounded down to a microsecond.
    #[inline]
    pub(crate) fn text(&mut self, time_ns: i64) -> &TimestampText {
        let mut fraction_ns = i128::from(time_ns) - self.second_ns;
        if !(0..NANOSECONDS_PER_SECOND.into()).contains(&fraction_ns) {
            self.write_second(time_ns.div_euclid(NANOSECONDS_PER_SECOND));
            fraction_ns = i128::from(time_ns) - self.second_ns;
        }
        let microsecond = fraction_ns as u32 / 1000;
        self.write_pair(FRACTION, microsecond / 10_000);
        self.write_pair(FRACTION + 2, microsecond / 100 % 100);
        self.write_pair(FRACTION + 4, microsecond % 100);
        &self.text
    }

    #[cold]
    fn write_second(&mut self, second: i64) {
        let time = DateTime::from_timestamp(second, 0).unwrap_or(DateTime::<Utc>::UNIX_EPOCH);
        let year = time.year().unsigned_abs();
        let pairs = [
            (0, year / 100 % 100),
            (2, year % 100),
            (5, time.month()),
            (8, time.day()),
            (11, time.hour()),
            (14, time.minute()),
            (17, time.second()),
        ];
        for (at, number) in pairs {
            self.write_pair(at, number);
        }
        self.second_ns = i128::from(second) * i128::from(NANOSECONDS_PER_SECOND);
    }

    /// Writes a number below 100 as two digits.
    #[inline]
    fn write_pair(&mut self, at: usize, number: u32) {
        self.text[at] = b'0' + (number / 10) as u8;
        self.text[at + 1] = b'0' + (number % 10) as u8;
    }
}

#[cfg(test)]
mod tests {
    use chrono::SecondsFormat;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_times_have_known_texts() {
        let mut timestamps = Timestamps::new();
        for (time_ns, expected) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (999, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (1_795_309_323_123_456_789, "2026-11-22T01:02:03.123456Z"),
            (1_709_164_800_000_001_000, "2024-02-29T00:00:00.000001Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775Z"),
        ] {
            assert_eq!(str::from_utf8(timestamps.text(time_ns)), Ok(expected));
        }
    }

    proptest! {
        #[test]
        fn any_times_in_any_order_are_written_as_chrono_does(times in any::<[i64; 4]>(), step in 0..2_000_000_000_i64) {
            let mut timestamps = Timestamps::new();
            for time in times.iter().flat_map(|time| [*time, time.saturating_add(step), *time]) {
                let expected = DateTime::from_timestamp_nanos(time);
                let expected = expected.to_rfc3339_opts(SecondsFormat::Micros, true);
                prop_assert_eq!(str::from_utf8(timestamps.text(time)), Ok(expected.as_str()));
            }
        }
    }
}
