//! No secret gets into a log: neither into its lines nor into what a process leaves behind.

use std::fmt;
use std::time::Duration;

use offloop::{Memory, Redaction, RedactionStyle};
use serde_json::Value;

use crate::support::{Program, json_lines};

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
