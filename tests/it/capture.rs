//! What of an event and its spans is in the record.

use std::error::Error;
use std::fmt;
use std::io;
use std::thread;

use offloop::Memory;
use serde_json::{Value, json};
use tracing::field::{Empty, display};
use tracing::instrument::{Instrument, WithSubscriber};
use tracing::span::Id;
use tracing::{Dispatch, Level, Span};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::support::{
    PATIENCE, Program, Received, in_child, in_child_with, json_lines, json_lines_among, logged,
};

/// The one line that `program` logs.
fn logged_one(program: impl FnOnce()) -> Value {
    let mut lines = logged(program);
    assert_eq!(lines.len(), 1);
    lines.remove(0)
}

/// Every field of `expected` is in the line with this very value; `null` means that it is not
/// there.
#[track_caller]
fn check_fields(line: &Value, expected: Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&line[name], value, "{name} in {line}");
    }
}

#[test]
fn values_keep_their_types() {
    let line = logged_one(|| {
        tracing::info!(
            least = i64::MIN,
            most = u64::MAX,
            small_i128 = -1_i128,
            large_i128 = i128::MIN,
            large_u128 = u128::MAX,
            half = 0.5,
            tiny = f64::MIN_POSITIVE,
            yes = true,
            text = "a\n\"b\" 가",
            bytes = &b"\x00\xff"[..],
            shown = %"shown",
            debugged = ?Some("debugged"),
            "the {}",
            "message"
        );
    });
    check_fields(
        &line,
        json!({
            "level": "INFO",
            "target": "it::capture",
            "message": "the message",
            "least": i64::MIN,
            "most": u64::MAX,
            "small_i128": -1,
            "large_i128": i128::MIN.to_string(),
            "large_u128": u128::MAX.to_string(),
            "half": 0.5,
            "yes": true,
            "text": "a\n\"b\" 가",
            "bytes": "00ff",
            "shown": "shown",
            "debugged": "Some(\"debugged\")",
        }),
    );
    assert_eq!(line["tiny"].as_f64(), Some(f64::MIN_POSITIVE));
}

#[test]
fn numbers_that_json_does_not_know_are_strings() {
    let line = logged_one(|| {
        tracing::info!(
            nan = f64::NAN,
            most = f64::INFINITY,
            least = f64::NEG_INFINITY,
            zero = -0.0
        );
    });
    let expected = json!({"nan": "NaN", "most": "Infinity", "least": "-Infinity"});
    check_fields(&line, expected);
    assert!(line["zero"].as_f64().unwrap().is_sign_negative());
}

#[derive(Debug)]
struct Failed(&'static str, Option<Box<Failed>>);

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|source| source as _)
    }
}

#[test]
fn an_error_is_the_list_of_its_messages() {
    let refused = Failed("connection refused", None);
    let no_user = Failed("no user", Some(Box::new(refused)));
    let not_signed_in = Failed("not signed in", Some(Box::new(no_user)));
    let line = logged_one(|| {
        let chain: &(dyn Error + 'static) = &not_signed_in;
        let alone: &(dyn Error + 'static) = &io::Error::from(io::ErrorKind::NotFound);
        tracing::error!(chain, alone, "failed");
    });
    let chain = ["not signed in", "no user", "connection refused"];
    check_fields(
        &line,
        json!({"chain": chain, "alone": ["entity not found"]}),
    );
}

struct Panics;

impl fmt::Display for Panics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("before ")?;
        // Without the hook, whose output would look like a failure.
        std::panic::resume_unwind(Box::new("part of the test"))
    }
}

impl fmt::Debug for Panics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

struct Refuses;

impl fmt::Display for Refuses {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}

