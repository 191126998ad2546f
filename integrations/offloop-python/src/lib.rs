//! The native half of the Python package `offloop`: what happens on each log call and at each moment
//! of a request.
//!
//! The Python half (`python/offloop`) is what programs import; it decides once, and this carries out
//! often. Two rules hold here. Whoever logs holds the interpreter's lock, so nothing waits while it
//! is held; and the threads that write never take it, so no object of Python's gets past the log
//! call: all values are copied there.
//!
//! That lock also keeps what is read without counting references as it is (`attributes`), and orders
//! what quick loggers have noticed (`logger::path`): so a free-threaded interpreter has to turn it on.

mod access;
mod attributes;
mod context;
mod emitter;
mod exception;
mod fields;
mod frame;
mod interpreter;
mod json;
mod level;
mod logger;
mod modules;
mod options;
mod pipeline;
mod request;
mod site;
mod thread;
mod value;

use pyo3::prelude::*;

#[pymodule(gil_used = true)]
mod _offloop {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::context::{Context, add, add_error, current, leave};
    #[pymodule_export]
    use super::emitter::Emitter;
    #[pymodule_export]
    use super::frame::pass_by;
    #[pymodule_export]
    use super::logger::{FastLogger, KeywordLogger};
    #[pymodule_export]
    use super::pipeline::Pipeline;
    #[pymodule_export]
    use super::request::{Request, RequestLog, end_in_flight};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::interpreter::expect_main(module.py())?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        super::logger::prepare(module.py())
    }
}
