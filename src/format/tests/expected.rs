//! The rules of the JSON format, told once more and slowly, and a parser that is strict about keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value as Json;

use crate::capture::sample::{Sample, SampleValue};

/// The pairs of an object, in order. Fails where a key comes twice, which a map would hide.
pub(super) struct Pairs(pub(super) Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Pairs, A::Error> {
        let mut keys = BTreeSet::new();
        let mut pairs = Vec::new();
        while let Some((key, value)) = object.next_entry::<String, Json>()? {
            if !keys.insert(key.clone()) {
                return Err(serde::de::Error::custom(format_args!(
                    "{key:?} comes twice"
                )));
            }
            pairs.push((key, value));
        }
        Ok(Pairs(pairs))
    }
}

pub(super) fn parse(line: &str) -> Pairs {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// Checks a line with all details against what the rules make of the sample.
pub(super) fn assert_shows(line: &str, sample: &Sample) {
    let Pairs(pairs) = parse(line);
    let mut shown: BTreeMap<String, Json> = pairs.into_iter().collect();
    let mut take = |key: &str| shown.remove(key);
    let timestamp = chrono::DateTime::from_timestamp_nanos(sample.time_ns)
        .to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    assert_eq!(take("timestamp"), Some(timestamp.into()));
    assert_eq!(take("level"), Some(sample.level.as_str().into()));
    assert_eq!(take("target"), Some(sample.target.as_str().into()));
    let thread = sample
        .thread
        .name
        .as_deref()
        .map_or(sample.thread.id.to_string(), str::to_owned);
    assert_eq!(take("thread"), Some(thread.into()));
    assert_eq!(take("file"), Some("src/app.rs".into()));
    assert_eq!(take("line"), Some(12.into()));
    assert_eq!(take("pid"), Some(std::process::id().into()));
    assert!(take("seq").is_some_and(|number| number.is_u64()));
    let spans: Vec<Json> = sample
        .spans
        .iter()
        .rev()
        .map(|span| span.name.clone().into())
        .collect();
    assert_eq!(take("spans"), (!spans.is_empty()).then_some(spans.into()));
    let expected = expected_fields(sample);
    assert!(
        shown.keys().eq(expected.keys()),
        "{line} instead of {expected:?}"
    );
    for (key, value) in expected {
        assert!(
            is_form_of(&shown[&key], value),
            "{line} instead of {value:?}"
        );
    }
}

fn expected_fields(sample: &Sample) -> BTreeMap<String, &SampleValue> {
    const RESERVED: &str =
        " timestamp level target message spans thread file line pid seq cut recovered ";
    let (messages, own): (Vec<_>, Vec<_>) = sample
        .fields
        .iter()
        .partition(|field| field.name == "message");
    let inherited = sample.spans.iter().rev().flat_map(|span| &span.fields);
    let all = inherited.chain(own);
    // Later ones replace earlier ones, which is the rule.
    let by_name: BTreeMap<&str, _> = all
        .map(|field| (field.name.as_str(), &field.value))
        .collect();
    let mut expected = BTreeMap::new();
    for (name, value) in &by_name {
        let mut key = (*name).to_owned();
        if RESERVED.contains(&format!(" {name} ")) {
            key.insert_str(0, "fields.");
            while by_name.contains_key(key.as_str()) {
                key.insert_str(0, "fields.");
            }
        }
        expected.insert(key, *value);
    }
    expected.extend(
        messages
            .last()
            .map(|message| (message.name.clone(), &message.value)),
    );
    expected
}

fn is_form_of(shown: &Json, value: &SampleValue) -> bool {
    let is_digits = |digits: String, is_number: bool| {
        if is_number {
            shown.as_number().map(ToString::to_string) == Some(digits)
        } else {
            *shown == digits
        }
    };
    match value {
        SampleValue::I64(value) => is_digits(value.to_string(), true),
        SampleValue::U64(value) => is_digits(value.to_string(), true),
        SampleValue::I128(value) => {
            let fits = i64::try_from(*value).is_ok() || u64::try_from(*value).is_ok();
            is_digits(value.to_string(), fits)
        }
        SampleValue::U128(value) => is_digits(value.to_string(), u64::try_from(*value).is_ok()),
        SampleValue::F64(value) if value.is_nan() => shown == "NaN",
        SampleValue::F64(value) if value.is_infinite() => {
            shown
                == if 0.0 < *value {
                    "Infinity"
                } else {
                    "-Infinity"
                }
        }
        SampleValue::F64(value) => {
            let parsed: Result<f64, _> = shown.to_string().parse();
            parsed.is_ok_and(|parsed| parsed.to_bits() == value.to_bits())
        }
        SampleValue::Bool(value) => shown == value,
        SampleValue::Str(value) | SampleValue::Text(value) => shown == value,
        SampleValue::Json(value) => match serde_json::from_str::<Json>(value) {
            Ok(value) => {
                // A number that readers would round is a string.
                let text = value.to_string();
                *shown == value || *shown == text
            }
            Err(_) => shown == value,
        },
        SampleValue::Bytes(value) => {
            *shown
                == value
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect::<String>()
        }
        SampleValue::Error(messages) => *shown == Json::from(messages.clone()),
    }
}
