use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::{TempDir, tempdir};

use super::Ending;
use crate::config::Rotation;
use crate::sink::file::tests::write_all;
use crate::sink::file::{FilePlan, rotation};
use crate::sink::{Sink, Target};

struct Scene {
    directory: TempDir,
    path: PathBuf,
    target: Target,
}

impl Scene {
    /// A file sink with these rules. There may be something in the file already.
    fn new(rotation: &Rotation, before: &str) -> Scene {
        let directory = tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        if !before.is_empty() {
            fs::write(&path, before).unwrap();
        }
        let mut plan = FilePlan::new(path.clone());
        plan.rotation = rotation.rules().unwrap();
        Scene {
            directory,
            path,
            target: Target::File(plan),
        }
    }

    fn open(&mut self) -> Box<dyn Sink> {
        self.target.open().unwrap()
    }

    /// What the old files hold, in the order in which they ended, and then the active one.
    fn files(&self) -> Vec<String> {
        let mut paths = paths_in(self.directory.path());
        paths.sort_by_key(|path| (path == &self.path, number(path)));
        let texts = paths.iter().map(fs::read_to_string);
        texts.map(Result::unwrap).collect()
    }
}

fn paths_in(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// `app.2026-11-22T0330Z.3.jsonl`: by time and number. All of a test end in a minute or two.
fn number(path: &Path) -> (String, u32) {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut parts = name.split('.').skip(1);
    let time = parts.next().unwrap().to_owned();
    (
        time,
        parts.next().map_or(0, |number| number.parse().unwrap_or(0)),
    )
}

fn warnings(sink: &mut dyn Sink) -> Vec<String> {
    let mut warnings = Vec::new();
    sink.tend(1, &mut |warning| warnings.push(warning.to_owned()));
    warnings
}

/// As a file that was written to for the last time that long ago.
fn age(path: &Path, by: Duration) {
    let file = File::options().append(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - by).unwrap();
}

#[test]
fn a_batch_is_split_at_whole_lines_so_that_no_file_is_longer_than_the_limit() {
    let mut scene = Scene::new(&Rotation::on_demand().at_bytes(10), "");
    let mut sink = scene.open();
    write_all(&mut *sink, b"111\n222\n333\n444\n555\n666\n777\n");
    write_all(&mut *sink, b"8\na line longer than the limit\n9\n");
    let expected = ["111\n222\n", "333\n444\n", "555\n666\n", "777\n8\n"];
    let files = scene.files();
    assert_eq!(files[..4], expected);
    assert_eq!(files[4..], ["a line longer than the limit\n", "9\n"]);
}

#[test]
fn the_places_of_a_split_batch_are_told_apart() {
    let mut scene = Scene::new(&Rotation::on_demand().at_bytes(4), "");
    let mut sink = scene.open();
    let mut places = Vec::new();
    let mut lines = &b"111\n222\n"[..];
    while !lines.is_empty() {
        let accepted = sink.write_noting(lines, &mut |place| places.push(place));
        lines = &lines[accepted.unwrap()..];
    }
    assert_eq!(places.len(), 2);
    assert_ne!(places[0].inode, places[1].inode);
    assert_eq!((places[0].offset, places[1].offset), (0, 0));
}

#[test]
fn other_rules_hold_for_the_file_that_is_open() {
    let mut scene = Scene::new(&Rotation::on_demand(), "");
    let mut sink = scene.open();
    write_all(&mut *sink, b"111\n222\n333\n");
    let mut plan = FilePlan::new(scene.path.clone());
    plan.rotation = Rotation::on_demand().at_bytes(8).rules().unwrap();
    sink.change(&plan);
    write_all(&mut *sink, b"444\n");
    assert_eq!(scene.files(), ["111\n222\n333\n", "444\n"]);
}

#[test]
fn a_file_that_is_there_ends_at_the_start_if_that_is_wanted() {
    for (rotation, expected) in [
        (Rotation::on_demand().at_start(), &["old\n", "new\n"][..]),
        (Rotation::on_demand(), &["old\nnew\n"]),
    ] {
        let mut scene = Scene::new(&rotation, "old\n");
        write_all(&mut *scene.open(), b"new\n");
        assert_eq!(scene.files(), expected);
    }
}

#[test]
fn a_forked_child_does_not_end_the_file_of_its_parent() {
    let mut scene = Scene::new(&Rotation::on_demand().at_start(), "");
    write_all(&mut *scene.open(), b"parent\n");
    write_all(&mut *scene.target.open_in_child().unwrap(), b"child\n");
    assert_eq!(scene.files(), ["parent\nchild\n"]);
}

#[test]
fn a_file_ends_on_demand_unless_it_is_empty() {
    let mut scene = Scene::new(&Rotation::on_demand(), "");
    let mut sink = scene.open();
    for line in ["1\n", "2\n"] {
        write_all(&mut *sink, line.as_bytes());
        // A wish that comes twice is one wish.
        for _ in 0..2 {
            scene.target.control().unwrap().ask_to_rotate(1);
            assert_eq!(warnings(&mut *sink), [""; 0]);
        }
    }
    assert_eq!(scene.files(), ["1\n", "2\n", ""]);
}

#[test]
fn a_file_whose_period_is_over_ends_with_the_next_line_or_without_one() {
    for tends_first in [false, true] {
        let mut scene = Scene::new(&Rotation::hourly(), "old\n");
        age(&scene.path, Duration::from_secs(2 * 3600));
        let mut sink = scene.open();
        if tends_first {
            sink.tend(1, &mut |_| {});
            assert_eq!(scene.files(), ["old\n", ""]);
        }
        write_all(&mut *sink, b"new\n");
        assert_eq!(scene.files(), ["old\n", "new\n"]);
    }
}

/// By the clock of the file system, its last line came before the hour was over.
#[test]
fn a_file_whose_time_is_late_by_a_tick_is_of_the_period_that_has_just_begun() {
    let hour = SystemTime::UNIX_EPOCH + Duration::from_secs(500_000 * 3600);
    let scene = Scene::new(&Rotation::hourly(), "of this hour\n");
    let file = File::options().append(true).open(&scene.path).unwrap();
    file.set_modified(hour - Duration::from_millis(5)).unwrap();
    let file = file.metadata().unwrap();
    let mut ending = Ending::new(Rotation::hourly().rules().unwrap());
    let mut is_over_after = |seconds| {
        ending.is_over(
            &file,
            rotation::instant(hour + Duration::from_secs(seconds)),
        )
    };
    assert!(!is_over_after(1));
    assert!(is_over_after(3600));
}

#[test]
fn of_those_who_share_a_file_one_ends_it() {
    let rotation = Rotation::weekly().at_bytes(10);
    let mut scene = Scene::new(&rotation, "old\n");
    age(&scene.path, Duration::from_secs(15 * 24 * 3600));
    let (mut one, mut other) = (scene.open(), scene.open());
    // Both have seen the old file.
    let mut third = scene.target.open_in_child().unwrap();
    write_all(&mut *one, b"1\n");
    write_all(&mut *other, b"2\n");
    write_all(&mut *third, b"3\n");
    assert_eq!(scene.files(), ["old\n", "1\n2\n3\n"]);
    for sink in [&mut one, &mut other, &mut third] {
        write_all(&mut **sink, b"4444\n");
    }
    assert_eq!(
        scene.files(),
        ["old\n", "1\n2\n3\n", "4444\n4444\n", "4444\n"]
    );
}

#[test]
fn a_file_that_cannot_be_ended_goes_on_and_that_is_said_once() {
    let mut scene = Scene::new(&Rotation::on_demand().at_bytes(4), "");
    let real = scene.directory.path().join("real");
    std::os::unix::fs::symlink(&real, &scene.path).unwrap();
    let mut sink = scene.open();
    for _ in 0..3 {
        write_all(&mut *sink, b"111\n222\n");
    }
    assert_eq!(fs::read_to_string(&real).unwrap(), "111\n222\n".repeat(3));
    let said = warnings(&mut *sink);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].ends_with("its path is a symbolic link; it goes on"));
    assert!(warnings(&mut *sink).is_empty());
}

#[test]
fn a_torn_line_is_ended_before_its_file_is() {
    let mut scene = Scene::new(&Rotation::on_demand().at_start(), "torn");
    write_all(&mut *scene.open(), b"new\n");
    assert_eq!(scene.files(), ["torn\n", "new\n"]);
}

#[test]
fn an_old_file_that_is_locked_to_be_compressed_holds_up_nobody() {
    let mut scene = Scene::new(&Rotation::on_demand(), "old\n");
    let (mut one, mut other) = (scene.open(), scene.open());
    let old = File::open(&scene.path).unwrap();
    scene.target.control().unwrap().ask_to_rotate(1);
    one.tend(1, &mut |_| {});
    old.lock().unwrap();
    assert_eq!(other.write(b"new\n").unwrap(), 4);
    assert_eq!(scene.files(), ["old\n", "new\n"]);
}
