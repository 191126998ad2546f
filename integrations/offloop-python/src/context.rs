//! The current request, as Python's tasks and threads know it: a `ContextVar`, which asyncio carries
//! along.

use offloop::request::RequestContext;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString};

use crate::value::text_of;

/// A request as those see it who work for it: the value of the `ContextVar`.
#[pyclass(frozen, module = "offloop")]
#[derive(Clone, Debug)]
pub(crate) struct Context(pub(crate) RequestContext);

#[pymethods]
impl Context {
    /// The id that all of the request's records carry.
    #[getter]
    fn id(&self) -> &str {
        self.0.id().as_str()
    }

    #[getter]
    fn trace_id(&self) -> String {
        self.0.trace().trace_id().as_str().to_owned()
    }

    #[getter]
    fn span_id(&self) -> String {
        self.0.trace().span_id().as_str().to_owned()
    }

    /// The headers that carry the trace and the id into requests to other services.
    fn headers(&self) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        self.0.send_on(|name, value| {
            headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        });
        headers
    }

    /// Adds a field to the request's record.
    fn add(&self, name: &str, value: &Bound<'_, PyAny>) {
        add_to(&self.0, name, value);
    }

    /// Adds an error to the request's record: why it failed.
    fn add_error(&self, error: &Bound<'_, pyo3::exceptions::PyBaseException>) {
        self.0.add_error(&crate::exception::Chain::of(error));
    }

    /// Asks for the request's detail, however it ends.
    fn keep(&self) {
        self.0.keep();
    }

    fn set_route(&self, route: &str) {
        self.0.set_route(route);
    }

    fn __repr__(&self) -> String {
        format!("<offloop.Context {}>", self.id())
    }
}

struct Variable {
    get: Py<PyAny>,
    set: Py<PyAny>,
}

static CURRENT: PyOnceLock<Variable> = PyOnceLock::new();

fn variable(py: Python<'_>) -> PyResult<&Variable> {
    CURRENT.get_or_try_init(py, || {
        let make = py.import("contextvars")?.getattr("ContextVar")?;
        let default = pyo3::types::PyDict::new(py);
        default.set_item("default", py.None())?;
        let variable = make.call(("offloop_request",), Some(&default))?;
        Ok(Variable {
            get: variable.getattr("get")?.unbind(),
            set: variable.getattr("set")?.unbind(),
        })
    })
}

/// The request that the current task or thread works for.
pub(crate) fn current_request(py: Python<'_>) -> Option<Bound<'_, Context>> {
    // Not made here: as long as nobody has set it, it need not be asked.
    let value = CURRENT.get(py)?.get.bind(py).call0().ok()?;
    value.cast_into::<Context>().ok()
}

/// From now on, the current context works for this request, or for none.
pub(crate) fn set_current(py: Python<'_>, context: Option<Bound<'_, Context>>) -> PyResult<()> {
    variable(py)?.set.bind(py).call1((context,))?;
    Ok(())
}

/// The request that the current task or thread works for, or None.
#[pyfunction]
pub(crate) fn current(py: Python<'_>) -> Option<Bound<'_, Context>> {
    current_request(py)
}

/// From now on, the current context works for no request.
#[pyfunction]
pub(crate) fn leave(py: Python<'_>) -> PyResult<()> {
    set_current(py, None)
}

/// Adds a field to the record of the current request. Without one, nothing happens.
#[pyfunction]
pub(crate) fn add(name: &str, value: &Bound<'_, PyAny>) {
    if let Some(context) = current_request(value.py()) {
        add_to(&context.get().0, name, value);
    }
}

/// Adds an error to the record of the current request: why it failed.
#[pyfunction]
pub(crate) fn add_error(error: &Bound<'_, pyo3::exceptions::PyBaseException>) {
    if let Some(context) = current_request(error.py()) {
        context.get().add_error(error);
    }
}

fn add_to(request: &RequestContext, name: &str, value: &Bound<'_, PyAny>) {
    if let Ok(text) = value.cast::<PyString>() {
        request.add(name, &*text.to_string_lossy());
    } else if let Ok(value) = value.cast_exact::<PyBool>() {
        request.add(name, value.is_true());
    } else if value.is_instance_of::<PyInt>() {
        match value.extract::<i64>() {
            Ok(number) => request.add(name, number),
            Err(_) => request.add(name, &*text_of(value)),
        }
    } else if let Ok(value) = value.cast::<PyFloat>() {
        request.add(name, value.extract::<f64>().unwrap_or(f64::NAN));
    } else {
        request.add(name, &*text_of(value));
    }
}
