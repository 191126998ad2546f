//! A configuration as a table, with what it leaves out, since that is as it would be anyway.

use serde::Serialize;
use toml::{Table, Value};

use super::{Config, Limits, Redaction};
use crate::request;

/// What is set otherwise than it would be, in the long form where there are two.
pub(super) fn said(config: &Config) -> Table {
    // A value that TOML has no words for cannot have been read from it.
    let mut table = Table::try_from(config).unwrap_or_default();
    let sinks = table.get_mut("sinks").and_then(Value::as_table_mut);
    let sinks = sinks.into_iter().flat_map(|sinks| sinks.iter_mut());
    for format in sinks.filter_map(|(_, sink)| sink.get_mut("format")) {
        if let Value::String(shape) = format {
            let shape = Value::String(std::mem::take(shape));
            *format = Table::from_iter([("shape".to_owned(), shape)]).into();
        }
    }
    table
}

/// The same with all that holds beside it. What is not set and has no default is not there.
pub(super) fn all(config: &Config) -> Table {
    let mut table = said(config);
    // They come last, as in a file.
    let sinks = table.remove("sinks");
    let crash_safe = Value::Boolean(config.is_crash_safe());
    table.entry("crash_safe").or_insert(crash_safe);
    add(&mut table, "redaction", &Redaction::default());
    add(&mut table, "limits", &Limits::default());
    add(&mut table, "requests", &request::Options::default());
    if let Some(Value::Table(mut sinks)) = sinks {
        for (name, sink) in &config.sinks {
            add(&mut sinks, name, &sink.defaults());
        }
        table.insert("sinks".to_owned(), sinks.into());
    }
    table
}

/// Adds what a table has by default.
fn add(table: &mut Table, key: &str, defaults: &impl Serialize) {
    let defaults = Table::try_from(defaults).unwrap_or_default();
    let below = table.entry(key).or_insert_with(|| Table::new().into());
    if let Value::Table(below) = below {
        fill(below, defaults);
    }
}

fn fill(table: &mut Table, defaults: Table) {
    for (key, default) in defaults {
        match (table.get_mut(&key), default) {
            (Some(Value::Table(below)), Value::Table(defaults)) => fill(below, defaults),
            (Some(_), _) => {}
            (None, default) => {
                table.insert(key, default);
            }
        }
    }
}
