//! The place in the program that logs.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

/// File, line and function of a log call.
pub(crate) struct Caller<'py> {
    pub(crate) file: Bound<'py, PyString>,
    pub(crate) line: u32,
    pub(crate) function: Bound<'py, PyString>,
}

struct Interpreter {
    current_frame: Py<PyAny>,
    /// The file of the `logging` package: its frames are no callers.
    logging_file: Py<PyString>,
}

static INTERPRETER: PyOnceLock<Interpreter> = PyOnceLock::new();

fn interpreter(py: Python<'_>) -> PyResult<&Interpreter> {
    INTERPRETER.get_or_try_init(py, || {
        let logging_file = py.import("logging")?.getattr("_srcfile")?;
        Ok(Interpreter {
            current_frame: py.import("sys")?.getattr("_getframe")?.unbind(),
            logging_file: logging_file.cast_into::<PyString>()?.unbind(),
        })
    })
}

/// Who called: the innermost frame outside of the `logging` package. A native function has none.
pub(crate) fn caller(py: Python<'_>) -> Option<Caller<'_>> {
    let interpreter = interpreter(py).ok()?;
    let mut frame = interpreter.current_frame.bind(py).call0().ok()?;
    loop {
        let code = frame.getattr(intern!(py, "f_code")).ok()?;
        let file = code.getattr(intern!(py, "co_filename")).ok()?;
        let file = file.cast_into::<PyString>().ok()?;
        if is_same(&file, interpreter.logging_file.bind(py)) {
            frame = frame.getattr(intern!(py, "f_back")).ok()?;
            continue;
        }
        let function = code.getattr(intern!(py, "co_name")).ok()?;
        return Some(Caller {
            file,
            line: frame
                .getattr(intern!(py, "f_lineno"))
                .ok()?
                .extract()
                .unwrap_or(0),
            function: function.cast_into().ok()?,
        });
    }
}

fn is_same(file: &Bound<'_, PyString>, other: &Bound<'_, PyString>) -> bool {
    file.is(other) || file.to_str().ok() == other.to_str().ok()
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
    static TELLS_TASKS: PyOnceLock<bool> = PyOnceLock::new();
    static TASKS: PyOnceLock<Tasks> = PyOnceLock::new();
    let tells_tasks = TELLS_TASKS.get_or_init(py, || py.version_info() >= (3, 12));
    if !tells_tasks {
        return None;
    }
    if let Some(tasks) = TASKS.get(py) {
        return Some(tasks);
    }
    let modules = py.import("sys").ok()?.getattr("modules").ok()?;
    let asyncio = modules.get_item("asyncio").ok()?;
    let tasks = Tasks {
        running_loop: asyncio.getattr("_get_running_loop").ok()?.unbind(),
        current_task: asyncio.getattr("current_task").ok()?.unbind(),
    };
    Some(TASKS.get_or_init(py, || tasks))
}
