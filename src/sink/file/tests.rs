use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, mkfifoat};
use rustix::io::Errno;
use rustix::pipe::PIPE_BUF;
use tempfile::{TempDir, tempdir};

use super::FilePlan;
#[cfg(not(any(offloop_loom, offloop_shuttle)))]
use super::faults::{self, Call, Fault, Flaw};
use super::lock::Lock;
use crate::sink::{PlaceInFile, Sink, Target};

fn target(path: impl AsRef<Path>) -> Target {
    Target::File(FilePlan::new(path.as_ref().to_owned()))
}

fn open_sink(path: impl AsRef<Path>) -> Box<dyn Sink> {
    target(path).open().unwrap()
}

fn is_unread(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::NXIO.raw_os_error())
}

fn make_fifo(directory: &TempDir) -> PathBuf {
    let path = directory.path().join("fifo");
    mkfifoat(CWD, &path, Mode::from_raw_mode(0o600)).unwrap();
    path
}

/// A reader that never waits: neither for a writer nor for bytes.
fn read_end(path: &Path) -> File {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .unwrap()
}

fn read_some(mut reader: &File) -> Vec<u8> {
    let mut bytes = vec![0; 4 * PIPE_BUF];
    let len = reader.read(&mut bytes).unwrap();
    bytes.truncate(len);
    bytes
}

#[test]
fn directories_are_created_and_only_owner_and_group_may_read() {
    rustix::process::umask(Mode::from_raw_mode(0o022));
    let directory = tempdir().unwrap();
    let path = directory.path().join("a/b/app.jsonl");
    assert_eq!(open_sink(&path).write(b"{}\n").unwrap(), 3);
    assert_eq!(fs::read(&path).unwrap(), b"{}\n");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o640
    );
}

#[test]
fn a_file_keeps_its_mode_and_its_end_whoever_writes_to_it() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    fs::write(&path, "1\n").unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    let (mut one, mut other) = (open_sink(&path), open_sink(&path));
    one.write(b"2\n").unwrap();
    other.write(b"3\n").unwrap();
    one.write(b"4\n").unwrap();
    one.flush().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"1\n2\n3\n4\n");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[track_caller]
fn check_first_line_after(crash: &str, expected: &str) {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    fs::write(&path, crash).unwrap();
    let mut sink = open_sink(&path);
    assert_eq!(sink.write(b"a\n").unwrap(), 2);
    assert_eq!(sink.write(b"b\n").unwrap(), 2);
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
}

#[test]
fn the_first_line_after_a_crash_is_a_line_of_its_own() {
    check_first_line_after("", "a\nb\n");
    check_first_line_after("{}\n", "{}\na\nb\n");
    check_first_line_after("{}\n{\"to", "{}\n{\"to\na\nb\n");
}

#[test]
fn a_relative_path_is_fixed_when_the_sink_is_opened() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let mut target = target(relative(&path));
    assert!(!target_path(&target).is_absolute());
    target.open().unwrap();
    assert!(target_path(&target).is_absolute());

    target.open_in_child().unwrap().write(b"{}\n").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"{}\n");
}

fn target_path(target: &Target) -> &Path {
    let Target::File(plan) = target else {
        panic!("not a file")
    };
    &plan.path
}

/// The way to `path` from the current directory.
fn relative(path: &Path) -> PathBuf {
    let up = std::env::current_dir()
        .unwrap()
        .components()
        .skip(1)
        .map(|_| "..")
        .collect::<PathBuf>();
    up.join(path.strip_prefix("/").unwrap())
}

#[test]
fn a_child_has_the_file_of_its_parent_and_shares_it() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let mut target = target(&path);
    let mut parent = target.open().unwrap();
    let mut child = target.open_in_child().unwrap();
    parent.write(b"1\n").unwrap();
    child.write(b"2\n").unwrap();
    parent.write(b"3\n").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"1\n2\n3\n");
}

