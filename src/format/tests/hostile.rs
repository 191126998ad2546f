//! Text that tries to be more than text, in every place that text can come from.

use proptest::prelude::*;

use super::expected::{assert_shows, parse};
use super::naughty::NAUGHTY;
use super::{assert_harmless, detailed, line};
use crate::capture::callsite::Callsites;
use crate::capture::record::{Record, ThreadLabel};
use crate::capture::sample::{
    Sample, SampleValue, any_damaged_record, field, inline_field, message, str_field,
};
use crate::config::Format;

fn everywhere(text: &str) -> Sample {
    let mut sample = Sample::new(vec![
        message(text),
        str_field("str", text),
        field("text", SampleValue::Text(text.to_owned())),
        field(
            "error",
            SampleValue::Error(vec![text.to_owned(), text.to_owned()]),
        ),
        field("bytes", SampleValue::Bytes(text.as_bytes().to_owned())),
        field(&format!("declared {text}"), SampleValue::Bool(true)),
        inline_field(text, SampleValue::Bool(true)),
    ])
    .inside(
        text,
        vec![
            inline_field(text, SampleValue::Bool(false)),
            str_field("in_span", text),
        ],
    );
    sample.target = text.to_owned();
    sample.thread.name = Some(text.into());
    sample
}

fn as_value_key_and_target(text: &str) -> Sample {
    let key = inline_field(text, SampleValue::Bool(true));
    let mut sample = Sample::new(vec![str_field("str", text), key]);
    sample.target = text.to_owned();
    sample
}

fn check(sample: &Sample) {
    assert_shows(&line(&mut *detailed(Format::json()), sample), sample);
    // The line's own tool checks that it is one and harmless.
    line(&mut *detailed(Format::text()), sample);
}

#[test]
fn every_character_survives_as_value_key_and_target() {
    let all: Vec<char> = (char::MIN..=char::MAX).collect();
    for chunk in all.chunks(4099) {
        let text: String = chunk.iter().collect();
        // Hostile characters all lie in the basic plane. The other sixteen are spared some places,
        // so that the test takes seconds.
        let is_basic = chunk[0] <= '\u{ffff}';
        check(&if is_basic {
            everywhere(&text)
        } else {
            as_value_key_and_target(&text)
        });
    }
}

#[test]
fn every_short_character_survives_alone() {
    for c in '\0'..='\u{ff}' {
        check(&everywhere(&c.to_string()));
    }
}

#[test]
fn naughty_strings_survive_in_every_place() {
    for text in NAUGHTY {
        check(&everywhere(text));
    }
}

proptest! {
    #[test]
    fn damaged_records_become_one_valid_line_or_none(bytes in any_damaged_record()) {
        let thread = ThreadLabel::default();
        let callsites = Callsites::default();
        let Some(record) = Record::decode(&bytes, 0, &thread, &callsites) else {
            return Ok(());
        };
        let mut lines = Vec::new();
        detailed(Format::json()).format(&record, &callsites, &mut lines);
        let json = String::from_utf8(lines.split_off(0)).expect("a line is UTF-8");
        detailed(Format::text()).format(&record, &callsites, &mut lines);
        let text = String::from_utf8(lines).expect("a line is UTF-8");
        for line in [&json, &text] {
            assert_harmless(line.strip_suffix('\n').expect("a line break"));
        }
        parse(&json);
    }
}
