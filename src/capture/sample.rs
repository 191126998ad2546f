//! Records made by hand, for tests: any name, target, value and span that a program could log.

mod any;
mod callsite;

use std::error::Error;
use std::fmt;

use tracing::{Level, Metadata};

pub(crate) use self::any::{any_damaged_record, any_sample, any_value, at_most, cases};
use self::callsite::metadata;
use super::buffer::Buffer;
use super::callsite::Callsites;
use super::known;
use super::record::{Encoder, Name, RawText, Record, ThreadLabel, Value, write_span};
use crate::{json, request};

#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Of the callsite.
    pub(crate) name: &'static str,
    pub(crate) time_ns: i64,
    pub(crate) level: Level,
    pub(crate) target: String,
    pub(crate) thread: ThreadLabel,
    pub(crate) is_recovered: bool,
    /// Whether it says so, however short it is.
    pub(crate) is_cut: bool,
    pub(crate) fields: Vec<SampleField>,
    /// The innermost comes first.
    pub(crate) spans: Vec<SampleSpan>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct SampleSpan {
    pub(crate) name: String,
    /// Whether it stands for the request.
    pub(crate) is_mark: bool,
    pub(crate) fields: Vec<SampleField>,
}

#[derive(Clone, Debug)]
pub(crate) struct SampleField {
    pub(crate) name: String,
    /// Whether the name travels in the record, because the callsite does not declare it.
    pub(crate) is_inline: bool,
    pub(crate) value: SampleValue,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SampleValue {
    I64(i64),
    U64(u64),
    I128(i128),
    U128(u128),
    F64(f64),
    Bool(bool),
    Str(String),
    Text(String),
    /// What claims to be JSON.
    Json(String),
    Bytes(Vec<u8>),
    Error(Vec<String>),
}

impl Sample {
    pub(crate) fn new(fields: Vec<SampleField>) -> Self {
        Sample {
            name: "event",
            time_ns: 1_795_309_323_123_456_789,
            level: Level::INFO,
            target: "app::module".to_owned(),
            thread: ThreadLabel {
                name: Some("worker-1".into()),
                id: 7,
            },
            is_recovered: false,
            is_cut: false,
            fields,
            spans: Vec::new(),
        }
    }

    pub(crate) fn inside(mut self, name: &str, fields: Vec<SampleField>) -> Self {
        self.spans.push(SampleSpan {
            name: name.to_owned(),
            is_mark: false,
            fields,
        });
        self
    }

