//! A sink as the builder is given it: where records go, in which format, and which of them.

#[cfg(feature = "config")]
mod defaults;
mod file;
mod lines;
mod live;
mod plan;

use std::fmt;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use self::file::Mode;
use self::live::Live;
use super::{Format, Rotation, is_default, units};
use crate::drain::sync::SyncPolicy;
use crate::sink::{Compression, Memory, Retention};

/// Where records go, in which format, and which of them.
///
/// ```
/// # let memory = offloop::Memory::new();
/// let sink = offloop::Sink::memory(&memory).text().filter("warn,my_crate=info").with_location();
/// # drop(sink);
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
#[must_use = "a sink does nothing before it is given to a builder"]
pub struct Sink {
    /// What it is: a file, standard output, or standard error.
    kind: Kind,
    /// Whether it is written to. One that is switched off is as if it were not there.
    #[serde(default = "enabled", skip_serializing_if = "is_enabled")]
    enabled: bool,
    /// The path of a file. Missing directories are created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<PathBuf>,
    /// What of that which is captured it takes, in the syntax of RUST_LOG; a directive by span, such
    /// as "[request{user=42}]=debug", has what it wants captured too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) level: Option<String>,
    /// What a line looks like: the name of a shape, or a table with more.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) format: Format,
    /// The mode of new files, in octal.
    #[serde(with = "units", default, skip_serializing_if = "Mode::is_default")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::mode")
    )]
    mode: Mode,
    /// When a file ends and the next one begins.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) rotation: Rotation,
    /// Which of the files that have ended are removed.
    #[serde(default, skip_serializing_if = "is_default")]
    retention: Retention,
    /// How files that have ended are compressed. By default they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compression: Option<Compression>,
    /// When a file is forced to the disk.
    #[serde(default, skip_serializing_if = "is_default")]
    sync: SyncPolicy,
    /// A writer, or memory: the thing itself.
    #[serde(skip)]
    live: Option<Live>,
    /// Until it is among the other sinks.
    #[serde(skip)]
    name: Option<String>,
}

fn enabled() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like this")]
fn is_enabled(enabled: &bool) -> bool {
    *enabled
}

/// What a sink is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    File,
    Stdout,
    Stderr,
    /// A program's own, which no text can describe.
    #[serde(skip_deserializing)]
    Writer,
    #[serde(skip_deserializing)]
    Memory,
}

impl Kind {
    /// What a file may say.
    #[cfg(feature = "config")]
    pub(super) const OF_FILES: [&str; 3] = ["file", "stdout", "stderr"];

    /// As a configuration file calls it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Kind::File => "file",
            Kind::Stdout => "stdout",
            Kind::Stderr => "stderr",
            Kind::Writer => "writer",
            Kind::Memory => "memory",
        }
    }
}