#[track_caller]
fn check_error(path: &Path, expected: &str) {
    let error = target(path).open().err().unwrap();
    assert_eq!(error.to_string(), expected);
    assert!(std::error::Error::source(&error).is_none());
}

#[test]
fn a_path_that_cannot_be_opened_is_an_error_that_names_it() {
    let directory = tempdir().unwrap();
    let root = directory.path();
    check_error(
        root,
        &format!("open log file {root:?}: Is a directory (os error 21)"),
    );
    fs::write(root.join("file"), "").unwrap();
    let expected = format!(
        "create log directory {:?}: File exists (os error 17)",
        root.join("file")
    );
    check_error(&root.join("file/app.jsonl"), &expected);
}

#[test]
fn an_empty_path_is_an_error() {
    let error = target(PathBuf::new()).open().err().unwrap();
    assert!(
        error.to_string().starts_with(r#"open log file "": "#),
        "{error}"
    );
}

#[test]
fn a_socket_is_no_fifo_that_waits_for_a_reader() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("socket");
    let _listener = UnixListener::bind(&path).unwrap();
    assert!(target(path).open().is_err());
}

#[test]
fn readers_of_a_fifo_may_come_late_go_and_come_back() {
    let directory = tempdir().unwrap();
    let path = make_fifo(&directory);
    let mut sink = open_sink(&path);
    assert!(is_unread(&sink.write(b"a\n").unwrap_err()));

    for _ in 0..2 {
        let reader = read_end(&path);
        assert_eq!(sink.write(b"a\n").unwrap(), 2);
        assert_eq!(read_some(&reader), b"a\n");

        drop(reader);
        assert_eq!(
            sink.write(b"b\n").unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
        assert!(is_unread(&sink.write(b"b\n").unwrap_err()));
        sink.wait_for_room(Duration::from_millis(1));
    }
}

#[test]
fn the_next_reader_of_a_fifo_starts_with_a_whole_line() {
    let directory = tempdir().unwrap();
    let path = make_fifo(&directory);
    let reader = read_end(&path);
    let mut sink = open_sink(&path);
    let mut lines = vec![b'x'; 2 * PIPE_BUF];
    lines.extend_from_slice(b"\na\n");
    assert_eq!(sink.write(&lines).unwrap(), PIPE_BUF);
    drop(reader);
    assert_eq!(
        sink.write(&lines[PIPE_BUF..]).unwrap_err().kind(),
        io::ErrorKind::BrokenPipe
    );

    let reader = read_end(&path);
    assert_eq!(sink.write(&lines[PIPE_BUF..]).unwrap(), PIPE_BUF + 1);
    assert!(sink.has_given_up());
    assert_eq!(sink.write(b"a\n").unwrap(), 2);
    assert!(!sink.has_given_up());
    assert_eq!(read_some(&reader), b"a\n");
}

#[test]
fn a_fifo_that_nobody_empties_is_no_room() {
    let directory = tempdir().unwrap();
    let path = make_fifo(&directory);
    let reader = read_end(&path);
    let mut sink = open_sink(&path);
    let line = [b"x".repeat(99), b"\n".to_vec()].concat();
    let error = std::iter::from_fn(|| Some(sink.write(&line)))
        .find_map(Result::err)
        .unwrap();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);

    read_some(&reader);
    sink.wait_for_room(Duration::MAX);
    assert_eq!(sink.write(&line).unwrap(), 100);
}

