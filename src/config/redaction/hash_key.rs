//! The key of hashes, which shows itself nowhere.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected};

/// The key of hashes. It is neither written down nor shown, nor is what stands in its place.
#[derive(Clone, Default, PartialEq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(with = "Option<String>")
)]
pub(crate) struct HashKey(pub(crate) Option<String>);

impl<'de> Deserialize<'de> for HashKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A key without its quotes is a key all the same: serde would say what it has found.
        let key = Option::<String>::deserialize(deserializer).map_err(|_| {
            let found = Unexpected::Other("something else");
            D::Error::invalid_type(found, &"a text in quotes")
        });
        key.map(HashKey)
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() {
            "[redacted]"
        } else {
            "None"
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::Redaction;

    #[test]
    fn the_key_of_hashes_is_shown_nowhere() {
        let redaction: Redaction = serde_json::from_str(r#"{"hash_key":"canary"}"#).unwrap();
        assert_eq!(redaction, Redaction::default().hash_key("canary"));
        assert!(!format!("{redaction:?}").contains("canary"));
        let written = serde_json::to_string(&redaction).unwrap();
        assert!(!written.contains("canary"));
    }

    #[test]
    fn what_stands_in_place_of_the_key_is_not_told() {
        for text in [
            r#"{"hash_key":31415}"#,
            r#"{"hash_key":["31415"]}"#,
            r#"{"hash_key":{"31415":1}}"#,
        ] {
            let error = serde_json::from_str::<Redaction>(text).unwrap_err();
            let error = error.to_string();
            assert!(error.contains("a text in quotes"), "{error}");
            assert!(!error.contains("31415"), "{error}");
        }
    }
}
