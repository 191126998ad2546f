//! logforth: the `log` bridge, an asynchronous appender, a JSON layout, a file.

use logforth::append::asynchronous::AsyncBuilder;
use logforth::append::file::FileBuilder;
use logforth::bridge::log::LogBridge;
use logforth::layout::JsonLayout;
use logforth::record::{Level, LevelFilter};

use super::{Contender, QUEUED_MAX, Running, Setup, Started, log_calls};

pub const LOGFORTH: Contender = Contender {
    name: "logforth",
    about: "JSON, asynchronous appender: waits when 128,000 records wait",
    tracing: false,
    lossless: true,
    path: false,
    start,
    calls: |_| log_calls::STRUCTURED,
};

fn start(setup: &Setup) -> Started {
    let file = FileBuilder::new(&setup.directory, "app")
        .layout(JsonLayout::default())
        .build()?;
    let append = AsyncBuilder::new("logforth")
        .buffered_lines_limit(Some(QUEUED_MAX))
        .append(file)
        .build();
    let logger = logforth::core::builder()
        .dispatch(|dispatch| {
            dispatch
                .filter(LevelFilter::MoreSevereEqual(Level::Info))
                .append(append)
        })
        .build();
    log::set_boxed_logger(Box::new(LogBridge::new(logger)))?;
    log::set_max_level(log::LevelFilter::Info);
    Ok(Box::new(Handle))
}

struct Handle;

impl Running for Handle {
    fn finish(self: Box<Self>) {
        log::logger().flush();
    }
}
