//! Each sink has directives of its own, by span too: they mean what they mean to tracing-subscriber, and what
//! one sink asks for shows in no other.

use std::fmt;
use std::sync::{Arc, Mutex};

use offloop::{Builder, Error, Memory, Rates, Sink};
use serde_json::Value;
use tracing::field::{Empty, Field, Visit};
use tracing::{Dispatch, Event, Subscriber, debug, debug_span, info, info_span, trace, warn};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::support::{PATIENCE, has_played, in_child, json_lines, json_lines_among, own};

/// All that a directive can be, and combinations.
const DIRECTIVES: [&str; 30] = [
    "info",
    "warn,db=trace",
    "[request]=debug",
    "[request{user=42}]=debug",
    "warn,[request{user=42}]=debug",
    "[request{user=42}]=debug,[request{user=43}]=trace",
    "[request{user}]=debug",
    "[{user=42}]",
    "[{user=42}]=info",
    "[{user}]=debug",
    "info,[{user}]=warn",
    "debug,db[{user}]=off",
    "db[{rows}]=debug,off",
    "app[request]=debug",
    "other[request]=debug",
    "db,[request{user=43}]=warn",
    "[request{name=ann}]=debug",
    "[request{name=a.*}]=debug",
    "[request{name=nn}]=debug",
    "[request{name=n}]=debug",
    "[request{paid=true}]=debug",
    "[request{share=0.5}]=debug",
    "[request{share=nan}]=debug",
    "[request{balance=-7}]=debug",
    "[request{late=9}]=debug",
    "[request{wide=1.0}]=debug",
    "[query]=trace,error",
    "[request{user=42}]=off,info",
    "[request{user=42}]=debug,[request{user=42}]=info",
    "[]=trace,error",
];

/// Some of everything that a directive may go by.
fn log_some_of_everything() {
    trace!(target: "app", "outside, trace");
    info!(target: "db::pool", user = 42, rows = 1, "outside, with a user");
    warn!(target: "app", "outside, warning");
    for user in [42_u64, 43] {
        let late = Empty;
        let name = if user == 42 { "ann" } else { "bob" };
        let request = info_span!(
            target: "app", "request",
            user, name, paid = user == 42, share = 0.5, balance = -7, late, wide = u128::MAX
        );
        request.record("late", 9);
        let _in_request = request.enter();
        debug!(target: "app", user, "inside, debug");
        trace!(target: "app", "inside, trace");
        info!(target: "app", "inside, info");
        let query = debug_span!(target: "db", "query", rows = 3);
        let _in_query = query.enter();
        trace!(target: "db", "in query, trace");
        debug!(target: "db::pool", rows = 3, user, "in query, debug");
        warn!(target: "db", "in query, warning");
    }
    let name = tracing::field::display("ann");
    info_span!(target: "app", "request", user = "42", name, share = f64::NAN)
        .in_scope(|| debug!(target: "app", "in the request of a text"));
}

/// The messages and users of events that a filter lets through: what a directive is to mean.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Heard {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        struct Text(String);
        impl Visit for Text {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }
}

fn heard_by_env_filter(directives: &str) -> Vec<String> {
    let heard = Heard::default();
    let filter = EnvFilter::builder().parse(directives).unwrap();
    let subscriber = tracing_subscriber::registry().with(heard.clone().with_filter(filter));
    tracing::subscriber::with_default(subscriber, log_some_of_everything);
    std::mem::take(&mut *heard.0.lock().unwrap())
}

fn messages(memory: &Memory) -> Vec<String> {
    let lines = own(json_lines(&memory.text())).into_iter();
    let messages = lines.map(|line| line["message"].as_str().unwrap().to_owned());
    messages.collect()
}

/// What comes of the above in sinks with these directives, where these are captured.
fn written<const SINKS: usize>(captured: &str, sinks: [Option<&str>; SINKS]) -> [Memory; SINKS] {
    let memories = std::array::from_fn(|_| Memory::new());
    let mut builder = offloop::builder().filter(captured);
    for (memory, directives) in memories.iter().zip(sinks) {
        let sink = Sink::memory(memory);
        builder = builder.sink(match directives {
            Some(directives) => sink.filter(directives),
            None => sink,
        });
    }
    let (layer, guard) = builder.build().unwrap();
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    tracing::dispatcher::with_default(&dispatch, log_some_of_everything);
    assert!(guard.shutdown(PATIENCE).is_complete());
    let stats = guard.stats();
    for sink in &stats.sinks {
        let accounted = sink.written.total() + sink.filtered.total() + sink.lost.total();
        assert_eq!(sink.accepted.total(), accounted, "{stats:?}");
    }
    memories
}

#[test]
fn directives_of_a_sink_mean_what_they_mean_to_tracing_subscriber() {
    for directives in DIRECTIVES {
        let [memory] = written("trace", [Some(directives)]);
        let expected = heard_by_env_filter(directives);
        assert_eq!(messages(&memory), expected, "{directives}");
    }
}

