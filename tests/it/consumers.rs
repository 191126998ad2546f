//! The programs that people read logs with read ours, each in the shapes that are meant for it.
//!
//! `tests/consumers/install.sh` installs those of npm and pip.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use offloop::{Json, Sink};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::shapes::{json_shapes, other_shapes};
use crate::support::{Program, say_unchecked};

/// How many records [`logs`] has in each file.
const RECORDS: usize = 101;

/// A directory with the same records in each shape.
fn logs() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut builder = offloop::builder();
    for (name, format) in json_shapes().into_iter().chain(other_shapes()) {
        builder = builder.sink(Sink::file(directory.path().join(name)).format(format));
    }
    let program = Program::start(builder);
    program.run(|| {
        for user in 0..100_u64 {
            let order = json!({"id": user, "tags": ["a b", "c"]});
            let span = tracing::info_span!("handler", method = "GET");
            span.in_scope(|| {
                tracing::info!(user, order = ?Json(&order), name = "Ann \"x\"\n", "signed in");
            });
        }
        let error = std::io::Error::other("disk full");
        tracing::error!(
            error = &error as &(dyn std::error::Error + 'static),
            "cannot save"
        );
    });
    assert_eq!(program.end().lost(), 0);
    directory
}

/// What the tools that come with a language's packages are called by.
fn installed(tool: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/consumers");
    let places = ["node_modules/.bin", "python/bin"];
    let found = places.map(|place| target.join(place).join(tool));
    let found = found.into_iter().find(|path| path.exists());
    found.unwrap_or_else(|| tool.into())
}

/// What a program makes of its input. `None`, and a word on that, where there is no such program.
fn read_by(program: &str, arguments: &[&str], input: &[u8]) -> Option<String> {
    // What it writes at home: lnav goes to the working directory if there is none.
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(installed(program));
    command.args(arguments).env("HOME", home.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = command.stderr(Stdio::piped()).spawn() else {
        say_unchecked(&format!("{program} is not installed"));
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).unwrap());
        child.wait_with_output().unwrap()
    });
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {errors}");
    Some(String::from_utf8(output.stdout).unwrap())
}

fn values(lines: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    lines.lines().map(parse).collect()
}

/// What reads JSON reads the same out of each JSON shape as `serde_json`.
fn check_every_shape(program: &str, arguments: &[&str]) {
    let logs = logs();
    for (name, _) in json_shapes() {
        let lines = fs::read_to_string(logs.path().join(name)).unwrap();
        let Some(read) = read_by(program, arguments, lines.as_bytes()) else {
            return;
        };
        let (read, expected) = (values(&read), values(&lines));
        assert_eq!(expected.len(), RECORDS, "{name}");
        assert!(read == expected, "{program} reads something else in {name}");
    }
}

#[test]
fn jq_reads_all_json_shapes() {
    check_every_shape("jq", &["-c", "."]);
}

#[test]
fn python_reads_all_json_shapes_and_meets_no_key_twice() {
    let program = "import json,sys\n\
        def once(pairs):\n    \
            assert len(pairs) == len(dict(pairs)), pairs\n    \
            return dict(pairs)\n\
        for line in sys.stdin: print(json.dumps(json.loads(line, object_pairs_hook=once)))";
    check_every_shape("python3", &["-c", program]);
}

#[test]
fn node_reads_all_json_shapes() {
    let program = "require('fs').readFileSync(0,'utf8').split('\\n').filter(line => line)\
        .forEach(line => console.log(JSON.stringify(JSON.parse(line))))";
    check_every_shape("node", &["-e", program]);
}

#[test]
fn jq_finds_structures_by_their_path() {
    let logs = logs();
    let lines = fs::read(logs.path().join("json")).unwrap();
    let filter = r#"select(.order.tags[0] == "a b" and .method == "GET") | .order.id"#;
    if let Some(read) = read_by("jq", &["-c", filter], &lines) {
        assert!(read.lines().eq((0..100).map(|id| id.to_string())));
    }
}