#[cfg(target_os = "linux")]
#[test]
fn devices_are_written_to_and_their_errors_come_through() {
    assert_eq!(open_sink("/dev/null").write(b"a\n").unwrap(), 2);
    let error = open_sink("/dev/full").write(b"a\n").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

pub(super) fn names_in(directory: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names = names.collect::<Vec<_>>();
    names.sort();
    names
}

/// Writes all of `lines`, as the drain does.
pub(super) fn write_all(sink: &mut dyn Sink, mut lines: &[u8]) {
    while !lines.is_empty() {
        match sink.write(lines) {
            Ok(accepted) => lines = &lines[accepted..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                sink.wait_for_room(Duration::from_secs(1));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn the_place_that_is_noted_is_where_the_lines_lie() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    fs::write(&path, "torn").unwrap();
    let mut sink = open_sink(&path);
    let mut places = Vec::new();
    for lines in [&b"1\n2\n"[..], b"3\n"] {
        let accepted = sink.write_noting(lines, &mut |place| places.push(place));
        assert_eq!(accepted.unwrap(), lines.len());
    }
    let metadata = fs::metadata(&path).unwrap();
    let place = |offset| PlaceInFile {
        device: metadata.dev(),
        inode: metadata.ino(),
        offset,
    };
    assert_eq!(places, [place(5), place(9)]);
    assert_eq!(fs::read(&path).unwrap(), b"torn\n1\n2\n3\n");
}

#[test]
fn a_file_that_is_locked_has_no_room_and_is_a_failure_after_a_while() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let mut sink = open_sink(&path);
    let other = File::open(&path).unwrap();
    let lock = Lock::take(&other).unwrap();
    let mut errors = std::iter::from_fn(|| {
        sink.wait_for_room(Duration::from_secs(1));
        Some(sink.write(b"a\n").unwrap_err().kind())
    });
    assert_eq!(errors.next(), Some(io::ErrorKind::WouldBlock));
    assert!(errors.any(|error| error == io::ErrorKind::TimedOut));
    drop(lock);
    assert_eq!(sink.write(b"a\n").unwrap(), 2);
    assert_eq!(fs::read(&path).unwrap(), b"a\n");
}

#[test]
fn a_file_that_is_renamed_removed_or_replaced_is_left_for_a_new_one() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("logs/app.jsonl");
    let old = directory.path().join("logs/app.1.jsonl");
    let mut sink = open_sink(&path);
    write_all(&mut *sink, b"1\n");
    fs::rename(&path, &old).unwrap();
    write_all(&mut *sink, b"2\n");
    assert_eq!(fs::read(&old).unwrap(), b"1\n");
    assert_eq!(fs::read(&path).unwrap(), b"2\n");

    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    write_all(&mut *sink, b"3\n");
    assert_eq!(fs::read(&path).unwrap(), b"3\n");

    fs::write(&old, "other\n").unwrap();
    fs::rename(&old, &path).unwrap();
    write_all(&mut *sink, b"4\n");
    assert_eq!(fs::read(&path).unwrap(), b"other\n4\n");
}

#[test]
fn nothing_is_created_at_once_where_somebody_may_be_about_to() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let mut sink = open_sink(&path);
    fs::rename(&path, directory.path().join("app.1.jsonl")).unwrap();
    let error = sink.write(b"a\n").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    assert!(!path.exists());
}

#[test]
fn a_truncated_file_gets_the_next_line_at_its_beginning() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let mut sink = open_sink(&path);
    write_all(&mut *sink, b"1\n2\n3\n");
    File::options()
        .write(true)
        .truncate(true)
        .open(&path)
        .unwrap();
    write_all(&mut *sink, b"4\n");
    assert_eq!(fs::read(&path).unwrap(), b"4\n");
}

#[test]
fn a_line_that_somebody_else_tore_is_ended() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let mut sink = open_sink(&path);
    write_all(&mut *sink, b"1\n");
    let mut other = File::options().append(true).open(&path).unwrap();
    io::Write::write_all(&mut other, b"torn").unwrap();
    write_all(&mut *sink, b"2\n");
    assert_eq!(fs::read(&path).unwrap(), b"1\ntorn\n2\n");
}

