//! The methods that `offloop.Logger` puts in place of those of `logging.Logger`.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::core::{self, Call, Core};
use super::path;
use super::standard::Method;

/// They are methods of this object, one for each logger.
#[pyclass(frozen, module = "offloop")]
#[derive(Debug)]
pub(crate) struct FastLogger(Core);

/// One method for each level.
macro_rules! levels {
    ($($method:ident => $name:ident, $level:expr),+ $(,)?) => {
        #[pymethods]
        impl FastLogger {
            #[new]
            fn new(logger: &Bound<'_, PyAny>) -> PyResult<Self> {
                Core::of(logger).map(FastLogger)
            }

            /// Notes that handlers, filters or levels may have changed.
            #[staticmethod]
            fn changed() {
                path::changed();
            }

            /// Takes what logs within a frame of its own, for where `logging` counts frames.
            #[staticmethod]
            fn log_within(py: Python<'_>, function: Py<PyAny>) {
                core::log_within(py, function);
            }

            $(
                #[pyo3(signature = (msg, *args, exc_info=None, extra=None, stack_info=None, stacklevel=None))]
                #[expect(clippy::too_many_arguments, reason = "those of `logging`")]
                fn $method(
                    &self,
                    py: Python<'_>,
                    msg: &Bound<'_, PyAny>,
                    args: &Bound<'_, PyTuple>,
                    exc_info: Option<&Bound<'_, PyAny>>,
                    extra: Option<&Bound<'_, PyAny>>,
                    stack_info: Option<&Bound<'_, PyAny>>,
                    stacklevel: Option<&Bound<'_, PyAny>>,
                ) -> PyResult<()> {
                    self.0.log_as(py, Method::$name, &Call {
                        level: $level,
                        message: msg,
                        arguments: args,
                        exc_info,
                        extra,
                        stack_info,
                        stacklevel,
                    })
                }
            )+

            #[pyo3(signature = (level, msg, *args, exc_info=None, extra=None, stack_info=None, stacklevel=None))]
            #[expect(clippy::too_many_arguments, reason = "those of `logging`")]
            fn log(
                &self,
                py: Python<'_>,
                level: i64,
                msg: &Bound<'_, PyAny>,
                args: &Bound<'_, PyTuple>,
                exc_info: Option<&Bound<'_, PyAny>>,
                extra: Option<&Bound<'_, PyAny>>,
                stack_info: Option<&Bound<'_, PyAny>>,
                stacklevel: Option<&Bound<'_, PyAny>>,
            ) -> PyResult<()> {
                self.0.log_as(py, Method::Log, &Call {
                    level,
                    message: msg,
                    arguments: args,
                    exc_info,
                    extra,
                    stack_info,
                    stacklevel,
                })
            }

            #[pyo3(signature = (msg, *args, exc_info=None, extra=None, stack_info=None, stacklevel=None))]
            #[expect(clippy::too_many_arguments, reason = "those of `logging`")]
            fn exception(
                &self,
                py: Python<'_>,
                msg: &Bound<'_, PyAny>,
                args: &Bound<'_, PyTuple>,
                exc_info: Option<&Bound<'_, PyAny>>,
                extra: Option<&Bound<'_, PyAny>>,
                stack_info: Option<&Bound<'_, PyAny>>,
                stacklevel: Option<&Bound<'_, PyAny>>,
            ) -> PyResult<()> {
                self.0.log_exception(py, &Call {
                    level: 40,
                    message: msg,
                    arguments: args,
                    exc_info,
                    extra,
                    stack_info,
                    stacklevel,
                })
            }

            fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
                self.0.traverse(&visit)
            }
        }
    };
}

levels! {
    debug => Debug, 10,
    info => Info, 20,
    warning => Warning, 30,
    error => Error, 40,
    critical => Critical, 50,
}
