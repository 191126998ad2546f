//! Stage 4, format: a record becomes the bytes of a line.
//!
//! - In: a decoded record.
//! - Out: exactly one line, line break included, at the end of a buffer that many records share.
//! - Runs on: the writer thread.
//! - Never: panics; writes a control character, a line break or a bidi control that came from data.
//!
//! A format prepares what it can once per callsite, so that what is left to do for a record is to
//! copy prepared bytes and to write its values.

pub(crate) mod access;
pub(crate) mod colour;
mod escape;
pub(crate) mod json;
mod keys;
mod line;
pub(crate) mod text;
pub(crate) mod timestamp;

#[cfg(test)]
mod tests;

use crate::capture::callsite::Callsites;
use crate::capture::record::Record;

/// Turns records into lines. Owned by one writer thread.
pub(crate) trait Format: Send {
    /// Appends the line of `record`, its line break included, to `lines`.
    fn format(&mut self, record: &Record<'_>, callsites: &Callsites, lines: &mut Vec<u8>);

    /// The number of the latest line. 0 where lines have none.
    fn lines(&self) -> u64 {
        0
    }

    /// Has the next line be the one after so many: a format that another one makes way for has
    /// numbered these.
    fn go_on_after(&mut self, _lines: u64) {}
}

/// The format that these words describe, as far as they are known: `json`, `text`, `common` or
/// `combined`, then [`Details`] by their names.
pub(crate) fn in_words(words: &str) -> Box<dyn Format> {
    let has = |word: &str| has_word(words, word);
    let details = Details {
        thread: has("thread"),
        location: has("location"),
        process: has("process"),
        sequence: has("sequence"),
    };
    if is_access_log(words) {
        Box::new(access::AccessFormat::new(has("combined")))
    } else if has("text") {
        Box::new(text::TextFormat::new(false, details))
    } else {
        Box::new(json::JsonFormat::new(details))
    }
}

/// Appends a line that a format of these words has written, with the mark of a recovered record, as
/// the format itself would have put it. One that has it, or is no such line, stays as it is.
pub(crate) fn push_marked(words: &str, line: &[u8], lines: &mut Vec<u8>) {
    if is_access_log(words) {
        // It has no place for one.
        return lines.extend_from_slice(line);
    }
    let (mark, end): (&[u8], &[u8]) = if has_word(words, "text") {
        (text::RECOVERED, b"\n")
    } else {
        (json::RECOVERED, b"}\n")
    };
    match line.strip_suffix(end) {
        Some(content) if !content.ends_with(mark) => {
            lines.extend_from_slice(content);
            lines.extend_from_slice(mark);
            lines.extend_from_slice(end);
        }
        _ => lines.extend_from_slice(line),
    }
}

/// Whether these words describe a format for nothing but the records of requests.
pub(crate) fn is_access_log(words: &str) -> bool {
    has_word(words, "common") || has_word(words, "combined")
}

fn has_word(words: &str, word: &str) -> bool {
    words.split(' ').any(|found| found == word)
}

/// What a line tells beside the record's own content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Details {
    /// The name of the thread that logged, or its number where it has none.
    pub(crate) thread: bool,
    /// File and line of the macro.
    pub(crate) location: bool,
    /// The process that wrote the line.
    pub(crate) process: bool,
    /// The number of the line. A format is made anew whenever a pipeline starts, in a forked child
    /// too, and numbers its lines from 1.
    pub(crate) sequence: bool,
}
