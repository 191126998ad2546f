//! The place in the program that logs.

#![expect(
    unsafe_code,
    reason = "the interpreter's frames have no other interface than C's"
)]

use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};

use crate::modules::modules;

/// The innermost frame of who logs, and does not pass on what others log.
pub(crate) struct Caller<'py> {
    frame: Bound<'py, PyAny>,
    pub(crate) code: Bound<'py, PyAny>,
    /// Which of the code's instructions logs.
    pub(crate) instruction: i64,
}

/// Who called.
pub(crate) fn caller(py: Python<'_>) -> Option<Caller<'_>> {
    let mut frame = innermost(py)?;
    loop {
        let code = code_of(&frame)?;
        if kind_of(&code) == Kind::Logs {
            let instruction = frame.getattr(intern!(py, "f_lasti")).ok()?.extract().ok()?;
            return Some(Caller {
                frame,
                code,
                instruction,
            });
        }
        frame = outer(&frame)?;
    }
}

/// How many frames pass a log call on that is on its way, without those of the `logging` package.
pub(crate) fn passing_frames(py: Python<'_>) -> usize {
    let mut count = 0;
    let mut frame = innermost(py);
    while let Some(present) = frame
        && let Some(code) = code_of(&present)
    {
        match kind_of(&code) {
            Kind::Logs => break,
            Kind::PassesOn => count += 1,
            Kind::Logging => {}
        }
        frame = outer(&present);
    }
    count
}

/// A native function has no frame, so nobody of us is meant.
fn innermost(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    // SAFETY: the interpreter's lock is held, as `py` proves. The result is borrowed, or null
    // outside of any frame.
    let frame = unsafe { pyo3::ffi::PyEval_GetFrame() };
    // SAFETY: it is null or a frame that lives as long as the call that it belongs to, which we are
    // within; the reference that is taken here is the result's own.
    unsafe { Bound::from_borrowed_ptr_or_opt(py, frame.cast()) }
}

fn outer<'py>(frame: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let outer = frame.getattr(intern!(frame.py(), "f_back")).ok()?;
    Some(outer).filter(|outer| !outer.is_none())
}

impl<'py> Caller<'py> {
    pub(crate) fn file(&self) -> Option<Bound<'py, PyString>> {
        text_of(&self.code, "co_filename")
    }

    pub(crate) fn function(&self) -> Option<Bound<'py, PyString>> {
        text_of(&self.code, "co_name")
    }

    pub(crate) fn line(&self) -> Option<u32> {
        let line = self.frame.getattr(intern!(self.frame.py(), "f_lineno"));
        line.ok()?.extract().ok()
    }
}

fn code_of<'py>(frame: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    // SAFETY: it is a frame: the interpreter said so, or it was another one's `f_back`.
    let code = unsafe { pyo3::ffi::PyFrame_GetCode(frame.as_ptr().cast()) };
    // SAFETY: a frame always has code, and the result is a reference of our own.
    unsafe { Bound::from_owned_ptr_or_opt(frame.py(), code.cast()) }
}

fn text_of<'py>(code: &Bound<'py, PyAny>, name: &str) -> Option<Bound<'py, PyString>> {
    code.getattr(name).ok()?.cast_into().ok()
}

/// What is known of a function's code.
struct Known {
    /// Kept, so that its address means nothing else.
    code: Py<PyAny>,
    kind: Kind,
}

/// What part a function has in a log call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Logs,
    /// It passes on what others log.
    PassesOn,
    /// It does that as a part of the `logging` package.
    Logging,
}

/// Directories whose code passes log calls on, each with a separator at its end.
static PASSING_ON: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn passing_on() -> MutexGuard<'static, Vec<String>> {
    // Held for a moment, in which no code of Python's runs.
    PASSING_ON.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Code in this directory passes log calls on: the place of a record is that of who calls it.
#[pyfunction]
pub(crate) fn pass_by(directory: String) {
    passing_on().push(directory);
}

/// How many functions are remembered, each at the place that its address says.
const CODES: usize = 256;

thread_local! {
    static KNOWN: RefCell<Vec<Option<Known>>> = const { RefCell::new(Vec::new()) };
}

fn kind_of(code: &Bound<'_, PyAny>) -> Kind {
    // Objects lie at multiples of 16.
    let place = (code.as_ptr().addr() >> 4) % CODES;
    let known = KNOWN.with_borrow(|known| {
        let known = known.get(place)?.as_ref()?;
        known.code.is(code).then_some(known.kind)
    });
    known.unwrap_or_else(|| find_out(code, place))
}

#[cold]
fn find_out(code: &Bound<'_, PyAny>, place: usize) -> Kind {
    let py = code.py();
    let file = text_of(code, "co_filename");
    let file = file.as_ref().and_then(|file| file.to_str().ok());
    let logging_file = modules(py).ok().and_then(|all| all.logging_file.as_deref());
    let is_in = |directory: &String| file.is_some_and(|file| file.starts_with(&**directory));
    let kind = if file.is_some() && file == logging_file {
        Kind::Logging
    } else if passing_on().iter().any(is_in) {
        Kind::PassesOn
    } else {
        Kind::Logs
    };
    let known = Known {
        code: code.clone().unbind(),
        kind,
    };
    let before = KNOWN.with_borrow_mut(|all| {
        if all.is_empty() {
            all.resize_with(CODES, || None);
        }
        all.get_mut(place)?.replace(known)
    });
    // Only now: whoever hears of its end may log.
    drop(before);
    kind
}

/// The name of the running task of asyncio, where `logging` would tell it: from Python 3.12 on.
pub(crate) fn task_name(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    let tasks = tasks(py)?;
    let running = tasks.running_loop.bind(py).call0().ok()?;
    if running.is_none() {
        return None;
    }
    let task = tasks.current_task.bind(py).call1((running,)).ok()?;
    if task.is_none() {
        return None;
    }
    task.call_method0(intern!(py, "get_name")).ok()
}

struct Tasks {
    running_loop: Py<PyAny>,
    current_task: Py<PyAny>,
}

/// Nothing before the program imports asyncio.
fn tasks(py: Python<'_>) -> Option<&Tasks> {
    static MODULES: PyOnceLock<Option<Py<PyDict>>> = PyOnceLock::new();
    static TASKS: PyOnceLock<Tasks> = PyOnceLock::new();
    if let Some(tasks) = TASKS.get(py) {
        return Some(tasks);
    }
    let modules = MODULES.get_or_init(py, || modules_with_tasks(py));
    let asyncio = modules.as_ref()?.bind(py).get_item(intern!(py, "asyncio"));
    let asyncio = asyncio.ok()??;
    let tasks = Tasks {
        running_loop: asyncio.getattr("_get_running_loop").ok()?.unbind(),
        current_task: asyncio.getattr("current_task").ok()?.unbind(),
    };
    Some(TASKS.get_or_init(py, || tasks))
}

/// `sys.modules`, where `logging` would look for asyncio there.
fn modules_with_tasks(py: Python<'_>) -> Option<Py<PyDict>> {
    if py.version_info() < (3, 12) {
        return None;
    }
    let modules = modules(py).ok()?.sys.bind(py).getattr("modules").ok()?;
    Some(modules.cast_into::<PyDict>().ok()?.unbind())
}
