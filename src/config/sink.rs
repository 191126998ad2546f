//! A sink as the builder is given it: where records go, in which format, and which of them.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;

use crate::error::Error;
use crate::filter::SinkFilter;
use crate::format::json::JsonFormat;
use crate::format::text::TextFormat;
use crate::format::{Details, Format, colour};
use crate::pipeline::SinkPlan;
use crate::sink::{FilePlan, Memory, Target};

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

    /// Writes one JSON object a line. This is the default.
    ///
    /// The object is flat: `timestamp` (RFC 3339, UTC, microseconds), `level`, `target`, `message`,
    /// the event's fields with their types, `spans` (names, outermost first), the fields of the
    /// spans (the event's own win, then the innermost span's), and on request `thread`, `file`,
    /// `line`, `pid` and `seq`. No key comes twice: a field that is called like one of these is kept
    /// as `fields.<name>`. 128-bit numbers that do not fit 64 bits are strings of digits, NaN and
    /// infinities are strings, bytes are hexadecimal, an error is the list of its messages,
    /// outermost first. A record of which something was cut has `"cut":true`, one that a process
    /// left behind when it died `"recovered":true`.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().json();
    /// # drop(sink);
    /// ```
    pub fn json(mut self) -> Self {
        self.shape = Shape::Json;
        self
    }

    /// Writes one line of text for people. In colour if the sink is a terminal that is not
    /// `dumb`; the environment variables `NO_COLOR` and `CLICOLOR_FORCE` overrule that.
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

    /// Adds the number of the process that wrote the line (`pid`), so that processes which write to
    /// one file can be told apart. A forked child writes its own.
    ///
    /// ```
    /// let sink = offloop::Sink::file("logs/app.jsonl").with_process();
    /// # drop(sink);
    /// ```
    pub fn with_process(mut self) -> Self {
        self.details.process = true;
        self
    }

    /// Numbers the lines (`seq`), so that a reader can prove that none is missing between two.
    ///
    /// The numbers of a sink begin at 1 whenever the pipeline starts, in a forked child too, and
    /// grow by one with each line, the pipeline's own notices among them. A line that is written
    /// again after an error keeps its number. One that is given up on leaves a gap. Records that
    /// the sink's filter keeps away, or that find no room, are no lines and have no number. Where
    /// several processes write to one file, [`with_process`](Sink::with_process) says whose number
    /// it is.
    ///
    /// ```
    /// let sink = offloop::Sink::file("logs/app.jsonl").with_sequence().with_process();
    /// # drop(sink);
    /// ```
    pub fn with_sequence(mut self) -> Self {
        self.details.sequence = true;
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

    fn new(target: Target) -> Self {
        Sink {
            target,
            shape: Shape::Json,
            details: Details::default(),
            directives: None,
        }
    }

    pub(super) fn plan(self) -> Result<SinkPlan, Error> {
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
            description: description(shape, details),
            directives: self.directives,
        })
    }
}

/// How lines look, in words.
fn description(shape: Shape, details: Details) -> String {
    let shape = match shape {
        Shape::Json => "json",
        Shape::Text => "text",
    };
    let details = [
        (details.thread, "thread"),
        (details.location, "location"),
        (details.process, "process"),
        (details.sequence, "sequence"),
    ];
    let details = details.iter().filter(|(is_wanted, _)| *is_wanted);
    let words = [shape].into_iter().chain(details.map(|(_, word)| *word));
    words.collect::<Vec<_>>().join(" ")
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
