use proptest::prelude::*;

use super::expected::{Pairs, assert_shows, parse};
use super::{detailed, line, lines};
use crate::capture::callsite::Callsites;
use crate::capture::record::Record;
use crate::capture::sample::{
    Sample, SampleField, SampleValue, any_sample, encoded_fields, field, inline_field, message,
    str_field,
};
use crate::config::Format;
use crate::format::make;

const HEAD: &str =
    r#"{"timestamp":"2026-11-22T01:02:03.123456Z","level":"INFO","target":"app::module""#;

#[test]
fn a_line_has_the_documented_keys_in_the_documented_order() {
    let u64_field = |name, value| field(name, SampleValue::U64(value));
    let sample = Sample::new(vec![message("signed in"), u64_field("user", 42)])
        .inside("query", vec![u64_field("rows", 3)])
        .inside("request", vec![str_field("method", "GET")]);
    let common =
        r#","message":"signed in","user":42,"rows":3,"method":"GET","spans":["request","query"]"#;
    let process = std::process::id();
    let details =
        format!(r#","thread":"worker-1","file":"src/app.rs","line":12,"pid":{process},"seq":1"#);
    check(Format::json(), &sample, common);
    let all = Format::json().with_thread().with_location();
    let all = all.with_process().with_sequence();
    check(all, &sample, &format!("{common}{details}"));
}

#[test]
fn constants_and_ids_are_there_once_whatever_they_are_called() {
    let constants = |format: Format| {
        let format = format.field("level", "x").field("timestamp", "z");
        let format = format.field("service", "api").field("name", "other");
        format.field("host", "web-1").field("hostname", "web-2")
    };
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let sample = Sample::new(vec![message("m"), str_field("trace_id", id)]).inside(
        "span",
        vec![str_field("trace.id", id), str_field("level", "y")],
    );
    for format in [
        Format::json(),
        Format::bunyan(),
        Format::pino(),
        Format::ecs(),
        Format::google_cloud(),
        Format::datadog(),
        Format::open_telemetry(),
    ] {
        // It fails where a key is there twice.
        parse(&line(&mut *make(&constants(format)), &sample));
    }
    let line = line(&mut *make(&constants(Format::json())), &sample);
    assert!(line.contains(r#""level":"INFO""#) && line.contains(r#""fields.level":"x""#));
}

#[test]
fn an_id_of_the_event_takes_the_place_of_one_that_a_span_spells_otherwise() {
    let own = "4bf92f3577b34da6a3ce929d0e0e4736";
    let of_span = "00000000000000000000000000000001";
    let inside = |fields| Sample::new(fields).inside("span", vec![str_field("trace.id", of_span)]);
    // What was made of the spans is kept for the second record, which brings an id of its own.
    let samples = [inside(vec![]), inside(vec![str_field("trace_id", own)])];
    let lines = lines(&mut *make(&Format::open_telemetry()), &samples);
    let ids = lines.lines().map(|line| {
        let Pairs(pairs) = parse(line);
        let id = pairs.into_iter().find(|(key, _)| key == "traceId");
        id.map(|(_, id)| id)
    });
    assert_eq!(
        ids.collect::<Vec<_>>(),
        [Some(of_span.into()), Some(own.into())]
    );
}

#[test]
fn a_nameless_thread_is_its_number() {
    let mut sample = Sample::new(vec![]);
    sample.thread.name = None;
    check(Format::json().with_thread(), &sample, r#","thread":"7""#);
}

#[test]
fn every_type_of_value_has_its_form() {
    for (value, expected) in [
        (SampleValue::I64(i64::MIN), "-9223372036854775808"),
        (SampleValue::U64(u64::MAX), "18446744073709551615"),
        (SampleValue::I128(i64::MIN.into()), "-9223372036854775808"),
        (SampleValue::I128(u64::MAX.into()), "18446744073709551615"),
        (
            SampleValue::I128(i128::from(i64::MIN) - 1),
            r#""-9223372036854775809""#,
        ),
        (
            SampleValue::I128(i128::from(u64::MAX) + 1),
            r#""18446744073709551616""#,
        ),
        (
            SampleValue::I128(i128::MIN),
            r#""-170141183460469231731687303715884105728""#,
        ),
        (
            SampleValue::I128(i128::MAX),
            r#""170141183460469231731687303715884105727""#,
        ),
        (SampleValue::I128(0), "0"),
        (SampleValue::U128(u64::MAX.into()), "18446744073709551615"),
        (
            SampleValue::U128(u128::MAX),
            r#""340282366920938463463374607431768211455""#,
        ),
        (SampleValue::F64(0.1), "0.1"),
        (SampleValue::F64(-0.0), "-0.0"),
        (SampleValue::F64(1.0), "1.0"),
        (SampleValue::F64(f64::MAX), "1.7976931348623157e+308"),
        (SampleValue::F64(f64::from_bits(1)), "5e-324"),
        (SampleValue::F64(f64::NAN), r#""NaN""#),
        (SampleValue::F64(f64::INFINITY), r#""Infinity""#),
        (SampleValue::F64(f64::NEG_INFINITY), r#""-Infinity""#),
        (SampleValue::Bool(true), "true"),
        (SampleValue::Bool(false), "false"),
        (SampleValue::Str(String::new()), r#""""#),
        (
            SampleValue::Str("로그인 \"🧑‍💻\"".to_owned()),
            r#""로그인 \"🧑‍💻\"""#,
        ),
        (
            SampleValue::Text("Some(\"x\\n\")\n".to_owned()),
            r#""Some(\"x\\n\")\n""#,
        ),
        (SampleValue::Bytes(vec![0, 0x1b, 0xff]), r#""001bff""#),
        (SampleValue::Bytes(vec![]), r#""""#),
        (SampleValue::Error(vec!["outer".to_owned()]), r#"["outer"]"#),
        (
            SampleValue::Error(vec!["outer".to_owned(), "root\n".to_owned()]),
            r#"["outer","root\n"]"#,
        ),
    ] {
        let sample = Sample::new(vec![field("value", value)]);
        check(Format::json(), &sample, &format!(r#","value":{expected}"#));
    }
}

#[test]
fn colliding_names_are_told_apart_as_documented() {
    let event = |names: &[&str]| Sample::new(numbered(names, 0));
    for (sample, expected) in [
        // An event's field wins over those of spans, an inner span's over an outer one's.
        (
            event(&["a"])
                .inside("leaf", numbered(&["a", "b"], 10))
                .inside("root", numbered(&["b"], 20)),
            r#","a":0,"b":11,"spans":["root","leaf"]"#,
        ),
        (
            event(&[])
                .inside("same", numbered(&["a"], 10))
                .inside("same", numbered(&["a"], 20)),
            r#","a":10,"spans":["same","same"]"#,
        ),
        // The last one of an event wins, also where only one of the two names is declared.
        (event(&["a", "b", "a"]), r#","a":2,"b":1"#),
        (
            Sample::new(vec![
                str_field("a", "x"),
                inline_field("a", SampleValue::Bool(true)),
            ]),
            r#","a":true"#,
        ),
        (event(&["message", "message"]), r#","message":1"#),
        // The message comes first wherever it stands.
        (event(&["a", "message"]), r#","message":1,"a":0"#),
        (
            Sample::new(vec![
                inline_field("a", SampleValue::U64(0)),
                message("hello"),
            ]),
            r#","message":"hello","a":0"#,
        ),
        // Reserved keys win.
        (
            event(&["level", "cut"]),
            r#","fields.level":0,"fields.cut":1"#,
        ),
        (
            event(&["pid", "seq", "recovered"]),
            r#","fields.pid":0,"fields.seq":1,"fields.recovered":2"#,
        ),
        (
            event(&["level", "fields.level"]),
            r#","fields.fields.level":0,"fields.level":1"#,
        ),
        (
            event(&["level"]).inside("leaf", numbered(&["fields.level", "level"], 10)),
            r#","fields.fields.level":0,"fields.level":10,"spans":["leaf"]"#,
        ),
        // Only an event has a message; a span's field of that name is a field.
        (
            event(&["message"]).inside("leaf", numbered(&["message"], 10)),
            r#","message":0,"fields.message":10,"spans":["leaf"]"#,
        ),
        (
            event(&["message", "b", "b"]).inside("leaf", numbered(&["message"], 10)),
            r#","message":0,"b":2,"fields.message":10,"spans":["leaf"]"#,
        ),
        // Names that are no names.
        (event(&["", "a\"\n"]), r#","":0,"a\"\n":1"#),
        (
            Sample::new(vec![inline_field("", SampleValue::U64(0))]),
            r#","":0"#,
        ),
    ] {
        check(Format::json(), &sample, expected);
    }
}

#[test]
fn records_from_within_the_same_spans_are_told_apart() {
    let inside = |user, rows| {
        let event = Sample::new(numbered(&["a"], user));
        event
            .inside("query", numbered(&["rows"], rows))
            .inside("request", numbered(&["user", "id"], user))
    };
    let mut hiding = inside(1, 2);
    hiding.fields = numbered(&["rows"], 7);
    let mut elsewhere = inside(1, 2);
    elsewhere.thread.id += 64;
    let expected = |own: &str, user: u64, rows: u64| {
        format!(
            r#"{HEAD},"{own}":{},"rows":{rows},"user":{user},"id":{},"spans":["request","query"]}}"#,
            user,
            user + 1
        )
    };
    let hidden = format!(r#"{HEAD},"rows":7,"user":1,"id":2,"spans":["request","query"]}}"#);
    let outside = Sample::new(numbered(&["a"], 1));
    let samples = [
        (inside(1, 2), expected("a", 1, 2)),
        (inside(1, 2), expected("a", 1, 2)),
        (hiding.clone(), hidden.clone()),
        (hiding, hidden),
        (elsewhere, expected("a", 1, 2)),
        (inside(1, 2), expected("a", 1, 2)),
        (inside(1, 3), expected("a", 1, 3)),
        (outside, format!(r#"{HEAD},"a":1}}"#)),
        (inside(4, 3), expected("a", 4, 3)),
    ];
    let (samples, expected): (Vec<_>, Vec<_>) = samples.into_iter().unzip();
    let lines = lines(&mut *make(&Format::json()), &samples);
    assert_eq!(lines.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_field_that_is_recorded_twice_counts_with_its_last_value() {
    for name in ["message", "a"] {
        let first = Sample::new(vec![str_field(name, "first")]);
        let mut bytes = first.encode();
        // A record ends with its fields, so that more can be added.
        bytes.extend(encoded_fields(&[str_field(name, "second")]));
        let callsites = Callsites::default();
        let record = Record::decode(&bytes, first.time_ns, &first.thread, &callsites);
        let record = record.expect("a record");
        let mut line = Vec::new();
        make(&Format::json()).format(&record, &callsites, &mut line);
        let expected = format!("{HEAD},\"{name}\":\"second\"}}\n");
        assert_eq!(String::from_utf8(line), Ok(expected));
    }
}

#[test]
fn a_cut_record_says_so() {
    let sample = Sample::new(vec![str_field("text", &"가".repeat(1 << 20))]);
    let line = line(&mut *make(&Format::json()), &sample);
    assert!(line.ends_with(r#"가…[cut]","cut":true}"#));
    parse(&line);
}

#[test]
fn lines_are_numbered_from_1_whatever_their_names() {
    let format = Format::json().with_sequence();
    let plain = Sample::new(numbered(&["a"], 0));
    let ambiguous = Sample::new(numbered(&["a", "a", "seq"], 0));
    let samples = [plain.clone(), ambiguous, plain];
    let lines = lines(&mut *make(&format), &samples);
    let numbers = lines
        .lines()
        .map(|line| parse(line).0.pop().expect("a key"));
    let expected = (1..=3).map(|number| ("seq".to_owned(), number.into()));
    assert!(numbers.eq(expected), "{lines}");
}

#[test]
fn a_recovered_record_says_so() {
    let mut sample = Sample::new(numbered(&["recovered"], 0));
    sample.is_recovered = true;
    let expected = r#","fields.recovered":0,"recovered":true"#;
    check(Format::json(), &sample, expected);
}

#[test]
fn ten_thousand_fields_and_a_thousand_spans_are_written() {
    let names: Vec<String> = (0..10_000)
        .map(|number| format!("field_{number}"))
        .collect();
    let values = |is_inline| {
        let fields = names.iter().map(|name| SampleField {
            name: name.clone(),
            is_inline,
            value: SampleValue::Bool(is_inline),
        });
        fields.collect()
    };
    for is_inline in [false, true] {
        let mut sample = Sample::new(values(is_inline));
        for depth in 0..1000 {
            sample = sample.inside("nested", numbered(&["depth"], depth));
        }
        let Pairs(pairs) = parse(&line(&mut *make(&Format::json()), &sample));
        assert_eq!(pairs.len(), 3 + 10_000 + 2);
    }
}

#[test]
fn events_of_the_log_crate_show_their_own_target_and_place() {
    let mut sample = Sample::new(vec![
        message("from log"),
        str_field("log.target", "hyper\n::client"),
        str_field("log.module_path", "hyper"),
        str_field("log.file", "client.rs"),
        field("log.line", SampleValue::U64(99)),
    ]);
    sample.target = "log".to_owned();
    let line = line(&mut *detailed(Format::json()), &sample);
    let expected = r#""target":"hyper\n::client","message":"from log","thread":"worker-1","file":"client.rs","line":99,"pid""#;
    assert!(line.contains(expected), "{line}");
}

proptest! {
    #[test]
    fn any_records_become_one_object_each_with_each_key_once(
        samples in proptest::collection::vec(any_sample(), 1..4),
    ) {
        let lines = lines(&mut *detailed(Format::json()), &samples);
        assert_eq!(lines.matches('\n').count(), samples.len());
        for (line, sample) in lines.lines().zip(&samples) {
            super::assert_harmless(line);
            assert_shows(line, sample);
        }
    }

    #[test]
    fn any_records_of_a_thread_within_the_same_spans_show_their_own_fields(
        mut samples in proptest::collection::vec(any_sample(), 2..5),
    ) {
        let (thread, spans) = (samples[0].thread.clone(), samples[0].spans.clone());
        for sample in &mut samples {
            sample.thread = thread.clone();
            sample.spans = spans.clone();
        }
        let lines = lines(&mut *detailed(Format::json()), &samples);
        for (line, sample) in lines.lines().zip(&samples) {
            assert_shows(line, sample);
        }
    }
}

fn check(format: Format, sample: &Sample, expected: &str) {
    let line = line(&mut *make(&format), sample);
    assert_eq!(line, format!("{HEAD}{expected}}}"));
    parse(&line);
}

fn numbered(names: &[&str], first: u64) -> Vec<SampleField> {
    let fields = names.iter().zip(first..);
    fields
        .map(|(name, number)| field(name, SampleValue::U64(number)))
        .collect()
}
