//! The [Elastic Common Schema](https://www.elastic.co/docs/reference/ecs), in the form of
//! [ECS logging](https://github.com/elastic/ecs-logging/blob/main/spec/spec.json).
//!
//! Names with dots are objects to Elasticsearch. So a field that is called like one of the schema's
//! objects must not be a string or a number: an index that has seen the one refuses the other. Such
//! fields are labels.

use super::super::LineFormat;
use super::{ErrorStyle, Json, Shape};
use crate::config::Part;
use crate::config::format::Options;

/// The version of the schema that the names are taken from.
const VERSION: &str = "8.11.0";

/// The schema's objects, and where custom values are kept.
const OBJECTS: [&str; 47] = [
    "agent",
    "as",
    "client",
    "cloud",
    "code_signature",
    "container",
    "data_stream",
    "destination",
    "device",
    "dll",
    "dns",
    "ecs",
    "elf",
    "email",
    "error",
    "event",
    "faas",
    "file",
    "geo",
    "group",
    "hash",
    "host",
    "http",
    "interface",
    "labels",
    "log",
    "macho",
    "network",
    "observer",
    "orchestrator",
    "organization",
    "os",
    "package",
    "pe",
    "process",
    "registry",
    "related",
    "risk",
    "rule",
    "server",
    "service",
    "source",
    "span",
    "threat",
    "tls",
    "trace",
    "user",
];

const ORDER: [Part; 10] = [
    Part::Timestamp,
    Part::Level,
    Part::Message,
    Part::Constants,
    Part::Target,
    Part::Fields,
    Part::Thread,
    Part::Location,
    Part::Process,
    Part::Sequence,
];

pub(in crate::format) fn ecs(options: &Options) -> Box<dyn LineFormat> {
    let json = Json {
        errors: ErrorStyle::Joined,
    };
    json.format(shape(), options)
}

pub(super) fn shape() -> Shape {
    Shape {
        keys: &[
            ("timestamp", "@timestamp"),
            ("level", "log.level"),
            ("target", "log.logger"),
            ("thread", "process.thread.name"),
            ("file", "log.origin.file.name"),
            ("line", "log.origin.file.line"),
            ("pid", "process.pid"),
            ("seq", "event.sequence"),
        ],
        fields: &[
            ("trace_id", "trace.id"),
            ("span_id", "span.id"),
            ("parent_span_id", "parent.id"),
            ("request_id", "http.request.id"),
            ("error", "error.message"),
        ],
        constants: &[
            ("service", "service.name"),
            ("version", "service.version"),
            ("environment", "service.environment"),
            ("host", "host.name"),
        ],
        reserved: &OBJECTS,
        prefix: "labels.",
        has_message: true,
        own: vec![("ecs.version".to_owned(), VERSION.into())],
        order: &ORDER,
        ..Shape::default()
    }
}
