//! Layers become a [`Config`], or all that is wrong with them.
//!
//! serde stops at the first value that it cannot take. So that value is noted, taken out, and all is
//! read again, until nothing is wrong any more with what is left. What only makes sense together is
//! checked then.

use std::collections::HashSet;

use config_rs::{Map, Value, ValueKind};
use serde::Deserialize;

use super::check::{self, Complaint};
use super::key::KeyPath;
use super::layer::{ConfigSource, Layer, Layers};
use super::problem::{ConfigProblem, PROBLEMS_MAX};
use super::refusal::{Reason, Refusal};
use super::strict::Strict;
use crate::config::Config;
use crate::nearest::nearest;

/// What was read.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) config: Config,
    /// All values that somebody has set.
    pub(super) values: Map<String, Value>,
    pub(super) problems: Vec<ConfigProblem>,
}

pub(super) fn read(layers: &Layers) -> Read {
    let mut reader = Reader {
        layers,
        values: layers.merged(),
        problems: Vec::new(),
        noted: HashSet::new(),
    };
    let config = reader.config();
    for complaint in check::check(&config, &reader.values) {
        reader.note_complaint(complaint);
    }
    Read {
        config,
        values: reader.values,
        problems: reader.problems,
    }
}

struct Reader<'l> {
    layers: &'l Layers,
    values: Map<String, Value>,
    problems: Vec<ConfigProblem>,
    /// What there is a problem with already.
    noted: HashSet<KeyPath>,
}

impl Reader<'_> {
    fn config(&mut self) -> Config {
        // What is missing for want of what was taken out is no problem of its own.
        for _ in 0..2 * PROBLEMS_MAX {
            if PROBLEMS_MAX < self.problems.len() {
                break;
            }
            let values = Value::new(None, self.values.clone());
            match Config::deserialize(Strict::new(values, self.layers)) {
                Ok(config) => return config,
                Err(refusal) => self.note_refusal(&refusal),
            }
        }
        Config::default()
    }

    fn note_refusal(&mut self, Refusal { path, reason }: &Refusal) {
        let is_known = match reason {
            // What is missing may be what was taken out.
            Reason::MissingKey(key) => self.noted.contains(&path.with(key)),
            // So may be what makes a table one that can be read.
            _ => self.noted.iter().any(|noted| noted.is_within(path)),
        };
        if !is_known {
            let is_about_key = matches!(reason, Reason::UnknownKey { .. } | Reason::MissingKey(_));
            let reason = if may_be_secret(path) {
                &reason.clone().without_found()
            } else {
                reason
            };
            let message = format!("{reason}{}", self.question_about_name(path, reason));
            self.note(path, is_about_key, message);
        }
        self.noted.insert(path.clone());
        take_out(&mut self.values, path);
    }

    /// A table that lacks a key, and that only a variable or an environment speaks of, may be one
    /// whose name was mistyped.
    fn question_about_name(&self, path: &KeyPath, reason: &Reason) -> String {
        let is_overlay = self.layer_of(path).is_some_and(Layer::is_overlay);
        if !is_overlay || !matches!(reason, Reason::MissingKey(_)) {
            return String::new();
        }
        let around = path.parent().and_then(|path| find(&self.values, &path));
        let Some(ValueKind::Table(table)) = around.map(|value| &value.kind) else {
            return String::new();
        };
        let name = path.last().unwrap_or_default();
        let others = table
            .keys()
            .map(String::as_str)
            .filter(|other| *other != name);
        let meant = nearest(name, others);
        meant.map_or_else(String::new, |other| format!(". Did you mean {other:?}?"))
    }

    fn note_complaint(&mut self, complaint: Complaint) {
        let Complaint {
            path,
            depends_on,
            message,
        } = complaint;
        let mut causes = depends_on.iter().chain([&path]);
        let is_known = causes.any(|cause| self.noted.iter().any(|noted| noted.meets(cause)));
        if !is_known {
            self.note(&path, false, message);
        }
    }

    fn note(&mut self, path: &KeyPath, is_about_key: bool, message: String) {
        let layer = self.layer_of(path);
        let source = layer.and_then(|layer| {
            if is_about_key {
                layer.source_of_key(path)
            } else {
                layer.source_of_value(path)
            }
        });
        let path = layer.map_or_else(|| path.clone(), |layer| path.below(&layer.outer));
        let source = source.unwrap_or(ConfigSource::Default);
        let problem = ConfigProblem::new(source, Some(path), message);
        self.problems.push(problem);
    }

    /// The layer of what is at a path, or else of the nearest that there is around it.
    fn layer_of(&self, path: &KeyPath) -> Option<&Layer> {
        let mut around = path.outwards();
        around.find_map(|path| self.layers.layer_of(&path, find(&self.values, &path)?))
    }
}

/// Whether what is wrong at a path may have the key of hashes in it: a variable's text that should be
/// all of redaction. Where it is read as that key, [`Redaction`](crate::Redaction) takes care itself.
fn may_be_secret(path: &KeyPath) -> bool {
    path.keys().eq(["redaction"])
}

/// What is at a path.
pub(super) fn find<'v>(values: &'v Map<String, Value>, path: &KeyPath) -> Option<&'v Value> {
    let mut keys = path.keys();
    let first = values.get(keys.next()?)?;
    keys.try_fold(first, |value, key| match &value.kind {
        ValueKind::Table(table) => table.get(key),
        ValueKind::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Takes out what is at a path, or the whole value that the path leads into.
fn take_out(values: &mut Map<String, Value>, path: &KeyPath) {
    let mut keys = path.keys();
    let Some(key) = keys.next() else { return };
    let rest = KeyPath::new(keys);
    let value = values.get_mut(key);
    if !value.is_some_and(|value| take_out_of(value, &rest)) {
        values.shift_remove(key);
    }
}

/// The same for what is within a value. Says whether there is anything at all within it.
fn take_out_of(value: &mut Value, path: &KeyPath) -> bool {
    let mut keys = path.keys();
    let Some(key) = keys.next() else { return false };
    match &mut value.kind {
        ValueKind::Table(table) => take_out(table, path),
        ValueKind::Array(items) => {
            let number = key.parse::<usize>().ok();
            let Some(item) = number.and_then(|number| items.get_mut(number)) else {
                return false;
            };
            if !take_out_of(item, &KeyPath::new(keys)) {
                // The others keep their numbers.
                item.kind = ValueKind::Nil;
            }
        }
        _ => return false,
    }
    true
}
