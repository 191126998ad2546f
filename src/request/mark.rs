//! What each record of a request carries: as if a span named `request` lay around it.

use tracing::field::FieldSet;
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata};
use tracing_core::callsite::{Callsite, Identifier};

use super::id::RequestId;
use super::trace_context::TraceContext;
use crate::capture::buffer::Buffer;
use crate::capture::known;
use crate::capture::record::{Encoder, Name, write_span};
use crate::capture::thread;

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
        &["request_id", "trace_id", "span_id"],
        Identifier(&CALLSITE),
    ),
    Kind::SPAN,
);

/// An id of 128 bytes, a trace's and a span's, with their heads.
const FIELDS_BYTES_MAX: usize = 256;

/// The fields, encoded once.
#[derive(Debug)]
pub(super) struct Mark {
    fields: [u8; FIELDS_BYTES_MAX],
    len: usize,
}

impl Mark {
    pub(super) fn new(id: &RequestId, trace: &TraceContext) -> Self {
        known::note(&METADATA);
        let encode = |bytes: &mut Buffer| {
            let mut encoder = Encoder::fields(bytes, 2 * FIELDS_BYTES_MAX);
            encoder.str(Name::Index(0), id.as_str());
            encoder.str(Name::Index(1), trace.trace_id().as_str());
            encoder.str(Name::Index(2), trace.span_id().as_str());
            let mut fields = [0; FIELDS_BYTES_MAX];
            let len = bytes.len().min(FIELDS_BYTES_MAX);
            fields[..len].copy_from_slice(&bytes.as_slice()[..len]);
            Mark { fields, len }
        };
        let encoded = thread::with_local(|local| local.with_scratch(encode));
        encoded.unwrap_or_else(|| encode(&mut Buffer::new()))
    }

    /// Appends it to the spans of a record. Says no if it does not fit.
    #[inline]
    pub(super) fn write(&self, bytes: &mut Buffer) -> bool {
        write_span(bytes, &METADATA, &self.fields[..self.len])
    }
}
