//! What holds for a place holds for it, too, where there is no callsite for it alone.

use std::iter;

use super::*;
use crate::{Builder, Limits, Rates};

/// Checks a place that has a callsite of its own, and one that has none for it has too many fields.
fn check_both(check: impl Fn(&Place<'_>)) {
    const NAMES: [&str; 100] = {
        let mut names = ["more"; 100];
        (names[0], names[1], names[2]) = ("first", "second", "third");
        names
    };
    for (fields, is_shared) in [(3, false), (100, true)] {
        let place = Place {
            file: Some("views.py"),
            line: Some(7),
            fields: &NAMES[..fields],
            ..Place::of("app.views", Level::INFO)
        };
        assert_eq!(place.callsite().is_none(), is_shared);
        check(&place);
    }
}

/// Logs a record with a value for each field.
fn log(frontend: &Frontend, place: &Place<'_>) -> Taken {
    frontend.record(place, None, |values| {
        values.str("hello");
        (0..place.fields.len()).for_each(|_| values.u64(42));
    })
}

fn logged(builder: Builder, memory: &Memory, log: impl FnOnce(&Frontend)) -> Vec<String> {
    let (frontend, guard) = builder.build_frontend().unwrap();
    log(&frontend);
    guard.flush(FOR_EVER).unwrap();
    memory.lines()
}

fn has(line: &str, parts: &[&str]) -> bool {
    parts.iter().all(|part| line.contains(part))
}

#[test]
fn a_place_has_its_burst_and_the_rest_is_counted_and_reported() {
    check_both(|place| {
        let memory = Memory::new();
        let rates = Rates::new().limit(3, 1e-6);
        let builder = crate::builder().memory(&memory).rates(rates);
        let (frontend, guard) = builder.build_frontend().unwrap();
        let taken: Vec<_> = iter::repeat_with(|| log(&frontend, place))
            .take(10)
            .collect();
        assert_eq!(taken[..3], [Taken::InTime; 3]);
        assert_eq!(taken[3..], [Taken::Unwanted; 7]);
        // Another line of the same module has a burst of its own.
        let other = Place {
            line: Some(8),
            ..*place
        };
        assert_eq!(log(&frontend, &other), Taken::InTime);
        assert!(guard.shutdown(FOR_EVER).is_complete());
        assert_eq!(guard.stats().suppressed.total(), 7);
        let report = memory
            .lines()
            .into_iter()
            .find(|line| line.contains("suppressed"));
        let origin = [
            r#""suppressed":7"#,
            r#""app.views""#,
            r#""views.py""#,
            ":7,",
        ];
        assert!(has(&report.unwrap(), &origin));
    });
}

#[test]
fn a_line_that_makes_up_names_of_fields_has_one_burst() {
    let memory = Memory::new();
    let rates = Rates::new().limit(3, 1e-6);
    let builder = crate::builder().memory(&memory).rates(rates);
    let lines = logged(builder, &memory, |frontend| {
        for number in 0..10 {
            let names: Vec<_> = (0..100).map(|place| format!("{place}_{number}")).collect();
            let names: Vec<_> = names.iter().map(|name| &**name).collect();
            let place = Place {
                fields: &names,
                ..Place::of("made_up", Level::INFO)
            };
            let _ = log(frontend, &place);
        }
    });
    let hello = lines.iter().filter(|line| line.contains("hello"));
    assert_eq!(hello.count(), 3);
}

#[test]
fn a_place_is_sampled_and_its_records_tell_the_share() {
    check_both(|place| {
        let memory = Memory::new();
        let rates = Rates::new().sample_at(Level::INFO, 0.5);
        let builder = crate::builder().memory(&memory).rates(rates);
        let lines = logged(builder, &memory, |frontend| {
            (0..1000).for_each(|_| {
                let _ = log(frontend, place);
            });
        });
        assert!((300..700).contains(&lines.len()), "{}", lines.len());
        assert!(
            lines
                .iter()
                .all(|line| line.contains(r#""sample_rate":0.5"#))
        );
    });
}

#[test]
fn a_directive_by_field_lets_in_the_places_that_have_it() {
    check_both(|place| {
        let memory = Memory::new();
        let builder = crate::builder().memory(&memory);
        let builder = builder.filter("info,[{first}]=debug,[span]=trace");
        let lines = logged(builder, &memory, |frontend| {
            let at = |level| Place { level, ..*place };
            assert_eq!(log(frontend, &at(Level::DEBUG)), Taken::InTime);
            assert_eq!(log(frontend, &at(Level::TRACE)), Taken::Unwanted);
            let other = Place {
                fields: &place.fields[1..],
                ..at(Level::DEBUG)
            };
            assert_eq!(log(frontend, &other), Taken::Unwanted);
            assert!(frontend.wants("app", Level::DEBUG));
        });
        assert_eq!(lines.len(), 1);
    });
}

#[test]
fn a_sink_s_directive_by_field_lets_in_for_that_sink_alone() {
    check_both(|place| {
        let (memory, other) = (Memory::new(), Memory::new());
        let sink = Sink::memory(&memory).filter("info,[{first}]=debug");
        let builder = crate::builder().sink(sink).memory(&other);
        let debug = Place {
            level: Level::DEBUG,
            ..*place
        };
        let lines = logged(builder, &memory, |frontend| {
            assert!(frontend.wants("app.views", Level::DEBUG));
            assert_eq!(log(frontend, &debug), Taken::InTime);
            let without = Place {
                fields: &debug.fields[1..],
                ..debug
            };
            assert_eq!(log(frontend, &without), Taken::Unwanted);
        });
        assert!(
            lines.len() == 1 && lines[0].contains(r#""level":"DEBUG""#),
            "{lines:?}"
        );
        assert!(other.lines().is_empty());
    });
}

#[test]
fn fields_beyond_the_limit_are_left_out_and_the_function_is_one_of_them() {
    check_both(|place| {
        let place = Place {
            function: Some("index"),
            ..*place
        };
        for (fields, kept) in [(2, 1), (1, 0), (0, 0)] {
            let memory = Memory::new();
            let limits = Limits::default().fields(fields);
            let builder = crate::builder().memory(&memory).limits(limits);
            let lines = logged(builder, &memory, |frontend| {
                assert_eq!(log(frontend, &place), Taken::InTime);
            });
            assert!(has(&lines[0], &[r#""message":"hello""#, r#""cut":true"#]));
            assert_eq!(lines[0].matches("\":42").count(), kept, "{}", lines[0]);
            assert_eq!(lines[0].contains(r#""function":"index""#), fields != 0);
        }
    });
}

#[test]
fn a_secret_s_name_is_heeded_even_where_it_is_that_of_the_function() {
    check_both(|place| {
        let place = Place {
            function: Some("canary"),
            ..*place
        };
        let memory = Memory::new();
        let redaction = crate::Redaction::default().key("function").key("second");
        let builder = crate::builder().memory(&memory).redaction(redaction);
        let lines = logged(builder, &memory, |frontend| {
            assert_eq!(log(frontend, &place), Taken::InTime);
        });
        let masks = [
            r#""function":"[redacted]""#,
            r#""first":42"#,
            r#""second":"[redacted]""#,
        ];
        assert!(has(&lines[0], &masks), "{}", lines[0]);
    });
}
