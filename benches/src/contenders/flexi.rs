//! flexi_logger in its asynchronous mode.

use flexi_logger::{FileSpec, Logger, LoggerHandle, WriteMode, json_format};

use super::{Contender, Running, Setup, Started, log_calls};

pub const FLEXI_LOGGER: Contender = Contender {
    name: "flexi_logger",
    about: "JSON, formatted by the caller, asynchronous: a queue without bound",
    tracing: false,
    lossless: true,
    path: false,
    start,
    calls: |_| log_calls::STRUCTURED,
};

fn start(setup: &Setup) -> Started {
    let file = FileSpec::default()
        .directory(&setup.directory)
        .basename("app")
        .suppress_timestamp();
    let handle = Logger::try_with_str("info")?
        .log_to_file(file)
        .format(json_format)
        .write_mode(WriteMode::Async)
        .start()?;
    Ok(Box::new(Handle { handle }))
}

struct Handle {
    handle: LoggerHandle,
}

impl Running for Handle {
    fn finish(self: Box<Self>) {
        self.handle.shutdown();
    }
}
