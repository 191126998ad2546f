//! The names of old files. They are made and parsed here and nowhere else.
//!
//! ```text
//! app.jsonl                                   the active file, always
//! app.2026-11-22T0330Z.3.jsonl                an old one
//! app.2026-11-22T0330Z.3.jsonl.gz             the same, compressed
//! app.2026-11-22T0330Z.3.jsonl.gz.partial     the same, being compressed
//!     └ when it ended ┘ └ which of that minute
//! ```
//!
//! The time is that of the file's last record, to the minute. It is written in UTC whatever zone
//! files end in: a local time comes twice when daylight saving ends, and then a name would, too.
//! The time comes before the extension, so that what a shell, an editor or a log shipper knows of
//! `*.jsonl` holds for old files as well.
//!
//! Time and number together are the order in which files ended. [`OldName::after`] keeps it
//! so whatever the clock does: if it was set back, the newest time there is is used again with
//! the next number.
//!
//! Parsing accepts what would be made and nothing else, byte for byte: a number with a leading
//! zero, a 31st of June, a `.bak` at the end belong to the user, and are never touched.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use chrono::{DateTime, NaiveDateTime, Utc};

const TIME: &str = "%Y-%m-%dT%H%MZ";
const PARTIAL: &[u8] = b".partial";
const SECONDS_PER_MINUTE: i64 = 60;

/// The minutes that have four digits for the year: 0000-01-01T0000Z and 9999-12-31T2359Z.
const MINUTE_MIN: i64 = -62_167_219_200 / SECONDS_PER_MINUTE;
const MINUTE_MAX: i64 = 253_402_300_740 / SECONDS_PER_MINUTE;

/// Which old file it is. The order is that in which files ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OldName {
    /// Minutes since the Unix epoch.
    minute: i64,
    /// From 1.
    number: u32,
}

impl OldName {
    /// The name of a file that ended at `ended` and is younger than all others, of which `newest`
    /// is the newest.
    pub(crate) fn after(newest: Option<OldName>, ended: DateTime<Utc>) -> OldName {
        let minute = ended.timestamp().div_euclid(SECONDS_PER_MINUTE);
        let by_clock = OldName {
            minute: minute.clamp(MINUTE_MIN, MINUTE_MAX),
            number: 1,
        };
        match newest {
            Some(newest) if by_clock <= newest => newest.next(),
            _ => by_clock,
        }
    }

    fn next(self) -> OldName {
        match self.number.checked_add(1) {
            Some(number) => OldName { number, ..self },
            None => OldName {
                minute: self.minute + 1,
                number: 1,
            },
        }
    }

    /// When the file ended, to the minute. Never earlier than for an older file.
    pub(crate) fn ended(self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.minute * SECONDS_PER_MINUTE, 0).unwrap_or_default()
    }
}

/// How a compressed file's name ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Suffix {
    Gzip,
    Zstd,
}

impl Suffix {
    const ALL: [Suffix; 2] = [Suffix::Gzip, Suffix::Zstd];

    fn bytes(self) -> &'static [u8] {
        match self {
            Suffix::Gzip => b".gz",
            Suffix::Zstd => b".zst",
        }
    }
}

/// In which form an old file lies there. It may lie there in several at once, while it is
/// compressed and after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Form {
    /// As it was written.
    Plain,
    /// Compressed, and complete: it is given this name once it is.
    Compressed(Suffix),
    /// Being compressed, or left behind by who was.
    Partial(Suffix),
}

impl Form {
    /// The form that the end of a name tells, and the rest of the name.
    fn split(name: &[u8]) -> (&[u8], Form) {
        let (rest, is_partial) = match name.strip_suffix(PARTIAL) {
            Some(rest) => (rest, true),
            None => (name, false),
        };
        for suffix in Suffix::ALL {
            if let Some(rest) = rest.strip_suffix(suffix.bytes()) {
                let form = if is_partial {
                    Form::Partial
                } else {
                    Form::Compressed
                };
                return (rest, form(suffix));
            }
        }
        (name, Form::Plain)
    }

