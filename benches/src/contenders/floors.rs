//! The floors: a subscriber that does nothing, one that only copies, and a file written without any
//! logger.

use std::cell::RefCell;
use std::fmt::{Debug, Write};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::{Contender, Running, Setup, Started, tracing_calls};
use crate::clock;

pub const NOTHING: Contender = Contender {
    name: "nothing",
    about: "a tracing subscriber that ignores everything: what dispatch alone costs",
    tracing: true,
    lossless: false,
    path: false,
    start: |_| {
        tracing::subscriber::set_global_default(Floor(|_: &Event<'_>| {}))?;
        Ok(Box::new(Nothing))
    },
    calls: |_| tracing_calls::CALLS,
};

pub const COPY_ONLY: Contender = Contender {
    name: "copy-only",
    about: "a tracing subscriber that copies time and values, each record over the one before",
    tracing: true,
    lossless: false,
    path: false,
    start: |_| {
        tracing::subscriber::set_global_default(Floor(copy))?;
        Ok(Box::new(Nothing))
    },
    calls: |_| tracing_calls::CALLS,
};

/// Takes part in `throughput` only, which knows it by name.
pub const PLAIN_WRITES: Contender = Contender {
    name: "plain-writes",
    about: "no logger: as many bytes as offloop wrote, in writes of 64 KiB",
    tracing: false,
    lossless: true,
    path: false,
    start: |_: &Setup| -> Started { Ok(Box::new(Nothing)) },
    calls: |_| tracing_calls::CALLS,
};

struct Nothing;

impl Running for Nothing {
    fn finish(self: Box<Self>) {}
}

/// A subscriber that keeps nothing, and passes events to a function.
struct Floor<F>(F);

impl<F: Fn(&Event<'_>) + Send + Sync + 'static> Subscriber for Floor<F> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= LevelFilter::INFO
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        (self.0)(event);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The least that who formats elsewhere must do: ask for the time, visit the values, copy them. Without
/// order, memory that is handed over, spans, or a promise of any kind.
fn copy(event: &Event<'_>) {
    COPIED.with_borrow_mut(|copied| {
        copied.0.clear();
        copied.0.extend_from_slice(&clock::now().to_ne_bytes());
        event.record(copied);
        std::hint::black_box(copied.0.as_slice());
    });
}

thread_local! {
    static COPIED: RefCell<Copied> = const { RefCell::new(Copied(Vec::new())) };
}

struct Copied(Vec<u8>);

impl Copied {
    fn copy(&mut self, field: &Field, value: &[u8]) {
        self.0.push(field.index() as u8);
        self.0.extend_from_slice(value);
    }
}

impl Visit for Copied {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.copy(field, &value.to_ne_bytes());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.copy(field, &value.to_ne_bytes());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.copy(field, &value.to_ne_bytes());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.copy(field, &[u8::from(value)]);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.copy(field, value.as_bytes());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push(field.index() as u8);
        let _ = write!(self, "{value:?}");
    }
}

impl Write for Copied {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
