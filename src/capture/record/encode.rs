//! Values become record bytes.
//!
//! Here a record begins and ends. What is in it: [`field`] writes what each has, and the others one kind
//! of value each; [`span`] the spans around it.

mod error;
mod field;
mod json;
mod span;
mod text;
mod value;

use tracing::Metadata;

pub(crate) use self::json::JsonField;
pub(crate) use self::span::{cut_fields, write_span, write_span_within_half};
use super::decode::first_fields;
use super::{Bounds, FLAG_CUT, FLAG_DATED, FLAG_EXTRA};
use crate::capture::buffer::Buffer;
use crate::capture::known::{self, Number};

/// Tag, name and length of a field whose callsite declares it take less than this.
const NAME_ROOM: usize = 8;

const HEADER_BYTES: usize = 16;
/// All flags there are lie in the lowest byte.
const FLAGS_PLACE: usize = 8;

/// Writes fields to the end of a buffer. What does not fit into it is cut, and marked.
#[derive(Debug)]
pub(crate) struct Encoder<'b> {
    bytes: &'b mut Buffer,
    /// How many bytes of a value are kept.
    field_bytes: usize,
    cut: bool,
}

impl<'b> Encoder<'b> {
    /// Encodes bare fields, up to `limit` bytes.
    pub(crate) fn fields(bytes: &'b mut Buffer, limit: usize) -> Self {
        let bounds = Bounds {
            record_bytes: limit,
            ..Bounds::WIDEST
        };
        Encoder::fields_within(bytes, bounds)
    }

    /// Encodes bare fields, as a span keeps them.
    pub(crate) fn fields_within(bytes: &'b mut Buffer, bounds: Bounds) -> Self {
        bytes.begin(bounds.record_bytes);
        Encoder {
            bytes,
            field_bytes: bounds.field_bytes,
            cut: false,
        }
    }

    /// Encodes bare fields behind what there is.
    fn behind(bytes: &'b mut Buffer) -> Self {
        Encoder {
            bytes,
            field_bytes: Bounds::WIDEST.field_bytes,
            cut: false,
        }
    }

    /// How many bytes of a value are kept.
    pub(crate) fn field_bytes(&self) -> usize {
        self.field_bytes
    }

    /// Whether something did not fit.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Starts a record of the pipeline's own, which no limit cuts.
    pub(crate) fn record(
        bytes: &'b mut Buffer,
        metadata: &'static Metadata<'static>,
        write_spans: impl FnOnce(&mut Buffer) -> bool,
    ) -> Self {
        let callsite = known::note(metadata).number;
        Encoder::record_within(bytes, Bounds::WIDEST, callsite, write_spans)
    }

    /// Starts a record: its header and the spans around it, which `write_spans` appends. That says
    /// no if something of them is left out.
    #[inline]
    pub(crate) fn record_within(
        bytes: &'b mut Buffer,
        bounds: Bounds,
        callsite: Number,
        write_spans: impl FnOnce(&mut Buffer) -> bool,
    ) -> Self {
        bytes.begin(bounds.record_bytes);
        bytes.reserve(HEADER_BYTES);
        if let Some(header) = bytes.take(HEADER_BYTES) {
            header[..8].copy_from_slice(&callsite.to_u64().to_le_bytes());
            header[8..].fill(0);
        }
        let all_fit = write_spans(bytes);
        bytes.set_u32(12, (bytes.len() - HEADER_BYTES) as u32);
        Encoder {
            bytes,
            field_bytes: bounds.field_bytes,
            cut: !all_fit,
        }
    }

    /// Ends a record that [`Encoder::record`] began.
    #[inline]
    pub(crate) fn finish(mut self) {
        if self.cut {
            self.set_flag(FLAG_CUT);
        }
    }

    /// Notes that the record is for the sinks alone whose own directives by span want it.
    pub(crate) fn mark_extra(&mut self) {
        self.set_flag(FLAG_EXTRA);
    }

    #[cold]
    fn set_flag(&mut self, flag: u32) {
        let flags = self.bytes.as_slice().get(FLAGS_PLACE).copied();
        self.bytes
            .set_u8(FLAGS_PLACE, flags.unwrap_or(0) | flag as u8);
    }

    /// Notes that something was left out.
    pub(crate) fn mark_cut(&mut self) {
        self.cut = true;
    }

    /// Appends fields that are encoded already, with names that no callsite needs to declare.
    /// No more than so many of them.
    pub(crate) fn append(&mut self, fields: &[u8], count_max: usize) {
        let kept = first_fields(fields, count_max);
        if self.bytes.reserve(kept.len()) {
            self.bytes.put(kept);
            self.cut |= kept.len() < fields.len();
        } else {
            self.cut = true;
        }
    }
}

/// Copies a record to `dated`, with the time at which it was logged.
pub(crate) fn date(record: &[u8], ticks: u64, dated: &mut Vec<u8>) {
    dated.clear();
    dated.extend_from_slice(record);
    if let Some(flags) = dated.get_mut(FLAGS_PLACE) {
        *flags |= FLAG_DATED as u8;
        dated.extend_from_slice(&ticks.to_le_bytes());
    }
}