    fn append_to(self, name: &mut Vec<u8>) {
        match self {
            Form::Plain => {}
            Form::Compressed(suffix) => name.extend_from_slice(suffix.bytes()),
            Form::Partial(suffix) => {
                name.extend_from_slice(suffix.bytes());
                name.extend_from_slice(PARTIAL);
            }
        }
    }
}

/// Makes and parses the names of one active file's old files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    /// `app.`
    before: Vec<u8>,
    /// `.jsonl`; empty without an extension.
    after: Vec<u8>,
}

impl Names {
    /// `None` for a path that ends in no name, such as `/` or `..`.
    ///
    /// An extension that looks like a compressed file's is none: otherwise the old files of
    /// `app.gz` could not be told from the compressed ones of `app`.
    pub(crate) fn of(active: &Path) -> Option<Names> {
        let name = active.file_name()?;
        let looks_compressed = Form::split(name.as_bytes()).1 != Form::Plain;
        let split = Path::new(name).file_stem().zip(Path::new(name).extension());
        let (stem, after) = match split {
            Some((stem, extension)) if !looks_compressed => {
                (stem, [b".", extension.as_bytes()].concat())
            }
            _ => (name, Vec::new()),
        };
        Some(Names {
            before: [stem.as_bytes(), b"."].concat(),
            after,
        })
    }

    /// The name of an old file.
    pub(crate) fn make(&self, old: OldName, form: Form) -> OsString {
        let time = old.ended().format(TIME);
        let mut name = self.before.clone();
        name.extend_from_slice(format!("{time}.{}", old.number).as_bytes());
        name.extend_from_slice(&self.after);
        form.append_to(&mut name);
        OsString::from_vec(name)
    }

