//! A pipeline, as Python's handlers share it.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use offloop::frontend::{Callsite, Frontend, Place, Taken, Values};
use offloop::request::RequestContext;
use offloop::{Builder, ConfigLoader, Guard, LossReason, SinkStats};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::level;
use crate::options;
use crate::thread;

/// Where the records of requests go. Without a lock: a forked child goes on with what was there.
static MAIN: LazyLock<ArcSwapOption<Frontend>> = LazyLock::new(ArcSwapOption::default);

/// What holds in Python where a configuration file says nothing of it: `RUST_LOG` is set for other
/// libraries, and would silence a program that knows nothing of Rust.
const DEFAULTS: &str = "rust_log = false";

/// Runs what may write the record of a request.
pub(crate) fn with_requests<T>(part: impl FnOnce() -> T) -> T {
    let Some(frontend) = MAIN.load_full() else {
        return part();
    };
    let result = frontend.within(part);
    if frontend.is_late() {
        // Not while the interpreter comes down: nothing of its own works any more.
        Python::try_attach(|py| py.detach(|| frontend.write_late()));
    }
    result
}

/// Files or streams, and the threads that write to them.
#[pyclass(frozen, module = "offloop")]
#[derive(Debug)]
pub(crate) struct Pipeline {
    frontend: Frontend,
    guard: Guard,
    /// What reads its configuration file, if it has one.
    loader: Option<ConfigLoader>,
}

#[pymethods]
impl Pipeline {
    /// Starts one.
    #[new]
    fn start(py: Python<'_>, settings: &str) -> PyResult<Self> {
        Self::run(py, options::builder(settings)?, None)
    }

    /// The same with what stands in a configuration file.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let loader = ConfigLoader::new().defaults(DEFAULTS).file(path);
        let config = py.detach(|| loader.load());
        let config = config.map_err(|error| raise(&error))?.into_config();
        Self::run(py, config.builder(), Some(loader))
    }

    /// Reads the configuration file anew, if there is one, and goes on as it says.
    fn reload(&self, py: Python<'_>) -> PyResult<()> {
        let Some(loader) = &self.loader else {
            return Ok(());
        };
        let reloaded = py.detach(|| {
            let config = loader.load()?.into_config();
            self.guard.reload(config.builder())
        });
        reloaded.map(drop).map_err(|error| raise(&error))
    }

    /// Has a function called each time that other levels may be wanted than before.
    fn on_other_levels(&self, function: Py<PyAny>) {
        self.frontend.on_other_levels(move || {
            // Nobody is there any more who would want to know, where the interpreter has come down.
            Python::try_attach(|py| {
                if let Err(error) = function.call0(py) {
                    error.write_unraisable(py, Some(function.bind(py)));
                }
            });
        });
    }

    /// From now on, the records of requests come here.
    fn take_requests(&self) {
        MAIN.store(Some(Arc::new(self.frontend.clone())));
    }

    /// Whether a filter wants records of this logger and level.
    fn wants(&self, name: &str, level: i64) -> bool {
        self.frontend.wants(name, level::of_number(level))
    }

    /// The least level, as `logging` counts them, of which any records may be wanted.
    fn level_min(&self) -> i64 {
        level::number_of(self.frontend.level_max())
    }

    /// Waits until all that was logged before is written, at most so many seconds. Returns how many
    /// records are still waiting: 0 if all went well.
    fn flush(&self, py: Python<'_>, timeout: f64) -> PyResult<u64> {
        let timeout = seconds(timeout)?;
        Ok(py.detach(|| match self.guard.flush(timeout) {
            Ok(()) => 0,
            Err(_) => self.guard.stats().waiting(),
        }))
    }

    /// Prepares for an end of the process that nobody hears of: writes what waits, and has each log
    /// call write its record itself, until `go_on`. Returns how many records are still waiting where
    /// so many seconds do not suffice; nothing has changed then.
    fn expect_end(&self, py: Python<'_>, patience: f64) -> PyResult<u64> {
        let patience = seconds(patience)?;
        Ok(py.detach(|| match self.frontend.expect_end(patience) {
            true => 0,
            false => self.guard.stats().waiting(),
        }))
    }

    /// The process goes on after all.
    fn go_on(&self, py: Python<'_>) {
        py.detach(|| self.frontend.go_on());
    }

    /// Has the files opened anew.
    fn reopen(&self, py: Python<'_>) {
        py.detach(|| self.guard.reopen());
    }

    /// Ends the present files, and begins new ones.
    fn rotate(&self, py: Python<'_>) {
        py.detach(|| self.guard.rotate());
    }

    /// What became of the records so far.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = py.detach(|| self.guard.stats());
        let all = PyDict::new(py);
        all.set_item("accepted", stats.accepted.total())?;
        all.set_item("written", stats.written())?;
        let filtered = stats.sinks.iter().map(|sink| sink.filtered.total());
        all.set_item("filtered", filtered.sum::<u64>())?;
        all.set_item("waiting", stats.waiting())?;
        all.set_item("lost", stats.lost())?;
        let reasons = PyDict::new(py);
        for &reason in LossReason::ALL {
            let lost: u64 = stats.sinks.iter().map(|sink| sink.lost.by(reason)).sum();
            if lost != 0 {
                reasons.set_item(reason.as_str(), lost)?;
            }
        }
        all.set_item("lost_by_reason", reasons)?;
        let sinks = stats.sinks.iter().map(|sink| figures(py, sink));
        all.set_item("sinks", sinks.collect::<PyResult<Vec<_>>>()?)?;
        Ok(all)
    }
}

