//! Record bytes become values again.

use super::{
    FLAG_CUT, FLAG_DATED, FLAG_EXTRA, NAME_INLINE, RawText, TAG_BYTES, TAG_ERROR, TAG_F64,
    TAG_FALSE, TAG_I64, TAG_I128, TAG_JSON, TAG_STR, TAG_TEXT, TAG_TRUE, TAG_U64, TAG_U128,
    ThreadLabel, Value,
};
use crate::capture::callsite::{Callsite, Callsites};

/// A record as the writer sees it.
#[derive(Clone, Debug)]
pub(crate) struct Record<'a> {
    /// Nanoseconds since the Unix epoch.
    pub(crate) time_ns: i64,
    pub(crate) callsite: &'a Callsite,
    pub(crate) thread: &'a ThreadLabel,
    /// Whether part of it did not fit.
    pub(crate) is_cut: bool,
    /// Whether it was let in for the sinks alone whose own directives by span want it.
    pub(crate) is_extra: bool,
    /// Whether a process that died left it behind, and another one found it.
    pub(crate) is_recovered: bool,
    /// Where the record comes from. Differs from the callsite's own where it came through `log`.
    pub(crate) origin: Origin<'a>,
    spans: &'a [u8],
    fields: &'a [u8],
}

/// When a record was logged, if that was earlier than it was handed over.
#[inline]
pub(crate) fn own_ticks(bytes: &[u8]) -> Option<u64> {
    let flags = u32::from_le_bytes(*bytes.get(8..)?.first_chunk()?);
    let is_dated = flags & FLAG_DATED != 0;
    let ticks = bytes.last_chunk().filter(|_| is_dated)?;
    Some(u64::from_le_bytes(*ticks))
}

/// Target and place of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) target: &'a str,
    pub(crate) file: Option<&'a str>,
    pub(crate) line: Option<u32>,
}

impl<'a> Record<'a> {
    /// Reads a record that [`Encoder::record`] wrote. `None` if the bytes are no record.
    pub(crate) fn decode(
        bytes: &'a [u8],
        time_ns: i64,
        thread: &'a ThreadLabel,
        callsites: &'a Callsites,
    ) -> Option<Self> {
        let mut rest = bytes;
        let callsite = callsites.at(take_u64(&mut rest)?)?;
        let flags = take_u32(&mut rest)?;
        let spans_len = take_u32(&mut rest)? as usize;
        let spans = take(&mut rest, spans_len)?;
        if flags & FLAG_DATED != 0 {
            rest = rest.split_last_chunk::<8>()?.0;
        }
        let mut record = Record {
            time_ns,
            callsite,
            thread,
            is_cut: flags & FLAG_CUT != 0,
            is_extra: flags & FLAG_EXTRA != 0,
            is_recovered: false,
            origin: callsite.origin(),
            spans,
            fields: rest,
        };
        if callsite.is_log {
            record.read_log_origin();
        }
        Some(record)
    }

    /// The record's own fields, in the order of the macro.
    pub(crate) fn fields(&self) -> Fields<'a> {
        Fields {
            callsite: self.callsite,
            rest: self.fields,
        }
    }

    /// The same by their places.
    #[inline]
    pub(crate) fn placed_fields(&self) -> PlacedFields<'a> {
        PlacedFields(self.fields)
    }

    /// The spans around the record, innermost first.
    pub(crate) fn spans(&self, callsites: &'a Callsites) -> Spans<'a> {
        Spans {
            rest: self.spans,
            callsites,
        }
    }

    /// The spans as they lie in the record: equal bytes from the same process are equal spans.
    #[inline]
    pub(crate) fn span_bytes(&self) -> &'a [u8] {
        self.spans
    }

    /// The record's own fields as they lie in it.
    #[inline]
    pub(crate) fn field_bytes(&self) -> &'a [u8] {
        self.fields
    }

    /// Whether the record was logged outside of any span.
    pub(crate) fn is_outside_spans(&self) -> bool {
        self.spans.is_empty()
    }

    /// Takes target, file and line from the fields that the bridge from `log` puts them into.
    fn read_log_origin(&mut self) {
        let fields = Fields {
            callsite: self.callsite,
            rest: self.fields,
        };
        for (name, value) in fields.unfiltered() {
            match (name, value) {
                ("log.target", Value::Str(target)) => self.origin.target = target.as_str(),
                ("log.file", Value::Str(file)) => self.origin.file = Some(file.as_str()),
                ("log.line", Value::U64(line)) => self.origin.line = u32::try_from(line).ok(),
                _ => {}
            }
        }
    }
}

