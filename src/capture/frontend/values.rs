//! The values of a record, in the order in which its place names them.

use std::error::Error;
use std::fmt::{self, Write};

use super::super::known::Number;
use super::super::record::{Encoder, Name};
use super::super::screen::{Action, Screen, Screening, Verdict};
use super::place::{self, Place, Spot};

/// Writes the message of a record, then the values of its fields. Each call writes the next one;
/// what is not written is absent.
///
/// A value that does not fit into the record is cut, and marked. One whose name is that of a secret is
/// replaced, as everywhere.
#[derive(Debug)]
pub struct Values<'v, 'b> {
    encoder: &'v mut Encoder<'b>,
    place: &'v Place<'v>,
    /// Whether records tell the names themselves: no callsite declares them.
    has_inline_names: bool,
    /// What is to be kept out of the record.
    screened: &'v Screened<'v>,
    next: usize,
}

/// What a screen has against a record's values.
#[derive(Debug)]
pub(super) struct Screened<'s> {
    screening: &'s Screening,
    /// `None` where the callsite is plain.
    screen: Option<&'s Screen>,
    /// By the places of the callsite's fields. `None` where all are kept.
    verdict: Option<&'s Verdict>,
}

impl<'s> Screened<'s> {
    pub(super) fn by(
        screening: &'s Screening,
        screen: Option<&'s Screen>,
        spot: &Spot<'_>,
        callsite: Number,
    ) -> Self {
        let verdict = screen.and_then(|screen| screen.verdict_or_settle(spot.metadata, callsite));
        Screened {
            screening,
            screen,
            verdict,
        }
    }

    /// Asks the screen, which nobody has looked for where the callsite is plain.
    fn ask<T>(&self, ask: impl FnOnce(&Screen) -> T) -> T {
        match self.screen {
            Some(screen) => ask(screen),
            None => ask(&self.screening.current()),
        }
    }
}

impl<'v, 'b> Values<'v, 'b> {
    pub(super) fn new(
        encoder: &'v mut Encoder<'b>,
        spot: &'v Spot<'_>,
        screened: &'v Screened<'v>,
    ) -> Self {
        if spot.is_shared {
            write_origin(encoder, spot.place);
        }
        Values {
            encoder,
            place: spot.place,
            has_inline_names: spot.is_shared,
            screened,
            next: 0,
        }
    }

    /// A signed integer.
    #[inline]
    pub fn i64(&mut self, value: i64) {
        self.value(
            |out| write!(out, "{value}"),
            |encoder, name| encoder.i64(name, value),
        );
    }

    /// An unsigned integer.
    #[inline]
    pub fn u64(&mut self, value: u64) {
        self.value(
            |out| write!(out, "{value}"),
            |encoder, name| encoder.u64(name, value),
        );
    }

    /// A floating-point number.
    #[inline]
    pub fn f64(&mut self, value: f64) {
        self.value(
            |out| write!(out, "{value}"),
            |encoder, name| encoder.f64(name, value),
        );
    }

    /// A truth value.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        self.value(
            |out| write!(out, "{value}"),
            |encoder, name| encoder.bool(name, value),
        );
    }

    /// A string.
    #[inline]
    pub fn str(&mut self, value: &str) {
        self.value(
            |out| out.write_str(value),
            |encoder, name| encoder.str(name, value),
        );
    }

    /// What a value writes of itself by `Debug`. If it panics, the record says so.
    pub fn text(&mut self, value: &dyn fmt::Debug) {
        let (screened, field) = (self.screened, self.field_name());
        self.value(
            |out| write!(out, "{value:?}"),
            |encoder, name| {
                if let Some(json) = encoder.text_of(name, value) {
                    screened.ask(|screen| encoder.screen_json(field, &json, screen));
                }
            },
        );
    }

    /// Bytes.
    pub fn bytes(&mut self, value: &[u8]) {
        self.value(
            |out| out.write_str(&String::from_utf8_lossy(value)),
            |encoder, name| encoder.bytes(name, value),
        );
    }

    /// Whatever is JSON already: a list, an object, null. Where it is none after all, nobody can say
    /// what is a secret in it: it is `[redacted]`, or a string where redaction is off.
    pub fn json(&mut self, text: &str) {
        let (screened, field) = (self.screened, self.field_name());
        self.value(
            |out| out.write_str(text),
            |encoder, name| match screened.ask(|screen| screen.screen_json(field, text)) {
                None => encoder.json(name, text),
                Some(screened) => {
                    encoder.json(name, &screened.text);
                    if screened.is_cut {
                        encoder.mark_cut();
                    }
                }
            },
        );
    }

    /// An error and its sources.
    pub fn error(&mut self, value: &(dyn Error + 'static)) {
        self.value(
            |out| write!(out, "{value}"),
            |encoder, name| encoder.error(name, value),
        );
    }

    /// How many bytes of a value are kept: what is longer is cut. By this, values that take long to write
    /// need not be written in vain.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        self.encoder.field_bytes()
    }

    /// Notes that a value was cut before it came here, so that the record says so.
    pub fn mark_cut(&mut self) {
        self.encoder.mark_cut();
    }

    /// Leaves out a value.
    #[inline]
    pub fn skip(&mut self) {
        self.written();
    }

    /// Writes a value that is kept, or else puts a mask in its place. The value is not looked at
    /// unless the mask tells something of it.
    #[inline]
    fn value(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> fmt::Result,
        keep: impl FnOnce(&mut Encoder<'b>, Name<'v>),
    ) {
        let name = self.name();
        match self.action() {
            Action::Keep => keep(self.encoder, name),
            Action::Mask(style) => {
                let mask = self.screened.ask(|screen| screen.mask(style, write));
                self.encoder.str(name, &mask);
            }
            Action::Drop => self.encoder.mark_cut(),
        }
        self.written();
    }

    #[inline]
    fn action(&self) -> Action {
        let Some(before) = self.next.checked_sub(1) else {
            // The message is always kept.
            return Action::Keep;
        };
        if self.has_inline_names {
            let name = self.field_name();
            return self.screened.ask(|screen| screen.action(name, before));
        }
        let verdict = self.screened.verdict;
        let action = verdict.and_then(|verdict| verdict.get(self.next));
        action.copied().unwrap_or(Action::Keep)
    }

    #[inline]
    fn name(&self) -> Name<'v> {
        match self.next {
            place::MESSAGE => Name::Index(place::MESSAGE),
            _ if self.has_inline_names => Name::Inline(self.field_name()),
            declared => Name::Index(declared),
        }
    }

    /// The name of the next field. The message has none.
    fn field_name(&self) -> &'v str {
        self.place.field_name(self.next)
    }

    #[inline]
    fn written(&mut self) {
        let is_message = self.next == place::MESSAGE;
        self.next += 1;
        if is_message && let Some(function) = self.place.function {
            self.function(function);
        }
    }

    #[inline(never)]
    fn function(&mut self, function: &str) {
        self.str(function);
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
