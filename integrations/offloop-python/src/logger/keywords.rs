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

impl KeywordLogger {
    fn log_at(
        &self,
        py: Python<'_>,
        level: i64,
        event: &Bound<'_, PyAny>,
        arguments: &Bound<'_, PyTuple>,
        given: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let verdict = self.core.verdict(py, level)?;
        if matches!(verdict, Verdict::Unwanted) {
            return Ok(());
        }
        let mut fields = self.bound_fields(py, given);
        let options = Options::take(given, &mut fields);
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

    /// The bound fields, without those that the call has itself.
    fn bound_fields<'py>(
        &self,
        py: Python<'py>,
        given: Option<&Bound<'py, PyDict>>,
    ) -> Fields<'py> {
        let mut fields = Fields::default();
        for (name, value) in self.bound.bind(py).iter() {
            let is_given = given.is_some_and(|given| given.contains(&name).unwrap_or(false));
            if let (false, Ok(name)) = (is_given, name.cast_into::<PyString>()) {
                fields.add(name, value);
            }
        }
        fields
    }

    /// The same as `extra`. `logging` refuses some names.
    fn extra<'py>(
        &self,
        py: Python<'py>,
        given: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let extra = PyDict::new(py);
        let bound = self.bound.bind(py).iter();
        for (name, value) in bound.chain(given.into_iter().flatten()) {
            let name = name.cast_into::<PyString>()?;
            if is_option(&name) {
                continue;
            }
            let text = name.to_string_lossy();
            if is_attribute(&text) {
                extra.set_item(format!("fields.{text}"), value)?;
            } else {
                extra.set_item(name, value)?;
            }
        }
        Ok(extra)
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
    fn take(given: Option<&Bound<'py, PyDict>>, fields: &mut Fields<'py>) -> Self {
        let mut options = Options::default();
        for (name, value) in given.into_iter().flatten() {
            let Ok(name) = name.cast_into::<PyString>() else {
                continue;
            };
            match options.place(&name) {
                Some(option) => *option = Some(value),
                None => fields.add(name, value),
            }
        }
        options
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

/// One method for each level.
macro_rules! levels {
    ($($method:ident => $level:expr),+ $(,)?) => {
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

            $(
                #[pyo3(signature = (event, /, *args, **fields))]
                fn $method(
                    &self,
                    py: Python<'_>,
                    event: &Bound<'_, PyAny>,
                    args: &Bound<'_, PyTuple>,
                    fields: Option<&Bound<'_, PyDict>>,
                ) -> PyResult<()> {
                    self.log_at(py, $level, event, args, fields)
                }
            )+

            #[pyo3(signature = (level, event, /, *args, **fields))]
            fn log(
                &self,
                py: Python<'_>,
                level: i64,
                event: &Bound<'_, PyAny>,
                args: &Bound<'_, PyTuple>,
                fields: Option<&Bound<'_, PyDict>>,
            ) -> PyResult<()> {
                self.log_at(py, level, event, args, fields)
            }

            /// An error, with the exception that is being handled.
            #[pyo3(signature = (event, /, *args, **fields))]
            fn exception(
                &self,
                py: Python<'_>,
                event: &Bound<'_, PyAny>,
                args: &Bound<'_, PyTuple>,
                fields: Option<Bound<'_, PyDict>>,
            ) -> PyResult<()> {
                let fields = fields.unwrap_or_else(|| PyDict::new(py));
                if !fields.contains(intern!(py, "exc_info"))? {
                    fields.set_item(intern!(py, "exc_info"), PyBool::new(py, true))?;
                }
                self.log_at(py, 40, event, args, Some(&fields))
            }

            fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
                visit.call(&self.bound)?;
                self.core.traverse(&visit)
            }
        }
    };
}

levels! {
    debug => 10,
    info => 20,
    warning => 30,
    error => 40,
    critical => 50,
}
