//! What `offloop.Handler` does with each `LogRecord`: all of it, but for filters.

use offloop::frontend::{Frontend, Place, Values};
use pyo3::exceptions::PyBaseException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::access;
use crate::context::current_request;
use crate::exception::{self, Chain};
use crate::fields::{Field, Fields};
use crate::level;
use crate::pipeline::{self, Pipeline};
use crate::value;

/// The attributes of a `LogRecord`, in the order in which it sets them; behind them, those that other
/// formatters leave there.
const ATTRIBUTES: [&str; 24] = [
    "name",
    "msg",
    "args",
    "levelname",
    "levelno",
    "pathname",
    "filename",
    "module",
    "exc_info",
    "exc_text",
    "stack_info",
    "lineno",
    "funcName",
    "created",
    "msecs",
    "relativeCreated",
    "thread",
    "threadName",
    "processName",
    "process",
    "taskName",
    "message",
    "asctime",
    "color_message",
];

const NAME: usize = 0;
const MESSAGE: usize = 1;
const ARGUMENTS: usize = 2;
const LEVEL_NAME: usize = 3;
const LEVEL: usize = 4;
const FILE: usize = 5;
const EXCEPTION: usize = 8;
const EXCEPTION_TEXT: usize = 9;
const STACK: usize = 10;
const LINE: usize = 11;
const FUNCTION: usize = 12;
const TASK: usize = 20;

/// Whether a field may not have this name, since a `LogRecord` has an attribute of it.
pub(crate) fn is_attribute(name: &str) -> bool {
    ATTRIBUTES[..ATTRIBUTES.len() - 1].contains(&name)
}

/// Hands records over to a pipeline.
#[pyclass(frozen, module = "offloop", weakref)]
#[derive(Debug)]
pub(crate) struct Emitter {
    frontend: Frontend,
    with_location: bool,
    /// The handler's filters. While there are any, the handler's own code asks them.
    filters: Py<PyList>,
    handle_filtered: Py<PyAny>,
}

#[pymethods]
impl Emitter {
    /// `handle_filtered` is called with a record where there are filters.
    #[new]
    fn new(
        pipeline: &Bound<'_, Pipeline>,
        filters: Py<PyList>,
        handle_filtered: Py<PyAny>,
        with_location: bool,
    ) -> Self {
        Emitter {
            frontend: pipeline.get().frontend().clone(),
            with_location,
            filters,
            handle_filtered,
        }
    }

    /// Takes the place of `logging.Handler.handle`.
    fn handle<'py>(&self, record: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = record.py();
        if !self.filters.bind(py).is_empty() {
            return self.handle_filtered.bind(py).call1((record,));
        }
        self.emit(record);
        Ok(record.clone())
    }

    /// Copies the record.
    fn emit(&self, record: &Bound<'_, PyAny>) {
        let py = record.py();
        let attributes = record.getattr(intern!(py, "__dict__"));
        match attributes
            .ok()
            .and_then(|all| all.cast_into::<PyDict>().ok())
        {
            Some(attributes) => Record::read(&attributes).hand_over(py, self),
            None => {
                let place = Place::of("offloop", tracing::Level::ERROR);
                pipeline::record(py, &self.frontend, &place, None, |values| {
                    values.str("a log record without attributes");
                });
            }
        }
    }
}

impl Emitter {
    pub(crate) fn frontend(&self) -> &Frontend {
        &self.frontend
    }

    pub(crate) fn with_location(&self) -> bool {
        self.with_location
    }

    pub(crate) fn filters(&self) -> &Py<PyList> {
        &self.filters
    }
}

/// A `LogRecord`, taken apart.
struct Record<'py> {
    attributes: [Option<Bound<'py, PyAny>>; ATTRIBUTES.len()],
    extra: Fields<'py>,
}

impl<'py> Record<'py> {
    /// Nothing of the program's own code runs here: the attributes stay as they are.
    fn read(attributes: &Bound<'py, PyDict>) -> Self {
        let names = attribute_names(attributes.py());
        let mut record = Record {
            attributes: [const { None }; ATTRIBUTES.len()],
            extra: Fields::default(),
        };
        let mut expected = 0;
        for (name, value) in attributes.iter() {
            match place_of(&name, expected, names) {
                Some(place) => {
                    record.attributes[place] = Some(value);
                    expected = place + 1;
                }
                None => {
                    if let Ok(name) = name.cast_into::<PyString>() {
                        record.extra.add(name, value);
                    }
                }
            }
        }
        record
    }

