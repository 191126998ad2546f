//! The loggers that compete. All of them write the same events as JSON into the same FIFO.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::str::FromStr;
use std::sync::Mutex;

use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::Failure;
use crate::schedule::PATIENCE;

/// Every event of this program and of the middleware, nothing else.
const FILTER: &str = "demo=debug,offloop::request=debug";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    Off,
    Sync,
    AppenderLossless,
    Appender,
    Offloop,
}

impl Contender {
    pub(crate) const ALL: [Self; 5] = [
        Self::Off,
        Self::Sync,
        Self::AppenderLossless,
        Self::Appender,
        Self::Offloop,
    ];

    /// What `--only` calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Sync => "sync",
            Self::AppenderLossless => "appender-lossless",
            Self::Appender => "appender",
            Self::Offloop => "offloop",
        }
    }

    /// What the table calls it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Off => "logging off",
            Self::Sync => "tracing-subscriber to the file",
            Self::AppenderLossless => "tracing-appender lossless",
            Self::Appender => "tracing-appender as it comes",
            Self::Offloop => "offloop",
        }
    }

    /// Makes it this process's logger.
    pub(crate) fn install(self, log: &Path) -> Result<Logger, Failure> {
        let open = || OpenOptions::new().append(true).open(log);
        let appender = |builder: NonBlockingBuilder| -> Result<Logger, Failure> {
            let (writer, guard) = builder.finish(open()?);
            let dropped = writer.error_counter();
            install_json(writer)?;
            Ok(Logger::Appender(guard, dropped))
        };
        match self {
            Self::Off => Ok(Logger::Off(open()?)),
            Self::Sync => {
                install_json(Mutex::new(open()?))?;
                Ok(Logger::Sync)
            }
            Self::AppenderLossless => appender(NonBlockingBuilder::default().lossy(false)),
            Self::Appender => appender(NonBlockingBuilder::default()),
            Self::Offloop => {
                let guard = offloop::builder().file(log).filter(FILTER).init()?;
                Ok(Logger::Offloop(guard))
            }
        }
    }
}

impl FromStr for Contender {
    type Err = Failure;

    fn from_str(name: &str) -> Result<Self, Failure> {
        let named = Self::ALL
            .into_iter()
            .find(|contender| contender.name() == name);
        named.ok_or_else(|| format!("there is no logger {name:?}, try --help").into())
    }
}

/// tracing-subscriber's JSON, as its documentation recommends it for machines to read.
fn install_json<W>(writer: W) -> Result<(), Failure>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let json = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_writer(writer);
    let targets: Targets = FILTER.parse()?;
    tracing_subscriber::registry()
        .with(targets)
        .with(json)
        .try_init()?;
    Ok(())
}

/// An installed logger, and what it takes to end it well.
pub(crate) enum Logger {
    /// It keeps the FIFO open like the others, and writes nothing.
    Off(#[expect(dead_code, reason = "held open")] File),
    Sync,
    Appender(WorkerGuard, ErrorCounter),
    Offloop(offloop::Guard),
}

impl Logger {
    /// Writes what is still waiting, and returns how many records the logger says it has lost.
    pub(crate) fn finish(self) -> u64 {
        match self {
            Self::Off(_) | Self::Sync => 0,
            Self::Appender(guard, dropped) => {
                drop(guard);
                dropped.dropped_lines() as u64
            }
            Self::Offloop(guard) => {
                let report = guard.shutdown(PATIENCE);
                report.lost + report.pending
            }
        }
    }
}
