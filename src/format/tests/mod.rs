//! What a line promises, whatever was logged.

mod expected;
mod hostile;
mod json;
mod naughty;
mod text;

use crate::capture::sample::{Sample, message, str_field};

use super::{LineFormat, make};
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
