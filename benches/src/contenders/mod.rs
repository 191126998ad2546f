//! The loggers that are compared, each started as its own documentation recommends for speed.
//!
//! - Queues that hold a number of records hold 128,000 of them (tracing-appender's default), unless
//!   the crate fixes the size.
//! - "As it comes" keeps the crate's own policy for a full queue; "lossless" makes it wait.
//! - Loggers without spans get the spans' four fields with every record.
//! - Loggers without fields get them in the message, which is formatted once.

mod emit;
mod fast_log;
mod flexi;
mod floors;
mod log_calls;
mod logforth;
mod offloop;
mod slog;
mod spdlog;
mod ticklog;
mod tracing_appender;
mod tracing_calls;

pub use self::emit::EMIT_FILE;
pub use self::fast_log::FAST_LOG;
pub use self::flexi::FLEXI_LOGGER;
pub use self::logforth::LOGFORTH;
pub use self::offloop::OFFLOOP;
pub use self::slog::SLOG;
pub use self::spdlog::SPDLOG;
pub use self::ticklog::TICKLOG;
pub use self::tracing_appender::{
    AS_IT_COMES as TRACING_APPENDER, LOSSLESS as TRACING_APPENDER_LOSSLESS,
};
pub use self::tracing_calls::CALLS as TRACING_CALLS;

use std::error::Error;
use std::path::{Path, PathBuf};

use crate::values::Values;

/// How many records a queue holds, where that can be chosen: tracing-appender's default.
pub const QUEUED_MAX: usize = 128_000;

/// One logger, ready to be started in a process of its own.
pub struct Contender {
    pub name: &'static str,
    pub about: &'static str,
    /// Emits `tracing` events, and takes the filters of `EnvFilter`.
    pub tracing: bool,
    /// Can be made to wait instead of dropping when its queue is full.
    pub lossless: bool,
    /// Writes to the path that it is given, so that the path may be a FIFO.
    pub path: bool,
    pub start: fn(&Setup) -> Started,
    pub calls: fn(&Setup) -> Calls,
}

impl Contender {
    /// Whether it is no logger at all, but what one could at best be compared with.
    pub fn is_floor(&self) -> bool {
        matches!(self.name, "nothing" | "copy-only" | "plain-writes")
    }

    /// Whether it is another logger: not a floor, and not offloop itself.
    pub fn is_rival(&self) -> bool {
        !self.is_floor() && !matches!(self.name, "offloop" | "offloop-layer")
    }
}

/// A running logger, or why it could not be started.
pub type Started = Result<Box<dyn Running>, Box<dyn Error>>;

/// What a bench asks of a logger.
pub struct Setup {
    /// The log directory, empty.
    pub directory: PathBuf,
    /// Wait when the queue is full, instead of what the crate does by default.
    pub lossless: bool,
    /// For `tracing` contenders, in the syntax of `EnvFilter`.
    pub filter: String,
}

impl Setup {
    /// Where the log goes; crates that choose names of their own put their files beside it.
    pub fn path(&self) -> PathBuf {
        self.directory.join("app.log")
    }
}

/// A started logger.
pub trait Running {
    /// Returns when everything that was accepted is in the file.
    fn finish(self: Box<Self>);
}

/// The same work in a logger's own words.
#[derive(Clone, Copy)]
pub struct Calls {
    /// A message and six fields that can be copied.
    pub plain: fn(&Values),
    /// The same, the sixth field only offers `Display`.
    pub mixed: fn(&Values),
    /// `mixed` within two spans of two fields each.
    pub mixed_in_spans: fn(&Values),
    /// Opens the two spans around a piece of work. Does nothing more where there are no spans.
    pub within_spans: fn(&Values, &mut dyn FnMut()),
    /// Opens both spans, logs five records, closes the spans.
    pub request: fn(&Values),
    /// A record at level DEBUG.
    pub disabled: fn(&Values),
    /// A record that can be told from all others: [`NUMBERED`] and the number are its message.
    pub numbered: fn(u64),
    /// One field of any length. `None` where no bench needs it.
    pub long: Option<fn(&str)>,
}

/// How the message of a numbered record begins.
pub const NUMBERED: &str = "numbered record ";

/// Everybody, in the order of the tables.
pub const ALL: &[&Contender] = &[
    &floors::NOTHING,
    &floors::COPY_ONLY,
    &tracing_appender::AS_IT_COMES,
    &tracing_appender::LOSSLESS,
    &ticklog::TICKLOG,
    &spdlog::SPDLOG,
    &slog::SLOG,
    &logforth::LOGFORTH,
    &flexi::FLEXI_LOGGER,
    &fast_log::FAST_LOG,
    &emit::EMIT_FILE,
    &offloop::OFFLOOP,
    &offloop::LAYER,
    &floors::PLAIN_WRITES,
];

pub fn find(name: &str) -> Option<&'static Contender> {
    ALL.iter().copied().find(|contender| contender.name == name)
}

/// For loggers whose spans are fields of each record.
fn without_spans(_: &Values, work: &mut dyn FnMut()) {
    work();
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
