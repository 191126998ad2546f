//! What the tests share: programs that log, children, writers with a will of their own.

use std::fs::Permissions;
use std::future::Future;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use offloop::{Builder, Guard, Memory};
use serde_json::Value;
use tempfile::TempDir;
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt;

/// Longer than anything here takes on a busy machine. Only a hang gets there.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Set in children that play a scenario.
const SCENARIO: &str = "OFFLOOP_SCENARIO";

/// How such a child ends, once it has played its scenario. Any other way is a failure.
const PLAYED: i32 = 42;

/// A subscriber that logs to a pipeline, and the pipeline's guard.
pub(crate) struct Program {
    pub(crate) dispatch: Dispatch,
    pub(crate) guard: Guard,
}

impl Program {
    /// Starts a pipeline as a layer.
    pub(crate) fn start(builder: Builder) -> Self {
        let (layer, guard) = builder.filter("trace").build().unwrap();
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
        Program { dispatch, guard }
    }

    /// Runs `part` with this program's subscriber.
    pub(crate) fn run<T>(&self, part: impl FnOnce() -> T) -> T {
        tracing::dispatcher::with_default(&self.dispatch, part)
    }

    /// Runs `part` on so many threads at once, and waits for them.
    pub(crate) fn on_threads(&self, count: usize, part: impl Fn(usize) + Sync) {
        thread::scope(|scope| {
            for index in 0..count {
                let part = &part;
                scope.spawn(move || self.run(|| part(index)));
            }
        });
    }

    /// Ends the pipeline; everything must be written or lost by then.
    pub(crate) fn end(&self) -> offloop::Stats {
        let report = self.guard.shutdown(PATIENCE);
        assert_eq!(report.pending, 0);
        let stats = self.guard.stats();
        assert_eq!(
            (report.written, report.lost),
            (stats.written(), stats.lost())
        );
        stats
    }
}

/// What `program` logs to a pipeline of its own, as JSON.
pub(crate) fn logged(program: impl FnOnce()) -> Vec<Value> {
    let memory = Memory::new();
    let pipeline = Program::start(offloop::builder().memory(&memory));
    pipeline.run(program);
    assert_eq!(pipeline.end().lost(), 0);
    json_lines(&memory.text())
}

/// Every line of `text`, each of which must be a JSON object.
pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "the last line is torn"
    );
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(parse).collect()
}

/// The records among `lines` that the program logged: not the pipeline's own notices.
pub(crate) fn own(lines: Vec<Value>) -> Vec<Value> {
    lines
        .into_iter()
        .filter(|line| line["target"] != "offloop")
        .collect()
}

/// Logs a record for each number.
pub(crate) fn log_numbers(numbers: std::ops::Range<u64>) {
    numbers.for_each(|number| tracing::info!(number, "work"));
}

/// The lines have these numbers, in order.
#[track_caller]
pub(crate) fn check_numbers(lines: &[Value], numbers: std::ops::Range<u64>) {
    let mut found = lines.iter().filter_map(|line| line["number"].as_u64());
    for number in numbers {
        assert_eq!(found.next(), Some(number));
    }
    assert_eq!(found.next(), None);
}

/// Looks again and again until it is so.
pub(crate) fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "this never comes true");
        thread::yield_now();
    }
}

/// Fails instead of waiting for ever, should `part` hang.
pub(crate) fn without_hanging<T: Send + 'static>(part: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, is_done) = mpsc::channel();
    let running = thread::spawn(move || {
        let result = part();
        let _ = done.send(());
        result
    });
    if let Err(mpsc::RecvTimeoutError::Timeout) = is_done.recv_timeout(PATIENCE) {
        panic!("this hangs");
    }
    running
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Says that a test checks nothing here, and why, whether or not its output is shown.
pub(crate) fn say_unchecked(why: &str) {
    let _ = writeln!(io::stderr(), "NOTHING IS CHECKED: {why}");
}

/// Runs a future on a runtime of one thread, without timers.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

/// Says why a test cannot show anything here.
#[expect(clippy::print_stderr, reason = "whoever runs the tests should know")]
pub(crate) fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

/// Whether the long variants of tests were asked for.
pub(crate) fn is_long() -> bool {
    std::env::var_os("OFFLOOP_LONG").is_some()
}

