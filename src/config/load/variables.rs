//! Variables of the process's environment that hold values: `OFFLOOP__SINKS__MAIN__LEVEL=debug`.

use std::collections::HashMap;

use config_rs::{Map, Value, ValueKind};
use serde::de::Unexpected;

use super::document;
use super::key::KeyPath;
use super::layer::{KeyPlace, Layer, Origin};
use super::refusal::Refusal;

/// What the name of a variable begins with that holds a value, and what stands between its keys.
const PREFIX: &str = "OFFLOOP__";
const SEPARATOR: &str = "__";

/// What the text of a variable is wanted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Any,
    Boolean,
    Number,
    Text,
    List,
    Table,
}

/// The values that variables hold, by the keys that are there already or could be.
///
/// A variable that is empty counts as not set, as `RUST_LOG` does.
pub(super) fn layer(variables: &[(String, String)], below: &Map<String, Value>) -> Layer {
    let mut layer = Layer {
        origin: Origin::Variables(variables.iter().map(|(name, _)| name.clone()).collect()),
        outer: KeyPath::default(),
        values: Map::new(),
        places: HashMap::new(),
    };
    for (place, (name, text)) in variables.iter().enumerate() {
        let Some(path) = path_of(name, below) else {
            continue;
        };
        if !text.trim().is_empty() {
            insert(&mut layer.values, &path, text);
            let place = KeyPlace {
                key: place,
                value: place,
            };
            for path in path.outwards() {
                layer.places.entry(path).or_insert(place);
            }
        }
    }
    layer
}

/// Whether a variable holds a value, by its name.
pub(super) fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX)
}

fn path_of(name: &str, below: &Map<String, Value>) -> Option<KeyPath> {
    let mut path = KeyPath::default();
    let mut table = Some(below);
    for written in name.strip_prefix(PREFIX)?.split(SEPARATOR) {
        let found = table.and_then(|table| table.iter().find(|(key, _)| is_written(key, written)));
        table = found.and_then(|(_, value)| match &value.kind {
            ValueKind::Table(table) => Some(table),
            _ => None,
        });
        path = match found {
            Some((key, _)) => path.with(key),
            None => path.with(&written.to_lowercase()),
        };
    }
    Some(path)
}

/// Whether a variable's name may have a key so: in whatever case, and without hyphens.
fn is_written(key: &str, written: &str) -> bool {
    key.replace('-', "_").eq_ignore_ascii_case(written)
}

fn insert(values: &mut Map<String, Value>, path: &KeyPath, text: &str) {
    let mut keys: Vec<_> = path.keys().collect();
    let Some(last) = keys.pop() else { return };
    let mut table = values;
    for key in keys {
        let entry = table.entry(key.to_owned()).or_default();
        if !matches!(entry.kind, ValueKind::Table(_)) {
            entry.kind = ValueKind::Table(Map::new());
        }
        let ValueKind::Table(inner) = &mut entry.kind else {
            return;
        };
        table = inner;
    }
    table.insert(last.to_owned(), Value::new(None, text));
}

/// What the text of a variable means where this is wanted. What it cannot mean stays text, for who
/// wants it to complain of.
pub(super) fn meaning(text: &str, wanted: Wanted, origin: Option<&str>) -> Result<Value, Refusal> {
    let trimmed = text.trim();
    let is_structure = trimmed.starts_with(['{', '[']);
    match wanted {
        Wanted::Text => {}
        Wanted::Any | Wanted::List | Wanted::Table if is_structure => {
            return document::parse_value(trimmed).map_err(|message| no_toml(text, &message));
        }
        Wanted::List => {
            let origin = origin.map(str::to_owned);
            let items = trimmed.split(',');
            let items = items.map(|item| Value::new(origin.as_ref(), item.trim()));
            return Ok(Value::new(None, items.collect::<Vec<_>>()));
        }
        Wanted::Boolean | Wanted::Number => {
            if let Ok(value) = document::parse_value(trimmed) {
                return Ok(value);
            }
        }
        Wanted::Any | Wanted::Table => {}
    }
    Ok(Value::new(None, text))
}

fn no_toml(text: &str, message: &str) -> Refusal {
    Refusal::wrong(
        Unexpected::Str(text),
        format!("a value as in TOML ({message})"),
    )
}
