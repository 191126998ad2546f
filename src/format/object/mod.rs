//! JSON lines: one flat object per record, in the shapes that different readers want.
//!
//! A shape is a table: what its keys are called, how it writes levels, errors and places, and what
//! it has in every line. From it and from the user's options the layout of its lines is made.
//!
//! Values: integers that fit 64 bits and finite floats are numbers, longer integers strings of
//! digits, other floats `"NaN"`, `"Infinity"` and `"-Infinity"`, bytes strings of hexadecimal
//! digits, structures JSON. The thread is always a string.

mod bunyan;
mod clash;
mod datadog;
mod ecs;
mod errors;
mod flat;
mod google_cloud;
mod nested;
mod open_telemetry;
mod parts;
mod shape;
mod value;

pub(super) use self::bunyan::{bunyan, pino};
pub(crate) use self::clash::Clash;
pub(super) use self::datadog::datadog;
pub(super) use self::ecs::ecs;
pub(super) use self::flat::flat;
pub(super) use self::google_cloud::google_cloud;

pub(super) use self::open_telemetry::open_telemetry;
pub(super) use self::parts::value_of;
pub(super) use self::shape::{Location, Shape, Time};

use self::errors::ErrorStyle;
use super::LineFormat;
use super::escape;
use super::keyed::KeyedFormat;
use super::keyed::syntax::Syntax;
use super::line::Line;
use crate::capture::record::Value;
use crate::config::format::Options;

/// How JSON objects are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Json {
    errors: ErrorStyle,
}

impl Syntax for Json {
    const BEGIN: &'static [u8] = b"{";
    const STRING_END: &'static [u8] = b"\"";

    /// `,"name":"`, with the quote of a string: most values are strings, and one append is quicker
    /// than two. Other values take it back.
    fn key(self, name: &str) -> Vec<u8> {
        [b",", &*quoted(name), b":\""].concat()
    }

    #[inline(always)]
    fn push_value(self, value: &Value<'_>, line: &mut Line) {
        value::push_behind_key(value, self.errors, line);
    }

    #[inline(always)]
    fn push_message(self, value: &Value<'_>, line: &mut Line) {
        match value {
            // A message is to be read.
            Value::Json(text) => value::push_behind_key(&Value::Str(*text), self.errors, line),
            _ => value::push_behind_key(value, self.errors, line),
        }
    }

    fn span_name(self, name: &str) -> Vec<u8> {
        let mut name = quoted(name);
        name.push(b',');
        name
    }
}

impl Json {
    fn format(self, shape: Shape, options: &Options) -> Box<dyn LineFormat> {
        let enclose_names = |mut key: Vec<u8>| {
            // A list is no string.
            key.pop();
            key.push(b'[');
            [key, b"]".to_vec()]
        };
        let layout = shape.layout(self, options, enclose_names, b"}\n");
        Box::new(KeyedFormat::new(self, layout))
    }
}

fn quoted(text: &str) -> Vec<u8> {
    let mut quoted = Line::default();
    quoted.push(b'"');
    escape::push_json(text.into(), &mut quoted);
    quoted.push(b'"');
    quoted.as_bytes().to_vec()
}
