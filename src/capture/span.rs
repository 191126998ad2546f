//! A span's fields, encoded once when it opens and copied into each record inside of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use tracing::Metadata;
use tracing::span::{Attributes, Record as Values};

use super::buffer::Buffer;
use super::record::{Encoder, RECORD_BYTES_MAX, merge_fields, write_span};
use super::thread;
use super::visit::Visitor;

/// A span's fields take at most this, and those of all spans around a record half of a record.
const SPAN_BYTES_MAX: usize = 64 * 1024;
const SPANS_BYTES_MAX: usize = RECORD_BYTES_MAX / 2;

/// One span and, through its parents, all spans around it.
#[derive(Debug)]
pub(crate) struct Span {
    metadata: &'static Metadata<'static>,
    parent: Option<Arc<Span>>,
    /// The fields as the span opened with them.
    opened: Box<[u8]>,
    /// Whether `changed` is to be read instead.
    is_changed: AtomicBool,
    /// The fields after the latest `record`. Swapped as a whole: who logs meanwhile takes no lock,
    /// and sees all of a change or nothing of it.
    changed: ArcSwapOption<Vec<u8>>,
}

impl Span {
    pub(crate) fn open(attributes: &Attributes<'_>, parent: Option<Arc<Span>>) -> Arc<Self> {
        let encode = |bytes: &mut Buffer| {
            attributes.record(&mut Visitor(&mut Encoder::fields(bytes, SPAN_BYTES_MAX)));
            bytes.as_slice().into()
        };
        let opened = thread::with_local(|local| local.with_scratch(encode));
        let opened = opened.unwrap_or_else(|| encode(&mut Buffer::new()));
        Arc::new(Span {
            metadata: attributes.metadata(),
            parent,
            opened,
            is_changed: AtomicBool::new(false),
            changed: ArcSwapOption::empty(),
        })
    }

    pub(crate) fn metadata(&self) -> &'static Metadata<'static> {
        self.metadata
    }

    /// Adds fields, or replaces their former values.
    pub(crate) fn record(&self, values: &Values<'_>) {
        let mut new = Buffer::new();
        values.record(&mut Visitor(&mut Encoder::fields(&mut new, SPAN_BYTES_MAX)));
        self.changed.rcu(|changed| {
            let old = changed.as_ref().map_or(&*self.opened, |changed| changed);
            let mut merged = Vec::with_capacity(old.len() + new.len());
            merge_fields(old, new.as_slice(), &mut merged);
            Some(Arc::new(merged))
        });
        // Pairs with the Acquire load in `write`: whoever sees the mark sees the change.
        self.is_changed.store(true, Ordering::Release);
    }

    /// Appends the span and those around it, innermost first. Says no if not all of them fit.
    pub(crate) fn write(&self, bytes: &mut Buffer) -> bool {
        let mut next = Some(self);
        while let Some(span) = next {
            if SPANS_BYTES_MAX < bytes.len() || !span.write_alone(bytes) {
                return false;
            }
            next = span.parent.as_deref();
        }
        true
    }

    fn write_alone(&self, bytes: &mut Buffer) -> bool {
        // Pairs with the Release store in `record`.
        if self.is_changed.load(Ordering::Acquire)
            && let Some(changed) = &*self.changed.load()
        {
            return write_span(bytes, self.metadata, changed);
        }
        write_span(bytes, self.metadata, &self.opened)
    }
}

impl Drop for Span {
    /// Drops a chain of parents one by one: recursion would run out of stack on a long one.
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some(mut span) = parent.and_then(Arc::into_inner) {
            parent = span.parent.take();
        }
    }
}
