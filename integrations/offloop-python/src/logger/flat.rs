//! Methods that take their arguments as they lie on the caller's stack.
//!
//! Under CPython's stable interface pyo3 has all arguments put into a tuple and a dict first, and
//! copies the dict: for a log call with five fields that was a third of its cost. So the methods that
//! programs call most are described to the interpreter here, by its own `METH_FASTCALL`.

#![expect(
    unsafe_code,
    reason = "the interpreter passes such arguments by addresses"
)]

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{ptr, slice};

use pyo3::exceptions::PyTypeError;
use pyo3::ffi::{self, METH_FASTCALL, METH_KEYWORDS, PyMethodDef, PyMethodDefPointer, PyObject};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple, PyType};

use super::keywords::{Given, KeywordLogger};

/// What `help` and `inspect.signature` say, which the interpreter reads from one text.
macro_rules! doc {
    ($name:literal) => {{
        const DOC: &str = concat!(
            $name,
            "($self, event, /, *args, **fields)\n--\n\n",
            "Logs an event; keyword arguments are its fields.\0"
        );
        match CStr::from_bytes_with_nul(DOC.as_bytes()) {
            Ok(doc) => doc,
            Err(_) => c"",
        }
    }};
}

/// A method of each level.
const METHODS: [(&CStr, ffi::PyCFunctionFastWithKeywords, &CStr); 5] = [
    (c"debug", log::<10>, doc!("debug")),
    (c"info", log::<20>, doc!("info")),
    (c"warning", log::<30>, doc!("warning")),
    (c"error", log::<40>, doc!("error")),
    (c"critical", log::<50>, doc!("critical")),
];

/// Gives `KeywordLogger` these methods.
pub(super) fn add_methods(py: Python<'_>) -> PyResult<()> {
    let logger = py.get_type::<KeywordLogger>();
    for (name, function, doc) in METHODS {
        let definition = Box::new(PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: PyMethodDefPointer {
                PyCFunctionFastWithKeywords: function,
            },
            ml_flags: METH_FASTCALL | METH_KEYWORDS,
            ml_doc: doc.as_ptr(),
        });
        let method = descriptor(&logger, Box::leak(definition))?;
        logger.setattr(&*name.to_string_lossy(), method)?;
    }
    Ok(())
}

fn descriptor<'py>(
    owner: &Bound<'py, PyType>,
    definition: &'static mut PyMethodDef,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the type is one, and the definition lives for ever; its flags are those of the kind of
    // function that `METHODS` holds.
    let method = unsafe { ffi::PyDescr_NewMethod(owner.as_type_ptr(), definition) };
    // SAFETY: it is a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(owner.py(), method) }
}

/// What the interpreter calls.
unsafe extern "C" fn log<const LEVEL: i64>(
    own: *mut PyObject,
    values: *const *mut PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut PyObject,
) -> *mut PyObject {
    let part = |py: Python<'_>| {
        // SAFETY: the interpreter passes a logger, that is what the descriptor sees to, and holds a
        // reference to it for as long as the call takes.
        let own = unsafe { Borrowed::from_ptr(py, own) };
        // SAFETY: the interpreter passes null or a tuple to which it holds a reference.
        let names = unsafe { Borrowed::from_ptr_or_opt(py, names) };
        let names = names.map(|names| names.cast::<PyTuple>()).transpose()?;
        let positional = usize::try_from(positional).unwrap_or(0);
        let values = match positional + names.map_or(0, |names| names.len()) {
            0 => &[],
            // SAFETY: there are as many as that, values of keywords behind the others, and all of
            // them live for as long as the call takes.
            count => unsafe { slice::from_raw_parts(values, count) },
        };
        let (positional, values) = values.split_at(positional);
        let own = own.cast::<KeywordLogger>()?;
        log_flat(own.get(), LEVEL, py, positional, &Flat { names, values })
    };
    let part = AssertUnwindSafe(|| {
        attached(|py| match part(py) {
            Ok(()) => py.None().into_ptr(),
            Err(error) => {
                error.restore(py);
                ptr::null_mut()
            }
        })
    });
    // A panic must not cross into C.
    catch_unwind(part).unwrap_or_else(|_| panicked())
}

/// Has pyo3 know that this thread holds the interpreter's lock. That is so: the interpreter has called.
fn attached<T>(part: impl Fn(Python<'_>) -> T) -> T {
    match Python::try_attach(&part) {
        Some(done) => done,
        // The interpreter comes down: it calls destructors, but takes in nobody any more.
        // SAFETY: this is a function that it calls, so it is the thread that holds the lock.
        None => part(unsafe { Python::assume_attached() }),
    }
}

/// What a call that panicked comes to.
fn panicked() -> *mut PyObject {
    const WHAT: &CStr = c"a log call has panicked";
    // SAFETY: the interpreter sets it before it loads any module, and nobody afterwards.
    let kind = unsafe { ffi::PyExc_RuntimeError };
    // SAFETY: the lock is held, as in all that the interpreter calls, and both live for ever.
    unsafe { ffi::PyErr_SetString(kind, WHAT.as_ptr()) };
    ptr::null_mut()
}

fn log_flat<'py>(
    own: &KeywordLogger,
    level: i64,
    py: Python<'py>,
    positional: &[*mut PyObject],
    given: &Flat<'_, 'py>,
) -> PyResult<()> {
    let Some((event, arguments)) = positional.split_first() else {
        return Err(PyTypeError::new_err("a log call without an event"));
    };
    let arguments: Vec<_> = arguments.iter().map(|value| object(py, value)).collect();
    let arguments = PyTuple::new(py, arguments)?;
    own.log_at(py, level, &object(py, event), &arguments, given)
}

fn object<'py>(py: Python<'py>, value: &*mut PyObject) -> Bound<'py, PyAny> {
    // SAFETY: it is one of the arguments of a call that is going on, so it is an object that lives; the
    // reference that is taken here is the result's own.
    unsafe { Bound::from_borrowed_ptr(py, *value) }
}

/// Keyword arguments: their names, and their values in the same order.
struct Flat<'a, 'py> {
    names: Option<Borrowed<'a, 'py, PyTuple>>,
    values: &'a [*mut PyObject],
}

impl<'py> Given<'py> for Flat<'_, 'py> {
    fn each(&self, mut use_field: impl FnMut(Bound<'py, PyString>, Bound<'py, PyAny>)) {
        let Some(names) = self.names else {
            return;
        };
        for (name, value) in names.iter_borrowed().zip(self.values) {
            if let Ok(name) = name.cast::<PyString>() {
                use_field(name.to_owned(), object(names.py(), value));
            }
        }
    }
}
