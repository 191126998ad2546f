//! Two parts of a line that are called the same: who reads the line would find one of them alone.

use std::borrow::Cow;
use std::collections::HashMap;

use super::super::logfmt;
use super::shape::{Location, OWN_KEYS, OwnKeys, Shape};
use super::{bunyan, datadog, ecs, google_cloud, open_telemetry};
use crate::config::format::{Options, Shape as Name};
use crate::config::{Part, SpanStyle};

/// Two parts that are called the same, by what the default shape calls them.
#[derive(Debug, PartialEq)]
pub(crate) struct Clash {
    pub(crate) parts: [&'static str; 2],
    /// What both are called.
    pub(crate) key: String,
}

impl Clash {
    /// The first one in a format that is described so.
    pub(crate) fn find(options: &Options) -> Option<Self> {
        let shape = match options.shape {
            Name::Json => Shape::default(),
            Name::OpenTelemetry => open_telemetry::shape(),
            Name::Ecs => ecs::shape(),
            Name::GoogleCloud => google_cloud::shape(),
            Name::Datadog => datadog::shape(),
            Name::Bunyan => bunyan::bunyan_shape(options),
            Name::Pino => bunyan::pino_shape(options),
            Name::Logfmt => logfmt::shape(),
            // These call nothing by a name.
            Name::Text | Name::Compact | Name::Pretty | Name::CommonLog | Name::CombinedLog => {
                return None;
            }
        };
        shape.clash(options)
    }
}

impl Shape {
    fn clash(&self, options: &Options) -> Option<Clash> {
        let keys = OwnKeys::new(self.keys, options);
        let mut parts = HashMap::new();
        let shown = OWN_KEYS
            .into_iter()
            .filter(|part| self.shows(part, options));
        for part in shown {
            let key = self.key_of(part, &keys, options).into_owned();
            if let Some(other) = parts.insert(key.clone(), part) {
                return Some(Clash {
                    parts: [other, part],
                    key,
                });
            }
        }
        None
    }

    /// Whether its lines have this part, as the user wants them.
    fn shows(&self, part: &str, options: &Options) -> bool {
        let has = |place| self.order.contains(&place);
        match part {
            "timestamp" => has(Part::Timestamp),
            "level" => has(Part::Level),
            "message" => has(Part::Message),
            "spans" => matches!(options.spans, SpanStyle::Flat | SpanStyle::List),
            "span" => options.spans == SpanStyle::Nested,
            // It stands within a span.
            "parent" => false,
            "thread" => options.thread,
            "file" => options.location,
            "line" => options.location && matches!(self.location, Location::Fields),
            "pid" => options.process || self.has_process,
            "seq" => options.sequence,
            _ => true,
        }
    }

    fn key_of<'a>(&self, part: &str, keys: &'a OwnKeys, options: &Options) -> Cow<'a, str> {
        match self.location {
            Location::Object { key, .. } if part == "file" && !options.keys.contains_key(part) => {
                Cow::Borrowed(key)
            }
            _ => (self.clean)(keys.of(part)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Clash;
    use crate::config::{Format, SpanStyle};
    use crate::format::shapes::{json_shapes, other_shapes};

    fn check(format: Format, expected: Option<[&'static str; 2]>) {
        let found = Clash::find(format.options()).map(|clash| clash.parts);
        assert_eq!(found, expected, "{format:?}");
    }

    #[test]
    fn no_shape_calls_two_parts_the_same_by_itself() {
        for (_, format) in json_shapes().into_iter().chain(other_shapes()) {
            let detailed = format.clone().with_thread().with_location();
            let detailed = detailed.with_process().with_sequence();
            for spans in [SpanStyle::Flat, SpanStyle::Nested, SpanStyle::List] {
                check(detailed.clone().spans(spans), None);
            }
            check(detailed.field("service", "api"), None);
        }
    }

    #[test]
    fn two_parts_that_are_called_the_same_are_found_where_a_line_has_both() {
        let json = Format::json;
        check(json().key("message", "level"), Some(["level", "message"]));
        check(json().key("level", "target"), Some(["level", "target"]));
        check(json().key("message", "spans"), Some(["message", "spans"]));
        check(json().key("message", "cut"), Some(["message", "cut"]));
        check(json().key("level", "message").key("message", "text"), None);
        // A field makes way for a part.
        check(json().key("user", "level"), None);
        check(json().key("message", "line"), None);
        let located = json().key("message", "line").with_location();
        check(located, Some(["message", "line"]));
        let renamed = Format::ecs().key("thread", "log.level");
        check(renamed.clone(), None);
        check(renamed.with_thread(), Some(["level", "thread"]));
        let source = Format::bunyan().key("message", "src");
        check(source.clone(), None);
        check(source.with_location(), Some(["message", "file"]));
        let logfmt = Format::logfmt();
        let logfmt = logfmt.key("level", "a b").key("target", "a_b");
        check(logfmt, Some(["level", "target"]));
        check(Format::open_telemetry().key("target", "level"), None);
        check(Format::text().key("message", "level"), None);
    }
}
