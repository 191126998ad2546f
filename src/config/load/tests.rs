//! Layers on top of each other, where values come from, and what nobody should write.

use crate::{
    Config, ConfigLoader, ConfigSetting, ConfigSource, Error, Format, Overflow, Redaction,
    RedactionStyle, Retention, Rotation, Sink, SyncPolicy,
};

use std::fs;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;

const NO_VARIABLES: [(&str, &str); 0] = [];

fn load(text: &str, variables: &[(&str, &str)]) -> Config {
    let loader = ConfigLoader::new().text(text).environment("test");
    let loaded = loader.variables(variables.iter().copied()).load();
    loaded.unwrap().into_config()
}

fn error_of(text: &str, variables: &[(&str, &str)]) -> String {
    let loader = ConfigLoader::new().text(text).environment("test");
    let loaded = loader.variables(variables.iter().copied()).load();
    loaded.unwrap_err().to_string()
}

#[test]
fn an_environment_overrides_the_file_and_a_variable_both() {
    let text = r#"
        level = "info"
        budget = "1 MiB"
        exit_timeout = "1s"
        [env.test]
        level = "debug"
        budget = "2 MiB"
        [env.other]
        exit_timeout = "9s"
    "#;
    let expected = crate::builder()
        .filter("trace")
        .budget(2 << 20)
        .exit_timeout(Duration::from_secs(1));
    let config = load(text, &[("OFFLOOP__LEVEL", "trace")]);
    assert_eq!(&config, expected.config());
}

#[test]
fn what_a_variable_says_means_what_its_key_wants() {
    let text = "[sinks.Access-Log]\nkind = \"file\"\npath = \"a\"";
    let variables = [
        ("OFFLOOP__SINKS__ACCESS_LOG__PATH", "5"),
        ("OFFLOOP__SINKS__ACCESS_LOG__MODE", "0600"),
        ("OFFLOOP__SINKS__ACCESS_LOG__ROTATION__EVERY", "day"),
        ("OFFLOOP__SINKS__ACCESS_LOG__ROTATION__AT_START", " true "),
        ("OFFLOOP__SINKS__ACCESS_LOG__RETENTION", "{ files_max = 3 }"),
        ("OFFLOOP__SINKS__ACCESS_LOG__RETENTION__FILES_MAX", "5"),
        ("OFFLOOP__SINKS__ACCESS_LOG__SYNC", "{ every = \"1s\" }"),
        ("OFFLOOP__SINKS__SECOND__KIND", "stdout"),
        (
            "OFFLOOP__SINKS__SECOND__FORMAT",
            "{ shape = \"text\", thread = true }",
        ),
        ("OFFLOOP__OVERFLOW__BLOCK", "2s"),
        ("OFFLOOP__BUDGET", "1048576"),
        ("OFFLOOP__CRASH_SAFE", "false"),
        ("OFFLOOP__REQUESTS__QUIET", "/health, /ready"),
        ("OFFLOOP__REQUESTS__SAMPLE", "0.5"),
        ("OFFLOOP__LEVEL", ""),
        ("OTHER__LEVEL", "nonsense"),
    ];
    let file = Sink::file("5").mode(0o600).named("Access-Log");
    let file = file.rotation(Rotation::daily().at_start());
    let file = file.retention(Retention::all().files_max(5));
    let file = file.sync(SyncPolicy::Every(Duration::from_secs(1)));
    let text_sink = Sink::stdout().format(Format::text().with_thread());
    let requests = crate::request::Options::new();
    let requests = requests.quiet("/health").unwrap().quiet("/ready").unwrap();
    let requests = requests.sample(0.5);
    let expected = crate::builder()
        .sink(file)
        .sink(text_sink.named("second"))
        .overflow(Overflow::Block {
            at_most: Duration::from_secs(2),
        })
        .budget(1 << 20)
        .crash_safe(false)
        .requests(requests);
    assert_eq!(&load(text, &variables), expected.config());
}

