//! How a pipeline is described: one [`Config`], which programs fill in by the builder and files by
//! their keys.
//!
//! - In: calls of [`Builder`] and [`Sink`], or what serde reads.
//! - Out: a plan for the pipeline (`start`).
//! - Never: opens, starts or installs anything before it is asked to start.
//!
//! The builder is a thin shell around a `Config`. What no file can hold lies beside it, and is
//! skipped by serde: a program's own writer or memory in its [`Sink`], and who hears of troubles.

mod builder;
mod changes;
mod environment;
mod file_place;
pub(crate) mod format;
mod frontend;
mod hangup;
#[cfg(feature = "config")]
mod in_full;
mod limits;
#[cfg(feature = "config")]
mod load;
mod origin;
mod overflow;
mod rates;
mod redaction;
mod rotation;
#[cfg(feature = "schema")]
pub(crate) mod schema;
mod sink;
mod start;
mod sync;
#[cfg(test)]
mod tests;
pub(crate) mod units;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::channel::overflow::Overflow;
#[cfg(feature = "config")]
use crate::error::Error;
use crate::filter::DEFAULT_DIRECTIVES;
use crate::request;

pub use self::builder::Builder;
pub use self::changes::{Change, Changes};
pub use self::format::{Colour, FieldValue, Format, Part, Precision, SpanStyle};
pub use self::hangup::OnHangup;
pub(crate) use self::limits::DEPTH_MAX;
pub use self::limits::Limits;
#[cfg(feature = "config")]
pub use self::load::{
    ConfigError, ConfigLoader, ConfigProblem, ConfigSetting, ConfigSource, LoadedConfig,
};
use self::origin::Origin;
pub use self::rates::Rates;
pub(crate) use self::rates::share;
pub use self::redaction::{Redaction, RedactionStyle};
pub use self::rotation::Rotation;
pub use self::sink::Sink;

const BUDGET_BYTES: usize = 64 << 20;
const BUDGET_BYTES_MIN: usize = 64 << 10;
/// As much as a program can address, where that is less.
const BUDGET_BYTES_MAX: usize = {
    let bytes_max = 64 << 30;
    if (isize::MAX as u64) < bytes_max {
        isize::MAX as usize
    } else {
        bytes_max as usize
    }
};
/// The budget from which on records may outlive the process.
#[cfg(feature = "config")]
const CRASH_SAFE_BUDGET_BYTES_MIN: usize = 1 << 20;
const WRITE_DELAY: Duration = Duration::from_millis(50);
const WRITE_DELAY_MIN: Duration = Duration::from_micros(100);
const WRITE_DELAY_MAX: Duration = Duration::from_secs(10);
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// All that can be set, as values: what the [`Builder`] sets, and what a configuration file holds.
///
/// It can be written and read by any format of serde. Keys that are left out have their defaults,
/// others than these are refused. A program's own writer or memory is no value: such a [sink](Sink)
/// can be written, as a `kind` by its name, but not read back.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let text = r#"{ "level": "info,hyper=warn", "budget": "16 MiB" }"#;
/// let config: offloop::Config = serde_json::from_str(text)?;
/// let builder = offloop::builder().filter("info,hyper=warn").budget(16 << 20);
/// assert_eq!(builder.config(), &config);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
pub struct Config {
    /// Which events are captured, in the syntax of RUST_LOG, which overrides it.
    pub(crate) level: String,
    /// Whether RUST_LOG overrides `level` where it is set.
    pub(crate) rust_log: bool,
    /// Which events are kept in memory while a request lasts, and written if it goes wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_detail: Option<String>,
    /// What happens to a record that finds the memory used up.
    pub(crate) overflow: Overflow,
    /// How much memory records may take while they wait to be written: 64 KiB to 64 GiB.
    #[serde(with = "units")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::size")
    )]
    pub(crate) budget: usize,
    /// How long the writer may leave a record alone while the program is quiet: 100us to 10s.
    #[serde(with = "units")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::time")
    )]
    pub(crate) write_delay: Duration,
    /// How long the end of the process may wait for records to be written.
    #[serde(with = "units")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::time")
    )]
    pub(crate) exit_timeout: Duration,
    /// Whether panics become records.
    pub(crate) panic_hook: bool,
    /// Whether records that wait outlive a process that is killed. By default where a sink is a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) crash_safe: Option<bool>,
    /// Where they do, on a tmpfs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) crash_directory: Option<PathBuf>,
    /// What a SIGHUP does.
    pub(crate) on_hangup: OnHangup,
    /// Whether this file is read anew when it changes.
    pub(crate) watch: bool,
    /// What is kept out of the log.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) redaction: Redaction,
    /// How much a record may hold.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) limits: Limits,
    /// The records of requests, where an adapter of a web framework writes them.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) requests: request::Options,
    /// How often each callsite may log, and which share of the records of a level is kept.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) rates: Rates,
    /// Fields that are the same in every record.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) fields: BTreeMap<String, FieldValue>,
    /// Where records go, by the names of the sinks.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub(crate) sinks: IndexMap<String, Sink>,
    /// Where there is no sink at all.
    #[serde(skip)]
    fallback: Fallback,
    /// Where it was read.
    #[serde(skip)]
    pub(crate) origin: Origin,
}

/// How records are written to standard output where no sink was described.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fallback {
    #[default]
    Json,
    Text,
}

