//! The k-th call fails, whichever it is and however it fails: the program goes on, nothing is lost,
//! doubled or torn, and what is wrong is said.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use crate::faults::{RECORDS, Scope, Site, counts, is_traceable};
use crate::support::is_long;

/// How many points are tried where the long variant was not asked for.
const POINTS: usize = 180;

/// Most of the time, a program waits for its pauses to pass.
const AT_ONCE: usize = 12;

/// What a call may answer.
const ERRORS: [&str; 7] = [
    "EIO", "ENOSPC", "EINTR", "EAGAIN", "EDQUOT", "EROFS", "EMFILE",
];

/// How long the fault lasts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lasting {
    Once,
    /// Three calls in a row.
    While,
    /// The program ends before it does.
    ForEver,
}

/// A call of one kind of the program.
#[derive(Clone, Copy, Debug)]
struct Call {
    name: &'static str,
    kind: &'static str,
    scope: Scope,
    /// Whether the start may be refused if it fails.
    may_refuse: bool,
}

/// Calls by which lines get into the log, files get the names of old ones, and these are compressed.
const LOG_CALLS: [(&str, &str, Scope, bool); 15] = [
    ("write", "synced", Scope::Log, false),
    ("openat", "plain", Scope::Log, true),
    ("statx", "plain", Scope::Log, true),
    ("mkdir", "plain", Scope::Log, true),
    ("flock", "plain", Scope::Log, false),
    ("renameat2", "plain", Scope::Log, false),
    ("getdents64", "plain", Scope::Log, false),
    ("fdatasync", "synced", Scope::Log, false),
    ("fsync", "synced", Scope::Log, false),
    ("openat", "synced", Scope::Log, true),
    ("openat", "compressed", Scope::Log, true),
    ("write", "compressed", Scope::Process, false),
    ("fsync", "compressed", Scope::Process, false),
    ("renameat", "compressed", Scope::Process, false),
    ("unlinkat", "compressed", Scope::Process, false),
];

/// Calls for the file that outlives the program. Without it the program runs all the same.
const PAGE_CALLS: [&str; 8] = [
    "fallocate",
    "ftruncate",
    "rename",
    "mkdirat",
    "open",
    "statfs",
    "fstat",
    "fcntl",
];

#[derive(Debug)]
struct Point {
    call: Call,
    error: &'static str,
    nth: usize,
    lasting: Lasting,
}

impl Point {
    /// What the program does: it is told what it need not wait for.
    fn scenario(&self) -> [&'static str; 2] {
        let name = match self.lasting {
            Lasting::Once | Lasting::While => "anomaly",
            Lasting::ForEver => "anomaly-that-stays",
        };
        [name, self.call.kind]
    }

    fn inject(&self) -> String {
        let Point {
            call, error, nth, ..
        } = self;
        let when = match self.lasting {
            Lasting::Once => format!("{nth}"),
            Lasting::While => format!("{nth}..{}", nth + 2),
            Lasting::ForEver => format!("{nth}+"),
        };
        format!("{}:error={error}:when={when}", call.name)
    }
}

/// All points of a call, as often as the program makes it.
fn points_of(call: Call, errors: &[&'static str]) -> Vec<Point> {
    let reference = Site::new().run_traced(["anomaly", call.kind], call.name, call.scope, None);
    reference.assert_ended();
    let calls = reference.calls();
    let calls = calls.get(call.name).copied().unwrap_or_default();
    assert_ne!(calls, 0, "{call:?} is never made");
    let mut points = Vec::new();
    for nth in 1..=calls {
        for error in errors {
            for lasting in [Lasting::Once, Lasting::While, Lasting::ForEver] {
                // Nobody is interrupted for ever.
                if (*error, lasting) != ("EINTR", Lasting::ForEver) {
                    points.push(Point {
                        call,
                        error,
                        nth,
                        lasting,
                    });
                }
            }
        }
    }
    points
}

/// Tries the points, or as many of them as there is time for, spread over all.
fn check_all(points: &[Point], most: usize) {
    let stride = if is_long() {
        1
    } else {
        points.len().div_ceil(most)
    };
    let chosen: Vec<_> = points.iter().step_by(stride).collect();
    let (next, fired) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(point) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let site = Site::new();
                    match catch_unwind(AssertUnwindSafe(|| check(point, &site))) {
                        Ok(injected) => fired.fetch_add(injected.min(1), Ordering::Relaxed),
                        Err(_) => panic!("at {point:?}, answer {}", site.answer()),
                    };
                }
            });
        }
    });
    let fired = fired.into_inner();
    tell(&format!(
        "{fired} of {} points met a call, of {}",
        chosen.len(),
        points.len()
    ));
    assert!(chosen.len() / 2 < fired, "most faults met no call");
}