#[test]
fn a_value_that_panics_or_refuses_loses_neither_the_record_nor_the_program() {
    let line = logged_one(|| {
        let span = tracing::info_span!("work", in_span = %Panics);
        let _in_span = span.enter();
        tracing::info!(shown = %Panics, debugged = ?Panics, refused = %Refuses, after = 1, "here");
    });
    check_fields(
        &line,
        json!({
            "shown": "before [formatting panicked]",
            "debugged": "before [formatting panicked]",
            "in_span": "before [formatting panicked]",
            "refused": "[formatting failed]",
            "after": 1,
            "message": "here",
        }),
    );
}

#[test]
fn a_message_that_panics_is_kept_as_far_as_it_came() {
    let line = logged_one(|| tracing::info!("it was {Panics}"));
    assert_eq!(line["message"], "it was before [formatting panicked]");
}

#[test]
fn fields_may_be_empty_and_their_names_anything() {
    let line = logged_one(|| {
        tracing::info!(
            empty = "",
            absent = Empty,
            none = None::<u64>,
            some = Some(1),
            "" = "no name",
            "with space" = 1,
            http.status = 200,
            "가" = 2,
        );
    });
    check_fields(
        &line,
        json!({
            "empty": "", "absent": null, "none": null, "some": 1, "": "no name",
            "with space": 1, "http.status": 200, "가": 2, "message": null,
        }),
    );
}

#[test]
fn an_event_may_have_more_than_32_fields() {
    let line = logged_one(|| {
        tracing::info!(
            a0 = 0,
            a1 = 1,
            a2 = 2,
            a3 = 3,
            a4 = 4,
            a5 = 5,
            a6 = 6,
            a7 = 7,
            a8 = 8,
            a9 = 9,
            b0 = 10,
            b1 = 11,
            b2 = 12,
            b3 = 13,
            b4 = 14,
            b5 = 15,
            b6 = 16,
            b7 = 17,
            b8 = 18,
            c0 = 20,
            c1 = 21,
            c2 = 22,
            c3 = 23,
            c4 = 24,
            c5 = 25,
            c6 = 26,
            c7 = 27,
            c8 = 28,
            d0 = 30,
            d1 = 31,
            d2 = 32,
            d3 = 33,
            d4 = 34,
            d5 = 35,
            d6 = 36,
            d7 = 37,
            d8 = 38,
        );
    });
    check_fields(
        &line,
        json!({"a0": 0, "b8": 18, "c8": 28, "d7": 37, "d8": 38}),
    );
}

#[test]
fn names_of_the_format_are_not_taken_by_fields() {
    let line = logged_one(|| {
        let span = tracing::info_span!("work", message = "of the span", level = "high");
        let _in_span = span.enter();
        tracing::info!(target: "app", timestamp = 1, target = "moon", "of the event");
    });
    check_fields(
        &line,
        json!({
            "message": "of the event", "fields.message": "of the span", "level": "INFO",
            "fields.level": "high", "target": "app", "fields.target": "moon",
            "fields.timestamp": 1,
        }),
    );
}

#[test]
fn each_record_has_the_fields_of_its_spans_and_the_innermost_win() {
    let lines = logged(|| {
        let outer = tracing::info_span!("outer", a = "outer", b = "outer", c = "outer");
        let _in_outer = outer.enter();
        {
            let inner = tracing::info_span!("inner", b = "inner", c = "inner");
            let _in_inner = inner.enter();
            tracing::info!(c = "event", "both");
        }
        tracing::info!("outer alone");
        drop(_in_outer);
        tracing::info!("none");
    });
    let both = json!({"a": "outer", "b": "inner", "c": "event", "spans": ["outer", "inner"]});
    check_fields(&lines[0], both);
    let alone = json!({"a": "outer", "b": "outer", "c": "outer", "spans": ["outer"]});
    check_fields(&lines[1], alone);
    check_fields(&lines[2], json!({"a": null, "spans": null}));
}

