//! Each shape, byte by byte: one list of records, and a file for each shape that says what becomes of
//! them.
//!
//! After a change that is wanted, `OFFLOOP_BLESS=1 cargo test --lib golden` writes the files anew, to be
//! read before they are committed.

use std::fs;
use std::path::Path;

use tracing::Level;

use super::lines;
use crate::capture::sample::{
    Sample, SampleField, SampleValue, field, inline_field, message, str_field,
};
use crate::config::{Colour, Format, Part, Precision, SpanStyle};
use crate::format::make;
use crate::request;

const BLESS: &str = "OFFLOOP_BLESS";

/// One of each that a format has to do with.
fn records() -> Vec<Sample> {
    let mut records = vec![
        Sample::new(vec![message("started")]),
        Sample::new(vec![]),
        inside_spans(),
        inside_spans().of_request(),
        Sample::new(every_value()),
        failed(),
        Sample::new(vec![message("saved"), structure()]),
        hostile(),
        Sample::new(colliding()).inside("request", colliding()),
        of_log(),
        request(),
    ];
    for level in [Level::TRACE, Level::DEBUG, Level::WARN, Level::ERROR] {
        let mut sample = Sample::new(vec![message("level")]);
        sample.level = level;
        sample.thread.name = None;
        records.push(sample);
    }
    let mut cut = Sample::new(vec![message("cut")]);
    cut.is_cut = true;
    let mut recovered = inside_spans().of_request();
    recovered.is_recovered = true;
    records.extend([cut, recovered]);
    records
}

fn inside_spans() -> Sample {
    let fields = vec![
        message("signed in"),
        field("user", SampleValue::U64(42)),
        str_field("name", "Ann"),
    ];
    let path = field("path", SampleValue::Text("/x".to_owned()));
    Sample::new(fields)
        .inside("query", vec![field("rows", SampleValue::U64(3))])
        .inside("handler", vec![str_field("method", "GET"), path])
}

fn every_value() -> Vec<SampleField> {
    let values = [
        SampleValue::I64(i64::MIN),
        SampleValue::U64(u64::MAX),
        SampleValue::I128(-1),
        SampleValue::I128(i128::MIN),
        SampleValue::U128(u128::MAX),
        SampleValue::F64(0.1),
        SampleValue::F64(f64::NAN),
        SampleValue::F64(f64::NEG_INFINITY),
        SampleValue::Bool(true),
        SampleValue::Str(String::new()),
        SampleValue::Str("two words".to_owned()),
        SampleValue::Text("Some(1)".to_owned()),
        SampleValue::Bytes(vec![0, 0x1b, 0xff]),
        SampleValue::Error(vec!["alone".to_owned()]),
        SampleValue::Json("[1,1.5,null,true,\"x\"]".to_owned()),
        SampleValue::Json("{\"torn\":".to_owned()),
    ];
    let names = (b'a'..).map(|letter| char::from(letter).to_string());
    let fields = values.into_iter().zip(names);
    fields.map(|(value, name)| field(&name, value)).collect()
}

fn failed() -> Sample {
    let chain = ["save order", "connect \"db\"", "timed out\nafter 5 s"];
    let chain = chain.map(str::to_owned).to_vec();
    let mut sample = Sample::new(vec![
        message("cannot save"),
        field("error", SampleValue::Error(chain)),
    ]);
    sample.level = Level::ERROR;
    sample.of_request()
}

fn structure() -> SampleField {
    let text = r#"{"id":42,"tags":["a b","c"],"none":null,"inner":{"x":-1.5}}"#;
    field("order", SampleValue::Json(text.to_owned()))
}

fn hostile() -> Sample {
    let text = "a\"b\\\n\u{1b}[31m\u{202e}\u{2028}=, {}";
    let mut sample = Sample::new(vec![
        message(text),
        str_field("text", text),
        inline_field(text, SampleValue::Bool(true)),
        inline_field("", SampleValue::Bool(false)),
    ]);
    sample.target = text.to_owned();
    sample.inside(text, vec![str_field("in_span", text)])
}

/// Names that some format has for itself.
fn colliding() -> Vec<SampleField> {
    let names = [
        "message",
        "level",
        "timestamp",
        "time",
        "msg",
        "severity",
        "status",
        "pid",
        "name",
        "service",
        "service.name",
        "trace_id",
        "error",
        "user.id",
        "spans",
        "a b",
        "a_b",
    ];
    names.map(|name| str_field(name, "mine")).into()
}

fn of_log() -> Sample {
    let mut sample = Sample::new(vec![
        message("from log"),
        str_field("log.target", "hyper::client"),
        str_field("log.module_path", "hyper"),
        str_field("log.file", "client.rs"),
        field("log.line", SampleValue::U64(99)),
    ]);
    sample.target = "log".to_owned();
    sample
}