/// Otherwise it would be there twice: it is written again.
#[cfg(not(any(offloop_loom, offloop_shuttle)))]
#[test]
fn a_line_that_lacks_its_line_break_alone_and_cannot_be_cut_off_does_not_become_whole() {
    for is_opened_anew in [false, true] {
        let directory = tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        let target = target(&path);
        let mut sink = target.open_in_child().unwrap();
        let fail = |call, flaw, after| {
            faults::plan(Fault {
                call,
                flaw,
                after,
                times: 1,
            });
        };
        fail(Call::Write, Flaw::Short, 0);
        fail(Call::Write, Flaw::Error(Errno::NOSPC), 1);
        fail(Call::Truncate, Flaw::Error(Errno::PERM), 0);
        fail(Call::Truncate, Flaw::Error(Errno::PERM), 1);
        assert!(sink.write(b"{}\n").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"{}");
        if is_opened_anew {
            target.control().unwrap().ask_to_reopen();
        }
        assert_eq!(sink.write(b"{}\n").unwrap(), 3);
        assert_eq!(fs::read(&path).unwrap(), b"{}<torn>\n{}\n");
    }
}

#[test]
fn a_link_is_followed_where_no_stranger_can_have_made_it() {
    let directory = tempdir().unwrap();
    let (file, link) = (directory.path().join("file"), directory.path().join("link"));
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let mut sink = open_sink(&link);
    write_all(&mut *sink, b"1\n");
    assert_eq!(fs::read(&file).unwrap(), b"1\n");

    for (mode, who) in [(0o1777, "everybody"), (0o775, "its group")] {
        fs::set_permissions(directory.path(), PermissionsExt::from_mode(mode)).unwrap();
        let error = target(&link).open().err().unwrap().to_string();
        let expected = format!("in a directory that {who} may write to");
        assert!(error.ends_with(&expected), "{error}");
    }
    fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
    open_sink(&link);
    if std::os::unix::fs::chown(directory.path(), Some(65_534), None).is_ok() {
        let error = target(&link).open().err().unwrap().to_string();
        let expected = "in a directory that belongs to user 65534";
        assert!(error.ends_with(expected), "{error}");
    }
}

#[test]
fn a_directory_where_everybody_may_replace_the_file_is_warned_of_once() {
    for (mode, warns) in [(0o777, true), (0o1777, false), (0o775, false)] {
        let directory = tempdir().unwrap();
        fs::set_permissions(directory.path(), PermissionsExt::from_mode(mode)).unwrap();
        let path = directory.path().join("app.jsonl");
        let mut sink = open_sink(&path);
        assert_eq!(warnings(&mut *sink), usize::from(warns), "{mode:o}");
        fs::remove_file(&path).unwrap();
        write_all(&mut *sink, b"1\n");
        assert_eq!(warnings(&mut *sink), 0);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_program_that_may_not_look_at_its_file_any_more_goes_on_in_it() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let mut sink = open_sink(&path);
    fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o000)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            if rustix::process::geteuid().is_root() {
                // Of this thread alone.
                rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(65_534)).unwrap();
            }
            for line in ["1\n", "2\n"] {
                write_all(&mut *sink, line.as_bytes());
            }
        });
    });
    fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"1\n2\n");
}

fn warnings(sink: &mut dyn Sink) -> usize {
    let mut count = 0;
    sink.tend(1, &mut |_| count += 1);
    count
}

#[test]
fn a_file_is_opened_anew_on_request_also_without_a_record() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let target = target(&path);
    let mut sink = target.open_in_child().unwrap();
    write_all(&mut *sink, b"1\n");
    for line in ["2\n", "3\n"] {
        fs::remove_file(&path).unwrap();
        target.control().unwrap().ask_to_reopen();
        sink.tend(1, &mut |_| {});
        assert!(path.exists());
        write_all(&mut *sink, line.as_bytes());
        assert_eq!(fs::read_to_string(&path).unwrap(), line);
    }
}

#[test]
fn a_new_file_has_the_mode_that_was_chosen() {
    rustix::process::umask(Mode::from_raw_mode(0o022));
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let mut plan = FilePlan::new(path.clone());
    plan.mode = 0o600;
    Target::File(plan).open().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
}
