use std::fs;
use std::os::unix::fs::symlink;

use tempfile::{TempDir, tempdir};

use super::*;
#[cfg(not(any(offloop_loom, offloop_shuttle)))]
use crate::sink::file::faults::{self, Call, Fault, Flaw};
use crate::sink::file::name::Suffix;
use crate::sink::file::tests::names_in;

const GZIP: Form = Form::Compressed(Suffix::Gzip);

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn in_directory() -> (TempDir, PathBuf, OldFiles) {
    let directory = tempdir().unwrap();
    let active = directory.path().join("app.jsonl");
    let old_files = OldFiles::beside(&active).unwrap();
    (directory, active, old_files)
}

fn listed(old_files: &OldFiles) -> Vec<PathBuf> {
    let forms = old_files.list().unwrap().into_iter().flat_map(|file| {
        let name = file.name;
        file.forms.into_keys().map(move |form| (name, form))
    });
    let paths = forms.map(|(name, form)| old_files.path(name, form));
    paths.map(|path| path.file_name().unwrap().into()).collect()
}

#[test]
fn each_file_that_ends_gets_the_next_name_and_keeps_its_bytes() {
    let (directory, active, old_files) = in_directory();
    for (content, ended) in [
        ("1\n", "2026-11-22T03:30:00Z"),
        ("2\n", "2026-11-22T03:30:59Z"),
        ("3\n", "2016-11-22T03:30:00Z"),
        ("4\n", "2026-11-22T03:31:00Z"),
    ] {
        fs::write(&active, content).unwrap();
        old_files.add_active(time(ended)).unwrap();
    }
    let expected = [
        ("app.2026-11-22T0330Z.1.jsonl", "1\n"),
        ("app.2026-11-22T0330Z.2.jsonl", "2\n"),
        ("app.2026-11-22T0330Z.3.jsonl", "3\n"),
        ("app.2026-11-22T0331Z.1.jsonl", "4\n"),
    ];
    assert_eq!(names_in(&directory), expected.map(|(name, _)| name));
    for (name, content) in expected {
        assert_eq!(
            fs::read_to_string(directory.path().join(name)).unwrap(),
            content
        );
    }
}

#[test]
fn a_name_counts_as_taken_whatever_has_it_and_in_whatever_form() {
    let (directory, active, old_files) = in_directory();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("app.2026-11-22T0330Z.1.jsonl.gz"), "").unwrap();
    fs::write(path("app.2026-11-22T0330Z.2.jsonl.zst.partial"), "").unwrap();
    fs::create_dir(path("app.2026-11-22T0330Z.3.jsonl")).unwrap();
    symlink("nowhere", path("app.2026-11-22T0330Z.4.jsonl")).unwrap();
    fs::write(&active, "a\n").unwrap();
    let old = old_files.add_active(time("2026-11-22T03:30:00Z")).unwrap();
    assert_eq!(
        old_files.path(old, Form::Plain),
        path("app.2026-11-22T0330Z.5.jsonl")
    );
}

#[test]
fn nothing_is_overwritten_by_who_did_not_look() {
    for rename in [OldFiles::rename_active, OldFiles::link_active] {
        let (directory, active, old_files) = in_directory();
        let taken = directory.path().join("taken");
        fs::write(&active, "a\n").unwrap();
        fs::write(&taken, "b\n").unwrap();
        assert_eq!(rename(&old_files, OsStr::new("taken")), Err(Errno::EXIST));
        assert_eq!(fs::read_to_string(&active).unwrap(), "a\n");
        assert_eq!(fs::read_to_string(&taken).unwrap(), "b\n");

        assert_eq!(rename(&old_files, OsStr::new("free")), Ok(()));
        assert_eq!(names_in(&directory), ["free", "taken"]);
        assert_eq!(rename(&old_files, OsStr::new("other")), Err(Errno::NOENT));
    }
}

#[cfg(not(any(offloop_loom, offloop_shuttle)))]
#[test]
fn a_file_that_keeps_its_name_has_no_other() {
    let (directory, active, old_files) = in_directory();
    fs::write(&active, "a\n").unwrap();
    fail(Call::Rename, Errno::INVAL, u32::MAX);
    for _ in 0..3 {
        fail(Call::Unlink, Errno::IO, 1);
        old_files
            .add_active(time("2026-11-22T03:30:00Z"))
            .unwrap_err();
        assert_eq!(names_in(&directory), ["app.jsonl"]);
    }
}

#[cfg(not(any(offloop_loom, offloop_shuttle)))]
#[test]
fn who_was_killed_between_two_names_leaves_one_old_file() {
    let (directory, active, old_files) = in_directory();
    fs::write(&active, "a\n").unwrap();
    for killed in [
        "app.2026-11-22T0310Z.1.jsonl",
        "app.2026-11-22T0320Z.1.jsonl",
    ] {
        fs::hard_link(&active, directory.path().join(killed)).unwrap();
    }
    fail(Call::Rename, Errno::INVAL, u32::MAX);
    old_files.add_active(time("2026-11-22T03:30:00Z")).unwrap();
    assert_eq!(names_in(&directory), ["app.2026-11-22T0330Z.1.jsonl"]);
}

