//! fast_log with a bounded channel, as its README recommends.

use fast_log::Config;

use super::{Contender, QUEUED_MAX, Running, Setup, Started, log_calls, text};

pub const FAST_LOG: Contender = Contender {
    name: "fast_log",
    about: "text; ignores key-values; waits when 128,000 records wait",
    tracing: false,
    lossless: true,
    path: true,
    start,
    calls: |_| log_calls::TEXT,
};

fn start(setup: &Setup) -> Started {
    let config = Config::new()
        .level(log::LevelFilter::Info)
        .chan_len(Some(QUEUED_MAX))
        .file(&text(&setup.path()));
    fast_log::init(config)?;
    Ok(Box::new(Handle))
}

struct Handle;

impl Running for Handle {
    fn finish(self: Box<Self>) {
        log::logger().flush();
    }
}
