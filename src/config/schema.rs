//! What may stand in a configuration file, as JSON Schema: for editors.

mod description;

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::format::{Format, Options, Shape};
use super::{Config, overflow, sync};
use crate::channel::overflow::Overflow;
use crate::drain::sync::SyncPolicy;

impl Config {
    /// What may stand in a configuration file, as [JSON Schema](https://json-schema.org), for editors
    /// that know of it: the settings that hold everywhere, and those of environments.
    ///
    /// It says what keys there are, of which type, and what they are for. What only makes sense
    /// together, [`ConfigLoader`](crate::ConfigLoader) alone knows.
    ///
    /// ```
    /// let schema = offloop::Config::schema();
    /// assert_eq!(schema["properties"]["panic_hook"]["type"], "boolean");
    /// ```
    #[must_use]
    pub fn schema() -> Value {
        let settings = SchemaSettings::draft07();
        let schema = settings.into_generator().into_root_schema_for::<Config>();
        let mut schema = schema.to_value();
        description::make_plain(&mut schema);
        let overlay = overlay(&schema);
        schema["title"] = json!("Configuration of offloop");
        schema["properties"]["env"] = json!({
            "description": "What is different in an environment, by its name",
            "type": "object",
            "additionalProperties": { "$ref": "#/definitions/Environment" },
        });
        schema["definitions"]["Environment"] = overlay;
        schema
    }
}

/// The same settings for an environment. What it says of a sink need not be all of it.
fn overlay(schema: &Value) -> Value {
    let mut sink = schema["definitions"]["Sink"].clone();
    if let Some(sink) = sink.as_object_mut() {
        sink.remove("required");
    }
    let mut overlay = json!({ "type": "object", "additionalProperties": false });
    overlay["properties"] = schema["properties"].clone();
    overlay["properties"]["sinks"]["additionalProperties"] = sink;
    overlay
}

pub(crate) fn size(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": r"^\s*[0-9.]+\s*([kKmMgGtTpPeE]?i?[bB]?)\s*$" },
        ],
    })
}

pub(crate) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": r"^(\s*[0-9.]+\s*[a-zA-Zµ]+)+\s*$" })
}

pub(crate) fn time_of_day(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": r"^\s*[0-9]+:[0-9]+\s*$" })
}

pub(crate) fn level(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": ["error", "warn", "info", "debug", "trace"] })
}

pub(crate) fn mode(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            { "type": "integer", "minimum": 0, "maximum": 0o777 },
            { "type": "string", "pattern": "^(0o)?[0-7]+$" },
        ],
    })
}

pub(crate) fn share(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "number", "minimum": 0, "maximum": 1 })
}

pub(crate) fn texts(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string" } })
}

impl JsonSchema for Overflow {
    fn schema_name() -> Cow<'static, str> {
        "Overflow".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        overflow::Text::json_schema(generator)
    }
}

impl JsonSchema for SyncPolicy {
    fn schema_name() -> Cow<'static, str> {
        "SyncPolicy".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        sync::Text::json_schema(generator)
    }
}

impl JsonSchema for Format {
    fn schema_name() -> Cow<'static, str> {
        "Format".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (shape, table) = (
            generator.subschema_for::<Shape>(),
            generator.subschema_for::<Options>(),
        );
        json_schema!({ "anyOf": [shape, table] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In words that mean something to who has no builder at hand.
    #[test]
    fn every_key_says_what_it_is_for() {
        let schema = Config::schema();
        let definitions = schema["definitions"].as_object().unwrap();
        let tables = definitions.values().chain([&schema]);
        let tables = tables.filter_map(|table| table["properties"].as_object());
        let is_silent = |value: &Value| value["description"].as_str().is_none_or(str::is_empty);
        let silent: Vec<_> = tables
            .flatten()
            .filter(|(_, value)| is_silent(value))
            .collect();
        assert!(silent.is_empty(), "{silent:#?}");
    }
    #[test]
    fn nothing_that_is_said_is_written_for_rustdoc() {
        let schema = Config::schema().to_string();
        for mark in ["```", "](", "[`", "# drop"] {
            assert!(!schema.contains(mark), "{mark}");
        }
    }
}