#[test]
fn what_a_span_records_later_replaces_and_shows_in_events_of_its_children_too() {
    let lines = logged(|| {
        let outer = tracing::info_span!("outer", user = "nobody", status = Empty, kept = 1);
        let inner = tracing::info_span!(parent: &outer, "inner", rows = Empty);
        inner.in_scope(|| tracing::info!("before"));
        outer.record("user", "Ann");
        outer.record("status", 200);
        outer.record("unknown", "dropped");
        inner.in_scope(|| tracing::info!("after"));
        outer.record("status", display("gone"));
        inner.record("rows", 3);
        inner.in_scope(|| tracing::info!("again"));
    });
    check_fields(
        &lines[0],
        json!({"user": "nobody", "status": null, "rows": null, "kept": 1}),
    );
    check_fields(
        &lines[1],
        json!({"user": "Ann", "status": 200, "unknown": null, "kept": 1}),
    );
    check_fields(
        &lines[2],
        json!({"user": "Ann", "status": "gone", "rows": 3, "kept": 1}),
    );
}

#[test]
fn an_explicit_parent_counts_and_not_the_current_span() {
    let lines = logged(|| {
        let other = tracing::info_span!("other", from = "other");
        let current = tracing::info_span!("current", from = "current");
        let _in_current = current.enter();
        tracing::info!(parent: &other, "explicit");
        tracing::info!(parent: other.id(), "by id");
        tracing::info!(parent: None, "root");
        tracing::info!("contextual");
        tracing::info_span!(parent: &other, "child").in_scope(|| tracing::info!("in child"));
        tracing::info_span!(parent: None, "root").in_scope(|| tracing::info!("in root"));
    });
    let spans: Vec<_> = lines.iter().map(|line| line["spans"].clone()).collect();
    assert_eq!(
        spans,
        [
            json!(["other"]),
            json!(["other"]),
            Value::Null,
            json!(["current"]),
            json!(["other", "child"]),
            json!(["root"]),
        ]
    );
    check_fields(&lines[0], json!({"from": "other"}));
}

#[test]
fn spans_may_be_left_in_any_order_and_entered_twice() {
    let lines = logged(|| {
        let (a, b) = (tracing::info_span!("a"), tracing::info_span!("b"));
        let in_a = a.enter();
        let in_b = b.enter();
        let in_a_again = a.enter();
        drop(in_a);
        tracing::info!("a was left first");
        drop(in_a_again);
        tracing::info!("then a once more");
        drop(in_b);
        tracing::info!("then b");
    });
    // A span's own parent is what it was when it was made: none.
    let spans: Vec<_> = lines.iter().map(|line| line["spans"].clone()).collect();
    assert_eq!(spans[1], json!(["b"]));
    assert_eq!(spans[2], Value::Null);
    assert!(spans[0] == json!(["a"]) || spans[0] == json!(["b"]));
}

#[test]
fn a_span_goes_with_its_task_and_from_thread_to_thread() {
    let memory = Memory::new();
    let program = Program::start(offloop::builder().memory(&memory));
    let span = program.run(|| tracing::info_span!("request", id = 1));
    thread::scope(|scope| {
        scope.spawn(|| program.run(|| span.in_scope(|| tracing::info!("elsewhere"))));
    });
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(4).build().unwrap();
    let tasks = (0..8).map(|task| {
        let dispatch = program.dispatch.clone();
        let work = async move {
            for _ in 0..20 {
                tracing::info!(task_inside = task, "step");
                tokio::task::yield_now().await;
            }
        };
        let span = program.run(|| tracing::info_span!(parent: &span, "task", task));
        runtime.spawn(work.instrument(span).with_subscriber(dispatch))
    });
    let tasks: Vec<_> = tasks.collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    program.end();
    let lines = json_lines(&memory.text());
    assert_eq!(lines.len(), 161);
    check_fields(&lines[0], json!({"id": 1, "spans": ["request"]}));
    for line in &lines[1..] {
        check_fields(line, json!({"id": 1, "spans": ["request", "task"]}));
        assert_eq!(line["task"], line["task_inside"]);
    }
}

