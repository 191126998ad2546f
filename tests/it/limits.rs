//! No record holds more than the limits say, and what was cut says so.

use offloop::{Limits, Memory};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{Program, json_lines};

const MARK: &str = "…[cut]";

fn logged_within(limits: Limits, program: impl FnOnce()) -> Vec<Value> {
    let memory = Memory::new();
    let pipeline = Program::start(offloop::builder().memory(&memory).limits(limits));
    pipeline.run(program);
    assert_eq!(pipeline.end().lost(), 0);
    json_lines(&memory.text())
}

fn is_cut(line: &Value) -> bool {
    line["cut"] == true
}

#[test]
fn a_text_is_cut_at_the_byte_behind_its_limit() {
    let limits = Limits::default().field_bytes(100);
    let (fits, is_longer) = ("x".repeat(100), "x".repeat(101));
    let lines = logged_within(limits, || {
        tracing::info!(text = fits, display = %fits, debug = ?fits[..98], "{fits}");
        tracing::info!(text = is_longer);
        tracing::info!(display = %is_longer);
        tracing::info!("{is_longer}");
        tracing::info!(bytes = is_longer.as_bytes());
    });
    assert!(!is_cut(&lines[0]), "{}", lines[0]);
    for (line, field) in lines[1..].iter().zip(["text", "display", "message"]) {
        assert_eq!(line[field], format!("{fits}{MARK}"));
        assert!(is_cut(line), "{line}");
    }
    assert_eq!(
        (&lines[4]["bytes"], is_cut(&lines[4])),
        (&"78".repeat(100).into(), true)
    );
}

#[test]
fn an_error_and_its_sources_share_one_limit() {
    let inner = std::io::Error::other("i".repeat(80));
    let outer = Outer(inner);
    let error = &outer as &(dyn std::error::Error + 'static);
    let lines = logged_within(Limits::default().field_bytes(100), || tracing::info!(error));
    let messages = lines[0]["error"].as_array().unwrap();
    assert_eq!(messages[0], "o".repeat(50));
    let inner = messages[1].as_str().unwrap();
    assert!(inner.ends_with(MARK) && inner.len() < 60, "{inner}");
    assert!(is_cut(&lines[0]));
}

#[derive(Debug)]
struct Outer(std::io::Error);

impl std::fmt::Display for Outer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&"o".repeat(50))
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn fields_beyond_the_limit_are_left_out_but_for_the_message() {
    let limits = || Limits::default().fields(2);
    let lines = logged_within(limits(), || {
        tracing::info!(a = 1, b = 2, "two");
        tracing::info!(a = 1, b = 2, c = 3, "three");
        let _span = tracing::info_span!("span", x = 1, y = 2, z = 3).entered();
        tracing::info!("within");
    });
    assert!(!is_cut(&lines[0]));
    assert_eq!(
        (&lines[1]["b"], &lines[1]["message"]),
        (&2.into(), &"three".into())
    );
    assert!(lines[1].get("c").is_none() && is_cut(&lines[1]));
    assert!(lines[2]["y"] == 2 && lines[2].get("z").is_none() && is_cut(&lines[2]));
}

#[test]
fn a_record_is_cut_at_its_limit_and_the_next_is_whole() {
    let limits = Limits::default().record_bytes(1 << 10);
    let lines = logged_within(limits, || {
        let text = "y".repeat(4000);
        tracing::info!(number = 1, text, "cut");
        tracing::info!(number = 2, "whole");
        let _span = tracing::info_span!("span", text).entered();
        tracing::info!(number = 3, "within");
    });
    let text = lines[0]["text"].as_str().unwrap();
    assert!(
        text.ends_with(MARK) && (800..1024).contains(&text.len()),
        "{}",
        text.len()
    );
    assert!(is_cut(&lines[0]) && !is_cut(&lines[1]) && is_cut(&lines[2]));
    assert_eq!(lines[2]["number"], 3);
}

#[test]
fn spans_take_half_of_a_record_and_of_a_text_in_them_the_beginning_is_kept() {
    let limits = Limits::default().record_bytes(2 << 10);
    let lines = logged_within(limits, || {
        let text = "y".repeat(4000);
        let _outer = tracing::info_span!("outer", lost = 1).entered();
        let _span = tracing::info_span!("span", user = 42, text, unseen = 1).entered();
        let message = "z".repeat(900);
        tracing::info!(number = 1, "{message}");
    });
    let (line, text) = (&lines[0], lines[0]["text"].as_str().unwrap());
    assert!(
        text.ends_with(MARK) && (800..1024).contains(&text.len()),
        "{line}"
    );
    assert!(
        line["user"] == 42 && line["number"] == 1 && is_cut(line),
        "{line}"
    );
    assert_eq!(line["message"].as_str().map(str::len), Some(900));
    assert!(line.get("unseen").is_none() && line.get("lost").is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_cut_is_the_beginning_of_a_text(
        text in "\\PC{0,300}",
        field_bytes in 0..400_usize,
        record_bytes in 0..3000_usize,
    ) {
        let limits = Limits::default().field_bytes(field_bytes).record_bytes(record_bytes);
        let lines = logged_within(limits, || tracing::info!(text, display = %text, "{text}"));
        prop_assert_eq!(lines.len(), 1);
        for field in ["text", "display", "message"] {
            let Some(shown) = lines[0][field].as_str() else {
                prop_assert!(is_cut(&lines[0]));
                continue;
            };
            let kept = shown.strip_suffix(MARK).unwrap_or(shown);
            prop_assert!(text.starts_with(kept), "{} is not how {} begins", kept, text);
            prop_assert!(shown == text || is_cut(&lines[0]));
            prop_assert!(kept.len() <= field_bytes.max(64));
        }
    }
}

#[test]
fn what_lies_too_deep_in_a_value_that_is_json_is_cut() {
    let value = serde_json::json!({"a": [{"b": 1}], "c": 2});
    let lines = logged_within(Limits::default().depth(2), || {
        tracing::info!(value = ?offloop::Json(&value));
        tracing::info!(value = ?offloop::Json(&value["a"]));
    });
    assert_eq!(lines[0]["value"], serde_json::json!({"a": [MARK], "c": 2}));
    assert_eq!(lines[1]["value"], serde_json::json!([{"b": 1}]));
    assert_eq!([is_cut(&lines[0]), is_cut(&lines[1])], [true, false]);
}
