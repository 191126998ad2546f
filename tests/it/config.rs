//! Configurations: what is right arrives, what is wrong is told with its place and its remedy.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use offloop::{ConfigLoader, Error, Memory, Sink};
use tracing_subscriber::Registry;

use crate::support::{PATIENCE, in_child_with};

const BROKEN: &str = "tests/config/broken";

/// Each broken configuration beside this file has its message beside it. `BLESS=1` writes them anew.
#[test]
fn what_is_wrong_is_told_with_file_line_key_and_remedy() {
    let paths = configurations(Path::new(BROKEN));
    assert!(
        40 <= paths.len(),
        "only {} broken configurations",
        paths.len()
    );
    for path in paths {
        let message = message_for(&path);
        let golden = path.with_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&golden, &message).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(message, expected, "{}", path.display());
    }
}

fn configurations(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    paths.sort();
    paths
}

/// What is said of a file, for the environment and the variables that its comments name.
fn message_for(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let comments = |name: &str| {
        let mark = format!("# {name}: ");
        let found = text
            .lines()
            .filter_map(move |line| line.strip_prefix(&mark).map(str::to_owned));
        found.collect::<Vec<_>>()
    };
    let variables = comments("variable");
    let variables = variables
        .iter()
        .map(|variable| variable.split_once('=').unwrap());
    let loader = ConfigLoader::new().file(path).variables(variables);
    let environment = comments("environment").pop();
    let loader = loader.environment(environment.unwrap_or_else(|| "development".to_owned()));
    match loader.load() {
        Err(Error::Config(error)) => {
            let directory = format!("{}/", path.parent().unwrap().display());
            let message = format!("{error}\n").replace(&directory, "");
            // The messages beside the files are those without a feature that is to be asked for.
            message.replace(", \"zstd\"", "")
        }
        other => panic!("{}: {other:?}", path.display()),
    }
}

/// What a program does that has nothing but `init`.
fn log_after_init() {
    let guard = offloop::init().unwrap();
    tracing::info!(answer = 42, "found");
    tracing::debug!("not found");
    assert!(guard.shutdown(PATIENCE).is_complete());
}

/// The lines that it writes to standard output, in a directory with this file.
fn lines_of<F: FnOnce()>(program: F, variables: &[(&str, &str)], file: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("offloop.toml"), file).unwrap();
    let prepare = |command: &mut Command| {
        for name in ["OFFLOOP_ENV", "OFFLOOP_CONFIG", "APP_ENV"] {
            command.env_remove(name);
        }
        command.current_dir(&directory);
        command.envs(variables.iter().copied());
    };
    let output = in_child_with(prepare, program);
    let output = String::from_utf8(output.stdout).unwrap();
    // Those of the test harness are not ours.
    let lines = output.lines().filter(|line| line.contains("found"));
    lines.map(str::to_owned).collect()
}

fn is_json(lines: &[String]) -> bool {
    let is_json = |line: &String| serde_json::from_str::<serde_json::Value>(line).is_ok();
    lines.len() == 1 && lines.iter().all(is_json)
}

#[test]
fn where_nothing_is_said_development_reads_text_and_production_json() {
    let lines = |variables: &[(&str, &str)]| {
        lines_of(
            || {
                log_after_init();
            },
            variables,
            "",
        )
    };
    let production = lines(&[("OFFLOOP_ENV", "production")]);
    assert!(is_json(&production), "{production:?}");
    let development = lines(&[("APP_ENV", "development")]);
    assert_eq!(development.len(), 1);
    assert!(
        development[0].ends_with(" found answer=42"),
        "{development:?}"
    );
    assert_eq!(is_json(&lines(&[])), !cfg!(debug_assertions));
}

#[test]
fn the_file_beside_the_program_is_read_and_variables_have_the_last_word() {
    let file = "[sinks.main]\nkind = \"stdout\"\n[env.staging]\nlevel = \"off\"\n";
    let lines = |variables: &[(&str, &str)]| {
        lines_of(
            || {
                log_after_init();
            },
            variables,
            file,
        )
    };
    assert!(is_json(&lines(&[])));
    let staging = ("OFFLOOP_ENV", "staging");
    assert!(lines(&[staging]).is_empty());
    assert!(is_json(&lines(&[staging, ("OFFLOOP__LEVEL", "info")])));
    assert!(is_json(&lines(&[staging, ("RUST_LOG", "info")])));
}

