//! Values of a callsite that a screen has something against become record bytes.

use std::error::Error;
use std::fmt::{self, Write};

use tracing::field::{Field, Visit};

use super::record::Name;
use super::screen::{Action, Screen, Verdict};
use super::visit::Visitor;
use crate::config::RedactionStyle;

/// Writes the values that may be written, and masks of those that are secret.
pub(crate) struct Screened<'s, 'b> {
    pub(crate) visitor: &'s mut Visitor<'b>,
    pub(crate) screen: &'s Screen,
    pub(crate) verdict: &'s Verdict,
}

impl Screened<'_, '_> {
    /// Visits a value that is kept, or else puts a mask in its place. The value is not looked at
    /// unless the mask tells something of it.
    fn visit(
        &mut self,
        field: &Field,
        write: impl FnOnce(&mut dyn Write) -> fmt::Result,
        keep: impl FnOnce(&mut Visitor<'_>),
    ) {
        match self.verdict.get(field.index()) {
            Some(Action::Keep) | None => keep(self.visitor),
            Some(Action::Mask(style)) => self.mask(field, *style, write),
            Some(Action::Drop) => self.visitor.0.mark_cut(),
        }
    }

    fn mask(
        &mut self,
        field: &Field,
        style: RedactionStyle,
        write: impl FnOnce(&mut dyn Write) -> fmt::Result,
    ) {
        let mask = self.screen.mask(style, write);
        self.visitor.0.str(Name::Index(field.index()), &mask);
    }
}

/// Numbers of these kinds, whose masks are those of their digits.
macro_rules! record {
    ($($record:ident: $kind:ty),+ $(,)?) => {
        $(fn $record(&mut self, field: &Field, value: $kind) {
            self.visit(
                field,
                |out| write!(out, "{value}"),
                |visitor| visitor.$record(field, value),
            );
        })+
    };
}

impl Visit for Screened<'_, '_> {
    record! {
        record_i64: i64,
        record_u64: u64,
        record_i128: i128,
        record_u128: u128,
        record_f64: f64,
        record_bool: bool,
        record_str: &str,
        record_error: &(dyn Error + 'static),
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.visit(
            field,
            |out| out.write_str(&String::from_utf8_lossy(value)),
            |visitor| visitor.record_bytes(field, value),
        );
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.visit(
            field,
            |out| write!(out, "{value:?}"),
            |visitor| visitor.record_debug(field, value),
        );
    }
}
