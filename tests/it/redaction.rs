//! No secret gets into a log: neither into its lines nor into what a process leaves behind.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use offloop::request::{Arrival, Headers, Options, QueryPolicy, RequestLog};
use offloop::testing::Canary;
use offloop::{Json, Memory, Redaction, RedactionStyle};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::{Value, json};

use crate::support::{Program, json_lines, skip, spawn_child};

const TOKEN: &str = concat!("eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiI0MiJ9", ".c2lnbmF0dXJl");
const CARD: &str = "4111 1111 1111 1111";

/// What `program` logs to a pipeline with this redaction.
fn logged_with(redaction: Redaction, program: impl FnOnce()) -> Vec<Value> {
    let memory = Memory::new();
    let pipeline = Program::start(offloop::builder().memory(&memory).redaction(redaction));
    pipeline.run(program);
    assert_eq!(pipeline.end().lost(), 0);
    json_lines(&memory.text())
}

fn logged(program: impl FnOnce()) -> Vec<Value> {
    logged_with(Redaction::default(), program)
}

/// Fails where somebody looks at it.
struct Unseen;

impl fmt::Display for Unseen {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("nobody may look at this");
    }
}

#[test]
fn values_of_fields_with_the_names_of_secrets_are_not_in_the_log() {
    let lines = logged(|| {
        tracing::info!(
            password = "hunter2",
            user.apiKey = 42,
            access_token = ?Some("hunter2"),
            client_secret = %Unseen,
            user = "ada",
            "signed in"
        );
    });
    let line = &lines[0];
    for name in ["password", "user.apiKey", "access_token", "client_secret"] {
        assert_eq!(line[name], "[redacted]", "{line}");
    }
    assert_eq!(
        (&line["user"], &line["message"]),
        (&"ada".into(), &"signed in".into())
    );
}

#[test]
fn of_a_url_with_a_password_nothing_but_that_is_kept_out() {
    let lines = logged(|| {
        let url = "postgres://ann:hunter2@db:5432/orders";
        tracing::info!(url, ?url, dsn = %url, harmless = "http://host:80/@x", "connect {url}");
    });
    let expected = "postgres://ann:[redacted]@db:5432/orders";
    assert_eq!(lines[0]["dsn"], expected);
    assert_eq!(lines[0]["message"], format!("connect {expected}"));
    assert_eq!(lines[0]["harmless"], "http://host:80/@x");
    assert!(!lines[0].to_string().contains("hunter2"), "{}", lines[0]);
}

#[test]
fn values_of_spans_are_redacted_also_those_that_come_later() {
    let lines = logged(|| {
        let span =
            tracing::info_span!("login", password = "hunter2", token = tracing::field::Empty);
        span.in_scope(|| tracing::info!("before"));
        span.record("token", "hunter2");
        span.in_scope(|| tracing::info!("after {}", TOKEN));
    });
    assert_eq!(lines[0]["password"], "[redacted]");
    assert!(lines[0].get("token").is_none());
    assert_eq!(lines[1]["token"], "[redacted]");
    assert_eq!(lines[1]["message"], "after [redacted]");
}

#[test]
fn secrets_are_found_in_whatever_text_a_record_has() {
    let bytes = format!("card {CARD}").into_bytes();
    let inner = std::io::Error::other(format!("denied to {TOKEN}"));
    let outer = std::io::Error::other(inner);
    let lines = logged(|| {
        let _span = tracing::info_span!("pay", note = CARD).entered();
        tracing::info!(
            text = TOKEN,
            debug = ?format!("a {CARD}"),
            bytes = &*bytes,
            error = &outer as &dyn std::error::Error,
            number = 42,
            "paid with {CARD}, {}",
            "left as it is"
        );
    });
    let line = &lines[0];
    assert_eq!(line["message"], "paid with [redacted], left as it is");
    assert_eq!(line["text"], "[redacted]");
    assert_eq!(line["debug"], "\"a [redacted]\"");
    assert_eq!(line["bytes"], "card [redacted]");
    assert_eq!(line["note"], "[redacted]");
    assert_eq!(line["number"], 42);
    let error = line["error"].to_string();
    assert!(
        error.contains("denied to [redacted]") && !error.contains(TOKEN),
        "{error}"
    );
}

