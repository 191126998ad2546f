//! A span's fields, encoded once when it opens and copied into each record inside of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use tracing::Metadata;
use tracing::field::Visit;
use tracing::span::{Attributes, Record as Values};

use super::buffer::Buffer;
use super::known::{self, Noted, Number};
use super::record::{Bounds, Encoder, cut_fields, merge_fields, write_span_within_half};
use super::screen::Screening;
use super::thread;
use super::visit::Visitor;
use crate::request::RequestContext;

/// A span's fields take at most this, and those of all spans around a record half of a record.
const SPAN_BYTES_MAX: usize = 64 * 1024;

/// One span and, through its parents, all spans around it.
#[derive(Debug)]
pub(crate) struct Span {
    metadata: &'static Metadata<'static>,
    callsite: Number,
    parent: Option<Arc<Span>>,
    /// The request that it was opened for: whoever is in the span works for that, in whichever task or
    /// thread.
    request: Option<RequestContext>,
    /// The fields as the span opened with them.
    opened: Box<[u8]>,
    /// Whether some of the fields did not fit.
    is_cut: AtomicBool,
    /// Whether `changed` is to be read instead.
    is_changed: AtomicBool,
    /// The fields after the latest `record`. Swapped as a whole: who logs meanwhile takes no lock,
    /// and sees all of a change or nothing of it.
    changed: ArcSwapOption<Vec<u8>>,
}

impl Span {
    pub(crate) fn open(
        attributes: &Attributes<'_>,
        parent: Option<Arc<Span>>,
        screening: &Screening,
    ) -> Arc<Self> {
        let metadata = attributes.metadata();
        let callsite = known::note(metadata);
        let encode = |bytes: &mut Buffer| {
            let is_cut = encode(bytes, metadata, callsite, screening, |visit| {
                attributes.record(visit);
            });
            (bytes.as_slice().into(), is_cut)
        };
        let encoded = thread::with_local(|local| local.with_scratch(encode));
        let (opened, is_cut) = encoded.unwrap_or_else(|| encode(&mut Buffer::new()));
        let request = match attributes.is_root() {
            true => None,
            false => thread::request().or_else(|| parent.as_ref()?.request.clone()),
        };
        Arc::new(Span {
            metadata,
            callsite: callsite.number,
            parent,
            request,
            opened,
            is_cut: AtomicBool::new(is_cut),
            is_changed: AtomicBool::new(false),
            changed: ArcSwapOption::empty(),
        })
    }

    /// The request that it was opened for.
    pub(super) fn request(&self) -> Option<&RequestContext> {
        self.request.as_ref()
    }

    pub(crate) fn metadata(&self) -> &'static Metadata<'static> {
        self.metadata
    }

    /// Adds fields, or replaces their former values.
    pub(crate) fn record(&self, values: &Values<'_>, screening: &Screening) {
        let mut new = Buffer::new();
        let callsite = known::note(self.metadata);
        if encode(&mut new, self.metadata, callsite, screening, |visit| {
            values.record(visit);
        }) {
            // Relaxed: the mark below publishes it.
            self.is_cut.store(true, Ordering::Relaxed);
        }
        let limit = bounds(screening).record_bytes;
        self.changed.rcu(|changed| {
            let old = changed.as_ref().map_or(&*self.opened, |changed| changed);
            let mut merged = Vec::with_capacity(old.len() + new.len());
            merge_fields(old, new.as_slice(), &mut merged);
            if limit < merged.len() {
                self.is_cut.store(true, Ordering::Relaxed);
                merged = cut_fields(&merged, limit);
            }
            Some(Arc::new(merged))
        });
        // Pairs with the Acquire load in `write`: whoever sees the mark sees the change.
        self.is_changed.store(true, Ordering::Release);
    }

    /// Appends the span and those around it, innermost first. Says no if not all of them fit, or
    /// one of them was cut before.
    pub(crate) fn write(&self, bytes: &mut Buffer) -> bool {
        let mut is_whole = true;
        let mut next = Some(self);
        while let Some(span) = next {
            if !span.write_alone(bytes) {
                return false;
            }
            is_whole &= !span.is_cut.load(Ordering::Relaxed);
            next = span.parent.as_deref();
        }
        is_whole
    }

    fn write_alone(&self, bytes: &mut Buffer) -> bool {
        // Pairs with the Release store in `record`.
        if self.is_changed.load(Ordering::Acquire)
            && let Some(changed) = &*self.changed.load()
        {
            return write_span_within_half(bytes, self.callsite, changed);
        }
        write_span_within_half(bytes, self.callsite, &self.opened)
    }
}

/// How much of its fields a span keeps.
fn bounds(screening: &Screening) -> Bounds {
    let bounds = screening.bounds();
    Bounds {
        record_bytes: bounds.record_bytes.min(SPAN_BYTES_MAX),
        ..bounds
    }
}

/// Encodes the values that `record` has visited. Says whether something was cut.
fn encode(
    bytes: &mut Buffer,
    metadata: &'static Metadata<'static>,
    callsite: Noted,
    screening: &Screening,
    record: impl FnOnce(&mut dyn Visit),
) -> bool {
    let encoder = Encoder::fields_within(bytes, bounds(screening));
    let mut visitor = Visitor(encoder, screening);
    if callsite.is_plain {
        record(&mut visitor);
    } else {
        screening.visit(metadata, callsite.number, &mut visitor, record);
    }
    visitor.0.is_cut()
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::Memory;

    fn logged(program: impl FnOnce()) -> String {
        let memory = Memory::new();
        let (layer, guard) = crate::builder().memory(&memory).build().unwrap();
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, program);
        guard.flush(Duration::from_secs(60)).unwrap();
        memory.text()
    }

    #[test]
    fn what_is_recorded_later_takes_no_more_than_a_span_may_and_says_where_it_was_cut() {
        let long = "x".repeat(SPAN_BYTES_MAX / 2);
        let text = logged(|| {
            let empty = tracing::field::Empty;
            let span = tracing::info_span!("span", user = 7, a = empty, b = empty, c = empty);
            for name in ["a", "b", "c"] {
                span.record(name, long.as_str());
            }
            span.in_scope(|| tracing::info!("inside"));
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["user"], &line["a"]), (&7.into(), &long.into()));
        assert!(
            line["b"]
                .as_str()
                .is_some_and(|text| text.ends_with("…[cut]")),
            "{line}"
        );
        assert!(line.get("c").is_none() && line["cut"] == true, "{line}");
        assert!(text.len() < SPAN_BYTES_MAX + 1024);
    }

    #[test]
    fn a_record_inside_of_a_span_that_was_cut_says_so() {
        let long = "x".repeat(SPAN_BYTES_MAX);
        let opened = logged(|| {
            let span = tracing::info_span!("span", long);
            span.in_scope(|| tracing::info!("inside"));
        });
        assert!(opened.contains(r#""cut":true"#));
        let changed = logged(|| {
            let span = tracing::info_span!("span", short = 1, long = tracing::field::Empty);
            span.in_scope(|| tracing::info!("whole"));
            span.record("long", long.as_str());
            span.in_scope(|| tracing::info!("inside"));
        });
        assert_eq!(changed.matches(r#""cut":true"#).count(), 1);
    }
}
