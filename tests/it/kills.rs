//! The k-th call is the last one, whichever it is: after the next start every record that was
//! accepted is in the log, once and whole.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use crate::faults::{Scope, Site, counts, is_traceable};
use crate::support::{is_long, say_unchecked};

/// How many kills there are where the long variant was not asked for.
const KILLS: usize = 100;

/// Most of the time, a program waits.
const AT_ONCE: usize = 4;

/// Which calls are the last one.
#[derive(Clone, Copy, Debug)]
struct Calls {
    /// Their names, as strace wants them.
    names: &'static str,
    scope: Scope,
    kind: &'static str,
}

/// Calls of the pages that the start of a program does not make by itself.
const PAGE_CALLS: &str = "fallocate,ftruncate,rename,mkdirat,open,unlink,statfs,pwrite64";

/// Calls by which one comes to what a dead program left, and writes it.
const RECOVERY_CALLS: &str = "pwrite64,fallocate,flock,unlink,fcntl,open,write";

impl Calls {
    const fn new(names: &'static str, scope: Scope, kind: &'static str) -> Calls {
        Calls { names, scope, kind }
    }

    /// Each call that one thread of the program makes: its name, and which of these it is.
    fn made_by(self, site: &Site, scenario: &str) -> Vec<(String, usize)> {
        let run = site.run_traced([scenario, self.kind], self.names, self.scope, None);
        run.assert_ended();
        let calls = run.calls().into_iter();
        calls
            .flat_map(|(name, count)| (1..=count).map(move |nth| (name.clone(), nth)))
            .collect()
    }

    /// Runs the scenario until it makes this call. Says whether it did.
    fn kill_at(self, (name, nth): &(String, usize), site: &Site, scenario: &str) -> bool {
        let inject = format!("{name}:signal=SIGKILL:when={nth}");
        let run = site.run_traced([scenario, self.kind], name, self.scope, Some(&inject));
        if !run.was_killed() {
            run.assert_ended();
        }
        run.was_killed()
    }
}

/// Each record that was acknowledged is there once, and of the others each at most once.
fn assert_recovered(site: &Site, acknowledged: u64) {
    let counts = counts(&site.lines());
    let wrong = counts.iter().filter(|(_, count)| **count != 1);
    assert_eq!(wrong.collect::<Vec<_>>(), [], "more than once");
    let there = counts.len() as u64;
    assert!(
        acknowledged <= there,
        "{acknowledged} acknowledged, {there} there"
    );
    assert!(counts.into_keys().eq(0..there), "there are gaps");
    assert_eq!(site.leftovers(), [] as [PathBuf; 0]);
}

/// Records that came into the log after those are marked as recovered, and those are as they were.
fn assert_marked(site: &Site, written: &BTreeMap<u64, usize>) {
    for line in site.lines() {
        if let Some(number) = line["number"].as_u64() {
            let is_marked = line["recovered"] == true;
            assert_ne!(is_marked, written.contains_key(&number), "{line}");
        }
    }
}

fn start_again(site: &Site, kind: &str) {
    let recovery = site.run(["anomaly-recover", kind]);
    assert!(recovery.status.success(), "{recovery:?}");
}

/// Does `part` for as many of these calls as there is time for.
fn for_each(calls: &[(String, usize)], most: usize, part: impl Fn(&(String, usize)) + Sync) {
    let stride = if is_long() {
        1
    } else {
        calls.len().div_ceil(most)
    };
    let chosen: Vec<_> = calls.iter().step_by(stride).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(call) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = catch_unwind(AssertUnwindSafe(|| part(call)));
                    assert!(outcome.is_ok(), "killed at {call:?}");
                }
            });
        }
    });
}

/// Whether pages outlive a process here.
fn can_outlive() -> bool {
    let is_there = Path::new("/dev/shm").is_dir();
    if !is_there {
        say_unchecked("there is no tmpfs at /dev/shm");
    }
    is_there && is_traceable()
}

fn check_kills(calls: Calls, most: usize) {
    let all = calls.made_by(&Site::new(), "anomaly");
    let (killed, acknowledged) = (AtomicUsize::new(0), AtomicU64::new(0));
    for_each(&all, most, |call| {
        let site = Site::new();
        let was_killed = calls.kill_at(call, &site, "anomaly");
        let of_this = site.acknowledged();
        let written = counts(&site.lines());
        start_again(&site, calls.kind);
        assert_recovered(&site, of_this);
        assert_marked(&site, &written);
        if was_killed && of_this != 0 {
            killed.fetch_add(1, Ordering::Relaxed);
            acknowledged.fetch_add(of_this, Ordering::Relaxed);
        }
    });
    let (killed, acknowledged) = (killed.into_inner(), acknowledged.into_inner());
    let all = all.len();
    tell(&format!(
        "{calls:?}: {all} calls, {killed} kills after {acknowledged} records"
    ));
    assert_ne!(killed, 0, "no kill came after a record");
}

#[expect(clippy::print_stdout, reason = "a figure for who asks for it")]
fn tell(figures: &str) {
    println!("{figures}");
}

#[test]
fn a_kill_at_any_call_of_the_log_loses_and_doubles_nothing() {
    if !can_outlive() {
        return;
    }
    check_kills(Calls::new("all", Scope::Log, "plain"), KILLS / 2);
    check_kills(Calls::new("all", Scope::Log, "synced"), KILLS / 2);
}

#[test]
fn a_kill_at_any_call_for_the_pages_loses_and_doubles_nothing() {
    if !can_outlive() {
        return;
    }
    check_kills(Calls::new(PAGE_CALLS, Scope::Process, "plain"), KILLS / 4);
}

#[test]
fn a_kill_while_old_files_are_compressed_loses_and_doubles_nothing() {
    if !can_outlive() {
        return;
    }
    check_kills(Calls::new("all", Scope::Log, "compressed"), KILLS / 4);
}

#[test]
fn lines_in_a_file_that_is_compressed_by_now_are_not_written_again() {
    if !can_outlive() {
        return;
    }
    let site = Site::new();
    let killed = site.run(["half-batch", "compressed"]);
    assert!(!killed.status.success(), "{killed:?}");
    start_again(&site, "compressed");
    assert_recovered(&site, 3);
}

/// The recovery of what a kill left is killed as well, and the next one takes that up.
#[test]
fn a_kill_at_any_call_of_a_recovery_loses_and_doubles_nothing() {
    if !can_outlive() {
        return;
    }
    let first = Calls::new("write", Scope::Log, "plain");
    let prepared = |nth| {
        let site = Site::new();
        assert!(first.kill_at(&("write".to_owned(), nth), &site, "anomaly"));
        site
    };
    for (names, scope) in [("all", Scope::Log), (RECOVERY_CALLS, Scope::Process)] {
        let second = Calls::new(names, scope, "plain");
        let all = second.made_by(&prepared(5), "anomaly-recover");
        for_each(&all, KILLS / 4, |call| {
            let site = prepared(3 + call.1 % 10);
            let acknowledged = site.acknowledged();
            second.kill_at(call, &site, "anomaly-recover");
            start_again(&site, "plain");
            assert_recovered(&site, acknowledged);
        });
        tell(&format!("{second:?}: {} calls of a recovery", all.len()));
    }
}
