//! How lines look, as the user says it.

use std::collections::BTreeMap;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::error::Error;
use crate::format::timestamp::Zone;

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

/// What a table in a file may say.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
pub(crate) struct Options {
    pub(crate) shape: Shape,
    /// New names, by the old ones.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) keys: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) order: Vec<Part>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) spans: SpanStyle,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) precision: Option<Precision>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) zone: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) fields: BTreeMap<String, FieldValue>,
    #[serde(skip_serializing_if = "is_default", alias = "color")]
    pub(crate) colour: Colour,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) thread: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) location: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) process: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) sequence: bool,
}

/// What the other options are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shape {
    #[default]
    Json,
    OpenTelemetry,
    Ecs,
    GoogleCloud,
    Datadog,
    Bunyan,
    Pino,
    Logfmt,
    Text,
    Compact,
    Pretty,
    CommonLog,
    CombinedLog,
}

impl Shape {
    /// As files call it.
    fn name(self) -> String {
        let quoted = serde_json::to_string(&self).unwrap_or_default();
        quoted.trim_matches('"').to_owned()
    }
}

/// Whether lines for people are coloured.
///
/// ```
/// use offloop::{Colour, Format, Sink};
///
/// let sink = Sink::stderr().format(Format::text().colour(Colour::Never));
/// # drop(sink);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    /// If the sink is a terminal that is not `dumb`; the environment variables `NO_COLOR` and
    /// `CLICOLOR_FORCE` overrule that.
    #[default]
    Auto,
    /// Even in a file.
    Always,
    /// Not even on a terminal.
    Never,
}

/// How the spans around a record are shown.
///
/// Whichever it is, the ids of the request that a record belongs to (see
/// [`request`](crate::request)) stand beside the record's own fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanStyle {
    /// Their fields stand beside the record's own, `spans` has their names, outermost first.
    #[default]
    Flat,
    /// `span` is an object with the `name` of the innermost span and its fields, and the span around
    /// it as its `parent`. For shapes that are JSON objects.
    Nested,
    /// `spans` is a list of objects, outermost first, each with the span's `name` and its fields. For
    /// shapes that are JSON objects.
    List,
    /// Not at all.
    None,
}

/// How exact time stamps are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Precision {
    /// `2026-11-22T01:02:03Z`
    #[serde(rename = "s")]
    Seconds,
    /// `2026-11-22T01:02:03.123Z`
    #[serde(rename = "ms")]
    Milliseconds,
    /// `2026-11-22T01:02:03.123456Z`
    #[serde(rename = "us")]
    Microseconds,
    /// `2026-11-22T01:02:03.123456789Z`
    #[serde(rename = "ns")]
    Nanoseconds,
}

/// A part of a line that has a place of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The time stamp.
    Timestamp,
    /// The level.
    Level,
    /// The target.
    Target,
    /// The message, if there is one.
    Message,
    /// The event's fields, those of the spans, and the spans.
    Fields,
    /// The thread, if it is asked for.
    Thread,
    /// File and line of the macro, if they are asked for.
    Location,
    /// The process, if it is asked for.
    Process,
    /// The fields that are the same in every line.
    Constants,
    /// The number of the line, if it is asked for.
    Sequence,
}

impl Part {
    /// Whether a line may begin with it.
    pub(crate) fn is_in_every_line(self) -> bool {
        matches!(
            self,
            Part::Timestamp | Part::Level | Part::Target | Part::Message
        )
    }
}

/// The value of a field that is the same in every line. Made by `From` from numbers, booleans and
/// strings.
///
/// ```
/// use offloop::FieldValue;
///
/// assert_eq!(FieldValue::from("api"), FieldValue::Text("api".to_owned()));
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum FieldValue {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A floating-point number.
    Float(f64),
    /// A string.
    Text(String),
}

impl From<bool> for FieldValue {
    fn from(value: bool) -> Self {
        FieldValue::Bool(value)
    }
}

impl From<i64> for FieldValue {
    fn from(value: i64) -> Self {
        FieldValue::Integer(value)
    }
}

impl From<f64> for FieldValue {
    fn from(value: f64) -> Self {
        FieldValue::Float(value)
    }
}

impl From<&str> for FieldValue {
    fn from(value: &str) -> Self {
        FieldValue::Text(value.to_owned())
    }
}