#[expect(clippy::print_stdout, reason = "a figure for who asks for it")]
fn tell(figures: &str) {
    println!("{figures}");
}

/// Tries one point. Says how many calls failed.
fn check(point: &Point, site: &Site) -> usize {
    let (calls, scope) = (point.call.name, point.call.scope);
    let run = site.run_traced(point.scenario(), calls, scope, Some(&point.inject()));
    run.assert_ended();
    let answer = site.answer();
    if let Some(refusal) = answer["outcome"]["refused"].as_str() {
        assert!(point.call.may_refuse, "refused to start: {refusal}");
        assert!(refusal.contains("os error"), "{refusal}");
        assert_eq!((site.acknowledged(), site.lines().len()), (0, 0));
        return run.injected();
    }
    assert_accounted(&answer["outcome"], site);
    if answer["outcome"]["waiting"] != 0 {
        assert_eq!(point.lasting, Lasting::ForEver);
        // What waited may have been written before the very end.
        let is_all_there = counts(&site.lines()).len() as u64 == RECORDS;
        let has_left = !site.leftovers().is_empty();
        assert!(is_all_there || has_left, "nothing outlived the program");
        let recovery = site.run(["anomaly-recover", point.call.kind]);
        assert!(recovery.status.success(), "{recovery:?}");
    }
    assert_all_there(site);
    if run.injected() != 0 {
        assert_said(point, &answer["said"], &site.lines());
    }
    run.injected()
}

/// What the program counted is what became of the records.
fn assert_accounted(outcome: &Value, site: &Site) {
    let count = |key| outcome[key].as_u64().unwrap();
    assert_eq!(site.acknowledged(), RECORDS);
    assert_eq!(count("accepted"), RECORDS);
    assert_eq!(count("lost"), 0, "nothing here needs to be lost");
    assert_eq!(count("written") + count("waiting"), RECORDS);
    // The writer goes on after the report, and after the count.
    assert!(count("waiting") <= count("pending"), "{outcome}");
    let there = counts(&site.lines()).len() as u64;
    assert!(count("written") <= there, "{there} are there, of {outcome}");
}

/// Each record is there once.
fn assert_all_there(site: &Site) {
    let counts = counts(&site.lines());
    let wrong = counts.iter().filter(|(_, count)| **count != 1);
    assert_eq!(wrong.collect::<Vec<_>>(), [], "more than once");
    assert!(counts.into_keys().eq(0..RECORDS), "some are missing");
}

/// Who looks for the trouble finds it.
fn assert_said(point: &Point, said: &Value, lines: &[Value]) {
    let is_in_log = |message: &str| lines.iter().any(|line| line["message"] == message);
    let is_no_failure = ["EINTR", "EAGAIN"].contains(&point.error);
    if is_no_failure {
        return;
    }
    let said = said.as_array().unwrap();
    if point.call.kind == "compressed" {
        // What fails is tried again with the next file that ends.
        return;
    }
    match point.call.name {
        "write" => {
            assert!(point.lasting == Lasting::ForEver || is_in_log("sink recovered"));
            assert_ne!(said.len(), 0, "nothing was said");
        }
        "fdatasync" => assert!(is_in_log("sync failed")),
        "renameat2" | "getdents64" | "rename" | "ftruncate" => {
            assert_ne!(said.len(), 0, "nothing was said");
        }
        _ => {}
    }
}

#[test]
fn whichever_call_of_the_log_fails_no_record_is_lost_doubled_or_torn() {
    if !is_traceable() {
        return;
    }
    let calls = LOG_CALLS.map(|(name, kind, scope, may_refuse)| Call {
        name,
        kind,
        scope,
        may_refuse,
    });
    let points = calls.map(|call| points_of(call, &ERRORS));
    check_all(&points.into_iter().flatten().collect::<Vec<_>>(), POINTS);
}

#[test]
fn whichever_call_for_the_pages_fails_the_program_logs_without_them() {
    if !is_traceable() {
        return;
    }
    let points = PAGE_CALLS.map(|name| {
        let call = Call {
            name,
            kind: "plain",
            scope: Scope::Process,
            may_refuse: false,
        };
        points_of(call, &["ENOMEM", "ENOSPC", "EIO", "EINTR", "EMFILE"])
    });
    check_all(
        &points.into_iter().flatten().collect::<Vec<_>>(),
        POINTS / 4,
    );
}
