//! What `offloop.Handler` does with each `LogRecord`: all of it, but for filters.

use offloop::frontend::{Frontend, Place, Values};
use pyo3::exceptions::PyBaseException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::access;
use crate::attributes::Record;
use crate::context::current_request;
use crate::exception::{self, Chain};
use crate::fields::{Field, Fields};
use crate::level;
use crate::pipeline::{self, Pipeline};
use crate::site::Key;
use crate::thread;
use crate::value;

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
            Some(attributes) => {
                let mut extra = Fields::default();
                let mut record = Record::read(&attributes, &mut extra);
                if !self.with_location {
                    record.forget_place();
                }
                record.hand_over(&attributes, &mut extra, self);
            }
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

impl<'py> Record<'py> {
    fn hand_over(
        &self,
        attributes: &Bound<'py, PyDict>,
        extra: &mut Fields<'py>,
        emitter: &Emitter,
    ) {
        let py = attributes.py();
        let target = self.name.as_ref().and_then(|name| name.to_str().ok());
        let target = target.unwrap_or("root");
        let arguments = self.arguments.as_ref();
        let access = access::of(target, arguments, extra);
        self.add_own(attributes, extra);
        if let Some(name) = &self.thread_name {
            thread::name_as(name, || ident(attributes));
        }
        let request = current_request(py);
        let request = request.as_ref().map(|context| &context.get().0);
        let extra = &*extra;
        let write = |values: &mut Values<'_, '_>| {
            match &access {
                Some(message) => values.str(message),
                None => write_message(self.message.as_ref(), arguments, values),
            }
            extra.write(values);
        };
        let key = self.name.as_ref().map(|logger| Key {
            place: self.file.as_ref().map(Bound::as_any),
            at: self.line.unwrap_or(0),
            function: self.function.as_ref(),
            logger,
            level: self.level,
        });
        if let Some(callsite) = key.and_then(|key| key.find(extra)) {
            return pipeline::record_at(py, &emitter.frontend, callsite, request, write);
        }
        let names = extra.names();
        let place = self.place(target, &names);
        if let Some((key, callsite)) = key.zip(place.callsite()) {
            key.keep(extra, callsite);
        }
        pipeline::record(py, &emitter.frontend, &place, request, write);
    }

    fn place<'a>(&'a self, target: &'a str, fields: &'a [&'a str]) -> Place<'a> {
        let text = |text: &'a Option<Bound<'py, PyString>>| text.as_ref()?.to_str().ok();
        Place {
            target,
            level: level::of_number(self.level),
            file: text(&self.file),
            line: self.line.and_then(|line| u32::try_from(line).ok()),
            function: text(&self.function),
            fields,
        }
    }

    /// Adds what a record has besides its message and its extra fields.
    fn add_own(&self, attributes: &Bound<'py, PyDict>, extra: &mut Fields<'py>) {
        if !level::is_plain(self.level)
            && let Ok(Some(name)) = attributes.get_item(intern!(attributes.py(), "levelname"))
        {
            extra.add_own("level_name", Field::Python(name));
        }
        if let Some(task) = &self.task {
            extra.add_own("task", Field::Python(task.clone()));
        }
        if let Some(exception) = self.exception.as_ref().and_then(exception_of) {
            add_exception(&exception, extra);
        } else if let Some(text) = &self.exception_text {
            extra.add_own("exception", Field::Python(text.clone()));
        }
        if let Some(stack) = &self.stack {
            extra.add_own("stack", Field::Python(stack.clone()));
        }
    }
}

/// Which thread made the record.
fn ident(attributes: &Bound<'_, PyDict>) -> Option<i64> {
    let ident = attributes.get_item(intern!(attributes.py(), "thread"));
    ident.ok()??.extract().ok()
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
        (Ok(text), None) => write_line(text, values),
        (Err(_), None) => values.str(&value::text_of(message)),
        (_, Some(arguments)) => write_formatted(message, arguments, values),
    }
}

/// Without line breaks at its end, which some write for a terminal.
fn write_line(text: &Bound<'_, PyString>, values: &mut Values<'_, '_>) {
    match text.to_str() {
        Ok(text) => values.str(text.trim_end_matches(['\r', '\n'])),
        Err(_) => value::write_text(text, values),
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
        Ok(Ok(text)) => write_line(text, values),
        failed => {
            if let Err(error) = failed {
                value::pass_on(message.py(), error);
            }
            let (message, arguments) = (value::text_of(message), arguments_text(arguments));
            values.str(&format!("{message} [arguments do not fit: {arguments}]"));
        }
    }
}

/// As a tuple shows itself, or else each of its values: one of them may fail at it.
fn arguments_text(arguments: &Bound<'_, PyAny>) -> String {
    let (whole, tuple) = (arguments.str(), arguments.cast::<PyTuple>());
    let (Err(_), Ok(tuple)) = (&whole, tuple) else {
        return value::text_of(arguments);
    };
    let texts = tuple.iter().map(|value| match value.repr() {
        Ok(text) => value::lossy(&text).into_owned(),
        Err(error) => value::failed(&value, &error),
    });
    format!("({})", texts.collect::<Vec<_>>().join(", "))
}
