//! Options that cannot be, or do not go together.

use super::{Format, Shape, SpanStyle};
use crate::error::Error;
use crate::format::Clash;
use crate::format::timestamp::DisplayZone;

impl Format {
    /// Everything about it that cannot be, each with what to do.
    pub(crate) fn problems(&self) -> Vec<Error> {
        let zone = self.0.zone.as_deref();
        let zone = zone.filter(|zone| DisplayZone::parse(zone).is_none());
        let zone = zone.map(|zone| Error::TimeZone {
            name: zone.to_owned(),
        });
        let problems = zone.into_iter().chain(self.misfits());
        problems.chain(self.clash()).collect()
    }

    /// Two parts of a line that are called the same, the renamed one first.
    fn clash(&self) -> Option<Error> {
        let Clash { mut parts, key } = Clash::find(&self.0)?;
        if !self.0.keys.contains_key(parts[0]) {
            parts.reverse();
        }
        let shape = self.0.shape.name();
        Some(Error::FormatKeys { shape, parts, key })
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
}
