use proptest::prelude::*;

use super::*;

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn rules(every: Every, zone: &str) -> RotationRules {
    RotationRules {
        schedule: Some(Schedule {
            every,
            zone: Zone::named(zone).unwrap(),
        }),
        ..RotationRules::default()
    }
}

fn at(hour: u32, minute: u32) -> chrono::NaiveTime {
    chrono::NaiveTime::from_hms_opt(hour, minute, 0).unwrap()
}

const MIDNIGHT: chrono::NaiveTime = chrono::NaiveTime::MIN;

/// The boundaries that follow each other.
#[track_caller]
fn check_boundaries(every: Every, zone: &str, after: &str, expected: &[&str]) {
    let schedule = rules(every, zone).schedule.unwrap();
    let mut instant = time(after);
    for expected in expected {
        let boundary = schedule.first_boundary_after(instant);
        assert_eq!(boundary, time(expected), "after {instant} in {zone}");
        // Just before it, and within its second, it is still the next.
        let just_before = boundary - TimeDelta::nanoseconds(1);
        assert_eq!(schedule.first_boundary_after(just_before), boundary);
        instant = boundary;
    }
}

#[test]
fn in_utc_periods_are_as_long_as_each_other() {
    let after = "2026-12-31T22:58:59.999Z";
    for (every, expected) in [
        (
            Every::Minute,
            ["2026-12-31T22:59:00Z", "2026-12-31T23:00:00Z"],
        ),
        (
            Every::Hour,
            ["2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z"],
        ),
        (
            Every::Day(MIDNIGHT),
            ["2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z"],
        ),
        (
            Every::Day(at(22, 58)),
            ["2027-01-01T22:58:00Z", "2027-01-02T22:58:00Z"],
        ),
        (
            Every::Day(at(22, 59)),
            ["2026-12-31T22:59:00Z", "2027-01-01T22:59:00Z"],
        ),
        // The 4th of January 2027 is a Monday.
        (
            Every::Week(MIDNIGHT),
            ["2027-01-04T00:00:00Z", "2027-01-11T00:00:00Z"],
        ),
    ] {
        check_boundaries(every, "UTC", after, &expected);
    }
}

#[test]
fn days_begin_when_clocks_say_so_across_daylight_saving() {
    // 23 hours and 25 hours.
    check_boundaries(
        Every::Day(MIDNIGHT),
        "America/New_York",
        "2026-03-07T12:00:00Z",
        &[
            "2026-03-08T05:00:00Z",
            "2026-03-09T04:00:00Z",
            "2026-03-10T04:00:00Z",
        ],
    );
    check_boundaries(
        Every::Day(MIDNIGHT),
        "Europe/Berlin",
        "2026-10-24T12:00:00Z",
        &[
            "2026-10-24T22:00:00Z",
            "2026-10-25T23:00:00Z",
            "2026-10-26T23:00:00Z",
        ],
    );
    // Half an hour, at 2 o'clock.
    check_boundaries(
        Every::Day(MIDNIGHT),
        "Australia/Lord_Howe",
        "2026-04-04T00:00:00Z",
        &["2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z"],
    );
    // No daylight saving.
    check_boundaries(
        Every::Day(MIDNIGHT),
        "Asia/Seoul",
        "2026-03-28T00:00:00Z",
        &["2026-03-28T15:00:00Z", "2026-03-29T15:00:00Z"],
    );
}

