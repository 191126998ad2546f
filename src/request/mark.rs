//! What each record of a request carries: as if a span named `request` lay around it.
//!
//! Nobody waits for who is just making it: that may be the same thread, whose allocator logs, or one
//! that a forked child does not have.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::field::FieldSet;
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata};
use tracing_core::callsite::{Callsite, Identifier};

use super::context::Shared;
use super::spare;
use crate::capture::buffer::Buffer;
use crate::capture::known::{self, Number};
use crate::capture::record::{Encoder, Name, write_span};

struct MarkCallsite;

static CALLSITE: MarkCallsite = MarkCallsite;

impl Callsite for MarkCallsite {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        &METADATA
    }
}

/// What the span would be called.
pub(super) const NAME: &str = "request";

static METADATA: Metadata<'static> = Metadata::new(
    NAME,
    super::TARGET,
    Level::INFO,
    None,
    None,
    None,
    FieldSet::new(
        &["request_id", "trace_id", "span_id", super::SAMPLE_RATE],
        Identifier(&CALLSITE),
    ),
    Kind::SPAN,
);

/// More than an id of 128 bytes, a trace's and a span's, and a rate take with their heads.
const FIELDS_BYTES_MAX: usize = 512;

thread_local! {
    /// The thread's own buffer is in use when a request's first record asks for the mark.
    static SCRATCH: RefCell<Buffer> = const { RefCell::new(Buffer::new()) };
}

/// The fields, encoded once: by the first record that is logged, since there may be none but the request's
/// own, which has them itself.
#[derive(Debug, Default)]
pub(super) struct Mark {
    /// Whether somebody makes them, or has made them: the only one who puts them into the cell, so
    /// that it never has another to wait for. Who comes meanwhile makes their own.
    is_claimed: AtomicBool,
    fields: OnceLock<Fields>,
}

#[derive(Debug)]
struct Fields {
    callsite: Number,
    bytes: Vec<u8>,
}

impl Mark {
    /// Appends it to the spans of a record. Says no if it does not fit.
    #[inline]
    pub(super) fn write(&self, request: &Shared, bytes: &mut Buffer) -> bool {
        match self.fields.get() {
            Some(fields) => fields.write(bytes),
            None => self.make_and_write(request, bytes),
        }
    }

    #[cold]
    fn make_and_write(&self, request: &Shared, bytes: &mut Buffer) -> bool {
        // Relaxed: all that hangs on it is who goes to the cell, which has an order of its own.
        let is_first = !self.is_claimed.swap(true, Ordering::Relaxed);
        let fields = Fields::of(request);
        let is_whole = fields.write(bytes);
        if is_first {
            let _ = self.fields.set(fields);
        }
        is_whole
    }
}

impl Fields {
    #[inline]
    fn write(&self, bytes: &mut Buffer) -> bool {
        write_span(bytes, self.callsite, &self.bytes)
    }

    fn of(request: &Shared) -> Self {
        let callsite = known::note(&METADATA).number;
        let encode = |bytes: &mut Buffer| {
            let mut encoder = Encoder::fields(bytes, FIELDS_BYTES_MAX);
            encoder.str(Name::Index(0), request.id.as_str());
            encoder.str(Name::Index(1), request.trace.trace_id().as_str());
            encoder.str(Name::Index(2), request.trace.span_id().as_str());
            // The share of requests that are logged, unless all of them are.
            if let Some(rate) = request.shown_rate() {
                encoder.f64(Name::Index(3), rate);
            }
            let mut encoded = spare::take(&spare::TEXTS);
            encoded.extend_from_slice(bytes.as_slice());
            Fields {
                callsite,
                bytes: encoded,
            }
        };
        let encoded =
            SCRATCH.try_with(|scratch| Some(encode(&mut *scratch.try_borrow_mut().ok()?)));
        let encoded = encoded.ok().flatten();
        encoded.unwrap_or_else(|| encode(&mut Buffer::new()))
    }
}

impl Drop for Fields {
    fn drop(&mut self) {
        spare::give_back(&spare::TEXTS, std::mem::take(&mut self.bytes));
    }
}
