use std::fmt;

use proptest::prelude::*;

use super::{Encoder, Fields, Name, RECORD_BYTES_MAX, Record, ThreadLabel, Value, merge_fields};
use crate::capture::buffer::Buffer;
use crate::capture::callsite::Callsites;
use crate::capture::sample::{
    Sample, SampleField, SampleValue, any_damaged_record, any_sample, any_value, at_most, cases,
    encoded_fields, field, inline_field, message, str_field,
};

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_record_survives_encoding_and_decoding(sample in any_sample()) {
        sample.with_record(|record, callsites| {
            assert_eq!(record.time_ns, sample.time_ns);
            assert_eq!(record.callsite.facts.level, sample.level);
            assert_eq!(record.origin.target, sample.target);
            assert_eq!(record.is_outside_spans(), sample.spans.is_empty());
            assert!(!record.is_cut);
            assert_fields(record.fields(), &sample.fields);
            let spans: Vec<_> = record.spans(callsites).collect();
            assert_eq!(spans.len(), sample.spans.len());
            for (span, expected) in spans.iter().zip(&sample.spans) {
                assert_eq!(*span.callsite.facts.name, *expected.name);
                assert_fields(span.fields(), &expected.fields);
            }
        });
    }

    #[test]
    fn damaged_records_are_read_without_panic(bytes in any_damaged_record()) {
        let callsites = Callsites::default();
        let thread = ThreadLabel::default();
        if let Some(record) = Record::decode(&bytes, 0, &thread, &callsites) {
            record.fields().for_each(|(_, value)| read_whole(value));
        }
    }

    #[test]
    fn merged_fields_are_those_of_a_list_that_replaces_by_name(
        old in proptest::collection::vec((0..6_usize, any_value()), 0..at_most(8)),
        new in proptest::collection::vec((0..6_usize, any_value()), 0..at_most(4)),
    ) {
        let mut expected = old.clone();
        expected.retain(|(name, _)| !new.iter().any(|(newer, _)| newer == name));
        expected.extend(new.iter().cloned());
        assert_eq!(merged(&inline(&old), &inline(&new)), encoded_fields(&inline(&expected)));
    }
}

#[test]
fn merging_tells_declared_names_from_inline_ones() {
    let old = [
        str_field("a", "declared"),
        inline_field("a", SampleValue::Bool(true)),
    ];
    let new = [str_field("a", "replaced")];
    let mut expected = encoded_fields(&old[1..]);
    expected.extend(encoded_fields(&new));
    assert_eq!(merged(&old, &new), expected);
}

