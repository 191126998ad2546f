//! What a line is: a record, or damage.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::copies::Bound;

/// A line of a log.
#[derive(Debug)]
pub(super) enum Line<'a> {
    Record(Record<'a>),
    Empty,
    Damaged(Damage),
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// The last line of a file has no end.
    NoEnd,
    /// A record that breaks off.
    Torn,
    /// NUL bytes, as they stand where a file was cut by another program while it was written to.
    NulBytes,
    /// Something else than a JSON object.
    NoRecord(String),
}

/// The keys of a record that are looked at. Values may have any type: other programs write logs,
/// too.
#[derive(Debug, Deserialize)]
pub(super) struct Record<'a> {
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    target: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    seq: Option<&'a RawValue>,
    #[serde(borrow)]
    pid: Option<&'a RawValue>,
    #[serde(borrow)]
    lost: Option<&'a RawValue>,
    #[serde(borrow)]
    recovered: Option<&'a RawValue>,
    #[serde(borrow)]
    lines: Option<&'a RawValue>,
}

impl Record<'_> {
    pub(super) fn timestamp(&self) -> Option<String> {
        serde_json::from_str(self.timestamp?.get()).ok()
    }

    /// The sequence number, and the process that counts.
    pub(super) fn sequence(&self) -> Option<(u64, u64)> {
        Some((number(self.pid).unwrap_or_default(), number(self.seq)?))
    }

    /// How many records this one says were lost.
    pub(super) fn lost(&self) -> Option<u64> {
        self.is_notice("records lost")
            .then(|| number(self.lost))
            .flatten()
    }

    /// Whether lines that are written again begin or end here.
    pub(super) fn bound_of_copies(&self) -> Option<Bound> {
        if self.is_notice("sync failed") {
            let lines = number(self.lines).unwrap_or_default();
            return (lines != 0).then_some(Bound::Begin);
        }
        self.is_notice("end of lines written again")
            .then_some(Bound::End)
    }

    fn is_notice(&self, message: &str) -> bool {
        text_is(self.target, "offloop") && text_is(self.message, message)
    }

    pub(super) fn is_recovered(&self) -> bool {
        self.recovered.is_some_and(|value| value.get() == "true")
    }
}

fn number(value: Option<&RawValue>) -> Option<u64> {
    value?.get().parse().ok()
}

/// Whether it is that text, in which nothing needs to be escaped.
fn text_is(value: Option<&RawValue>, text: &str) -> bool {
    let quoted = value.map(RawValue::get).unwrap_or_default();
    quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        == Some(text)
}

/// Looks at a line, its end included.
pub(super) fn parse(bytes: &[u8]) -> Line<'_> {
    let Some(line) = bytes.strip_suffix(b"\n") else {
        return Line::Damaged(Damage::NoEnd);
    };
    if line.is_empty() {
        return Line::Empty;
    }
    if line.contains(&0) {
        return Line::Damaged(Damage::NulBytes);
    }
    // A list is a record to serde, too.
    if line[0] != b'{' {
        return Line::Damaged(Damage::NoRecord("does not begin with {".to_owned()));
    }
    // Values that nobody looks at would not be checked.
    let Ok(text) = std::str::from_utf8(line) else {
        return Line::Damaged(Damage::NoRecord("not UTF-8".to_owned()));
    };
    match serde_json::from_str(text) {
        Ok(record) => Line::Record(record),
        Err(error) if error.is_eof() => Line::Damaged(Damage::Torn),
        Err(error) => {
            let (column, reason) = (error.column(), reason(&error));
            Line::Damaged(Damage::NoRecord(format!("column {column}: {reason}")))
        }
    }
}

/// Without the place, which is always in line 1.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once(" at line ") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn damage(bytes: &[u8]) -> Option<Damage> {
        match parse(bytes) {
            Line::Damaged(damage) => Some(damage),
            Line::Record(_) | Line::Empty => None,
        }
    }

    #[test]
    fn whatever_is_no_whole_object_is_damage() {
        assert_eq!(damage(b"{\"a\":1}\n"), None);
        assert_eq!(damage(b"\n"), None);
        assert_eq!(damage(b"{\"a\":1}"), Some(Damage::NoEnd));
        assert_eq!(damage(b"{\"a\":1\n"), Some(Damage::Torn));
        assert_eq!(damage(b"{\"a\":\"b\n"), Some(Damage::Torn));
        assert_eq!(damage(b"\0\0{\"a\":1}\n"), Some(Damage::NulBytes));
        for other in [
            "[1]\n",
            "1\n",
            "INFO hello\n",
            "{\"a\":1}{\n",
            "{\"seq\":1,\"seq\":2}\n",
            "{\"a\":\u{1}}\n",
        ] {
            assert!(
                matches!(damage(other.as_bytes()), Some(Damage::NoRecord(_))),
                "{other}"
            );
        }
        assert!(matches!(
            damage(b"{\"a\":\"\xff\"}\n"),
            Some(Damage::NoRecord(_))
        ));
    }

    #[test]
    fn keys_of_other_types_are_no_damage() {
        let line = b"{\"seq\":\"7\",\"target\":1,\"recovered\":\"true\",\"lost\":[2]}\n";
        let Line::Record(record) = parse(line) else {
            panic!("no record");
        };
        assert_eq!(record.sequence(), None);
        assert_eq!(record.lost(), None);
        assert!(!record.is_recovered());
    }
}
