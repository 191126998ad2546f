//! What `offloop schema` prints, as an editor takes it: what is right is valid, what is wrong is not.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;

use crate::config::{example, offloop_in};

fn validator() -> Validator {
    let directory = tempfile::tempdir().unwrap();
    let schema = offloop_in(directory.path(), &["schema"], &[]).json();
    jsonschema::draft7::new(&schema).unwrap()
}

/// What an editor sees of a file. `None` where it is no TOML.
fn seen(text: &str) -> Option<Value> {
    let table: toml::Table = toml::from_str(text).ok()?;
    Some(serde_json::to_value(table).unwrap())
}

#[track_caller]
fn assert_valid(validator: &Validator, text: &str) {
    let seen = seen(text).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(&seen)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn the_example_is_valid_with_all_that_it_has_to_offer() {
    let (validator, directory) = (validator(), tempfile::tempdir().unwrap());
    for marks in [&[] as &[&str], &["#"], &["#   ", "#"]] {
        assert_valid(&validator, &example(directory.path(), marks));
    }
}

#[test]
fn what_holds_as_check_shows_it_is_valid() {
    let (validator, directory) = (validator(), tempfile::tempdir().unwrap());
    let text = example(directory.path(), &["#   ", "#"]);
    fs::write(directory.path().join("offloop.toml"), text).unwrap();
    for environment in ["development", "production"] {
        let answer = offloop_in(directory.path(), &["check", "--env", environment], &[]);
        assert_eq!(answer.code, Some(0), "{answer:?}");
        assert_valid(&validator, &answer.stdout);
    }
}

/// The broken configurations that the library is tested with, by their names.
fn broken() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/config/broken");
    let entries = fs::read_dir(directory).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    paths.sort();
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    let read = |path: PathBuf| (name(&path), fs::read_to_string(&path).unwrap());
    paths.into_iter().map(read).collect()
}

/// What is wrong for more than keys and types, such as directives, ranges of what has a unit, and what
/// does not go together: `offloop check` alone tells.
const BEYOND_A_SCHEMA: &[&str] = &[
    "18-size-below-range",
    "19-size-above-range",
    "23-time-out-of-range",
    "24-filter-with-wrong-level",
    "25-filter-that-would-be-a-target",
    "26-filter-of-sink",
    "27-filter-of-sink-with-broken-span",
    "28-filter-with-broken-span",
    "29-request-detail-with-spans",
    "30-request-detail-beside-spans",
    "40-sinks-empty",
    "41-path-missing",
    "42-path-empty",
    "43-path-twice",
    "44-keys-of-file-on-stdout",
    "45-zone-unknown",
    "46-zone-without-period",
    "47-time-of-day-unknown",
    "48-time-of-day-without-day",
    "53-crash-safe-without-file",
    "54-crash-safe-with-little-budget",
    "55-crash-directory-without-use",
    "63-environment-makes-file-of-terminal",
    "64-environment-adds-rotation-to-terminal",
    "71-format-option-does-not-fit",
    "76-redaction-name-that-fits-nothing",
    "77-redaction-regular-expression",
    "78-redaction-regular-expression-too-large",
    "85-limits-out-of-range",
    "91-mode-that-shuts-out-its-owner",
    "92-rotation-at-no-bytes",
    "93-two-parts-of-one-name",
    "95-paths-in-another-notation",
];

#[test]
fn what_is_broken_is_not_valid_but_for_what_no_schema_can_know() {
    let validator = validator();
    let is_accepted = |text: &str| {
        // A variable is none of an editor's business.
        let concerns_it = !text.contains("# variable: ");
        concerns_it && seen(text).is_some_and(|seen| validator.is_valid(&seen))
    };
    let broken = broken();
    let accepted = broken.iter().filter(|(_, text)| is_accepted(text));
    let accepted: Vec<_> = accepted.map(|(name, _)| &**name).collect();
    assert_eq!(accepted, BEYOND_A_SCHEMA);
}