#[test]
fn what_describes_another_thing_is_not_mixed_with_what_was_there() {
    let text = r#"
        overflow = { block = "1s" }
        [sinks.main]
        kind = "file"
        path = "app.jsonl"
        rotation = { every = "day" }
        [sinks.other]
        kind = "stderr"
        level = "warn"
        format = { shape = "json", location = true }
        [sinks.synced]
        kind = "file"
        path = "synced.jsonl"
        sync = { every = "1s" }
        retention = { files_max = 3, age_max = "7d" }
        [env.test]
        overflow = "drop_newest"
        [env.test.sinks]
        main = { kind = "stdout" }
        other = { kind = "stderr", format = { shape = "text", thread = true } }
        synced = { sync = { at_level = "error" }, retention = { files_max = 5 } }
    "#;
    let week = Duration::from_secs(7 * 86_400);
    let synced = Sink::file("synced.jsonl").sync(SyncPolicy::AtLevel(tracing::Level::ERROR));
    let synced = synced.retention(Retention::all().files_max(5).age_max(week));
    let other = Sink::stderr()
        .filter("warn")
        .format(Format::text().with_thread());
    let expected = crate::builder()
        .sink(Sink::stdout().named("main"))
        .sink(other.named("other"))
        .sink(synced.named("synced"));
    assert_eq!(&load(text, &[]), expected.config());
}

#[test]
fn directives_of_the_environment_are_checked_as_those_of_the_file_are() {
    let loader = ConfigLoader::new().text("").environment("test");
    let loader = loader.variables([("RUST_LOG", "info,hyper=wran")]);
    let error = loader.load().unwrap_err().to_string();
    assert!(
        error.contains("RUST_LOG") && error.contains("\"warn\""),
        "{error}"
    );
}

#[test]
fn directives_of_the_environment_do_not_count_where_they_are_refused() {
    let loader = ConfigLoader::new().text("rust_log = false\nlevel = \"warn\"");
    let loader = loader.variables([("RUST_LOG", "nonsense;trace")]);
    let loaded = loader.load().unwrap();
    let settings = loaded.settings();
    let level = settings.iter().find(|setting| setting.key == "level");
    assert_eq!(level.unwrap().value, "\"warn\"");
    assert_eq!(level.unwrap().source.to_string(), "text:2:9");
}

#[test]
fn options_of_a_format_that_is_only_named_below_keep_its_shape() {
    let text = "[sinks.main]\nkind = \"stdout\"\nformat = \"text\"\n\
        [env.test.sinks.main.format]\nthread = true\n";
    let expected = crate::builder().sink(Sink::stdout().text().with_thread().named("main"));
    assert_eq!(&load(text, &[]), expected.config());
}

#[test]
fn every_value_tells_where_it_comes_from() {
    let text = "level = \"info\"\n[sinks.main]\nkind = \"stdout\"\nformat = \"text\"\n\
        [env.test.sinks.main]\nlevel = \"warn\"\n";
    let loader = ConfigLoader::new().text(text).environment("test");
    let variables = [
        ("OFFLOOP__WRITE_DELAY", "10ms"),
        ("RUST_LOG", "debug,hyper=off"),
        (
            "OFFLOOP__SINKS__MAIN__FORMAT",
            "{ shape = \"json\", thread = true }",
        ),
    ];
    let loaded = loader.variables(variables).load().unwrap();
    let said = |key: &str| {
        let settings = loaded.settings();
        let setting = settings.iter().find(|setting| setting.key == key);
        setting.map(|setting| format!("{} from {}", setting.value, setting.source))
    };
    let expected = [
        ("level", "\"debug,hyper=off\" from RUST_LOG"),
        ("budget", "\"64 MiB\" from default"),
        ("write_delay", "\"10ms\" from OFFLOOP__WRITE_DELAY"),
        ("sinks.main.kind", "\"stdout\" from text:3:8"),
        ("sinks.main.level", "\"warn\" from text:6:9"),
        (
            "sinks.main.format.thread",
            "true from OFFLOOP__SINKS__MAIN__FORMAT",
        ),
    ];
    for (key, source) in expected {
        assert_eq!(said(key).as_deref(), Some(source), "{key}");
    }
    assert_eq!(said("sinks.main.path"), None, "it has none");
}

