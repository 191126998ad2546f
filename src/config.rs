//! How a pipeline is described: the builder, and the sinks that it is given.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::{self, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use crate::capture::layer::OffloopLayer;
use crate::capture::subscriber::OffloopSubscriber;
use crate::channel::overflow::Overflow;
use crate::complaint::Complaints;
use crate::drain::Delays;
use crate::drain::line::Content;
use crate::error::Error;
use crate::filter::{Filter, SinkFilter, level_max};
use crate::format::json::JsonFormat;
use crate::format::text::TextFormat;
use crate::format::{Details, Format, colour};
use crate::guard::Guard;
use crate::install;
use crate::pipeline::{Pipeline, Plan, SinkPlan};
use crate::sink::{Memory, Target};

const BUDGET_BYTES: usize = 64 << 20;
const BUDGET_BYTES_MIN: usize = 64 << 10;
const WRITE_DELAY_BUSY: Duration = Duration::from_millis(5);
const WRITE_DELAY_IDLE: Duration = Duration::from_millis(50);
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Describes a pipeline: what is captured, how much may wait, where it goes.
///
/// Made by [`offloop::builder()`](crate::builder). [`init`](Builder::init) installs the pipeline as the program's
/// subscriber; [`build`](Builder::build) makes a layer of it, to be composed with others.
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
pub struct Builder {
    sinks: Vec<Sink>,
    directives: Option<String>,
    overflow: Overflow,
    budget_bytes: usize,
    delays: Delays,
    exit_timeout: Duration,
    panic_hook: bool,
    complaints: Complaints,
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            sinks: Vec::new(),
            directives: None,
            overflow: Overflow::default(),
            budget_bytes: BUDGET_BYTES,
            delays: Delays {
                busy: WRITE_DELAY_BUSY,
                idle: WRITE_DELAY_IDLE,
            },
            exit_timeout: EXIT_TIMEOUT,
            panic_hook: true,
            complaints: Complaints::default(),
        }
    }
}

