//! Strings that have broken other software, in every place that a string can come from: each record
//! stays one line, harmless in every shape of one line, and all JSON parses, with each key once. What
//! the default JSON says reads back equal.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use offloop::{Guard, Json, Limits, Overflow, Redaction, Sink};
use serde_json::{Value, json};
use tracing::callsite::Identifier;
use tracing::field::FieldSet;
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Callsite, Event, Level, Metadata, Span};

use crate::corpora;
use crate::harmless::{assert_harmless, assert_is_object};
use crate::shapes::{json_shapes, other_shapes};
use crate::support::{PATIENCE, in_child, is_long};

/// The fields of a span are cut at 64 KiB, and such a line says so. Two documents are longer.
const SPAN_TEXT_MAX: usize = 60 << 10;

/// A program that logs to a file in each shape, and knows what the JSON should say.
struct Program {
    directory: tempfile::TempDir,
    guard: Guard,
    expected: Vec<Value>,
}

impl Program {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // What is a secret by its name, or too long, would not be there as it was logged.
        let limits = Limits::default().field_bytes(1 << 20);
        let builder = offloop::builder()
            .redaction(Redaction::off())
            .limits(limits);
        let mut builder = builder.filter("trace");
        for (name, format) in json_shapes().into_iter().chain(other_shapes()) {
            builder = builder.sink(Sink::file(directory.path().join(name)).format(format));
        }
        let overflow = Overflow::Block { at_most: PATIENCE };
        Program {
            guard: builder.overflow(overflow).init().unwrap(),
            expected: Vec::new(),
            directory,
        }
    }

    /// Logs `text` in every place where a text may come from at run time.
    fn log(&mut self, text: &str) {
        let chain = Failed(
            text.to_owned(),
            Some(Box::new(Failed(text.to_owned(), None))),
        );
        let in_span = if text.len() <= SPAN_TEXT_MAX {
            text
        } else {
            "too long"
        };
        tracing::info_span!("span", in_span).in_scope(|| {
            tracing::info!("{text}");
            tracing::info!(text, json = ?Json(text), bytes = text.as_bytes());
            tracing::info!(error = &chain as &(dyn Error + 'static));
        });
        log_to_target(text);
        self.expected.extend([
            json!({"message": text, "in_span": in_span}),
            json!({"text": text, "json": text, "bytes": hexadecimal(text.as_bytes()), "in_span": in_span}),
            json!({"error": [text, text], "in_span": in_span}),
            json!({"message": text, "target": text}),
        ]);
    }

    /// Logs `text` in every place where otherwise the source code says what is there.
    fn log_as_name(&mut self, text: &str) {
        let span = metadata(text, &["key"], Kind::SPAN);
        let key = span.fields().field("key").unwrap();
        let value = Some(&true as &dyn tracing::Value);
        Span::new(span, &span.fields().value_set(&[(&key, value)])).in_scope(|| {
            let event = metadata(text, &[text], Kind::EVENT);
            let key = event.fields().field(text).unwrap();
            Event::dispatch(event, &event.fields().value_set(&[(&key, value)]));
        });
        self.expected
            .push(json!({"target": text, text: true, "spans": [text], "key": true}));
    }

    fn log_bytes(&mut self, bytes: &[u8]) {
        tracing::info!(bytes);
        self.expected.push(json!({"bytes": hexadecimal(bytes)}));
    }

    /// Checks what is in the files by now, and empties them.
    fn check(&mut self) {
        self.guard.flush(PATIENCE).unwrap();
        assert_eq!(self.guard.stats().lost(), 0);
        for (name, _) in json_shapes().into_iter().chain(other_shapes()) {
            let path = self.directory.path().join(name);
            let lines = fs::read(&path).unwrap();
            let lines = String::from_utf8(lines).unwrap();
            // The sink appends, so what comes next is at the beginning again.
            fs::File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_len(0)
                .unwrap();
            assert_eq!(lines.matches('\n').count(), self.expected.len(), "{name}");
            lines.split('\n').for_each(assert_harmless);
            if name == "json" {
                assert_says(&lines, &self.expected);
            } else if json_shapes().iter().any(|(shape, _)| *shape == name) {
                assert_parses(&lines);
            }
        }
        self.expected.clear();
    }
}

/// Each line is JSON, with no key twice.
fn assert_parses(lines: &str) {
    lines.lines().for_each(assert_is_object);
    if is_long() {
        let parsed = |line| serde_json::from_str(line).unwrap();
        assert_others_agree(lines, &lines.lines().map(parsed).collect::<Vec<_>>());
    }
}

/// Each line has at least what is expected of it.
fn assert_says(lines: &str, expected: &[Value]) {
    assert_parses(lines);
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let parsed: Vec<Value> = lines.lines().map(parse).collect();
    for (line, expected) in parsed.iter().zip(expected) {
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&line[key], value, "{key:?} in {line}");
        }
    }
}

