//! The standard library's `logging.Logger`: what of it the quick way passes by, and whether that is
//! its own still.
//!
//! Tools that watch programs, and tests, put functions of theirs in place of its methods, at any time.
//! So each call compares those it would have gone through with what the package came with. A wrapper
//! may show the attributes of what it wraps (wrapt's do), and its name and code with them: only the
//! very same function counts.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyType};

use crate::modules::modules;

/// A method of `logging.Logger`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Method {
    Critical,
    Debug,
    Error,
    Exception,
    Info,
    Log,
    Warning,
    CallHandlers,
    FindCaller,
    Handle,
    IsEnabledFor,
    MakeRecord,
    /// `_log`, which all of the first seven come to.
    UnderscoreLog,
}

impl Method {
    /// Their names, in the order of the variants.
    const NAMES: [&str; 13] = [
        "critical",
        "debug",
        "error",
        "exception",
        "info",
        "log",
        "warning",
        "callHandlers",
        "findCaller",
        "handle",
        "isEnabledFor",
        "makeRecord",
        "_log",
    ];

    /// Those that a record goes through once it is wanted.
    const OF_RECORDS: [Method; 5] = [
        Method::CallHandlers,
        Method::FindCaller,
        Method::Handle,
        Method::MakeRecord,
        Method::UnderscoreLog,
    ];

    /// Whether a name is that of a method without which no record comes to be.
    pub(super) fn is_on_the_way(name: &str) -> bool {
        let inner = &Self::NAMES[Method::CallHandlers as usize..];
        inner.contains(&name)
    }
}

/// A method's name, and the function that the package has for it; `None` where it was replaced before
/// anybody looked.
struct Known {
    name: Py<PyString>,
    own: Option<Py<PyAny>>,
}

pub(super) struct Standard {
    pub(super) null_handler: Py<PyAny>,
    record_type: Py<PyAny>,
    /// The package's own names, with the factory of records.
    names: Py<PyDict>,
    /// What the class has at any time. Without it nothing is known to be the package's own.
    present: Option<Py<PyDict>>,
    methods: [Known; Method::NAMES.len()],
}

/// As it was when this module was loaded.
pub(super) fn standard(py: Python<'_>) -> PyResult<&Standard> {
    static STANDARD: PyOnceLock<Standard> = PyOnceLock::new();
    STANDARD.get_or_try_init(py, || Standard::find(py))
}

impl Standard {
    fn find(py: Python<'_>) -> PyResult<Self> {
        let logging = modules(py)?.logging.bind(py);
        let logger = logging.getattr("Logger")?.cast_into::<PyType>()?;
        let file = logging.getattr("_srcfile")?;
        let function = py.import("types")?.getattr("FunctionType")?;
        let known = |name: &str| {
            let own = logger.getattr(name).ok();
            let own = own.filter(|own| is_defined_in(own, &file, &function));
            let name = PyString::intern(py, name).unbind();
            let own = own.map(Bound::unbind);
            Known { name, own }
        };
        Ok(Standard {
            null_handler: logging.getattr("NullHandler")?.unbind(),
            record_type: logging.getattr("LogRecord")?.unbind(),
            names: logging.dict().unbind(),
            present: attributes(&logger).ok().map(Bound::unbind),
            methods: Method::NAMES.map(known),
        })
    }

    /// Whether a method is the package's own.
    pub(super) fn has(&self, py: Python<'_>, method: Method) -> bool {
        let Some(known) = self.methods.get(method as usize) else {
            return false;
        };
        let Some((own, present)) = known.own.as_ref().zip(self.present.as_ref()) else {
            return false;
        };
        let present = present.bind(py).get_item(known.name.bind(py));
        present.is_ok_and(|present| present.is_some_and(|present| present.is(own)))
    }

    /// Whether a record that is wanted would go through nothing but the package's own methods, and be
    /// made as usual.
    pub(super) fn makes_records(&self, py: Python<'_>) -> bool {
        let mut methods = Method::OF_RECORDS.into_iter();
        let names = self.names.bind(py);
        let factory = names.get_item(intern!(py, "_logRecordFactory"));
        let is_usual = |factory: Bound<'_, PyAny>| factory.is(&self.record_type);
        factory.is_ok_and(|factory| factory.is_some_and(is_usual))
            && methods.all(|method| self.has(py, method))
    }

    /// What the class has in place of a method, for this logger.
    pub(super) fn replaced<'py>(
        &self,
        logger: &Bound<'py, PyAny>,
        method: Method,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = logger.py();
        let name = self.methods.get(method as usize).map(|known| &known.name);
        let present = name.zip(self.present.as_ref());
        let found = present.map(|(name, present)| present.bind(py).get_item(name));
        let Some(found) = found.transpose()?.flatten() else {
            // It has none.
            return logger.get_type().getattr(Method::NAMES[method as usize]);
        };
        // As the interpreter binds methods. A mock is none, and is called without its logger.
        match found.get_type().getattr(intern!(py, "__get__")) {
            Ok(bind) => bind.call1((found, logger, logger.get_type())),
            Err(_) => Ok(found),
        }
    }
}

/// Whether it is a function, and none that only looks like one, of this file.
fn is_defined_in(
    method: &Bound<'_, PyAny>,
    file: &Bound<'_, PyAny>,
    function: &Bound<'_, PyAny>,
) -> bool {
    let its_file = || method.getattr("__code__")?.getattr("co_filename");
    method.get_type().is(function) && its_file().is_ok_and(|own| own.eq(file).unwrap_or(false))
}

/// The dictionary behind a class's `__dict__`. That itself is only a view, and to ask it takes several
/// times as long.
fn attributes<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyDict>> {
    let view = class.getattr("__dict__")?;
    let gc = class.py().import("gc")?;
    let behind = gc.call_method1("get_referents", (view,))?.get_item(0)?;
    Ok(behind.cast_into::<PyDict>()?)
}