#[test]
fn what_stands_in_place_of_a_secret_is_a_choice() {
    let redaction = Redaction::default()
        .hash_key("key")
        .key_as("user_id", RedactionStyle::Hash)
        .key_as("account", RedactionStyle::LastFour)
        .value_as("ACME-[0-9]+", RedactionStyle::Hash)
        .style(RedactionStyle::LastFour);
    let lines = logged_with(redaction, || {
        tracing::info!(
            user_id = "hunter2",
            account = 123_456_789_012_u64,
            "{CARD} ACME-77"
        );
        tracing::info!(user_id = %"hunter2", account = "short", secret = 1, "hunter2");
    });
    assert_eq!(lines[0]["user_id"], "[hash:05d210d8af05]");
    assert_eq!(lines[1]["user_id"], lines[0]["user_id"]);
    assert_eq!(lines[0]["account"], "[last4:9012]");
    assert_eq!(
        (&lines[1]["account"], &lines[1]["secret"]),
        (&"[redacted]".into(), &"[redacted]".into())
    );
    let message = lines[0]["message"].as_str().unwrap();
    assert!(message.starts_with("[last4:1111] [hash:"), "{message}");
}

#[test]
fn exceptions_pass_and_nothing_is_redacted_where_that_is_off() {
    let program = || tracing::info!(page_token = "abc", password = "hunter2", "{CARD}");
    let kept = logged_with(Redaction::default().keep("page_token"), program);
    assert_eq!(
        (&kept[0]["page_token"], &kept[0]["password"]),
        (&"abc".into(), &"[redacted]".into())
    );
    let off = logged_with(Redaction::off(), program);
    assert_eq!(
        (&off[0]["password"], &off[0]["message"]),
        (&"hunter2".into(), &CARD.into())
    );
    let by_name = logged_with(Redaction::default().default_values(false), program);
    assert_eq!(
        (&by_name[0]["password"], &by_name[0]["message"]),
        (&"[redacted]".into(), &CARD.into())
    );
}

#[test]
fn pipelines_redact_each_by_its_own_rules_the_same_callsite() {
    let program = |redaction: Redaction| {
        let lines = logged_with(redaction, || {
            for _ in 0..3 {
                one_callsite();
            }
        });
        lines
            .iter()
            .map(|line| line["iban"].to_string())
            .collect::<Vec<_>>()
    };
    let (shown, hidden) = (["\"DE02\""; 3], ["\"[redacted]\""; 3]);
    assert_eq!(program(Redaction::default()), shown);
    assert_eq!(program(Redaction::default().key("iban")), hidden);
    assert_eq!(program(Redaction::off()), shown);
    assert_eq!(program(Redaction::off()), shown);
    assert_eq!(program(Redaction::default().key("*ban")), hidden);
}

fn one_callsite() {
    tracing::info!(iban = "DE02", "transferred");
}

#[test]
fn a_pattern_that_cannot_be_read_is_an_error() {
    let redaction = Redaction::default().value("ACME-[0-9");
    let Err(error) = offloop::builder().redaction(redaction).init() else {
        panic!("it cannot be read");
    };
    assert!(
        error
            .to_string()
            .starts_with("read pattern of secrets \"ACME-[0-9\": "),
        "{error}"
    );
}

#[test]
fn every_format_is_given_what_is_clean() {
    let memory = Memory::new();
    let sink = offloop::Sink::memory(&memory).text();
    let pipeline = Program::start(offloop::builder().sink(sink));
    pipeline.run(|| tracing::info!(password = "hunter2", "Bearer {TOKEN}"));
    pipeline.guard.flush(Duration::from_secs(60)).unwrap();
    let text = memory.text();
    assert!(
        text.contains("Bearer [redacted]") && text.contains(r#"password="[redacted]""#),
        "{text}"
    );
}

#[test]
fn secrets_among_the_fields_and_headers_of_requests_are_not_in_the_log() {
    let memory = Memory::new();
    let pipeline = Program::start(offloop::builder().memory(&memory));
    let options = Options::new()
        .request_header("x-session-token")
        .query(QueryPolicy::all_except(["q"]));
    let arrival = Arrival {
        method: "GET",
        path: "/",
        query: Some("page=2&db_password=hunter2&q=1&card=4111111111111111"),
        ..Arrival::default()
    };
    pipeline.run(|| {
        let headers = List(&[("x-session-token", b"hunter2")]);
        let mut request = RequestLog::new(options).begin(arrival, &headers);
        request.run(|| {
            offloop::request::add("user.password", "hunter2");
            offloop::request::add("plan", "gold");
        });
    });
    assert_eq!(pipeline.end().lost(), 0);
    let line = &json_lines(&memory.text())[0];
    assert_eq!(line["http.request.header.x-session-token"], "[redacted]");
    assert_eq!(line["user.password"], "[redacted]");
    assert_eq!(line["plan"], "gold");
    let query = "page=2&db_password=REDACTED&q=REDACTED&card=[redacted]";
    assert_eq!(line["url.query"], query);
    Canary::new("hunter2").assert_absent_in_memory(&memory);
}

struct List<'a>(&'a [(&'a str, &'a [u8])]);

