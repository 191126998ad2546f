//! How often callsites may log: what is let through and what is left out adds up.

use std::sync::atomic::{AtomicU64, Ordering};

use offloop::{Memory, Rates, Sink};
use serde_json::Value;
use tracing::{Level, debug, error, info, warn};

use crate::support::{PATIENCE, Program, has_played, in_child, json_lines, json_lines_among};

/// No second passes between two records of a test.
const NEVER: f64 = 1e-6;

/// The lines of a message.
fn of<'l>(lines: &'l [Value], message: &str) -> Vec<&'l Value> {
    lines
        .iter()
        .filter(|line| line["message"] == message)
        .collect()
}

#[test]
fn a_callsite_has_its_burst_and_the_rest_is_counted_and_reported() {
    let memory = Memory::new();
    let rates = Rates::new().limit(10, NEVER);
    let program = Program::start(offloop::builder().memory(&memory).rates(rates));
    program.run(|| {
        for number in 0..100 {
            info!(number, "first");
            if number < 5 {
                warn!(number, "second");
            }
            error!(number, "an error is exempt");
        }
    });
    let stats = program.end();
    assert_eq!(stats.accepted.total() + stats.suppressed.total(), 205);
    assert_eq!(stats.suppressed.at(Level::INFO), 90);
    assert_eq!(stats.suppressed.total(), 90);
    let lines = json_lines(&memory.text());
    assert_eq!(of(&lines, "first").len(), 10);
    assert_eq!(of(&lines, "second").len(), 5);
    assert_eq!(of(&lines, "an error is exempt").len(), 100);
    let reports = of(&lines, "records suppressed");
    let reported = reports
        .iter()
        .map(|line| line["suppressed"].as_u64().unwrap());
    assert_eq!(reported.sum::<u64>(), 90);
    for report in reports {
        assert_eq!(report["target"], "offloop");
        assert_eq!(report["callsite.target"], module_path!());
        assert_eq!(report["callsite.file"], file!());
        assert_eq!(report["callsite.level"], "info");
        assert!(report["callsite.line"].is_u64());
    }
}

#[test]
fn what_threads_log_at_once_is_accepted_or_suppressed() {
    let memory = Memory::new();
    let rates = Rates::new().limit(100, 100.0).sample_at(Level::DEBUG, 0.5);
    let program = Program::start(offloop::builder().memory(&memory).rates(rates));
    program.on_threads(4, |_| {
        for number in 0..5_000_u64 {
            info!(number, "limited");
            debug!(number, "sampled");
        }
    });
    let stats = program.end();
    assert_eq!(stats.accepted.total() + stats.suppressed.total(), 40_000);
    let lines = json_lines(&memory.text());
    let limited = of(&lines, "limited").len() as u64;
    assert_eq!(limited, stats.accepted.at(Level::INFO));
    assert!((100..20_000).contains(&limited), "{limited}");
    let reports = of(&lines, "records suppressed");
    let reported = reports
        .iter()
        .map(|line| line["suppressed"].as_u64().unwrap());
    // A callsite of a sample is limited, too; what the sample leaves out is not reported.
    assert!(stats.suppressed.at(Level::INFO) <= reported.sum::<u64>());
}

#[test]
fn a_record_of_a_sample_tells_its_share() {
    let memory = Memory::new();
    let rates = Rates::new().sample_at(Level::DEBUG, 0.25);
    let program = Program::start(offloop::builder().memory(&memory).rates(rates));
    program.run(|| (0..1_000).for_each(|number| debug!(number, "sampled")));
    program.run(|| info!("whole"));
    let stats = program.end();
    let lines = json_lines(&memory.text());
    let sampled = of(&lines, "sampled");
    assert!((150..350).contains(&sampled.len()), "{}", sampled.len());
    assert_eq!(
        sampled.len() as u64 + stats.suppressed.at(Level::DEBUG),
        1_000
    );
    assert!(sampled.iter().all(|line| line["sample_rate"] == 0.25));
    assert_eq!(of(&lines, "whole")[0]["sample_rate"], Value::Null);
}

#[test]
fn errors_are_limited_where_they_are_named_and_audits_never_are() {
    let memory = Memory::new();
    let rates = Rates::new()
        .limit(1, NEVER)
        .limit_at(Level::ERROR, 3, NEVER);
    let program = Program::start(offloop::builder().memory(&memory).rates(rates));
    program.run(|| {
        for number in 0..10 {
            error!(number, "limited");
            offloop::audit!(number, "kept").wait(PATIENCE).unwrap();
        }
    });
    program.end();
    let lines = json_lines(&memory.text());
    assert_eq!(of(&lines, "limited").len(), 3);
    assert_eq!(of(&lines, "kept").len(), 10);
}

#[test]
fn rates_are_changed_by_a_reload() {
    let memory = Memory::new();
    let program = Program::start(offloop::builder().memory(&memory));
    let logged = AtomicU64::new(0);
    let log = || {
        program.run(|| {
            for _ in 0..10 {
                info!(number = logged.fetch_add(1, Ordering::Relaxed), "work");
            }
        });
    };
    log();
    let config = || program.guard.config().builder();
    program
        .guard
        .reload(config().rates(Rates::new().limit(2, NEVER)))
        .unwrap();
    log();
    program.guard.reload(config().rates(Rates::new())).unwrap();
    log();
    program.guard.flush(PATIENCE).unwrap();
    assert_eq!(of(&json_lines(&memory.text()), "work").len(), 22);
    assert_eq!(program.guard.stats().suppressed.total(), 8);
}

#[test]
fn a_sink_hears_only_of_callsites_whose_records_it_wants() {
    let (all, errors) = (Memory::new(), Memory::new());
    let builder = offloop::builder()
        .sink(Sink::memory(&all))
        .sink(Sink::memory(&errors).filter("error"))
        .rates(Rates::new().limit(1, NEVER));
    let program = Program::start(builder);
    program.run(|| (0..5).for_each(|number| info!(number, "work")));
    program.end();
    assert!(all.text().contains("records suppressed"));
    assert_eq!(errors.text(), "");
}

#[test]
fn records_of_the_log_crate_are_limited_by_target_and_level() {
    let output = in_child(|| {
        let rates = Rates::new().limit(2, NEVER);
        let guard = offloop::builder().stdout().rates(rates).init().unwrap();
        for _ in 0..5 {
            log::info!(target: "one", "from one");
            log::warn!(target: "one", "from one");
            log::info!(target: "two", "from two");
        }
        assert_eq!(guard.stats().suppressed.total(), 9);
        assert!(guard.shutdown(PATIENCE).is_complete());
    });
    assert!(has_played(output.status));
    let lines = json_lines_among(&output.stdout);
    assert_eq!(of(&lines, "from one").len(), 4);
    assert_eq!(of(&lines, "from two").len(), 2);
    let mut reports: Vec<_> = of(&lines, "records suppressed")
        .iter()
        .map(|line| {
            (
                line["callsite.target"].as_str(),
                line["callsite.level"].as_str(),
            )
        })
        .collect();
    reports.sort_unstable();
    reports.dedup();
    let expected = [("one", "info"), ("one", "warn"), ("two", "info")];
    assert_eq!(
        reports,
        expected.map(|(target, level)| (Some(target), Some(level)))
    );
}
