//! `offloop.get_logger()`: a logger whose keyword arguments are fields.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString, PyTuple};

use super::core::{Call, Core};
use super::path::Verdict;
use crate::attributes::is_attribute;
use crate::fields::Fields;

/// Goes by the levels and handlers of the logger of `logging` that has its name.
#[pyclass(frozen, module = "offloop")]
#[derive(Debug)]
pub(crate) struct KeywordLogger {
    core: Core,
    bound: Py<PyDict>,
}

/// What `logging` itself makes of these names stays as it is.
const OPTIONS: [&str; 3] = ["exc_info", "stack_info", "stacklevel"];

/// The keyword arguments of a call, however they came.
pub(super) trait Given<'py> {
    /// Passes on each of them, in their order.
    fn each(&self, use_field: impl FnMut(Bound<'py, PyString>, Bound<'py, PyAny>));
}

impl<'py> Given<'py> for Option<&Bound<'py, PyDict>> {
    fn each(&self, mut use_field: impl FnMut(Bound<'py, PyString>, Bound<'py, PyAny>)) {
        for (name, value) in self.iter().copied().flatten() {
            if let Ok(name) = name.cast_into::<PyString>() {
                use_field(name, value);
            }
        }
    }
}

impl KeywordLogger {
    pub(super) fn log_at<'py>(
        &self,
        py: Python<'py>,
        level: i64,
        event: &Bound<'py, PyAny>,
        arguments: &Bound<'py, PyTuple>,
        given: &impl Given<'py>,
    ) -> PyResult<()> {
        let verdict = self.core.verdict(py, level)?;
        if matches!(verdict, Verdict::Unwanted) {
            return Ok(());
        }
        let mut options = Options::default();
        let mut fields = self.bound_fields(py, given, &mut options);
        options.take(given, &mut fields);
        let mut call = Call {
            level,
            message: event,
            arguments,
            exc_info: options.exc_info.as_ref(),
            extra: None,
            stack_info: options.stack_info.as_ref(),
            stacklevel: options.stacklevel.as_ref(),
        };
        match verdict {
            Verdict::Quick(quick) if options.are_quick() => {
                self.core.log_quickly(py, &quick, &call, &mut fields);
                Ok(())
            }
            _ => {
                let extra = self.extra(py, given)?;
                call.extra = Some(extra.as_any());
                self.core.log(py, &call)
            }
        }
    }

    /// The bound fields, without those that the call has itself. Bound options hold unless the call has
    /// its own.
    fn bound_fields<'py>(
        &self,
        py: Python<'py>,
        given: &impl Given<'py>,
        options: &mut Options<'py>,
    ) -> Fields<'py> {
        let mut fields = Fields::default();
        for (name, value) in self.bound.bind(py).iter() {
            let mut is_given = false;
            given.each(|other, _| is_given |= name.eq(other).unwrap_or(false));
            if let (false, Ok(name)) = (is_given, name.cast_into::<PyString>()) {
                options.take_one(name, value, &mut fields);
            }
        }
        fields
    }

    /// The same as `extra`. `logging` refuses some names.
    fn extra<'py>(&self, py: Python<'py>, given: &impl Given<'py>) -> PyResult<Bound<'py, PyDict>> {
        let extra = PyDict::new(py);
        let mut added = Ok(());
        let mut add = |name: Bound<'py, PyString>, value: Bound<'py, PyAny>| {
            if is_option(&name) || added.is_err() {
                return;
            }
            let text = name.to_string_lossy();
            added = if is_attribute(&text) {
                extra.set_item(format!("fields.{text}"), value)
            } else {
                extra.set_item(&name, value)
            };
        };
        Some(self.bound.bind(py)).each(&mut add);
        given.each(&mut add);
        added.map(|()| extra)
    }
}

/// What `logging` itself makes of a call's keyword arguments.
#[derive(Default)]
struct Options<'py> {
    exc_info: Option<Bound<'py, PyAny>>,
    stack_info: Option<Bound<'py, PyAny>>,
    stacklevel: Option<Bound<'py, PyAny>>,
}

