use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::thread;

use proptest::prelude::*;
use rustix::process::Uid;
use tempfile::{TempDir, tempdir};

use super::*;
use crate::sink::file::lock::Lock;
use crate::sink::file::name::OldName;

const HOUR: Duration = Duration::from_secs(3600);

const AT_EASE: Surroundings = Surroundings {
    now: DateTime::<Utc>::UNIX_EPOCH,
    active_bytes: 0,
    free_bytes: u64::MAX,
};

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Files that ended at these times, and have these lengths.
fn old_files(files: &[(&str, u64)]) -> Vec<OldFile> {
    let mut newest = None;
    let file = |&(ended, bytes): &(&str, u64)| {
        let name = OldName::after(newest, time(ended));
        newest = Some(name);
        OldFile {
            name,
            forms: BTreeMap::from([(Form::Plain, bytes)]),
            modified: time(ended),
        }
    };
    files.iter().map(file).collect()
}

/// Three files that end an hour after each other and have 10, 20 and 30 bytes.
fn three_files() -> Vec<OldFile> {
    old_files(&[
        ("2026-11-22T01:00:00Z", 10),
        ("2026-11-22T02:00:00Z", 20),
        ("2026-11-22T03:00:00Z", 30),
    ])
}

/// How many of the oldest of the three files go.
#[track_caller]
fn check(retention: Retention, surroundings: Surroundings, expected: usize) {
    let files = three_files();
    let gone = retention.superfluous(&files, surroundings);
    assert_eq!(gone, files.iter().take(expected).collect::<Vec<_>>());
}

#[test]
fn by_default_all_stay() {
    let surroundings = Surroundings {
        now: time("2126-01-01T00:00:00Z"),
        active_bytes: u64::MAX,
        free_bytes: 0,
    };
    check(Retention::all(), surroundings, 0);
}

#[test]
fn the_oldest_go_until_the_rest_are_few_enough() {
    for (count, expected) in [(usize::MAX, 0), (3, 0), (2, 1), (1, 2), (0, 3)] {
        check(Retention::all().files_max(count), AT_EASE, expected);
    }
}

#[test]
fn the_oldest_go_until_the_rest_and_the_active_one_are_small_enough() {
    for (bytes, expected) in [(60, 0), (59, 1), (50, 1), (49, 2), (30, 2), (29, 3), (0, 3)] {
        check(Retention::all().bytes_max(bytes), AT_EASE, expected);
    }
    let active_bytes = |active_bytes| Surroundings {
        active_bytes,
        ..AT_EASE
    };
    check(Retention::all().bytes_max(60), active_bytes(1), 1);
    check(Retention::all().bytes_max(60), active_bytes(60), 3);
    check(Retention::all().bytes_max(60), active_bytes(u64::MAX), 3);
}

#[test]
fn the_oldest_go_until_there_is_space() {
    let free_bytes = |free_bytes| Surroundings {
        free_bytes,
        ..AT_EASE
    };
    for (free, expected) in [
        (100, 0),
        (99, 1),
        (90, 1),
        (89, 2),
        (70, 2),
        (69, 3),
        (0, 3),
    ] {
        check(
            Retention::all().free_bytes_min(100),
            free_bytes(free),
            expected,
        );
    }
}

#[test]
fn those_go_that_ended_too_long_ago() {
    let now = |text| Surroundings {
        now: time(text),
        ..AT_EASE
    };
    let retention = Retention::all().age_max(2 * HOUR);
    check(retention, now("2026-11-22T03:00:00Z"), 0);
    check(retention, now("2026-11-22T03:00:01Z"), 1);
    check(retention, now("2026-11-22T04:30:00Z"), 2);
    check(retention, now("2026-11-23T00:00:00Z"), 3);
    // A clock that was set back.
    check(retention, now("2016-11-22T03:00:00Z"), 0);
    check(
        Retention::all().age_max(Duration::MAX),
        now("2126-01-01T00:00:00Z"),
        0,
    );
}

#[test]
fn a_file_goes_as_soon_as_one_rule_says_so() {
    let retention = Retention::all()
        .files_max(2)
        .bytes_max(30)
        .age_max(100 * HOUR);
    check(retention, AT_EASE, 2);
}

#[test]
fn where_a_name_lies_in_the_future_the_time_of_modification_counts() {
    let mut files = old_files(&[("2099-01-01T00:00:00Z", 1), ("2099-01-01T00:00:00Z", 1)]);
    files[0].modified = time("2026-11-22T00:00:00Z");
    let now = Surroundings {
        now: time("2026-11-22T03:00:00Z"),
        ..AT_EASE
    };
    let gone = Retention::all().age_max(2 * HOUR);
    assert_eq!(gone.superfluous(&files, now), [&files[0]]);
    // Hours ahead is no mistake: somebody has set the clock back.
    let mut files = old_files(&[("2026-11-22T20:00:00Z", 1)]);
    files[0].modified = time("2020-01-01T00:00:00Z");
    assert!(gone.superfluous(&files, now).is_empty());
}

proptest! {
    #[test]
    fn what_stays_satisfies_every_rule_and_no_more_goes_than_must(
        bytes in prop::collection::vec(0..100_u64, 0..20),
        (files_max, bytes_max) in (0..20_usize, 0..1000_u64),
        (active_bytes, free_bytes, free_bytes_min) in (0..200_u64, 0..500_u64, 0..1000_u64),
    ) {
        let ends = bytes.iter().map(|&bytes| ("2026-11-22T01:00:00Z", bytes));
        let files = old_files(&ends.collect::<Vec<_>>());
        let retention = Retention::all().files_max(files_max).bytes_max(bytes_max).free_bytes_min(free_bytes_min);
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let gone = retention.superfluous(&files, Surroundings { now, active_bytes, free_bytes }).len();
        let is_satisfied = |gone: usize| {
            let (gone, kept) = bytes.split_at(gone);
            kept.len() <= files_max
                && kept.iter().sum::<u64>() + active_bytes <= bytes_max
                && free_bytes_min <= free_bytes + gone.iter().sum::<u64>()
        };
        prop_assert!(is_satisfied(gone) || gone == files.len());
        prop_assert!(gone == 0 || !is_satisfied(gone - 1));
    }
}

