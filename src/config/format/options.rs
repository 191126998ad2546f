//! What a format may be told, each option a type.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::is_default;

/// What a table in a file may say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
pub(crate) struct Options {
    /// What a line looks like at large.
    pub(crate) shape: Shape,
    /// New names, by the old ones.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) keys: BTreeMap<String, String>,
    /// Which parts come first, in this order.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) order: Vec<Part>,
    /// How the spans around a record are shown.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) spans: SpanStyle,
    /// How exact time stamps are.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) precision: Option<Precision>,
    /// The zone of time stamps: of the IANA database, or an offset such as "+02:00". By default UTC.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) zone: Option<String>,
    /// Fields that are the same in every line of the sink.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) fields: BTreeMap<String, FieldValue>,
    /// Whether lines for people are coloured.
    #[serde(skip_serializing_if = "is_default", alias = "color")]
    pub(crate) colour: Colour,
    /// Whether lines tell the thread.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) thread: bool,
    /// Whether lines tell file and line of the macro.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) location: bool,
    /// Whether lines tell the process.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) process: bool,
    /// Whether lines are numbered.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) sequence: bool,
}

/// What the other options are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    pub(super) fn name(self) -> String {
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    untagged,
    expecting = "found a list or a table. Allowed: a text, a number, true, false"
)]
#[non_exhaustive]
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
