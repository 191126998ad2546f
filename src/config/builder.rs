//! The builder: what is captured, how much may wait, where it goes.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Sink;
use crate::channel::overflow::Overflow;
use crate::complaint::Complaints;
use crate::drain::Delays;
use crate::sink::Memory;

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
const WRITE_DELAY_BUSY: Duration = Duration::from_millis(5);
const WRITE_DELAY_IDLE: Duration = Duration::from_millis(50);
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

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
pub struct Builder {
    pub(super) sinks: Vec<Sink>,
    pub(super) directives: Option<String>,
    pub(super) request_detail: Option<String>,
    pub(super) overflow: Overflow,
    pub(super) budget_bytes: usize,
    pub(super) delays: Delays,
    pub(super) exit_timeout: Duration,
    pub(super) panic_hook: bool,
    pub(super) reopen_on_hangup: bool,
    pub(super) crash_safe: Option<bool>,
    pub(super) crash_directory: Option<PathBuf>,
    pub(super) complaints: Complaints,
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            sinks: Vec::new(),
            directives: None,
            request_detail: None,
            overflow: Overflow::default(),
            budget_bytes: BUDGET_BYTES,
            delays: Delays {
                busy: WRITE_DELAY_BUSY,
                idle: WRITE_DELAY_IDLE,
            },
            exit_timeout: EXIT_TIMEOUT,
            panic_hook: true,
            reopen_on_hangup: false,
            crash_safe: None,
            crash_directory: None,
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
    /// The environment variable `RUST_LOG` overrides it where it is set. Defaults to `info`.
    /// Directives by level and target cost a disabled event nothing; those by span (in brackets)
    /// are decided anew for every event. Records of [`audit!`](crate::audit!) are captured unless a
    /// directive names their target, `audit`.
    ///
    /// ```
    /// let builder = offloop::builder().filter("info,hyper=warn");
    /// # drop(builder);
    /// ```
    pub fn filter(mut self, directives: impl Into<String>) -> Self {
        self.directives = Some(directives.into());
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
        self.request_detail = Some(directives.into());
        self
    }

    /// Sets what happens to a record that finds the memory budget used up.
    ///
    /// Defaults to [`Overflow::DropNewest`]: the caller never waits, and what is dropped is counted
    /// and reported in the log.
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
    /// [`Overflow`] decides. Defaults to 64 MiB; at least 64 KiB, at most 64 GiB. Each thread that
    /// logs holds one page of the budget (1/128 of it, at most 32 KiB while the budget is below 4
    /// GiB), so a budget below a few hundred KiB suits only programs with few threads.
    ///
    /// ```
    /// let builder = offloop::builder().budget(16 << 20);
    /// # drop(builder);
    /// ```
    pub fn budget(mut self, bytes: usize) -> Self {
        self.budget_bytes = bytes.clamp(BUDGET_BYTES_MIN, BUDGET_BYTES_MAX);
        self
    }

    /// Sets how long the writer may leave a record alone while the program is quiet.
    ///
    /// Log calls never wake the writer for a record; it looks by itself, every 5 ms while records
    /// come, and after a while without any at this interval. Shorter means sooner in the file, and
    /// more wake-ups of an idle program. Defaults to 50 ms, which is 20 wake-ups a second at most;
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

    /// Sets whether [`init`](Builder::init) makes panics records of the log: level `ERROR`, target
    /// `panic`, with message, location, thread, and the backtrace if `RUST_BACKTRACE` asks for one.
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

    /// Sets whether a SIGHUP has every log file closed and opened anew before the next record is
    /// written to it, as [`Guard::reopen`](crate::Guard::reopen) does.
    ///
    /// For the `postrotate` script of logrotate. A file that was renamed is noticed without it. The
    /// handler stays until the process ends, and so SIGHUP does not end it any more; handlers
    /// that the program has installed by then are called, too. Defaults to `false`.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), offloop::Error> {
    /// offloop::builder().file("logs/app.jsonl").reopen_on_hangup(true).init()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn reopen_on_hangup(mut self, is_wanted: bool) -> Self {
        self.reopen_on_hangup = is_wanted;
        self
    }

    /// Sets whether records that wait for a file outlive the process, should that be killed: by
    /// SIGKILL, by the system for want of memory, by `abort`, by a fault.
    ///
    /// They wait in memory either way. If this is on, it is that of a file on a tmpfs, which costs a
    /// log call nothing and takes no more than the [budget](Builder::budget). The next start with
    /// the same sink writes what is found there. It does not outlive the machine, and nothing is left
    /// of it after an orderly end. What other programs left, and have not taken up for an hour, is
    /// [said](Builder::on_error) once by each start: it keeps its memory until they start again, or
    /// [`recover`](crate::recover) is called.
    ///
    /// Defaults to on if there is a file among the sinks, the budget is at least 1 MiB, and the
    /// system has a tmpfs. Where it is asked for and cannot be, or where the tmpfs has no room (now or
    /// later), records wait on the heap instead, and that is [said](Builder::on_error);
    /// [`SinkStats::crash_safety`](crate::SinkStats) tells for each sink.
    ///
    /// ```
    /// let builder = offloop::builder().file("logs/app.jsonl").crash_safe(false);
    /// # drop(builder);
    /// ```
    pub fn crash_safe(mut self, is_wanted: bool) -> Self {
        self.crash_safe = Some(is_wanted);
        self
    }

    /// Sets in which directory records wait that are to outlive the process: see
    /// [`crash_safe`](Builder::crash_safe).
    ///
    /// It must be on a tmpfs, belong to this user, and be open to nobody else (mode 0700); it is
    /// created if its parent exists. The next start must be told the same directory. Defaults to
    /// `$XDG_RUNTIME_DIR/offloop`, or to `/dev/shm/offloop-<user number>` where that is not set or
    /// not on a tmpfs.
    ///
    /// ```
    /// let builder = offloop::builder().file("logs/app.jsonl").crash_directory("/run/app/log");
    /// # drop(builder);
    /// ```
    pub fn crash_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.crash_directory = Some(directory.into());
        self
    }

    /// Sets who hears of the pipeline's own troubles: a sink that fails or recovers, records lost.
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
        self.sinks = vec![sink];
        self
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
            .field("reopen_on_hangup", &self.reopen_on_hangup)
            .field("crash_safe", &self.crash_safe)
            .field("crash_directory", &self.crash_directory)
            .finish_non_exhaustive()
    }
}
