//! Settings, as Python's functions take them, become those of the core.

use std::time::Duration;

use offloop::request::{ForwardingHeader, Incoming, Naming, Options, QueryPolicy, TrustedProxies};
use offloop::{Builder, Compression, Retention, Rotation, Sink};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::pipeline::seconds;

/// What Python's own levels let through is wanted, unless a filter says otherwise.
const DEFAULT_FILTER: &str = "trace";

/// A pipeline's settings.
pub(crate) fn builder(settings: &Bound<'_, PyDict>) -> PyResult<Builder> {
    let mut builder = offloop::builder().filter(DEFAULT_FILTER);
    let mut sink = SinkSettings::default();
    for (name, value) in settings.iter() {
        let name: String = name.extract()?;
        builder = match &*name {
            "filter" => builder.filter(value.extract::<String>()?),
            "request_detail" => builder.request_detail(value.extract::<String>()?),
            "budget" => builder.budget(value.extract()?),
            "write_delay" => builder.write_delay(duration(&value)?),
            "exit_timeout" => builder.exit_timeout(duration(&value)?),
            "crash_safe" => builder.crash_safe(value.extract()?),
            "crash_directory" => builder.crash_directory(value.extract::<String>()?),
            "reopen_on_hangup" => builder.reopen_on_hangup(value.extract()?),
            _ => {
                sink.take(&name, &value)?;
                builder
            }
        };
    }
    Ok(builder.sink(sink.build()?))
}

/// What is said of the sink: Python's keyword arguments come in any order.
#[derive(Default)]
struct SinkSettings {
    filename: Option<String>,
    stream: Option<String>,
    format: Option<String>,
    location: bool,
    process: bool,
    thread: bool,
    rotate: Option<String>,
    rotate_bytes: Option<u64>,
    keep: Option<usize>,
    compress: bool,
}

impl SinkSettings {
    fn take(&mut self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        match name {
            "filename" => self.filename = value.extract()?,
            "stream" => self.stream = value.extract()?,
            "format" => self.format = value.extract()?,
            "location" => self.location = value.extract()?,
            "process" => self.process = value.extract()?,
            "thread" => self.thread = value.extract()?,
            "rotate" => self.rotate = value.extract()?,
            "rotate_bytes" => self.rotate_bytes = value.extract()?,
            "keep" => self.keep = value.extract()?,
            "compress" => self.compress = value.extract()?,
            _ => {
                let message = format!("unexpected keyword argument {name:?}");
                return Err(PyTypeError::new_err(message));
            }
        }
        Ok(())
    }

    fn build(self) -> PyResult<Sink> {
        let mut sink = match (&self.filename, self.stream.as_deref()) {
            (Some(path), None) => Sink::file(path).rotation(self.rotation()?),
            (None, None | Some("stdout")) => Sink::stdout(),
            (None, Some("stderr")) => Sink::stderr(),
            (Some(_), Some(_)) => {
                return Err(PyValueError::new_err("filename and stream: one is enough"));
            }
            (None, Some(other)) => {
                return Err(one_of("stream", other, &["stdout", "stderr"]));
            }
        };
        if let Some(count) = self.keep {
            sink = sink.retention(Retention::all().files_max(count));
        }
        if self.compress {
            sink = sink.compression(Compression::Gzip);
        }
        sink = match self.format.as_deref() {
            None | Some("json") => sink.json(),
            Some("text") => sink.text(),
            Some("common_log") => sink.common_log(),
            Some("combined_log") => sink.combined_log(),
            Some(other) => {
                let formats = ["json", "text", "common_log", "combined_log"];
                return Err(one_of("format", other, &formats));
            }
        };
        if self.location {
            sink = sink.with_location();
        }
        if self.process {
            sink = sink.with_process();
        }
        if self.thread {
            sink = sink.with_thread();
        }
        Ok(sink)
    }

    fn rotation(&self) -> PyResult<Rotation> {
        let rotation = match self.rotate.as_deref() {
            None => Rotation::on_demand(),
            Some("minutely") => Rotation::every_minute(),
            Some("hourly") => Rotation::hourly(),
            Some("daily") => Rotation::daily(),
            Some("weekly") => Rotation::weekly(),
            Some(other) => {
                let names = ["minutely", "hourly", "daily", "weekly"];
                return Err(one_of("rotate", other, &names));
            }
        };
        Ok(match self.rotate_bytes {
            Some(bytes) => rotation.at_bytes(bytes),
            None => rotation,
        })
    }
}

/// The options of an adapter.
pub(crate) fn request_options(settings: Option<&Bound<'_, PyDict>>) -> PyResult<Options> {
    let mut options = Options::new();
    let mut forwarding_header = None;
    let mut trusted_proxies: Option<Vec<String>> = None;
    for (name, value) in settings.into_iter().flatten() {
        let name: String = name.extract()?;
        options = match &*name {
            "slow_after" => options.slow_after(duration(&value)?),
            "slowest" => options.slowest(value.extract()?),
            "quiet" => strings(&value)?.into_iter().fold(options, Options::quiet),
            "incoming_ids" => options.incoming_ids(if value.extract()? {
                Incoming::Accept
            } else {
                Incoming::Ignore
            }),
            "send_back" => options.send_back(value.extract()?),
            "request_headers" => strings(&value)?
                .iter()
                .fold(options, |options, name| options.request_header(name)),
            "response_headers" => strings(&value)?
                .iter()
                .fold(options, |options, name| options.response_header(name)),
            "query" => options.query(QueryPolicy::values_of(strings(&value)?)),
            "sample" => options.sample(value.extract()?),
            "detail_bytes" => options.detail_bytes(value.extract()?),
            "naming" => options.naming(naming(&value.extract::<String>()?)?),
            "trusted_proxies" => {
                trusted_proxies = Some(strings(&value)?);
                options
            }
            "forwarding_header" => {
                forwarding_header = Some(value.extract::<String>()?);
                options
            }
            _ => {
                let message = format!("unexpected keyword argument {name:?}");
                return Err(PyTypeError::new_err(message));
            }
        };
    }
    let Some(proxies) = trusted_proxies else {
        return Ok(options);
    };
    let header = forwarding(forwarding_header.as_deref())?;
    let proxies = TrustedProxies::new(header, proxies.iter().map(|network| &**network));
    let proxies = proxies.map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(options.trusted_proxies(proxies))
}

fn naming(name: &str) -> PyResult<Naming> {
    match name {
        "opentelemetry" => Ok(Naming::OpenTelemetry),
        "ecs" => Ok(Naming::ElasticCommonSchema),
        other => Err(one_of("naming", other, &["opentelemetry", "ecs"])),
    }
}

fn forwarding(name: Option<&str>) -> PyResult<ForwardingHeader> {
    match name {
        None | Some("x-forwarded-for") => Ok(ForwardingHeader::XForwardedFor),
        Some("forwarded") => Ok(ForwardingHeader::Forwarded),
        Some(other) => {
            let names = ["x-forwarded-for", "forwarded"];
            Err(one_of("forwarding_header", other, &names))
        }
    }
}

fn duration(value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    seconds(value.extract()?)
}

/// Several strings, or one.
fn strings(value: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    match value.extract::<String>() {
        Ok(one) => Ok(vec![one]),
        Err(_) => value.try_iter()?.map(|one| one?.extract()).collect(),
    }
}

fn one_of(what: &str, given: &str, known: &[&str]) -> PyErr {
    let known = known.join(", ");
    PyValueError::new_err(format!("{what}={given:?}: it is one of {known}"))
}
