//! A [`tracing`] subscriber for async servers: structured logs that never wait for the disk.
//!
//! An event is encoded on the thread that logs it, crosses a bounded channel, and is formatted and
//! written by a writer thread. When the disk stalls, requests go on; records that find no room are
//! counted and reported.
//!
//! ```
//! use std::time::Duration;
//! use tracing::info;
//!
//! # let directory = tempfile::tempdir().unwrap();
//! # std::env::set_current_dir(&directory).unwrap();
//! # fn run() -> Result<(), offloop::Error> {
//! let guard = offloop::builder().file("logs/app.jsonl").init()?;
//! info!(user = 42, "signed in");
//! let report = guard.shutdown(Duration::from_secs(5));
//! assert!(report.is_complete());
//! # Ok(())
//! # }
//! # run().unwrap();
//! # let line = std::fs::read_to_string("logs/app.jsonl").unwrap();
//! # assert!(line.contains(r#""level":"INFO""#) && line.contains(r#""message":"signed in","user":42"#));
//! ```
//!
//! # What survives what
//!
//! A record belongs to one of three classes, by how far it has come:
//!
//! | class | reached | survives |
//! |---|---|---|
//! | memory | when the log call returns | the end of `main`, `exit`, a panic, a fork, SIGTERM with a handler |
//! | process | when the log call returns, if the sink is a file and the system has a tmpfs: see [`Builder::crash_safe`]; otherwise once it is written, by itself within milliseconds, or after [`Guard::flush`] | whatever ends the process: SIGKILL, abort, the OOM killer |
//! | disk | after [`Guard::flush_durable`], [`audit!`], or by itself as a [`SyncPolicy`] says | a system crash, a power cut |
//!
//! Only sinks that are files reach the last class. A disk that fails a sync is not believed again:
//! see [`Sink::sync`].
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `config` | yes | `offloop.toml` and variables over it: `Config::load`, [`init`] by the file, reload when it changes |
//! | `log` | yes | records of the [`log`](https://docs.rs/log) crate become events of the installed subscriber |
//! | `tokio` | yes | [`Overflow::Block`] recognises threads of a tokio runtime, and `request::LoggedIo` looks after connections |
//! | `time-zones` | yes | `Rotation::in_zone`: names of the IANA database |
//! | `schema` | no | `Config::schema`: JSON Schema for editors of configuration files |
//! | `zstd` | no | `Compression::Zstd`, which needs a C compiler |

#![cfg_attr(
    not(all(target_os = "linux", not(any(miri, offloop_loom, offloop_shuttle)))),
    allow(
        dead_code,
        reason = "what waits outlives the process on Linux alone, and not in models"
    )
)]

#[cfg(not(unix))]
compile_error!("offloop runs on Unix systems alone: it needs their descriptors, locks and signals");

mod capture;
mod channel;
mod drain;
mod format;
mod sink;

mod audit;
mod complaint;
mod config;
mod crash;
mod deadline;
mod error;
mod exit;
mod filter;
mod fork;
pub mod frontend;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod install;
mod json;
mod nearest;
mod non_blocking;
mod pace;
mod pipeline;
mod recovery;
mod redaction;
mod reloader;
pub mod request;
mod signal;
mod stats;
pub mod testing;

pub use audit::{AuditError, Receipt};
pub use channel::overflow::{LossReason, Overflow};
pub use config::{
    Builder, Change, Changes, Colour, Config, FieldValue, Format, Limits, OnHangup, Part,
    Precision, Rates, Redaction, RedactionStyle, Rotation, Sink, SpanStyle,
};
#[cfg(feature = "config")]
pub use config::{
    ConfigError, ConfigLoader, ConfigProblem, ConfigSetting, ConfigSource, LoadedConfig,
};
pub use drain::sync::SyncPolicy;
pub use error::Error;
pub use guard::{FlushError, FlushFailure, Guard, Raise, Report};
pub use install::stats;
pub use json::Json;
pub use non_blocking::{NonBlocking, non_blocking};
pub use recovery::{
    Leftover, LeftoverSink, RecoveryReport, leftover_directories, leftovers, recover,
};
pub use signal::shutdown_signal;
pub use sink::{Compression, Memory, OldLogFile, Retention};
pub use stats::{Counts, CrashSafety, Lost, SinkStats, Stats};

/// What the macros need.
#[doc(hidden)]
pub mod __private {
    pub use crate::audit::Audit;
    pub use tracing;
}

/// Installs offloop as the program's subscriber, as `offloop.toml` and variables of the environment
/// say: see [`ConfigLoader`].
///
/// Where nobody says anything, records of level `INFO` and above go to standard output: as text in
/// development, coloured on a terminal, and as JSON lines in production and whatever else there is.
/// `RUST_LOG` is respected. Which environment it is, the variable `OFFLOOP_ENV` says, else `APP_ENV`,
/// else how the library was built: development with debug assertions, and production without.
///
/// Short for `offloop::Config::load()?.builder().init()`. Without the feature `config` there is no file,
/// and no variables but these.
///
/// # Errors
///
/// As [`ConfigLoader::load`] and [`Builder::init`].
///
/// ```
/// # fn main() -> Result<(), offloop::Error> {
/// offloop::init()?;
/// tracing::info!("ready");
/// # Ok(())
/// # }
/// ```
pub fn init() -> Result<Guard, Error> {
    #[cfg(feature = "config")]
    let config = Config::load()?;
    #[cfg(not(feature = "config"))]
    let config = Config::of_environment();
    config.builder().init()
}

/// Begins the description of a pipeline.
///
/// ```
/// # fn main() -> Result<(), offloop::Error> {
/// # let memory = offloop::Memory::new();
/// let guard = offloop::builder().memory(&memory).budget(16 << 20).init()?;
/// # drop(guard);
/// # Ok(())
/// # }
/// ```
pub fn builder() -> Builder {
    Builder::default()
}
