//! A sink as the builder is given it: where records go, in which format, and which of them.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;

use super::format::Shape;
use super::{Colour, Format, Rotation};
use crate::drain::sync::SyncPolicy;
use crate::error::Error;
use crate::filter::SinkFilter;
use crate::format::colour;
use crate::pipeline::SinkPlan;
use crate::sink::{Compression, FilePlan, Memory, Retention, Target};

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
    format: Format,
    directives: Option<String>,
    rotation: Rotation,
    sync: SyncPolicy,
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
    /// need not be opened anew.
    ///
    /// A symbolic link in place of the file is followed if it belongs to this user or root and lies
    /// in a directory that is not writable for everybody. A FIFO is opened once it has a reader;
    /// until then records wait.
    ///
    /// ```
    /// let sink = offloop::Sink::file("logs/app.jsonl");
    /// # drop(sink);
    /// ```
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Sink::new(Target::File(FilePlan::new(path.into())))
    }

    /// Standard output.
    ///
    /// A pipe there may be shared with other processes, so each write to it holds whole lines and
    /// is at most `PIPE_BUF` (4096 on Linux) bytes long, which the system keeps in one piece; only
    /// a line longer than that may be torn by another process. A reader that stops reading stops
    /// nobody.
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

    /// Sets how lines look. Defaults to [`Format::json`].
    ///
    /// ```
    /// use offloop::{Format, Sink};
    ///
    /// let sink = Sink::stdout().format(Format::json().with_location());
    /// # drop(sink);
    /// ```
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Writes one JSON object a line, as [`Format::json`] says. This is the default.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().json();
    /// # drop(sink);
    /// ```
    pub fn json(self) -> Self {
        self.shape(Shape::Json)
    }

    /// Writes one line of text for people, as [`Format::text`] says.
    ///
    /// ```
    /// let sink = offloop::Sink::stderr().text();
    /// # drop(sink);
    /// ```
    pub fn text(self) -> Self {
        self.shape(Shape::Text)
    }

    /// Writes an access log as web servers do, as [`Format::common_log`] says.
    ///
    /// ```
    /// let sink = offloop::Sink::file("logs/access.log").common_log();
    /// # drop(sink);
    /// ```
    pub fn common_log(self) -> Self {
        self.shape(Shape::CommonLog)
    }

    /// The same with more, as [`Format::combined_log`] says.
    ///
    /// ```
    /// let sink = offloop::Sink::file("logs/access.log").combined_log();
    /// # drop(sink);
    /// ```
    pub fn combined_log(self) -> Self {
        self.shape(Shape::CombinedLog)
    }

    fn shape(mut self, shape: Shape) -> Self {
        self.format = self.format.with_shape(shape);
        self
    }

    /// Sets the mode of files that this sink creates, less what the umask takes away. Defaults to
    /// 0640: read and write for the owner, read for the group. A file that exists keeps its mode.
    /// Without effect on sinks that are no files.
    ///
    /// ```
    /// let sink = offloop::Sink::file("logs/app.jsonl").mode(0o600);
    /// # drop(sink);
    /// ```
    pub fn mode(mut self, mode: u32) -> Self {
        if let Target::File(plan) = &mut self.target {
            plan.mode = mode & 0o777;
        }
        self
    }

    /// Adds the thread's name to each record, as [`Format::with_thread`] says.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().with_thread();
    /// # drop(sink);
    /// ```
    pub fn with_thread(mut self) -> Self {
        self.format = self.format.with_thread();
        self
    }

    /// Adds file and line of the macro to each record, as [`Format::with_location`] says.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().with_location();
    /// # drop(sink);
    /// ```
    pub fn with_location(mut self) -> Self {
        self.format = self.format.with_location();
        self
    }

    /// Adds the number of the process that wrote the line, as [`Format::with_process`] says.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().with_process();
    /// # drop(sink);
    /// ```
    pub fn with_process(mut self) -> Self {
        self.format = self.format.with_process();
        self
    }

    /// Numbers the lines, as [`Format::with_sequence`] says.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().with_sequence();
    /// # drop(sink);
    /// ```
    pub fn with_sequence(mut self) -> Self {
        self.format = self.format.with_sequence();
        self
    }

    /// Sets which of the captured records this sink takes, by level and target: `warn`,
    /// `info,hyper=error`. By default all.
    ///
    /// ```
    /// let sink = offloop::Sink::stderr().filter("warn");
    /// # drop(sink);
    /// ```
    pub fn filter(mut self, directives: impl Into<String>) -> Self {
        self.directives = Some(directives.into());
        self
    }

    /// Sets when a file ends and the next begins. By default only on demand. Without effect on sinks
    /// that are no files.
    ///
    /// ```
    /// use offloop::{Rotation, Sink};
    ///
    /// let sink = Sink::file("logs/app.jsonl").rotation(Rotation::daily().at_bytes(256 << 20));
    /// # drop(sink);
    /// ```
    pub fn rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = rotation;
        self
    }

    /// Sets which old files are kept. By default all. Without effect on sinks that are no files.
    ///
    /// ```
    /// use offloop::{Retention, Rotation, Sink};
    ///
    /// let sink = Sink::file("logs/app.jsonl")
    ///     .rotation(Rotation::daily())
    ///     .retention(Retention::all().files_max(30));
    /// # drop(sink);
    /// ```
    pub fn retention(mut self, retention: Retention) -> Self {
        if let Target::File(plan) = &mut self.target {
            plan.care.retention = retention;
        }
        self
    }

    /// Has old files compressed. By default they stay as they are. Without effect on sinks that
    /// are no files.
    ///
    /// ```
    /// use offloop::{Compression, Rotation, Sink};
    ///
    /// let sink = Sink::file("logs/app.jsonl")
    ///     .rotation(Rotation::daily())
    ///     .compression(Compression::Gzip);
    /// # drop(sink);
    /// ```
    pub fn compression(mut self, compression: Compression) -> Self {
        if let Target::File(plan) = &mut self.target {
            plan.care.compression = Some(compression);
        }
        self
    }

    /// Sets when lines are forced to the disk. Defaults to [`SyncPolicy::Never`]: only on request.
    ///
    /// If a sync fails, the system may have lost any of the lines since the last one, and would not
    /// say so a second time. So the file is not written to any more: it is set aside under the name
    /// of an old file (`app.2026-11-22T0330Z.1.jsonl`), and a new one begins with a record
    /// (target `offloop`, message `sync failed`, with the error and the number of `lines`), the
    /// lines since the last sync once more, and another record (`end of lines written again`).
    /// Between these two, and nowhere else, a line may stand that another file has as well.
    /// With `Never`, lines are not kept, so there are none to write again. Whoever waits for
    /// one of these lines to be on the disk is given an error. Where files cannot be renamed, since
    /// the directory is read-only or the file is mounted on its own, all of that is written to the
    /// same file after a second, and is [said](crate::Builder::on_error): a directory that refuses
    /// the one refuses new files as well, or keeps them where nobody looks. What was written before
    /// the failed sync is not believed even then.
    ///
    /// A sink without a disk of its own does not care: standard output, a FIFO, a writer, memory.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let every_second = offloop::SyncPolicy::Every(Duration::from_secs(1));
    /// let sink = offloop::Sink::file("logs/app.jsonl").sync(every_second);
    /// # drop(sink);
    /// ```
    pub fn sync(mut self, policy: SyncPolicy) -> Self {
        self.sync = policy;
        self
    }

    fn new(target: Target) -> Self {
        Sink {
            target,
            format: Format::default(),
            directives: None,
            rotation: Rotation::default(),
            sync: SyncPolicy::Never,
        }
    }

    pub(super) fn plan(mut self) -> Result<SinkPlan, Error> {
        if let Some(problem) = self.format.problems().into_iter().next() {
            return Err(problem);
        }
        let rotation = self.rotation.rules()?;
        match &mut self.target {
            Target::File(plan) => plan.rotation = rotation,
            // There is nothing that lines would have to be kept for.
            _ => self.sync = SyncPolicy::Never,
        }
        let filter = self
            .directives
            .as_deref()
            .map(SinkFilter::parse)
            .transpose()?;
        let format = settle_colour(self.format, self.target.is_terminal());
        Ok(SinkPlan {
            target: self.target,
            filter: filter.unwrap_or_default().for_format(&format),
            format,
            sync: self.sync,
            directives: self.directives,
        })
    }
}

/// What the terminal and the environment have to do with a format: nothing, from here on.
fn settle_colour(format: Format, is_terminal: bool) -> Format {
    if format.options().colour != Colour::Auto {
        return format;
    }
    let is_wanted = colour::is_wanted(is_terminal, |name| std::env::var_os(name));
    format.colour(if is_wanted {
        Colour::Always
    } else {
        Colour::Never
    })
}

impl fmt::Debug for Sink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sink")
            .field("format", &self.format)
            .field("directives", &self.directives)
            .field("rotation", &self.rotation)
            .field("sync", &self.sync)
            .finish_non_exhaustive()
    }
}