/// The spans of a record, innermost first.
#[derive(Debug)]
pub(crate) struct Spans<'a> {
    rest: &'a [u8],
    callsites: &'a Callsites,
}

/// One span of a record.
#[derive(Clone, Debug)]
pub(crate) struct SpanView<'a> {
    pub(crate) callsite: &'a Callsite,
    fields: &'a [u8],
}

impl<'a> Iterator for Spans<'a> {
    type Item = SpanView<'a>;

    fn next(&mut self) -> Option<SpanView<'a>> {
        let callsite = self.callsites.at(take_u64(&mut self.rest)?)?;
        let fields_len = take_u32(&mut self.rest)? as usize;
        let fields = take(&mut self.rest, fields_len)?;
        Some(SpanView { callsite, fields })
    }
}

impl<'a> SpanView<'a> {
    pub(crate) fn fields(&self) -> Fields<'a> {
        Fields {
            callsite: self.callsite,
            rest: self.fields,
        }
    }

    #[inline]
    pub(crate) fn placed_fields(&self) -> PlacedFields<'a> {
        PlacedFields(self.fields)
    }
}

/// Names and values, in the order in which they were recorded.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    callsite: &'a Callsite,
    rest: &'a [u8],
}

/// Places and values, in the order in which they were recorded: for readers that keep something per
/// callsite and field. They see the fields of the bridge from `log` too.
// No larger than two words, so that it is passed along in registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlacedFields<'a>(&'a [u8]);

/// Where a field begins: all but its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldHead {
    tag: u8,
    /// Its place in the callsite's field list, if it is declared there.
    pub(crate) place: Option<usize>,
}

impl<'a> PlacedFields<'a> {
    /// Goes on to the next field. To be followed by [`PlacedFields::take_value`].
    // Inlined by force, with all below: a field returned through memory costs twice the decoding.
    #[inline(always)]
    pub(crate) fn next_head(&mut self) -> Option<FieldHead> {
        let (tag, name) = raw_head(&mut self.0)?;
        let place = match name {
            RawName::Index(index) => Some(usize::from(index)),
            RawName::Inline(_) => None,
        };
        Some(FieldHead { tag, place })
    }

    /// The value of the field that `head` begins. `None` where the bytes are none.
    #[inline(always)]
    pub(crate) fn take_value(&mut self, head: FieldHead) -> Option<Value<'a>> {
        raw_value(head.tag, &mut self.0)
    }
}

impl<'a> Fields<'a> {
    /// With the fields in which the bridge from `log` hides target, file and line.
    fn unfiltered(mut self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        std::iter::from_fn(move || self.take_next())
    }

    #[inline]
    fn take_next(&mut self) -> Option<(&'a str, Value<'a>)> {
        let RawField { name, value, .. } = raw_field(&mut self.rest)?;
        let name = match name {
            RawName::Index(index) => &**self.callsite.facts.fields.get(usize::from(index))?,
            RawName::Inline(name) => name,
        };
        Some((name, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (name, value) = self.take_next()?;
            if !(self.callsite.is_log && is_log_origin(name)) {
                return Some((name, value));
            }
        }
    }
}

/// Whether it is in such a field that the bridge from `log` hides target, file or line.
pub(crate) fn is_log_origin(name: &str) -> bool {
    name.starts_with("log.")
}

/// The messages of an error and its sources.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Messages<'a>(&'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = RawText<'a>;

