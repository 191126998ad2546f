use proptest::prelude::*;

use super::{assert_harmless, detailed, line, lines};
use crate::capture::sample::{
    Sample, SampleValue, any_sample, field, inline_field, message, str_field,
};
use crate::config::{Colour, Format};
use crate::format::make;

fn check(format: Format, sample: &Sample, expected: &str) {
    let line = line(&mut *make(&format), sample);
    assert_eq!(line, format!("2026-11-22T01:02:03.123456Z {expected}"));
}

fn sample() -> Sample {
    Sample::new(vec![
        message("signed in"),
        field("user", SampleValue::U64(42)),
        str_field("name", "Ann"),
    ])
    .inside("query", vec![])
    .inside(
        "request",
        vec![
            str_field("method", "GET"),
            field("path", SampleValue::Text("/x".to_owned())),
        ],
    )
}

#[test]
fn a_line_reads_message_fields_spans() {
    let expected = " INFO app::module: signed in user=42 name=\"Ann\" \
        in request{method=\"GET\" path=/x}:query";
    check(Format::text(), &sample(), expected);
    let all = Format::text().with_thread().with_location();
    check(
        all.with_process().with_sequence(),
        &sample(),
        &format!(
            "{expected} at src/app.rs:12 on worker-1 pid={} seq=1",
            std::process::id()
        ),
    );
}

#[test]
fn levels_are_aligned() {
    for (level, expected) in [
        (tracing::Level::ERROR, "ERROR app::module: x"),
        (tracing::Level::WARN, " WARN app::module: x"),
        (tracing::Level::TRACE, "TRACE app::module: x"),
    ] {
        let mut sample = Sample::new(vec![message("x")]);
        sample.level = level;
        check(Format::text(), &sample, expected);
    }
}

#[test]
fn every_type_of_value_has_its_form() {
    let text = |text: &str| SampleValue::Text(text.to_owned());
    for (fields, expected) in [
        (vec![], ""),
        (vec![str_field("a", "")], " a=\"\""),
        (
            vec![str_field("a", "two\nlines \"\u{1b}[31m\"")],
            r#" a="two\nlines \"\u{1b}[31m\"""#,
        ),
        (
            vec![field("a", text("Some(\"x\")\n\u{202e}"))],
            r#" a=Some("x")\n\u{202e}"#,
        ),
        (vec![str_field("이름", "로그인 🧑‍💻")], " 이름=\"로그인 🧑‍💻\""),
        (
            vec![str_field("message", "a \"str\"\n"), message("twice")],
            r#" a "str"\n twice"#,
        ),
        (
            vec![inline_field("", SampleValue::Bool(true))],
            " \"\"=true",
        ),
        (
            vec![field("a b", SampleValue::Bool(false))],
            " \"a b\"=false",
        ),
        (vec![field("a=\n", SampleValue::I64(-1))], " \"a=\\n\"=-1"),
        (
            vec![field("a", SampleValue::U128(u128::MAX))],
            " a=340282366920938463463374607431768211455",
        ),
        (
            vec![field("a", SampleValue::I128(i128::MIN))],
            " a=-170141183460469231731687303715884105728",
        ),
        (vec![field("a", SampleValue::F64(-0.0))], " a=-0.0"),
        (
            vec![field("a", SampleValue::F64(f64::NEG_INFINITY))],
            " a=-inf",
        ),
        (
            vec![field("a", SampleValue::Bytes(vec![0x0a, 0xff]))],
            " a=0x0aff",
        ),
        (
            vec![field("error", error())],
            r#" error="save \"x\": disk full\n""#,
        ),
        (vec![field("message", error())], r#" save "x": disk full\n"#),
        (
            vec![str_field("a", "1"), inline_field("a", SampleValue::U64(2))],
            " a=\"1\" a=2",
        ),
    ] {
        check(
            Format::text(),
            &Sample::new(fields),
            &format!(" INFO app::module:{expected}"),
        );
    }
}

fn error() -> SampleValue {
    SampleValue::Error(vec!["save \"x\"".to_owned(), "disk full\n".to_owned()])
}

#[test]
fn a_cut_record_says_so() {
    let sample = Sample::new(vec![str_field("text", &"가".repeat(1 << 20))]);
    let line = line(&mut *make(&Format::text()), &sample);
    assert!(line.ends_with("가…[cut]\" [cut]"));
}

#[test]
fn a_recovered_record_says_so_behind_its_number() {
    let mut sample = Sample::new(vec![message("x")]);
    sample.is_recovered = true;
    let format = Format::text().with_sequence();
    check(format, &sample, " INFO app::module: x seq=1 [recovered]");
}

#[test]
fn a_nameless_thread_is_its_number() {
    let mut sample = Sample::new(vec![]);
    sample.thread.name = None;
    let format = Format::text().with_thread();
    check(format, &sample, " INFO app::module: on 7");
}

#[test]
fn colours_are_added_around_the_same_text() {
    let coloured = lines(
        &mut *make(&Format::text().colour(Colour::Always)),
        &[sample()],
    );
    assert!(coloured.contains("\x1b[32mINFO\x1b[0m"));
    assert_eq!(
        without_colours(&coloured),
        lines(&mut *make(&Format::text()), &[sample()])
    );
}

fn without_colours(line: &str) -> String {
    let mut parts = line.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once('m').map_or(part, |(_, rest)| rest)
    })
}

proptest! {
    #[test]
    fn any_records_become_one_harmless_line_each(
        samples in proptest::collection::vec(any_sample(), 1..4),
    ) {
        let plain = lines(&mut *detailed(Format::text()), &samples);
        assert_eq!(plain.split_terminator('\n').count(), samples.len());
        plain.split_terminator('\n').for_each(assert_harmless);
        let coloured = lines(&mut *detailed(Format::text().colour(Colour::Always)), &samples);
        assert_eq!(without_colours(&coloured), plain);
    }
}
