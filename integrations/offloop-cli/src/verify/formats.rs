//! In which formats a log may be.

use std::collections::BTreeMap;
use std::path::Path;

use offloop::{Error, FieldValue, Format};
use serde::Deserialize;

use crate::arguments::Verify;
use crate::check;

/// The formats of the configuration that was named come first, then all that are JSON lines.
///
/// # Errors
///
/// As [`offloop::ConfigLoader::load`].
pub(super) fn possible(arguments: &Verify) -> Result<Vec<Format>, Error> {
    let mut formats = match &arguments.config {
        Some(file) => configured(file, arguments.env.as_deref())?,
        None => Vec::new(),
    };
    formats.extend(known());
    let renamed = |format: Format| {
        let renames = arguments.keys.iter().cloned();
        renames.fold(format, |format, (old, new)| format.key(old, new))
    };
    Ok(formats.into_iter().map(renamed).collect())
}

/// With a service, bunyan and pino have the target elsewhere. That is looked for first: where there
/// is none, the service looks like a target.
fn known() -> [Format; 9] {
    let service = |format: Format| format.field("service", "");
    [
        Format::json(),
        Format::open_telemetry(),
        Format::ecs(),
        Format::google_cloud(),
        Format::datadog(),
        service(Format::bunyan()),
        service(Format::pino()),
        Format::bunyan(),
        Format::pino(),
    ]
}

/// What a configuration says of the lines of its sinks.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Configured {
    /// Those of all sinks: what a line has in any case, no field has for a name.
    fields: BTreeMap<String, FieldValue>,
    sinks: BTreeMap<String, Sink>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sink {
    format: Format,
}

fn configured(file: &Path, environment: Option<&str>) -> Result<Vec<Format>, Error> {
    let config = check::loader(Some(file), environment).load()?.into_config();
    let written = serde_json::to_value(&config).unwrap_or_default();
    let Configured { fields, sinks } = serde_json::from_value(written).unwrap_or_default();
    let with_fields = |format: Format| {
        let fields = fields.iter();
        fields.fold(format, |format, (name, value)| {
            format.field(name, value.clone())
        })
    };
    Ok(sinks
        .into_values()
        .map(|sink| with_fields(sink.format))
        .collect())
}
