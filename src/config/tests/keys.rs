//! Every key of a file arrives, and what the builder can set the file can, too.

mod requests;
mod safety;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use tracing::Level;

use self::requests::{KEYS_OF_REQUESTS, KEYS_OF_ROUTES};
use self::safety::{KEYS_OF_LIMITS, KEYS_OF_REDACTION};
use crate::request::Options;
use crate::{
    Builder, Colour, Compression, Config, ConfigLoader, Format, Limits, OnHangup, Overflow, Part,
    Precision, Rates, Redaction, Retention, Rotation, Sink, SpanStyle, SyncPolicy,
};

fn read(text: &str) -> Config {
    let none: [(&str, &str); 0] = [];
    let loader = ConfigLoader::new().text(text).environment("production");
    loader.variables(none).load().unwrap().into_config()
}

/// A key, what the file says, and what a program does to say the same.
type Cases<F> = &'static [(&'static str, &'static str, F)];

type Change<T> = fn(T) -> T;
type Make<T> = fn() -> T;

const DAY: Duration = Duration::from_secs(86_400);

/// Keys at the top.
const KEYS: Cases<Change<Builder>> = &[
    ("level", r#"level = "info,hyper=warn""#, |builder| {
        builder.filter("info,hyper=warn")
    }),
    ("rust_log", "rust_log = false", |builder| {
        builder.rust_log(false)
    }),
    ("request_detail", r#"request_detail = "debug""#, |builder| {
        builder.request_detail("debug")
    }),
    ("overflow", r#"overflow = { block = "1s" }"#, |builder| {
        let at_most = Duration::from_secs(1);
        builder.overflow(Overflow::Block { at_most })
    }),
    ("budget", r#"budget = "16 MiB""#, |builder| {
        builder.budget(16 << 20)
    }),
    ("write_delay", r#"write_delay = "1ms""#, |builder| {
        builder.write_delay(Duration::from_millis(1))
    }),
    ("exit_timeout", r#"exit_timeout = "1m""#, |builder| {
        builder.exit_timeout(Duration::from_secs(60))
    }),
    ("panic_hook", "panic_hook = false", |builder| {
        builder.panic_hook(false)
    }),
    ("crash_safe", "crash_safe = false", |builder| {
        builder.crash_safe(false)
    }),
    (
        "crash_directory",
        r#"crash_directory = "/run/app""#,
        |builder| builder.crash_directory("/run/app"),
    ),
    ("on_hangup", r#"on_hangup = "reopen""#, |builder| {
        builder.on_hangup(OnHangup::Reopen)
    }),
    (
        "requests",
        r#"requests = { quiet = ["/health"] }"#,
        |builder| builder.requests(Options::new().quiet("/health").unwrap()),
    ),
    (
        "fields",
        r#"fields = { service = "api", replica = 3 }"#,
        |builder| builder.field("service", "api").field("replica", 3),
    ),
    ("watch", "watch = true", |builder| builder.watch(true)),
    ("redaction", r#"redaction.keys = ["iban"]"#, |builder| {
        builder.redaction(Redaction::default().key("iban"))
    }),
    ("limits", "limits.depth = 4", |builder| {
        builder.limits(Limits::default().depth(4))
    }),
    (
        "rates",
        "rates.limit = { burst = 100, per_second = 10 }",
        |builder| builder.rates(Rates::new().limit(100, 10.0)),
    ),
    ("sinks", r#"sinks.main.kind = "stdout""#, |builder| {
        builder.sink(Sink::stdout().named("main"))
    }),
];

/// Keys of a sink that is a file, and the sink that they describe.
const KEYS_OF_SINKS: Cases<Change<Sink>> = &[
    ("kind", "", |sink| sink),
    ("enabled", "enabled = false", |sink| sink.enabled(false)),
    ("path", "", |sink| sink),
    ("level", r#"level = "warn""#, |sink| sink.filter("warn")),
    ("format", r#"format = "text""#, |sink| {
        sink.format(Format::text())
    }),
    ("mode", "mode = 0o600", |sink| sink.mode(0o600)),
    ("rotation", r#"rotation = { every = "hour" }"#, |sink| {
        sink.rotation(Rotation::hourly())
    }),
    ("retention", "retention = { files_max = 3 }", |sink| {
        sink.retention(Retention::all().files_max(3))
    }),
    ("compression", r#"compression = "gzip""#, |sink| {
        sink.compression(Compression::Gzip)
    }),
    ("sync", r#"sync = { every = "1s" }"#, |sink| {
        sink.sync(SyncPolicy::Every(Duration::from_secs(1)))
    }),
];

