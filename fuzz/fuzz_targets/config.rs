//! Whatever a configuration file or a variable holds, reading it neither falls nor hangs; every problem
//! has a place that there is; and what is right reads back the same from what is shown of it.
//!
//! The input is the bytes of a file. Where they are text, variables hold the same text.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use offloop::{ConfigLoader, ConfigSource, Error, LoadedConfig};

const NO_VARIABLES: [(&str, &str); 0] = [];

/// A file in memory, which each input replaces.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = tempfile::tempdir_in("/dev/shm").expect("a tmpfs");
    directory.keep().join("offloop.toml")
});

fuzz_target!(|input: &[u8]| {
    fs::write(&*FILE, input).expect("a file");
    let lines = 1 + input.iter().filter(|byte| **byte == b'\n').count();
    let loader = ConfigLoader::new().file(&*FILE).environment("a");
    check(&loader.variables(NO_VARIABLES), lines);
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    // A variable cannot hold NUL, but nobody has to know.
    let variables = [
        "OFFLOOP__LEVEL",
        "OFFLOOP__BUDGET",
        "OFFLOOP__OVERFLOW",
        "OFFLOOP__PANIC_HOOK",
        "OFFLOOP__SINKS__MAIN",
        "OFFLOOP__REQUESTS__QUIET",
    ];
    for name in variables {
        let loader = ConfigLoader::new().text("[sinks.main]\nkind = \"stdout\"");
        check(&loader.variables([(name, text)]), 2);
    }
});

fn check(loader: &ConfigLoader, lines: usize) {
    match loader.load() {
        Ok(loaded) => check_shown(&loaded),
        Err(Error::Config(error)) => {
            let _ = error.to_string();
            for problem in error.problems() {
                match problem.source() {
                    ConfigSource::File { line, .. } => assert!((1..=lines).contains(line)),
                    ConfigSource::Variable { .. } => {}
                    other => panic!("{problem} is at {other:?}"),
                }
            }
        }
        Err(error) => panic!("{error}"),
    }
}

/// What is shown of a configuration is that configuration.
fn check_shown(loaded: &LoadedConfig) {
    let settings = loaded.settings();
    let lines = settings.iter().map(|setting| format!("{} = {}\n", setting.key, setting.value));
    let loader = ConfigLoader::new().text(lines.collect::<String>());
    let loader = loader.environment(loaded.environment());
    let again = loader.variables(NO_VARIABLES).load().expect("a configuration");
    assert_eq!(again.config(), loaded.config());
}