impl Sink {
    /// A file, which is appended to. Missing directories are created; a new file gets the mode
    /// 0640, see [`mode`](Sink::mode). Relative paths are resolved once, when the pipeline starts.
    ///
    /// Any number of processes may write to one file: each batch is written under a lock of the
    /// file (`flock`), and only whole lines ever are in it, also after an error in the midst of a
    /// line. If it ends within one all the same, as a kill may leave it, the next record begins a
    /// new one.
    ///
    /// A file that somebody renames, removes or replaces is noticed with the next record, which goes
    /// to the file that the path names by then; one that is missing for 100 ms is created. If the
    /// directory is gone it is created, too. A file that somebody truncates goes on at its new end;
    /// what logrotate's `copytruncate` copies may end within a line, and what is written between its
    /// copy and its truncation is lost, as ever.
    ///
    /// A program that gives up its privileges goes on in the file that it has open, as long as that
    /// need not be opened anew. One that changes its root directory (`chroot`) takes the path along: what it
    /// logs from then on goes to a file of that path below the new root, which is created there with its
    /// directories.
    ///
    /// A symbolic link in place of the file is followed if it belongs to this user or root, and lies
    /// in a directory that belongs to one of them and that nobody else may write to. A FIFO is opened once it has a reader;
    /// until then records wait.
    ///
    /// ```
    /// let sink = offloop::Sink::file("logs/app.jsonl");
    /// # drop(sink);
    /// ```
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Sink {
            path: Some(path.into()),
            ..Sink::new(Kind::File)
        }
    }

    /// Standard output.
    ///
    /// A pipe there may be shared with other processes, so each write to it holds whole lines and
    /// is at most `PIPE_BUF` (4096 on Linux) bytes long, which the system keeps in one piece; only
    /// a line longer than that may be torn by another process. A reader that stops reading stops
    /// nobody. Once nobody can read the pipe any more, as behind `program | head`, records are lost and
    /// [counted](crate::LossReason::Io) at once; a FIFO, which somebody may open again, is waited for.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().text();
    /// # drop(sink);
    /// ```
    pub fn stdout() -> Self {
        Sink::new(Kind::Stdout)
    }

    /// Standard error. As [`stdout`](Sink::stdout) otherwise.
    ///
    /// ```
    /// let sink = offloop::Sink::stderr().text().filter("error");
    /// # drop(sink);
    /// ```
    pub fn stderr() -> Self {
        Sink::new(Kind::Stderr)
    }

    /// Any writer, such as an appender of tracing-appender. It is called on one thread at a
    /// time, with whole lines, and flushed whenever nothing more waits. That thread is its writer
    /// thread; after a shutdown it is whichever thread logs or flushes.
    ///
    /// An error means that nothing of the call was taken: the same bytes are offered again. If it
    /// panics, the batch that it was given is counted as lost. In a forked child it is not used
    /// (its state there is unknown): records of the child are counted as lost for this sink.
    ///
    /// ```
    /// let sink = offloop::Sink::writer(std::io::sink());
    /// # drop(sink);
    /// ```
    pub fn writer(writer: impl io::Write + Send + 'static) -> Self {
        Sink {
            live: Some(Live::writer(Box::new(writer))),
            ..Sink::new(Kind::Writer)
        }
    }

    /// Memory, for tests. See [`Memory`].
    ///
    /// ```
    /// let memory = offloop::Memory::new();
    /// let sink = offloop::Sink::memory(&memory);
    /// # drop(sink);
    /// ```
    pub fn memory(memory: &Memory) -> Self {
        Sink {
            live: Some(Live::Memory(memory.clone())),
            ..Sink::new(Kind::Memory)
        }
    }

    /// Sets which of the captured records this sink takes, in the syntax of `RUST_LOG`: `warn`,
    /// `info,hyper=error`, `info,[request{user=42}]=debug`. By default all.
    ///
    /// By level and target it takes a part of what the [filter](crate::Builder::filter) lets in. A directive
    /// by span (in brackets) lets in what it wants itself, whatever that filter says, and for this
    /// sink alone: as long as there is one, every event that the filter leaves out is asked for anew, up
    /// to the level of the directive. What `RUST_LOG` says takes the place of the filter, not of this.
    ///
    /// A directive by span goes by the spans that the thread is in where it logs, and by the values that
    /// their fields have in the record. So a field that is [redacted](crate::Redaction) by its name, or
    /// cut, is compared as it is logged. The spans themselves are open for all sinks, even if
    /// their own level is not: others may show them around the records that they take. A request that
    /// has no span of `tracing` counts as one named `request`, with `request_id`, `trace_id` and
    /// `span_id`, but lets in nothing that is not captured anyway. What such a directive lets in is not
    /// kept as [detail](crate::Builder::request_detail) for others.
    ///
    /// ```
    /// let sink = offloop::Sink::stderr().filter("warn,[request{user=42}]=debug");
    /// # drop(sink);
    /// ```
    pub fn filter(mut self, directives: impl Into<String>) -> Self {
        self.level = Some(directives.into());
        self
    }

    /// Sets whether the sink is written to; by default it is. One that is switched off is as if it were
    /// not there: nothing is opened for it, and nothing waits for it. So an environment leaves out
    /// what is described for all (`sinks.debug.enabled = false`), and a
    /// [reload](crate::Guard::reload) switches a sink on for a while.
    ///
    /// ```
    /// let sink = offloop::Sink::file("logs/debug.jsonl").filter("debug").enabled(false);
    /// # drop(sink);
    /// ```
    pub fn enabled(mut self, is_enabled: bool) -> Self {
        self.enabled = is_enabled;
        self
    }

    /// Names the sink, as the table of a configuration file does: `[sinks.main]`. Of two sinks with
    /// one name, the one that was added last takes the place of the other. [`SinkStats`](crate::SinkStats)
    /// and the log's own reports of sinks call it so; a [reload](crate::Guard::reload) may rename it.
    ///
    /// By default it is called after its kind: `file`, `stdout`, `stderr`, `writer` or `memory`, and
    /// the second of a kind `file-2`.
    ///
    /// ```
    /// let sink = offloop::Sink::file("logs/app.jsonl").named("main");
    /// # drop(sink);
    /// ```
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.enabled
    }

    pub(super) fn directives(&self) -> Option<&str> {
        self.level.as_deref()
    }

    /// Whether it has what no file can hold.
    pub(super) fn is_live(&self) -> bool {
        self.live.is_some()
    }

    pub(super) fn shares_live(&self, other: &Sink) -> bool {
        self.live == other.live
    }

    /// The name that it was given, which is kept beside it from now on.
    pub(super) fn take_name(&mut self) -> Option<String> {
        self.name.take()
    }

    fn new(kind: Kind) -> Self {
        Sink {
            kind,
            enabled: true,
            path: None,
            level: None,
            format: Format::default(),
            mode: Mode::default(),
            rotation: Rotation::default(),
            retention: Retention::default(),
            compression: None,
            sync: SyncPolicy::Never,
            live: None,
            name: None,
        }
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sink")
            .field("kind", &self.kind)
            .field("enabled", &self.enabled)
            .field("path", &self.path)
            .field("level", &self.level)
            .field("format", &self.format)
            .field("mode", &self.mode)
            .field("rotation", &self.rotation)
            .field("retention", &self.retention)
            .field("compression", &self.compression)
            .field("sync", &self.sync)
            .finish_non_exhaustive()
    }
}
