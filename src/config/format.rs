//! How lines look, as the user says it.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::error::Error;

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
    #[serde(skip_serializing_if = "is_default")]
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
    Text,
    CommonLog,
    CombinedLog,
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
        Vec::new()
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
