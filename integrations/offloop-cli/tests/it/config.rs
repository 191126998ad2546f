//! `offloop check` and `offloop init`.

use std::fs;
use std::path::Path;
use std::process::Command;

use offloop::{Config, ConfigLoader, Sink};

use crate::command::{Answer, offloop_with};

/// Runs the command in a directory, without anything of this process's environment.
pub(crate) fn offloop_in(
    directory: &Path,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Answer {
    offloop_with(arguments, |command: &mut Command| {
        command.env_clear().envs(variables.iter().copied());
        command.current_dir(directory)
    })
}

fn read(text: &str, environment: &str) -> Config {
    let none: [(&str, &str); 0] = [];
    let loader = ConfigLoader::new().text(text).environment(environment);
    loader.variables(none).load().unwrap().into_config()
}

/// The example, with its lines that begin so made to hold.
pub(crate) fn example(directory: &Path, marks: &[&str]) -> String {
    let answer = offloop_in(directory, &["init", "--force"], &[]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let text = fs::read_to_string(directory.join("offloop.toml")).unwrap();
    let is_key = |line: &str| line.starts_with(|first: char| first.is_alphabetic());
    let line = |line: &str| {
        let marked = marks.iter().find_map(|mark| line.strip_prefix(mark));
        let holding = marked.filter(|line| is_key(line) || line.starts_with('['));
        holding.unwrap_or(line).to_owned() + "\n"
    };
    text.lines().map(line).collect()
}

#[test]
fn the_example_states_the_defaults() {
    let directory = tempfile::tempdir().unwrap();
    let expected = [
        ("production", Sink::stdout()),
        ("development", Sink::stdout().text()),
    ];
    for (environment, sink) in expected {
        let defaults = Config::default().builder().sink(sink.named("main"));
        for marks in [&[] as &[&str], &["#"]] {
            let text = example(directory.path(), marks);
            // A default that is stated may not be another one by its environment.
            let config = read(&text, environment);
            let written = serde_json::to_value(&config).unwrap();
            assert_eq!(written, serde_json::to_value(defaults.config()).unwrap());
        }
    }
    assert!(
        example(directory.path(), &["#"])
            .lines()
            .filter(|line| line.contains('='))
            .count()
            > 24
    );
}

#[test]
fn what_the_example_suggests_is_right() {
    let directory = tempfile::tempdir().unwrap();
    let text = example(directory.path(), &["#   "]);
    let config = serde_json::to_value(read(&text, "production")).unwrap();
    assert_eq!(config["sinks"]["file"]["retention"]["files_max"], 30);
    assert_eq!(config["request_detail"], "debug");
    assert_eq!(config["redaction"]["keep"][0], "page_token");
    assert_eq!(config["rates"]["limit"]["burst"], 100);
    assert_eq!(config["requests"]["slowest"], 0.99);
}

#[test]
fn init_writes_over_nothing_unless_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offloop.toml");
    fs::write(&path, "level = \"warn\"\n").unwrap();
    let answer = offloop_in(directory.path(), &["init"], &[]);
    assert_eq!(answer.code, Some(2));
    let expected = "offloop: offloop.toml is there already; --force writes over it\n";
    assert_eq!(answer.stderr, expected);
    assert_eq!(fs::read_to_string(&path).unwrap(), "level = \"warn\"\n");
    assert_eq!(
        offloop_in(directory.path(), &["init", "--force"], &[]).code,
        Some(0)
    );
    assert!(fs::read_to_string(&path).unwrap().contains("[sinks.main]"));
    let answer = offloop_in(directory.path(), &["init", "no/such/directory.toml"], &[]);
    assert_eq!(answer.code, Some(2));
}

#[test]
fn check_shows_what_holds_and_who_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let text =
        "level = \"info\"\n[sinks.main]\nkind = \"stdout\"\n[env.staging]\nbudget = \"1 MiB\"\n";
    fs::write(directory.path().join("offloop.toml"), text).unwrap();
    let variables = [
        ("OFFLOOP_ENV", "staging"),
        ("OFFLOOP__SINKS__MAIN__LEVEL", "warn"),
    ];
    let answer = offloop_in(directory.path(), &["check"], &variables);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let line = |key: &str| {
        let mut lines = answer.stdout.lines();
        let line = lines
            .find(|line| line.starts_with(&format!("{key} = ")))
            .unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(
        answer
            .stdout
            .starts_with("# offloop.toml, environment staging\n")
    );
    assert_eq!(line("level"), "level = \"info\" # offloop.toml:1:9");
    assert_eq!(line("budget"), "budget = \"1 MiB\" # offloop.toml:5:10");
    assert_eq!(line("write_delay"), "write_delay = \"50ms\" # default");
    let expected = "sinks.main.level = \"warn\" # OFFLOOP__SINKS__MAIN__LEVEL";
    assert_eq!(line("sinks.main.level"), expected);
    // What it writes is a configuration itself, and the same.
    let loader = ConfigLoader::new().text(text).environment("staging");
    let loaded = loader.variables([variables[1]]).load().unwrap();
    assert_eq!(read(&answer.stdout, "staging"), *loaded.config());
    let json = offloop_in(directory.path(), &["check", "--json"], &variables).json();
    assert_eq!(json["settings"][0]["source"], "offloop.toml:1:9");
}

#[test]
fn check_shows_the_key_of_hashes_to_nobody() {
    let canary = "31415926";
    let directory = tempfile::tempdir().unwrap();
    let check = |text: &str, variables: &[(&str, &str)], code: i32| {
        fs::write(directory.path().join("offloop.toml"), text).unwrap();
        for form in [&["check"] as &[&str], &["check", "--json"]] {
            let answer = offloop_in(directory.path(), form, variables);
            assert_eq!(answer.code, Some(code), "{answer:?}");
            let said = answer.stdout + &answer.stderr;
            assert!(said.contains("redaction"), "{said}");
            assert!(!said.contains(canary), "{said}");
        }
    };
    let table = "[redaction]\nstyle = \"hash\"\n";
    check(&format!("{table}hash_key = \"{canary}\"\n"), &[], 0);
    check(table, &[("OFFLOOP__REDACTION__HASH_KEY", canary)], 0);
    // Nor where it was written down wrong.
    check(&format!("{table}hash_key = {canary}\n"), &[], 1);
    check(&format!("{table}hash_kye = \"{canary}\"\n"), &[], 1);
    check(&format!("redaction = \"{canary}\"\n"), &[], 1);
    check(table, &[("OFFLOOP__REDACTION", canary)], 1);
    let not_ended = format!("{{ hash_key = \"{canary}");
    check(table, &[("OFFLOOP__REDACTION", &not_ended)], 1);
}

#[test]
fn check_is_of_use_where_there_is_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let answer = offloop_in(directory.path(), &["check"], &[]);
    assert_eq!(answer.code, Some(0));
    let expected = "# no file, environment production\n\
        # No sink is described. Records go to standard output\nlevel = \"info\"";
    assert!(answer.stdout.starts_with(expected), "{}", answer.stdout);
    let answer = offloop_in(directory.path(), &["check", "gone.toml"], &[]);
    assert_eq!(answer.code, Some(2));
    assert!(
        answer
            .stderr
            .contains("read configuration file \"gone.toml\": No such file")
    );
}

