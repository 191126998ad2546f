//! `offloop verify`.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use offloop::Format;
use serde_json::Value;

use crate::command::{Answer, offloop};
use crate::log;

pub(crate) fn verify(files: &[&Path]) -> Answer {
    let arguments = [Path::new("verify")]
        .into_iter()
        .chain(files.iter().copied());
    offloop(arguments)
}

pub(crate) fn verify_as_json(files: &[&Path]) -> (Option<i32>, Value) {
    let arguments = [Path::new("verify"), Path::new("--json")];
    let answer = offloop(arguments.into_iter().chain(files.iter().copied()));
    (answer.code, answer.json())
}

/// A line as a sink with sequence numbers writes it.
pub(crate) fn numbered(second: u32, pid: u32, seq: u32) -> String {
    format!(
        "{{\"timestamp\":\"2026-01-01T00:00:{second:02}.000000Z\",\"level\":\"INFO\",\
         \"target\":\"t\",\"message\":\"m\",\"pid\":{pid},\"seq\":{seq}}}\n"
    )
}

fn kinds(answer: &Value) -> Vec<&str> {
    let findings = answer["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["kind"].as_str().unwrap())
        .collect()
}

fn in_directory(name: &str, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    fs::write(&path, content).unwrap();
    (directory, path)
}

#[test]
fn a_log_of_the_library_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    log::write_file(&path, 1_000);
    let answer = verify(&[&path]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(
        answer.stdout.starts_with("1000 records in 1 file\n"),
        "{answer:?}"
    );
    let (code, answer) = verify_as_json(&[&path]);
    assert_eq!((code, &answer["whole"]), (Some(0), &Value::Bool(true)));
    assert_eq!(answer["totals"]["records"], 1_000);
}

#[test]
fn a_log_that_was_cut_anywhere_is_not_whole_unless_a_line_ends_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    log::write_file(&path, 3);
    let whole = fs::read(&path).unwrap();
    for len in 1..=whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        let ends_a_line = whole[len - 1] == b'\n';
        let (code, answer) = verify_as_json(&[&path]);
        let expected = if ends_a_line {
            vec![]
        } else {
            vec!["torn_end"]
        };
        assert_eq!(kinds(&answer), expected, "{len}");
        assert_eq!(code, Some(i32::from(!ends_a_line)), "{len}");
    }
}

#[test]
fn losses_that_the_log_reports_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    log::write_with_losses(&path, Format::json());
    let (code, answer) = verify_as_json(&[&path]);
    let total = |key: &str| answer["totals"][key].as_u64().unwrap();
    assert_eq!(code, Some(1), "{answer}");
    let notices = answer["findings"].as_array().unwrap().len() as u64;
    assert_eq!(
        total("records") - notices + total("reported_lost"),
        10_000,
        "{answer}"
    );
    let answer = verify(&[&path]);
    assert!(
        answer.stdout.contains("records reported lost"),
        "{answer:?}"
    );
}

#[test]
fn files_are_read_in_order_of_time_and_uncompressed() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let (gzip, zstd, active) = (path("a.jsonl.2.gz"), path("a.jsonl.1.zst"), path("a.jsonl"));
    let mut compressed =
        flate2::write::GzEncoder::new(File::create(&gzip).unwrap(), flate2::Compression::fast());
    compressed.write_all(numbered(1, 7, 1).as_bytes()).unwrap();
    compressed.finish().unwrap();
    fs::write(
        &zstd,
        zstd::encode_all(numbered(2, 7, 2).as_bytes(), 0).unwrap(),
    )
    .unwrap();
    fs::write(&active, numbered(3, 7, 3)).unwrap();
    let answer = verify(&[&active, &gzip, &zstd]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(
        answer.stdout.contains("all records are there"),
        "{answer:?}"
    );
    let (code, answer) = verify_as_json(&[&active, &gzip]);
    assert_eq!(
        (code, &answer["totals"]["missing"]),
        (Some(1), &Value::from(1))
    );
}

#[test]
fn old_files_are_read_in_the_order_of_their_names_whatever_times_their_records_have() {
    let directory = tempfile::tempdir().unwrap();
    // Records that were recovered late, and a clock that was set back.
    let files = [
        ("app.2026-01-01T0000Z.9.jsonl", numbered(50, 7, 1)),
        ("app.2026-01-01T0000Z.10.jsonl", numbered(40, 7, 2)),
        ("app.2026-01-02T0000Z.1.jsonl.zst", numbered(45, 7, 3)),
        ("app.jsonl", numbered(10, 7, 4)),
        ("app.jsonl.1", numbered(5, 6, 1)),
        ("other.jsonl", numbered(20, 9, 1)),
    ];
    let paths = files.map(|(name, line)| {
        let path = directory.path().join(name);
        let compressed = zstd::encode_all(line.as_bytes(), 0).unwrap();
        let is_compressed = name.ends_with(".zst");
        fs::write(
            &path,
            if is_compressed {
                compressed
            } else {
                line.into()
            },
        )
        .unwrap();
        path
    });
    for rotation in 0..paths.len() {
        let mut paths = paths.each_ref().map(PathBuf::as_path);
        paths.rotate_left(rotation);
        let (code, answer) = verify_as_json(&paths);
        assert_eq!((code, kinds(&answer)), (Some(0), vec![]), "{answer}");
        assert_eq!(answer["totals"]["numbered"], 6);
    }
}

