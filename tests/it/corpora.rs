//! Texts and bytes that have broken other software before.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::any;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// Bytes that are no UTF-8, each in its own way: continuations alone or missing, overlong forms,
/// surrogates, code points beyond the last, other encodings, half a byte order mark.
pub(crate) const BROKEN: &[&[u8]] = &[
    b"\x80",
    b"\xff\xfe",
    b"a\xc3",
    b"\xe2\x82(",
    b"\xf0\x9f\x98",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"\xfc\x80\x80\x80\x80\xaf",
    b"\xed\xa0\x80",
    b"\xed\xb0\x80\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xff\xfe[\x00\"\x00\xe9\x00\"\x00]\x00",
    b"\x00[\x00\"\x00\xe9\x00\"\x00]",
    b"[\"\xe9\"]",
    b"{\"\xb9\":\"0\",}",
    b"\xef\xbb",
];

/// Where a checkout of JSONTestSuite is, whose files are then tried too.
const SUITE_VARIABLE: &str = "OFFLOOP_JSON_TEST_SUITE";

/// The contents of JSONTestSuite's files, see `tests/corpora/json_test_suite/README.md`.
pub(crate) fn json_test_suite() -> Vec<String> {
    let path = "tests/corpora/json_test_suite/files.json";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let files: Vec<(String, usize, String, String)> =
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(files.len(), 318 + 22);
    let content = |(_, times, text, rest): (_, usize, String, String)| text.repeat(times) + &rest;
    files.into_iter().map(content).collect()
}

/// The same files byte by byte, where there is a checkout.
pub(crate) fn json_test_suite_checkout() -> Vec<Vec<u8>> {
    let Some(suite) = std::env::var_os(SUITE_VARIABLE).map(PathBuf::from) else {
        return Vec::new();
    };
    let folders = ["test_parsing", "test_transform"].map(|folder| suite.join(folder));
    let files = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    let contents: Vec<_> = files
        .map(|file| fs::read(file.unwrap().path()).unwrap())
        .collect();
    assert_eq!(contents.len(), 318 + 22);
    contents
}

/// Every character there is, in texts of some thousand.
pub(crate) fn all_characters() -> Vec<String> {
    let all: Vec<char> = (char::MIN..=char::MAX).collect();
    all.chunks(4099)
        .map(|chunk| chunk.iter().collect())
        .collect()
}

/// So many texts that nobody thought of.
pub(crate) fn random(count: usize) -> impl Iterator<Item = String> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(move |_| any::<String>().new_tree(&mut runner).unwrap().current())
}