/// Plays `scenario` in a child process, where nothing is installed yet and nothing that is changed
/// matters to others. Returns what the child wrote, without the lines of the test harness.
///
/// The child is this test binary; it runs the calling test only, which gets here again.
pub(crate) fn in_child<F: FnOnce()>(scenario: F) -> Output {
    in_child_with(|_| {}, scenario)
}

/// The same, with a say in how the child starts.
pub(crate) fn in_child_with<F: FnOnce()>(
    prepare: impl FnOnce(&mut Command),
    scenario: F,
) -> Output {
    let prepare = |command: &mut Command| {
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        prepare(command);
    };
    let output = spawn_child(prepare, scenario).wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(has_played(output.status), "{}: {errors}", output.status);
    output
}

/// In the system's memory where it can be.
pub(crate) fn runtime_directory() -> TempDir {
    let shared = Path::new("/dev/shm");
    let directory = if shared.is_dir() {
        tempfile::tempdir_in(shared)
    } else {
        tempfile::tempdir()
    };
    directory.unwrap()
}

/// A directory for pages that outlive their process. `None`, and said, without a tmpfs.
pub(crate) fn directory_for_pages() -> Option<TempDir> {
    let mut private = tempfile::Builder::new();
    let pages = private.permissions(Permissions::from_mode(0o700));
    let pages = pages.tempdir_in("/dev/shm");
    if let Err(error) = &pages {
        skip(&format!("no tmpfs at /dev/shm: {error}"));
    }
    pages.ok()
}

/// Whether a child has played its scenario to the end.
pub(crate) fn has_played(status: ExitStatus) -> bool {
    status.code() == Some(PLAYED)
}

/// The same for a parent that has a part in the scenario: the child runs when this returns. Its
/// stdin is a pipe.
pub(crate) fn spawn_child<F: FnOnce()>(prepare: impl FnOnce(&mut Command), scenario: F) -> Child {
    if std::env::var_os(SCENARIO).is_some() {
        scenario();
        std::process::exit(PLAYED);
    }
    let mut command = child::<F>();
    prepare(&mut command);
    command.spawn().unwrap()
}

/// Makes `command` an argument of `around`, which starts it.
pub(crate) fn wrap(command: &mut Command, mut around: Command) {
    around.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => around.env(name, value),
            None => around.env_remove(name),
        };
    }
    // What a command does with its streams cannot be asked.
    around.stdin(Stdio::null());
    around.stdout(Stdio::piped()).stderr(Stdio::piped());
    *command = around;
}

/// A child that plays the test in which the closure `F` was written.
fn child<F>() -> Command {
    let closure = std::any::type_name::<F>();
    let (_, test) = closure.split_once("::").unwrap();
    let (test, _) = test.split_once("::{{closure").unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            test,
            "--quiet",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(SCENARIO, "1")
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped());
    command
}

/// The lines that a child logged as JSON to the stream.
pub(crate) fn json_lines_among(stream: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(stream);
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Stalls a writer for as long as it is closed.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Default)]
struct GateState {
    is_open: bool,
    is_somebody_waiting: bool,
}

impl Gate {
    /// Lets everything pass from now on.
    pub(crate) fn open(&self) {
        self.state().is_open = true;
        self.0.1.notify_all();
    }

    /// Returns once the writer stands before the closed gate.
    pub(crate) fn wait_until_stalled(&self) {
        let waiting = self
            .0
            .1
            .wait_timeout_while(self.state(), PATIENCE, |state| !state.is_somebody_waiting);
        assert!(!waiting.unwrap().1.timed_out(), "nobody comes");
    }

    /// Puts the gate before a writer.
    pub(crate) fn before<W: Write>(&self, writer: W) -> Gated<W> {
        Gated {
            gate: self.clone(),
            writer,
        }
    }

    fn pass(&self) {
        let mut state = self.state();
        state.is_somebody_waiting = true;
        self.0.1.notify_all();
        let _open = self.0.1.wait_while(state, |state| !state.is_open);
    }

    fn state(&self) -> MutexGuard<'_, GateState> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A writer behind a gate.
pub(crate) struct Gated<W> {
    gate: Gate,
    writer: W,
}

impl<W: Write> Write for Gated<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gate.pass();
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Bytes that a writer got, to look at later.
#[derive(Clone, Default)]
pub(crate) struct Received(Arc<Mutex<Vec<u8>>>);

impl Received {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.lock().clone()).unwrap()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Received {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