#[test]
fn what_is_said_as_by_default_comes_from_who_says_it_and_the_rest_from_nobody() {
    let text = "[sinks.main]\nkind = \"file\"\npath = \"logs/../a.jsonl\"\nenabled = true\n\
        format = { shape = \"ecs\", thread = false }\n";
    let loader = ConfigLoader::new().text(text).environment("test");
    let loaded = loader.variables(NO_VARIABLES).load().unwrap();
    let settings = loaded.settings();
    let of = |key: &str| settings.iter().find(|setting| setting.key == key).unwrap();
    for (key, value, source) in [
        ("sinks.main.enabled", "true", "text:4:11"),
        ("sinks.main.format.shape", "\"ecs\"", "text:5:20"),
        ("sinks.main.format.thread", "false", "text:5:36"),
        ("sinks.main.format.location", "false", "default"),
        ("sinks.main.mode", "\"0640\"", "default"),
        ("sinks.main.sync", "\"never\"", "default"),
        ("sinks.main.rotation.at_start", "false", "default"),
        ("crash_safe", "true", "default"),
        ("redaction.enabled", "true", "default"),
        ("limits.depth", "16", "default"),
        ("requests.slow_after", "\"1s\"", "default"),
    ] {
        let setting = of(key);
        assert_eq!(
            (&*setting.value, &*setting.source.to_string()),
            (value, source),
            "{key}"
        );
    }
    let here = std::env::current_dir().unwrap().canonicalize().unwrap();
    let leads_to = of("sinks.main.path").leads_to.as_deref();
    assert_eq!(leads_to, Some(&*here.join("a.jsonl")));
    assert_eq!(of("sinks.main.kind").leads_to, None);
}

#[test]
fn without_sinks_development_reads_text_and_production_json() {
    for (environment, text) in [("development", true), ("production", false), ("x", false)] {
        let loader = ConfigLoader::new().text("").environment(environment);
        let config = loader.variables(NO_VARIABLES).load().unwrap().into_config();
        let expected = if text {
            Sink::stdout().text()
        } else {
            Sink::stdout()
        };
        assert!(config.fallback.sink() == expected, "{environment}");
        assert!(config.sinks.is_empty());
    }
}

#[test]
fn a_file_that_is_named_has_to_be_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offloop.toml");
    let by_variable = [("OFFLOOP_CONFIG", path.as_os_str())];
    let loaders = [
        ConfigLoader::new().file(&path).variables(NO_VARIABLES),
        ConfigLoader::new().variables(by_variable),
    ];
    for loader in &loaders {
        let error = loader.load().unwrap_err();
        let expected = format!("read configuration file {path:?}: No such file");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
    std::fs::write(&path, "budget = \"1 MiB\"").unwrap();
    for loader in &loaders {
        let loaded = loader.load().unwrap();
        assert_eq!(loaded.path(), Some(path.as_path()));
        assert_eq!(loaded.config().budget, 1 << 20);
    }
}

#[test]
fn what_is_no_text_of_a_reasonable_length_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offloop.toml");
    let error_of = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let loader = ConfigLoader::new().file(&path).variables(NO_VARIABLES);
        loader.load().unwrap_err().to_string()
    };
    let error = error_of(b"level = \"info\"\n# \xFF\n");
    assert_eq!(
        error,
        format!("read configuration: {}:2:3: not UTF-8", path.display())
    );
    let error = error_of(&vec![b'\n'; (1 << 20) + 1]);
    assert!(error.ends_with("it is longer than 1 MiB"), "{error}");
    let loader = ConfigLoader::new()
        .file("/dev/null")
        .variables(NO_VARIABLES);
    assert!(loader.load().is_ok(), "nothing is a configuration");
}

#[cfg(not(target_vendor = "apple"))]
#[test]
fn a_fifo_keeps_nobody_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fifo");
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &path, kind, 0o600.into(), 0).unwrap();
    let loader = ConfigLoader::new().file(&path).variables(NO_VARIABLES);
    assert!(loader.load().is_ok(), "it is empty");
}

#[test]
fn a_variable_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let value = std::ffi::OsString::from_vec(vec![0xFF]);
    let loader = ConfigLoader::new()
        .text("")
        .variables([("OFFLOOP__LEVEL", value)]);
    let error = loader.load().unwrap_err().to_string();
    assert_eq!(
        error,
        "read configuration: OFFLOOP__LEVEL: its value is not UTF-8"
    );
}

#[test]
fn what_stands_in_quotes_within_a_variable_is_that_text() {
    let variables = [(
        "OFFLOOP__REDACTION__VALUES",
        "[\"[0-9]{4}\", { pattern = \"true\", style = \"hash\" }]",
    )];
    let redaction = Redaction::default().value("[0-9]{4}");
    let redaction = redaction.value_as("true", RedactionStyle::Hash);
    let expected = crate::builder().redaction(redaction);
    assert_eq!(&load("", &variables), expected.config());
}

#[test]
fn keys_are_shown_by_no_form_of_what_was_read() {
    let text = "redaction.hash_key = \"canary\"";
    let variables = [("OFFLOOP__REDACTION__HASH_KEY", "canary")];
    let loaders = [
        ConfigLoader::new().text(text).variables(NO_VARIABLES),
        ConfigLoader::new().text("").variables(variables),
    ];
    for loader in loaders {
        let loaded = loader.load().unwrap();
        let redaction = Redaction::default().hash_key("canary");
        assert_eq!(loaded.config().redaction, redaction);
        let settings = loaded.settings();
        let shown = format!("{loader:?} {loaded:?} {settings:?}");
        assert!(!shown.contains("canary"), "{shown}");
    }
}

