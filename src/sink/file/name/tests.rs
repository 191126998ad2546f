//! The grammar holds both ways, and increases.

use proptest::prelude::*;

use super::*;

fn names(active: &str) -> Names {
    Names::of(Path::new(active)).unwrap()
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn old(ended: &str, number: u32) -> OldName {
    let first = OldName::after(None, time(ended));
    OldName { number, ..first }
}

#[track_caller]
fn check(active: &str, old: OldName, form: Form, expected: &str) {
    let (names, name) = (names(active), OsStr::new(expected));
    assert_eq!(names.make(old, form), expected);
    assert_eq!(names.parse(name), Some((old, form)));
    let active = Path::new(active).file_name().unwrap().to_owned();
    assert_eq!(Names::recognise(name), Some((active, old, form)));
}

#[test]
fn an_old_file_has_the_time_of_its_end_and_a_number_before_its_extension() {
    let old = old("2026-11-22T03:30:59Z", 3);
    check(
        "logs/app.jsonl",
        old,
        Form::Plain,
        "app.2026-11-22T0330Z.3.jsonl",
    );
    check(
        "app.log.1",
        old,
        Form::Plain,
        "app.log.2026-11-22T0330Z.3.1",
    );
    check("app", old, Form::Plain, "app.2026-11-22T0330Z.3");
    check(".app", old, Form::Plain, ".app.2026-11-22T0330Z.3");
    check("app.", old, Form::Plain, "app.2026-11-22T0330Z.3.");
}

#[test]
fn a_form_adds_an_ending() {
    let old = old("2026-11-22T03:30:00Z", 12);
    for (form, expected) in [
        (
            Form::Compressed(Suffix::Gzip),
            "app.2026-11-22T0330Z.12.jsonl.gz",
        ),
        (
            Form::Compressed(Suffix::Zstd),
            "app.2026-11-22T0330Z.12.jsonl.zst",
        ),
        (
            Form::Partial(Suffix::Gzip),
            "app.2026-11-22T0330Z.12.jsonl.gz.partial",
        ),
        (
            Form::Partial(Suffix::Zstd),
            "app.2026-11-22T0330Z.12.jsonl.zst.partial",
        ),
    ] {
        check("app.jsonl", old, form, expected);
    }
}

#[test]
fn names_that_look_compressed_already_are_told_from_compressed_ones() {
    let old = old("2026-11-22T03:30:00Z", 1);
    check("app.gz", old, Form::Plain, "app.gz.2026-11-22T0330Z.1");
    let compressed = Form::Compressed(Suffix::Gzip);
    check("app.gz", old, compressed, "app.gz.2026-11-22T0330Z.1.gz");
    check("app", old, compressed, "app.2026-11-22T0330Z.1.gz");
    check(
        "a.zst.partial",
        old,
        Form::Plain,
        "a.zst.partial.2026-11-22T0330Z.1",
    );
}

#[test]
fn names_need_not_be_text() {
    let active = OsStr::from_bytes(b"\xff.\xfe");
    let names = Names::of(Path::new(active)).unwrap();
    let old = old("2026-11-22T03:30:00Z", 1);
    let name = names.make(old, Form::Plain);
    assert_eq!(name.as_bytes(), b"\xff.2026-11-22T0330Z.1.\xfe");
    assert_eq!(names.parse(&name), Some((old, Form::Plain)));
}

#[test]
fn a_path_without_a_name_has_no_old_files() {
    for path in ["/", "..", "a/..", ""] {
        assert_eq!(Names::of(Path::new(path)), None, "{path}");
    }
}

#[test]
fn all_other_names_belong_to_the_user() {
    let names = names("app.jsonl");
    for name in [
        "",
        "app.jsonl",
        "app.jsonl.gz",
        "app.jsonl.1",
        "app.bak.jsonl",
        "app.2026-11-22T0330Z.jsonl",
        "app.2026-11-22T0330Z.0.jsonl",
        "app.2026-11-22T0330Z.03.jsonl",
        "app.2026-11-22T0330Z.+3.jsonl",
        "app.2026-11-22T0330Z.-3.jsonl",
        "app.2026-11-22T0330Z. 3.jsonl",
        "app.2026-11-22T0330Z.4294967296.jsonl",
        "app.2026-11-22T0330Z.3.jsonl.bak",
        "app.2026-11-22T0330Z.3.jsonl~",
        "app.2026-11-22T0330Z.3.jsonl.partial",
        "app.2026-11-22T0330Z.3.jsonl.gz.gz",
        "app.2026-11-22T0330Z.3.jsonl.gz.zst",
        "app.2026-11-22T0330Z.3.jsonl.gz.partial.partial",
        "app.2026-11-22T0330Z.3.log",
        "app.2026-11-22T0330Z.3",
        "App.2026-11-22T0330Z.3.jsonl",
        "app2026-11-22T0330Z.3.jsonl",
        "my-app.2026-11-22T0330Z.3.jsonl",
        "app.2026-11-22T0330.3.jsonl",
        "app.2026-11-22T0330z.3.jsonl",
        "app.2026-11-22t0330Z.3.jsonl",
        "app.2026-11-22T03:30Z.3.jsonl",
        "app.2026-11-22T033000Z.3.jsonl",
        "app.2026-11-22T330Z.3.jsonl",
        "app.2026-11-22 0330Z.3.jsonl",
        "app.2026-11-2T0330Z.3.jsonl",
        "app. 2026-11-22T0330Z.3.jsonl",
        "app.2026-11-22T2400Z.3.jsonl",
        "app.2026-11-22T0360Z.3.jsonl",
        "app.2026-06-31T0330Z.3.jsonl",
        "app.2026-13-01T0330Z.3.jsonl",
        "app.2025-02-29T0330Z.3.jsonl",
        "app.+12026-11-22T0330Z.3.jsonl",
        "app.+2026-11-22T0330Z.3.jsonl",
        "app.-001-11-22T0330Z.3.jsonl",
    ] {
        assert_eq!(names.parse(OsStr::new(name)), None, "{name}");
        let of_any = Names::recognise(OsStr::new(name));
        assert!(
            of_any.is_none_or(|(active, ..)| active != "app.jsonl"),
            "{name}"
        );
    }
}

#[test]
fn a_name_that_is_that_of_no_old_file_is_recognised_as_none() {
    for name in [
        "",
        ".",
        "app.jsonl",
        "app.2026-11-22T0330Z.jsonl",
        ".2026-11-22T0330Z.3",
        "2026-11-22T0330Z.3",
    ] {
        assert_eq!(Names::recognise(OsStr::new(name)), None, "{name}");
    }
}

#[test]
fn an_active_file_may_have_the_name_of_an_old_one() {
    let old = old("2026-11-22T03:30:00Z", 1);
    check(
        "app.2026-11-21T0330Z.7.jsonl",
        old,
        Form::Plain,
        "app.2026-11-21T0330Z.7.2026-11-22T0330Z.1.jsonl",
    );
}

#[track_caller]
fn check_after(newest: Option<OldName>, ended: &str, expected: OldName) {
    assert_eq!(OldName::after(newest, time(ended)), expected);
}

#[test]
fn numbers_begin_anew_with_each_minute() {
    let first = old("2026-11-22T03:30:10Z", 1);
    check_after(None, "2026-11-22T03:30:10Z", first);
    let second = old("2026-11-22T03:30:10Z", 2);
    check_after(Some(first), "2026-11-22T03:30:50Z", second);
    let in_next_minute = old("2026-11-22T03:31:00Z", 1);
    check_after(Some(second), "2026-11-22T03:31:00Z", in_next_minute);
}

#[test]
fn a_clock_that_is_set_back_leaves_the_time_and_advances_the_number() {
    let newest = old("2026-11-22T03:30:00Z", 7);
    let expected = old("2026-11-22T03:30:00Z", 8);
    check_after(Some(newest), "2026-11-22T02:30:00Z", expected);
    check_after(Some(newest), "2016-11-22T03:30:00Z", expected);
}

#[test]
fn when_numbers_run_out_the_next_minute_is_taken() {
    let last = old("2026-11-22T23:59:00Z", u32::MAX);
    let expected = old("2026-11-23T00:00:00Z", 1);
    check_after(Some(last), "2026-11-22T23:59:00Z", expected);
}

#[test]
fn times_beyond_four_digits_for_the_year_are_the_first_or_the_last_of_them() {
    for (ended, expected) in [
        (DateTime::<Utc>::MIN_UTC, "app.0000-01-01T0000Z.1.jsonl"),
        (DateTime::<Utc>::MAX_UTC, "app.9999-12-31T2359Z.1.jsonl"),
    ] {
        let old = OldName::after(None, ended);
        check("app.jsonl", old, Form::Plain, expected);
    }
}

fn any_time() -> impl Strategy<Value = DateTime<Utc>> {
    let seconds = prop_oneof![any::<i64>(), -10_000_000_000..300_000_000_000_i64];
    seconds.prop_map(|seconds| DateTime::from_timestamp(seconds, 0).unwrap_or_default())
}

fn any_form() -> impl Strategy<Value = Form> {
    prop_oneof![
        Just(Form::Plain),
        prop::sample::select(&Suffix::ALL).prop_map(Form::Compressed),
        prop::sample::select(&Suffix::ALL).prop_map(Form::Partial),
    ]
}

proptest! {
    #[test]
    fn what_is_made_is_parsed(
        active in prop::collection::vec(1..=255_u8, 1..20),
        ended in any_time(),
        number in 1..=u32::MAX,
        form in any_form(),
    ) {
        if let Some(names) = Names::of(Path::new(OsStr::from_bytes(&active))) {
            let old = OldName { number, ..OldName::after(None, ended) };
            let name = names.make(old, form);
            prop_assert_eq!(names.parse(&name), Some((old, form)));
            let active = Path::new(OsStr::from_bytes(&active)).file_name().unwrap();
            prop_assert_eq!(Names::recognise(&name), Some((active.to_owned(), old, form)));
        }
    }

    #[test]
    fn what_is_parsed_would_be_made(name in r"app\.[0-9+ -]{3,6}-[0-9]{1,3}-[0-9]{2}T[0-9:]{3,5}Z\.[+0-9]{0,3}\.jsonl(\.gz)?(\.partial)?") {
        let names = names("app.jsonl");
        if let Some((old, form)) = names.parse(OsStr::new(&name)) {
            prop_assert_eq!(names.make(old, form), OsStr::new(&name));
        }
    }

    #[test]
    fn names_strictly_increase_whatever_the_clock_does(ends in prop::collection::vec(any_time(), 1..50)) {
        let mut newest = None;
        for ended in ends {
            let next = OldName::after(newest, ended);
            prop_assert!(newest < Some(next));
            newest = Some(next);
        }
    }
}
