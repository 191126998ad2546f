//! The builder: what is captured, and where it goes.

mod process;
mod rates;
mod requests;
mod safety;
mod waiting;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Config, FieldValue, Sink};
use crate::complaint::Complaints;
use crate::sink::Memory;

/// Describes a pipeline: what is captured, how much may wait, where it goes.
///
/// Made by [`offloop::builder()`](crate::builder). [`init`](Builder::init) installs the pipeline as
/// the program's subscriber; [`build`](Builder::build) makes a layer of it, to be composed with
/// others.
///
/// ```
/// # fn main() -> Result<(), offloop::Error> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path().join("logs/app.jsonl");
/// let guard = offloop::builder()
///     .file(&path)
///     .sink(offloop::Sink::stderr().text().filter("warn"))
///     .filter("info,hyper=warn")
///     .init()?;
/// tracing::info!(user = 42, "signed in");
/// assert!(guard.shutdown(std::time::Duration::from_secs(5)).is_complete());
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing before `init` or `build`"]
#[derive(Default)]
pub struct Builder {
    pub(super) config: Config,
    pub(super) complaints: Complaints,
}

impl From<Config> for Builder {
    fn from(config: Config) -> Self {
        Builder {
            config,
            complaints: Complaints::default(),
        }
    }
}

impl Builder {
    /// What has been set so far.
    ///
    /// ```
    /// let builder = offloop::builder().stdout();
    /// assert_ne!(builder.config(), &offloop::Config::default());
    /// ```
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Adds a sink. Without any, records go to stdout as JSON lines.
    ///
    /// Each sink has a format and a filter of its own, and a writer thread of its own: one that
    /// stalls holds up no other. It is known by [its name](Sink::named), and takes the place of an
    /// earlier one of the same name.
    ///
    /// ```
    /// # let memory = offloop::Memory::new();
    /// let builder = offloop::builder()
    ///     .sink(offloop::Sink::memory(&memory).text())
    ///     .sink(offloop::Sink::stderr().filter("error"));
    /// # drop(builder);
    /// ```
    pub fn sink(mut self, sink: Sink) -> Self {
        self.config.add(sink);
        self
    }