impl From<String> for FieldValue {
    fn from(value: String) -> Self {
        FieldValue::Text(value)
    }
}

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

    /// Gives a key another name: one of the format's own (by what [`Format::json`] calls it:
    /// `timestamp`, `level`, `target`, `message`, `spans`, `thread`, `file`, `line`, `pid`, `seq`,
    /// `cut`, `recovered`) or that of a field. Without effect on lines for people and access logs.
    ///
    /// ```
    /// let format = offloop::Format::json().key("timestamp", "ts").key("user", "user.id");
    /// # drop(format);
    /// ```
    pub fn key(mut self, old: impl Into<String>, new: impl Into<String>) -> Self {
        self.0.keys.insert(old.into(), new.into());
        self
    }

    /// Sets which parts come first, in this order. The others follow as they would have stood.
    /// By default all stand as the shape has them. The first must be one that every line has: time
    /// stamp, level, target or message. For shapes that are JSON objects, and logfmt.
    ///
    /// ```
    /// use offloop::{Format, Part};
    ///
    /// let format = Format::json().order([Part::Level, Part::Timestamp, Part::Message]);
    /// # drop(format);
    /// ```
    pub fn order(mut self, parts: impl IntoIterator<Item = Part>) -> Self {
        self.0.order = parts.into_iter().collect();
        self
    }

    /// Sets how spans are shown. Defaults to [`SpanStyle::Flat`].
    ///
    /// ```
    /// let format = offloop::Format::json().spans(offloop::SpanStyle::List);
    /// # drop(format);
    /// ```
    pub fn spans(mut self, style: SpanStyle) -> Self {
        self.0.spans = style;
        self
    }

    /// Sets how exact time stamps are. Defaults to what the shape has, mostly microseconds. Not for
    /// shapes whose time is a number.
    ///
    /// ```
    /// let format = offloop::Format::json().precision(offloop::Precision::Milliseconds);
    /// # drop(format);
    /// ```
    pub fn precision(mut self, precision: Precision) -> Self {
        self.0.precision = Some(precision);
        self
    }

    /// Sets whose clocks time stamps show: `UTC`, an offset (`+02:00`), or with the feature
    /// `time-zones` a zone of the IANA database (`Europe/Berlin`). Defaults to UTC. Time stamps keep
    /// their offset from UTC beside them, so that they stay instants. Not for shapes whose time is a
    /// number.
    ///
    /// A zone that is not known is an [`Error::TimeZone`] when the pipeline is built.
    ///
    /// ```
    /// let format = offloop::Format::text().zone("+02:00");
    /// # drop(format);
    /// ```
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.0.zone = Some(zone.into());
        self
    }

    /// Adds a field that is the same in every line, such as the service's name and version. The shapes
    /// that have names of their own for `service`, `version`, `host` and `environment` use these.
    ///
    /// ```
    /// let format = offloop::Format::ecs().field("service", "api").field("version", "1.4.0");
    /// # drop(format);
    /// ```
    pub fn field(mut self, name: impl Into<String>, value: impl Into<FieldValue>) -> Self {
        self.0.fields.insert(name.into(), value.into());
        self
    }

    /// Adds fields that are the same in every line of all sinks. Its own win, and access logs have
    /// no place for any.
    pub(crate) fn with_common_fields(mut self, fields: &BTreeMap<String, FieldValue>) -> Self {
        if self.is_access_log() {
            return self;
        }
        for (name, value) in fields {
            let value = || value.clone();
            self.0.fields.entry(name.clone()).or_insert_with(value);
        }
        self
    }

    /// Sets whether lines for people are coloured. Defaults to [`Colour::Auto`]. Without effect on
    /// lines for programs.
    ///
    /// ```
    /// let format = offloop::Format::text().colour(offloop::Colour::Always);
    /// # drop(format);
    /// ```
    pub fn colour(mut self, colour: Colour) -> Self {
        self.0.colour = colour;
        self
    }

    /// Adds the thread's name to each record, or its number where it has none.
    ///
    /// ```
    /// let format = offloop::Format::json().with_thread();
    /// # drop(format);
    /// ```
    pub fn with_thread(mut self) -> Self {
        self.0.thread = true;
        self
    }

    /// Adds file and line of the macro to each record.
    ///
    /// ```
    /// let format = offloop::Format::json().with_location();
    /// # drop(format);
    /// ```
    pub fn with_location(mut self) -> Self {
        self.0.location = true;
        self
    }

    /// Adds the number of the process that wrote the line, so that processes which write to one
    /// file can be told apart. A forked child writes its own.
    ///
    /// ```
    /// let format = offloop::Format::json().with_process();
    /// # drop(format);
    /// ```
    pub fn with_process(mut self) -> Self {
        self.0.process = true;
        self
    }

    /// Numbers the lines, so that a reader can prove that none is missing between two.
    ///
    /// The numbers of a sink begin at 1 whenever the pipeline starts, in a forked child too, and
    /// grow by one with each line, the pipeline's own notices among them. A line that is written
    /// again after an error keeps its number. One that is given up on leaves a gap. Records that
    /// the sink's filter keeps away, or that find no room, are no lines and have no number. Where
    /// several processes write to one file, [`with_process`](Format::with_process) says whose number
    /// it is.
    ///
    /// ```
    /// let format = offloop::Format::json().with_sequence().with_process();
    /// # drop(format);
    /// ```
    pub fn with_sequence(mut self) -> Self {
        self.0.sequence = true;
        self
    }

    /// Everything about it that cannot be, each with what to do.
    pub(crate) fn problems(&self) -> Vec<Error> {
        let zone = self.0.zone.as_deref();
        let zone = zone.filter(|zone| Zone::parse(zone).is_none());
        let zone = zone.map(|zone| Error::TimeZone {
            name: zone.to_owned(),
        });
        zone.into_iter().chain(self.misfits()).collect()
    }

    /// Options that do not go with the shape.
    fn misfits(&self) -> impl Iterator<Item = Error> {
        use Shape::{
            Bunyan, CombinedLog, CommonLog, Datadog, Ecs, GoogleCloud, Json, Logfmt, OpenTelemetry,
            Pino,
        };
        let (shape, options) = (self.0.shape, &self.0);
        let is_object = matches!(shape, Json | Ecs | GoogleCloud | Datadog | Bunyan | Pino);
        let has_number = matches!(shape, OpenTelemetry | Pino);
        let is_access_log = matches!(shape, CommonLog | CombinedLog);
        let is_structured = matches!(options.spans, SpanStyle::Nested | SpanStyle::List);
        let first = options.order.first();
        let begins_ill = first.is_some_and(|first| !first.is_in_every_line());
        let misfits = [
            (
                is_structured && !is_object,
                "spans",
                "only a JSON object can be nested: choose \"flat\" or \"none\"",
            ),
            (
                has_number && (options.precision.is_some() || options.zone.is_some()),
                "precision",
                "its time is a number: leave out precision and zone",
            ),
            (
                !options.order.is_empty() && !is_object && shape != Logfmt,
                "order",
                "its parts have fixed places: leave it out",
            ),
            (
                begins_ill,
                "order",
                "begin with what every line has: timestamp, level, target or message",
            ),
            (
                is_access_log && *self != Format::shaped(shape).colour(options.colour),
                "options",
                "an access log has no place for any: leave them out",
            ),
        ];
        let found = misfits.into_iter().filter(|(is_so, ..)| *is_so);
        found.map(move |(_, option, remedy)| Error::FormatOption {
            shape: shape.name(),
            option,
            remedy,
        })
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

    /// What is told of it to who reads the pages of a dead process.
    pub(crate) fn told(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What a dead process told of it. Nobody vouches for that: what cannot be read is the default.
    pub(crate) fn from_told(told: &str) -> Self {
        serde_json::from_str(told).unwrap_or_default()
    }
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Format::shaped(self.0.shape) {
            self.0.shape.serialize(serializer)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EitherForm)
    }
}