#[test]
fn a_time_that_is_skipped_is_the_first_instant_after() {
    check_boundaries(
        Every::Day(at(2, 30)),
        "America/New_York",
        "2026-03-07T12:00:00Z",
        &["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"],
    );
    check_boundaries(
        Every::Day(at(2, 30)),
        "Europe/Berlin",
        "2026-03-28T12:00:00Z",
        &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
    );
    check_boundaries(
        Every::Day(at(2, 15)),
        "Australia/Lord_Howe",
        "2026-10-03T00:00:00Z",
        &["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
    );
    // Midnight itself.
    check_boundaries(
        Every::Day(MIDNIGHT),
        "Africa/Cairo",
        "2026-04-23T12:00:00Z",
        &["2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"],
    );
    // The first instant after belongs to the next day.
    check_boundaries(
        Every::Day(at(23, 30)),
        "America/Nuuk",
        "2026-03-28T12:00:00Z",
        &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
    );
}

#[test]
fn a_time_that_comes_twice_counts_once() {
    check_boundaries(
        Every::Day(at(1, 30)),
        "America/New_York",
        "2026-10-31T12:00:00Z",
        &["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
    );
    check_boundaries(
        Every::Day(at(2, 0)),
        "Europe/Berlin",
        "2026-10-24T12:00:00Z",
        &["2026-10-25T00:00:00Z", "2026-10-26T01:00:00Z"],
    );
    check_boundaries(
        Every::Day(at(1, 45)),
        "Australia/Lord_Howe",
        "2026-04-04T00:00:00Z",
        &["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"],
    );
    // Clocks go back to the day before.
    check_boundaries(
        Every::Day(at(23, 15)),
        "America/Nuuk",
        "2026-10-24T12:00:00Z",
        &["2026-10-25T00:15:00Z", "2026-10-26T01:15:00Z"],
    );
}

#[test]
fn a_day_that_is_skipped_has_no_period() {
    // From the 29th to the 31st.
    for (time, expected) in [
        (
            MIDNIGHT,
            [
                "2011-12-29T10:00:00Z",
                "2011-12-30T10:00:00Z",
                "2011-12-31T10:00:00Z",
            ],
        ),
        (
            at(3, 30),
            [
                "2011-12-29T13:30:00Z",
                "2011-12-30T13:30:00Z",
                "2011-12-31T13:30:00Z",
            ],
        ),
    ] {
        let day = Every::Day(time);
        check_boundaries(day, "Pacific/Apia", "2011-12-28T23:00:00Z", &expected);
    }
}

#[test]
fn weeks_begin_on_mondays() {
    check_boundaries(
        Every::Week(MIDNIGHT),
        "Europe/Berlin",
        "2026-03-22T22:59:59Z",
        &[
            "2026-03-22T23:00:00Z",
            "2026-03-29T22:00:00Z",
            "2026-04-05T22:00:00Z",
        ],
    );
}

#[test]
fn hours_last_an_hour_but_where_clocks_change_by_half_of_one() {
    for (zone, after, expected) in [
        (
            "America/New_York",
            "2026-11-01T04:30:00Z",
            [
                "2026-11-01T05:00:00Z",
                "2026-11-01T06:00:00Z",
                "2026-11-01T07:00:00Z",
            ],
        ),
        (
            "Europe/Berlin",
            "2026-03-29T00:30:00Z",
            [
                "2026-03-29T01:00:00Z",
                "2026-03-29T02:00:00Z",
                "2026-03-29T03:00:00Z",
            ],
        ),
        (
            "Australia/Lord_Howe",
            "2026-04-04T13:30:00Z",
            [
                "2026-04-04T14:00:00Z",
                "2026-04-04T15:30:00Z",
                "2026-04-04T16:30:00Z",
            ],
        ),
        (
            "Australia/Lord_Howe",
            "2026-10-03T14:00:00Z",
            [
                "2026-10-03T14:30:00Z",
                "2026-10-03T15:30:00Z",
                "2026-10-03T16:00:00Z",
            ],
        ),
        (
            "Asia/Kolkata",
            "2026-10-03T14:00:00Z",
            [
                "2026-10-03T14:30:00Z",
                "2026-10-03T15:30:00Z",
                "2026-10-03T16:30:00Z",
            ],
        ),
    ] {
        check_boundaries(Every::Hour, zone, after, &expected);
    }
}

const ZONES: [&str; 12] = [
    "UTC",
    "America/New_York",
    "America/Nuuk",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Africa/Monrovia",
    "Asia/Kolkata",
    "Asia/Seoul",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Apia",
    "Pacific/Kiritimati",
];

fn any_every() -> impl Strategy<Value = Every> {
    let time = || (0..24_u32, 0..60_u32).prop_map(|(hour, minute)| at(hour, minute));
    prop_oneof![
        Just(Every::Minute),
        Just(Every::Hour),
        time().prop_map(Every::Day),
        time().prop_map(Every::Week),
    ]
}

/// Within the years 1970 to 2095, to the millisecond.
fn any_instant() -> impl Strategy<Value = DateTime<Utc>> {
    (0..3_944_678_400_000_i64)
        .prop_map(|milliseconds| DateTime::from_timestamp_millis(milliseconds).unwrap())
}

fn length_max(every: Every) -> TimeDelta {
    match every {
        Every::Minute => TimeDelta::minutes(2),
        Every::Hour => TimeDelta::hours(2),
        Every::Day(_) => TimeDelta::hours(26),
        Every::Week(_) => TimeDelta::hours(7 * 24 + 26),
    }
}

/// How often files end while the clock shows `instants`, one after the other, and something is
/// written each time.
fn count_ends(rules: &RotationRules, instants: impl IntoIterator<Item = DateTime<Utc>>) -> usize {
    let mut instants = instants.into_iter();
    let mut period = rules.period(instants.next().unwrap());
    let mut ends = 0;
    for now in instants {
        if rules.has_ended(&mut period, now) {
            period = rules.period(now);
            ends += 1;
        }
    }
    ends
}

/// From `from` until before `to`, in steps of ten seconds.
fn every_ten_seconds(from: &str, to: &str) -> impl Iterator<Item = DateTime<Utc>> {
    let (from, to) = (time(from), time(to));
    let steps = (to - from).num_seconds() / 10;
    (0..steps).map(move |step| from + TimeDelta::seconds(10 * step))
}

#[track_caller]
fn check_ends(every: Every, zone: &str, clock: &[(&str, &str)], expected: usize) {
    let instants = clock
        .iter()
        .flat_map(|&(from, to)| every_ten_seconds(from, to));
    assert_eq!(
        count_ends(&rules(every, zone), instants),
        expected,
        "{every:?} in {zone}"
    );
}

#[test]
fn one_file_ends_at_midnight_and_at_the_end_of_the_year() {
    for zone in ["UTC", "Asia/Seoul", "America/New_York"] {
        let clock = [("2026-12-31T00:00:00Z", "2027-01-01T23:59:00Z")];
        let midnights = if zone == "UTC" { 1 } else { 2 };
        check_ends(Every::Day(MIDNIGHT), zone, &clock, midnights);
        check_ends(Every::Hour, zone, &clock, 47);
    }
}

#[test]
fn one_file_ends_a_day_across_daylight_saving() {
    // Ten days around each change, seen from noon to noon.
    for (zone, from, to) in [
        (
            "America/New_York",
            "2026-03-03T17:00:00Z",
            "2026-03-13T16:00:00Z",
        ),
        (
            "America/New_York",
            "2026-10-27T16:00:00Z",
            "2026-11-06T17:00:00Z",
        ),
        (
            "Europe/Berlin",
            "2026-03-24T11:00:00Z",
            "2026-04-03T10:00:00Z",
        ),
        (
            "Europe/Berlin",
            "2026-10-20T10:00:00Z",
            "2026-10-30T11:00:00Z",
        ),
        (
            "Australia/Lord_Howe",
            "2026-03-31T01:00:00Z",
            "2026-04-10T01:30:00Z",
        ),
        (
            "Australia/Lord_Howe",
            "2026-09-30T01:30:00Z",
            "2026-10-10T01:00:00Z",
        ),
        ("Asia/Seoul", "2026-03-24T03:00:00Z", "2026-04-03T03:00:00Z"),
    ] {
        for time in [
            MIDNIGHT,
            at(1, 30),
            at(2, 0),
            at(2, 15),
            at(2, 30),
            at(3, 0),
        ] {
            check_ends(Every::Day(time), zone, &[(from, to)], 10);
        }
    }
}

#[test]
fn a_clock_that_is_set_back_by_an_hour_does_not_end_a_file_twice() {
    let over_midnight = [
        ("2026-11-21T22:00:00Z", "2026-11-22T00:30:00Z"),
        ("2026-11-21T23:30:00Z", "2026-11-23T12:00:00Z"),
    ];
    check_ends(Every::Day(MIDNIGHT), "UTC", &over_midnight, 2);
    // At 23 and 0 o'clock; then from 1 o'clock on, until 11 of the day after.
    check_ends(Every::Hour, "UTC", &over_midnight, 2 + 35);
}

#[test]
fn a_clock_that_is_set_back_by_ten_years_is_followed() {
    let clock = [
        ("2026-11-22T08:00:00Z", "2026-11-22T10:00:00Z"),
        ("2016-11-22T08:00:00Z", "2016-11-24T10:00:00Z"),
    ];
    check_ends(Every::Day(MIDNIGHT), "UTC", &clock, 2);
    check_ends(Every::Hour, "UTC", &clock, 1 + 49);
}

#[test]
fn a_clock_that_is_set_forward_ends_a_file_once() {
    let clock = [
        ("2016-11-22T08:00:00Z", "2016-11-22T10:00:00Z"),
        ("2026-11-22T08:00:00Z", "2026-11-24T10:00:00Z"),
    ];
    check_ends(Every::Day(MIDNIGHT), "UTC", &clock, 1 + 2);
    // And set right again.
    let clock = [
        clock[0],
        clock[1],
        ("2016-11-22T10:00:00Z", "2016-11-23T10:00:00Z"),
    ];
    check_ends(Every::Day(MIDNIGHT), "UTC", &clock, 1 + 2 + 1);
}

#[test]
fn a_clock_that_stands_still_ends_nothing() {
    let instants = std::iter::repeat_n(time("2026-11-22T00:00:00Z"), 100);
    assert_eq!(count_ends(&rules(Every::Minute, "UTC"), instants), 0);
}

#[test]
fn no_clock_is_too_early_or_too_late() {
    for now in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        for every in [
            Every::Minute,
            Every::Hour,
            Every::Day(at(3, 30)),
            Every::Week(MIDNIGHT),
        ] {
            for zone in ZONES {
                let rules = rules(every, zone);
                let mut period = rules.period(now);
                rules.has_ended(&mut period, DateTime::<Utc>::MIN_UTC);
                rules.has_ended(&mut period, DateTime::<Utc>::MAX_UTC);
            }
        }
    }
}

#[test]
fn no_time_of_a_file_is_too_early_or_too_late() {
    let far = std::time::Duration::from_secs(1 << 62);
    assert_eq!(instant(SystemTime::UNIX_EPOCH - far), EARLIEST);
    assert_eq!(instant(SystemTime::UNIX_EPOCH + far), LATEST);
    let exact = std::time::Duration::new(1_795_309_323, 123_456_789);
    assert_eq!(
        instant(SystemTime::UNIX_EPOCH + exact),
        time("2026-11-22T01:02:03.123456789Z")
    );
}

#[test]
fn without_rules_a_file_never_ends() {
    let rules = RotationRules::default();
    let mut period = rules.period(DateTime::<Utc>::MIN_UTC);
    assert_eq!(period.end(), None);
    assert!(!rules.has_ended(&mut period, DateTime::<Utc>::MAX_UTC));
    assert_eq!(rules.fitting(u64::MAX, b"a\nb\n"), 4);
}

#[track_caller]
fn check_fitting(bytes_max: u64, len: u64, lines: &str, expected: usize) {
    let rules = RotationRules {
        bytes_max: Some(bytes_max),
        ..RotationRules::default()
    };
    assert_eq!(rules.fitting(len, lines.as_bytes()), expected);
}

#[test]
fn a_file_takes_whole_lines_up_to_its_limit() {
    check_fitting(8, 0, "aa\nbb\n", 6);
    check_fitting(6, 0, "aa\nbb\n", 6);
    check_fitting(5, 0, "aa\nbb\n", 3);
    check_fitting(8, 3, "aa\nbb\n", 3);
    check_fitting(8, 6, "aa\nbb\n", 0);
    check_fitting(8, 8, "aa\nbb\n", 0);
    check_fitting(8, 9, "aa\nbb\n", 0);
}

#[test]
fn a_line_longer_than_the_limit_has_a_file_for_itself() {
    check_fitting(2, 0, "aa\nbb\n", 3);
    check_fitting(2, 1, "aa\nbb\n", 0);
    check_fitting(0, 0, "aa\nbb\n", 3);
    check_fitting(0, 1, "aa\nbb\n", 0);
}

proptest! {
    #[test]
    fn boundaries_strictly_increase_and_none_is_far(
        every in any_every(),
        zone in prop::sample::select(&ZONES),
        from in any_instant(),
    ) {
        let schedule = rules(every, zone).schedule.unwrap();
        let mut instant = from;
        for _ in 0..20 {
            let boundary = schedule.first_boundary_after(instant);
            prop_assert!(instant < boundary);
            prop_assert!(boundary - instant <= length_max(every), "{} to {}", instant, boundary);
            instant = boundary;
        }
    }

    #[test]
    fn every_moment_of_a_period_has_the_same_end(
        every in any_every(),
        zone in prop::sample::select(&ZONES),
        from in any_instant(),
        part in 0.0..1.0_f64,
    ) {
        let schedule = rules(every, zone).schedule.unwrap();
        let begin = schedule.first_boundary_after(from);
        let end = schedule.first_boundary_after(begin);
        let within = (end - begin).num_milliseconds() as f64 * part;
        let moment = begin + TimeDelta::milliseconds(within as i64);
        prop_assert_eq!(schedule.first_boundary_after(moment), end);
    }

    #[test]
    fn days_begin_at_the_first_instant_that_clocks_show_their_time_or_later(
        zone in prop::sample::select(&ZONES),
        from in any_instant(),
        (hour, minute) in (0..24_u32, 0..60_u32),
    ) {
        let zone = Zone::named(zone).unwrap();
        let schedule = Schedule { every: Every::Day(at(hour, minute)), zone };
        let boundary = schedule.first_boundary_after(from);
        let (before, shown) = (zone.local(boundary - TimeDelta::seconds(1)), zone.local(boundary));
        // The day is that which clocks show, or the one of which they skip the end.
        let is_begin = [shown.date(), before.date()].iter().any(|day| {
            let begin = day.and_time(at(hour, minute));
            before < begin && begin <= shown
        });
        prop_assert!(is_begin, "{} after {}", shown, before);
    }

    #[test]
    fn one_file_ends_a_period_if_the_clock_only_goes_forward(
        every in any_every(),
        zone in prop::sample::select(&ZONES),
        from in any_instant(),
        steps in prop::collection::vec(0..100_000_000_i64, 1..50),
    ) {
        let rules = rules(every, zone);
        let schedule = rules.schedule.unwrap();
        let mut now = from;
        let instants = std::iter::once(from).chain(steps.into_iter().map(|step| {
            now += TimeDelta::milliseconds(step);
            now
        }));
        let instants = instants.collect::<Vec<_>>();
        let mut ends = instants.iter().map(|&at| schedule.first_boundary_after(at)).collect::<Vec<_>>();
        ends.dedup();
        prop_assert_eq!(count_ends(&rules, instants), ends.len() - 1);
    }

    #[test]
    fn files_hold_whole_lines_and_stay_below_the_limit(
        bytes_max in 1..40_u64,
        lens in prop::collection::vec(0..30_usize, 1..50),
    ) {
        let rules = RotationRules { bytes_max: Some(bytes_max), ..RotationRules::default() };
        let lines = lens.iter().map(|&len| "x".repeat(len) + "\n").collect::<String>();
        let (mut rest, mut file) = (lines.as_bytes(), 0);
        while !rest.is_empty() {
            let fitting = rules.fitting(file, rest);
            if fitting == 0 {
                prop_assert_ne!(file, 0);
                file = 0;
                continue;
            }
            let (taken, left) = rest.split_at(fitting);
            prop_assert!(taken.ends_with(b"\n"));
            let is_single_line = file == 0 && taken[..fitting - 1].iter().all(|&byte| byte != b'\n');
            file += fitting as u64;
            prop_assert!(file <= bytes_max || is_single_line);
            rest = left;
        }
    }
}
