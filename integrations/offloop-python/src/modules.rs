//! What of the standard library is asked while a program logs.
//!
//! Imported together with this module: when the interpreter comes down nothing can be imported any
//! more, and destructors still log. Modules rather than their functions are kept, since others, such
//! as gevent, put functions of their own into them later.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyModule;

/// Modules by their names.
pub(crate) struct Modules {
    pub(crate) logging: Py<PyModule>,
    pub(crate) sys: Py<PyModule>,
    pub(crate) thread: Py<PyModule>,
    pub(crate) threading: Py<PyModule>,
    /// The file of the `logging` package, whose frames are no callers.
    pub(crate) logging_file: Option<String>,
}

/// The modules. An error only where this is asked for the first time, and they cannot be imported.
pub(crate) fn modules(py: Python<'_>) -> PyResult<&Modules> {
    static MODULES: PyOnceLock<Modules> = PyOnceLock::new();
    MODULES.get_or_try_init(py, || {
        let import = |name: &str| PyResult::Ok(py.import(name)?.unbind());
        let logging = import("logging")?;
        Ok(Modules {
            logging_file: logging.getattr(py, "_srcfile")?.extract(py)?,
            logging,
            sys: import("sys")?,
            thread: import("_thread")?,
            threading: import("threading")?,
        })
    })
}