const KEYS_OF_RATES: Cases<Make<Rates>> = &[
    ("limit", "limit = { burst = 100, per_second = 0.5 }", || {
        Rates::new().limit(100, 0.5)
    }),
    ("trace", "trace.sample = 0.01", || {
        Rates::new().sample_at(Level::TRACE, 0.01)
    }),
    (
        "debug",
        "debug.limit = { burst = 1, per_second = 0 }",
        || Rates::new().limit_at(Level::DEBUG, 1, 0.0),
    ),
    ("info", "info.sample = 1", || {
        Rates::new().sample_at(Level::INFO, 1.0)
    }),
    ("warn", "warn.sample = 0.5", || {
        Rates::new().sample_at(Level::WARN, 0.5)
    }),
    ("error", "error.sample = 0.5", || {
        Rates::new().sample_at(Level::ERROR, 0.5)
    }),
];

const KEYS_OF_ROTATION: Cases<Make<Rotation>> = &[
    ("every", r#"every = "minute""#, Rotation::minutely),
    ("every", r#"every = "week""#, Rotation::weekly),
    ("time", r#"every = "day", time = "03:30""#, || {
        Rotation::daily_at(3, 30)
    }),
    ("zone", r#"every = "day", zone = "Europe/Berlin""#, || {
        Rotation::daily().in_zone("Europe/Berlin")
    }),
    ("at_bytes", r#"at_bytes = "256 MiB""#, || {
        Rotation::on_demand().at_bytes(256 << 20)
    }),
    ("at_start", "at_start = true", || {
        Rotation::on_demand().at_start()
    }),
];

const KEYS_OF_RETENTION: Cases<Change<Retention>> = &[
    ("files_max", "files_max = 3", |retention| {
        retention.files_max(3)
    }),
    ("age_max", r#"age_max = "14d""#, |retention| {
        retention.age_max(14 * DAY)
    }),
    ("bytes_max", r#"bytes_max = "10 GiB""#, |retention| {
        retention.bytes_max(10 << 30)
    }),
    (
        "free_bytes_min",
        r#"free_bytes_min = "1 GiB""#,
        |retention| retention.free_bytes_min(1 << 30),
    ),
];

const KEYS_OF_FORMAT: Cases<Make<Format>> = &[
    ("shape", r#"shape = "ecs""#, Format::ecs),
    ("keys", r#"keys = { message = "msg" }"#, || {
        Format::json().key("message", "msg")
    }),
    ("order", r#"order = ["level", "message"]"#, || {
        Format::json().order([Part::Level, Part::Message])
    }),
    ("spans", r#"spans = "nested""#, || {
        Format::json().spans(SpanStyle::Nested)
    }),
    ("precision", r#"precision = "ms""#, || {
        Format::json().precision(Precision::Milliseconds)
    }),
    ("zone", r#"zone = "+02:00""#, || {
        Format::json().zone("+02:00")
    }),
    ("fields", "fields = { canary = true }", || {
        Format::json().field("canary", true)
    }),
    ("colour", r#"colour = "never""#, || {
        Format::json().colour(Colour::Never)
    }),
    ("thread", "thread = true", || Format::json().with_thread()),
    ("location", "location = true", || {
        Format::json().with_location()
    }),
    ("process", "process = true", || {
        Format::json().with_process()
    }),
    ("sequence", "sequence = true", || {
        Format::json().with_sequence()
    }),
];

fn check_file(keys: &str, sink: Sink) {
    // One sink at least is not switched off.
    let other = "[sinks.stderr]\nkind = \"stderr\"";
    let text = format!("[sinks.main]\nkind = \"file\"\npath = \"app.jsonl\"\n{keys}\n{other}");
    let expected = crate::builder().sink(sink.named("main")).stderr();
    assert_eq!(&read(&text), expected.config(), "{keys}");
}