impl Builder {
    /// Adds a sink. Without any, records go to stdout as JSON lines.
    ///
    /// Each sink has a format and a filter of its own, and a writer thread of its own: one that
    /// stalls holds up no other.
    ///
    /// ```
    /// # let memory = offloop::Memory::new();
    /// let builder = offloop::builder()
    ///     .sink(offloop::Sink::memory(&memory).text())
    ///     .sink(offloop::Sink::stderr().filter("error"));
    /// # drop(builder);
    /// ```
    pub fn sink(mut self, sink: Sink) -> Self {
        self.sinks.push(sink);
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
    /// let (layer, guard) = offloop::builder().memory(&memory).build()?;
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
    /// The environment variable `RUST_LOG` overrides it where it is set. Defaults to `info`. Directives
    /// by level and target cost a disabled event nothing; those by span (in brackets) are
    /// decided anew for every event.
    ///
    /// ```
    /// let builder = offloop::builder().filter("info,hyper=warn");
    /// # drop(builder);
    /// ```
    pub fn filter(mut self, directives: impl Into<String>) -> Self {
        self.directives = Some(directives.into());
        self
    }

    /// Sets what happens to a record that finds the memory budget used up.
    ///
    /// Defaults to [`Overflow::DropNewest`]: the caller never waits, and what is dropped is counted and
    /// reported in the log.
    ///
    /// ```
    /// let at_most = std::time::Duration::from_secs(1);
    /// let builder = offloop::builder().overflow(offloop::Overflow::Block { at_most });
    /// # drop(builder);
    /// ```
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Sets how much memory records may take while they wait to be written, in bytes.
    ///
    /// Memory is taken on demand and reused; a program that keeps up with its log never touches
    /// most of it. The last eighth is kept for `WARN` and `ERROR`. When the budget is used up,
    /// [`Overflow`] decides. Defaults to 64 MiB; at least 64 KiB. Each thread that logs holds one page
    /// of the budget (1/128 of it, at most 32 KiB), so a budget below a few hundred KiB suits only
    /// programs with few threads.
    ///
    /// ```
    /// let builder = offloop::builder().budget(16 << 20);
    /// # drop(builder);
    /// ```
    pub fn budget(mut self, bytes: usize) -> Self {
        self.budget_bytes = bytes.max(BUDGET_BYTES_MIN);
        self
    }

    /// Sets how long the writer may leave a record alone while the program is quiet.
    ///
    /// Log calls never wake the writer for a record; it looks by itself, every 5 ms while records come, and
    /// after a while without any at this interval. Shorter means sooner in the file, and more
    /// wake-ups of an idle program. Defaults to 50 ms, which is 20 wake-ups a second at most;
    /// between 100 µs and 10 s.
    ///
    /// ```
    /// let builder = offloop::builder().write_delay(std::time::Duration::from_millis(1));
    /// # drop(builder);
    /// ```
    pub fn write_delay(mut self, delay: Duration) -> Self {
        let idle = delay.clamp(Duration::from_micros(100), Duration::from_secs(10));
        self.delays = Delays {
            busy: idle.min(WRITE_DELAY_BUSY),
            idle,
        };
        self
    }

    /// Sets how long the end of the process may wait for records to be written, after `main` has
    /// returned, `std::process::exit` was called, or a panic that aborts was logged.
    ///
    /// That time is only used if a sink stalls or fails. Defaults to 5 s.
    ///
    /// ```
    /// let builder = offloop::builder().exit_timeout(std::time::Duration::from_secs(1));
    /// # drop(builder);
    /// ```
    pub fn exit_timeout(mut self, timeout: Duration) -> Self {
        self.exit_timeout = timeout;
        self
    }

    /// Sets whether [`init`](Builder::init) makes panics records of the log: level `ERROR`, target `panic`, with message,
    /// location, thread, and the backtrace if `RUST_BACKTRACE` asks for one.
    ///
    /// The hook that was set before is called after that. Defaults to `true`.
    ///
    /// ```
    /// let builder = offloop::builder().panic_hook(false);
    /// # drop(builder);
    /// ```
    pub fn panic_hook(mut self, is_wanted: bool) -> Self {
        self.panic_hook = is_wanted;
        self
    }

    /// Sets who hears of the pipeline's own troubles: a sink that fails or recovers, records lost.
    ///
    /// Called on a writer thread, at most five times in ten seconds. It must not log. By default each is one line on
    /// stderr.
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

    /// Starts the pipeline and installs it as the program's global subscriber. Records of the
    /// `log` crate come along, with their own target, file and line.
    ///
    /// The guard adds control, it is not needed to keep anything alive.
    ///
    /// # Errors
    ///
    /// - [`Error::AlreadyInstalled`] if the program has a global subscriber, and
    ///   [`Error::LoggerInstalled`] if it has a logger of the `log` crate;
    /// - [`Error::Filter`] if `RUST_LOG` or a filter cannot be read;
    /// - [`Error::CreateDirectory`], [`Error::OpenFile`] if a file cannot be opened;
    /// - [`Error::StartWriter`] if there is no thread to be had.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), offloop::Error> {
    /// let guard = offloop::builder().file("logs/app.jsonl").init()?;
    /// # drop(guard);
    /// # Ok(())
    /// # }
    /// ```
    pub fn init(self) -> Result<Guard, Error> {
        install::check()?;
        let panic_hook = self.panic_hook;
        let filter = Filter::from_environment(self.directives.as_deref())?;
        let pipeline = self.start(Content::Records)?;
        match filter {
            Filter::Static(targets) => {
                let level_max = level_max(&targets);
                let subscriber = OffloopSubscriber::new(Arc::clone(&pipeline), targets);
                install::subscriber(subscriber, level_max)?;
            }
            Filter::Dynamic(filter) => {
                let level_max = layer::Filter::<Registry>::max_level_hint(&*filter);
                let layer = OffloopLayer::new(Arc::clone(&pipeline));
                let subscriber = tracing_subscriber::registry().with(*filter).with(layer);
                install::subscriber(subscriber, level_max.unwrap_or(LevelFilter::TRACE))?;
            }
        }
        install::pipeline(&pipeline);
        if panic_hook {
            install::panic_hook();
        }
        Ok(Guard::new(pipeline))
    }

    /// Starts the pipeline and returns it as a layer, to be composed with others on a
    /// [`Registry`](tracing_subscriber::Registry).
    ///
    /// The filter holds for this layer alone.
    ///
    /// # Errors
    ///
    /// As [`init`](Builder::init), but for what concerns the global subscriber.
    ///
    /// ```
    /// use tracing_subscriber::layer::SubscriberExt;
    ///
    /// # fn main() -> Result<(), offloop::Error> {
    /// # let memory = offloop::Memory::new();
    /// let (layer, guard) = offloop::builder().memory(&memory).build()?;
    /// let subscriber = tracing_subscriber::registry().with(layer);
    /// # drop((subscriber, guard));
    /// # Ok(())
    /// # }
    /// ```
    pub fn build<S>(self) -> Result<(impl Layer<S> + Send + Sync, Guard), Error>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let filter = Filter::from_environment(self.directives.as_deref())?;
        let pipeline = self.start(Content::Records)?;
        let layer = OffloopLayer::new(Arc::clone(&pipeline));
        let layer: Box<dyn Layer<S> + Send + Sync> = match filter {
            Filter::Static(targets) => Box::new(layer.with_filter(targets)),
            Filter::Dynamic(filter) => Box::new(layer.with_filter(*filter)),
        };
        Ok((layer, Guard::new(pipeline)))
    }