impl Headers for List<'_> {
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        let named = self.0.iter().filter(move |(other, _)| *other == name);
        named.map(|(_, value)| *value)
    }
}

#[test]
fn no_old_file_has_a_secret_and_what_is_shown_is_found_there() {
    let directory = tempfile::tempdir().unwrap();
    let rotation = offloop::Rotation::on_demand().at_bytes(16 << 10);
    let sink = offloop::Sink::file(directory.path().join("app.jsonl"))
        .rotation(rotation)
        .compression(offloop::Compression::Gzip);
    let pipeline = Program::start(offloop::builder().sink(sink));
    pipeline.run(|| {
        for number in 0..1_000 {
            tracing::info!(
                number,
                password = "canary-hidden",
                shown = "canary-shown",
                "{TOKEN}"
            );
        }
    });
    assert_eq!(pipeline.end().lost(), 0);
    Canary::new("canary-hidden").assert_absent_in(directory.path());
    Canary::new(TOKEN).assert_absent_in(directory.path());
    let shown = Canary::new("canary-shown").find_in(directory.path());
    // One that is just being compressed is there twice.
    assert!(1_000 <= shown.unwrap().len());
}

/// Where a child logs to, and where its pages are.
const LOG: &str = "OFFLOOP_TEST_LOG";
const PAGES: &str = "OFFLOOP_TEST_PAGES";

/// Logs secrets to a file that nobody can write to, so that they wait.
fn log_secrets_and_die(by_value: &str) {
    let log = std::env::var_os(LOG).unwrap();
    let builder = offloop::builder()
        .file(&log)
        .crash_directory(std::env::var_os(PAGES).unwrap())
        .redaction(Redaction::default().value_as("ACME-[0-9]+", RedactionStyle::Hash));
    let guard = builder.init().unwrap();
    assert!(guard.stats().sinks[0].crash_safety.is_safe());
    let stalled = std::fs::File::options().create(true).append(true).open(log);
    let stalled = stalled.unwrap();
    flock(&stalled, FlockOperation::LockExclusive).unwrap();
    let span = tracing::info_span!(
        "login",
        api_key = "canary-hidden",
        token = tracing::field::Empty
    );
    span.record("token", "canary-hidden");
    let mut request = RequestLog::new(Options::new()).begin(Arrival::default(), &());
    span.in_scope(|| {
        tracing::info!(
            password = "canary-hidden",
            shown = "canary-shown",
            "{by_value} ACME-1234"
        );
        request.run(|| offloop::request::add("client_secret", "canary-hidden"));
    });
    drop(request);
    kill_process(getpid(), Signal::KILL).unwrap();
}

#[test]
fn what_a_killed_process_leaves_has_no_value_of_a_secret_field_and_its_lines_no_secret_at_all() {
    let mut private = tempfile::Builder::new();
    let private = private.permissions(std::fs::Permissions::from_mode(0o700));
    let Ok(pages) = private.tempdir_in("/dev/shm") else {
        return skip("no tmpfs at /dev/shm");
    };
    let logs = tempfile::tempdir().unwrap();
    let prepare = |command: &mut Command| {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
            .env(LOG, logs.path().join("app.jsonl"))
            .env(PAGES, pages.path());
    };
    let child = spawn_child(prepare, || log_secrets_and_die(TOKEN));
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(Signal::KILL.as_raw()));
    Canary::new("canary-hidden").assert_absent_in(pages.path());
    assert!(
        !Canary::new("canary-shown")
            .find_in(pages.path())
            .unwrap()
            .is_empty()
    );
    let report = offloop::recover(pages.path()).unwrap();
    assert_eq!((report.recovered, report.failures), (2, vec![]));
    Canary::new("canary-hidden").assert_absent_in(logs.path());
    Canary::new(TOKEN).assert_absent_in(logs.path());
    let lines = json_lines(&std::fs::read_to_string(logs.path().join("app.jsonl")).unwrap());
    // Who recovers a record has no key to hash with. A line was made by who died, had he begun to write.
    let message = lines[0]["message"].as_str().unwrap();
    let is_hash = |text: &str| text.starts_with("[hash:") && text.ends_with(']');
    let by_value = message.strip_prefix("[redacted] ");
    assert!(
        by_value.is_some_and(|text| text == "[redacted]" || is_hash(text)),
        "{message}"
    );
    assert_eq!(
        (&lines[0]["shown"], &lines[0]["token"]),
        (&"canary-shown".into(), &"[redacted]".into())
    );
    assert_eq!(lines[1]["client_secret"], "[redacted]");
}