#[test]
fn spans_live_as_long_as_their_children_in_chains_of_any_length() {
    // The registry's own chains end by recursion, so a layer on it cannot promise this.
    let output = in_child(|| {
        let guard = offloop::builder().stdout().init().unwrap();
        let mut span = tracing::info_span!("root", depth = 0);
        for depth in 1..20_000 {
            span = tracing::info_span!(parent: &span, "child", depth);
        }
        span.in_scope(|| tracing::info!("deep"));
        drop(span);
        assert!(guard.shutdown(PATIENCE).is_complete());
    });
    let line = &json_lines_among(&output.stdout)[0];
    check_fields(
        line,
        json!({"depth": 19_999, "message": "deep", "cut": null}),
    );
    assert_eq!(line["spans"].as_array().unwrap().len(), 20_000);
}

#[test]
fn spans_that_the_filter_leaves_out_are_left_out() {
    let memory = Memory::new();
    let (layer, guard) = offloop::builder()
        .memory(&memory)
        .filter("info")
        .build()
        .unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let outer = tracing::info_span!("outer", a = 1);
        let _in_outer = outer.enter();
        let hidden = tracing::debug_span!("hidden", b = 2);
        let _in_hidden = hidden.enter();
        let inner = tracing::info_span!("inner", c = 3);
        let _in_inner = inner.enter();
        tracing::info!("seen");
        tracing::debug!("not seen");
    });
    guard.flush(PATIENCE).unwrap();
    let lines = json_lines(&memory.text());
    assert_eq!(lines.len(), 1);
    check_fields(
        &lines[0],
        json!({"a": 1, "b": null, "c": 3, "spans": ["outer", "inner"]}),
    );
}

#[test]
fn the_filter_of_another_layer_is_its_own() {
    let (ours, theirs) = (Memory::new(), Received::default());
    let (layer, guard) = offloop::builder()
        .memory(&ours)
        .filter("warn")
        .build()
        .unwrap();
    let (writer, their_guard) = offloop::non_blocking(theirs.clone()).unwrap();
    let other = tracing_subscriber::fmt::layer().json().with_writer(writer);
    let other = other.with_filter(EnvFilter::new("debug"));
    let subscriber = tracing_subscriber::registry().with(layer).with(other);
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::debug_span!("theirs");
        let _in_span = span.enter();
        tracing::debug!("theirs");
        tracing::warn!("of both");
    });
    guard.flush(PATIENCE).unwrap();
    their_guard.flush(PATIENCE).unwrap();
    let lines = json_lines(&ours.text());
    assert_eq!(lines.len(), 1);
    check_fields(&lines[0], json!({"message": "of both", "spans": null}));
    let lines = json_lines(&theirs.text());
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["span"]["name"], "theirs");
}

#[test]
fn two_pipelines_on_one_registry_have_what_each_filter_lets_through() {
    let (quiet, verbose) = (Memory::new(), Memory::new());
    let (first, first_guard) = offloop::builder()
        .memory(&quiet)
        .filter("warn")
        .build()
        .unwrap();
    let builder = offloop::builder().memory(&verbose).filter("trace");
    let (second, second_guard) = builder.build().unwrap();
    let subscriber = tracing_subscriber::registry().with(first).with(second);
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!("work", id = 1);
        span.in_scope(|| tracing::warn!("both"));
        span.in_scope(|| tracing::trace!("one"));
    });
    first_guard.flush(PATIENCE).unwrap();
    second_guard.flush(PATIENCE).unwrap();
    let (quiet, verbose) = (json_lines(&quiet.text()), json_lines(&verbose.text()));
    assert_eq!((quiet.len(), verbose.len()), (1, 2));
    check_fields(&quiet[0], json!({"id": null}));
    check_fields(&verbose[0], json!({"id": 1}));
}