    /// With this sink in place of all others.
    pub(crate) fn only(mut self, sink: Sink) -> Self {
        self.sinks = vec![sink];
        self
    }

    pub(crate) fn start(mut self, content: Content) -> Result<Arc<Pipeline>, Error> {
        if self.sinks.is_empty() {
            self.sinks.push(Sink::stdout());
        }
        Pipeline::start(Plan {
            sinks: self
                .sinks
                .into_iter()
                .map(Sink::plan)
                .collect::<Result<_, _>>()?,
            content,
            budget_bytes: self.budget_bytes,
            overflow: self.overflow,
            delays: self.delays,
            exit_timeout: self.exit_timeout,
            complaints: self.complaints,
        })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Builder")
            .field("sinks", &self.sinks)
            .field("directives", &self.directives)
            .field("overflow", &self.overflow)
            .field("budget_bytes", &self.budget_bytes)
            .field("delays", &self.delays)
            .field("exit_timeout", &self.exit_timeout)
            .field("panic_hook", &self.panic_hook)
            .finish_non_exhaustive()
    }
}

/// How records are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shape {
    #[default]
    Json,
    Text,
}

/// Where records go, in which format, and which of them.
///
/// ```
/// # let memory = offloop::Memory::new();
/// let sink = offloop::Sink::memory(&memory).text().filter("warn,my_crate=info").with_location();
/// # drop(sink);
/// ```
#[must_use = "a sink does nothing before it is given to a builder"]
pub struct Sink {
    target: Target,
    shape: Shape,
    details: Details,
    directives: Option<String>,
}