struct EitherForm;

impl<'de> Visitor<'de> for EitherForm {
    type Value = Format;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the name of a format's shape, or a table with its `shape`")
    }

    fn visit_str<E: serde::de::Error>(self, shape: &str) -> Result<Format, E> {
        let shape = serde::de::value::StrDeserializer::<E>::new(shape);
        Shape::deserialize(shape).map(Format::shaped)
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Format, A::Error> {
        Options::deserialize(MapAccessDeserializer::new(table)).map(Format)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_reads_in_both_forms_and_is_written_in_the_short_one_where_it_can_be() {
        for (text, expected) in [
            (r#""json""#, Format::json()),
            (r#""combined_log""#, Format::combined_log()),
            (
                r#"{"shape":"text","thread":true}"#,
                Format::text().with_thread(),
            ),
        ] {
            assert_eq!(serde_json::from_str::<Format>(text).unwrap(), expected);
            assert_eq!(serde_json::to_string(&expected).unwrap(), text);
        }
        let long: Format = serde_json::from_str(r#"{"shape":"text"}"#).unwrap();
        assert_eq!(long, Format::text());
    }

    #[test]
    fn what_is_unknown_is_named() {
        for (text, named) in [
            (r#""xml""#, "`xml`"),
            (r#"{"shape":"xml"}"#, "`xml`"),
            (r#"{"shap":"json"}"#, "`shap`"),
            ("3", "a format's shape"),
        ] {
            let error = serde_json::from_str::<Format>(text).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    #[test]
    fn what_a_dead_process_told_is_not_believed() {
        let format = Format::text().with_sequence();
        assert_eq!(Format::from_told(&format.told()), format);
        for damaged in ["", "nonsense", r#"{"shape":"#, r#"{"other":1}"#] {
            assert_eq!(Format::from_told(damaged), Format::json());
        }
    }
}