    fn hand_over(mut self, py: Python<'py>, emitter: &Emitter) {
        let number = self.integer(LEVEL).unwrap_or(0);
        let name = self.string(NAME);
        let file = self.string(FILE).filter(|_| emitter.with_location);
        let function = self.string(FUNCTION).filter(|_| emitter.with_location);
        let line = self.integer(LINE).filter(|_| emitter.with_location);
        let target = name.as_ref().and_then(|name| name.to_str().ok());
        let target = target.unwrap_or("root");
        let arguments = self.take(ARGUMENTS);
        let access = arguments
            .as_ref()
            .and_then(|arguments| access::of(target, arguments, &mut self.extra));
        self.add_own(number);
        let names = self.extra.names();
        let place = Place {
            target,
            level: level::of_number(number),
            file: file.as_ref().and_then(|file| file.to_str().ok()),
            line: line.and_then(|line| u32::try_from(line).ok()),
            function: function
                .as_ref()
                .and_then(|function| function.to_str().ok()),
            fields: &names,
        };
        let message = self.attributes[MESSAGE].as_ref();
        let request = current_request(py);
        let request = request.as_ref().map(|context| &context.get().0);
        pipeline::record(py, &emitter.frontend, &place, request, |values| {
            match access {
                Some(message) => values.str(&message),
                None => write_message(message, arguments.as_ref(), values),
            }
            self.extra.write(values);
        });
    }

    /// Adds what a record has besides its message and its extra fields.
    fn add_own(&mut self, number: i64) {
        if !level::is_plain(number)
            && let Some(name) = self.take(LEVEL_NAME)
        {
            self.extra.add_own("level_name", Field::Python(name));
        }
        if let Some(task) = self.take(TASK) {
            self.extra.add_own("task", Field::Python(task));
        }
        if let Some(exception) = self.take(EXCEPTION).as_ref().and_then(exception_of) {
            add_exception(&exception, &mut self.extra);
        } else if let Some(text) = self.take(EXCEPTION_TEXT) {
            self.extra.add_own("exception", Field::Python(text));
        }
        if let Some(stack) = self.take(STACK) {
            self.extra.add_own("stack", Field::Python(stack));
        }
    }

    fn take(&mut self, place: usize) -> Option<Bound<'py, PyAny>> {
        self.attributes[place]
            .take()
            .filter(|value| !value.is_none())
    }

    fn string(&self, place: usize) -> Option<Bound<'py, PyString>> {
        self.attributes[place].clone()?.cast_into().ok()
    }

    fn integer(&self, place: usize) -> Option<i64> {
        self.attributes[place].as_ref()?.extract().ok()
    }
}

/// Adds an exception: its type, its messages with those of its causes, and where it was raised.
pub(crate) fn add_exception(exception: &Bound<'_, PyBaseException>, fields: &mut Fields<'_>) {
    let type_name = exception::type_name(exception);
    fields.add_own("error.type", Field::Text(type_name));
    fields.add_own("error", Field::Error(Chain::of(exception)));
    fields.add_own("exception", Field::Json(exception::json_of(exception)));
}

/// The exception of what `exc_info` may be.
pub(crate) fn exception_of<'py>(
    exc_info: &Bound<'py, PyAny>,
) -> Option<Bound<'py, PyBaseException>> {
    if let Ok(exception) = exc_info.cast::<PyBaseException>() {
        return Some(exception.clone());
    }
    let value = exc_info.cast::<PyTuple>().ok()?.get_item(1).ok()?;
    value.cast_into().ok()
}

/// Writes the message, with its arguments.
pub(crate) fn write_message(
    message: Option<&Bound<'_, PyAny>>,
    arguments: Option<&Bound<'_, PyAny>>,
    values: &mut Values<'_, '_>,
) {
    let Some(message) = message else {
        return values.str("");
    };
    let arguments = arguments.filter(|arguments| arguments.is_truthy().unwrap_or(false));
    match (message.cast::<PyString>(), arguments) {
        (Ok(text), None) => value::write_text(text, values),
        (Err(_), None) => values.str(&value::text_of(message)),
        (_, Some(arguments)) => write_formatted(message, arguments, values),
    }
}

/// Arguments that do not fit the message stand beside it.
fn write_formatted(
    message: &Bound<'_, PyAny>,
    arguments: &Bound<'_, PyAny>,
    values: &mut Values<'_, '_>,
) {
    let text = match message.cast::<PyString>() {
        Ok(text) => Ok(text.clone()),
        Err(_) => message.str(),
    };
    let formatted = text.and_then(|text| text.rem(arguments));
    match formatted.as_ref().map(|text| text.cast::<PyString>()) {
        Ok(Ok(text)) => value::write_text(text, values),
        _ => {
            let (message, arguments) = (value::text_of(message), value::text_of(arguments));
            values.str(&format!("{message} [arguments do not fit: {arguments}]"));
        }
    }
}

fn place_of(name: &Bound<'_, PyAny>, expected: usize, names: &[Py<PyString>]) -> Option<usize> {
    if names.get(expected).is_some_and(|next| name.is(next)) {
        return Some(expected);
    }
    if let Some(place) = names.iter().position(|known| name.is(known)) {
        return Some(place);
    }
    // One that came by pickle or JSON has names of its own.
    let name = name.cast::<PyString>().ok()?.to_str().ok()?;
    ATTRIBUTES.iter().position(|known| *known == name)
}

/// The names as the interpreter has them: each only once, so that looking at the address will do.
fn attribute_names(py: Python<'_>) -> &'static [Py<PyString>] {
    static NAMES: PyOnceLock<Vec<Py<PyString>>> = PyOnceLock::new();
    NAMES.get_or_init(py, || {
        let names = ATTRIBUTES.iter();
        names
            .map(|name| PyString::intern(py, name).unbind())
            .collect()
    })
}