impl Sink {
    /// A file, which is appended to. Missing directories are created; a new file gets mode 0640.
    ///
    /// If the file ends in the middle of a line, as a crash may leave it, the first record begins a
    /// new one. A FIFO is opened once it has a reader; until then records wait. Relative paths
    /// are resolved once, when the pipeline starts.
    ///
    /// ```
    /// let sink = offloop::Sink::file("logs/app.jsonl");
    /// # drop(sink);
    /// ```
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Sink::new(Target::File(path.into()))
    }

    /// Standard output.
    ///
    /// A pipe there may be shared with other processes, so each write to it holds whole lines and is at most
    /// `PIPE_BUF` (4096 on Linux) bytes long, which the system keeps in one piece; only a line longer than that
    /// may be torn by another process. A reader that stops reading stops nobody.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().text();
    /// # drop(sink);
    /// ```
    pub fn stdout() -> Self {
        Sink::new(Target::Stdout)
    }

    /// Standard error. As [`stdout`](Sink::stdout) otherwise.
    ///
    /// ```
    /// let sink = offloop::Sink::stderr().text().filter("error");
    /// # drop(sink);
    /// ```
    pub fn stderr() -> Self {
        Sink::new(Target::Stderr)
    }

    /// Any writer, such as an appender of tracing-appender. It is called on its writer thread only, with whole lines, and
    /// `flush` after each batch.
    ///
    /// An error means that nothing of the call was taken: the same bytes are offered again. If
    /// it panics, the batch that it was given is counted as lost. In a forked child it is not used (its state there is unknown): records of
    /// the child are counted as lost for this sink.
    ///
    /// ```
    /// let sink = offloop::Sink::writer(std::io::sink());
    /// # drop(sink);
    /// ```
    pub fn writer(writer: impl io::Write + Send + 'static) -> Self {
        Sink::new(Target::Writer(Mutex::new(Some(Box::new(writer)))))
    }

    /// Memory, for tests. See [`Memory`].
    ///
    /// ```
    /// let memory = offloop::Memory::new();
    /// let sink = offloop::Sink::memory(&memory);
    /// # drop(sink);
    /// ```
    pub fn memory(memory: &Memory) -> Self {
        Sink::new(Target::Memory(memory.clone()))
    }

    /// Writes one JSON object a line. This is the default.
    ///
    /// The object is flat: `timestamp` (RFC 3339, UTC, microseconds), `level`, `target`, `message`, the event's fields
    /// with their types, `spans` (names, outermost first), the fields of the spans (the event's own win, then the
    /// innermost span's), and on request `thread`, `file` and `line`. No key comes twice: a field that is called like one of
    /// these is kept as `fields.<name>`. 128-bit numbers that do not fit 64 bits are strings of
    /// digits, NaN and infinities are strings, bytes are hexadecimal, an error is the list of its
    /// messages, outermost first. A record of which something was cut has `"cut":true`.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().json();
    /// # drop(sink);
    /// ```
    pub fn json(mut self) -> Self {
        self.shape = Shape::Json;
        self
    }

    /// Writes one line of text for people. In colour if the sink is a terminal and `NO_COLOR` is not set.
    ///
    /// Line breaks, control characters and direction marks in data are escaped.
    ///
    /// ```
    /// let sink = offloop::Sink::stderr().text();
    /// # drop(sink);
    /// ```
    pub fn text(mut self) -> Self {
        self.shape = Shape::Text;
        self
    }

    /// Adds the thread's name to each record, or its number where it has none.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().with_thread();
    /// # drop(sink);
    /// ```
    pub fn with_thread(mut self) -> Self {
        self.details.thread = true;
        self
    }

    /// Adds file and line of the macro to each record.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().with_location();
    /// # drop(sink);
    /// ```
    pub fn with_location(mut self) -> Self {
        self.details.location = true;
        self
    }

    /// Sets which of the captured records this sink takes, by level and target: `warn`, `info,hyper=error`.
    /// By default all.
    ///
    /// ```
    /// let sink = offloop::Sink::stderr().filter("warn");
    /// # drop(sink);
    /// ```
    pub fn filter(mut self, directives: impl Into<String>) -> Self {
        self.directives = Some(directives.into());
        self
    }

    fn new(target: Target) -> Self {
        Sink {
            target,
            shape: Shape::Json,
            details: Details::default(),
            directives: None,
        }
    }

    fn plan(self) -> Result<SinkPlan, Error> {
        let is_coloured =
            colour::is_wanted(self.target.is_terminal(), |name| std::env::var_os(name));
        let (shape, details) = (self.shape, self.details);
        let filter = self
            .directives
            .as_deref()
            .map(SinkFilter::parse)
            .transpose()?;
        let format = move || -> Box<dyn Format> {
            match shape {
                Shape::Json => Box::new(JsonFormat::new(details)),
                Shape::Text => Box::new(TextFormat::new(is_coloured, details)),
            }
        };
        let (format, filter) = (Box::new(format), filter.unwrap_or_default());
        Ok(SinkPlan {
            target: self.target,
            format,
            filter,
        })
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sink")
            .field("shape", &self.shape)
            .field("details", &self.details)
            .field("directives", &self.directives)
            .finish_non_exhaustive()
    }
}
