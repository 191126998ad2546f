//! How lines look, as the user says it.

mod check;
#[cfg(feature = "config")]
mod defaults;
mod forms;
mod options;
mod setters;

#[cfg(feature = "config")]
pub(super) use self::defaults::Defaults;
pub use self::options::{Colour, FieldValue, Part, Precision, SpanStyle};
pub(crate) use self::options::{Options, Shape};

/// How the lines of a sink look: their shape, and what is told beside a record's own content.
///
/// In a file the name of the shape will do, `format = "json"`, or a table has it with the options:
/// `format = { shape = "json", thread = true }`. It is written in the short form where it can be.
///
/// ```
/// use offloop::{Format, Sink};
///
/// let sink = Sink::file("logs/app.jsonl").format(Format::json().with_thread().with_location());
/// # drop(sink);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "a format does nothing before it is given to a sink"]
pub struct Format(Options);

impl Format {
    fn shaped(shape: Shape) -> Self {
        Format(Options {
            shape,
            ..Options::default()
        })
    }

    /// One flat JSON object a line. This is the default.
    ///
    /// The object has `timestamp` (RFC 3339, UTC, microseconds), `level`, `target`, `message`, the
    /// event's fields with their types, the fields of the spans (the event's own win, then the
    /// innermost span's), `spans` (names, outermost first), and on request `thread`, `file`, `line`,
    /// `pid` and `seq`. No key comes twice: a field that is called like one of these is kept as
    /// `fields.<name>`. 128-bit numbers that do not fit 64 bits are strings of digits, NaN and
    /// infinities are strings, bytes are hexadecimal, an error is the list of its messages,
    /// outermost first. A record of which something was cut has `"cut":true`, one that a process
    /// left behind when it died `"recovered":true`.
    ///
    /// ```
    /// assert_eq!(offloop::Format::json(), offloop::Format::default());
    /// ```
    pub fn json() -> Self {
        Format::shaped(Shape::Json)
    }

    /// A log record of [OpenTelemetry's data
    /// model](https://opentelemetry.io/docs/specs/otel/logs/data-model/) a line, in the
    /// [JSON encoding of OTLP](https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): the
    /// object that stands in `logRecords` there.
    ///
    /// `timeUnixNano`, `severityNumber`, `severityText`, `body`, `traceId` and `spanId` (those of the
    /// request, see [`request`](crate::request), or whatever field is called `trace_id` and `span_id`
    /// and is one), then `attributes`: the target, the fields of the event and of its spans with their
    /// types, the names of the `spans`; on request `thread.name`, `code.file.path`, `code.line.number`,
    /// `process.pid` and `seq`. `service`, `version`, `host` and `environment` are `service.name`,
    /// `service.version`, `host.name` and `deployment.environment.name`.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().format(offloop::Format::open_telemetry());
    /// # drop(sink);
    /// ```
    pub fn open_telemetry() -> Self {
        Format::shaped(Shape::OpenTelemetry)
    }

    /// A JSON object a line with the names of the
    /// [Elastic Common Schema](https://www.elastic.co/docs/reference/ecs), as
    /// [ECS logging](https://github.com/elastic/ecs-logging/blob/main/spec/spec.json) has it:
    /// `@timestamp`, `log.level`, `message`, `ecs.version`, `log.logger`; on request
    /// `process.thread.name`, `log.origin.file.name`, `log.origin.file.line`, `process.pid` and
    /// `event.sequence`.
    ///
    /// The ids of the request are `trace.id`, `span.id` and `http.request.id`; an `error` is
    /// `error.message`, its chain in one string. A field whose name ECS has for an object, like `user`,
    /// would spoil an index: it is `labels.user`. `service`, `version`, `host` and `environment` are
    /// `service.name`, `service.version`, `host.name` and `service.environment`.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().format(offloop::Format::ecs());
    /// # drop(sink);
    /// ```
    pub fn ecs() -> Self {
        Format::shaped(Shape::Ecs)
    }

    /// A JSON object a line as Google Cloud's agents and platforms understand it: [structured
    /// logging](https://cloud.google.com/logging/docs/structured-logging).
    ///
    /// `time`, `severity`, `message`; `logging.googleapis.com/trace` and `logging.googleapis.com/spanId`
    /// of the request; on request `logging.googleapis.com/sourceLocation`; constant fields as
    /// `logging.googleapis.com/labels`. The record of a request has its
    /// [`httpRequest`](https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#HttpRequest).
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().format(offloop::Format::google_cloud());
    /// # drop(sink);
    /// ```
    pub fn google_cloud() -> Self {
        Format::shaped(Shape::GoogleCloud)
    }

