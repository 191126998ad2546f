//! Whatever a record holds, each format makes one harmless line of it, and JSON that parses with each
//! key once. (A format that has several lines for a record has harmless ones.)
//!
//! The input is the number of a format (1 byte), that of a callsite (1 byte), and a record as
//! `src/capture/record` has it, but for the callsite's address.

#![no_main]

use libfuzzer_sys::fuzz_target;

use self::harmless::{assert_harmless, assert_is_object};

#[path = "../../tests/it/harmless.rs"]
mod harmless;

fuzz_target!(|input: &[u8]| {
    let Some((format, lines)) = offloop::fuzzing::lines(input) else {
        return;
    };
    let lines = String::from_utf8(lines).expect("lines are UTF-8");
    let lines = lines.strip_suffix('\n').expect("a line break at the end");
    let shape = serde_json::to_value(&format).expect("a format can be written");
    let shape = shape
        .get("shape")
        .unwrap_or(&shape)
        .as_str()
        .expect("a name")
        .to_owned();
    if shape != "pretty" {
        assert_eq!(lines.matches('\n').count(), 1, "two records: {lines:?}");
    }
    lines.split('\n').for_each(assert_harmless);
    if is_json(&shape) {
        lines.split('\n').for_each(assert_is_object);
    }
});

fn is_json(shape: &str) -> bool {
    !matches!(
        shape,
        "logfmt" | "text" | "compact" | "pretty" | "common_log" | "combined_log"
    )
}
