//! What the builder sets can be written and read back, whatever it is.

use std::time::Duration;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tracing::Level;

use crate::{
    Builder, Compression, Config, Memory, OnHangup, Overflow, Retention, Rotation, Sink, SyncPolicy,
};

fn durations() -> impl Strategy<Value = Duration> {
    (any::<u64>(), 0_u32..1_000_000_000).prop_map(|(s, ns)| Duration::new(s, ns))
}

fn rotations() -> impl Strategy<Value = Rotation> {
    let periods = prop_oneof![
        Just(Rotation::on_demand()),
        Just(Rotation::minutely()),
        Just(Rotation::hourly()),
        Just(Rotation::weekly()),
        (0_u32..24, 0_u32..60).prop_map(|(hour, minute)| Rotation::daily_at(hour, minute)),
    ];
    (periods, option::of(any::<u64>()), any::<bool>()).prop_map(|(rotation, bytes, at_start)| {
        let rotation = match bytes {
            Some(bytes) => rotation.at_bytes(bytes),
            None => rotation,
        };
        if at_start {
            rotation.at_start()
        } else {
            rotation
        }
    })
}

fn retentions() -> impl Strategy<Value = Retention> {
    (any::<usize>(), durations(), any::<u64>(), any::<u64>()).prop_map(
        |(count, age, most, free)| {
            let retention = Retention::all().files_max(count).age_max(age);
            retention.bytes_max(most).free_bytes_min(free)
        },
    )
}

fn syncs() -> impl Strategy<Value = SyncPolicy> {
    let levels = select(vec![Level::ERROR, Level::WARN, Level::INFO, Level::TRACE]);
    prop_oneof![
        Just(SyncPolicy::Never),
        durations().prop_map(SyncPolicy::Every),
        levels.prop_map(SyncPolicy::AtLevel),
    ]
}

fn sinks() -> impl Strategy<Value = Sink> {
    let files = (
        any::<String>(),
        rotations(),
        retentions(),
        syncs(),
        0_u32..0o1000,
    );
    let files = files.prop_map(|(path, rotation, retention, sync, mode)| {
        let sink = Sink::file(path).rotation(rotation).retention(retention);
        sink.sync(sync).mode(mode).compression(Compression::Gzip)
    });
    let standard = any::<bool>().prop_map(|is_out| {
        if is_out {
            Sink::stdout()
        } else {
            Sink::stderr()
        }
    });
    let sinks = (prop_oneof![files, standard], any::<bool>());
    let sinks = sinks.prop_map(|(sink, is_enabled)| sink.enabled(is_enabled));
    (sinks, option::of(any::<String>()), option::of("[a-z]{1,2}")).prop_map(
        |(sink, level, name)| {
            let sink = match level {
                Some(level) => sink.filter(level),
                None => sink,
            };
            match name {
                Some(name) => sink.named(name),
                None => sink,
            }
        },
    )
}

fn builders() -> impl Strategy<Value = Builder> {
    let waiting = (
        any::<usize>(),
        durations(),
        durations(),
        option::of(durations()),
    );
    let reactions = select(vec![
        OnHangup::Unhandled,
        OnHangup::Reopen,
        OnHangup::Reload,
    ]);
    let switches = any::<[bool; 3]>();
    let process = (durations(), reactions, switches);
    let sinks = proptest::collection::vec(sinks(), 0..4);
    (any::<String>(), waiting, process, sinks).prop_map(|(text, waiting, process, sinks)| {
        let (budget, delay, _, at_most) = waiting;
        let overflow = at_most.map_or(Overflow::DropNewest, |at_most| Overflow::Block { at_most });
        let (timeout, reaction, [rust_log, panic_hook, crash_safe]) = process;
        let builder = crate::builder()
            .filter(&text)
            .request_detail(&text)
            .rust_log(rust_log);
        let builder = builder.budget(budget).write_delay(delay).overflow(overflow);
        let builder = builder.exit_timeout(timeout).panic_hook(panic_hook);
        let builder = builder.on_hangup(reaction).crash_safe(crash_safe);
        let builder = builder.crash_directory(text);
        sinks.into_iter().fold(builder, Builder::sink)
    })
}

proptest! {
    #[test]
    fn what_the_builder_sets_reads_back_the_same(builder in builders()) {
        let text = serde_json::to_string(builder.config()).unwrap();
        let read: Config = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&read, builder.config());
        prop_assert!(read.sinks.keys().eq(builder.config().sinks.keys()), "the order is another");
    }
}

#[test]
fn what_is_not_set_is_as_with_the_builder() {
    let read: Config = serde_json::from_str("{}").unwrap();
    assert_eq!(&read, crate::builder().config());
}

#[test]
fn a_key_that_there_is_not_is_refused() {
    for text in [
        r#"{"levle": "info"}"#,
        r#"{"sinks": {"main": {"kind": "stdout", "colour": true}}}"#,
        r#"{"sinks": {"main": {"kind": "file", "path": "a", "rotation": {"daily": true}}}}"#,
        r#"{"sinks": {"main": {"kind": "file", "path": "a", "retention": {"files": 3}}}}"#,
    ] {
        let error = serde_json::from_str::<Config>(text).unwrap_err();
        assert!(error.to_string().contains("unknown field"), "{error}");
    }
}

#[test]
fn sinks_are_called_after_their_kinds_unless_they_have_names() {
    let builder = crate::builder()
        .file("a")
        .sink(Sink::file("b").named("file-2"))
        .file("c")
        .stderr()
        .sink(Sink::stdout().named("file"));
    let names: Vec<_> = builder.config().sinks.keys().collect();
    assert_eq!(names, ["file", "file-2", "file-3", "stderr"]);
    let expected = crate::builder().sink(Sink::stdout().named("file"));
    assert_eq!(
        builder.config().sinks["file"],
        expected.config().sinks["file"]
    );
}

#[test]
fn a_memory_can_be_written_of_but_not_read() {
    let memory = Memory::new();
    let text = serde_json::to_string(crate::builder().memory(&memory).config()).unwrap();
    assert!(text.contains(r#""memory":{"kind":"memory"}"#), "{text}");
    let error = serde_json::from_str::<Config>(&text).unwrap_err();
    assert!(
        error.to_string().contains("unknown variant `memory`"),
        "{error}"
    );
}
