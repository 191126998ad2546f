//! Values as people write them: `"64 MiB"`, `"1m 30s"`, `"warn"`.
//!
//! For fields with `#[serde(with = "units")]`. What is written reads back as the very same value, and
//! what cannot be read is answered by what can.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use bytesize::ByteSize;
use serde::de::{self, Deserializer, Unexpected, Visitor};
use serde::ser::Serializer;
use tracing::Level;

pub(crate) fn serialize<T: Field, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value.write(serializer)
}

pub(crate) fn deserialize<'de, T: Field, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    T::read(deserializer)
}

/// A value that people write as text.
pub(crate) trait Written: Sized {
    /// What may be written, with an example.
    const ALLOWED: &'static str;

    fn from_text(text: &str) -> Option<Self>;

    /// A number, where that is unambiguous.
    fn from_number(_: u64) -> Option<Self> {
        None
    }

    fn to_text(&self) -> String;
}

/// Such a value, or one that may be absent.
pub(crate) trait Field: Sized {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

impl<T: Written> Field for T {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

impl<T: Written> Field for Option<T> {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => value.write(serializer),
            None => serializer.serialize_none(),
        }
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_option(OptionReader(PhantomData))
    }
}

struct Reader<T>(PhantomData<T>);

impl<T: Written> Visitor<'_> for Reader<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(T::ALLOWED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        let value = T::from_text(text.trim());
        value.ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        let value = T::from_number(number);
        value.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        let value = u64::try_from(number).ok().and_then(T::from_number);
        value.ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }
}

struct OptionReader<T>(PhantomData<T>);

impl<'de, T: Written> Visitor<'de> for OptionReader<T> {
    type Value = Option<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(T::ALLOWED)
    }

    fn visit_none<E: de::Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        T::read(deserializer).map(Some)
    }
}

/// A number of bytes.
impl Written for u64 {
    const ALLOWED: &'static str = "a size such as \"64 MiB\" or \"500 kB\", or a number of bytes";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().map(|ByteSize(bytes)| bytes)
    }

    fn from_number(bytes: u64) -> Option<Self> {
        Some(bytes)
    }

    /// In the largest unit that leaves no fraction.
    fn to_text(&self) -> String {
        const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let power = if *self == 0 {
            0
        } else {
            self.trailing_zeros() / 10
        };
        format!("{} {}", self >> (10 * power), UNITS[power as usize])
    }
}

/// A number of bytes in memory.
impl Written for usize {
    const ALLOWED: &'static str = u64::ALLOWED;

    fn from_text(text: &str) -> Option<Self> {
        u64::from_text(text)?.try_into().ok()
    }

    fn from_number(bytes: u64) -> Option<Self> {
        bytes.try_into().ok()
    }

    fn to_text(&self) -> String {
        (*self as u64).to_text()
    }
}

impl Written for Duration {
    const ALLOWED: &'static str = "a time with its unit, such as \"50ms\", \"5s\" or \"14d\"";

    fn from_text(text: &str) -> Option<Self> {
        humantime::parse_duration(text).ok()
    }

    fn to_text(&self) -> String {
        humantime::format_duration(*self).to_string()
    }
}

impl Written for Level {
    const ALLOWED: &'static str = "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"";

    fn from_text(text: &str) -> Option<Self> {
        // Its own reader takes numbers, too, which nobody else would understand.
        let is_word = text.chars().all(char::is_alphabetic);
        text.parse().ok().filter(|_| is_word)
    }

    fn to_text(&self) -> String {
        self.as_str().to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let sizes = [
            ("64 MiB", Some(64 << 20)),
            ("64MiB", Some(64 << 20)),
            ("1.5 GiB", Some(3 << 29)),
            ("500 kB", Some(500_000)),
            ("10 GB", Some(10_000_000_000)),
            ("0", Some(0)),
            ("4096", Some(4096)),
            ("", None),
            ("-1", None),
            ("64 MiBi", None),
            ("MiB", None),
            ("1e3 MB", None),
        ];
        for (text, bytes) in sizes {
            assert_eq!(u64::from_text(text), bytes, "{text}");
        }
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let times = [
            ("50ms", Some(Duration::from_millis(50))),
            ("1m 30s", Some(Duration::from_secs(90))),
            ("1.5s", Some(Duration::from_millis(1500))),
            ("14d", Some(Duration::from_secs(14 * 86_400))),
            ("0s", Some(Duration::ZERO)),
            ("5", None),
            ("", None),
            ("-5s", None),
            ("five seconds", None),
        ];
        for (text, time) in times {
            assert_eq!(Duration::from_text(text), time, "{text}");
        }
    }

    #[test]
    fn levels_are_words() {
        assert_eq!(Level::from_text("warn"), Some(Level::WARN));
        assert_eq!(Level::from_text("WARN"), Some(Level::WARN));
        assert_eq!(Level::from_text("warning"), None);
        assert_eq!(Level::from_text("3"), None);
    }

    #[test]
    fn sizes_are_written_in_the_largest_unit_without_a_fraction() {
        let sizes = [
            (0, "0 B"),
            (1, "1 B"),
            (1 << 10, "1 KiB"),
            (1536 << 20, "1536 MiB"),
            (u64::MAX, "18446744073709551615 B"),
            (1 << 63, "8 EiB"),
        ];
        for (bytes, text) in sizes {
            assert_eq!(bytes.to_text(), text);
        }
    }

    fn check<T: Written + Field + PartialEq + fmt::Debug>(value: &T) {
        assert_eq!(T::from_text(&value.to_text()).as_ref(), Some(value));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(
            bytes: u64,
            shift in 0_u32..64,
            time in (any::<u64>(), 0_u32..1_000_000_000),
        ) {
            check(&bytes);
            check(&(bytes >> shift << shift));
            check(&Duration::new(time.0, time.1));
        }

        #[test]
        fn no_text_is_too_strange(text: String) {
            let _ = (u64::from_text(&text), Duration::from_text(&text), Level::from_text(&text));
        }
    }
}
