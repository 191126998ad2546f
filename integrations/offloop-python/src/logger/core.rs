//! What all ways to log have in common: find out which way a record goes, and send it there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use offloop::frontend::{Place, Values};
use pyo3::exceptions::{PyBaseException, PyRuntimeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyInt, PyMapping, PyString, PyTuple};

use super::path::{Path, Quick, Verdict};
use super::standard::{Method, standard};
use crate::access;
use crate::attributes::is_for_terminals;
use crate::context::current_request;
use crate::emitter;
use crate::fields::{Field, Fields};
use crate::frame::{self, Caller};
use crate::level;
use crate::modules::modules;
use crate::pipeline;
use crate::site::Key;

/// `_loggers.log_within_a_frame`, which says so when it is loaded.
static WITHIN_A_FRAME: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Takes the function that logs within a frame of its own.
pub(super) fn log_within(py: Python<'_>, function: Py<PyAny>) {
    // Whoever loads the package anew brings the same.
    let _ = WITHIN_A_FRAME.set(py, function);
}

fn no_frame() -> PyErr {
    PyRuntimeError::new_err("offloop._loggers is not loaded")
}

/// A logger of `logging`, and the way that its records take.
#[derive(Debug)]
pub(super) struct Core {
    logger: Py<PyAny>,
    name: Py<PyString>,
    path: Mutex<Option<Arc<Path>>>,
}

/// A log call as its caller wrote it.
pub(super) struct Call<'a, 'py> {
    pub(super) level: i64,
    pub(super) message: &'a Bound<'py, PyAny>,
    pub(super) arguments: &'a Bound<'py, PyTuple>,
    pub(super) exc_info: Option<&'a Bound<'py, PyAny>>,
    pub(super) extra: Option<&'a Bound<'py, PyAny>>,
    pub(super) stack_info: Option<&'a Bound<'py, PyAny>>,
    pub(super) stacklevel: Option<&'a Bound<'py, PyAny>>,
}

impl<'py> Call<'_, 'py> {
    /// What was given of keyword arguments.
    fn options(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let options = PyDict::new(py);
        let given = [
            (intern!(py, "exc_info"), self.exc_info),
            (intern!(py, "extra"), self.extra),
            (intern!(py, "stack_info"), self.stack_info),
            (intern!(py, "stacklevel"), self.stacklevel),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                options.set_item(name, value)?;
            }
        }
        Ok(options)
    }

    /// The extra fields, if nothing is wanted that only a `LogRecord` has, or refuses.
    fn simple_fields(&self) -> Option<Fields<'py>> {
        let is_off = |value: &Bound<'_, PyAny>| !value.is_truthy().unwrap_or(true);
        if self.stacklevel.is_some() || !self.stack_info.is_none_or(is_off) {
            return None;
        }
        let mut fields = Fields::default();
        let Some(extra) = self.extra.filter(|extra| !extra.is_none()) else {
            return Some(fields);
        };
        for (name, value) in extra.cast::<PyDict>().ok()?.iter() {
            let name = name.cast_into::<PyString>().ok()?;
            if !is_for_terminals(&name) {
                fields.add(name, value);
            }
        }
        Some(fields)
    }
}

impl Core {
    pub(super) fn of(logger: &Bound<'_, PyAny>) -> PyResult<Self> {
        let name = logger.getattr(intern!(logger.py(), "name"))?;
        Ok(Core {
            logger: logger.clone().unbind(),
            name: name.cast_into::<PyString>()?.unbind(),
            path: Mutex::new(None),
        })
    }

    pub(super) fn logger(&self) -> &Py<PyAny> {
        &self.logger
    }

