mod shared;

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc;
use std::time::Duration;

use tracing::Level;

use super::{Frontend, Place, Taken};
use crate::request::{Arrival, RequestLog};
use crate::{Guard, Memory, Overflow, Sink};

const FOR_EVER: Duration = Duration::from_secs(60);

fn frontend(memory: &Memory) -> (Frontend, Guard) {
    let sink = Sink::memory(memory).with_location();
    let builder = crate::builder().sink(sink).filter("info,quiet=warn");
    builder.build_frontend().unwrap()
}

#[test]
fn a_record_has_target_place_function_and_typed_fields_in_their_order() {
    let memory = Memory::new();
    let (frontend, guard) = frontend(&memory);
    let place = Place {
        file: Some("app/views.py"),
        line: Some(12),
        function: Some("index"),
        fields: &["user", "share", "list", "absent", "no_list"],
        ..Place::of("app.views", Level::WARN)
    };
    let taken = frontend.record(&place, None, |values| {
        values.str("signed in");
        values.u64(42);
        values.f64(0.5);
        values.json("[1,{\"a\":\"\u{2028}\"}]");
        values.skip();
        values.json("[1,\n");
    });
    assert_eq!(taken, Taken::InTime);
    guard.flush(FOR_EVER).unwrap();
    let lines = memory.lines();
    let (_, behind_time) = lines[0].split_once("\"level\"").unwrap();
    assert_eq!(
        behind_time,
        r#":"WARN","target":"app.views","message":"signed in","function":"index","user":42,"share":0.5,"list":[1,{"a":"\u2028"}],"no_list":"[redacted]","file":"app/views.py","line":12}"#
    );
}

#[test]
fn what_no_filter_wants_is_not_even_written() {
    let memory = Memory::new();
    let (frontend, _guard) = frontend(&memory);
    let place = Place::of("quiet.module", Level::INFO);
    for _ in 0..2 {
        let taken = frontend.record(&place, None, |_| panic!("nobody wants it"));
        assert_eq!(taken, Taken::Unwanted);
    }
    assert!(!frontend.wants("quiet.module", Level::INFO));
    assert!(frontend.wants("quiet.module", Level::WARN) && frontend.wants("other", Level::INFO));
}