#[cfg(not(any(offloop_loom, offloop_shuttle)))]
fn fail(call: Call, errno: Errno, times: u32) {
    faults::plan(Fault {
        call,
        flaw: Flaw::Error(errno),
        after: 0,
        times,
    });
}

#[test]
fn where_there_is_no_file_none_ends() {
    let (_directory, _, old_files) = in_directory();
    let error = old_files
        .add_active(time("2026-11-22T03:30:00Z"))
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn when_names_have_run_out_a_file_does_not_end() {
    let (directory, active, old_files) = in_directory();
    fs::write(&active, "a\n").unwrap();
    for name in [
        "app.9999-12-31T2359Z.4294967295.jsonl",
        "app.+10000-01-01T0000Z.1.jsonl",
    ] {
        fs::write(directory.path().join(name), "").unwrap();
    }
    let error = old_files
        .add_active(time("2026-11-22T03:30:00Z"))
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(&active).unwrap(), "a\n");
}

#[test]
fn only_regular_files_with_a_made_name_are_listed_oldest_first() {
    let (directory, active, old_files) = in_directory();
    let path = |name: &str| directory.path().join(name);
    let expected = [
        "app.2026-11-22T0330Z.9.jsonl",
        "app.2026-11-22T0330Z.9.jsonl.gz",
        "app.2026-11-22T0330Z.10.jsonl",
        "app.2026-11-22T0330Z.11.jsonl.zst.partial",
        "app.2026-12-01T0000Z.1.jsonl.zst",
    ];
    for name in expected.iter().rev() {
        fs::write(path(name), "a\n").unwrap();
    }
    fs::write(&active, "").unwrap();
    fs::write(path("app.2026-11-22.jsonl"), "").unwrap();
    fs::write(path("other.2026-11-22T0330Z.1.jsonl"), "").unwrap();
    fs::create_dir(path("app.2026-11-22T0330Z.1.jsonl")).unwrap();
    symlink("app.jsonl", path("app.2026-11-22T0330Z.2.jsonl")).unwrap();
    assert_eq!(listed(&old_files), expected.map(PathBuf::from));
    assert_eq!(old_files.list().unwrap()[0].bytes(), 4);
}

#[test]
fn the_active_file_is_no_old_one_under_any_name() {
    let (directory, active, old_files) = in_directory();
    fs::write(&active, "a\n").unwrap();
    let second_name = directory.path().join("app.2026-11-22T0330Z.1.jsonl");
    fs::hard_link(&active, &second_name).unwrap();
    assert_eq!(old_files.list().unwrap(), []);
    fs::remove_file(&active).unwrap();
    assert_eq!(old_files.list().unwrap().len(), 1);
}

#[test]
fn neither_links_nor_directories_are_opened_or_removed() {
    let (directory, active, old_files) = in_directory();
    fs::write(&active, "a\n").unwrap();
    let old = OldName::after(None, time("2026-11-22T03:30:00Z"));
    symlink("app.jsonl", old_files.path(old, Form::Plain)).unwrap();
    fs::create_dir(old_files.path(old, GZIP)).unwrap();
    for form in [Form::Plain, GZIP] {
        assert!(old_files.open(old, form).unwrap().is_none());
        old_files.remove(old, form).unwrap();
    }
    assert_eq!(names_in(&directory).len(), 3);
    assert!(old_files.create(old, Form::Plain, Mode::RUSR).is_err());
}

#[test]
fn what_is_gone_already_is_no_error() {
    let (_directory, _, old_files) = in_directory();
    let old = OldName::after(None, time("2026-11-22T03:30:00Z"));
    assert!(old_files.open(old, Form::Plain).unwrap().is_none());
    old_files.remove(old, Form::Plain).unwrap();
}

#[test]
fn a_file_that_lost_its_name_is_not_locked() {
    let (directory, _, old_files) = in_directory();
    let old = OldName::after(None, time("2026-11-22T03:30:00Z"));
    let path = old_files.path(old, Form::Plain);
    fs::write(&path, "a\n").unwrap();
    let file = old_files.open(old, Form::Plain).unwrap().unwrap();
    assert!(old_files.lock(&file, old).unwrap().is_some());

    fs::rename(&path, directory.path().join("elsewhere")).unwrap();
    assert!(old_files.lock(&file, old).unwrap().is_none());
    fs::write(&path, "b\n").unwrap();
    assert!(old_files.lock(&file, old).unwrap().is_none());
}

#[test]
fn a_lock_that_another_has_is_not_waited_for() {
    let (_directory, _, old_files) = in_directory();
    let old = OldName::after(None, time("2026-11-22T03:30:00Z"));
    fs::write(old_files.path(old, Form::Plain), "a\n").unwrap();
    let [one, other] = [(); 2].map(|()| old_files.open(old, Form::Plain).unwrap().unwrap());
    let lock = old_files.lock(&one, old).unwrap();
    let error = old_files.lock(&other, old).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    drop(lock);
    assert!(old_files.lock(&other, old).unwrap().is_some());
}

#[test]
fn a_relative_path_and_one_without_a_directory_have_old_files() {
    assert!(OldFiles::beside(Path::new("app.jsonl")).is_ok());
    assert!(OldFiles::beside(Path::new("./app.jsonl")).is_ok());
    assert!(OldFiles::beside(Path::new("/")).is_err());
    let error = OldFiles::beside(Path::new("no/such/directory/app.jsonl")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}
