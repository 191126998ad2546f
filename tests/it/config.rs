//! Configurations: what is right arrives, what is wrong is told with its place and its remedy.

use std::fs;
use std::path::{Path, PathBuf};

use offloop::{ConfigLoader, Error};

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
            format!("{error}\n").replace(&directory, "")
        }
        other => panic!("{}: {other:?}", path.display()),
    }
}
