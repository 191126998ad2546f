//! The shapes whose records are one line each, by their names in a file: all that is promised of such a
//! line is tried with these. The tests of the public API have them from here, too.

use super::Format;

/// Those that are JSON.
pub(crate) fn json_shapes() -> [(&'static str, Format); 7] {
    [
        ("json", Format::json()),
        ("open_telemetry", Format::open_telemetry()),
        ("ecs", Format::ecs()),
        ("google_cloud", Format::google_cloud()),
        ("datadog", Format::datadog()),
        ("bunyan", Format::bunyan()),
        ("pino", Format::pino()),
    ]
}

/// Those that are not.
pub(crate) fn other_shapes() -> [(&'static str, Format); 3] {
    [
        ("logfmt", Format::logfmt()),
        ("text", Format::text()),
        ("compact", Format::compact()),
    ]
}
