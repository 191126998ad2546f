//! Where a format has what is looked at.
//!
//! A line is read by the format whose keys it has. One in which time, level or target are missing,
//! or a notice whose message is not understood, is in no known format: it is never taken for a
//! record that reports nothing.

use offloop::Format;

use super::super::copies::Bound;
use super::object::{Object, text_is};
use super::otlp;
use super::record::{Notice, Record};

/// The formats that a log may be in. Where several fit equally well, the first counts.
#[derive(Debug)]
pub(in crate::verify) struct Layouts(Vec<Layout>);

/// The keys of a format.
#[derive(Debug)]
struct Layout {
    timestamp: String,
    level: String,
    message: String,
    /// Whether the others are those of attributes, and values are wrapped up.
    has_attributes: bool,
    target: String,
    seq: String,
    pid: String,
    lost: String,
    unreadable: String,
    lines: String,
    recovered: String,
}

impl Layouts {
    pub(in crate::verify) fn of(formats: &[Format]) -> Layouts {
        Layouts(formats.iter().filter_map(Layout::of).collect())
    }

    /// `None` if the object is in none of these formats.
    pub(super) fn read<'a>(&self, object: &Object<'a>) -> Option<Record<'a>> {
        let attributes = otlp::attributes(object);
        let readings = self.0.iter();
        let readings = readings.filter_map(|layout| layout.read(object, attributes.as_ref()));
        // What one of them takes for a notice may look to another like any record.
        let by_fit = |(record, marks): &(Record<'a>, usize)| (record.notice.is_some(), *marks);
        let best = readings.rev().max_by_key(by_fit)?;
        Some(best.0)
    }
}

impl Layout {
    /// `None` for a format without keys.
    fn of(format: &Format) -> Option<Layout> {
        let key = |name| format.key_of(name);
        let place = |name, place: &str| key(name).unwrap_or_else(|| place.to_owned());
        Some(Layout {
            timestamp: place("timestamp", otlp::TIMESTAMP),
            level: place("level", otlp::LEVEL),
            message: place("message", otlp::MESSAGE),
            has_attributes: key("message").is_none(),
            target: key("target")?,
            seq: key("seq")?,
            pid: key("pid")?,
            lost: key("lost")?,
            unreadable: key("unreadable")?,
            lines: key("lines")?,
            recovered: key("recovered")?,
        })
    }

    /// Reads an object that is in this format, and says how many of the keys it has that not every
    /// line has.
    fn read<'a>(
        &self,
        object: &Object<'a>,
        attributes: Option<&Object<'a>>,
    ) -> Option<(Record<'a>, usize)> {
        let timestamp = object.get(&self.timestamp)?;
        object.get(&self.level)?;
        let message = object.get(&self.message);
        let (message, fields) = if self.has_attributes {
            (message.and_then(otlp::any_value), attributes?)
        } else {
            (message, object)
        };
        let (seq, pid) = (fields.get(&self.seq), fields.get(&self.pid));
        let sequence = seq.and_then(number);
        let record = Record {
            timestamp,
            sequence: sequence.map(|seq| (pid.and_then(number).unwrap_or_default(), seq)),
            notice: self.notice(fields, message)?,
            is_recovered: fields.get(&self.recovered) == Some("true"),
        };
        Some((record, [message, seq, pid].iter().flatten().count()))
    }

    /// What a record says of others: mostly nothing. `None` if that is not understood.
    fn notice(&self, fields: &Object<'_>, message: Option<&str>) -> Option<Option<Notice>> {
        if !text_is(fields.get(&self.target)?, "offloop") {
            return Some(None);
        }
        let message = message?;
        let count = |key: &str| fields.get(key).and_then(number);
        let lost = if text_is(message, "records lost") {
            count(&self.lost)?
        } else if text_is(message, "records recovered") {
            count(&self.unreadable)?
        } else {
            u64::from(text_is(message, "record could not be formatted"))
        };
        if lost != 0 {
            return Some(Some(Notice::Lost(lost)));
        }
        let begins = text_is(message, "sync failed") && count(&self.lines)? != 0;
        let ends = text_is(message, "end of lines written again");
        let bound = begins.then_some(Bound::Begin);
        let bound = bound.or(ends.then_some(Bound::End));
        Some(bound.map(Notice::Copies))
    }
}

fn number(value: &str) -> Option<u64> {
    value.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Sequence = Option<(u64, u64)>;

    fn read(text: &str) -> Option<(Option<Notice>, Sequence)> {
        let layouts = Layouts::of(&[Format::json(), Format::open_telemetry()]);
        let object = serde_json::from_str(text).unwrap();
        let record = layouts.read(&object)?;
        Some((record.notice, record.sequence))
    }

    fn line(rest: &str) -> String {
        format!(r#"{{"timestamp":"t","level":"INFO",{rest}}}"#)
    }

    #[test]
    fn keys_of_other_types_mean_nothing() {
        let other = line(r#""target":1,"message":2,"seq":"7","recovered":"true","lost":[2]"#);
        assert_eq!(read(&other), Some((None, None)));
    }

    #[test]
    fn what_is_not_understood_is_not_taken_for_a_record_that_reports_nothing() {
        for unknown in [
            r#"{"a":1}"#.to_owned(),
            line(r#""logger":"t","message":"m""#),
            line(r#""target":"offloop","msg":"records lost","lost":1"#),
            line(r#""target":"offloop","message":"records lost","fields.lost":1"#),
            r#"{"timeUnixNano":"1","severityNumber":9,"body":{"stringValue":"m"}}"#.to_owned(),
        ] {
            assert_eq!(read(&unknown), None, "{unknown}");
        }
    }

    #[test]
    fn all_losses_are_notices_of_one_kind() {
        for (rest, lost) in [
            (r#""message":"records lost","lost":3"#, Some(3)),
            (r#""message":"records recovered","unreadable":2"#, Some(2)),
            (r#""message":"records recovered","unreadable":0"#, None),
            (r#""message":"record could not be formatted""#, Some(1)),
            (r#""message":"level raised""#, None),
        ] {
            let text = line(&format!(r#""target":"offloop",{rest}"#));
            assert_eq!(read(&text), Some((lost.map(Notice::Lost), None)), "{rest}");
        }
    }

    #[test]
    fn attributes_are_read_as_if_they_were_keys() {
        let text = r#"{"timeUnixNano":"1","severityNumber":13,
            "body":{"stringValue":"records lost"},"attributes":[
            {"key":"target","value":{"stringValue":"offloop"}},
            {"key":"nothing","value":{}},
            {"key":"lost","value":{"intValue":"3"}},
            {"key":"seq","value":{"intValue":"8"}},
            {"key":"process.pid","value":{"intValue":"7"}}]}"#;
        assert_eq!(read(text), Some((Some(Notice::Lost(3)), Some((7, 8)))));
    }
}
