//! What can fail while a pipeline is built.

use std::fmt;
use std::io;
use std::path::PathBuf;

#[cfg(feature = "config")]
use crate::config::ConfigError;

/// Why a pipeline could not be built.
///
/// The message says what was tried, on what, and what the system answered, so that printing the
/// error alone is enough:
///
/// ```text
/// open log file "logs/app.jsonl": Permission denied (os error 13)
/// ```
///
/// As that answer is part of the message, [`source`](std::error::Error::source) goes on beneath it.
/// `{:?}` says the same, so that a `main` may return it.
///
/// ```
/// let error = offloop::builder().file("/dev/null/app.jsonl").init().unwrap_err();
/// assert!(matches!(error, offloop::Error::CreateDirectory { .. }));
/// assert!(error.to_string().starts_with(r#"create log directory "/dev/null": "#));
/// ```
#[non_exhaustive]
pub enum Error {
    /// The directory of a log file does not exist and could not be created.
    CreateDirectory {
        /// The directory, as the program named it.
        path: PathBuf,
        /// What the system answered.
        cause: io::Error,
    },
    /// A log file could not be opened or created.
    OpenFile {
        /// The file, as the program named it.
        path: PathBuf,
        /// What the system answered.
        cause: io::Error,
    },
    /// A configuration file could not be read. A file that is named has to be there.
    #[cfg(feature = "config")]
    ReadConfig {
        /// The file, as it was named.
        path: PathBuf,
        /// What the system answered.
        cause: io::Error,
    },
    /// What a configuration says is wrong.
    #[cfg(feature = "config")]
    Config(ConfigError),
    /// What dead processes left behind could not be looked for.
    ReadLeftovers {
        /// The directory, or the leftover.
        path: PathBuf,
        /// What the system answered.
        cause: io::Error,
    },
    /// A sink was described without what it writes to. It was read from a text that tells only
    /// its kind, or says nothing of its path.
    IncompleteSink {
        /// The name of the sink.
        name: String,
        /// What it lacks.
        what: &'static str,
    },
    /// All sinks are switched off.
    NoSink,
    /// Two sinks would write to one file, and each record would be in it twice.
    SharedFile {
        /// The file, without links and detours.
        path: PathBuf,
        /// The names of the sinks.
        sinks: [String; 2],
    },
    /// A writer serves one pipeline, and this one has been given to another.
    WriterTaken,
    /// The directives of a filter could not be read.
    Filter {
        /// Where the directives come from: `RUST_LOG`, `filter`, `sink filter`.
        source: &'static str,
        /// The directives.
        directives: String,
        /// What is wrong with them.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A pattern of values that are secrets could not be read.
    Redaction {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The handler of SIGHUP could not be installed.
    HandleHangup(io::Error),
    /// The handler of SIGUSR1 could not be installed.
    HandleSignal(io::Error),
    /// A file cannot end at a time of day that there is not.
    TimeOfDay {
        /// 0 to 23, had it been right.
        hour: u32,
        /// 0 to 59, had it been right.
        minute: u32,
    },
    /// A time zone is not in the IANA database.
    TimeZone {
        /// What it was called.
        name: String,
    },
    /// An option of a format does not go with its shape.
    FormatOption {
        /// The name of the shape.
        shape: String,
        /// The option.
        option: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// Two parts of a line are called the same, so that who reads it would find one of them alone.
    FormatKeys {
        /// The name of the shape.
        shape: String,
        /// The parts, by what [`Format::json`](crate::Format::json) calls them.
        parts: [&'static str; 2],
        /// What both are called.
        key: String,
    },
    /// A network of trusted proxies is none.
    TrustedProxy {
        /// What was given for it.
        network: String,
    },
    /// What is to say which paths something is said of does not.
    PathPattern {
        /// What was given for it.
        pattern: String,
    },
    /// What runs could not be changed. Nothing has changed then.
    Reload(
        /// Why not.
        &'static str,
    ),
    /// The thread that reads the configuration anew, or its handler of SIGHUP, could not be started.
    FollowConfiguration(io::Error),
    /// The thread that ends a [raised level](crate::Guard::level_for) could not be started.
    StartTimer(io::Error),
    /// A writer thread could not be started.
    StartWriter(io::Error),
    /// The program has a global subscriber already: `init` was called twice, or another library
    /// installed its own.
    AlreadyInstalled,
    /// The `log` crate has a logger already, which another library installed.
    LoggerInstalled,
}

impl Error {
    pub(crate) fn filter(
        source: &'static str,
        directives: &str,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Error::Filter {
            source,
            directives: directives.to_owned(),
            cause: cause.into(),
        }
    }

    pub(crate) fn redaction(
        pattern: &str,
        cause: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Error::Redaction {
            pattern: pattern.to_owned(),
            cause: Box::new(cause),
        }
    }

    pub(crate) fn start_writer(cause: io::Error) -> Self {
        Error::StartWriter(cause)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::CreateDirectory { path, cause } => {
                write!(formatter, "create log directory {path:?}: {cause}")
            }
            Error::OpenFile { path, cause } => {
                write!(formatter, "open log file {path:?}: {cause}")
            }
            #[cfg(feature = "config")]
            Error::ReadConfig { path, cause } => {
                write!(formatter, "read configuration file {path:?}: {cause}")
            }
            #[cfg(feature = "config")]
            Error::Config(error) => error.fmt(formatter),
            Error::ReadLeftovers { path, cause } => {
                write!(formatter, "read leftovers {path:?}: {cause}")
            }
            Error::IncompleteSink { name, what } => {
                write!(formatter, "open sink {name:?}: it lacks {what}")
            }
            Error::NoSink => formatter.write_str(
                "open sinks: all of them are switched off; enable one, or capture nothing by the filter \"off\"",
            ),
            Error::SharedFile { path, sinks } => write!(
                formatter,
                "open sinks {:?} and {:?}: both write to {path:?}; each file has one sink",
                sinks[0], sinks[1]
            ),
            Error::WriterTaken => formatter.write_str("open writer: another pipeline has it"),
            Error::Filter {
                source,
                directives,
                cause,
            } => {
                write!(formatter, "read {source} {directives:?}: {cause}")
            }
            Error::Redaction { pattern, cause } => {
                write!(formatter, "read pattern of secrets {pattern:?}: {cause}")
            }
            Error::HandleHangup(cause) => write!(formatter, "install handler of SIGHUP: {cause}"),
            Error::HandleSignal(cause) => write!(formatter, "install handler of SIGUSR1: {cause}"),
            Error::TimeOfDay { hour, minute } => write!(
                formatter,
                "end log files at {hour:02}:{minute:02}: no such time of day"
            ),
            Error::TimeZone { name } => {
                write!(
                    formatter,
                    "find time zone {name:?}: not in the IANA database"
                )
            }
            Error::FormatOption {
                shape,
                option,
                remedy,
            } => write!(formatter, "set {option} of format {shape:?}: {remedy}"),
            Error::FormatKeys { shape, parts, key } => write!(
                formatter,
                "set keys of format {shape:?}: {} and {} are both called {key:?}; give each a name of \
                its own",
                parts[0], parts[1]
            ),
            Error::TrustedProxy { network } => write!(
                formatter,
                "trust proxies in {network:?}: neither a network (10.0.0.0/8) nor an address"
            ),
            Error::PathPattern { pattern } => write!(
                formatter,
                "match paths by {pattern:?}: not like /users/{{id}}, where {{id}} is a whole segment, or \
                 /internal/*, where * is the last"
            ),
            Error::Reload(why) => write!(formatter, "reload: {why}"),
            Error::FollowConfiguration(cause) => {
                write!(formatter, "follow the configuration: {cause}")
            }
            Error::StartTimer(cause) => write!(formatter, "start timer thread: {cause}"),
            Error::StartWriter(cause) => write!(formatter, "start writer thread: {cause}"),
            Error::AlreadyInstalled => formatter.write_str(
                "install subscriber: the program has a global subscriber already; install one, or \
                 add the layer that `build` gives to it",
            ),
            Error::LoggerInstalled => formatter.write_str(
                "install bridge from log: the program has a logger already; leave that out, or use \
                 offloop without its feature `log`",
            ),
        }
    }
}

/// What ends a program by way of `main` is shown like this.
impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::CreateDirectory { cause, .. }
            | Error::OpenFile { cause, .. }
            | Error::ReadLeftovers { cause, .. }
            | Error::HandleHangup(cause)
            | Error::HandleSignal(cause)
            | Error::FollowConfiguration(cause)
            | Error::StartTimer(cause)
            | Error::StartWriter(cause) => cause.source(),
            #[cfg(feature = "config")]
            Error::ReadConfig { cause, .. } => cause.source(),
            #[cfg(feature = "config")]
            Error::Config(_) => None,
            Error::Filter { cause, .. } | Error::Redaction { cause, .. } => cause.source(),
            Error::TimeOfDay { .. }
            | Error::TimeZone { .. }
            | Error::FormatOption { .. }
            | Error::FormatKeys { .. }
            | Error::TrustedProxy { .. }
            | Error::PathPattern { .. }
            | Error::Reload(_)
            | Error::IncompleteSink { .. }
            | Error::NoSink
            | Error::SharedFile { .. }
            | Error::WriterTaken
            | Error::AlreadyInstalled
            | Error::LoggerInstalled => None,
        }
    }
}