impl<'py> Options<'py> {
    /// Takes them from the arguments; the others become fields.
    fn take(&mut self, given: &impl Given<'py>, fields: &mut Fields<'py>) {
        given.each(|name, value| self.take_one(name, value, fields));
    }

    fn take_one(
        &mut self,
        name: Bound<'py, PyString>,
        value: Bound<'py, PyAny>,
        fields: &mut Fields<'py>,
    ) {
        match self.place(&name) {
            Some(option) => *option = Some(value),
            None => fields.add(name, value),
        }
    }

    fn place(&mut self, name: &Bound<'_, PyString>) -> Option<&mut Option<Bound<'py, PyAny>>> {
        // To ask for the length costs less than to ask for the text.
        if !matches!(name.len(), Ok(8 | 10)) {
            return None;
        }
        match name.to_str().ok()? {
            "exc_info" => Some(&mut self.exc_info),
            "stack_info" => Some(&mut self.stack_info),
            "stacklevel" => Some(&mut self.stacklevel),
            _ => None,
        }
    }

    /// Whether nothing is wanted that only a `LogRecord` has.
    fn are_quick(&self) -> bool {
        self.stack_info.is_none() && self.stacklevel.is_none()
    }
}

fn is_option(name: &Bound<'_, PyString>) -> bool {
    name.to_str().is_ok_and(|name| OPTIONS.contains(&name))
}

/// Those of the levels are in [`super::flat`].
#[pymethods]
impl KeywordLogger {
    #[new]
    #[pyo3(signature = (logger, bound=None))]
    fn new(logger: &Bound<'_, PyAny>, bound: Option<Bound<'_, PyDict>>) -> PyResult<Self> {
        let bound = bound.unwrap_or_else(|| PyDict::new(logger.py()));
        Ok(KeywordLogger {
            core: Core::of(logger)?,
            bound: bound.unbind(),
        })
    }

    /// A logger all of whose records have these fields, too.
    #[pyo3(signature = (**fields))]
    fn bind(&self, py: Python<'_>, fields: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let bound = self.bound.bind(py).copy()?;
        if let Some(fields) = fields {
            bound.update(fields.as_mapping())?;
        }
        Self::new(self.core.logger().bind(py), Some(bound))
    }

    #[getter]
    fn name(&self, py: Python<'_>) -> Py<PyString> {
        self.core.name().clone_ref(py)
    }

    /// Whether records of this level go anywhere.
    #[pyo3(name = "isEnabledFor")]
    fn is_enabled_for<'py>(&self, py: Python<'py>, level: i64) -> PyResult<Bound<'py, PyAny>> {
        let logger = self.core.logger().bind(py);
        logger.call_method1(intern!(py, "isEnabledFor"), (level,))
    }

    /// By name, as `logging` has its loggers pickled, and with the bound fields.
    fn __reduce__(slf: &Bound<'_, Self>) -> (Py<PyAny>, (Py<PyAny>, Py<PyDict>)) {
        let py = slf.py();
        let own = slf.get();
        let parts = (own.core.logger().clone_ref(py), own.bound.clone_ref(py));
        (slf.get_type().into_any().unbind(), parts)
    }

    #[pyo3(signature = (level, event, /, *args, **fields))]
    fn log<'py>(
        &self,
        py: Python<'py>,
        level: i64,
        event: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        fields: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<()> {
        self.log_at(py, level, event, args, &fields)
    }

    /// An error, with the exception that is being handled.
    #[pyo3(signature = (event, /, *args, **fields))]
    fn exception<'py>(
        &self,
        py: Python<'py>,
        event: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        fields: Option<Bound<'py, PyDict>>,
    ) -> PyResult<()> {
        let fields = fields.unwrap_or_else(|| PyDict::new(py));
        if !fields.contains(intern!(py, "exc_info"))? {
            fields.set_item(intern!(py, "exc_info"), PyBool::new(py, true))?;
        }
        self.log_at(py, 40, event, args, &Some(&fields))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.bound)?;
        self.core.traverse(&visit)
    }
}
