//! What a line promises, whatever was logged.

mod cost;
mod expected;
mod golden;
mod hostile;
mod json;
mod naughty;
mod text;

use crate::capture::sample::{Sample, message, str_field};

use super::{LineFormat, make, shapes};
use crate::config::Format;

/// With everything that can be asked for.
fn detailed(format: Format) -> Box<dyn LineFormat> {
    let format = format.with_thread().with_location();
    make(&format.with_process().with_sequence())
}

/// The lines of some records, one after the other in the same format.
fn lines(format: &mut dyn LineFormat, samples: &[Sample]) -> String {
    let mut lines = Vec::new();
    for sample in samples {
        sample.with_record(|record, callsites| format.format(record, callsites, &mut lines));
    }
    String::from_utf8(lines).expect("a line is UTF-8")
}

/// The line of one record, without its line break.
fn line(format: &mut dyn LineFormat, sample: &Sample) -> String {
    let mut line = lines(format, std::slice::from_ref(sample));
    assert_eq!(line.pop(), Some('\n'));
    assert_harmless(&line);
    line
}

#[test]
fn a_line_that_is_marked_later_looks_like_that_of_a_recovered_record() {
    let mut sample = Sample::new(vec![message("x"), str_field("end", "{}")]);
    for format in [
        Format::json(),
        Format::json().with_thread().with_location().with_sequence(),
        Format::text(),
        Format::text().with_process(),
    ] {
        sample.is_recovered = false;
        let plain = lines(&mut *make(&format), std::slice::from_ref(&sample));
        sample.is_recovered = true;
        let recovered = lines(&mut *make(&format), std::slice::from_ref(&sample));
        for line in [&plain, &recovered] {
            let mut marked = Vec::new();
            make(&format).push_marked(line.as_bytes(), &mut marked);
            assert_eq!(String::from_utf8(marked).unwrap(), recovered);
        }
    }
}

#[test]
fn what_a_format_says_that_its_lines_call_things_is_what_they_call_them() {
    let fields = vec![
        message("x"),
        str_field("error", "e"),
        str_field("file", "f"),
    ];
    let mut sample = Sample::new(fields);
    sample.is_recovered = true;
    for (name, format) in shapes::json_shapes() {
        let format = format
            .key("pid", "process")
            .field("host", "h")
            .key("lost", "gone");
        let line = line(&mut *detailed(format.clone()), &sample);
        for part in ["target", "thread", "pid", "seq", "recovered", "error"] {
            let key = format.key_of(part).unwrap();
            assert!(
                line.contains(&format!("\"{key}\"")),
                "{name}: {part}: {line}"
            );
        }
        for part in ["timestamp", "level", "message"] {
            let is_there = |key: String| line.contains(&format!("\"{key}\":"));
            let has_key = name != "open_telemetry";
            assert_eq!(
                format.key_of(part).is_some_and(is_there),
                has_key,
                "{name}: {part}"
            );
        }
        assert_eq!(format.key_of("lost").as_deref(), Some("gone"), "{name}");
        let taken = Format::json().field("lost", true).key_of("lost");
        assert_eq!(taken.as_deref(), Some("fields.lost"));
    }
    let cleaned = Format::logfmt().key("target", "a b").key_of("target");
    assert_eq!(cleaned.as_deref(), Some("a_b"));
    for format in [Format::text(), Format::pretty(), Format::common_log()] {
        assert_eq!(format.key_of("target"), None);
    }
}

/// Nothing in a line acts on the file or the terminal that shows it.
fn assert_harmless(line: &str) {
    let acts = |c: char| match c {
        // The marks of left and right, embeddings, overrides, isolates.
        '\u{61c}' | '\u{200e}' | '\u{200f}' => true,
        '\u{202a}' | '\u{202b}' | '\u{202c}' | '\u{202d}' | '\u{202e}' => true,
        '\u{2066}' | '\u{2067}' | '\u{2068}' | '\u{2069}' => true,
        // Line and paragraph separators, the byte order mark.
        '\u{2028}' | '\u{2029}' | '\u{feff}' => true,
        _ => c.is_control(),
    };
    assert_eq!(line.find(acts), None, "{line:?}");
}