#[test]
fn a_sink_is_switched_off_in_an_environment_and_on_again_by_a_variable() {
    let file = "[sinks.main]\nkind = \"stdout\"\n[sinks.other]\nkind = \"stderr\"\n\
        [env.quiet]\nsinks.main.enabled = false\n";
    let lines = |variables: &[(&str, &str)]| {
        lines_of(
            || {
                log_after_init();
            },
            variables,
            file,
        )
        .len()
    };
    let quiet = ("OFFLOOP_ENV", "quiet");
    let main = "OFFLOOP__SINKS__MAIN__ENABLED";
    assert_eq!(lines(&[]), 1);
    assert_eq!(lines(&[quiet]), 0);
    assert_eq!(lines(&[quiet, (main, "true")]), 1);
    assert_eq!(lines(&[(main, "false")]), 0);
}

#[test]
fn a_sink_has_the_name_that_it_is_configured_by_and_says_where_it_writes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.log");
    let text = format!(
        "[sinks.main]\nkind = \"file\"\npath = {path:?}\n[sinks.alarms]\nkind = \"stderr\"\n"
    );
    let builder = offloop::Config::from_toml(&text).unwrap().builder();
    let builder = builder.sink(Sink::writer(std::io::sink()).named("own"));
    let builder = builder.memory(&Memory::new()).memory(&Memory::new());
    let (_layer, guard) = builder.build::<Registry>().unwrap();
    let sinks = guard.stats().sinks;
    let found: Vec<_> = sinks
        .iter()
        .map(|sink| (sink.name.as_str(), sink.destination.as_str()))
        .collect();
    let file = format!("file {}", path.display());
    let expected = [
        ("main", file.as_str()),
        ("alarms", "stderr"),
        ("own", "writer"),
        ("memory", "memory"),
        ("memory-2", "memory"),
    ];
    assert_eq!(found, expected);
}

/// The first block of this language in the README that has this in it.
fn block_of_readme(language: &str, having: &str) -> String {
    let readme = fs::read_to_string("README.md").unwrap();
    let mark = format!("\n```{language}\n");
    let mut blocks = readme.split(&mark).skip(1);
    let block = blocks.find_map(|rest| {
        let (block, _) = rest.split_once("\n```")?;
        block.contains(having).then(|| block.to_owned())
    });
    block.unwrap()
}

#[test]
fn what_the_readme_shows_is_a_configuration() {
    let text = block_of_readme("toml", "[sinks.main]");
    let none: [(&str, &str); 0] = [];
    let settings = |environment: &str| {
        let loader = ConfigLoader::new().text(&text).environment(environment);
        let loaded = loader.variables(none).load().unwrap();
        let settings = loaded.settings().into_iter();
        let settings = settings.map(|setting| (setting.key, setting.value));
        settings.collect::<std::collections::HashMap<_, _>>()
    };
    let (development, production) = (settings("development"), settings("production"));
    assert_eq!(production["sinks.main.kind"], "\"file\"");
    assert_eq!(production["requests.slow_after"], "\"500ms\"");
    assert_ne!(development["level"], production["level"]);
    assert_ne!(
        development["sinks.main.kind"],
        production["sinks.main.kind"]
    );
}

#[test]
fn an_environment_that_has_no_table_is_told_of_where_a_variable_names_it_for_this_library() {
    let file = "[env.staging]\nlevel = \"debug\"\n";
    let said = |variable: &str, name: &str| {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("offloop.toml"), file).unwrap();
        let prepare = |command: &mut Command| {
            for name in ["OFFLOOP_ENV", "OFFLOOP_CONFIG", "APP_ENV"] {
                command.env_remove(name);
            }
            command.current_dir(&directory).env(variable, name);
        };
        let output = in_child_with(prepare, || {
            log_after_init();
        });
        let told = String::from_utf8(output.stderr).unwrap();
        told.contains(&format!("no table is for the environment {name:?}"))
    };
    assert!(said("OFFLOOP_ENV", "Staging"));
    assert!(!said("OFFLOOP_ENV", "staging"));
    assert!(!said("OFFLOOP_ENV", "production"));
    assert!(!said("APP_ENV", "canary"));
}

#[test]
fn two_sinks_of_one_file_are_refused_however_they_spell_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("logs/app.jsonl");
    let other = directory.path().join("./logs/../logs/app.jsonl");
    let built = offloop::builder().file(&path).file(&other);
    let error = built.build::<Registry>().map(drop).unwrap_err();
    let Error::SharedFile { sinks, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(sinks, &["file", "file-2"]);
    assert!(
        error.to_string().ends_with("; each file has one sink"),
        "{error}"
    );
    let sink = |path: &Path| format!("{{ kind = \"file\", path = {path:?} }}");
    let text = format!("sinks.a = {}\nsinks.b = {}", sink(&path), sink(&other));
    let error = ConfigLoader::new().text(text).load().map(drop).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("sinks.b.path: is that of sinks.a, too"),
        "{error}"
    );
    assert!(!path.exists());
}
