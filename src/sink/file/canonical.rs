//! One name for a file, however those who write to it spell its path.

use std::path::{Path, PathBuf};

use super::system;

/// The path of a file by which others find it, too: its directory without links and detours, and the
/// file's own name. An absolute path stays as it is where its directory is not there.
pub(crate) fn canonical(path: &Path) -> PathBuf {
    let parts = path.parent().zip(path.file_name());
    let found = parts.and_then(|(directory, name)| {
        let directory = system::canonical(directory).ok()?;
        Some(directory.join(name))
    });
    found.unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::tempdir;

    use super::*;

    #[test]
    fn a_file_has_one_name_by_whatever_way_it_is_reached() {
        let directory = tempdir().unwrap();
        let directory = directory.path().canonicalize().unwrap();
        std::fs::create_dir(directory.join("logs")).unwrap();
        symlink("logs", directory.join("link")).unwrap();
        let expected = directory.join("logs/app.jsonl");
        for spelled in [
            "logs/app.jsonl",
            "link/app.jsonl",
            "logs/../link/./app.jsonl",
        ] {
            assert_eq!(canonical(&directory.join(spelled)), expected);
        }
        // Not even of a file that is a link itself: it is the link that has this name.
        symlink("elsewhere", &expected).unwrap();
        assert_eq!(canonical(&expected), expected);
        for missing in ["no/such/app.jsonl", "logs/.."] {
            let missing = directory.join(missing);
            assert_eq!(canonical(&missing), missing);
        }
    }
}
