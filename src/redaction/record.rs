//! Records without their secrets, on the writer thread.

use std::sync::Arc;

use super::Redactor;
use super::values::Found;
use crate::capture::callsite::Callsites;
use crate::capture::record::{self, Record, Text};

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

/// For how many threads spans are remembered. Threads beyond that share them.
const THREADS: usize = 64;

/// Longer spans are not remembered.
const SPANS_BYTES_MAX: usize = 1024;

/// Cleans the records of one writer.
#[derive(Debug)]
pub(crate) struct Cleaner {
    redactor: Arc<Redactor>,
    is_idle: bool,
    /// The latest spans of each thread that had no secrets: most records come from within the same.
    cleared: Vec<Vec<u8>>,
    clean: Vec<u8>,
}

impl Cleaner {
    pub(crate) fn new(redactor: Arc<Redactor>) -> Self {
        Cleaner {
            is_idle: redactor.values.are_none(),
            redactor,
            cleared: vec![Vec::new(); THREADS],
            clean: Vec::new(),
        }
    }

    /// Whether nothing is looked for.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.is_idle
    }

    /// How many of these bytes, which begin with a record and may have others behind it, come before
    /// the first sign of a secret: records that end there are clean.
    pub(crate) fn clear_bytes(&self, bytes: &[u8]) -> usize {
        self.redactor.values.clear_bytes(bytes)
    }

    /// A copy of these bytes, which are those of `record`, without its secrets; if it has any.
    pub(crate) fn clean(
        &mut self,
        bytes: &[u8],
        record: &Record<'_>,
        callsites: &Callsites,
    ) -> Option<&[u8]> {
        if self.is_idle {
            return None;
        }
        let values = &self.redactor.values;
        let is_suspect = values.suspect(record.field_bytes()) || self.suspect_spans(record);
        if is_suspect && self.redactor.clean(bytes, callsites, &mut self.clean) {
            return Some(&self.clean);
        }
        None
    }

    #[inline]
    fn suspect_spans(&mut self, record: &Record<'_>) -> bool {
        let spans = record.span_bytes();
        let cleared = &self.cleared[record.thread.id as usize % THREADS];
        *cleared != spans && self.suspect_new_spans(record)
    }

    #[inline(never)]
    fn suspect_new_spans(&mut self, record: &Record<'_>) -> bool {
        let spans = record.span_bytes();
        if self.redactor.values.suspect(spans) {
            return true;
        }
        if spans.len() <= SPANS_BYTES_MAX {
            let cleared = &mut self.cleared[record.thread.id as usize % THREADS];
            cleared.clear();
            cleared.extend_from_slice(spans);
        }
        false
    }
}

impl Redactor {
    /// Copies a record to `clean` without its secrets. Says no if it has none.
    #[inline(never)]
    fn clean(&self, bytes: &[u8], callsites: &Callsites, clean: &mut Vec<u8>) -> bool {
        let mut is_changed = false;
        let mut change = |name: &str, text: Text<'_>| {
            let new = match text {
                Text::Plain(text) if is_trace_identifier(name, text) => None,
                Text::Plain(text) | Text::Bytes(text) => self.clean_text(text),
                Text::Json(text) => self.clean_json(text).map(String::into_bytes),
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
        self.without(text, &self.values.find(text))
    }

    /// A text without what was found in it, if anything was.
    pub(super) fn without(&self, text: &[u8], found: &[Found]) -> Option<Vec<u8>> {
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