    pub(super) fn name(&self) -> &Py<PyString> {
        &self.name
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.logger)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Path>>> {
        // Held for a moment, in which no code of Python's runs.
        self.path.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which way a record of this level goes.
    pub(super) fn verdict(&self, py: Python<'_>, level: i64) -> PyResult<Verdict> {
        let known = self.lock().clone();
        let path = match known.filter(|path| path.holds(py)) {
            Some(path) => path,
            None => self.find_path(py)?,
        };
        path.verdict(py, &self.logger, level)
    }

    #[cold]
    fn find_path(&self, py: Python<'_>) -> PyResult<Arc<Path>> {
        let path = Arc::new(Path::of(self.logger.bind(py))?);
        let before = self.lock().replace(Arc::clone(&path));
        // Dropped without the lock: what it refers to may run code of the program's when it goes.
        drop(before);
        Ok(path)
    }

    /// Logs for a method of `logging.Logger`, unless that has been replaced.
    pub(super) fn log_as<'py>(
        &self,
        py: Python<'py>,
        method: Method,
        call: &Call<'_, 'py>,
    ) -> PyResult<()> {
        if !standard(py)?.has(py, method) {
            return self.call_replaced(py, method, call);
        }
        self.log(py, call)
    }

    /// The same for `exception`, which is `error` with the exception that is being handled.
    pub(super) fn log_exception<'py>(&self, py: Python<'py>, call: &Call<'_, 'py>) -> PyResult<()> {
        let standard = standard(py)?;
        if !standard.has(py, Method::Exception) || !standard.has(py, Method::Error) {
            return self.call_replaced(py, Method::Exception, call);
        }
        let present = PyBool::new(py, true);
        let exc_info = call.exc_info.or(Some(present.as_any()));
        self.log(py, &Call { exc_info, ..*call })
    }

    /// What stands in the method's place has the call as its caller wrote it.
    #[cold]
    fn call_replaced<'py>(
        &self,
        py: Python<'py>,
        method: Method,
        call: &Call<'_, 'py>,
    ) -> PyResult<()> {
        let logger = self.logger.bind(py);
        let replaced = standard(py)?.replaced(logger, method)?;
        let mut arguments = vec![call.message.clone()];
        if let Method::Log = method {
            arguments.insert(0, PyInt::new(py, call.level).into_any());
        }
        arguments.extend(call.arguments.iter());
        let options = call.options(py)?;
        replaced.call(PyTuple::new(py, arguments)?, Some(&options))?;
        Ok(())
    }

    /// Logs by the quick way, or as the methods of `logging.Logger` do.
    pub(super) fn log<'py>(&self, py: Python<'py>, call: &Call<'_, 'py>) -> PyResult<()> {
        match self.verdict(py, call.level)? {
            Verdict::Unwanted => return Ok(()),
            Verdict::Quick(quick) => {
                if let Some(mut fields) = call.simple_fields()
                    && self.log_quickly(py, &quick, call, &mut fields)
                {
                    return Ok(());
                }
            }
            Verdict::Slow => {}
        }
        self.log_slowly(py, call)
    }

    /// Says no to extra fields that `logging` refuses.
    pub(super) fn log_quickly<'py>(
        &self,
        py: Python<'py>,
        quick: &Quick,
        call: &Call<'_, 'py>,
        fields: &mut Fields<'py>,
    ) -> bool {
        add_level_name(py, call.level, fields);
        if let Some(name) = frame::task_name(py) {
            fields.add_own("task", Field::Python(name));
        }
        if let Some(exception) = call.exc_info.and_then(exception_of) {
            emitter::add_exception(&exception, fields);
        }
        let arguments = unwrapped(call.arguments);
        let target = self.name.to_str(py).unwrap_or_default();
        let access = access::of(target, Some(&arguments), fields);
        let caller = if quick.with_location {
            frame::caller(py)
        } else {
            None
        };
        let key = Key {
            place: caller.as_ref().map(|caller| &caller.code),
            at: caller.as_ref().map_or(0, |caller| caller.instruction),
            function: None,
            logger: self.name.bind(py),
            level: call.level,
        };
        let fields = &*fields;
        let request = current_request(py);
        let request = request.as_ref().map(|context| &context.get().0);
        let write = |values: &mut Values<'_, '_>| {
            match &access {
                Some(message) => values.str(message),
                None => emitter::write_message(Some(call.message), Some(&arguments), values),
            }
            fields.write(values);
        };
        if let Some(callsite) = key.find(fields) {
            pipeline::record_at(py, &quick.frontend, callsite, request, write);
            return true;
        }
        if call.extra.is_some() && !fields.are_free() {
            return false;
        }
        let file = caller.as_ref().and_then(Caller::file);
        let function = caller.as_ref().and_then(Caller::function);
        let names = fields.names();
        let place = Place {
            target,
            level: level::of_number(call.level),
            file: file.as_ref().and_then(|file| file.to_str().ok()),
            line: caller.as_ref().and_then(Caller::line),
            function: function
                .as_ref()
                .and_then(|function| function.to_str().ok()),
            fields: &names,
        };
        if let Some(callsite) = place.callsite() {
            key.keep(fields, callsite);
        }
        pipeline::record(py, &quick.frontend, &place, request, write);
        true
    }

    /// As the methods of `logging.Logger` do it. What is called here is native, so it has no frame,
    /// and the caller is found where it would be without us.
    fn log_slowly<'py>(&self, py: Python<'py>, call: &Call<'_, 'py>) -> PyResult<()> {
        let logger = self.logger.bind(py);
        let is_enabled = logger.call_method1(intern!(py, "isEnabledFor"), (call.level,))?;
        if !is_enabled.is_truthy()? {
            return Ok(());
        }
        let options = call.options(py)?;
        let passing = frame::passing_frames(py);
        if passing != 0 {
            let own = call
                .stacklevel
                .map_or(Ok(1), |level| level.extract::<usize>())?;
            options.set_item(intern!(py, "stacklevel"), own.saturating_add(passing))?;
        }
        if py.version_info() < (3, 11) {
            // It counts frames instead of looking at them, and counts on one of the method's.
            let log = WITHIN_A_FRAME.get(py).ok_or_else(no_frame)?.bind(py);
            let positional = (logger, call.level, call.message, call.arguments);
            log.call(positional, Some(&options))?;
            return Ok(());
        }
        let positional = (call.level, call.message, call.arguments);
        logger.call_method(intern!(py, "_log"), positional, Some(&options))?;
        Ok(())
    }
}

