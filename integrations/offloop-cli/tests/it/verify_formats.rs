//! `offloop verify` and the formats that a log may be in.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use offloop::Format;
use serde_json::Value;

use crate::command::{Answer, offloop, offloop_with};
use crate::log;
use crate::verify::{numbered, verify, verify_as_json};

/// Every shape that is JSON lines, and what its keys depend on.
fn json_formats() -> [Format; 9] {
    [
        Format::json(),
        Format::open_telemetry(),
        Format::ecs(),
        Format::google_cloud(),
        Format::datadog(),
        Format::bunyan(),
        Format::pino(),
        Format::bunyan().field("service", "offloop"),
        Format::pino().field("service", "api"),
    ]
}

fn renamed() -> Format {
    let format = Format::json().key("message", "msg").key("lost", "gone");
    format.key("seq", "n").key("pid", "p")
}

const RENAMED: [&str; 8] = [
    "--key",
    "message=msg",
    "--key",
    "lost=gone",
    "--key",
    "seq=n",
    "--key",
    "pid=p",
];

fn verify_with(path: &Path, arguments: &[&str]) -> Answer {
    let arguments = arguments.iter().map(OsStr::new);
    offloop(
        [OsStr::new("verify"), path.as_os_str()]
            .into_iter()
            .chain(arguments),
    )
}

fn remove_line(path: &Path, number: usize) {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.split_inclusive('\n').enumerate();
    let lines = lines.filter(|(place, _)| *place != number);
    let rest: String = lines.map(|(_, line)| line).collect();
    fs::write(path, rest).unwrap();
}

#[test]
fn losses_are_found_in_every_shape() {
    for format in json_formats() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        log::write_with_losses(&path, format.clone());
        let (code, answer) = verify_as_json(&[&path]);
        assert_eq!(code, Some(1), "{format:?}: {answer}");
        let total = |key: &str| answer["totals"][key].as_u64().unwrap();
        let notices = answer["findings_total"].as_u64().unwrap();
        let records = total("records") - notices + total("reported_lost");
        assert_eq!(records, 10_000, "{format:?}: {answer}");
    }
}

#[test]
fn gaps_are_found_in_every_shape() {
    for format in json_formats() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        log::write_formatted(&path, format.clone().with_sequence().with_process(), 10);
        let answer = verify_with(&path, &["--strict"]);
        assert_eq!(answer.code, Some(0), "{format:?}: {answer:?}");
        assert!(
            answer.stdout.contains("all records are there"),
            "{answer:?}"
        );
        remove_line(&path, 4);
        let (code, answer) = verify_as_json(&[&path]);
        assert_eq!(code, Some(1), "{format:?}: {answer}");
        assert_eq!(answer["totals"]["missing"], 1, "{format:?}: {answer}");
        let pid = u64::from(std::process::id());
        assert_eq!(answer["sequences"][0]["pid"], pid, "{format:?}: {answer}");
    }
}

#[test]
fn a_loss_in_a_format_that_is_not_known_is_never_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    for key in ["timestamp", "level", "target", "message", "lost"] {
        log::write_with_losses(&path, Format::json().key(key, "other"));
        let answer = verify(&[&path]);
        assert_eq!(answer.code, Some(2), "{key}: {answer:?}");
        assert!(answer.stderr.contains("--config or --key"), "{answer:?}");
        let answer = verify_with(&path, &["--key", &format!("{key}=other")]);
        assert_eq!(answer.code, Some(1), "{key}: {answer:?}");
        assert!(
            answer.stdout.contains("records reported lost"),
            "{answer:?}"
        );
    }
}

#[test]
fn lines_of_another_program_are_not_taken_for_records() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    fs::write(&path, numbered(1, 7, 1) + "{\"a\":1}\n{\"a\":2}\n").unwrap();
    let answer = verify(&[&path]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    let expected = "2 lines in a format that is not known, from line 2 on";
    assert!(answer.stderr.contains(expected), "{answer:?}");
    assert!(answer.stdout.contains("it cannot be known"), "{answer:?}");
    let (_, answer) = verify_as_json(&[&path]);
    assert_eq!(answer["whole"], false);
    assert_eq!(answer["totals"]["unknown_lines"], 2);
    assert_eq!(answer["totals"]["records"], 1);
}

