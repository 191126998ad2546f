//! A record is copied with other texts in it.

use std::borrow::Cow;

use super::decode::{RawFields, RawName, take, take_u32, take_u64};
use super::{FLAG_DATED, TAG_STR, Value};
use crate::capture::callsite::{Callsite, Callsites};

const HEADER_BYTES: usize = 16;
const TICKS_BYTES: usize = 8;

/// A text within a record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Text<'a> {
    /// A string, what a formatter wrote, or one of an error's messages.
    Plain(&'a [u8]),
    /// Bytes, which may be text.
    Bytes(&'a [u8]),
    Json(&'a str),
}

/// What becomes of a text: nothing, or another one.
pub(crate) type Change<'c> = dyn FnMut(&str, Text<'_>) -> Option<Vec<u8>> + 'c;

/// Copies a record to `to`, with what `change` makes of the texts of its fields and of those of its
/// spans, each given with the field's name. `None` if the bytes are no record.
pub(crate) fn rewrite(
    record: &[u8],
    callsites: &Callsites,
    change: &mut Change<'_>,
    to: &mut Vec<u8>,
) -> Option<()> {
    let (header, mut rest) = record.split_first_chunk::<HEADER_BYTES>()?;
    let [a, b, c, d, e, f, g, h, flags @ .., _, _, _, _] = *header;
    let callsite = callsites.at(u64::from_le_bytes([a, b, c, d, e, f, g, h]))?;
    let spans = take(&mut rest, u32_at(header, 12)? as usize)?;
    let dated = u32::from_le_bytes(flags) & FLAG_DATED != 0;
    let fields_len = rest.len().checked_sub(TICKS_BYTES * usize::from(dated))?;
    let (fields, ticks) = rest.split_at(fields_len);
    to.clear();
    to.extend_from_slice(header);
    rewrite_spans(spans, callsites, change, to)?;
    end_block(to, HEADER_BYTES);
    rewrite_fields(fields, callsite, change, to);
    to.extend_from_slice(ticks);
    Some(())
}

fn u32_at(bytes: &[u8], place: usize) -> Option<u32> {
    take_u32(&mut bytes.get(place..)?)
}

fn rewrite_spans(
    mut spans: &[u8],
    callsites: &Callsites,
    change: &mut Change<'_>,
    to: &mut Vec<u8>,
) -> Option<()> {
    while !spans.is_empty() {
        let number = take_u64(&mut spans)?;
        let fields_len = take_u32(&mut spans)? as usize;
        let fields = take(&mut spans, fields_len)?;
        to.extend_from_slice(&number.to_le_bytes());
        to.extend_from_slice(&[0; 4]);
        let start = to.len();
        rewrite_fields(fields, callsites.at(number)?, change, to);
        end_block(to, start);
    }
    Some(())
}

fn rewrite_fields(fields: &[u8], callsite: &Callsite, change: &mut Change<'_>, to: &mut Vec<u8>) {
    for field in RawFields(fields) {
        let declared = |index: u16| callsite.facts.fields.get(usize::from(index));
        let name = match field.name {
            RawName::Index(index) => declared(index).map_or("", |name| name),
            RawName::Inline(name) => name,
        };
        match changed(&field.value, &mut |text| change(name, text)) {
            Some((tag, value)) => {
                let head = to.len();
                to.extend_from_slice(&field.bytes[..head_len(&field.name)]);
                to[head] = tag.unwrap_or(to[head]);
                to.extend_from_slice(&(value.len() as u32).to_le_bytes());
                to.extend_from_slice(&value);
            }
            None => to.extend_from_slice(field.bytes),
        }
    }
}

/// How many bytes tag and name take.
fn head_len(name: &RawName<'_>) -> usize {
    match name {
        RawName::Index(_) => 3,
        RawName::Inline(name) => 5 + name.len(),
    }
}

/// What becomes of a value that has texts, and which kind it is from then on.
fn changed(
    value: &Value<'_>,
    change: &mut dyn FnMut(Text<'_>) -> Option<Vec<u8>>,
) -> Option<(Option<u8>, Vec<u8>)> {
    match value {
        Value::Str(text) | Value::Text(text) => {
            change(Text::Plain(text.bytes())).map(|text| (None, text))
        }
        Value::Json(text) => change(Text::Json(text.as_str())).map(|text| (None, text)),
        // What was no text may be one now.
        Value::Bytes(bytes) => change(Text::Bytes(bytes)).map(|text| (Some(TAG_STR), text)),
        Value::Error(messages) => {
            let mut is_changed = false;
            let mut all = Vec::new();
            for message in messages.clone() {
                let new = change(Text::Plain(message.bytes()));
                is_changed |= new.is_some();
                let text = new.map_or(Cow::Borrowed(message.bytes()), Cow::Owned);
                all.extend_from_slice(&(text.len() as u32).to_le_bytes());
                all.extend_from_slice(&text);
            }
            is_changed.then_some((None, all))
        }
        _ => None,
    }
}

/// Writes the length of everything since `start` in front of it.
fn end_block(to: &mut [u8], start: usize) {
    let len = (to.len() - start) as u32;
    if let Some(place) = to.get_mut(start - 4..start) {
        place.copy_from_slice(&len.to_le_bytes());
    }
}