#[test]
fn each_sink_has_its_own_filter_and_format() {
    let (all, errors) = (Memory::new(), Memory::new());
    let builder = offloop::builder().memory(&all).sink(
        offloop::Sink::memory(&errors)
            .text()
            .filter("error,special=info"),
    );
    let program = Program::start(builder);
    program.run(|| {
        tracing::info!("one");
        tracing::error!("two");
        tracing::info!(target: "special", "three");
    });
    let stats = program.end();
    assert_eq!(all.lines().len(), 3);
    let lines = errors.lines();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].ends_with(" ERROR it::capture: two"), "{lines:?}");
    assert!(lines[1].ends_with("  INFO special: three"), "{lines:?}");
    assert_eq!(stats.sinks[1].filtered.at(Level::INFO), 1);
}

#[test]
fn the_place_of_the_macro_and_the_name_of_the_thread_come_on_request() {
    let memory = Memory::new();
    let sink = offloop::Sink::memory(&memory).with_location().with_thread();
    let program = Program::start(offloop::builder().sink(sink));
    let log = || program.run(|| tracing::info!("here"));
    let line = line!() - 1;
    thread::scope(|scope| {
        let named = thread::Builder::new().name("worker-가".to_owned());
        named.spawn_scoped(scope, log).unwrap();
    });
    program.end();
    let lines = json_lines(&memory.text());
    let expected = json!({"file": "tests/it/capture.rs", "line": line, "thread": "worker-가"});
    check_fields(&lines[0], expected);
}

/// Logs while it is being logged.
struct Nested;

impl fmt::Debug for Nested {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = tracing::info_span!("nested span", depth = 1);
        span.in_scope(|| tracing::info!(inside = true, "nested"));
        formatter.write_str("outer value")
    }
}

#[test]
fn a_value_may_log_while_it_is_logged() {
    let output = in_child(|| {
        let guard = offloop::builder().stdout().init().unwrap();
        let span = tracing::info_span!("around", value = ?Nested);
        span.in_scope(|| tracing::info!(before = 1, value = ?Nested, after = 2, "outer"));
        assert!(guard.shutdown(PATIENCE).is_complete());
    });
    let lines = json_lines_among(&output.stdout);
    assert_eq!(lines.len(), 3);
    check_fields(
        &lines[0],
        json!({"message": "nested", "spans": ["nested span"]}),
    );
    let spans = json!(["around", "nested span"]);
    check_fields(
        &lines[1],
        json!({"message": "nested", "inside": true, "spans": spans}),
    );
    let outer = json!({"before": 1, "value": "outer value", "after": 2, "spans": ["around"]});
    check_fields(&lines[2], outer);
}

#[test]
fn records_of_the_log_crate_have_their_own_target_file_and_line() {
    let output = in_child(|| {
        let sink = offloop::Sink::stdout().with_location();
        let builder = offloop::builder().sink(sink);
        let guard = builder.filter("info,quiet=error").init().unwrap();
        let span = tracing::info_span!("request", id = 7);
        let _in_span = span.enter();
        log::info!("plain {}", 1);
        log::warn!(target: "other::module", "targeted");
        log::warn!(target: "quiet", "filtered");
        log::debug!("too verbose");
        assert_eq!(log::max_level(), log::LevelFilter::Info);
        assert!(guard.shutdown(PATIENCE).is_complete());
    });
    let lines = json_lines_among(&output.stdout);
    assert_eq!(lines.len(), 2);
    check_fields(
        &lines[0],
        json!({
            "level": "INFO", "target": "it::capture", "message": "plain 1", "id": 7,
            "file": "tests/it/capture.rs", "log.target": null, "log.line": null,
        }),
    );
    assert!(lines[0]["line"].is_u64());
    let expected = json!({"level": "WARN", "target": "other::module", "message": "targeted"});
    check_fields(&lines[1], expected);
}

#[test]
fn installing_twice_is_an_error() {
    in_child(|| {
        offloop::init().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        let error = offloop::builder().file(&path).init().unwrap_err();
        let expected = "install subscriber: the program has a global subscriber already; install one, \
                        or add the layer that `build` gives to it";
        assert_eq!(error.to_string(), expected);
        // As a `main` shows it that returns the error.
        assert_eq!(format!("{error:?}"), expected);
        assert!(!path.exists());
    });
}