/// Fails once it has written a secret.
struct Failing;

impl serde::Serialize for Failing {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{Error, SerializeMap};
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("password", "canary-hidden")?;
        Err(S::Error::custom("no more"))
    }
}

#[test]
fn a_value_that_is_json_in_part_shows_nothing_if_it_may_have_a_secret() {
    let long = json!({"password": "canary-hidden", "text": "x".repeat(300 << 10)});
    let harmless = json!({"name": "ada", "text": "x".repeat(300 << 10)});
    let memory = Memory::new();
    let pipeline = Program::start(offloop::builder().memory(&memory));
    pipeline.run(|| {
        let _span = tracing::info_span!("span", outer = ?Json(&long)).entered();
        tracing::info!(
            long = ?Json(&long),
            failing = ?Json(&Failing),
            within = ?Some(Json(&json!({"token": "canary-hidden"}))),
            harmless = ?Some(Json(&[1])),
            "got {:?}", Json(&long)
        );
        tracing::info!(harmless = ?Json(&harmless));
        let mut request = RequestLog::new(Options::new()).begin(Arrival::default(), &());
        request.run(|| {
            let within = Some(Json(&json!({"token": "canary-hidden"})));
            offloop::request::add("user", offloop::request::Value::Debug(&within));
            offloop::request::add("long", offloop::request::Value::Debug(&Json(&long)));
        });
    });
    assert_eq!(pipeline.end().lost(), 0);
    Canary::new("canary-hidden").assert_absent_in_memory(&memory);
    let lines = json_lines(&memory.text());
    for field in ["outer", "long", "failing", "within", "message"] {
        assert_eq!(lines[0][field], "[redacted]", "{field}");
    }
    assert_eq!(lines[0]["harmless"], "Some([1])");
    let cut = lines[1]["harmless"].as_str().unwrap();
    assert!(cut.starts_with(r#"{"name":"ada","text":"xxx"#) && lines[1]["cut"] == true);
    assert_eq!(lines[2]["user"], "[redacted]");
    // It does not fit into what handlers may add.
    assert!(lines[2].get("long").is_none() && lines[2]["dropped_fields"] == 1);
}

#[test]
fn within_values_that_are_json_names_and_texts_are_looked_at() {
    let value = json!({
        "name": "ada",
        "apiKey": {"id": 1, "value": "canary-hidden"},
        "list": [{"password": "canary-hidden", "n": 4_111_111_111_111_111_u64}],
        "note": format!("Bearer {TOKEN}\n"),
    });
    let expected = json!({
        "name": "ada",
        "apiKey": "[redacted]",
        "list": [{"password": "[redacted]", "n": "[redacted]"}],
        "note": "Bearer [redacted]\n",
    });
    let memory = Memory::new();
    let pipeline = Program::start(offloop::builder().memory(&memory));
    pipeline.run(|| {
        let _span = tracing::info_span!("span", outer = ?Json(&value)).entered();
        tracing::info!(user = ?Json(&value), "signed in");
        let mut request = RequestLog::new(Options::new()).begin(Arrival::default(), &());
        request
            .run(|| offloop::request::add("user", offloop::request::Value::Debug(&Json(&value))));
    });
    assert_eq!(pipeline.end().lost(), 0);
    let lines = json_lines(&memory.text());
    assert_eq!(
        (&lines[0]["user"], &lines[0]["outer"]),
        (&expected, &expected)
    );
    assert_eq!(lines[1]["user"], expected);
    Canary::new("canary-hidden").assert_absent_in_memory(&memory);
}
