//! The fields of a record, written one after the other by their places in its callsite's list.

use std::fmt::Display;

use tracing::field::DisplayValue;

use crate::capture::record::{Encoder, Name};

/// Has a list of fields written in two ways: `emit` makes an event of `tracing` of them, and `encode`
/// writes them to [`Places`].
macro_rules! fields {
    ($facts:ident: $($first:tt $(. $rest:tt)* = $value:expr),+ $(,)?) => {
        /// Writes the record as an event, at a level that callsites of `tracing` must know when they
        /// are compiled.
        pub(super) fn emit($facts: &Facts<'_>, level: Level) {
            macro_rules! at {
                ($level:expr) => {
                    tracing::event!(
                        name: NAME,
                        target: TARGET,
                        parent: None,
                        $level,
                        $($first $(. $rest)* = $value),+
                    )
                };
            }
            match level {
                Level::ERROR => at!(Level::ERROR),
                Level::WARN => at!(Level::WARN),
                Level::INFO => at!(Level::INFO),
                Level::DEBUG => at!(Level::DEBUG),
                Level::TRACE => at!(Level::TRACE),
            }
        }

        /// Writes the record's fields in the order in which those callsites have them.
        pub(super) fn encode($facts: &Facts<'_>, mut places: Places<'_, '_>) {
            $(places.put($value);)+
        }
    };
}

pub(super) use fields;

/// Where the next field goes.
pub(super) struct Places<'e, 'b> {
    encoder: &'e mut Encoder<'b>,
    next: usize,
}

impl<'e, 'b> Places<'e, 'b> {
    pub(super) fn new(encoder: &'e mut Encoder<'b>) -> Self {
        Places { encoder, next: 0 }
    }

    #[inline(always)]
    pub(super) fn put(&mut self, value: impl Put) {
        value.put(self.encoder, Name::Index(self.next));
        self.next += 1;
    }
}

/// A value of a field, encoded as if `tracing` had visited it.
pub(super) trait Put {
    fn put(self, encoder: &mut Encoder<'_>, name: Name<'_>);
}

impl<T: Put> Put for Option<T> {
    #[inline(always)]
    fn put(self, encoder: &mut Encoder<'_>, name: Name<'_>) {
        if let Some(value) = self {
            value.put(encoder, name);
        }
    }
}

impl Put for &str {
    // Out of line: there are two dozen of them.
    #[inline(never)]
    fn put(self, encoder: &mut Encoder<'_>, name: Name<'_>) {
        encoder.str(name, self);
    }
}

impl<T: Display> Put for DisplayValue<T> {
    fn put(self, encoder: &mut Encoder<'_>, name: Name<'_>) {
        encoder.text_of(name, &self);
    }
}

macro_rules! put_by {
    ($($from:ty => $method:ident),+ $(,)?) => {
        $(impl Put for $from {
            #[inline]
            fn put(self, encoder: &mut Encoder<'_>, name: Name<'_>) {
                encoder.$method(name, self.into());
            }
        })+
    };
}

put_by! { u16 => u64, u64 => u64, f64 => f64, bool => bool }
