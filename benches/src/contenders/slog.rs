//! slog with slog-async and slog-json.

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io::BufWriter;
use std::sync::OnceLock;

use slog::{Drain, Level, LevelFilter, Logger, debug, info, o};
use slog_async::{Async, AsyncGuard, OverflowStrategy};
use slog_json::Json;

use super::{Calls, Contender, NUMBERED, QUEUED_MAX, Running, Setup, Started};
use crate::values::Values;

pub const SLOG: Contender = Contender {
    name: "slog-async",
    about: "slog-json: drops and reports when 128,000 records wait (lossless: waits)",
    tracing: false,
    lossless: true,
    path: true,
    start,
    calls: |_| Calls {
        plain,
        mixed,
        mixed_in_spans: in_child,
        within_spans,
        request,
        disabled,
        numbered,
        long: None,
    },
};

static LOGGER: OnceLock<Logger> = OnceLock::new();

thread_local! {
    /// The logger of the innermost span: what a program hands down its call tree.
    static CHILD: RefCell<Option<Logger>> = const { RefCell::new(None) };
}

fn start(setup: &Setup) -> Started {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(setup.path())?;
    // The formatter writes token by token and knows no timed flush: a buffer that is flushed after
    // each record is the fastest arrangement in which a lone record arrives.
    let json = Json::new(BufWriter::new(file))
        .add_default_keys()
        .set_flush(true)
        .build();
    let strategy = if setup.lossless {
        OverflowStrategy::Block
    } else {
        OverflowStrategy::DropAndReport
    };
    let (drain, guard) = Async::new(json.fuse())
        .chan_size(QUEUED_MAX)
        .overflow_strategy(strategy)
        .build_with_guard();
    let logger = Logger::root(LevelFilter::new(drain.fuse(), Level::Info).fuse(), o!());
    LOGGER.set(logger).map_err(|_| "started twice")?;
    Ok(Box::new(Handle { _guard: guard }))
}

struct Handle {
    _guard: AsyncGuard,
}

impl Running for Handle {
    fn finish(self: Box<Self>) {}
}

fn logger() -> &'static Logger {
    LOGGER.get().expect("started first")
}

fn plain(values: &Values) {
    info!(logger(), "request handled";
        "user" => values.user, "delta" => values.delta, "ratio" => values.ratio,
        "cached" => values.cached, "path" => values.path, "id" => values.id.0);
}

fn mixed(values: &Values) {
    mixed_to(logger(), values);
}

fn mixed_to(logger: &Logger, values: &Values) {
    info!(logger, "request handled";
        "user" => values.user, "delta" => values.delta, "ratio" => values.ratio,
        "cached" => values.cached, "path" => values.path, "id" => %values.id);
}

fn in_child(values: &Values) {
    CHILD.with_borrow(|child| mixed_to(child.as_ref().expect("within spans"), values));
}

fn within_spans(values: &Values, work: &mut dyn FnMut()) {
    let outer = logger().new(o!("method" => values.method, "peer" => values.peer));
    let inner = outer.new(o!("table" => values.table, "attempt" => values.attempt));
    CHILD.set(Some(inner));
    work();
    CHILD.set(None);
}

fn request(values: &Values) {
    within_spans(values, &mut || (0..5).for_each(|_| in_child(values)));
}

fn disabled(values: &Values) {
    debug!(logger(), "request handled"; "user" => values.user, "id" => %values.id);
}

fn numbered(number: u64) {
    info!(logger(), "{NUMBERED}{number}");
}