#[test]
fn duckdb_finds_typed_columns() {
    let has_duckdb = "import importlib.util; print(importlib.util.find_spec('duckdb') is not None)";
    match read_by("python3", &["-c", has_duckdb], b"").as_deref() {
        Some("True\n") => {}
        Some(_) => return say_unchecked("Python's duckdb is not installed"),
        None => return,
    }
    let logs = logs();
    let path = logs.path().join("json");
    let query = format!(
        "select count(*), sum(\"user\"), sum(\"order\".id), (max(\"timestamp\")::varchar)[:4], \
         count(*) filter (level = 'ERROR') \
         from read_json('{}', format='newline_delimited')",
        path.display()
    );
    let program = format!("import duckdb\nprint(duckdb.sql(\"\"\"{query}\"\"\").fetchall())");
    let read = read_by("python3", &["-c", &program], b"").unwrap();
    let rest = read.strip_prefix("[(101, 4950, 4950, '20");
    assert!(
        rest.is_some_and(|rest| rest.ends_with("', 1)]\n")),
        "{read}"
    );
}

#[test]
fn pino_pretty_shows_levels_messages_and_errors() {
    let logs = logs();
    let lines = fs::read(logs.path().join("pino")).unwrap();
    let Some(read) = read_by("pino-pretty", &["--no-colorizeObjects"], &lines) else {
        return;
    };
    assert_eq!(read.matches("INFO (").count(), 100, "{read}");
    assert_eq!(read.matches("): signed in\n    user: ").count(), 100);
    assert!(read.contains("): cannot save\n    err: {"), "{read}");
    assert!(read.contains("Error: disk full"), "{read}");
}

#[test]
fn bunyan_shows_levels_messages_and_errors() {
    let logs = logs();
    let lines = fs::read(logs.path().join("bunyan")).unwrap();
    let Some(read) = read_by("bunyan", &["--no-color"], &lines) else {
        return;
    };
    assert_eq!(read.matches("  INFO: ").count(), 100, "{read}");
    assert!(read.contains(": signed in (user=42, "), "{read}");
    assert!(read.contains("    Error: disk full"), "{read}");
}

/// What lnav answers to a query, as CSV.
fn ask_lnav(query: &str, log: &Path) -> Option<String> {
    let formats = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/lnav");
    let log = log.to_str().unwrap();
    let query = format!(";{query}");
    let arguments = [
        "-I",
        formats,
        "-n",
        "-c",
        &query,
        "-c",
        ":write-csv-to -",
        log,
    ];
    read_by("lnav", &arguments, b"")
}

#[test]
fn lnav_knows_time_level_and_fields_of_json_by_the_format_that_comes_along() {
    let logs = logs();
    let query = "select count(*), sum(log_level = 'info'), sum(log_level = 'error'), \
        min(log_time) like '20__-__-__ %', max(log_body) from offloop_log";
    if let Some(read) = ask_lnav(query, &logs.path().join("json")) {
        assert_eq!(read.lines().nth(1), Some("101,100,1,1,signed in"), "{read}");
    }
}

#[test]
fn lnav_knows_time_and_fields_of_logfmt() {
    let logs = logs();
    let query = "select count(*), sum(json_extract(fields, '$.user')), \
        min(log_time) like '20__-__-__ %' from logfmt_log";
    if let Some(read) = ask_lnav(query, &logs.path().join("logfmt")) {
        assert_eq!(read.lines().nth(1), Some("101,4950,1"), "{read}");
    }
}

#[test]
fn hl_reads_json_and_logfmt() {
    let logs = logs();
    for shape in ["json", "logfmt", "pino"] {
        let lines = fs::read(logs.path().join(shape)).unwrap();
        let Some(read) = read_by("hl", &["--color", "never", "-P"], &lines) else {
            return;
        };
        assert_eq!(read.matches("signed in").count(), 100, "{read}");
    }
}