#[test]
fn a_logger_of_another_library_is_an_error_before_anything_is_installed() {
    struct Other;
    impl log::Log for Other {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }
        fn log(&self, _: &log::Record<'_>) {}
        fn flush(&self) {}
    }
    in_child(|| {
        log::set_logger(&Other).unwrap();
        let error = offloop::init().unwrap_err();
        assert!(matches!(error, offloop::Error::LoggerInstalled), "{error}");
        assert!(!tracing::dispatcher::has_been_set());
    });
}

fn log_for_filters() {
    tracing::error!("error");
    tracing::info!("info");
    tracing::debug!("debug");
    tracing::debug!(target: "db::pool", "db debug");
    let span = tracing::info_span!("request", user = 42);
    span.in_scope(|| tracing::debug!("debug of 42"));
    let span = tracing::info_span!("request", user = 43);
    span.in_scope(|| tracing::debug!("debug of 43"));
}

#[test]
fn rust_log_is_respected_and_the_filter_of_the_builder_where_it_is_not_set() {
    type Case = (
        Option<&'static str>,
        Option<&'static str>,
        &'static [&'static str],
    );
    let cases: &[Case] = &[
        (None, None, &["error", "info"]),
        (None, Some("error"), &["error"]),
        (Some("info"), Some("error"), &["error", "info"]),
        (Some(""), Some("error"), &["error"]),
        (Some("off"), None, &[]),
        (Some("ERROR,db=debug"), None, &["error", "db debug"]),
        (Some("db::pool"), None, &["db debug"]),
        (
            Some("info,[request{user=42}]=debug"),
            None,
            &["error", "info", "debug of 42"],
        ),
        (
            Some("info,[request]=debug"),
            None,
            &["error", "info", "debug of 42", "debug of 43"],
        ),
    ];
    for (environment, built_in, expected) in cases {
        let output = in_child_with(
            |command| {
                command.envs(environment.map(|directives| ("RUST_LOG", directives)));
                command.envs(built_in.map(|directives| ("BUILT_IN", directives)));
            },
            || {
                let builder = match std::env::var("BUILT_IN") {
                    Ok(directives) => offloop::builder().filter(directives),
                    Err(_) => offloop::builder(),
                };
                let guard = builder.init().unwrap();
                log_for_filters();
                assert!(guard.shutdown(PATIENCE).is_complete());
            },
        );
        let lines = json_lines_among(&output.stdout);
        let messages = lines.iter().filter_map(|line| line["message"].as_str());
        assert_eq!(messages.collect::<Vec<_>>(), *expected, "{environment:?}");
    }
}

#[test]
fn a_program_that_refuses_the_filter_of_the_environment_logs_what_it_has_set() {
    let output = in_child_with(
        |command| {
            command.env("RUST_LOG", "off");
        },
        || {
            let builder = offloop::builder().filter("info").rust_log(false);
            let guard = builder.init().unwrap();
            tracing::info!("wanted");
            tracing::debug!("unwanted");
            assert!(guard.shutdown(PATIENCE).is_complete());
        },
    );
    let lines = json_lines_among(&output.stdout);
    let messages = lines.iter().filter_map(|line| line["message"].as_str());
    assert_eq!(messages.collect::<Vec<_>>(), ["wanted"]);
}