    fn next(&mut self) -> Option<RawText<'a>> {
        let len = take_u32(&mut self.0)? as usize;
        take(&mut self.0, len).map(RawText::new)
    }
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum RawName<'a> {
    Index(u16),
    Inline(&'a str),
}

/// A field as it lies in the record.
pub(super) struct RawField<'a> {
    pub(super) name: RawName<'a>,
    pub(super) value: Value<'a>,
    /// All of it: tag, name and value.
    pub(super) bytes: &'a [u8],
}

pub(super) struct RawFields<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for RawFields<'a> {
    type Item = RawField<'a>;

    fn next(&mut self) -> Option<RawField<'a>> {
        raw_field(&mut self.0)
    }
}

/// The first of these fields, at most so many.
pub(super) fn first_fields(fields: &[u8], count_max: usize) -> &[u8] {
    let kept = RawFields(fields).take(count_max);
    let len = kept.map(|field| field.bytes.len()).sum();
    fields.get(..len).unwrap_or(fields)
}

/// Copies `old` fields to `merged`, without those that `new` replaces, then `new`.
pub(crate) fn merge_fields(old: &[u8], new: &[u8], merged: &mut Vec<u8>) {
    for field in RawFields(old) {
        let is_replaced = RawFields(new).any(|newer| newer.name == field.name);
        if !is_replaced {
            merged.extend_from_slice(field.bytes);
        }
    }
    merged.extend_from_slice(new);
}

/// Reads a field. `None` at the end, and where the bytes are no field.
#[inline(always)]
fn raw_field<'a>(rest: &mut &'a [u8]) -> Option<RawField<'a>> {
    let start = *rest;
    let (tag, name) = raw_head(rest)?;
    let value = raw_value(tag, rest)?;
    let bytes = &start[..start.len() - rest.len()];
    Some(RawField { name, value, bytes })
}

#[inline(always)]
fn raw_head<'a>(rest: &mut &'a [u8]) -> Option<(u8, RawName<'a>)> {
    let [tag, low, high] = take_array(rest)?;
    let name = match u16::from_le_bytes([low, high]) {
        NAME_INLINE => {
            let len = u16::from_le_bytes(take_array(rest)?) as usize;
            RawName::Inline(RawText::new(take(rest, len)?).as_str())
        }
        index => RawName::Index(index),
    };
    Some((tag, name))
}

#[inline(always)]
fn raw_value<'a>(tag: u8, rest: &mut &'a [u8]) -> Option<Value<'a>> {
    let value = match tag {
        TAG_I64 => Value::I64(i64::from_le_bytes(take_array(rest)?)),
        TAG_U64 => Value::U64(take_u64(rest)?),
        TAG_I128 => Value::I128(i128::from_le_bytes(take_array(rest)?)),
        TAG_U128 => Value::U128(u128::from_le_bytes(take_array(rest)?)),
        TAG_F64 => Value::F64(f64::from_le_bytes(take_array(rest)?)),
        TAG_FALSE => Value::Bool(false),
        TAG_TRUE => Value::Bool(true),
        TAG_STR => Value::Str(RawText::new(take_block(rest)?)),
        TAG_TEXT => Value::Text(RawText::new(take_block(rest)?)),
        TAG_JSON => Value::Json(RawText::new(take_block(rest)?)),
        TAG_BYTES => Value::Bytes(take_block(rest)?),
        TAG_ERROR => Value::Error(Messages(take_block(rest)?)),
        _ => return None,
    };
    Some(value)
}

#[inline(always)]
fn take_block<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = take_u32(rest)? as usize;
    take(rest, len)
}

#[inline(always)]
pub(super) fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    take_array(rest).map(u32::from_le_bytes)
}

#[inline(always)]
pub(super) fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    take_array(rest).map(u64::from_le_bytes)
}

#[inline(always)]
fn take_array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(*taken)
}

#[inline(always)]
pub(super) fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(len)?;
    *rest = left;
    Some(taken)
}
