//! Field values become record bytes.

use std::error::Error;
use std::fmt;

use tracing::field::{Field, Visit};

use super::record::{Encoder, JsonField, Name};
use super::screen::Screening;

/// Writes every value that it visits, with its type.
///
/// What it is given as JSON is looked through: its keys are names, too.
pub(crate) struct Visitor<'b>(pub(crate) Encoder<'b>, pub(crate) &'b Screening);

fn name(field: &Field) -> Name<'static> {
    Name::Index(field.index())
}

impl Visitor<'_> {
    // Out of line, lest text that is no JSON pays for it.
    #[cold]
    #[inline(never)]
    fn screen_json(&mut self, field: &Field, json: &JsonField) {
        let screen = self.1.current();
        self.0.screen_json(field.name(), json, &screen);
    }
}

impl Visit for Visitor<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.i64(name(field), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.u64(name(field), value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.0.i128(name(field), value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.0.u128(name(field), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.f64(name(field), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.bool(name(field), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.str(name(field), value);
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.0.bytes(name(field), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.0.error(name(field), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if let Some(json) = self.0.text_of(name(field), value) {
            self.screen_json(field, &json);
        }
    }
}