#[test]
fn keys_with_other_names_are_known_by_the_configuration_as_by_arguments() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let config = directory.path().join("offloop.toml");
    let keys = r#"{ message = "msg", lost = "gone", seq = "n", pid = "p" }"#;
    let text = format!(
        "[env.staging.sinks.main]\nkind = \"file\"\npath = \"app.jsonl\"\n\
         format = {{ shape = \"json\", sequence = true, process = true, keys = {keys} }}\n"
    );
    fs::write(&config, text).unwrap();
    let arguments = ["--config", config.to_str().unwrap(), "--env", "staging"];
    for arguments in [&arguments[..], &RENAMED] {
        log::write_with_losses(&path, renamed());
        let answer = verify_with(&path, arguments);
        assert_eq!(answer.code, Some(1), "{answer:?}");
        assert!(
            answer.stdout.contains("records reported lost"),
            "{answer:?}"
        );
        fs::remove_file(&path).unwrap();
        log::write_formatted(&path, renamed().with_sequence().with_process(), 5);
        let answer = verify_with(&path, &[arguments, &["--strict"]].concat());
        assert!(
            answer.stdout.contains("all records are there"),
            "{answer:?}"
        );
        remove_line(&path, 1);
        let answer = verify_with(&path, arguments);
        assert!(answer.stdout.contains("1 record missing"), "{answer:?}");
    }
}

#[test]
fn names_that_constant_fields_take_are_known_by_the_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let config = directory.path().join("offloop.toml");
    fs::write(
        &config,
        "fields = { lost = \"luggage\" }\n[sinks.main]\nkind = \"stdout\"\n",
    )
    .unwrap();
    log::write_with_losses(&path, Format::json().field("lost", "luggage"));
    assert_eq!(verify(&[&path]).code, Some(2));
    let answer = verify_with(&path, &["--config", config.to_str().unwrap()]);
    assert_eq!(answer.code, Some(1), "{answer:?}");
}

#[test]
fn a_configuration_that_is_wrong_is_told_from_a_wanting_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let config = directory.path().join("offloop.toml");
    log::write_file(&path, 1);
    fs::write(&config, "levl = \"info\"\n").unwrap();
    let answer = verify_with(&path, &["--config", config.to_str().unwrap()]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert!(answer.stderr.contains("did you mean"), "{answer:?}");
    for wrong in ["seq", "seq=", "sequence=n"] {
        let answer = verify_with(&path, &["--key", wrong]);
        assert_eq!(answer.code, Some(2), "{answer:?}");
        assert!(answer.stderr.contains("NAME=KEY"), "{answer:?}");
    }
}

#[test]
fn without_numbers_a_strict_question_has_no_answer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    log::write_file(&path, 3);
    assert_eq!(verify(&[&path]).code, Some(0));
    let answer = verify_with(&path, &["--strict"]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert!(answer.stdout.contains("more cannot be known"), "{answer:?}");
}

#[test]
fn text_is_no_log_that_can_be_looked_through() {
    let formats = [
        Format::logfmt(),
        Format::text(),
        Format::compact(),
        Format::pretty(),
    ];
    for format in formats {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.log");
        log::write_formatted(&path, format.clone(), 3);
        let lines = fs::read(&path).unwrap();
        let (code, answer) = verify_as_json(&[&path]);
        assert_eq!(code, Some(2), "{format:?}: {answer}");
        assert_eq!(answer["findings"], Value::Array(Vec::new()));
        assert_eq!(answer["totals"]["damaged_lines"], 0);
        for answer in [verify(&[&path]), verify_stdin(&lines)] {
            assert_eq!(answer.code, Some(2), "{format:?}: {answer:?}");
            assert!(
                answer.stderr.contains("is no log of JSON lines"),
                "{answer:?}"
            );
        }
    }
}

fn verify_stdin(lines: &[u8]) -> Answer {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, lines).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    offloop_with(["verify", "-"], |command| command.stdin(file))
}
