//! Records without their secrets, on the writer thread.

use super::Redactor;
use crate::capture::callsite::Callsites;
use crate::capture::record::{self, Text};

/// Names of fields that hold identifiers of traces and spans: sixteen digits in hexadecimal may look
/// like a card's number.
const TRACE_NAMES: [&str; 6] = [
    "trace_id",
    "trace.id",
    "span_id",
    "span.id",
    "parent_span_id",
    "parent.id",
];

impl Redactor {
    /// Copies a record to `clean` if it has secrets, which the copy does not have. Says whether it
    /// had any: nearly none has, and one quick scan shows that.
    #[inline]
    pub(crate) fn clean(&self, record: &[u8], callsites: &Callsites, clean: &mut Vec<u8>) -> bool {
        self.values.suspect(record) && self.clean_suspect(record, callsites, clean)
    }

    #[inline(never)]
    fn clean_suspect(&self, bytes: &[u8], callsites: &Callsites, clean: &mut Vec<u8>) -> bool {
        let mut is_changed = false;
        let mut change = |name: &str, text: Text<'_>| {
            let new = match text {
                Text::Plain(text) if is_trace_identifier(name, text) => None,
                Text::Plain(text) | Text::Bytes(text) => self.clean_text(text),
            };
            is_changed |= new.is_some();
            new
        };
        record::rewrite(bytes, callsites, &mut change, clean).is_some() && is_changed
    }

    /// A line of text without its secrets.
    pub(crate) fn clean_line(&self, line: String) -> String {
        match self.clean_text(line.as_bytes()) {
            Some(clean) => String::from_utf8_lossy(&clean).into_owned(),
            None => line,
        }
    }

    /// A text without its secrets, if it has any.
    pub(super) fn clean_text(&self, text: &[u8]) -> Option<Vec<u8>> {
        let found = self.values.find(text);
        if found.is_empty() {
            return None;
        }
        let mut clean = Vec::with_capacity(text.len());
        let mut end = 0;
        for found in found {
            let secret = String::from_utf8_lossy(&text[found.place.clone()]);
            let mask = self.mask(found.style, |out| out.write_str(&secret));
            clean.extend_from_slice(&text[end..found.place.start]);
            clean.extend_from_slice(mask.as_bytes());
            end = found.place.end;
        }
        clean.extend_from_slice(&text[end..]);
        Some(clean)
    }
}

fn is_trace_identifier(name: &str, text: &[u8]) -> bool {
    matches!(text.len(), 16 | 32)
        && text.iter().all(u8::is_ascii_hexdigit)
        && TRACE_NAMES.iter().any(|trace| name.ends_with(trace))
}
