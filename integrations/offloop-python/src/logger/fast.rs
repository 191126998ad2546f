//! The methods that `offloop.Logger` puts in place of those of `logging.Logger`.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyTuple};

use super::core::{Call, Core};
use super::path;

/// They are methods of this object, one for each logger.
#[pyclass(frozen, module = "offloop")]
#[derive(Debug)]
pub(crate) struct FastLogger(Core);

/// One method for each level.
macro_rules! levels {
    ($($method:ident => $level:expr),+ $(,)?) => {
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
                    self.0.log(py, &Call {
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
                self.0.log(py, &Call {
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
                let present = PyBool::new(py, true);
                self.0.log(py, &Call {
                    level: 40,
                    message: msg,
                    arguments: args,
                    exc_info: exc_info.or(Some(present.as_any())),
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
    debug => 10,
    info => 20,
    warning => 30,
    error => 40,
    critical => 50,
}
