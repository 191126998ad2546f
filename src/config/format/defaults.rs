//! What holds for a format of which nothing more is said than its shape.

use serde::Serialize;

use super::{Colour, Format, Shape, SpanStyle};

#[derive(Default, Serialize)]
pub(in crate::config) struct Defaults {
    shape: Shape,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    more: Option<More>,
}

/// What access logs have no place for.
#[derive(Default, Serialize)]
struct More {
    spans: SpanStyle,
    colour: Colour,
    thread: bool,
    location: bool,
    process: bool,
    sequence: bool,
}

impl Format {
    pub(in crate::config) fn defaults(&self) -> Defaults {
        Defaults {
            shape: self.0.shape,
            more: (!self.is_access_log()).then(More::default),
        }
    }
}
