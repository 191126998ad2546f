//! Where files are, and which sinks would write to the same one.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use super::Config;
use super::sink::Kind;

/// Two sinks that would write to one file: each record would be in it twice.
pub(crate) struct SharedFile {
    pub(crate) path: PathBuf,
    /// The earlier one first.
    pub(crate) sinks: [String; 2],
}

impl Config {
    /// The sinks that would write to the file of an earlier one, however its path is spelled.
    pub(crate) fn shared_files(&self) -> Vec<SharedFile> {
        let mut sinks_of_files = HashMap::new();
        let mut shared = Vec::new();
        let files = self.enabled_sinks();
        for (name, sink) in files.filter(|(_, sink)| sink.kind() == Kind::File) {
            let Some(path) = sink.path.as_deref().map(place_of) else {
                continue;
            };
            match sinks_of_files.get(&path) {
                None => {
                    sinks_of_files.insert(path, name.clone());
                }
                Some(first) => shared.push(SharedFile {
                    sinks: [String::clone(first), name.clone()],
                    path,
                }),
            }
        }
        shared
    }
}

/// A path without links and detours, whether or not there is anything.
pub(super) fn place_of(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut place = PathBuf::new();
    for component in absolute.components() {
        if component == Component::ParentDir {
            place.pop();
            continue;
        }
        place.push(component);
        // What is not there is no link.
        if let Ok(found) = place.canonicalize() {
            place = found;
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::tempdir;

    use super::place_of;

    #[test]
    fn a_file_has_one_place_however_its_path_is_spelled_and_whether_or_not_it_is_there() {
        let directory = tempdir().unwrap();
        let directory = directory.path().canonicalize().unwrap();
        std::fs::create_dir_all(directory.join("a/b")).unwrap();
        symlink("a/b", directory.join("link")).unwrap();
        symlink("a/app.jsonl", directory.join("app.jsonl")).unwrap();
        let check = |spelled: &str, expected: &str| {
            assert_eq!(place_of(&directory.join(spelled)), directory.join(expected));
        };
        check("logs/x.jsonl", "logs/x.jsonl");
        check("./logs/../logs/./x.jsonl", "logs/x.jsonl");
        check("link/x.jsonl", "a/b/x.jsonl");
        // As the system goes: up from where the link leads to.
        check("link/../x.jsonl", "a/x.jsonl");
        check("app.jsonl", "app.jsonl");
        std::fs::write(directory.join("a/app.jsonl"), "").unwrap();
        check("app.jsonl", "a/app.jsonl");
    }
}
