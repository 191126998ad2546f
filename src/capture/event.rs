//! An event becomes a record and goes on its way: the whole of what a log call does here.

use std::sync::Arc;

use tracing::Event;

use super::record::Encoder;
use super::span::Span;
use super::thread;
use super::visit::Visitor;
use crate::channel::overflow::level_index;
use crate::pipeline::Pipeline;

/// Where to look for the spans around an event.
pub(crate) enum Context {
    /// The spans that the thread is in.
    Current,
    /// Those that the event names; `None` for an event that wants to be outside of all.
    Explicit(Option<Arc<Span>>),
}

/// Encodes an event and hands it over.
#[inline]
pub(crate) fn capture(pipeline: &Pipeline, event: &Event<'_>, context: &Context) {
    let metadata = event.metadata();
    thread::with_scratch(|bytes| {
        let mut all_fit = true;
        let mut encoder = Encoder::record(bytes, metadata, |bytes| match context {
            Context::Current => {
                let written =
                    thread::with_current(pipeline.id(), |entered| entered.span.write(bytes));
                all_fit = written.unwrap_or(true);
            }
            Context::Explicit(span) => {
                all_fit = span.as_ref().is_none_or(|span| span.write(bytes));
            }
        });
        if !all_fit {
            encoder.mark_cut();
        }
        event.record(&mut Visitor(&mut encoder));
        encoder.finish();
        pipeline.push(level_index(*metadata.level()), bytes);
    });
}
