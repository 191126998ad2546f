//! What a log record of OpenTelemetry's model holds, in the JSON encoding of OTLP.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::object::Object;

/// Where the model has what other formats have keys for.
pub(super) const TIMESTAMP: &str = "timeUnixNano";
pub(super) const LEVEL: &str = "severityNumber";
pub(super) const MESSAGE: &str = "body";

/// An attribute: `{"key":"user","value":{"intValue":"42"}}`.
#[derive(Deserialize)]
struct Attribute<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    value: &'a RawValue,
}

/// The attributes of a log record, as if they were an object. `None` for what is no log record.
pub(super) fn attributes<'a>(object: &Object<'a>) -> Option<Object<'a>> {
    object.get(TIMESTAMP)?;
    let attributes: Vec<Attribute<'a>> = serde_json::from_str(object.get("attributes")?).ok()?;
    let entries = attributes.into_iter();
    let entries = entries.map(|Attribute { key, value }| {
        let value = value.get();
        (key, any_value(value).unwrap_or(value))
    });
    Object::new(entries.collect())
}

/// What a value holds, as a flat object would have it: integers are strings here. `None` for an empty
/// one.
pub(super) fn any_value(value: &str) -> Option<&str> {
    let object: Object<'_> = serde_json::from_str(value).ok()?;
    match object.only()? {
        ("intValue", digits) => Some(digits.trim_matches('"')),
        (_, value) => Some(value),
    }
}
