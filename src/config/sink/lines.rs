//! A sink: how its lines look.

use super::{Shape, Sink};

impl Sink {
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

    /// Writes an access log as web servers do, in Apache's
    /// [common format](https://httpd.apache.org/docs/2.4/logs.html#common): one line for each
    /// request that a middleware follows (see [`request`](crate::request)), and nothing else.
    ///
    /// The time is that of the request's arrival, in UTC. The status of a request without a response
    /// is 499 where the client went away, 503 at a shutdown and 500 otherwise. Characters that would
    /// break a field or the line are written as `\xHH`. What is lost or recovered is not said in such
    /// a log, and recovered lines have no mark.
    ///
    /// ```
    /// let sink = offloop::Sink::file("logs/access.log").common_log();
    /// # drop(sink);
    /// ```
    pub fn common_log(mut self) -> Self {
        self.shape = Shape::CommonLog;
        self
    }

    /// The same in the [combined format](https://httpd.apache.org/docs/2.4/logs.html#combined): with
    /// the client's program, and the page that led here if
    /// [`request_header("referer")`](crate::request::Options::request_header) is taken.
    ///
    /// ```
    /// let sink = offloop::Sink::file("logs/access.log").combined_log();
    /// # drop(sink);
    /// ```
    pub fn combined_log(mut self) -> Self {
        self.shape = Shape::CombinedLog;
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
}