fn add_level_name(py: Python<'_>, level: i64, fields: &mut Fields<'_>) {
    if level::is_plain(level) {
        return;
    }
    let name = || -> PyResult<String> {
        let logging = modules(py)?.logging.bind(py);
        logging
            .call_method1(intern!(py, "getLevelName"), (level,))?
            .extract()
    };
    if let Ok(name) = name() {
        fields.add_own("level_name", Field::Text(name));
    }
}

/// What `exc_info` says: an exception, what `sys.exc_info()` gives, or that the present one is meant.
fn exception_of<'py>(exc_info: &Bound<'py, PyAny>) -> Option<Bound<'py, PyBaseException>> {
    if let Some(exception) = emitter::exception_of(exc_info) {
        return Some(exception);
    }
    if !exc_info.is_truthy().unwrap_or(false) {
        return None;
    }
    let py = exc_info.py();
    let present = modules(py).ok()?.sys.bind(py);
    emitter::exception_of(&present.call_method0(intern!(py, "exc_info")).ok()?)
}

/// A mapping as the only argument is what the names in a message refer to.
fn unwrapped<'py>(arguments: &Bound<'py, PyTuple>) -> Bound<'py, PyAny> {
    if arguments.len() == 1
        && let Ok(only) = arguments.get_item(0)
        && is_mapping(&only)
        && only.is_truthy().unwrap_or(false)
    {
        return only;
    }
    arguments.clone().into_any()
}

fn is_mapping(value: &Bound<'_, PyAny>) -> bool {
    if value.is_instance_of::<PyString>() || value.is_instance_of::<PyInt>() {
        // Most are, and to ask what is none of the interpreter's own types costs more.
        return false;
    }
    value.cast::<PyMapping>().is_ok()
}