fn write(directory: &TempDir, names: &[&str]) {
    for name in names {
        fs::write(directory.path().join(name), "a\n").unwrap();
    }
}

/// Keeps one old file, and says which complaints there were.
fn keep_one(directory: &TempDir) -> Vec<String> {
    let active = directory.path().join("app.jsonl");
    let old_files = OldFiles::beside(&active).unwrap();
    let mut complaints = Vec::new();
    let retention = Retention::all().files_max(1);
    let now = time("2026-11-23T00:00:00Z");
    let mut round = Round {
        goes_on: &|| true,
        complain: &mut |complaint| complaints.push(complaint),
    };
    apply(&retention, &old_files, now, &mut round).unwrap();
    complaints
}

#[track_caller]
fn check_names(directory: &TempDir, expected: &[&str]) {
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names = names.collect::<Vec<_>>();
    names.sort();
    assert_eq!(names, expected);
}

#[test]
fn a_file_goes_in_all_its_forms_and_the_rest_stays() {
    let directory = tempdir().unwrap();
    let stays = [
        "app.2026-11-22T0300Z.1.jsonl",
        "app.2026-11-22T0300Z.1.jsonl.gz",
        "app.bak.jsonl",
        "app.jsonl",
        "app.jsonl.1",
        "other.2026-11-22T0100Z.1.jsonl",
    ];
    write(&directory, &stays);
    write(
        &directory,
        &[
            "app.2026-11-22T0100Z.1.jsonl",
            "app.2026-11-22T0100Z.1.jsonl.gz.partial",
            "app.2026-11-22T0200Z.1.jsonl.zst",
        ],
    );
    assert_eq!(keep_one(&directory), [""; 0]);
    check_names(&directory, &stays);
}

#[test]
fn a_round_that_is_called_off_removes_no_file_more() {
    let directory = tempdir().unwrap();
    let names = [
        "app.2026-11-22T0100Z.1.jsonl",
        "app.2026-11-22T0200Z.1.jsonl",
        "app.2026-11-22T0300Z.1.jsonl",
    ];
    write(&directory, &names);
    let old_files = OldFiles::beside(&directory.path().join("app.jsonl")).unwrap();
    let asked = Cell::new(0);
    let mut round = Round {
        goes_on: &|| asked.replace(asked.get() + 1) < 1,
        complain: &mut |complaint| panic!("{complaint}"),
    };
    let now = time("2026-11-23T00:00:00Z");
    let retention = Retention::all().files_max(0);
    let removed = apply(&retention, &old_files, now, &mut round).unwrap();
    assert_eq!(removed, 1);
    check_names(&directory, &names[1..]);
}

#[test]
fn a_link_with_an_old_files_name_and_what_it_points_to_stay() {
    let (directory, elsewhere) = (tempdir().unwrap(), tempdir().unwrap());
    let precious = elsewhere.path().join("precious");
    fs::write(&precious, "a\n").unwrap();
    let link = "app.2026-11-22T0100Z.1.jsonl";
    symlink(&precious, directory.path().join(link)).unwrap();
    write(
        &directory,
        &[
            "app.2026-11-22T0200Z.1.jsonl",
            "app.2026-11-22T0300Z.1.jsonl",
        ],
    );
    assert_eq!(keep_one(&directory), [""; 0]);
    check_names(&directory, &[link, "app.2026-11-22T0300Z.1.jsonl"]);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "a\n");
}

#[test]
fn a_file_that_is_being_compressed_stays_for_now() {
    let directory = tempdir().unwrap();
    let names = [
        "app.2026-11-22T0200Z.1.jsonl",
        "app.2026-11-22T0300Z.1.jsonl",
    ];
    write(&directory, &names);
    let compressor = File::open(directory.path().join(names[0])).unwrap();
    let lock = Lock::take(&compressor).unwrap();
    assert_eq!(keep_one(&directory), [""; 0]);
    check_names(&directory, &names);
    drop(lock);
    assert_eq!(keep_one(&directory), [""; 0]);
    check_names(&directory, &names[1..]);
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_removed_is_reported() {
    let directory = tempdir().unwrap();
    let names = [
        "app.2026-11-22T0200Z.1.jsonl",
        "app.2026-11-22T0300Z.1.jsonl",
    ];
    write(&directory, &names);
    fs::set_permissions(&directory, PermissionsExt::from_mode(0o555)).unwrap();
    let complaints = thread::scope(|scope| {
        let without_privileges = || {
            // Everything is permitted to root. Only this thread becomes somebody else.
            if rustix::process::geteuid().is_root() {
                rustix::thread::set_thread_uid(Uid::from_raw(65_534)).unwrap();
            }
            keep_one(&directory)
        };
        scope.spawn(without_privileges).join().unwrap()
    });
    let path = directory.path().join(names[0]);
    let expected = format!("remove old log file {path:?}: Permission denied (os error 13)");
    assert_eq!(complaints, [expected]);
    fs::set_permissions(&directory, PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(keep_one(&directory), [""; 0]);
    check_names(&directory, &names[1..]);
}