fn request() -> Sample {
    let mut sample = Sample::new(vec![
        str_field("http.request.method", "GET"),
        str_field("url.path", "/users/42"),
        field("http.response.status_code", SampleValue::U64(200)),
        field("duration_ms", SampleValue::F64(12.5)),
        field("http.response.body.size", SampleValue::U64(5)),
        str_field("network.protocol.version", "1.1"),
        field(
            "client.address",
            SampleValue::Text("203.0.113.9".to_owned()),
        ),
        str_field("user_agent.original", "curl/8 \"x\""),
        str_field("request_id", "01a1f2b3-request"),
        str_field("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
        str_field("span_id", "00f067aa0ba902b7"),
        message("request"),
    ]);
    sample.name = "request";
    sample.target = request::TARGET.to_owned();
    sample
}

/// Shows all records in these formats.
fn show(formats: &[Format]) -> String {
    let records = records();
    let process = format!("{}", std::process::id());
    let show = |format: &Format| {
        let written = lines(&mut *make(format), &records);
        let format = format.told();
        // The process that runs the test is another one each time.
        let written =
            ["pid\":", "pid=", "intValue\":\""]
                .iter()
                .fold(written, |written, before| {
                    written.replace(&format!("{before}{process}"), &format!("{before}4711"))
                });
        format!("== {format}\n{written}\n")
    };
    formats.iter().map(show).collect()
}

fn check(name: &str, formats: &[Format]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let path = path.join(format!("{name}.txt"));
    let shown = show(formats);
    if std::env::var_os(BLESS).is_some() {
        fs::write(&path, &shown).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    for (shown, golden) in shown.lines().zip(golden.lines()) {
        assert_eq!(shown, golden, "{name}: set {BLESS}=1 if that is wanted");
    }
    assert_eq!(shown, golden, "{name}: set {BLESS}=1 if that is wanted");
}

/// With all that can be asked for, and constant fields.
fn full(format: Format) -> Format {
    let format = format.with_thread().with_location();
    let format = format.with_process().with_sequence();
    let format = format.field("service", "api").field("version", "1.4.0");
    let format = format.field("environment", "production");
    format.field("zone", 3_i64).field("host", "web-1")
}

/// Its host is not that of whoever runs the test.
fn at_home(format: Format) -> Format {
    format.field("host", "web-1")
}

#[test]
fn json_is_as_it_was() {
    check("json", &[Format::json(), full(Format::json())]);
}

#[test]
fn json_with_options_is_as_it_was() {
    let json = Format::json;
    check(
        "json_options",
        &[
            json().spans(SpanStyle::List),
            json().spans(SpanStyle::Nested),
            json().spans(SpanStyle::None),
            json().key("timestamp", "ts").key("user", "user.id"),
            json().precision(Precision::Nanoseconds).zone("+05:30"),
            json().order([Part::Message, Part::Fields, Part::Level]),
        ],
    );
}

#[test]
fn open_telemetry_is_as_it_was() {
    let format = Format::open_telemetry;
    check("open_telemetry", &[format(), full(format())]);
}

#[test]
fn ecs_is_as_it_was() {
    check("ecs", &[Format::ecs(), full(Format::ecs())]);
}

#[test]
fn google_cloud_is_as_it_was() {
    let format = Format::google_cloud;
    check("google_cloud", &[format(), full(format())]);
}

#[test]
fn datadog_is_as_it_was() {
    check("datadog", &[Format::datadog(), full(Format::datadog())]);
}

#[test]
fn bunyan_is_as_it_was() {
    let format = Format::bunyan;
    check("bunyan", &[at_home(format()), full(format())]);
}

#[test]
fn pino_is_as_it_was() {
    check("pino", &[at_home(Format::pino()), full(Format::pino())]);
}

#[test]
fn logfmt_is_as_it_was() {
    check("logfmt", &[Format::logfmt(), full(Format::logfmt())]);
}

#[test]
fn text_is_as_it_was() {
    let coloured = Format::text().colour(Colour::Always);
    check("text", &[Format::text(), full(Format::text()), coloured]);
}

#[test]
fn compact_is_as_it_was() {
    check("compact", &[Format::compact(), full(Format::compact())]);
}

#[test]
fn pretty_is_as_it_was() {
    check("pretty", &[Format::pretty(), full(Format::pretty())]);
}

#[test]
fn access_logs_are_as_they_were() {
    // All records, also those that the sink's filter would keep away.
    let formats = [Format::common_log(), Format::combined_log()];
    check("access_log", &formats);
}
