//! A canary is found where it is.

use std::fs;
use std::io::Write;

use super::*;

const VALUE: &str = "kanarie \"ä/7f3a\"\n";

#[track_caller]
fn check(content: &str, disguise: &'static str) {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("old")).unwrap();
    let path = directory.path().join("old/app.jsonl");
    fs::write(&path, content).unwrap();
    let canary = Canary::new(VALUE);
    let found = canary.find_in(directory.path()).unwrap();
    assert!(
        found.iter().any(|found| found.disguise == disguise),
        "{found:?}"
    );
    assert!(
        found
            .iter()
            .all(|found| found.place == path.display().to_string())
    );
    let caught = std::panic::catch_unwind(|| canary.assert_absent_in(&path));
    let message = *caught.unwrap_err().downcast::<String>().unwrap();
    // The name of the directory is random.
    let message = message.replace(directory.path().to_str().unwrap(), "");
    assert!(
        message.contains(disguise) && !message.contains("7f3a"),
        "{message}"
    );
}

#[test]
fn a_canary_is_found_in_each_of_its_disguises() {
    check(&format!("before {VALUE}behind"), "plain");
    check(
        "x6b616E6172696520 22c3a42f3766336122 0ax"
            .replace(' ', "")
            .as_str(),
        "hex",
    );
    check("kanarie%20%22%C3%A4%2F7f3a%22%0A", "percent-encoded");
    check("kanarie+%22%c3%a4%2f7f3a%22%0a", "percent-encoded");
    check(r#"{"a":"kanarie \"ä/7f3a\"\n"}"#, "JSON");
    check(r#"{"a":"kanarie \"\u00E4/7f3a\"\n"}"#, "JSON");
    check(r#"{"a":"{\"b\":\"kanarie \\\"ä/7f3a\\\"\\n\"}"}"#, "JSON");
    for base64 in [
        "a2FuYXJpZSAiw6QvN2YzYSIK",
        "eGthbmFyaWUgIsOkLzdmM2EiCng=",
        "eHhrYW5hcmllICLDpC83ZjNhIgp4",
    ] {
        check(base64, "base64");
    }
}

#[test]
fn a_canary_is_found_in_compressed_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.jsonl.gz");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(VALUE.as_bytes()).unwrap();
    fs::write(&path, packed.finish().unwrap()).unwrap();
    let found = Canary::new(VALUE).find_in(&path).unwrap();
    assert_eq!((found[0].offset, found[0].disguise), (0, "plain"));
}

#[test]
fn what_is_not_there_is_not_found_and_nothing_is_no_proof() {
    let directory = tempfile::tempdir().unwrap();
    let canary = Canary::new(VALUE);
    assert!(canary.find_in(directory.path()).is_err());
    assert!(canary.find_in(directory.path().join("missing")).is_err());
    fs::write(directory.path().join("app.jsonl"), "kanarie 7f3a").unwrap();
    canary.assert_absent_in(directory.path());
    canary.assert_absent_in_memory(&Memory::new());
}

#[test]
fn a_canary_does_not_tell_its_value() {
    assert!(!format!("{:?}", Canary::new(VALUE)).contains("7f3a"));
}

#[test]
#[should_panic(expected = "found by chance")]
fn a_canary_that_is_too_short_is_refused() {
    let _ = Canary::new("12345");
}
