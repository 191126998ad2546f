//! Whatever a record holds, each format makes one harmless line of it, and JSON that parses with each
//! key once. (A format that has several lines for a record has harmless ones.)
//!
//! The input is the number of a format (1 byte), that of a callsite (1 byte), and a record as
//! `src/capture/record` has it, but for the callsite's address.

#![no_main]

use std::collections::HashSet;
use std::fmt;

use libfuzzer_sys::fuzz_target;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

fuzz_target!(|input: &[u8]| {
    let Some((format, lines)) = offloop::fuzzing::lines(input) else {
        return;
    };
    let lines = String::from_utf8(lines).expect("lines are UTF-8");
    let lines = lines.strip_suffix('\n').expect("a line break at the end");
    let shape = serde_json::to_value(&format).expect("a format can be written");
    let shape = shape
        .get("shape")
        .unwrap_or(&shape)
        .as_str()
        .expect("a name")
        .to_owned();
    if shape != "pretty" {
        assert_eq!(lines.matches('\n').count(), 1, "two records: {lines:?}");
    }
    lines.split('\n').for_each(assert_harmless);
    if is_json(&shape) {
        for line in lines.split('\n') {
            serde_json::from_str::<Object>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        }
    }
});

fn is_json(shape: &str) -> bool {
    !matches!(
        shape,
        "logfmt" | "text" | "compact" | "pretty" | "common_log" | "combined_log"
    )
}

/// Nothing in a line acts on the file or the terminal that shows it.
fn assert_harmless(line: &str) {
    let acts = |c: char| {
        let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        turns || c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
    };
    assert_eq!(line.find(acts), None, "{line:?}");
}

/// An object, each key once.
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
        while let Some((key, _)) = object.next_entry::<String, serde_json::Value>()? {
            if !keys.insert(key.clone()) {
                return Err(A::Error::custom(format_args!("{key:?} comes twice")));
            }
        }
        Ok(Object)
    }
}