#[test]
fn no_more_than_a_hundred_problems_are_told() {
    let keys = (0..500).map(|number| format!("key_{number} = 1\n"));
    let dates = (0..500).map(|number| format!("key_{number} = 2026-11-22\n"));
    for text in [keys.collect::<String>(), dates.collect()] {
        let loader = ConfigLoader::new().text(text).variables(NO_VARIABLES);
        let Err(Error::Config(error)) = loader.load() else {
            panic!("it is no configuration");
        };
        assert_eq!(error.problems().len(), 100);
        let text = error.to_string();
        assert!(
            text.starts_with("read configuration: more than 100 problems\n"),
            "{text}"
        );
    }
}

#[test]
fn depth_harms_nobody() {
    for text in [
        format!("{}level = 1", "a.".repeat(100_000)),
        format!("level = {}1{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("level = {}1{}", "{a=".repeat(100_000), "}".repeat(100_000)),
        format!("[{}a]", "a.".repeat(100_000)),
    ] {
        let error = error_of(&text, &[]);
        assert!(error.starts_with("read configuration: "), "{error}");
        let error = error_of("", &[("OFFLOOP__LEVEL", "x"), ("OFFLOOP__SINKS", &text)]);
        assert!(error.starts_with("read configuration: "), "{error}");
    }
}

/// The configurations that are kept for what is wrong with them.
fn broken_ones() -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/broken");
    let paths = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let texts = paths.filter(|path| path.extension().is_some_and(|found| found == "toml"));
    texts.map(|path| fs::read(path).unwrap()).collect()
}

/// Whatever comes of it, what is said of it can be read again.
fn check_any(loader: &ConfigLoader, lines: usize) {
    match loader.load() {
        Ok(loaded) => {
            let settings = loaded.settings();
            // What is tried by default would be asked for.
            let is_tried = |setting: &&ConfigSetting| {
                setting.key == "crash_safe" && setting.source == ConfigSource::Default
            };
            let shown = settings
                .iter()
                .filter(|setting| !is_tried(setting))
                .map(|setting| format!("{} = {}\n", setting.key, setting.value));
            let again = ConfigLoader::new().text(shown.collect::<String>());
            let again = again
                .environment("test")
                .variables(NO_VARIABLES)
                .load()
                .unwrap();
            assert_eq!(again.config(), loaded.config());
        }
        Err(Error::Config(error)) => {
            for problem in error.problems() {
                match problem.source() {
                    ConfigSource::File { line, .. } => assert!((1..=lines).contains(line)),
                    ConfigSource::Variable { .. } => {}
                    ConfigSource::Default => panic!("{problem} is nowhere"),
                }
            }
        }
        Err(error) => panic!("{error}"),
    }
}

#[cfg_attr(miri, ignore = "reads files")]
#[test]
fn whatever_is_changed_in_a_configuration_harms_nobody_and_is_told_with_its_place() {
    let texts = broken_ones();
    let changes = proptest::collection::vec((any::<Index>(), any::<Index>(), any::<u8>()), 0..6);
    let strategy = (any::<Index>(), any::<Index>(), changes);
    proptest!(|((first, second, changes) in strategy)| {
        // Two of them, so that what is right in one meets what is wrong in the other.
        let mut bytes = [first, second].map(|index| texts[index.index(texts.len())].clone()).concat();
        for (from, to, byte) in changes {
            if bytes.is_empty() {
                break;
            }
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            match byte {
                0..128 => bytes[from] = byte,
                128..192 => bytes.swap(from, to),
                _ => drop(bytes.drain(from.min(to)..from.max(to).min(from.min(to) + 8))),
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines = 1 + text.matches('\n').count();
        let loader = ConfigLoader::new().text(&text).environment("test");
        check_any(&loader.variables(NO_VARIABLES), lines);
        let one_line = text.replace('\n', " ");
        for name in ["OFFLOOP__LEVEL", "OFFLOOP__OVERFLOW", "OFFLOOP__SINKS__MAIN"] {
            let loader = ConfigLoader::new().text("[sinks.main]\nkind = \"stdout\"");
            let loader = loader.environment("test").variables([(name, &one_line)]);
            check_any(&loader, 2);
        }
    });
}
