//! The two floors: a subscriber that does nothing, and a file written without any logger.

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::{Contender, Running, Setup, Started, tracing_calls};

pub const NOTHING: Contender = Contender {
    name: "nothing",
    about: "a tracing subscriber that ignores everything: what dispatch alone costs",
    tracing: true,
    lossless: false,
    path: false,
    start: |_| {
        tracing::subscriber::set_global_default(Ignore)?;
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

struct Ignore;

impl Subscriber for Ignore {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= LevelFilter::INFO
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
