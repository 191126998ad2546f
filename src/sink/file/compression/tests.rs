use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use tempfile::{TempDir, tempdir};

use super::*;
use crate::sink::file::lock::Lock;

const OLD: &str = "app.2026-11-22T0330Z.1.jsonl";

/// A compression, how its files end, and the program that reads them.
const ALL: &[(Compression, &str, &str)] = &[
    (Compression::Gzip, ".gz", "gzip"),
    #[cfg(feature = "zstd")]
    (Compression::Zstd, ".zst", "zstd"),
];

/// Lines as a service writes them, several buffers full.
fn log() -> Vec<u8> {
    let line = |number: u64| {
        let token = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        format!(
            "{{\"level\":\"INFO\",\"message\":\"request served\",\"number\":{number},\"token\":\"{token:x}\"}}\n"
        )
    };
    (0..5_000).map(line).collect::<String>().into_bytes()
}

/// A directory in which an old file lies.
struct Scene {
    directory: TempDir,
    old_files: OldFiles,
}

impl Scene {
    fn new() -> Scene {
        let directory = tempdir().unwrap();
        let old_files = OldFiles::beside(&directory.path().join("app.jsonl")).unwrap();
        Scene {
            directory,
            old_files,
        }
    }

    /// The path of the old file, with that ending.
    fn path(&self, ending: &str) -> PathBuf {
        self.directory.path().join(format!("{OLD}{ending}"))
    }

    fn write(&self, ending: &str, content: &[u8]) {
        fs::write(self.path(ending), content).unwrap();
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.directory).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names = names.collect::<Vec<_>>();
        names.sort();
        names
    }

    /// Compresses, and says how many files, and which complaints there were.
    fn compress(&self, compression: Compression) -> (usize, Vec<String>) {
        let mut complaints = Vec::new();
        let mut round = Round {
            goes_on: &|| true,
            complain: &mut |complaint| complaints.push(complaint),
        };
        let count = apply(compression, &self.old_files, &mut round).unwrap();
        (count, complaints)
    }

    /// Compresses without complaint, and expects the compressed file alone, with that content.
    #[track_caller]
    fn check(&self, (compression, ending, program): (Compression, &str, &str), content: &[u8]) {
        let (_, complaints) = self.compress(compression);
        assert_eq!(complaints, [""; 0]);
        assert_eq!(self.names(), [format!("{OLD}{ending}")]);
        assert!(read_by(program, &self.path(ending)) == content);
    }
}