#[test]
fn a_record_carries_the_ids_of_the_request_that_is_passed_along() {
    let memory = Memory::new();
    let (frontend, guard) = frontend(&memory);
    let request = RequestLog::default().begin(Arrival::default(), &());
    let place = Place::of("app", Level::INFO);
    let own = request.context().clone();
    for request in [Some(&own), None] {
        let taken = frontend.record(&place, request, |values| values.str("hello"));
        assert_eq!(taken, Taken::InTime);
    }
    guard.flush(FOR_EVER).unwrap();
    let id = format!(r#""request_id":"{}""#, own.id());
    let with_id: Vec<_> = memory
        .lines()
        .iter()
        .map(|line| line.contains(&id))
        .collect();
    assert_eq!(with_id, [true, false]);
}

#[test]
fn places_without_end_are_still_logged_with_all_that_is_known_of_them() {
    let memory = Memory::new();
    let (frontend, guard) = frontend(&memory);
    let names: Vec<_> = (0..100).map(|number| format!("field_{number}")).collect();
    let names: Vec<_> = names.iter().map(|name| &**name).collect();
    let place = Place {
        file: Some("made_up.py"),
        line: Some(7),
        function: Some("made_up"),
        fields: &names,
        ..Place::of("quiet.made_up", Level::ERROR)
    };
    let taken = frontend.record(&place, None, |values| {
        values.str("many");
        (0..100).for_each(|number| values.i64(number));
    });
    assert_eq!(taken, Taken::InTime);
    let unwanted = Place {
        level: Level::INFO,
        ..place
    };
    assert_eq!(frontend.record(&unwanted, None, |_| ()), Taken::Unwanted);
    guard.flush(FOR_EVER).unwrap();
    let line = &memory.lines()[0];
    for part in [
        r#""level":"ERROR","target":"quiet.made_up","message":"many","function":"made_up","field_0":0"#,
        r#""field_99":99,"file":"made_up.py","line":7}"#,
    ] {
        assert!(line.contains(part), "{line}");
    }
}

/// Accepts nothing until the other end of the channel is gone.
struct Stalled(mpsc::Receiver<()>);

impl io::Write for Stalled {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_frontend_does_not_wait_for_room_even_where_callers_are_to() {
    let (stall, stalled) = mpsc::channel();
    let at_most = Duration::MAX;
    let builder = crate::builder().writer(Stalled(stalled)).budget(128 << 10);
    // That records are lost is meant, and Miri does not know what a complaint on stderr asks for.
    let builder = builder.on_error(|_| {});
    let builder = builder.overflow(Overflow::Block { at_most });
    let (frontend, guard) = builder.build_frontend().unwrap();
    let text = "x".repeat(10_000);
    for _ in 0..100 {
        let place = Place::of("app", Level::INFO);
        let taken = frontend.record(&place, None, |values| values.str(&text));
        assert_eq!(taken, Taken::InTime);
    }
    assert_ne!(guard.stats().lost(), 0);
    drop(stall);
}

#[test]
fn a_late_record_is_left_to_its_caller_to_write() {
    let memory = Memory::new();
    let (frontend, guard) = frontend(&memory);
    let _ = guard.shutdown(FOR_EVER);
    let place = Place::of("app", Level::INFO);
    let taken = frontend.record(&place, None, |values| values.str("late"));
    assert_eq!(taken, Taken::Late);
    frontend.write_late();
    assert!(memory.text().contains(r#""message":"late""#));
}

#[test]
fn where_an_end_is_expected_records_are_late_and_no_file_of_pages_is_left() {
    let private = Permissions::from_mode(0o700);
    let mut pages = tempfile::Builder::new();
    // Elsewhere there are no such files.
    let pages = pages.permissions(private).tempdir_in("/dev/shm");
    let pages = pages.or_else(|_| tempfile::tempdir()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("app.jsonl");
    let builder = crate::builder().file(&log).crash_directory(pages.path());
    let (frontend, guard) = builder.build_frontend().unwrap();
    let place = Place::of("app", Level::INFO);
    let say = |text: &str| frontend.record(&place, None, |values| values.str(text));
    let has_line = |text: &str| std::fs::read_to_string(&log).unwrap().contains(text);
    let files = || std::fs::read_dir(pages.path()).map_or(0, Iterator::count);
    assert_eq!(say("before"), Taken::InTime);
    let files_before = files();
    assert!(frontend.expect_end(FOR_EVER) && has_line("before"));
    assert_eq!(files(), 0);
    assert_eq!(say("late"), Taken::Late);
    frontend.write_late();
    assert!(has_line("late"));
    frontend.within(|| tracing::info!("of a request"));
    assert!(frontend.is_late());
    frontend.write_late();
    assert!(has_line("of a request"));
    // Other tests change something of their own.
    while frontend.is_late() {
        frontend.go_on();
    }
    assert_eq!((say("after"), files()), (Taken::InTime, files_before));
    guard.flush(FOR_EVER).unwrap();
    assert!(has_line("after"));
    assert_eq!((guard.stats().written(), guard.stats().lost()), (4, 0));
}

#[test]
fn who_goes_on_while_something_is_being_changed_does_not_wait_and_the_next_record_does_it() {
    let memory = Memory::new();
    let (frontend, guard) = frontend(&memory);
    assert!(frontend.expect_end(FOR_EVER));
    let place = Place::of("app", Level::INFO);
    let say = || frontend.record(&place, None, |values| values.str("still here"));
    let changing = crate::filter::change();
    // It would wait for this very thread.
    frontend.go_on();
    assert_eq!(say(), Taken::Late);
    frontend.write_late();
    drop(changing);
    let mut said = 2;
    // Other tests change something of their own.
    while say() == Taken::Late {
        said += 1;
        frontend.write_late();
    }
    guard.flush(FOR_EVER).unwrap();
    assert_eq!((memory.lines().len(), guard.stats().lost()), (said, 0));
}

#[test]
fn an_expected_end_that_does_not_come_is_no_longer_expected_once_patience_is_used_up() {
    let memory = Memory::new();
    let (frontend, guard) = frontend(&memory);
    // On a busy machine the writer may not come to it in that time.
    while !frontend.expect_end(Duration::from_millis(20)) {}
    let place = Place::of("app", Level::INFO);
    let mut said = 0;
    loop {
        said += 1;
        match frontend.record(&place, None, |values| values.str("still here")) {
            Taken::Late => frontend.write_late(),
            taken => break assert_eq!(taken, Taken::InTime),
        }
    }
    guard.flush(FOR_EVER).unwrap();
    assert_eq!((memory.lines().len(), guard.stats().lost()), (said, 0));
}

#[test]
fn a_sink_that_stalls_is_no_reason_to_lose_what_comes_after_an_expected_end() {
    let (stall, stalled) = mpsc::channel();
    let builder = crate::builder().writer(Stalled(stalled));
    let (frontend, guard) = builder.build_frontend().unwrap();
    let place = Place::of("app", Level::INFO);
    let say = || frontend.record(&place, None, |values| values.str("waits"));
    assert_eq!(say(), Taken::InTime);
    assert!(!frontend.expect_end(Duration::from_millis(1)));
    assert_eq!(say(), Taken::InTime);
    drop(stall);
    guard.flush(FOR_EVER).unwrap();
    assert_eq!((guard.stats().written(), guard.stats().lost()), (2, 0));
}

#[test]
fn what_a_value_logs_itself_is_taken_too() {
    let memory = Memory::new();
    let (frontend, guard) = frontend(&memory);
    let place = Place::of("app", Level::INFO);
    let taken = frontend.record(&place, None, |values| {
        let inner = frontend.record(&place, None, |values| values.str("inner"));
        assert_eq!(inner, Taken::InTime);
        values.str("outer");
    });
    assert_eq!(taken, Taken::InTime);
    guard.flush(FOR_EVER).unwrap();
    let messages = ["inner", "outer"].map(|word| memory.text().contains(&format!("\"{word}\"")));
    assert_eq!(messages, [true, true]);
}

#[test]
fn a_request_s_record_comes_through_the_frontend_within_which_it_ends() {
    let memory = Memory::new();
    let (frontend, guard) = frontend(&memory);
    let request = RequestLog::default().begin(Arrival::default(), &());
    frontend.within(|| drop(request));
    guard.flush(FOR_EVER).unwrap();
    assert!(memory.text().contains(r#""outcome":"cancelled""#));
}
