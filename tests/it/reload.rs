//! A pipeline that is changed while it runs: nothing is lost, nothing comes twice, and what cannot be done
//! changes nothing.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use offloop::{Builder, Error, Memory, Overflow, Sink};
use rustix::process::{Signal, kill_process};
use serde_json::Value;
use tracing::{Level, debug, error, info, info_span, trace, warn};

use crate::random::Random;
use crate::support::{
    Gate, PATIENCE, Program, Received, has_played, in_child, is_long, json_lines, json_lines_among,
    wait_until,
};

const THREADS: usize = 4;

/// How many records each thread logs around a reload.
const RECORDS: u64 = 500;

/// What one reload of the test below asks for.
fn any_configuration(random: &mut Random, directory: &Path, memory: &Memory) -> Builder {
    let main = pick(random, ["a.log", "b.log"]);
    let mut main = Sink::file(directory.join(main)).named("main");
    if random.below(2) == 0 {
        main = main.text();
    }
    if random.below(2) == 0 {
        main = main.with_thread();
    }
    let mut builder = offloop::builder()
        .overflow(Overflow::Block { at_most: PATIENCE })
        .filter(pick(random, ["error", "info", "debug,other=trace"]))
        .budget(pick(random, [1 << 20, 2 << 20]))
        .sink(main);
    if random.below(2) == 0 {
        builder = builder.memory(memory);
    }
    if random.below(4) == 0 {
        builder = builder.sink(Sink::file(directory.join("other.log")).named("other"));
    }
    builder
}

fn pick<T: Copy, const COUNT: usize>(random: &mut Random, from: [T; COUNT]) -> T {
    from[random.below(COUNT as u64) as usize]
}

/// Thread and number of each of the program's own records in a file, whichever format they are in.
fn numbers_in(file: &Path) -> Vec<(usize, u64)> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let find = |line: &str, name: &str| {
        let json = line
            .find(&format!("\"{name}\":"))
            .map(|at| at + name.len() + 3);
        let text = line.find(&format!("{name}=")).map(|at| at + name.len() + 1);
        let rest = &line[json.or(text)?..];
        let end = rest.find(|character: char| !character.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse::<u64>().ok()
    };
    let lines = text.lines().filter(|line| line.contains("counted"));
    lines
        .map(|line| {
            (
                find(line, "worker").unwrap() as usize,
                find(line, "number").unwrap(),
            )
        })
        .collect()
}

fn log_as_allowed(worker: usize, total: u64, allowed: &AtomicU64) {
    for number in 0..total {
        while allowed.load(Ordering::Relaxed) <= number {
            std::thread::yield_now();
        }
        error!(worker, number, "counted");
        debug!(worker, "noise");
    }
}

/// A reload waits two seconds for what the sinks of the one before have to write. On a busy machine it is
/// to be asked for again.
fn reload_patiently<T>(attempt: &mut dyn FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Err(Error::Reload(_)) if Instant::now() < deadline => {}
            outcome => return outcome,
        }
    }
}