/// What the real program makes of a compressed file.
fn read_by(program: &str, path: &Path) -> Vec<u8> {
    let mut command = Command::new(program);
    command.args(["-d", "-c"]).stdin(Stdio::null()).arg(path);
    let output = command.output().expect("the program is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// What this compression makes of some bytes.
fn compressed(compression: Compression, content: &[u8]) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let read = compression
        .compress(&mut &*content, file.as_file())
        .unwrap();
    assert_eq!(read, content.len() as u64);
    fs::read(file.path()).unwrap()
}

#[test]
fn the_real_program_reads_what_was_written() {
    for &one in ALL {
        for content in [&b""[..], b"a\n", &log()] {
            let scene = Scene::new();
            scene.write("", content);
            scene.check(one, content);
        }
    }
}

#[test]
fn a_log_becomes_much_smaller() {
    for &(compression, ..) in ALL {
        let log = log();
        assert!(compressed(compression, &log).len() < log.len() / 4);
    }
}

#[test]
fn a_compressed_file_has_the_mode_and_the_times_of_the_old_one() {
    for &(compression, ending, _) in ALL {
        let scene = Scene::new();
        scene.write("", b"a\n");
        let written = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        File::options()
            .append(true)
            .open(scene.path(""))
            .unwrap()
            .set_modified(written)
            .unwrap();
        fs::set_permissions(scene.path(""), PermissionsExt::from_mode(0o600)).unwrap();
        scene.compress(compression);
        let metadata = fs::metadata(scene.path(ending)).unwrap();
        assert_eq!(metadata.modified().unwrap(), written);
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn whoever_may_read_the_old_file_may_read_the_compressed_one() {
    rustix::process::umask(Mode::from_raw_mode(0o022));
    for &(compression, ending, _) in ALL {
        let scene = Scene::new();
        scene.write("", b"a\n");
        // Beyond the umask, and of another group, where this user may give it to one.
        fs::set_permissions(scene.path(""), PermissionsExt::from_mode(0o664)).unwrap();
        let _ = std::os::unix::fs::chown(scene.path(""), None, Some(65_534));
        let old = fs::metadata(scene.path("")).unwrap();
        scene.compress(compression);
        let metadata = fs::metadata(scene.path(ending)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o664);
        assert_eq!(metadata.gid(), old.gid());
    }
}

#[test]
fn who_was_killed_while_writing_is_replaced() {
    for &one in ALL {
        let whole = compressed(one.0, &log());
        for partial in [&b""[..], &whole[..whole.len() / 2], &whole] {
            let scene = Scene::new();
            scene.write("", &log());
            scene.write(&format!("{}.partial", one.1), partial);
            scene.check(one, &log());
        }
    }
}

#[test]
fn who_was_killed_before_the_old_file_was_removed_is_believed() {
    for &one in ALL {
        let scene = Scene::new();
        scene.write("", &log());
        scene.write(one.1, &compressed(one.0, &log()));
        let before = fs::metadata(scene.path(one.1)).unwrap().ino();
        scene.check(one, &log());
        assert_eq!(fs::metadata(scene.path(one.1)).unwrap().ino(), before);
    }
}

#[test]
fn a_compressed_file_that_holds_anything_else_is_replaced() {
    for &one in ALL {
        let log = log();
        let whole = compressed(one.0, &log);
        let (mut damaged, first_half) = (whole.clone(), compressed(one.0, &log[..log.len() / 2]));
        damaged[whole.len() / 2] ^= 1;
        let twice = compressed(one.0, &log.repeat(2));
        for content in [
            &b""[..],
            &whole[..whole.len() - 1],
            &damaged,
            &first_half,
            &twice,
        ] {
            let scene = Scene::new();
            scene.write("", &log);
            scene.write(one.1, content);
            scene.check(one, &log);
        }
    }
}

#[test]
fn a_partial_file_whose_old_file_is_gone_is_removed() {
    for &(compression, ending, _) in ALL {
        let scene = Scene::new();
        scene.write(&format!("{ending}.partial"), b"a");
        assert_eq!(scene.compress(compression), (0, Vec::new()));
        assert_eq!(scene.names(), [""; 0]);
    }
}

#[test]
fn what_is_compressed_is_left_alone() {
    for &(compression, ending, _) in ALL {
        let scene = Scene::new();
        scene.write(ending, b"whatever it is");
        assert_eq!(scene.compress(compression), (0, Vec::new()));
        assert_eq!(fs::read(scene.path(ending)).unwrap(), b"whatever it is");
    }
}

#[test]
fn only_old_files_are_compressed() {
    for &(compression, ..) in ALL {
        let scene = Scene::new();
        for name in [
            "app.jsonl",
            "app.bak.jsonl",
            "other.2026-11-22T0330Z.1.jsonl",
        ] {
            fs::write(scene.directory.path().join(name), "a\n").unwrap();
        }
        let names = scene.names();
        assert_eq!(scene.compress(compression), (0, Vec::new()));
        assert_eq!(scene.names(), names);
    }
}

#[test]
fn a_file_that_another_is_at_is_left_to_him() {
    for &one in ALL {
        let scene = Scene::new();
        scene.write("", b"a\n");
        scene.write(&format!("{}.partial", one.1), b"his");
        let other = File::open(scene.path("")).unwrap();
        let lock = Lock::take(&other).unwrap();
        assert_eq!(scene.compress(one.0), (0, Vec::new()));
        assert_eq!(scene.names().len(), 2);
        drop(lock);
        scene.check(one, b"a\n");
    }
}

#[test]
fn of_several_that_compress_one_does_it() {
    for &(compression, ending, program) in ALL {
        let scene = Scene::new();
        let old = |number: usize| {
            scene
                .directory
                .path()
                .join(format!("app.2026-11-22T0330Z.{number}.jsonl"))
        };
        let content = |number: usize| format!("{number}\n").repeat(20_000);
        for number in 1..=20 {
            fs::write(old(number), content(number)).unwrap();
        }
        let counts = thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(|| scene.compress(compression)));
            threads.map(|thread| thread.join().unwrap())
        });
        for (_, complaints) in &counts {
            assert_eq!(complaints, &[""; 0]);
        }
        assert_eq!(counts.iter().map(|(count, _)| count).sum::<usize>(), 20);
        assert_eq!(scene.names().len(), 20);
        for number in 1..=20 {
            let path = old(number).with_extension(format!("jsonl{ending}"));
            assert_eq!(read_by(program, &path), content(number).into_bytes());
        }
    }
}

#[test]
fn what_fails_is_reported_and_leaves_the_old_file_as_it_was() {
    for &(compression, ending, _) in ALL {
        let scene = Scene::new();
        scene.write("", b"a\n");
        // Where the temporary file would go, there is something that is not ours.
        fs::create_dir(scene.path(&format!("{ending}.partial"))).unwrap();
        let (count, complaints) = scene.compress(compression);
        let path = scene.path("");
        let expected = format!("compress old log file {path:?}: File exists (os error 17)");
        assert_eq!((count, complaints), (0, vec![expected]));
        assert_eq!(fs::read(&path).unwrap(), b"a\n");
        assert_eq!(scene.names().len(), 2);
    }
}
