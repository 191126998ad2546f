//! What holds for every line, whatever it was made of. The fuzz targets judge by it, too.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

/// Nothing in a line acts on the file or on the terminal that shows it.
pub(crate) fn assert_harmless(line: &str) {
    let acts = |c: char| {
        let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        turns || c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
    };
    assert_eq!(line.find(acts), None, "{line:?}");
}

/// A line is an object in JSON, with no key twice.
pub(crate) fn assert_is_object(line: &str) {
    let parsed: Result<Object, _> = serde_json::from_str(line);
    parsed.unwrap_or_else(|error| panic!("{error}: {line}"));
}

/// An object, each key once: what a map would hide.
struct Object;

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Object, A::Error> {
        let mut keys = HashSet::new();
        while let Some((key, _)) = object.next_entry::<String, Value>()? {
            if !keys.insert(key.clone()) {
                return Err(A::Error::custom(format_args!("{key:?} comes twice")));
            }
        }
        Ok(Object)
    }
}