    /// Adds a file as a sink: JSON lines, appended. See [`Sink::file`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), offloop::Error> {
    /// offloop::builder().file("logs/app.jsonl").init()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn file(self, path: impl Into<PathBuf>) -> Self {
        self.sink(Sink::file(path))
    }

    /// Adds standard output as a sink. See [`Sink::stdout`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), offloop::Error> {
    /// offloop::builder().stdout().init()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn stdout(self) -> Self {
        self.sink(Sink::stdout())
    }

    /// Adds standard error as a sink. See [`Sink::stderr`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), offloop::Error> {
    /// offloop::builder().stderr().init()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn stderr(self) -> Self {
        self.sink(Sink::stderr())
    }

    /// Adds a writer of your own as a sink. See [`Sink::writer`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), offloop::Error> {
    /// let hourly = tracing_appender::rolling::hourly("logs", "app.jsonl");
    /// offloop::builder().writer(hourly).init()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn writer(self, writer: impl io::Write + Send + 'static) -> Self {
        self.sink(Sink::writer(writer))
    }

    /// Adds memory as a sink, for tests. See [`Memory`].
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tracing_subscriber::layer::SubscriberExt;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let memory = offloop::Memory::new();
    /// let builder = offloop::builder().memory(&memory);
    /// // Whatever the shell that the test runs in asks for.
    /// let (layer, guard) = builder.filter("info").rust_log(false).build()?;
    /// tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
    ///     tracing::info!(answer = 42, "found");
    /// });
    /// guard.flush(Duration::from_secs(5))?;
    /// assert!(memory.text().contains(r#""message":"found","answer":42"#));
    /// # Ok(())
    /// # }
    /// ```
    pub fn memory(self, memory: &Memory) -> Self {
        self.sink(Sink::memory(memory))
    }

    /// Sets which events are captured, in the syntax of `RUST_LOG`: `info`, `info,hyper=warn`,
    /// `my_crate::module=debug`, `[request{user=42}]=trace`.
    ///
    /// The environment variable `RUST_LOG` overrides it where it is set, unless
    /// [`rust_log`](Builder::rust_log) says otherwise. Defaults to `info`.
    /// Directives by level and target cost a disabled event nothing; those by span (in brackets)
    /// are decided anew for every event. Records of [`audit!`](crate::audit!) are captured unless a
    /// directive names their target, `audit`. The records of requests have a target like any other,
    /// `offloop::request`: `my_crate=debug` alone leaves them out, `info,my_crate=debug` does not.
    ///
    /// What would switch everything off by mistake, such as `inof` or `my_crate:debug`, is an
    /// [`Error::Filter`](crate::Error::Filter) when the pipeline is built.
    ///
    /// ```
    /// let builder = offloop::builder().filter("info,hyper=warn");
    /// # drop(builder);
    /// ```
    pub fn filter(mut self, directives: impl Into<String>) -> Self {
        self.config.level = directives.into();
        self
    }

    /// Sets whether the environment variable `RUST_LOG` overrides the [filter](Builder::filter) where it
    /// is set. Defaults to `true`.
    ///
    /// Without it, a test sees the same records in whatever shell it runs, and whoever raises the
    /// level of a service by its environment does so by what the service itself offers. The filters of sinks
    /// are never overridden.
    ///
    /// ```
    /// # let memory = offloop::Memory::new();
    /// let builder = offloop::builder().memory(&memory).filter("trace").rust_log(false);
    /// # drop(builder);
    /// ```
    pub fn rust_log(mut self, overrides: bool) -> Self {
        self.config.rust_log = overrides;
        self
    }

    /// Sets which events the detail of a request has, in the syntax of [`filter`](Builder::filter)
    /// without spans: `debug`, `info,my_crate=trace`.
    ///
    /// Events that the filter leaves out and these directives want are kept in memory while a
    /// request lasts within which they are logged (see [`request`](crate::request)). If that fails,
    /// is cut short or turns out to be slow, they are written after all, each with the time at
    /// which it was logged, right before the request's own record; else they are forgotten. They go
    /// to the sinks whose own filters want them. Outside of requests they cost what a disabled
    /// event costs, and the look whether there is a request. They do not outlive a kill of the
    /// process.
    ///
    /// By default there is none. Without effect together with directives by span.
    ///
    /// ```
    /// let builder = offloop::builder().filter("info").request_detail("debug");
    /// # drop(builder);
    /// ```
    pub fn request_detail(mut self, directives: impl Into<String>) -> Self {
        self.config.request_detail = Some(directives.into());
        self
    }

    /// Adds a field that is the same in every line of every sink, such as the service's name and
    /// version. A sink's own, see [`Format::field`](crate::Format::field), wins over it.
    ///
    /// ```
    /// let builder = offloop::builder().field("service", "api").field("version", "1.4.0");
    /// # drop(builder);
    /// ```
    pub fn field(mut self, name: impl Into<String>, value: impl Into<FieldValue>) -> Self {
        self.config.fields.insert(name.into(), value.into());
        self
    }

    /// Sets who hears of the pipeline's own troubles: a sink that fails or recovers, records lost.
    ///
    /// Each says what was tried on what: `write to file /srv/app/logs/app.jsonl: …`. What becomes of
    /// the records is counted by the sinks' names, in [`SinkStats`](crate::SinkStats).
    ///
    /// Called on the thread that writes, at most five times in ten seconds for each sink. It should
    /// not log: what it says would wait for the very sink that is in trouble. By default each is
    /// one line on stderr.
    ///
    /// ```
    /// let builder = offloop::builder().on_error(|complaint| {
    ///     // Count it, raise an alarm, …
    ///     let _ = complaint;
    /// });
    /// # drop(builder);
    /// ```
    pub fn on_error(mut self, report: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.complaints = Complaints::to(Arc::new(report));
        self
    }

    /// With this sink in place of all others.
    pub(crate) fn only(mut self, sink: Sink) -> Self {
        self.config.sinks.clear();
        self.sink(sink)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Builder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