fn check_table(name: &str, keys: &str, describe: impl FnOnce(Builder) -> Builder) {
    let expected = describe(crate::builder());
    let text = format!("[{name}]\n{keys}\n");
    assert_eq!(&read(&text), expected.config(), "{text}");
}

#[test]
fn every_key_of_a_file_arrives() {
    for (_, text, describe) in KEYS {
        assert_eq!(&read(text), describe(crate::builder()).config(), "{text}");
    }
    for (_, text, rates) in KEYS_OF_RATES {
        check_table("rates", text, |builder| builder.rates(rates()));
    }
    for (_, text, redact) in KEYS_OF_REDACTION {
        let redaction = redact(Redaction::default());
        check_table("redaction", text, |builder| builder.redaction(redaction));
    }
    for (_, text, limit) in KEYS_OF_LIMITS {
        let limits = limit(Limits::default());
        check_table("limits", text, |builder| builder.limits(limits));
    }
    for (_, text, choose) in KEYS_OF_REQUESTS {
        let options = choose(Options::new());
        check_table("requests", text, |builder| builder.requests(options));
    }
    let file = || Sink::file("app.jsonl");
    for (_, text, describe) in KEYS_OF_SINKS {
        check_file(text, describe(file()));
    }
    for (_, text, rotation) in KEYS_OF_ROTATION {
        check_file(
            &format!("rotation = {{ {text} }}"),
            file().rotation(rotation()),
        );
    }
    for (_, text, format) in KEYS_OF_FORMAT {
        check_file(&format!("format = {{ {text} }}"), file().format(format()));
    }
    for (_, text, retain) in KEYS_OF_RETENTION {
        let retention = retain(Retention::all());
        check_file(
            &format!("retention = {{ {text} }}"),
            file().retention(retention),
        );
    }
}

/// The keys that serde names when it is given one that there is not.
fn keys_of(text: &str) -> BTreeSet<String> {
    let error = serde_json::from_str::<Config>(text)
        .unwrap_err()
        .to_string();
    let named = error.split('`').skip(3).step_by(2);
    named.map(str::to_owned).collect()
}