#[test]
fn reloads_under_load_lose_nothing_and_double_nothing() {
    let reloads: u64 = if is_long() { 1_000 } else { 50 };
    let directory = tempfile::tempdir().unwrap();
    let memory = Memory::new();
    let mut random = Random::new(7);
    let program = {
        let builder = any_configuration(&mut random, directory.path(), &memory);
        Program::start(builder)
    };
    // How many records each thread may log: more with each reload.
    let allowed = AtomicU64::new(0);
    let total = reloads * RECORDS;
    let mut reload_all = || {
        for reload in 1..=reloads {
            allowed.store(reload * RECORDS, Ordering::Relaxed);
            let mut attempt = || {
                let builder = any_configuration(&mut random, directory.path(), &memory);
                program.guard.reload(builder)
            };
            reload_patiently(&mut attempt)?;
        }
        Ok::<_, Error>(())
    };
    let reloaded = std::thread::scope(|scope| {
        for worker in 0..THREADS {
            let (program, allowed) = (&program, &allowed);
            scope.spawn(move || program.run(|| log_as_allowed(worker, total, allowed)));
        }
        let reloaded = reload_all();
        allowed.store(total, Ordering::Relaxed);
        reloaded
    });
    reloaded.unwrap();
    program.guard.flush(PATIENCE).unwrap();
    let stats = program.guard.stats();
    let report = program.guard.shutdown(PATIENCE);
    assert_eq!((report.lost, report.pending), (0, 0), "{stats:?}");

    let mut found: HashMap<usize, Vec<u64>> = HashMap::new();
    for file in ["a.log", "b.log"] {
        let mut latest: HashMap<usize, u64> = HashMap::new();
        for (worker, number) in numbers_in(&directory.path().join(file)) {
            if let Some(before) = latest.insert(worker, number) {
                assert!(before < number, "{worker}: {before} comes before {number}");
            }
            found.entry(worker).or_default().push(number);
        }
    }
    for worker in 0..THREADS {
        let numbers = found.get_mut(&worker).unwrap();
        numbers.sort_unstable();
        let missing = (0..total).filter(|number| numbers.binary_search(number).is_err());
        assert_eq!(missing.collect::<Vec<_>>(), Vec::<u64>::new(), "{worker}");
        assert_eq!(
            numbers.len() as u64,
            total,
            "{worker}: something comes twice"
        );
    }
}

#[test]
fn what_was_accepted_before_and_after_a_change_of_sinks_adds_up() {
    let directory = tempfile::tempdir().unwrap();
    let (path, memory) = (directory.path().join("app.log"), Memory::new());
    let program = Program::start(offloop::builder().file(&path));
    program.run(|| (0..10).for_each(|number| info!(number, "before")));
    program
        .guard
        .reload(offloop::builder().file(&path).memory(&memory))
        .unwrap();
    program.run(|| (0..5).for_each(|number| info!(number, "after")));
    program
        .guard
        .reload(offloop::builder().memory(&memory))
        .unwrap();
    program.run(|| info!("last"));
    program.guard.flush(PATIENCE).unwrap();
    // Each reload is a record of its own.
    let stats = program.guard.stats();
    assert_eq!(stats.accepted.total(), 18, "{stats:?}");
    assert_eq!(stats.sinks.len(), 1);
    assert_eq!(stats.sinks[0].accepted.total(), 8, "{stats:?}");
    assert_eq!(stats.sinks[0].written.total(), 8);
    assert_eq!(stats.removed.written.total(), 16, "{stats:?}");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 16);
    assert_eq!(memory.lines().len(), 8);
}

#[test]
fn sinks_of_equal_names_keep_their_own_figures() {
    let memories: [Memory; 3] = std::array::from_fn(|_| Memory::new());
    let sink = |place: usize| {
        let level = ["info", "error", "warn"][place];
        Sink::memory(&memories[place]).filter(level)
    };
    let with = |places: &[usize]| {
        let sinks = places.iter().map(|place| sink(*place));
        sinks.fold(offloop::builder(), Builder::sink)
    };
    let program = Program::start(with(&[0, 1]));
    let check = |places: &[usize]| {
        program.run(|| {
            (0..4).for_each(|number| info!(number, "counted"));
            (0..2).for_each(|number| warn!(number, "counted"));
            error!("counted");
        });
        program.guard.flush(PATIENCE).unwrap();
        let stats = program.guard.stats();
        let written = stats.sinks.iter().map(|sink| sink.written.total() as usize);
        let found = places.iter().map(|place| memories[*place].lines().len());
        assert!(written.eq(found), "{stats:?}");
    };
    check(&[0, 1]);
    for places in [&[0, 1, 2][..], &[1, 2], &[2, 1]] {
        program.guard.reload(with(places)).unwrap();
        check(places);
    }
    let removed = program.guard.stats().removed.written.total();
    assert_eq!(removed as usize, memories[0].lines().len());
}

