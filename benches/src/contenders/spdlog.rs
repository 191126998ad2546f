//! spdlog-rs: a logger over an asynchronous pool sink, key-values, JSON.

use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use spdlog::formatter::JsonFormatter;
use spdlog::sink::{AsyncPoolSink, FileSink};
use spdlog::{LevelFilter, Logger, ThreadPool, debug, info};

use super::{Calls, Contender, NUMBERED, QUEUED_MAX, Running, Setup, Started, without_spans};
use crate::values::Values;

pub const SPDLOG: Contender = Contender {
    name: "spdlog-rs",
    about: "JSON, asynchronous pool sink: waits when 128,000 records wait; flushes every second",
    tracing: false,
    lossless: true,
    path: true,
    start,
    calls: |_| Calls {
        plain,
        mixed,
        mixed_in_spans,
        within_spans: without_spans,
        request,
        disabled,
        numbered,
        long: None,
    },
};

static LOGGER: OnceLock<Arc<Logger>> = OnceLock::new();

fn start(setup: &Setup) -> Started {
    let capacity = NonZeroUsize::new(QUEUED_MAX).ok_or("no capacity")?;
    let pool = Arc::new(ThreadPool::builder().capacity(capacity).build()?);
    let file = FileSink::builder()
        .path(setup.path())
        .formatter(JsonFormatter::new())
        .build_arc()?;
    let sink = AsyncPoolSink::builder()
        .sink(file)
        .thread_pool(pool.clone())
        .build_arc()?;
    let logger = Logger::builder()
        .sink(sink)
        .level_filter(LevelFilter::MoreSevereEqual(spdlog::Level::Info))
        .build_arc()?;
    // Its example flushes after each record, which is its slowest way; a period is its other one.
    logger.set_flush_period(Some(Duration::from_secs(1)));
    // As its documentation has it: the default logger is flushed by an exit handler.
    spdlog::set_default_logger(logger.clone());
    LOGGER.set(logger).map_err(|_| "started twice")?;
    Ok(Box::new(Handle))
}

struct Handle;

impl Running for Handle {
    fn finish(self: Box<Self>) {
        // The pool cannot be dropped while the logger holds it. This is what its exit handler calls:
        // it ends the pool after its last record, and flushes the file.
        for sink in logger().sinks() {
            sink.flush_on_exit().expect("the file can be written");
        }
    }
}

fn logger() -> &'static Arc<Logger> {
    LOGGER.get().expect("started first")
}

fn plain(values: &Values) {
    info!(logger: logger(), "request handled", kv: {
        user = values.user, delta = values.delta, ratio = values.ratio, cached = values.cached,
        path = values.path, id = values.id.0
    });
}

fn mixed(values: &Values) {
    info!(logger: logger(), "request handled", kv: {
        user = values.user, delta = values.delta, ratio = values.ratio, cached = values.cached,
        path = values.path, id: = values.id
    });
}

fn mixed_in_spans(values: &Values) {
    info!(logger: logger(), "request handled", kv: {
        method = values.method, peer = values.peer, table = values.table, attempt = values.attempt,
        user = values.user, delta = values.delta, ratio = values.ratio, cached = values.cached,
        path = values.path, id: = values.id
    });
}

fn request(values: &Values) {
    (0..5).for_each(|_| mixed_in_spans(values));
}

fn disabled(values: &Values) {
    debug!(logger: logger(), "request handled", kv: { user = values.user, id: = values.id });
}

fn numbered(number: u64) {
    info!(logger: logger(), "{NUMBERED}{number}");
}
