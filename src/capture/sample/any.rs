//! Samples by chance: strategies of `proptest`.

use proptest::prelude::*;
use proptest::test_runner::RngAlgorithm;
use serde_json::Value as Json;
use tracing::Level;

use super::{Sample, SampleField, SampleSpan, SampleValue};
use crate::capture::record::ThreadLabel;

/// How a property is tried. Under Miri, which takes its time for each step, with a few cases of
/// cheap chance: there are many runs of it.
pub(crate) fn cases() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: at_most(usual.cases as usize) as u32,
        rng_algorithm: if cfg!(miri) {
            RngAlgorithm::XorShift
        } else {
            usual.rng_algorithm
        },
        ..usual
    }
}

/// So many, or a few under Miri.
pub(crate) fn at_most(count: usize) -> usize {
    if cfg!(miri) { count.min(3) } else { count }
}

/// Records without end, with names that meet each other and the reserved ones.
pub(crate) fn any_sample() -> impl Strategy<Value = Sample> {
    let span = (any_text(), any_fields()).prop_map(|(name, fields)| SampleSpan {
        name,
        is_mark: false,
        fields,
    });
    let thread =
        (proptest::option::of(any_text()), any::<u64>()).prop_map(|(name, id)| ThreadLabel {
            name: name.map(String::into_boxed_str),
            id,
        });
    let levels = [
        Level::ERROR,
        Level::WARN,
        Level::INFO,
        Level::DEBUG,
        Level::TRACE,
    ];
    (
        any::<i64>(),
        proptest::sample::select(levels.to_vec()),
        any_text(),
        thread,
        any_fields(),
        proptest::collection::vec(span, 0..at_most(4)),
    )
        .prop_map(|(time_ns, level, target, thread, fields, spans)| Sample {
            name: "event",
            time_ns,
            level,
            target,
            thread,
            is_recovered: false,
            is_cut: false,
            fields,
            spans,
        })
}

fn any_fields() -> impl Strategy<Value = Vec<SampleField>> {
    let field = (any_name(), proptest::bool::weighted(0.2), any_value()).prop_map(
        |(name, is_inline, value)| SampleField {
            name,
            is_inline,
            value,
        },
    );
    proptest::collection::vec(field, 0..at_most(6))
}

fn any_name() -> impl Strategy<Value = String> {
    const NAMES: [&str; 19] = [
        "message",
        "level",
        "target",
        "timestamp",
        "spans",
        "thread",
        "file",
        "line",
        "pid",
        "seq",
        "cut",
        "recovered",
        "a",
        "b",
        "",
        "fields.level",
        "fields.fields.level",
        "fields.a",
        "user.name",
    ];
    prop_oneof![
        4 => proptest::sample::select(&NAMES[..]).prop_map(str::to_owned),
        1 => any_text(),
    ]
}

/// Random characters, with those that need care far more often than chance would have them.
pub(crate) fn any_text() -> impl Strategy<Value = String> {
    const CAREFUL: &str = "\0\n\r\t\u{1b}\u{7f}\u{80}\u{9f}\u{a0}\"\\{}:, \u{61c}\u{200d}\u{200e}\
        \u{2028}\u{202e}\u{2066}\u{feff}가🧑‍💻";
    let careful: Vec<char> = CAREFUL.chars().collect();
    let character = prop_oneof![
        any::<char>(),
        proptest::sample::select(careful),
        proptest::char::range(' ', '~'),
    ];
    proptest::collection::vec(character, 0..at_most(40)).prop_map(String::from_iter)
}

pub(crate) fn any_value() -> impl Strategy<Value = SampleValue> {
    prop_oneof![
        any::<i64>().prop_map(SampleValue::I64),
        any::<u64>().prop_map(SampleValue::U64),
        any::<i128>().prop_map(SampleValue::I128),
        any::<i64>().prop_map(|value| SampleValue::I128(value.into())),
        any::<u128>().prop_map(SampleValue::U128),
        any::<u64>().prop_map(|value| SampleValue::U128(value.into())),
        any::<u64>().prop_map(|bits| SampleValue::F64(f64::from_bits(bits))),
        any::<bool>().prop_map(SampleValue::Bool),
        any_text().prop_map(SampleValue::Str),
        any_text().prop_map(SampleValue::Text),
        any_text().prop_map(SampleValue::Json),
        any_json().prop_map(SampleValue::Json),
        proptest::collection::vec(any::<u8>(), 0..at_most(100)).prop_map(SampleValue::Bytes),
        proptest::collection::vec(any_text(), 1..at_most(4)).prop_map(SampleValue::Error),
    ]
}

/// JSON, compact.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Json::from),
        any_text().prop_map(Json::from),
        any::<bool>().prop_map(Json::from),
    ];
    let value = leaf.prop_recursive(3, 8, 4, |inner| {
        let list = proptest::collection::vec(inner.clone(), 0..at_most(4)).prop_map(Json::from);
        let object = proptest::collection::btree_map(any_text(), inner, 0..at_most(4));
        prop_oneof![
            list,
            object.prop_map(|object| Json::Object(object.into_iter().collect()))
        ]
    });
    value.prop_map(|value| value.to_string())
}

/// The bytes of records after an accident.
pub(crate) fn any_damaged_record() -> impl Strategy<Value = Vec<u8>> {
    let damage = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8);
    (any_sample(), damage, any::<prop::sample::Index>()).prop_map(|(mut sample, damage, kept)| {
        // The number of the callsite stays whole: of one that nobody knows no more is read.
        sample.spans.clear();
        let mut bytes = sample.encode();
        let (_, body) = bytes.split_at_mut(16);
        for (at, byte) in damage {
            if !body.is_empty() {
                *at.get_mut(body) = byte;
            }
        }
        let kept = 16 + kept.index(body.len() + 1);
        bytes.truncate(kept);
        bytes
    })
}