/// Reads the lines with Python and with node, as far as they are installed, and has them write what
/// they read.
#[expect(clippy::print_stderr, reason = "says what it did not do")]
fn assert_others_agree(lines: &str, parsed: &[Value]) {
    let python = "import json,sys\n\
        sys.stdin.reconfigure(encoding='utf-8',newline='\\n')\n\
        for line in sys.stdin: print(json.dumps(json.loads(line)))";
    let node = "require('fs').readFileSync(0,'utf8').split('\\n').filter(line => line)\
        .forEach(line => console.log(JSON.stringify(JSON.parse(line))))";
    for (program, arguments) in [("python3", ["-c", python]), ("node", ["-e", node])] {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            eprintln!("{program} is not installed: it has no say");
            continue;
        };
        let mut stdin = child.stdin.take().unwrap();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(lines.as_bytes()).unwrap());
            child.wait_with_output().unwrap()
        });
        assert!(output.status.success(), "{program}: {}", output.status);
        let read = String::from_utf8(output.stdout).unwrap();
        let read: Vec<Value> = read
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(read == parsed, "{program} reads something else");
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Debug)]
struct Failed(String, Option<Box<Failed>>);

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|source| source as _)
    }
}

/// The `log` crate takes its targets at run time.
fn log_to_target(text: &str) {
    let mut record = log::Record::builder();
    record.level(log::Level::Info).target(text);
    log::logger().log(&record.args(format_args!("{text}")).build());
}

/// What a macro makes in the source code.
struct AnyCallsite(OnceLock<Metadata<'static>>);

impl Callsite for AnyCallsite {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        self.0.get().unwrap()
    }
}

/// A callsite whose name, target and fields are any text. It stays for ever, as callsites do.
fn metadata(text: &str, fields: &[&str], kind: Kind) -> &'static Metadata<'static> {
    let leak = |text: &str| -> &'static str { Box::leak(text.into()) };
    let fields: Vec<_> = fields.iter().map(|field| leak(field)).collect();
    let callsite: &'static AnyCallsite = Box::leak(Box::new(AnyCallsite(OnceLock::new())));
    let fields = FieldSet::new(fields.leak(), Identifier(callsite));
    let (name, target) = (leak(text), leak(text));
    let metadata = Metadata::new(name, target, Level::INFO, None, None, None, fields, kind);
    let metadata = callsite.0.get_or_init(|| metadata);
    tracing::callsite::register(callsite);
    metadata
}

#[test]
fn naughty_strings_stay_in_their_place() {
    in_child(|| {
        let mut program = Program::start();
        assert_eq!(naughty_strings::BLNS.len(), 515);
        for text in naughty_strings::BLNS {
            program.log(text);
            program.log_as_name(text);
            program.log_bytes(text.as_bytes());
        }
        program.check();
    });
}

#[test]
fn documents_that_break_parsers_stay_in_their_place() {
    in_child(|| {
        let mut program = Program::start();
        for text in corpora::json_test_suite() {
            program.log(&text);
            program.log_as_name(&text);
        }
        let checkout = corpora::json_test_suite_checkout();
        for bytes in checkout
            .iter()
            .map(Vec::as_slice)
            .chain(corpora::BROKEN.iter().copied())
        {
            program.log_bytes(bytes);
            program.log(&String::from_utf8_lossy(bytes));
        }
        program.check();
    });
}

#[test]
fn every_character_stays_in_its_place() {
    in_child(|| {
        let mut program = Program::start();
        for text in corpora::all_characters() {
            program.log(&text);
            program.log_as_name(&text);
            program.check();
        }
    });
}

#[test]
fn strings_that_nobody_thought_of_stay_in_their_place() {
    // Each is logged four times.
    let count = if is_long() { 1_000_000 } else { 2_500 };
    in_child(|| {
        let mut program = Program::start();
        for (number, text) in corpora::random(count).enumerate() {
            program.log(&text);
            if number % 10_000 == 0 {
                program.check();
            }
        }
        program.check();
    });
}
