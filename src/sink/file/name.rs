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

#[cfg(test)]
mod tests;

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
    pub(super) fn is_partial(self) -> bool {
        matches!(self, Form::Partial(_))
    }

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

    /// Which old file a name is that of, and of which active one, if it is that of any.
    pub(super) fn recognise(name: &OsStr) -> Option<(OsString, OldName, Form)> {
        let (rest, _) = Form::split(name.as_bytes());
        let dots = rest.iter().enumerate().filter(|(_, byte)| **byte == b'.');
        { dots }.find_map(|(dot, _)| {
            let active = active_around(rest, dot)?;
            let (old, form) = Names::of(Path::new(&active))?.parse(name)?;
            Some((active, old, form))
        })
    }
}

/// What is left of a name without the time and the number that follow a dot.
fn active_around(name: &[u8], dot: usize) -> Option<OsString> {
    let (stem, rest) = name.split_at_checked(dot)?;
    let mut parts = rest.splitn(4, |byte| *byte == b'.').skip(3);
    let extension = parts.next().map(|extension| [b".", extension].concat());
    let active = [stem, &extension.unwrap_or_default()].concat();
    Some(OsString::from_vec(active))
}
