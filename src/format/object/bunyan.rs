//! [bunyan](https://github.com/trentm/node-bunyan#core-fields), and
//! [pino](https://github.com/pinojs/pino/blob/main/docs/api.md), which is like it.

use tracing::Level;

use super::super::LineFormat;
use super::{ErrorStyle, Json, Location, Shape, Time};
use crate::capture::record::Value;
use crate::config::format::Options;
use crate::config::{FieldValue, Part, Precision};

const ORDER: [Part; 10] = [
    Part::Level,
    Part::Timestamp,
    Part::Process,
    Part::Constants,
    Part::Target,
    Part::Message,
    Part::Fields,
    Part::Thread,
    Part::Location,
    Part::Sequence,
];

/// `name` is the service or, where that is not known, the target.
const KEYS_OF_SERVICE: [(&str, &str); 2] = [("timestamp", "time"), ("message", "msg")];
const KEYS: [(&str, &str); 3] = [
    ("timestamp", "time"),
    ("message", "msg"),
    ("target", "name"),
];

pub(in crate::format) fn bunyan(options: &Options) -> Box<dyn LineFormat> {
    let json = Json {
        errors: ErrorStyle::Object("name"),
    };
    json.format(bunyan_shape(options), options)
}

pub(in crate::format) fn pino(options: &Options) -> Box<dyn LineFormat> {
    let json = Json {
        errors: ErrorStyle::Object("type"),
    };
    json.format(pino_shape(options), options)
}

pub(super) fn bunyan_shape(options: &Options) -> Shape {
    let mut shape = shape(options);
    shape.time = Time::Text(Precision::Milliseconds);
    shape.location = Location::Object {
        key: "src",
        is_text: false,
    };
    shape.reserved = &["src"];
    shape.own.push(("v".to_owned(), FieldValue::Integer(0)));
    shape
}

pub(super) fn pino_shape(options: &Options) -> Shape {
    Shape {
        time: Time::Number(Precision::Milliseconds),
        ..shape(options)
    }
}

fn shape(options: &Options) -> Shape {
    let has_service = options.fields.contains_key("service");
    Shape {
        keys: if has_service { &KEYS_OF_SERVICE } else { &KEYS },
        fields: &[("error", "err")],
        constants: &[("service", "name"), ("host", "hostname")],
        level: |level| Value::U64(number(level)),
        has_process: true,
        has_message: true,
        own: vec![("hostname".to_owned(), host().into())],
        order: &ORDER,
        ..Shape::default()
    }
}

fn number(level: Level) -> u64 {
    match level {
        Level::ERROR => 50,
        Level::WARN => 40,
        Level::INFO => 30,
        Level::DEBUG => 20,
        Level::TRACE => 10,
    }
}

/// What the system calls the host.
fn host() -> String {
    let system = rustix::system::uname();
    system.nodename().to_string_lossy().into_owned()
}
