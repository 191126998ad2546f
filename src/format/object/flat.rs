//! The default: easy to query.
//!
//! ```json
//! {"timestamp":"2026-11-22T01:02:03.123456Z","level":"INFO","target":"app::module",
//!  "message":"signed in","user":42,"rows":3,"method":"GET","spans":["request","query"],
//!  "thread":"worker-1","file":"src/app.rs","line":12,"pid":4711,"service":"api","seq":1,
//!  "cut":true,"recovered":true}
//! ```
//!
//! Keys come in this order: timestamp, level, target; the message, if there is one; the event's
//! fields as the macro has them; the fields of the spans, innermost first; `spans`, the names from
//! the root to the leaf, where there are any; thread, file, line and pid on request; what is the same
//! in every line; seq on request; `cut` where part of the record did not fit; `recovered` where it
//! was left behind by a process that died. A field with such a name is kept as `fields.<name>`.
//! Errors are lists of messages from the outermost to the root cause.

use super::super::LineFormat;
use super::{ErrorStyle, Json, Shape};
use crate::config::format::Options;

pub(in crate::format) fn flat(options: &Options) -> Box<dyn LineFormat> {
    let json = Json {
        errors: ErrorStyle::List,
    };
    json.format(Shape::default(), options)
}
