//! Datadog's [attributes](https://docs.datadoghq.com/standard-attributes/) for logs.

use tracing::Level;

use super::super::LineFormat;
use super::super::keyed::names::Ids;
use super::{ErrorStyle, Json, Shape};
use crate::capture::record::Value;
use crate::config::format::Options;

pub(in crate::format) fn datadog(options: &Options) -> Box<dyn LineFormat> {
    let json = Json {
        errors: ErrorStyle::Joined,
    };
    json.format(shape(), options)
}

pub(super) fn shape() -> Shape {
    Shape {
        keys: &[
            ("level", "status"),
            ("target", "logger.name"),
            ("thread", "logger.thread_name"),
        ],
        fields: &[
            ("trace_id", "dd.trace_id"),
            ("span_id", "dd.span_id"),
            ("trace.id", "dd.trace_id"),
            ("span.id", "dd.span_id"),
            ("error", "error.message"),
        ],
        constants: &[("environment", "env")],
        // What Datadog takes for something else.
        reserved: &[
            "host", "hostname", "source", "ddsource", "ddtags", "service", "env", "date",
        ],
        ids: Ids::Decimal,
        level: |level| Value::Str(status(level).into()),
        ..Shape::default()
    }
}

fn status(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}