    /// A JSON object a line with Datadog's
    /// [reserved and standard attributes](https://docs.datadoghq.com/standard-attributes/): `timestamp`,
    /// `status`, `logger.name`, `message`; `dd.trace_id` and `dd.span_id` of the request, as
    /// [the decimal numbers](https://docs.datadoghq.com/tracing/other_telemetry/connect_logs_and_traces/opentelemetry/)
    /// that Datadog makes of them; on request `logger.thread_name`. An `error` is `error.message`, its
    /// chain in one string. `environment` is `env`.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().format(offloop::Format::datadog());
    /// # drop(sink);
    /// ```
    pub fn datadog() -> Self {
        Format::shaped(Shape::Datadog)
    }

    /// A JSON object a line as [bunyan](https://github.com/trentm/node-bunyan#core-fields) writes it:
    /// `name`, `hostname`, `pid`, `level` (10 to 50), `time`, `msg` and `v`; on request `src`.
    ///
    /// The constant fields `service` and `host` are `name` and `hostname`; without them the target and
    /// the system's name of the host are. An `error` is `err`, and every error an object with `message`,
    /// `name` and `stack`.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().format(offloop::Format::bunyan());
    /// # drop(sink);
    /// ```
    pub fn bunyan() -> Self {
        Format::shaped(Shape::Bunyan)
    }

    /// A JSON object a line as [pino](https://github.com/pinojs/pino/blob/main/docs/api.md) writes it, so
    /// that [pino-pretty](https://github.com/pinojs/pino-pretty) reads it: `level` (10 to 50), `time`
    /// (milliseconds), `pid`, `hostname`, `name` and `msg`. Otherwise as
    /// [`bunyan`](Format::bunyan).
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().format(offloop::Format::pino());
    /// # drop(sink);
    /// ```
    pub fn pino() -> Self {
        Format::shaped(Shape::Pino)
    }

    /// One line of [logfmt](https://brandur.org/logfmt): `timestamp=… level=info target=… message="signed
    /// in" user=42`. A flat list of keys and values, values in quotes where they need them.
    ///
    /// The names and their rules are those of [`json`](Format::json). In a key, whatever would end it is
    /// `_`. Errors are one string, bytes hexadecimal, structures JSON.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().format(offloop::Format::logfmt());
    /// # drop(sink);
    /// ```
    pub fn logfmt() -> Self {
        Format::shaped(Shape::Logfmt)
    }

    /// One line of text for people: time, level, target, message, the event's fields, and the spans
    /// with theirs. In colour, see [`colour`](Format::colour).
    ///
    /// Line breaks, control characters and direction marks in data are escaped.
    ///
    /// ```
    /// let sink = offloop::Sink::stderr().format(offloop::Format::text());
    /// # drop(sink);
    /// ```
    pub fn text() -> Self {
        Format::shaped(Shape::Text)
    }

    /// One short line of text for people: time of day, level, target, message, and all fields, those of
    /// the spans behind the event's own. Neither the spans' names nor constant fields.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().format(offloop::Format::compact());
    /// # drop(sink);
    /// ```
    pub fn compact() -> Self {
        Format::shaped(Shape::Compact)
    }

    /// Several lines of text for people, for a terminal in development: what [`text`](Format::text) has,
    /// with each field and span on a line of its own, indented.
    ///
    /// It is the one shape in which a record is not a line. No data can begin a line of its own. Who
    /// greps, splits or counts lines, or writes to one file from several processes, takes another.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().format(offloop::Format::pretty());
    /// # drop(sink);
    /// ```
    pub fn pretty() -> Self {
        Format::shaped(Shape::Pretty)
    }

    /// An access log as web servers write it, in Apache's
    /// [common format](https://httpd.apache.org/docs/2.4/logs.html#common): one line for each
    /// request that a middleware follows (see [`request`](crate::request)), and nothing else.
    ///
    /// The time is that of the request's arrival, in UTC. The status of a request without a response
    /// is 499 where the client went away, 503 at a shutdown and 500 otherwise. Characters that would
    /// break a field or the line are written as `\xHH`. What is lost or recovered is not said in such
    /// a log, and recovered lines have no mark. It has no place for other options.
    ///
    /// ```
    /// let sink = offloop::Sink::file("logs/access.log").format(offloop::Format::common_log());
    /// # drop(sink);
    /// ```
    pub fn common_log() -> Self {
        Format::shaped(Shape::CommonLog)
    }

    /// The same in the [combined format](https://httpd.apache.org/docs/2.4/logs.html#combined): with
    /// the client's program, and the page that led here if
    /// [`request_header("referer")`](crate::request::Options::request_header) is taken.
    ///
    /// ```
    /// let sink = offloop::Sink::file("logs/access.log").format(offloop::Format::combined_log());
    /// # drop(sink);
    /// ```
    pub fn combined_log() -> Self {
        Format::shaped(Shape::CombinedLog)
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0
    }

    /// The same options with another shape.
    pub(crate) fn with_shape(mut self, shape: Shape) -> Self {
        self.0.shape = shape;
        self
    }

    /// Whether it has lines for nothing but the records of requests.
    pub(crate) fn is_access_log(&self) -> bool {
        matches!(self.0.shape, Shape::CommonLog | Shape::CombinedLog)
    }
}
