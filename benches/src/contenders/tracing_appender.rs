//! The baseline: tracing-subscriber's JSON through tracing-appender's non-blocking writer.

use std::fs::OpenOptions;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::{Contender, QUEUED_MAX, Running, Setup, Started, tracing_calls};

pub const AS_IT_COMES: Contender = Contender {
    name: "tracing-appender",
    about: "tracing-subscriber JSON + tracing-appender as it comes: drops when 128,000 lines wait",
    tracing: true,
    lossless: false,
    path: true,
    start: |setup| start(setup, true),
    calls: |_| tracing_calls::CALLS,
};

pub const LOSSLESS: Contender = Contender {
    name: "tracing-appender-lossless",
    about: "the same, waiting when 128,000 lines wait",
    tracing: true,
    lossless: true,
    path: true,
    start: |setup| start(setup, false),
    calls: |_| tracing_calls::CALLS,
};

fn start(setup: &Setup, lossy: bool) -> Started {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(setup.path())?;
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(lossy)
        .buffered_lines_limit(QUEUED_MAX)
        .finish(file);
    let builder = tracing_subscriber::fmt().json().with_writer(writer);
    if setup.filter == "info" {
        // The cheapest way to say "info and above".
        tracing::subscriber::set_global_default(
            builder.with_max_level(LevelFilter::INFO).finish(),
        )?;
    } else {
        let filter = EnvFilter::try_new(&setup.filter)?;
        tracing::subscriber::set_global_default(builder.with_env_filter(filter).finish())?;
    }
    Ok(Box::new(Appender { _guard: guard }))
}

struct Appender {
    _guard: WorkerGuard,
}

impl Running for Appender {
    fn finish(self: Box<Self>) {}
}