impl Fallback {
    /// In development there is somebody who reads along.
    fn of(environment: &str) -> Self {
        if environment == environment::DEVELOPMENT {
            Fallback::Text
        } else {
            Fallback::Json
        }
    }

    fn sink(self) -> Sink {
        match self {
            Fallback::Json => Sink::stdout(),
            Fallback::Text => Sink::stdout().text(),
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Default for Config {
    fn default() -> Self {
        Config {
            level: DEFAULT_DIRECTIVES.to_owned(),
            rust_log: true,
            request_detail: None,
            overflow: Overflow::default(),
            budget: BUDGET_BYTES,
            write_delay: WRITE_DELAY,
            exit_timeout: EXIT_TIMEOUT,
            panic_hook: true,
            crash_safe: None,
            crash_directory: None,
            on_hangup: OnHangup::default(),
            watch: false,
            redaction: Redaction::default(),
            limits: Limits::default(),
            requests: request::Options::default(),
            rates: Rates::default(),
            fields: BTreeMap::new(),
            sinks: IndexMap::new(),
            fallback: Fallback::default(),
            origin: Origin::default(),
        }
    }
}

impl Config {
    /// Reads what is set for this program, in files and variables: see [`ConfigLoader`].
    ///
    /// A pipeline that is built from it, and for which no sink is described, writes to standard output:
    /// text in development, and JSON lines in any other environment.
    ///
    /// # Errors
    ///
    /// As [`ConfigLoader::load`].
    ///
    /// ```
    /// # fn main() -> Result<(), offloop::Error> {
    /// let memory = offloop::Memory::new();
    /// let guard = offloop::Config::load()?.builder().memory(&memory).init()?;
    /// # drop(guard);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "config")]
    pub fn load() -> Result<Self, Error> {
        Ok(ConfigLoader::new().load()?.into_config())
    }

    /// The same with this file, which must be there.
    ///
    /// # Errors
    ///
    /// As [`ConfigLoader::load`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), offloop::Error> {
    /// let guard = offloop::Config::from_file("/etc/app/offloop.toml")?.builder().init()?;
    /// # drop(guard);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "config")]
    pub fn from_file(path: impl Into<PathBuf>) -> Result<Self, Error> {
        Ok(ConfigLoader::new().file(path).load()?.into_config())
    }

    /// The same with this text in place of a file.
    ///
    /// # Errors
    ///
    /// As [`ConfigLoader::load`].
    ///
    /// ```
    /// # fn main() -> Result<(), offloop::Error> {
    /// let config = offloop::Config::from_toml(r#"budget = "16 MiB""#)?;
    /// # drop(config);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "config")]
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        Ok(ConfigLoader::new().text(text).load()?.into_config())
    }

    /// What holds without any file and any variable but the one that names the environment.
    #[cfg(not(feature = "config"))]
    pub(crate) fn of_environment() -> Self {
        let environment = environment::name(|name| std::env::var(name).ok());
        Config {
            fallback: Fallback::of(&environment),
            ..Config::default()
        }
    }

    /// Goes on with a builder: to add what no file can hold, or to start.
    ///
    /// ```
    /// # fn main() -> Result<(), offloop::Error> {
    /// let memory = offloop::Memory::new();
    /// let config = offloop::Config::default();
    /// let guard = config.builder().memory(&memory).init()?;
    /// # drop(guard);
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(self) -> Builder {
        Builder::from(self)
    }

    /// With the writers and memories of another one, under names that are free.
    pub(crate) fn with_live_of(mut self, other: &Config) -> Self {
        for (name, sink) in other.sinks.iter().filter(|(_, sink)| sink.is_live()) {
            let described = self.sinks.entry(name.clone());
            described.or_insert_with(|| sink.clone());
        }
        self
    }

    /// The sinks that are written to, which a pipeline knows by their places among themselves.
    fn enabled_sinks(&self) -> impl Iterator<Item = (&String, &Sink)> {
        self.sinks.iter().filter(|(_, sink)| sink.is_enabled())
    }

    /// Whether records that wait are to outlive a process that is killed, if the system has a place
    /// for them.
    #[cfg(feature = "config")]
    fn is_crash_safe(&self) -> bool {
        self.crash_safe.unwrap_or_else(|| {
            let mut sinks = self.enabled_sinks();
            CRASH_SAFE_BUDGET_BYTES_MIN <= self.budget
                && sinks.any(|(_, sink)| sink.kind() == sink::Kind::File)
        })
    }

    /// Whether the sinks at two places have the same writer or memory, or both none.
    pub(crate) fn shares_live(&self, place: usize, other: &Config, other_place: usize) -> bool {
        let own = self.enabled_sinks().nth(place);
        let sinks = own.zip(other.enabled_sinks().nth(other_place));
        sinks.is_some_and(|((_, own), (_, other))| own.shares_live(other))
    }

    /// Adds a sink under its own name, where it takes the place of another one, or else under the
    /// first that is free.
    fn add(&mut self, mut sink: Sink) {
        let name = sink.take_name().unwrap_or_else(|| {
            let kind = sink.kind().as_str();
            let numbered = (2..).map(|number| format!("{kind}-{number}"));
            let mut names = [kind.to_owned()].into_iter().chain(numbered);
            let free = names.find(|name| !self.sinks.contains_key(name));
            free.unwrap_or_default()
        });
        self.sinks.insert(name, sink);
    }
}