/// Some of everything.
fn log_some_of_everything() {
    tracing::trace!("outside");
    let request = tracing::info_span!("request", id = 1, user = "nobody", status = Empty);
    let _in_request = request.enter();
    tracing::debug!(
        id = 2,
        nan = f64::NAN,
        bytes = &b"ab"[..],
        large = u128::MAX,
        "inside"
    );
    let other = tracing::warn_span!(parent: None, "other", id = 3);
    {
        let query = tracing::info_span!("query", table = %"users");
        let _in_query = query.enter();
        request.record("user", "Ann");
        request.record("status", 200);
        tracing::info!(parent: &other, "explicit");
        tracing::info!(parent: None, "root");
        let failed: &(dyn Error + 'static) = &Failed("outer", Some(Box::new(Failed("root", None))));
        tracing::error!(failed, panics = %Panics, level = "taken", "in {}", 2);
        let in_other = other.clone().entered();
        drop(_in_query);
        tracing::info!("left out of order");
        drop(in_other);
    }
    thread::scope(|scope| {
        let dispatch = tracing::dispatcher::get_default(Dispatch::clone);
        let request = request.clone();
        scope.spawn(move || {
            tracing::dispatcher::with_default(&dispatch, || {
                tracing::info!("another thread");
                request.in_scope(|| tracing::info!("in the span of another thread"));
            });
        });
    });
    Span::current().record("status", "by current");
    tracing::info!("end");
}

fn without_timestamps(mut lines: Vec<Value>) -> Vec<Value> {
    for line in &mut lines {
        assert!(line.as_object_mut().unwrap().remove("timestamp").is_some());
    }
    lines
}

#[test]
fn both_ways_to_install_give_equal_lines() {
    let output = in_child(|| {
        let guard = offloop::builder().filter("trace").init().unwrap();
        log_some_of_everything();
        assert!(guard.shutdown(PATIENCE).is_complete());
    });
    let as_subscriber = without_timestamps(json_lines_among(&output.stdout));
    let as_layer = without_timestamps(logged(log_some_of_everything));
    assert_eq!(as_layer.len(), 9);
    assert_eq!(as_layer, as_subscriber);
}

/// Identifiers of no span, or of spans that are gone.
fn foreign_ids() -> impl Iterator<Item = Id> {
    let mut number = 1_u64;
    let random = std::iter::from_fn(move || {
        number = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29) | 1;
        Some(number)
    });
    let edges = (0..64).flat_map(|bit| [1 << bit, u64::MAX >> bit]);
    edges.chain(random.take(10_000)).map(Id::from_u64)
}

#[test]
fn events_with_a_foreign_parent_are_outside_of_all_spans() {
    let lines = logged(|| {
        foreign_ids().for_each(|id| tracing::info!(parent: &id, "foreign"));
    });
    assert!(lines.iter().all(|line| line["spans"].is_null()));
}

#[test]
fn spans_of_another_subscriber_do_no_harm() {
    let output = in_child(|| {
        let guard = offloop::builder().stdout().init().unwrap();
        let foreign = tracing::subscriber::with_default(tracing_subscriber::registry(), || {
            tracing::info_span!("foreign")
        });
        tracing::info!(parent: &foreign, "event");
        tracing::info_span!(parent: &foreign, "child").in_scope(|| tracing::info!("in child"));
        let own = tracing::info_span!("own");
        own.follows_from(&foreign);
        own.in_scope(|| foreign.in_scope(|| tracing::info!("in both")));
        for id in foreign_ids() {
            tracing::debug!(parent: &id, "foreign");
            drop(tracing::info_span!(parent: &id, "foreign"));
        }
        assert!(guard.shutdown(PATIENCE).is_complete());
    });
    let lines = json_lines_among(&output.stdout);
    let spans: Vec<_> = lines.iter().map(|line| line["spans"].clone()).collect();
    assert_eq!(spans, [Value::Null, json!(["child"]), json!(["own"])]);
}

#[test]
fn a_filter_that_cannot_be_read_is_an_error_that_names_it() {
    let error = offloop::builder()
        .filter("info,app=loud")
        .init()
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("read filter \"info,app=loud\": "),
        "{text}"
    );
    let sink = offloop::Sink::stderr().filter("=loud=");
    let error = offloop::builder().sink(sink).init().unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("read sink filter \"=loud=\": ")
    );
}
