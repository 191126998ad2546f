//! The two forms of a format in a file: the name of its shape, or a table.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::{Format, Options, Shape};

impl Format {
    /// What is told of it to who reads the pages of a dead process.
    pub(crate) fn told(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What a dead process told of it. Nobody vouches for that: what cannot be read is the default.
    pub(crate) fn from_told(told: &str) -> Self {
        serde_json::from_str(told).unwrap_or_default()
    }
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Format::shaped(self.0.shape) {
            self.0.shape.serialize(serializer)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EitherForm)
    }
}

struct EitherForm;

impl<'de> Visitor<'de> for EitherForm {
    type Value = Format;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the name of a format's shape, or a table with its `shape`")
    }

    fn visit_str<E: serde::de::Error>(self, shape: &str) -> Result<Format, E> {
        let shape = serde::de::value::StrDeserializer::<E>::new(shape);
        Shape::deserialize(shape).map(Format::shaped)
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Format, A::Error> {
        Options::deserialize(MapAccessDeserializer::new(table)).map(Format)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_reads_in_both_forms_and_is_written_in_the_short_one_where_it_can_be() {
        for (text, expected) in [
            (r#""json""#, Format::json()),
            (r#""combined_log""#, Format::combined_log()),
            (
                r#"{"shape":"text","thread":true}"#,
                Format::text().with_thread(),
            ),
        ] {
            assert_eq!(serde_json::from_str::<Format>(text).unwrap(), expected);
            assert_eq!(serde_json::to_string(&expected).unwrap(), text);
        }
        let long: Format = serde_json::from_str(r#"{"shape":"text"}"#).unwrap();
        assert_eq!(long, Format::text());
    }

    #[test]
    fn what_is_unknown_is_named() {
        for (text, named) in [
            (r#""xml""#, "`xml`"),
            (r#"{"shape":"xml"}"#, "`xml`"),
            (r#"{"shap":"json"}"#, "`shap`"),
            ("3", "a format's shape"),
        ] {
            let error = serde_json::from_str::<Format>(text).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    #[test]
    fn what_a_dead_process_told_is_not_believed() {
        let format = Format::text().with_sequence();
        assert_eq!(Format::from_told(&format.told()), format);
        for damaged in ["", "nonsense", r#"{"shape":"#, r#"{"other":1}"#] {
            assert_eq!(Format::from_told(damaged), Format::json());
        }
    }
}
