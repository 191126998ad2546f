//! The header `traceparent`: which trace a request belongs to, and which span has sent it.
//!
//! `{ version: 2 digits } - { trace_id: 32 } - { span_id: 16 } - { flags: 2 }`, 55 bytes in all. A
//! version above 00 may go on behind a further `-`; what follows there is not looked at.

use arrayvec::ArrayString;

use super::identifier::{SpanId, TraceId, byte_of};
use crate::request::header::without_whitespace;

/// The caller may have recorded this trace.
pub(super) const FLAG_SAMPLED: u8 = 1;
/// The rightmost 56 bits of the trace's identifier are random.
pub(super) const FLAG_RANDOM: u8 = 2;

/// How long the header is, and where its parts begin.
const BYTES: usize = 55;
const TRACE_ID_AT: usize = 3;
const SPAN_ID_AT: usize = 36;
const FLAGS_AT: usize = 53;

/// What the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traceparent {
    pub(super) trace_id: TraceId,
    /// Of the span that sends the request.
    pub(super) span_id: SpanId,
    /// Of this version: those that it does not know are left out.
    pub(super) flags: u8,
}

impl Traceparent {
    /// Reads the lines of the header. `None` unless there is exactly one, and it is valid.
    pub(super) fn parse<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut lines = lines.into_iter();
        match (lines.next(), lines.next()) {
            (Some(line), None) => Self::parse_line(without_whitespace(line)),
            // Two lines say two things, and nothing says which is true.
            _ => None,
        }
    }

    fn parse_line(line: &[u8]) -> Option<Self> {
        let (header, rest) = line.split_first_chunk::<BYTES>()?;
        let version = byte_of([header[0], header[1]])?;
        let ends_well = match version {
            0xff => false,
            0 => rest.is_empty(),
            _ => matches!(rest, [] | [b'-', ..]),
        };
        let dashes = [TRACE_ID_AT - 1, SPAN_ID_AT - 1, FLAGS_AT - 1];
        if !ends_well || dashes.iter().any(|at| header.get(*at) != Some(&b'-')) {
            return None;
        }
        let flags = byte_of([header[FLAGS_AT], header[FLAGS_AT + 1]])?;
        Some(Self {
            trace_id: TraceId::parse(header[TRACE_ID_AT..].first_chunk()?)?,
            span_id: SpanId::parse(header[SPAN_ID_AT..].first_chunk()?)?,
            flags: flags & (FLAG_SAMPLED | FLAG_RANDOM),
        })
    }

    /// The header, in the version that this is: 00.
    pub(super) fn to_text(self) -> TraceparentText {
        let flags = match self.flags & (FLAG_SAMPLED | FLAG_RANDOM) {
            0 => "-00",
            FLAG_SAMPLED => "-01",
            FLAG_RANDOM => "-02",
            _ => "-03",
        };
        let (trace_id, span_id) = (self.trace_id.as_str(), self.span_id.as_str());
        let parts = ["00-", trace_id, "-", span_id, flags];
        let mut text = ArrayString::new();
        for part in parts {
            // They fill it.
            let _ = text.try_push_str(part);
        }
        TraceparentText(text)
    }
}

/// The header as text, without memory of its own.
#[derive(Clone, Copy)]
pub(in crate::request) struct TraceparentText(ArrayString<BYTES>);

impl TraceparentText {
    pub(in crate::request) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn parse(line: &str) -> Option<Traceparent> {
        Traceparent::parse([line.as_bytes()])
    }

    #[track_caller]
    fn check(line: &str, is_valid: bool) {
        assert_eq!(parse(line).is_some(), is_valid, "{line:?}");
    }

    #[test]
    fn each_part_comes_back() {
        let header = parse(VALID).unwrap();
        assert_eq!(header.trace_id.as_str(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(header.span_id.as_str(), "00f067aa0ba902b7");
        assert_eq!(header.flags, FLAG_SAMPLED);
        assert_eq!(header.to_text().as_str(), VALID);
    }

    #[test]
    fn the_flags_of_this_version_are_passed_on_as_they_came() {
        for flags in ["00", "01", "02", "03"] {
            let line = format!("{}{flags}", &VALID[..FLAGS_AT]);
            assert_eq!(parse(&line).unwrap().to_text().as_str(), line);
        }
    }

    #[test]
    fn flags_that_this_version_does_not_know_are_not_passed_on() {
        let header = parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fe").unwrap();
        assert!(header.to_text().as_str().ends_with("-02"));
    }

    #[test]
    fn digits_are_lowercase_and_nothing_else() {
        check(
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            false,
        );
        check(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01",
            false,
        );
        check(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0A",
            false,
        );
        check(
            "+0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            false,
        );
        check(
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            false,
        );
        check(
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            false,
        );
        check(
            "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
            false,
        );
        check(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
            false,
        );
    }

    #[test]
    fn a_later_version_may_only_add_to_the_end() {
        check(
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            true,
        );
        check(
            "fe-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-\u{e9}",
            true,
        );
        check(
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-010",
            false,
        );
        check(
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            false,
        );
        check(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            false,
        );
        check(
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            false,
        );
    }

    #[test]
    fn only_spaces_and_tabs_may_stand_around_it() {
        check(&format!(" \t{VALID}\t "), true);
        check(&format!("{VALID}\n"), false);
        check(&format!("\u{a0}{VALID}"), false);
        check(" ", false);
        check("", false);
    }

    #[test]
    fn no_line_and_two_lines_are_no_header() {
        assert_eq!(Traceparent::parse([]), None);
        assert_eq!(Traceparent::parse([VALID.as_bytes(); 2]), None);
    }

    proptest! {
        #[test]
        fn what_the_grammar_allows_is_read_and_written_back(
            line in "00-[0-9a-f]{31}[1-9a-f]-[1-9a-f][0-9a-f]{15}-0[0-3]"
        ) {
            let text = parse(&line).unwrap().to_text();
            prop_assert_eq!(text.as_str(), &line);
        }

        #[test]
        fn nearly_a_header_is_read_as_what_it_says_or_not_at_all(
            line in "[0-9a-gA-F]{1,3}-[0-9a-f]{31,33}-[0-9a-f]{15,17}-[0-9a-f+]{1,3}(-.*)?"
        ) {
            if let Some(header) = parse(&line) {
                let text = header.to_text();
                prop_assert_eq!(&text.as_str()[2..53], &line[2..53]);
            }
        }

        #[test]
        fn any_bytes_are_survived(line in any::<Vec<u8>>()) {
            let _ = Traceparent::parse([line.as_slice()]);
        }
    }
}