#[test]
fn a_sink_that_is_renamed_goes_on_under_its_new_name_with_its_figures() {
    let memory = Memory::new();
    let named = |name| offloop::builder().sink(Sink::memory(&memory).named(name));
    let program = Program::start(named("old"));
    program.run(|| info!("before"));
    program.guard.reload(named("new")).unwrap();
    program.run(|| info!("after"));
    program.guard.flush(PATIENCE).unwrap();
    let stats = program.guard.stats();
    let names: Vec<_> = stats.sinks.iter().map(|sink| sink.name.as_str()).collect();
    assert_eq!(names, ["new"]);
    let written = stats.sinks[0].written.total() as usize;
    // The reload is a record of its own.
    assert_eq!((written, memory.lines().len()), (3, 3));
}

#[test]
fn a_writer_that_stays_is_left_to_what_comes_next() {
    let received = Received::default();
    let builder = offloop::builder().sink(Sink::writer(received.clone()).named("own"));
    let program = Program::start(builder);
    program.run(|| info!(number = 1, "work"));
    let memory = Memory::new();
    let config = program.guard.config();
    program
        .guard
        .reload(config.builder().memory(&memory))
        .unwrap();
    program.run(|| info!(number = 2, "work"));
    program.guard.flush(PATIENCE).unwrap();
    let numbers: Vec<_> = json_lines(&received.text())
        .iter()
        .filter_map(|line| line["number"].as_u64())
        .collect();
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn what_a_reload_has_changed_is_a_record_of_the_log() {
    let memory = Memory::new();
    let builder = || offloop::builder().sink(Sink::memory(&memory).named("main"));
    let program = Program::start(builder());
    let changes = program.guard.reload(builder().filter("debug")).unwrap();
    assert_eq!(changes.len(), 1);
    program.guard.flush(PATIENCE).unwrap();
    let lines = json_lines(&memory.text());
    let [line] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(
        (&line["level"], &line["target"]),
        (&Value::from("INFO"), &Value::from("offloop"))
    );
    assert_eq!(line["message"], "configuration reloaded");
    assert_eq!(
        (&line["level.before"], &line["level.after"]),
        (&Value::from("trace"), &Value::from("debug"))
    );
}

#[test]
fn a_reload_shows_the_key_of_hashes_to_nobody() {
    let memory = Memory::new();
    let read = |key: &str, level: &str| {
        let text = format!("level = \"{level}\"\n[redaction]\nhash_key = \"{key}\"\n");
        let config = offloop::Config::from_toml(&text).unwrap();
        config.builder().memory(&memory)
    };
    let program = Program::start(read("canary one", "info"));
    let changes = program.guard.reload(read("canary two", "debug")).unwrap();
    program.guard.flush(PATIENCE).unwrap();
    let log = memory.text();
    assert!(log.contains("\"level.after\":\"debug\""), "{log}");
    let shown = format!("{log} {changes:?} {:?}", program.guard.config());
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn what_cannot_be_done_changes_nothing_and_is_said() {
    let memory = Memory::new();
    let builder = || offloop::builder().sink(Sink::memory(&memory).named("main"));
    let program = Program::start(builder());
    let before = program.guard.config();
    let refused = [
        builder().filter("app=loud"),
        builder().sink(Sink::stderr().filter("app=loud")),
        builder().filter("off").file("/dev/null/app.log"),
    ];
    for builder in refused {
        let error = program.guard.reload(builder).unwrap_err().to_string();
        assert_eq!(program.guard.config(), before);
        program.run(|| trace!("goes on"));
        program.guard.flush(PATIENCE).unwrap();
        let lines = json_lines(&memory.text());
        let [.., refusal, own] = &lines[..] else {
            panic!("{lines:?}");
        };
        assert_eq!(
            (&refusal["level"], &refusal["error"]),
            (&Value::from("WARN"), &Value::from(error))
        );
        assert_eq!(own["message"], "goes on");
    }
}

#[test]
fn a_format_that_makes_way_for_another_leaves_it_the_number_of_its_latest_line() {
    let memory = Memory::new();
    let sink = || Sink::memory(&memory).with_sequence();
    let program = Program::start(offloop::builder().sink(sink()));
    program.run(|| info!("one"));
    program.guard.flush(PATIENCE).unwrap();
    let in_place = offloop::builder().sink(sink().with_location());
    program.guard.reload(in_place).unwrap();
    program.guard.flush(PATIENCE).unwrap();
    let anew = offloop::builder().sink(sink()).budget(1 << 20);
    program.guard.reload(anew).unwrap();
    program.run(|| info!("four"));
    program.guard.flush(PATIENCE).unwrap();
    let numbers: Vec<_> = json_lines(&memory.text())
        .iter()
        .map(|line| line["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

#[test]
fn a_sink_that_is_stuck_keeps_sinks_from_being_changed_again_and_nothing_else() {
    let (gate, received, memory) = (Gate::default(), Received::default(), Memory::new());
    let stuck = gate.before(received.clone());
    let program = Program::start(offloop::builder().sink(Sink::writer(stuck)));
    program.run(|| info!(number = 1, "work"));
    gate.wait_until_stalled();
    let on_memory = |bytes| offloop::builder().memory(&memory).budget(bytes);
    program.guard.reload(on_memory(1 << 20)).unwrap();
    program.run(|| info!(number = 2, "work"));
    assert!(matches!(
        program.guard.reload(on_memory(2 << 20)),
        Err(Error::Reload(_))
    ));
    program
        .guard
        .reload(on_memory(1 << 20).filter("error"))
        .unwrap();
    program.run(|| info!(number = 3, "work"));
    let stats = program.guard.stats();
    let left = stats.sinks.last().unwrap();
    assert_eq!((left.accepted.total(), left.waiting), (1, 1), "{stats:?}");
    gate.open();
    program.guard.flush(PATIENCE).unwrap();
    program.guard.reload(on_memory(2 << 20)).unwrap();
    assert_eq!(json_lines(&received.text())[0]["number"], 1);
    program.guard.flush(PATIENCE).unwrap();
    let text = memory.text();
    assert!(
        text.contains(r#""number":2"#) && !text.contains(r#""number":3"#),
        "{text}"
    );
}

#[test]
fn a_pipeline_that_is_shut_down_is_not_changed() {
    let memory = Memory::new();
    let program = Program::start(offloop::builder().memory(&memory));
    program.end();
    let reloaded = program.guard.reload(offloop::builder().memory(&memory));
    assert!(matches!(reloaded, Err(Error::Reload(_))));
}

#[test]
fn sinks_are_switched_off_and_on_and_keep_what_is_theirs() {
    let memories = [Memory::new(), Memory::new(), Memory::new()];
    let switched = |on: [bool; 3]| {
        let sinks = memories.iter().zip(on);
        let sinks = sinks.map(|(memory, is_on)| Sink::memory(memory).enabled(is_on));
        sinks.fold(offloop::builder().filter("trace"), Builder::sink)
    };
    let program = Program::start(switched([false, true, true]));
    let rounds = [
        [true, false, true],
        [true, true, false],
        [false, false, true],
    ];
    program.run(|| info!(round = 0, "logged"));
    for (round, on) in (1_u64..).zip(rounds) {
        program.guard.reload(switched(on)).unwrap();
        program.run(|| info!(round, "logged"));
    }
    let refused = program.guard.reload(switched([false; 3]));
    assert!(matches!(refused, Err(Error::NoSink)), "{refused:?}");
    program.end();
    let logged = memories.each_ref().map(|memory| {
        let lines = json_lines(&memory.text()).into_iter();
        let rounds = lines.filter_map(|line| line["round"].as_u64());
        rounds.collect::<Vec<_>>()
    });
    assert_eq!(logged, [vec![1, 2], vec![0, 2], vec![0, 1, 3]]);
}

#[test]
fn filters_of_every_kind_follow_one_another() {
    let output = in_child(|| {
        let guard = offloop::builder().stdout().filter("info").init().unwrap();
        let reload = |directives: &str| {
            let builder = offloop::builder().stdout().filter(directives);
            guard.reload(builder).unwrap();
        };
        let log = |round: u64| {
            let span = info_span!("request", user = round);
            span.in_scope(|| debug!(round, "inside"));
            debug!(round, "outside");
            log::debug!("from log");
        };
        log(1);
        reload("debug");
        assert_eq!(log::max_level(), log::LevelFilter::Debug);
        log(2);
        reload("info,[request{user=3}]=debug");
        log(3);
        log(4);
        reload("warn,audit=warn");
        assert_eq!(log::max_level(), log::LevelFilter::Warn);
        assert!(!tracing::enabled!(Level::INFO));
        log(5);
        assert!(guard.shutdown(PATIENCE).is_complete());
    });
    assert!(has_played(output.status));
    let lines = json_lines_among(&output.stdout);
    let own = lines.iter().filter(|line| line["target"] != "offloop");
    let told: Vec<_> = own
        .map(|line| (line["message"].as_str().unwrap(), line["round"].as_u64()))
        .collect();
    let expected = [
        ("inside", Some(2)),
        ("outside", Some(2)),
        ("from log", None),
        ("inside", Some(3)),
    ];
    assert_eq!(told, expected);
}

/// Whether the program captures what `log` logs, with the message `probe`.
fn captures(program: &Program, memory: &Memory, log: impl FnOnce()) -> bool {
    let count = || memory.text().matches("probe").count();
    program.guard.flush(PATIENCE).unwrap();
    let before = count();
    program.run(log);
    program.guard.flush(PATIENCE).unwrap();
    before < count()
}

#[test]
fn a_level_that_is_raised_falls_again_by_itself() {
    let memory = Memory::new();
    let program = Program::start(offloop::builder().memory(&memory));
    let config = program.guard.config().builder().filter("warn");
    program.guard.reload(config).unwrap();
    let is_on = || captures(&program, &memory, || debug!(target: "raised", "probe"));
    assert!(!is_on());
    drop(
        program
            .guard
            .level_for(Duration::from_millis(20), "raised=debug")
            .unwrap(),
    );
    wait_until(|| !is_on());
    wait_until(|| {
        program.guard.flush(PATIENCE).unwrap();
        memory.text().contains("raised level ended")
    });
    assert!(memory.text().contains("level raised"));
}

#[test]
fn raised_levels_lie_on_top_of_each_other_and_of_what_is_reloaded() {
    let memory = Memory::new();
    let program = Program::start(offloop::builder().memory(&memory));
    let set = |filter: &str| {
        let config = program.guard.config().builder().filter(filter);
        program.guard.reload(config).unwrap();
    };
    let traces = || captures(&program, &memory, || trace!(target: "nested", "probe"));
    let debugs = || captures(&program, &memory, || debug!(target: "nested", "probe"));
    set("warn");
    let outer = program.guard.level_for(PATIENCE, "nested=debug").unwrap();
    assert!(debugs() && !traces());
    let inner = program.guard.level_for(PATIENCE, "nested=trace").unwrap();
    assert!(traces());
    set("info");
    assert!(traces());
    outer.end();
    assert!(traces());
    inner.end();
    assert!(!debugs());
    assert!(captures(
        &program,
        &memory,
        || info!(target: "nested", "probe")
    ));
    let refused = program.guard.level_for(PATIENCE, "nested=loud");
    let source = match refused {
        Err(Error::Filter { source, .. }) => source,
        other => panic!("{other:?}"),
    };
    assert_eq!(source, "level_for");
}

/// Plays a program whose configuration is a file with these keys, which `change` changes. Returns the
/// messages of its log once that says what `is_last` looks for.
fn messages_of_changed(keys: &str, change: fn(&Path), is_last: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let (file, log) = (directory.path().join("offloop.toml"), Memory::new());
    let text =
        format!("{keys}\nlevel = \"info\"\n[sinks.stdout]\nkind = \"stdout\"\nlevel = \"off\"\n");
    std::fs::write(&file, text).unwrap();
    let builder = offloop::Config::from_file(&file).unwrap().builder();
    let guard = builder.memory(&log).init().unwrap();
    info!("before");
    debug!("before");
    change(&file);
    wait_until(|| {
        guard.flush(PATIENCE).unwrap();
        log.text().contains(is_last)
    });
    info!("after");
    debug!("after, in detail");
    assert!(guard.shutdown(PATIENCE).is_complete());
    let lines = json_lines(&log.text());
    let messages = lines.iter().map(|line| line["message"].as_str().unwrap());
    messages.map(ToOwned::to_owned).collect()
}

fn set_level(file: &Path, level: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    let text = text.replace("level = \"info\"", &format!("level = \"{level}\""));
    std::fs::write(file, text).unwrap();
}

const RELOADED: &str = "configuration reloaded";
const REFUSED: &str = "configuration not reloaded, nothing has changed";

#[test]
fn a_file_that_is_watched_is_taken_up_when_it_changes() {
    let output = in_child(|| {
        let change = |file: &Path| set_level(file, "debug");
        let messages = messages_of_changed("watch = true", change, RELOADED);
        assert_eq!(messages, ["before", RELOADED, "after", "after, in detail"]);
    });
    assert!(has_played(output.status));
}

#[test]
fn a_hangup_has_the_configuration_read_anew() {
    let output = in_child(|| {
        let change = |file: &Path| {
            set_level(file, "debug");
            kill_process(rustix::process::getpid(), Signal::HUP).unwrap();
        };
        let messages = messages_of_changed("on_hangup = \"reload\"", change, RELOADED);
        assert_eq!(messages, ["before", RELOADED, "after", "after, in detail"]);
    });
    assert!(has_played(output.status));
}

#[test]
fn a_file_that_is_wrong_changes_nothing_and_is_said() {
    let output = in_child(|| {
        let change = |file: &Path| set_level(file, "app=loud");
        let messages = messages_of_changed("watch = true", change, REFUSED);
        assert_eq!(messages, ["before", REFUSED, "after"]);
    });
    assert!(has_played(output.status));
}

#[test]
fn a_file_that_is_refused_for_what_passes_is_taken_up_once_it_has_passed() {
    let output = in_child(|| {
        let directory = tempfile::tempdir().unwrap();
        let (file, obstacle) = (
            directory.path().join("offloop.toml"),
            directory.path().join("logs"),
        );
        std::fs::write(&obstacle, "a file where a directory is to be").unwrap();
        let text = "watch = true\n[sinks.stdout]\nkind = \"stdout\"\nlevel = \"off\"\n";
        std::fs::write(&file, text).unwrap();
        let log = Memory::new();
        let builder = offloop::Config::from_file(&file).unwrap().builder();
        let guard = builder.memory(&log).init().unwrap();
        let says = |message: &str| {
            wait_until(|| {
                guard.flush(PATIENCE).unwrap();
                log.text().contains(message)
            });
        };
        let sink = obstacle.join("app.log");
        let more = format!("[sinks.app]\nkind = \"file\"\npath = {sink:?}\n");
        std::fs::write(&file, text.to_owned() + &more).unwrap();
        says(REFUSED);
        std::fs::remove_file(&obstacle).unwrap();
        says(RELOADED);
        assert!(sink.exists());
    });
    assert!(has_played(output.status));
}
