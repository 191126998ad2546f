//! Runs the tests of the Python package: in a virtual environment of their own, with the wheel as
//! `pip` installs it.
//!
//! The environment lies below the target directory and is made again when what it needs changes.
//!
//! - `OFFLOOP_SKIP_PYTHON=1`: none of it.
//! - `OFFLOOP_PYTHON`: the interpreter, in place of `python3`.
//! - `OFFLOOP_PYTEST`: arguments for pytest, such as `-k sigterm`.
//! - `OFFLOOP_LONG=1`: also the public test-suites that take long.
//! - `OFFLOOP_ASGI_CORRELATION_ID=PATH`: also the tests of asgi-correlation-id, of which there is a checkout.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is told to whoever has no Python.
const SKIP: &str = "set OFFLOOP_SKIP_PYTHON=1 to go without the Python package's tests";

#[test]
fn the_tests_of_the_python_package_pass() {
    if env::var("OFFLOOP_SKIP_PYTHON").is_ok_and(|value| value == "1") {
        return;
    }
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("offloop-python");
    fs::create_dir_all(&directory).expect("a directory below the target directory");
    let environment = environment(&directory, &package.join("tests/requirements.txt"));
    install_wheel(&environment, package, &directory);
    let arguments = env::var("OFFLOOP_PYTEST").unwrap_or_default();
    run(Command::new(environment.join("bin/python"))
        .args(["-m", "pytest"])
        .args(arguments.split_whitespace())
        .current_dir(package)
        // Whatever the developer has set is not what the tests are about.
        .env_remove("RUST_LOG")
        .env_remove("OFFLOOP_CONFIG"));
}

/// A virtual environment with all that is required.
fn environment(directory: &Path, requirements: &Path) -> PathBuf {
    let environment = directory.join("environment");
    let stamp = environment.join("stamp");
    let python = env::var("OFFLOOP_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let wanted = format!("{}\n{}", version(&python), read(requirements));
    if fs::read_to_string(&stamp).is_ok_and(|present| present == wanted) {
        return environment;
    }
    let _ = fs::remove_dir_all(&environment);
    run(Command::new(&python).args(["-m", "venv"]).arg(&environment));
    run(Command::new(environment.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--requirement"])
        .arg(requirements));
    fs::write(&stamp, wanted).unwrap_or_else(|error| panic!("write {stamp:?}: {error}"));
    environment
}

fn version(python: &str) -> String {
    let output = Command::new(python).arg("--version").output();
    let output = output.unwrap_or_else(|error| panic!("run {python}: {error}; {SKIP}"));
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    let is_usable = |minor: &str| minor.parse::<u32>().is_ok_and(|minor| 10 <= minor);
    let minor = version
        .strip_prefix("Python 3.")
        .and_then(|rest| rest.split('.').next());
    assert!(
        minor.is_some_and(is_usable),
        "{python} is {version:?}, and Python 3.10 or later is needed; {SKIP}"
    );
    version
}

/// Builds the wheel, and installs it as a user would.
fn install_wheel(environment: &Path, package: &Path, directory: &Path) {
    let wheels = directory.join("wheels");
    let _ = fs::remove_dir_all(&wheels);
    run(Command::new(environment.join("bin/maturin"))
        .args(["build", "--quiet", "--locked", "--out"])
        .arg(&wheels)
        .current_dir(package)
        // Of its own: the interpreter that maturin tells pyo3 of would have all else built anew.
        .env("CARGO_TARGET_DIR", directory.join("target")));
    let found = fs::read_dir(&wheels)
        .ok()
        .and_then(|mut found| found.next());
    let Some(Ok(wheel)) = found else {
        panic!("maturin has put no wheel into {wheels:?}");
    };
    run(Command::new(environment.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--force-reinstall",
            "--no-deps",
        ])
        .arg(wheel.path()));
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("read {path:?}: {error}"))
}

fn run(command: &mut Command) {
    let status = command.status();
    let status = status.unwrap_or_else(|error| panic!("run {command:?}: {error}; {SKIP}"));
    assert!(status.success(), "{command:?}: {status}; {SKIP}");
}
