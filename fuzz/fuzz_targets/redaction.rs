//! Whatever stands around a secret, it is not in the line, and the line is JSON.
//!
//! The input is text and bytes as they come; a token is put between two halves of it.

#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use offloop::{Guard, Json, Memory};
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt;

const TOKEN: &str = concat!("eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiI0MiJ9", ".c2lnbmF0dXJl");

struct Program {
    memory: Memory,
    dispatch: Dispatch,
    guard: Guard,
}

static PROGRAM: LazyLock<Program> = LazyLock::new(|| {
    let memory = Memory::new();
    let builder = offloop::builder().memory(&memory);
    let builder = builder.write_delay(Duration::from_micros(100));
    let (layer, guard) = builder.build().expect("a pipeline");
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    Program {
        memory,
        dispatch,
        guard,
    }
});

fuzz_target!(|input: &[u8]| {
    let half = input.len() / 2;
    let (before, behind) = input.split_at(half);
    let text = [before, b" ", TOKEN.as_bytes(), b" ", behind].concat();
    let lossy = String::from_utf8_lossy(&text).into_owned();
    let json = serde_json::json!({ "text": &lossy, "list": [&lossy], lossy.clone(): 1 });
    let program = &*PROGRAM;
    tracing::dispatcher::with_default(&program.dispatch, || {
        tracing::info!(text = lossy, bytes = &*text, json = ?Json(&json), debug = ?lossy, "{lossy}");
    });
    program.guard.flush(Duration::from_secs(60)).expect("the line");
    let line = program.memory.text();
    program.memory.clear();
    assert!(!line.contains(TOKEN), "{line}");
    assert_eq!(line.matches('\n').count(), 1, "{line}");
    let parsed = serde_json::from_str::<serde_json::Value>(&line);
    assert!(parsed.is_ok_and(|line| line["json"].is_object()), "{line}");
});