impl Pipeline {
    fn run(py: Python<'_>, builder: Builder, loader: Option<ConfigLoader>) -> PyResult<Self> {
        // Opening files may take long.
        let started = py.detach(|| builder.build_frontend());
        let (frontend, guard) = started.map_err(|error| raise(&error))?;
        Ok(Pipeline {
            frontend,
            guard,
            loader,
        })
    }

    pub(crate) fn frontend(&self) -> &Frontend {
        &self.frontend
    }
}

/// What became of one sink's records: what was accepted is the sum of the four others.
fn figures<'py>(py: Python<'py>, sink: &SinkStats) -> PyResult<Bound<'py, PyDict>> {
    let figures = PyDict::new(py);
    figures.set_item("name", &sink.name)?;
    figures.set_item("destination", &sink.destination)?;
    figures.set_item("accepted", sink.accepted.total())?;
    figures.set_item("written", sink.written.total())?;
    figures.set_item("filtered", sink.filtered.total())?;
    figures.set_item("waiting", sink.waiting)?;
    figures.set_item("lost", sink.lost.total())?;
    Ok(figures)
}

/// Hands over a record.
pub(crate) fn record(
    py: Python<'_>,
    frontend: &Frontend,
    place: &Place<'_>,
    request: Option<&RequestContext>,
    write: impl FnOnce(&mut Values<'_, '_>),
) {
    thread::name(py);
    let taken = frontend.record(place, request, write);
    write_if_late(py, frontend, taken);
}

/// The same for a place that is remembered.
pub(crate) fn record_at(
    py: Python<'_>,
    frontend: &Frontend,
    callsite: Callsite,
    request: Option<&RequestContext>,
    write: impl FnOnce(&mut Values<'_, '_>),
) {
    thread::name(py);
    let taken = frontend.record_at(callsite, request, write);
    write_if_late(py, frontend, taken);
}

fn write_if_late(py: Python<'_>, frontend: &Frontend, taken: Taken) {
    if taken == Taken::Late {
        // Now it is we who write: not with the interpreter's lock.
        py.detach(|| frontend.write_late());
    }
}

/// A time-out as Python's functions take it.
pub(crate) fn seconds(seconds: f64) -> PyResult<Duration> {
    let wrong = |_| PyValueError::new_err(format!("{seconds} seconds are no time to wait"));
    if seconds == f64::INFINITY {
        return Ok(Duration::MAX);
    }
    Duration::try_from_secs_f64(seconds).map_err(wrong)
}

fn raise(error: &offloop::Error) -> PyErr {
    use std::error::Error;
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    match error {
        offloop::Error::OpenFile { .. } | offloop::Error::CreateDirectory { .. } => {
            PyOSError::new_err(text)
        }
        offloop::Error::Filter { .. } | offloop::Error::Config { .. } => {
            PyValueError::new_err(text)
        }
        _ => PyRuntimeError::new_err(text),
    }
}