#[test]
fn gaps_and_doubles_are_found_for_each_process_where_they_are() {
    let lines = [(7, 1), (9, 5), (7, 2), (9, 6), (7, 4), (9, 6), (7, 1)];
    let text: String = lines.map(|(pid, seq)| numbered(1, pid, seq)).concat();
    let (_directory, path) = in_directory("app.jsonl", text.as_bytes());
    let (code, answer) = verify_as_json(&[&path]);
    assert_eq!(code, Some(1));
    assert_eq!(kinds(&answer), ["gap", "repeated"]);
    assert_eq!(answer["findings"][0]["line"], 5);
    assert_eq!(answer["findings"][0]["missing"], 1);
    assert_eq!(answer["sequences"].as_array().unwrap().len(), 3);
    let answer = verify(&[&path]);
    let expected = "1 record of process 7 missing before number 4";
    assert!(answer.stdout.contains(expected), "{answer:?}");
    let expected = "process 9 begins with number 5";
    assert!(answer.stdout.contains(expected), "{answer:?}");
    assert!(
        answer
            .stdout
            .ends_with("not whole: 1 record missing, 1 record doubled\n"),
        "{answer:?}"
    );
}

#[test]
fn what_is_no_record_is_damage_and_not_all_of_it_is_listed() {
    let text = "\n{\"a\":\nhello\n\0\0{\"a\":1}\n[1]\n";
    let text = numbered(1, 7, 1) + text;
    let (_directory, path) = in_directory("app.jsonl", text.as_bytes());
    let (_, answer) = verify_as_json(&[&path]);
    assert_eq!(
        kinds(&answer),
        ["torn_line", "no_record", "nul_bytes", "no_record"]
    );
    assert_eq!(answer["totals"]["empty_lines"], 1);
    let answer = offloop(["verify", "--list", "1", path.to_str().unwrap()]);
    assert!(answer.stdout.contains("and 3 findings more"), "{answer:?}");
    assert!(answer.stdout.contains("4 damaged lines"), "{answer:?}");
}

#[test]
fn a_line_without_end_takes_no_memory_without_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.jsonl.zst");
    let mut compressed = zstd::Encoder::new(File::create(&path).unwrap(), 0).unwrap();
    for _ in 0..64 {
        compressed.write_all(&[b'a'; 1 << 20]).unwrap();
    }
    let line = format!("\n{}", numbered(1, 7, 1));
    compressed.write_all(line.as_bytes()).unwrap();
    compressed.finish().unwrap();
    let (code, answer) = verify_as_json(&[&path]);
    assert_eq!((code, kinds(&answer)), (Some(1), vec!["no_record"]));
    assert_eq!(answer["totals"]["records"], 1);
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_others_are_looked_at() {
    let (directory, path) = in_directory("app.jsonl", numbered(1, 7, 1).as_bytes());
    let missing = directory.path().join("missing.jsonl");
    let empty = tempfile::tempdir().unwrap();
    let answer = verify(&[&path, &missing, empty.path()]);
    assert_eq!(answer.code, Some(2));
    assert!(
        answer.stderr.contains("missing.jsonl: No such file"),
        "{answer:?}"
    );
    assert!(
        answer.stderr.contains("no file in this directory"),
        "{answer:?}"
    );
    assert!(answer.stdout.contains("1 record in 1 file"), "{answer:?}");
}

#[test]
fn wrong_usage_is_told_from_a_wanting_log() {
    assert_eq!(offloop(["verify"]).code, Some(2));
    assert_eq!(offloop(["verfy"]).code, Some(2));
    let help = offloop(["help", "verify"]);
    assert_eq!(help.code, Some(0));
    assert!(
        help.stdout.contains("Exit codes: 0 all is there"),
        "{help:?}"
    );
}

/// A notice of the library, as a sink with sequence numbers writes it.
fn notice(second: u32, message: &str, seq: u32) -> String {
    numbered(second, 1, seq)
        .replace("\"target\":\"t\"", "\"target\":\"offloop\"")
        .replace(
            "\"message\":\"m\"",
            &format!("\"message\":\"{message}\",\"lines\":10"),
        )
}

#[test]
fn lines_that_were_written_again_after_a_failed_sync_are_neither_doubled_nor_missing() {
    // A power cut may have taken the end of the file that was set aside.
    for kept in [10, 4, 0] {
        let old: String = (1..=kept).map(|seq| numbered(0, 1, seq)).collect();
        let (_directory, old) = in_directory("app.2026-01-01T0000Z.1.jsonl", old.as_bytes());
        let lines = [notice(1, "sync failed", 11)].into_iter();
        let lines = lines.chain((1..=10).map(|seq| numbered(0, 1, seq)));
        let lines = lines.chain([numbered(1, 2, 1)]);
        let lines = lines.chain([notice(1, "end of lines written again", 12)]);
        let lines: String = lines.chain([numbered(2, 1, 13)]).collect();
        let (_directory, active) = in_directory("app.jsonl", lines.as_bytes());
        let (code, answer) = verify_as_json(&[&old, &active]);
        assert_eq!(code, Some(0), "{kept}: {answer}");
        assert_eq!(answer["totals"]["written_again"], kept);
    }
    // The same without those notices.
    let lines: String = (5..=10)
        .chain(5..=10)
        .map(|seq| numbered(0, 1, seq))
        .collect();
    let (_directory, active) = in_directory("app.jsonl", lines.as_bytes());
    assert_eq!(verify_as_json(&[&active]).1["totals"]["repeated"], 6);
}