    /// Which old file a name is that of, and in which form. `None` for every other name.
    pub(crate) fn parse(&self, name: &OsStr) -> Option<(OldName, Form)> {
        let (rest, form) = Form::split(name.as_bytes());
        let rest = rest.strip_prefix(self.before.as_slice())?;
        let rest = rest.strip_suffix(self.after.as_slice())?;
        let (time, number) = str::from_utf8(rest).ok()?.split_once('.')?;
        let time = NaiveDateTime::parse_from_str(time, TIME).ok()?.and_utc();
        let old = OldName {
            minute: time.timestamp().div_euclid(SECONDS_PER_MINUTE),
            number: number.parse().ok()?,
        };
        // What chrono and `parse` are lenient about, such as `+3`, is refused here.
        let is_made = old.number != 0
            && (MINUTE_MIN..=MINUTE_MAX).contains(&old.minute)
            && self.make(old, form) == name;
        is_made.then_some((old, form))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(active: &str) -> Names {
        Names::of(Path::new(active)).unwrap()
    }

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn old(ended: &str, number: u32) -> OldName {
        let first = OldName::after(None, time(ended));
        OldName { number, ..first }
    }

    #[track_caller]
    fn check(active: &str, old: OldName, form: Form, expected: &str) {
        let names = names(active);
        assert_eq!(names.make(old, form), expected);
        assert_eq!(names.parse(OsStr::new(expected)), Some((old, form)));
    }

    #[test]
    fn an_old_file_has_the_time_of_its_end_and_a_number_before_its_extension() {
        let old = old("2026-11-22T03:30:59Z", 3);
        check(
            "logs/app.jsonl",
            old,
            Form::Plain,
            "app.2026-11-22T0330Z.3.jsonl",
        );
        check(
            "app.log.1",
            old,
            Form::Plain,
            "app.log.2026-11-22T0330Z.3.1",
        );
        check("app", old, Form::Plain, "app.2026-11-22T0330Z.3");
        check(".app", old, Form::Plain, ".app.2026-11-22T0330Z.3");
        check("app.", old, Form::Plain, "app.2026-11-22T0330Z.3.");
    }

    #[test]
    fn a_form_adds_an_ending() {
        let old = old("2026-11-22T03:30:00Z", 12);
        for (form, expected) in [
            (
                Form::Compressed(Suffix::Gzip),
                "app.2026-11-22T0330Z.12.jsonl.gz",
            ),
            (
                Form::Compressed(Suffix::Zstd),
                "app.2026-11-22T0330Z.12.jsonl.zst",
            ),
            (
                Form::Partial(Suffix::Gzip),
                "app.2026-11-22T0330Z.12.jsonl.gz.partial",
            ),
            (
                Form::Partial(Suffix::Zstd),
                "app.2026-11-22T0330Z.12.jsonl.zst.partial",
            ),
        ] {
            check("app.jsonl", old, form, expected);
        }
    }

    #[test]
    fn names_that_look_compressed_already_are_told_from_compressed_ones() {
        let old = old("2026-11-22T03:30:00Z", 1);
        check("app.gz", old, Form::Plain, "app.gz.2026-11-22T0330Z.1");
        let compressed = Form::Compressed(Suffix::Gzip);
        check("app.gz", old, compressed, "app.gz.2026-11-22T0330Z.1.gz");
        check("app", old, compressed, "app.2026-11-22T0330Z.1.gz");
        check(
            "a.zst.partial",
            old,
            Form::Plain,
            "a.zst.partial.2026-11-22T0330Z.1",
        );
    }

    #[test]
    fn names_need_not_be_text() {
        let active = OsStr::from_bytes(b"\xff.\xfe");
        let names = Names::of(Path::new(active)).unwrap();
        let old = old("2026-11-22T03:30:00Z", 1);
        let name = names.make(old, Form::Plain);
        assert_eq!(name.as_bytes(), b"\xff.2026-11-22T0330Z.1.\xfe");
        assert_eq!(names.parse(&name), Some((old, Form::Plain)));
    }

    #[test]
    fn a_path_without_a_name_has_no_old_files() {
        for path in ["/", "..", "a/..", ""] {
            assert_eq!(Names::of(Path::new(path)), None, "{path}");
        }
    }

    #[test]
    fn all_other_names_belong_to_the_user() {
        let names = names("app.jsonl");
        for name in [
            "",
            "app.jsonl",
            "app.jsonl.gz",
            "app.jsonl.1",
            "app.bak.jsonl",
            "app.2026-11-22T0330Z.jsonl",
            "app.2026-11-22T0330Z.0.jsonl",
            "app.2026-11-22T0330Z.03.jsonl",
            "app.2026-11-22T0330Z.+3.jsonl",
            "app.2026-11-22T0330Z.-3.jsonl",
            "app.2026-11-22T0330Z. 3.jsonl",
            "app.2026-11-22T0330Z.4294967296.jsonl",
            "app.2026-11-22T0330Z.3.jsonl.bak",
            "app.2026-11-22T0330Z.3.jsonl~",
            "app.2026-11-22T0330Z.3.jsonl.partial",
            "app.2026-11-22T0330Z.3.jsonl.gz.gz",
            "app.2026-11-22T0330Z.3.jsonl.gz.zst",
            "app.2026-11-22T0330Z.3.jsonl.gz.partial.partial",
            "app.2026-11-22T0330Z.3.log",
            "app.2026-11-22T0330Z.3",
            "App.2026-11-22T0330Z.3.jsonl",
            "app2026-11-22T0330Z.3.jsonl",
            "my-app.2026-11-22T0330Z.3.jsonl",
            "app.2026-11-22T0330.3.jsonl",
            "app.2026-11-22T0330z.3.jsonl",
            "app.2026-11-22t0330Z.3.jsonl",
            "app.2026-11-22T03:30Z.3.jsonl",
            "app.2026-11-22T033000Z.3.jsonl",
            "app.2026-11-22T330Z.3.jsonl",
            "app.2026-11-22 0330Z.3.jsonl",
            "app.2026-11-2T0330Z.3.jsonl",
            "app. 2026-11-22T0330Z.3.jsonl",
            "app.2026-11-22T2400Z.3.jsonl",
            "app.2026-11-22T0360Z.3.jsonl",
            "app.2026-06-31T0330Z.3.jsonl",
            "app.2026-13-01T0330Z.3.jsonl",
            "app.2025-02-29T0330Z.3.jsonl",
            "app.+12026-11-22T0330Z.3.jsonl",
            "app.+2026-11-22T0330Z.3.jsonl",
            "app.-001-11-22T0330Z.3.jsonl",
        ] {
            assert_eq!(names.parse(OsStr::new(name)), None, "{name}");
        }
    }

    #[track_caller]
    fn check_after(newest: Option<OldName>, ended: &str, expected: OldName) {
        assert_eq!(OldName::after(newest, time(ended)), expected);
    }

    #[test]
    fn numbers_begin_anew_with_each_minute() {
        let first = old("2026-11-22T03:30:10Z", 1);
        check_after(None, "2026-11-22T03:30:10Z", first);
        let second = old("2026-11-22T03:30:10Z", 2);
        check_after(Some(first), "2026-11-22T03:30:50Z", second);
        let in_next_minute = old("2026-11-22T03:31:00Z", 1);
        check_after(Some(second), "2026-11-22T03:31:00Z", in_next_minute);
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_the_time_and_advances_the_number() {
        let newest = old("2026-11-22T03:30:00Z", 7);
        let expected = old("2026-11-22T03:30:00Z", 8);
        check_after(Some(newest), "2026-11-22T02:30:00Z", expected);
        check_after(Some(newest), "2016-11-22T03:30:00Z", expected);
    }

    #[test]
    fn when_numbers_run_out_the_next_minute_is_taken() {
        let last = old("2026-11-22T23:59:00Z", u32::MAX);
        let expected = old("2026-11-23T00:00:00Z", 1);
        check_after(Some(last), "2026-11-22T23:59:00Z", expected);
    }

    #[test]
    fn times_beyond_four_digits_for_the_year_are_the_first_or_the_last_of_them() {
        for (ended, expected) in [
            (DateTime::<Utc>::MIN_UTC, "app.0000-01-01T0000Z.1.jsonl"),
            (DateTime::<Utc>::MAX_UTC, "app.9999-12-31T2359Z.1.jsonl"),
        ] {
            let old = OldName::after(None, ended);
            check("app.jsonl", old, Form::Plain, expected);
        }
    }

    fn any_time() -> impl Strategy<Value = DateTime<Utc>> {
        let seconds = prop_oneof![any::<i64>(), -10_000_000_000..300_000_000_000_i64];
        seconds.prop_map(|seconds| DateTime::from_timestamp(seconds, 0).unwrap_or_default())
    }

    fn any_form() -> impl Strategy<Value = Form> {
        prop_oneof![
            Just(Form::Plain),
            prop::sample::select(&Suffix::ALL).prop_map(Form::Compressed),
            prop::sample::select(&Suffix::ALL).prop_map(Form::Partial),
        ]
    }

    proptest! {
        #[test]
        fn what_is_made_is_parsed(
            active in prop::collection::vec(1..=255_u8, 1..20),
            ended in any_time(),
            number in 1..=u32::MAX,
            form in any_form(),
        ) {
            if let Some(names) = Names::of(Path::new(OsStr::from_bytes(&active))) {
                let old = OldName { number, ..OldName::after(None, ended) };
                prop_assert_eq!(names.parse(&names.make(old, form)), Some((old, form)));
            }
        }

        #[test]
        fn what_is_parsed_would_be_made(name in r"app\.[0-9+ -]{3,6}-[0-9]{1,3}-[0-9]{2}T[0-9:]{3,5}Z\.[+0-9]{0,3}\.jsonl(\.gz)?(\.partial)?") {
            let names = names("app.jsonl");
            if let Some((old, form)) = names.parse(OsStr::new(&name)) {
                prop_assert_eq!(names.make(old, form), OsStr::new(&name));
            }
        }

        #[test]
        fn names_strictly_increase_whatever_the_clock_does(ends in prop::collection::vec(any_time(), 1..50)) {
            let mut newest = None;
            for ended in ends {
                let next = OldName::after(newest, ended);
                prop_assert!(newest < Some(next));
                newest = Some(next);
            }
        }
    }
}
