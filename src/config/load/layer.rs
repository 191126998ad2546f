//! One source of values: the file, the part of it for an environment, the variables.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use config_rs::{Map, Value, ValueKind};

use super::key::KeyPath;
use super::merge::merge;
use super::text::Text;

/// Where a value comes from.
///
/// Its text is the place itself: `offloop.toml:12:9`, `OFFLOOP__LEVEL`, `default`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ConfigSource {
    /// Nobody says anything of it.
    Default,
    /// A configuration file, or a text that stands for one.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
    },
    /// A variable of the process's environment.
    Variable {
        /// What it is called.
        name: String,
    },
}

impl fmt::Display for ConfigSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigSource::Default => formatter.write_str("default"),
            ConfigSource::File { path, line, column } => {
                write!(formatter, "{}:{line}:{column}", path.display())
            }
            ConfigSource::Variable { name } => formatter.write_str(name),
        }
    }
}

/// Values with their places.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) origin: Origin,
    /// What stands in front of its keys where they are written: `env.production`.
    pub(super) outer: KeyPath,
    pub(super) values: Map<String, Value>,
    pub(super) places: HashMap<KeyPath, KeyPlace>,
}

/// What the places of a layer are in.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// A place is an offset, in bytes.
    Text(Arc<Text>),
    /// By their names. A place is a place in the list. Their values are texts, whose meaning depends on
    /// what is wanted.
    Variables(Vec<String>),
}

/// Where a key and its value are.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyPlace {
    pub(super) key: usize,
    pub(super) value: usize,
}

impl Layer {
    /// Whether it changes what another one describes.
    pub(super) fn is_overlay(&self) -> bool {
        !self.outer.is_empty() || matches!(self.origin, Origin::Variables(_))
    }

    /// Where the key of this path is, or else the nearest one around it.
    pub(super) fn source_of_key(&self, path: &KeyPath) -> Option<ConfigSource> {
        Some(self.source(self.place(path)?.key))
    }

    /// The same for its value.
    pub(super) fn source_of_value(&self, path: &KeyPath) -> Option<ConfigSource> {
        Some(self.source(self.place(path)?.value))
    }

    fn place(&self, path: &KeyPath) -> Option<KeyPlace> {
        let mut path = path.clone();
        loop {
            if let Some(place) = self.places.get(&path) {
                return Some(*place);
            }
            path = path.parent()?;
        }
    }

    fn source(&self, place: usize) -> ConfigSource {
        match &self.origin {
            Origin::Text(text) => text.source(place),
            Origin::Variables(names) => ConfigSource::Variable {
                name: names.get(place).cloned().unwrap_or_default(),
            },
        }
    }
}

/// Layers on top of each other, the last one highest.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers(Vec<Layer>);

impl Layers {
    pub(super) fn push(&mut self, mut layer: Layer) {
        let number = self.0.len().to_string();
        let values = layer.values.values_mut();
        values.for_each(|value| set_origin(value, &number));
        self.0.push(layer);
    }

    /// All values. What is no table knows its layer from now on.
    pub(super) fn merged(&self) -> Map<String, Value> {
        merge(self.0.iter().map(|layer| &layer.values))
    }

    /// The layer that a merged value came from; of a table, the lowest that has it.
    pub(super) fn layer_of(&self, path: &KeyPath, value: &Value) -> Option<&Layer> {
        let number: Option<usize> = value.origin().and_then(|origin| origin.parse().ok());
        match number {
            Some(number) => self.0.get(number),
            None => self.layer_with(path),
        }
    }

    /// Whether a merged value is the text of a variable. What stands in quotes within such a text, as in a
    /// file, has no origin, and means what it says.
    pub(super) fn is_text(&self, value: &Value) -> bool {
        if value.origin().is_none() {
            return false;
        }
        let layer = self.layer_of(&KeyPath::default(), value);
        layer.is_some_and(|layer| matches!(layer.origin, Origin::Variables(_)))
    }

    fn layer_with(&self, path: &KeyPath) -> Option<&Layer> {
        let mut layers = self.0.iter();
        layers.find(|layer| layer.places.contains_key(path))
    }
}

fn set_origin(value: &mut Value, origin: &String) {
    let mut kind = std::mem::take(&mut value.kind);
    match &mut kind {
        ValueKind::Table(table) => {
            table
                .values_mut()
                .for_each(|value| set_origin(value, origin));
        }
        ValueKind::Array(items) => {
            items.iter_mut().for_each(|value| set_origin(value, origin));
        }
        _ => {}
    }
    *value = Value::new(Some(origin), kind);
}