#[test]
#[cfg_attr(miri, ignore = "megabytes, byte by byte")]
fn a_long_text_is_cut_at_a_character_and_says_so() {
    for lead in ["", "a", "ab", "abc"] {
        let text = format!("{lead}{}", "🦀".repeat(RECORD_BYTES_MAX / 4));
        for value in [
            SampleValue::Str(text.clone()),
            SampleValue::Text(text.clone()),
        ] {
            let sample = Sample::new(vec![message("long"), field("text", value)]);
            assert!(sample.encode().len() <= RECORD_BYTES_MAX);
            sample.with_record(|record, _| {
                let (_, value) = record.fields().nth(1).expect("the cut field");
                let (Value::Str(kept) | Value::Text(kept)) = value else {
                    panic!("{value:?}")
                };
                let kept = kept
                    .as_str()
                    .strip_suffix("…[cut]")
                    .expect("the mark of a cut");
                assert!(text.starts_with(kept) && RECORD_BYTES_MAX - 200 < kept.len());
                assert!(record.is_cut);
            });
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "megabytes, byte by byte")]
fn a_record_of_exactly_the_limit_is_whole_and_one_byte_more_is_cut() {
    let frame = Sample::new(vec![str_field("text", "")]).encode().len();
    let room = RECORD_BYTES_MAX - frame - 64;
    for (len, is_cut) in [(room, false), (room + 1, true)] {
        let sample = Sample::new(vec![str_field("text", &"x".repeat(len))]);
        sample.with_record(|record, _| assert_eq!(record.is_cut, is_cut, "{len}"));
    }
}

#[test]
#[cfg_attr(miri, ignore = "megabytes, byte by byte")]
fn long_bytes_and_long_error_chains_are_cut() {
    let bytes = SampleValue::Bytes(vec![7; 2 << 20]);
    let error = SampleValue::Error(vec!["x".repeat(100_000); 60]);
    for value in [bytes, error] {
        let sample = Sample::new(vec![field("value", value), str_field("after", "")]);
        assert!(sample.encode().len() <= RECORD_BYTES_MAX);
        sample.with_record(|record, _| {
            assert!(record.is_cut);
            record.fields().for_each(|(_, value)| read_whole(value));
        });
    }
}

#[test]
fn a_text_is_marked_where_it_is_cut_though_an_earlier_field_did_not_fit() {
    let mut bytes = Buffer::new();
    let mut encoder = Encoder::fields(&mut bytes, 1000);
    encoder.str(Name::Inline(&"n".repeat(1000)), "the name leaves no room");
    encoder.text_of(Name::Inline("text"), &"x".repeat(1000));
    assert!(encoder.is_cut());
    assert!(bytes.as_slice().ends_with("x…[cut]".as_bytes()));
}

#[test]
#[cfg_attr(miri, ignore = "megabytes, byte by byte")]
fn ten_thousand_fields_are_kept() {
    let fields = (0..10_000_u64).map(|i| field(&format!("field_{i}"), SampleValue::U64(i)));
    let sample = Sample::new(fields.collect());
    sample.with_record(|record, _| {
        assert!(!record.is_cut);
        assert_fields(record.fields(), &sample.fields);
    });
}

#[test]
#[cfg_attr(miri, ignore = "megabytes, byte by byte")]
fn a_hundred_megabytes_are_cut_and_not_copied() {
    let sample = Sample::new(vec![str_field("text", &"x".repeat(100_000_000))]);
    let bytes = sample.encode();
    assert!(bytes.len() <= RECORD_BYTES_MAX);
    sample.with_record(|record, _| assert!(record.is_cut));
}

#[test]
fn a_value_that_panics_keeps_what_it_wrote_and_says_so() {
    struct Panics;
    impl fmt::Debug for Panics {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("before ")?;
            panic!("on purpose")
        }
    }
    let mut bytes = Buffer::new();
    Encoder::fields(&mut bytes, 1000).text_of(Name::Inline("value"), &Panics);
    assert!(bytes.as_slice().ends_with(b"before [formatting panicked]"));
}

#[test]
fn the_thread_that_logged_is_known_by_the_record() {
    let sample = Sample::new(vec![]);
    sample.with_record(|record, _| assert_eq!(record.thread.name.as_deref(), Some("worker-1")));
}

fn assert_fields(fields: Fields<'_>, expected: &[SampleField]) {
    assert_eq!(fields.clone().count(), expected.len());
    for ((name, value), expected) in fields.zip(expected) {
        assert_eq!(name, expected.name);
        assert!(
            expected.value.is_equal_to(&value),
            "{value:?} is not {expected:?}"
        );
    }
}

fn read_whole(value: Value<'_>) {
    if let Value::Error(messages) = value {
        assert!(
            messages
                .map(|message| message.as_str().len())
                .sum::<usize>()
                < RECORD_BYTES_MAX
        );
    }
}

fn merged(old: &[SampleField], new: &[SampleField]) -> Vec<u8> {
    let mut merged = Vec::new();
    merge_fields(&encoded_fields(old), &encoded_fields(new), &mut merged);
    merged
}

fn inline(fields: &[(usize, SampleValue)]) -> Vec<SampleField> {
    fields
        .iter()
        .map(|(name, value)| inline_field(&name.to_string(), value.clone()))
        .collect()
}