    /// Inside of a request, whose ids come with each record.
    pub(crate) fn of_request(self) -> Self {
        let mut sample = self.inside(
            "request",
            vec![
                str_field("request_id", "01a1f2b3-request"),
                str_field("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
                str_field("span_id", "00f067aa0ba902b7"),
            ],
        );
        if let Some(mark) = sample.spans.last_mut() {
            mark.is_mark = true;
        }
        sample
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let event = metadata(&self.target, self.name, self.level, false, &self.fields);
        let mut bytes = Buffer::new();
        let mut encoder = Encoder::record(&mut bytes, event, |spans| {
            self.spans.iter().all(|span| span.encode(spans))
        });
        encode_fields(&self.fields, &mut encoder);
        encoder.finish();
        bytes.as_slice().to_vec()
    }

    /// The callsites of the event and of the spans.
    pub(crate) fn callsites(&self) -> Vec<&'static Metadata<'static>> {
        let event = metadata(&self.target, self.name, self.level, false, &self.fields);
        let spans = self.spans.iter().map(SampleSpan::callsite);
        [event].into_iter().chain(spans).collect()
    }

    /// Encodes the sample, decodes it and hands the record to `read`.
    pub(crate) fn with_record<T>(&self, read: impl FnOnce(&Record<'_>, &Callsites) -> T) -> T {
        let bytes = self.encode();
        let callsites = Callsites::default();
        let record = Record::decode(&bytes, self.time_ns, &self.thread, &callsites);
        let mut record = record.expect("what was encoded decodes");
        record.is_recovered = self.is_recovered;
        record.is_cut |= self.is_cut;
        read(&record, &callsites)
    }
}

impl SampleSpan {
    fn callsite(&self) -> &'static Metadata<'static> {
        let target = if self.is_mark {
            request::TARGET
        } else {
            "app::module"
        };
        metadata(target, &self.name, Level::INFO, true, &self.fields)
    }

    fn encode(&self, spans: &mut Buffer) -> bool {
        let callsite = known::note(self.callsite()).number;
        write_span(spans, callsite, &encoded_fields(&self.fields))
    }
}

impl SampleValue {
    /// As the writer should read it back.
    pub(crate) fn is_equal_to(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (SampleValue::I64(expected), Value::I64(value)) => expected == value,
            (SampleValue::U64(expected), Value::U64(value)) => expected == value,
            (SampleValue::I128(expected), Value::I128(value)) => expected == value,
            (SampleValue::U128(expected), Value::U128(value)) => expected == value,
            (SampleValue::F64(expected), Value::F64(value)) => {
                expected.to_bits() == value.to_bits()
            }
            (SampleValue::Bool(expected), Value::Bool(value)) => expected == value,
            (SampleValue::Str(expected), Value::Str(value))
            | (SampleValue::Text(expected), Value::Text(value)) => expected == value.as_str(),
            (SampleValue::Json(expected), Value::Json(value)) => expected == value.as_str(),
            (SampleValue::Bytes(expected), Value::Bytes(value)) => expected == value,
            (SampleValue::Error(expected), Value::Error(messages)) => {
                let messages = messages.clone().map(RawText::as_str);
                messages.eq(expected.iter().map(String::as_str))
            }
            _ => false,
        }
    }

    fn encode(&self, name: Name<'_>, encoder: &mut Encoder<'_>) {
        match self {
            SampleValue::I64(value) => encoder.i64(name, *value),
            SampleValue::U64(value) => encoder.u64(name, *value),
            SampleValue::I128(value) => encoder.i128(name, *value),
            SampleValue::U128(value) => encoder.u128(name, *value),
            SampleValue::F64(value) => encoder.f64(name, *value),
            SampleValue::Bool(value) => encoder.bool(name, *value),
            SampleValue::Str(value) => encoder.str(name, value),
            SampleValue::Text(value) => drop(encoder.text_of(name, &format_args!("{value}"))),
            SampleValue::Json(value) => drop(encoder.text_of(name, &Claimed(value))),
            SampleValue::Bytes(value) => encoder.bytes(name, value),
            SampleValue::Error(messages) => encoder.error(name, &Chain::of(messages)),
        }
    }
}

/// A field that the callsite declares.
pub(crate) fn field(name: &str, value: SampleValue) -> SampleField {
    SampleField {
        name: name.to_owned(),
        is_inline: false,
        value,
    }
}

/// A field whose name travels in the record.
pub(crate) fn inline_field(name: &str, value: SampleValue) -> SampleField {
    SampleField {
        name: name.to_owned(),
        is_inline: true,
        value,
    }
}

/// A field that holds a string.
pub(crate) fn str_field(name: &str, value: &str) -> SampleField {
    field(name, SampleValue::Str(value.to_owned()))
}

/// What the macros make of a message.
pub(crate) fn message(text: &str) -> SampleField {
    field("message", SampleValue::Text(text.to_owned()))
}

pub(crate) fn encoded_fields(fields: &[SampleField]) -> Vec<u8> {
    let mut bytes = Buffer::new();
    encode_fields(fields, &mut Encoder::fields(&mut bytes, 1 << 20));
    bytes.as_slice().to_vec()
}

fn encode_fields(fields: &[SampleField], encoder: &mut Encoder<'_>) {
    let mut declared = 0;
    for field in fields {
        if field.is_inline {
            field.value.encode(Name::Inline(&field.name), encoder);
        } else {
            field.value.encode(Name::Index(declared), encoder);
            declared += 1;
        }
    }
}

/// Text that passes itself off as JSON.
struct Claimed<'a>(&'a str);

impl fmt::Debug for Claimed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)?;
        json::claim(self.0.len());
        Ok(())
    }
}

/// An error and its sources.
#[derive(Debug)]
struct Chain {
    message: String,
    source: Option<Box<Chain>>,
}

impl Chain {
    fn of(messages: &[String]) -> Self {
        let (message, sources) = messages.split_first().expect("an error has a message");
        let source = (!sources.is_empty()).then(|| Box::new(Chain::of(sources)));
        Chain {
            message: message.clone(),
            source,
        }
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for Chain {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