#[test]
fn no_key_was_forgotten_above() {
    let check = |text: &str, tested: Vec<&str>| {
        let tested = tested.into_iter().map(str::to_owned).collect();
        assert_eq!(keys_of(text), tested, "{text}");
    };
    check(r#"{"?": 1}"#, KEYS.iter().map(|case| case.0).collect());
    let of_rates = KEYS_OF_RATES.iter().map(|case| case.0);
    check(r#"{"rates": {"?": 1}}"#, of_rates.collect());
    let of_redaction = KEYS_OF_REDACTION.iter().map(|case| case.0);
    check(r#"{"redaction": {"?": 1}}"#, of_redaction.collect());
    let of_limits = KEYS_OF_LIMITS.iter().map(|case| case.0);
    check(r#"{"limits": {"?": 1}}"#, of_limits.collect());
    let of_requests = KEYS_OF_REQUESTS.iter().map(|case| case.0);
    check(r#"{"requests": {"?": 1}}"#, of_requests.collect());
    check(
        r#"{"requests": {"routes": [{"?": 1}]}}"#,
        KEYS_OF_ROUTES.to_vec(),
    );
    let of_sinks = KEYS_OF_SINKS.iter().map(|case| case.0);
    check(r#"{"sinks": {"a": {"?": 1}}}"#, of_sinks.collect());
    let of_rotation = KEYS_OF_ROTATION.iter().map(|case| case.0);
    check(
        r#"{"sinks": {"a": {"rotation": {"?": 1}}}}"#,
        of_rotation.collect(),
    );
    let of_format = KEYS_OF_FORMAT.iter().map(|case| case.0);
    // The same in another spelling.
    let of_format = of_format.chain(["color"]);
    check(
        r#"{"sinks": {"a": {"format": {"?": 1}}}}"#,
        of_format.collect(),
    );
    let of_retention = KEYS_OF_RETENTION.iter().map(|case| case.0);
    check(
        r#"{"sinks": {"a": {"retention": {"?": 1}}}}"#,
        of_retention.collect(),
    );
}

/// What editors are told is what is read.
/// Keys without a default, or with one that depends on the machine; and tables of these alone.
const UNSHOWN: [&str; 12] = [
    "request_detail",
    "crash_directory",
    "fields",
    "rates",
    "sinks.main.level",
    "sinks.main.retention",
    "sinks.main.compression",
    "sinks.main.format.keys",
    "sinks.main.format.order",
    "sinks.main.format.precision",
    "sinks.main.format.zone",
    "sinks.main.format.fields",
];

#[test]
fn what_holds_without_being_said_is_shown() {
    let loader = ConfigLoader::new().text("sinks.main = { kind = \"file\", path = \"a\" }");
    let none: [(&str, &str); 0] = [];
    let loaded = loader.variables(none).load().unwrap();
    let settings = loaded.settings();
    let is_shown = |key: &String| {
        let table = format!("{key}.");
        let mut keys = settings.iter().map(|setting| &setting.key);
        keys.any(|shown| shown == key || shown.starts_with(&table))
    };
    let at_top = KEYS.iter().map(|case| case.0.to_owned());
    let of_sinks = KEYS_OF_SINKS
        .iter()
        .map(|case| format!("sinks.main.{}", case.0));
    let of_formats = KEYS_OF_FORMAT
        .iter()
        .map(|case| format!("sinks.main.format.{}", case.0));
    let keys = at_top.chain(of_sinks).chain(of_formats);
    let (shown, unshown): (BTreeSet<_>, BTreeSet<_>) = keys.partition(is_shown);
    assert_eq!(unshown, UNSHOWN.map(str::to_owned).into(), "{shown:?}");
}

#[cfg(feature = "schema")]
#[test]
fn the_schema_has_every_key_and_no_other() {
    let schema = Config::schema();
    let properties = |of: &serde_json::Value| {
        let properties = of["properties"].as_object().unwrap();
        properties.keys().cloned().collect::<BTreeSet<_>>()
    };
    let mut at_top = keys_of(r#"{"?": 1}"#);
    assert_eq!(properties(&schema["definitions"]["Environment"]), at_top);
    at_top.insert("env".to_owned());
    assert_eq!(properties(&schema), at_top);
    let tables = [
        ("Sink", r#"{"sinks": {"a": {"?": 1}}}"#),
        ("Rotation", r#"{"sinks": {"a": {"rotation": {"?": 1}}}}"#),
        ("Retention", r#"{"sinks": {"a": {"retention": {"?": 1}}}}"#),
        ("Rates", r#"{"rates": {"?": 1}}"#),
        ("Redaction", r#"{"redaction": {"?": 1}}"#),
        ("Limits", r#"{"limits": {"?": 1}}"#),
        ("Options", r#"{"requests": {"?": 1}}"#),
        ("RouteOptions", r#"{"requests": {"routes": [{"?": 1}]}}"#),
    ];
    for (name, text) in tables {
        let table = &schema["definitions"][name];
        assert_eq!(properties(table), keys_of(text), "{name}");
        assert_eq!(table["additionalProperties"], false, "{name}");
    }
}

/// What no file can hold, and what is another word for something above.
const NOT_FOR_FILES: [&str; 8] = [
    // A program's own things.
    "memory", "on_error", "writer", // Sinks of their kinds.
    "file", "sink", "stderr", "stdout", // For the program to look at.
    "config",
];

/// The setters of the builder, by its source.
fn setters() -> BTreeSet<String> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config");
    let parts = fs::read_dir(place.join("builder")).unwrap();
    let parts = parts.map(|part| part.unwrap().path());
    let sources = parts.chain([place.join("builder.rs")]);
    let mut setters = BTreeSet::new();
    for source in sources {
        let source = fs::read_to_string(source).unwrap();
        let functions = { source.lines() }.filter_map(|line| line.trim().strip_prefix("pub fn "));
        setters
            .extend(functions.filter_map(|function| Some(function.split_once('(')?.0.to_owned())));
    }
    setters
}

#[cfg_attr(miri, ignore = "reads files")]
#[test]
fn what_the_builder_can_set_the_file_can() {
    let keys = KEYS.iter().map(|case| match case.0 {
        "level" => "filter",
        "fields" => "field",
        key => key,
    });
    let known: BTreeSet<_> = keys
        .filter(|key| *key != "sinks")
        .chain(NOT_FOR_FILES)
        .collect();
    let setters = setters();
    assert_eq!(
        BTreeSet::from_iter(setters.iter().map(String::as_str)),
        known
    );
}