#[test]
fn directives_by_span_let_in_what_is_not_captured_for_all_and_other_sinks_show_none_of_it() {
    for captured in ["warn", "info,db=off", "off,[query]=trace"] {
        let [alone] = written(captured, [None]);
        for directives in DIRECTIVES.iter().filter(|words| words.contains('[')) {
            let [asking, other, narrow] = written(captured, [Some(directives), None, Some("warn")]);
            assert_eq!(messages(&other), messages(&alone), "{directives}");
            let narrow = messages(&narrow);
            assert!(narrow.iter().all(|message| message.contains("warning")));
            let bracketed = directives.split(',').filter(|one| one.contains('['));
            let bracketed = bracketed.collect::<Vec<_>>().join(",");
            // It would leave out spans that are more verbose than all that it lets in.
            let let_in = heard_by_env_filter(&format!("{bracketed},nothing=trace"));
            let asking = messages(&asking);
            // What it lets in, and of the rest no more than is captured.
            let missing = let_in.iter().filter(|message| !asking.contains(message));
            let wanted = heard_by_env_filter(directives);
            let missing: Vec<_> = missing.filter(|message| wanted.contains(message)).collect();
            assert!(missing.is_empty(), "{captured}, {directives}: {missing:?}");
            let captured = messages(&other);
            let known = |message: &&String| captured.contains(message) || let_in.contains(message);
            let more: Vec<_> = asking.iter().filter(|one| !known(one)).collect();
            assert!(more.is_empty(), "{captured:?}, {directives}: {more:?}");
        }
    }
}

/// Message and round of what such a line of standard output or standard error says.
fn rounds(output: &[u8]) -> Vec<(String, u64)> {
    let lines = json_lines_among(output).into_iter();
    let own = lines.filter(|line| line["round"].is_u64());
    let round = |line: Value| {
        let message = line["message"].as_str().unwrap().to_owned();
        (message, line["round"].as_u64().unwrap())
    };
    own.map(round).collect()
}

#[test]
fn a_reload_changes_what_a_sink_wants_by_span_and_the_records_of_log_go_along() {
    let output = in_child(|| {
        let sinks = |by_span: &str| {
            let asking = Sink::stdout().filter(by_span);
            offloop::builder().sink(asking).sink(Sink::stderr())
        };
        let guard = sinks("info").init().unwrap();
        let reload = |builder: Builder| {
            // What waits would be filtered anew.
            guard.flush(PATIENCE).unwrap();
            guard.reload(builder).unwrap();
        };
        let log = |round: u64| {
            let _in_span = info_span!("request", user = round, round).entered();
            debug!("debug");
            log::debug!("debug of log");
            info!("info");
        };
        log(1);
        reload(sinks("warn,[request{user=2}]=debug"));
        log(2);
        log(3);
        reload(sinks("[request{user=4}]=debug").filter("off,[request{user=4}]=info"));
        log(4);
        reload(sinks("off"));
        assert!(!tracing::enabled!(tracing::Level::DEBUG));
        log(5);
        assert!(guard.shutdown(PATIENCE).is_complete());
    });
    assert!(has_played(output.status));
    let expected = [
        ("info", 1),
        ("debug", 2),
        ("debug of log", 2),
        ("info", 2),
        ("debug", 4),
        ("debug of log", 4),
        ("info", 4),
    ];
    let expected = expected.map(|(message, round)| (message.to_owned(), round));
    assert_eq!(rounds(&output.stdout), expected);
    let others = (1..=5).map(|round| ("info".to_owned(), round));
    assert_eq!(rounds(&output.stderr), others.collect::<Vec<_>>());
}

#[test]
fn what_a_sink_lets_in_by_span_is_limited_as_all_else() {
    let memories = [Memory::new(), Memory::new()];
    let builder = offloop::builder()
        .sink(Sink::memory(&memories[0]).filter("[request]=debug"))
        .memory(&memories[1])
        .rates(Rates::new().limit(2, 0.001));
    let (layer, guard) = builder.build().unwrap();
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    tracing::dispatcher::with_default(&dispatch, || {
        let _in_request = info_span!("request").entered();
        (0..10).for_each(|number| debug!(number, "debug"));
    });
    assert!(guard.shutdown(PATIENCE).is_complete());
    let own_of = |memory: &Memory| own(json_lines(&memory.text())).len();
    assert_eq!(memories.each_ref().map(own_of), [2, 0]);
}

#[test]
fn a_typo_in_directives_is_refused_by_whatever_way_they_come() {
    type Builds = fn(Builder, &str) -> Builder;
    let ways: [(&str, Builds); 3] = [
        ("filter", |builder, words| builder.filter(words)),
        ("request detail", |builder, words| {
            builder.request_detail(words)
        }),
        ("sink filter", |builder, words| {
            builder.sink(Sink::memory(&Memory::new()).filter(words))
        }),
    ];
    for (expected, way) in ways {
        for words in ["inof", "info;debug", "app:debug", "app=", "app=WARNING"] {
            let built = way(offloop::builder(), words).build::<Registry>();
            let Err(Error::Filter {
                source, directives, ..
            }) = built.map(drop)
            else {
                panic!("{expected} {words:?}");
            };
            assert_eq!((source, &*directives), (expected, words));
        }
    }
    let memory = Memory::new();
    let (_layer, guard) = offloop::builder()
        .memory(&memory)
        .build::<Registry>()
        .unwrap();
    let error = guard.level_for(PATIENCE, "inof").unwrap_err().to_string();
    assert!(error.starts_with("read level_for \"inof\": "), "{error}");
    assert!(error.contains("did you mean \"info\"?"), "{error}");
    guard.flush(PATIENCE).unwrap();
    assert_eq!(memory.text(), "");
}
