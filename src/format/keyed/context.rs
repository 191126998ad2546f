//! The spans around records, as they were written for the record before.
//!
//! Most records of a thread come from within the same spans as the one before, with the same values:
//! the bytes of their spans are equal. What was made of these bytes is kept for each thread, and
//! copied for as long as they stay the same and no field of the event takes the place of a span's.

use super::keys::Seen;
use crate::capture::record::Record;

/// For how many threads contexts are kept. Threads beyond that share them.
const CONTEXTS: usize = 64;

/// Larger contexts are not kept.
const SOURCE_BYTES_MAX: usize = 1024;

/// The latest spans of each thread.
#[derive(Debug, Default)]
pub(super) struct Contexts(Vec<Context>);

#[derive(Debug, Default)]
struct Context {
    /// The spans, as records have them.
    source: Vec<u8>,
    /// The numbers of all keys that their fields may have.
    keys: Vec<usize>,
    /// What a line has of them.
    text: Vec<u8>,
    /// What it has of them outside of the fields.
    outside: Vec<u8>,
}

impl Contexts {
    /// What a line has of the record's spans, if that is known. `seen` has the keys of the event.
    #[inline]
    pub(super) fn find(&self, record: &Record<'_>, seen: &Seen) -> Option<(&[u8], &[u8])> {
        let context = self.0.get(place(record))?;
        let is_same = context.source == record.span_bytes();
        let is_alone = || context.keys.iter().all(|key| seen.is_new(*key));
        (is_same && is_alone()).then_some((&context.text, &context.outside))
    }

    /// Keeps what a line has of the record's spans, of which none hid a field of another.
    pub(super) fn keep(
        &mut self,
        record: &Record<'_>,
        keys: impl Iterator<Item = usize>,
        text: &[u8],
        outside: &[u8],
    ) {
        if SOURCE_BYTES_MAX < record.span_bytes().len() {
            return;
        }
        if self.0.is_empty() {
            self.0.resize_with(CONTEXTS, Context::default);
        }
        let context = &mut self.0[place(record)];
        context.source.clear();
        context.source.extend_from_slice(record.span_bytes());
        context.keys.clear();
        context.keys.extend(keys);
        context.text.clear();
        context.text.extend_from_slice(text);
        context.outside.clear();
        context.outside.extend_from_slice(outside);
    }
}

#[inline]
fn place(record: &Record<'_>) -> usize {
    record.thread.id as usize % CONTEXTS
}
