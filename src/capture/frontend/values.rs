//! The values of a record, in the order in which its place names them.

use std::error::Error;
use std::fmt;

use super::super::record::{Encoder, Name};
use super::place::{self, Place, Spot};

/// Writes the message of a record, then the values of its fields. Each call writes the next one;
/// what is not written is absent.
///
/// A value that does not fit into the record is cut, and marked.
#[derive(Debug)]
pub struct Values<'v, 'b> {
    encoder: &'v mut Encoder<'b>,
    /// The names that no callsite declares; where one does, there are only places.
    inline_names: Option<&'v [&'v str]>,
    function: Option<&'v str>,
    next: usize,
}

impl<'v, 'b> Values<'v, 'b> {
    pub(super) fn new(encoder: &'v mut Encoder<'b>, spot: &'v Spot<'_>) -> Self {
        let (inline_names, function) = match spot {
            Spot::Own(callsite) => (None, callsite.place().function),
            Spot::Shared(_, place) => {
                write_origin(encoder, place);
                (Some(place.fields), place.function)
            }
        };
        Values {
            encoder,
            inline_names,
            function,
            next: 0,
        }
    }

    /// A signed integer.
    #[inline]
    pub fn i64(&mut self, value: i64) {
        let name = self.name();
        self.encoder.i64(name, value);
        self.written();
    }

    /// An unsigned integer.
    #[inline]
    pub fn u64(&mut self, value: u64) {
        let name = self.name();
        self.encoder.u64(name, value);
        self.written();
    }

    /// A floating-point number.
    #[inline]
    pub fn f64(&mut self, value: f64) {
        let name = self.name();
        self.encoder.f64(name, value);
        self.written();
    }

    /// A truth value.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        let name = self.name();
        self.encoder.bool(name, value);
        self.written();
    }

    /// A string.
    #[inline]
    pub fn str(&mut self, value: &str) {
        let name = self.name();
        self.encoder.str(name, value);
        self.written();
    }

    /// What a value writes of itself by `Debug`. If it panics, the record says so.
    pub fn text(&mut self, value: &dyn fmt::Debug) {
        let name = self.name();
        self.encoder.text_of(name, value);
        self.written();
    }

    /// Bytes.
    pub fn bytes(&mut self, value: &[u8]) {
        let name = self.name();
        self.encoder.bytes(name, value);
        self.written();
    }

    /// Whatever is JSON already: a list, an object, null. Where it is none after all, the line has it
    /// as a string.
    pub fn json(&mut self, text: &str) {
        let name = self.name();
        self.encoder.json(name, text);
        self.written();
    }

    /// An error and its sources.
    pub fn error(&mut self, value: &(dyn Error + 'static)) {
        let name = self.name();
        self.encoder.error(name, value);
        self.written();
    }

    /// Leaves out a value.
    #[inline]
    pub fn skip(&mut self) {
        self.written();
    }

    #[inline]
    fn name(&self) -> Name<'v> {
        let Some(names) = self.inline_names else {
            return Name::Index(self.next);
        };
        match self.next.checked_sub(1) {
            None => Name::Index(place::MESSAGE),
            Some(place) => Name::Inline(names.get(place).copied().unwrap_or_default()),
        }
    }

    #[inline]
    fn written(&mut self) {
        let is_message = self.next == 0;
        self.next += 1;
        if is_message && let Some(function) = self.function {
            match self.inline_names {
                None => {
                    self.encoder.str(Name::Index(1), function);
                    self.next += 1;
                }
                Some(_) => self.encoder.str(Name::Inline("function"), function),
            }
        }
    }
}

fn write_origin(encoder: &mut Encoder<'_>, place: &Place<'_>) {
    encoder.str(Name::Index(place::TARGET), place.target);
    if let Some(file) = place.file {
        encoder.str(Name::Index(place::FILE), file);
    }
    if let Some(line) = place.line {
        encoder.u64(Name::Index(place::LINE), u64::from(line));
    }
}