#[test]
fn check_tells_all_that_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let text = "levle = \"info\"\n[env.staging]\nbudget = \"\\u001B[2Jmuch\"\n";
    fs::write(directory.path().join("offloop.toml"), text).unwrap();
    let answer = offloop_in(directory.path(), &["check", "--env", "other"], &[]);
    assert_eq!((answer.code, answer.stdout.as_str()), (Some(1), ""));
    let mut lines = answer.stderr.lines();
    let mut next = || lines.next().unwrap();
    assert!(next().starts_with(
        "offloop: offloop.toml:1:1: levle: there is no such key; did you mean \"level\"?"
    ));
    assert!(next().starts_with(
        "offloop: offloop.toml:3:10: env.staging.budget: found the text \"\\u{1b}[2Jmuch\""
    ));
    assert_eq!(lines.next(), None);
    let json = offloop_in(directory.path(), &["check", "--json"], &[]);
    assert_eq!(json.code, Some(1));
    assert_eq!(json.json()["problems"][0]["key"], "levle");
}

#[test]
fn the_schema_knows_what_the_example_has() {
    let directory = tempfile::tempdir().unwrap();
    let answer = offloop_in(directory.path(), &["schema"], &[]);
    assert_eq!(answer.code, Some(0));
    let schema = answer.json();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    let text = example(directory.path(), &["#   ", "#"]);
    let example = serde_json::to_value(read(&text, "production")).unwrap();
    let keys: Vec<_> = example.as_object().unwrap().keys().collect();
    assert!(12 <= keys.len(), "{keys:?}");
    for key in keys {
        assert!(schema["properties"][key].is_object(), "{key}");
    }
    assert_eq!(schema["properties"]["panic_hook"]["default"], true);
}

#[test]
fn check_shows_where_relative_paths_lead_and_what_may_be_meant_otherwise() {
    let directory = tempfile::tempdir().unwrap();
    let text =
        "[sinks.main]\nkind = \"file\"\npath = \"logs/app.jsonl\"\n[env.staging]\nwatch = true\n";
    fs::write(directory.path().join("offloop.toml"), text).unwrap();
    let answer = offloop_in(directory.path(), &["check", "--env", "Staging"], &[]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let expected = "offloop: warning: no table is for the environment \"Staging\"; did you mean \
        \"staging\"? There are some for: staging\n";
    assert_eq!(answer.stderr, expected);
    let place = directory.path().canonicalize().unwrap();
    let place = place.join("logs/app.jsonl");
    let remark = format!("# offloop.toml:3:8, that is {}", place.display());
    assert!(answer.stdout.contains(&remark), "{answer:?}");
    assert!(
        answer.stdout.contains("\n#crash_safe = true "),
        "{answer:?}"
    );
    assert!(
        answer.stdout.contains("\nredaction.default_values = true "),
        "{answer:?}"
    );
    assert_eq!(read(&answer.stdout, "production"), read(text, "production"));
    let json = offloop_in(
        directory.path(),
        &["check", "--env", "Staging", "--json"],
        &[],
    )
    .json();
    assert_eq!(json["warnings"].as_array().unwrap().len(), 1);
    let answer = offloop_in(directory.path(), &["check", "--env", "staging"], &[]);
    assert_eq!((answer.code, &*answer.stderr), (Some(0), ""));
}
