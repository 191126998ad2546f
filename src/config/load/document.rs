//! A configuration file's text becomes layers: what holds everywhere, and what holds in an
//! environment.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use config_rs::{Map, Value, ValueKind};
use indexmap::IndexMap;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::key::KeyPath;
use super::layer::{KeyPlace, Layer, Origin};
use super::problem::ConfigProblem;
use super::text::Text;

/// The table of the tables for environments.
const ENVIRONMENTS: &str = "env";

/// What a file says.
#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    pub(super) common: Option<Layer>,
    /// By the names of the environments.
    pub(super) overlays: IndexMap<String, Layer>,
    /// What of it could not be read.
    pub(super) problems: Vec<ConfigProblem>,
}

/// Takes the bytes of a file apart.
pub(super) fn parse_bytes(path: &Path, bytes: Vec<u8>) -> Document {
    let path = path.to_owned();
    let error = match String::from_utf8(bytes) {
        Ok(content) => return parse(Text::new(path, content)),
        Err(error) => error,
    };
    let valid = error.utf8_error().valid_up_to();
    let content = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
    let source = Text::new(path, content).source(valid);
    Document {
        problems: vec![ConfigProblem::new(source, None, "not UTF-8".to_owned())],
        ..Document::default()
    }
}

/// Takes a text apart.
pub(super) fn parse(text: Text) -> Document {
    let text = Arc::new(text);
    let reader = Reader {
        text: Arc::clone(&text),
        places: HashMap::new(),
        problems: Vec::new(),
    };
    let (table, errors) = DeTable::parse_recoverable(text.content());
    if errors.is_empty() {
        return reader.document(table.into_inner());
    }
    let problems = errors.iter().map(|error| {
        let at = error.span().unwrap_or_default().start;
        let message = error.message();
        let message = format!("not TOML: {message}{}", remedy(message, &text, at));
        ConfigProblem::new(text.source(at), None, message)
    });
    Document {
        problems: problems.collect(),
        ..Document::default()
    }
}

/// What is usually wrong where the parser expects a number, and finds a word.
fn remedy(message: &str, text: &Text, at: usize) -> &'static str {
    let is_word = |rest: &str| rest.starts_with(|first: char| first.is_alphabetic());
    let is_value = message.starts_with("invalid");
    if is_value && text.content().get(at..).is_some_and(is_word) {
        ". A text stands in quotes"
    } else {
        ""
    }
}

/// Reads the value that a variable holds, as it would stand in a file.
pub(super) fn parse_value(text: &str) -> Result<Value, String> {
    let value = DeValue::parse(text).map_err(|error| error.message().to_owned())?;
    let mut reader = Reader {
        text: Arc::new(Text::new(text.into(), text.to_owned())),
        places: HashMap::new(),
        problems: Vec::new(),
    };
    let value = reader.value(&KeyPath::default(), &(0..0), value);
    match reader.problems.pop() {
        Some(problem) => Err(problem.message),
        None => value.ok_or_else(String::new),
    }
}

struct Reader {
    text: Arc<Text>,
    places: HashMap<KeyPath, KeyPlace>,
    problems: Vec<ConfigProblem>,
}

impl Reader {
    fn document(mut self, mut table: DeTable<'_>) -> Document {
        let environments = table.remove_entry(ENVIRONMENTS);
        let common = self.layer(&KeyPath::default(), table);
        let overlays = environments.map(|(key, value)| self.overlays(&key.span(), value));
        Document {
            common: Some(common),
            overlays: overlays.unwrap_or_default(),
            problems: self.problems,
        }
    }

    fn overlays(
        &mut self,
        span: &Range<usize>,
        overlays: Spanned<DeValue<'_>>,
    ) -> IndexMap<String, Layer> {
        let outer = KeyPath::new([ENVIRONMENTS]);
        let DeValue::Table(overlays) = overlays.into_inner() else {
            self.refuse_overlay(outer, span);
            return IndexMap::new();
        };
        let mut layers = IndexMap::new();
        for (name, overlay) in overlays {
            let outer = outer.with(name.get_ref());
            if let DeValue::Table(overlay) = overlay.into_inner() {
                let layer = self.layer(&outer, overlay);
                layers.insert(name.into_inner().into_owned(), layer);
            } else {
                self.refuse_overlay(outer, &name.span());
            }
        }
        layers
    }

    fn refuse_overlay(&mut self, path: KeyPath, span: &Range<usize>) {
        let message = "the settings of an environment are a table, such as [env.production]";
        self.refuse(&path, span.start, message);
    }

    fn layer(&mut self, outer: &KeyPath, table: DeTable<'_>) -> Layer {
        let values = self.table(outer, table);
        // Within the layer they are known by what comes behind the outer keys.
        let places = std::mem::take(&mut self.places).into_iter();
        let places = places.filter_map(|(path, place)| Some((path.within(outer)?, place)));
        Layer {
            origin: Origin::Text(Arc::clone(&self.text)),
            outer: outer.clone(),
            values,
            places: places.collect(),
        }
    }

    fn table(&mut self, path: &KeyPath, table: DeTable<'_>) -> Map<String, Value> {
        let mut values = Map::new();
        for (key, value) in table {
            if let Some(value) = self.value(&path.with(key.get_ref()), &key.span(), value) {
                values.insert(key.into_inner().into_owned(), value);
            }
        }
        values
    }

    fn value(
        &mut self,
        path: &KeyPath,
        key: &Range<usize>,
        value: Spanned<DeValue<'_>>,
    ) -> Option<Value> {
        let place = KeyPlace {
            key: key.start,
            value: value.span().start,
        };
        self.places.insert(path.clone(), place);
        let kind = match value.into_inner() {
            DeValue::String(text) => Ok(ValueKind::String(text.into_owned())),
            DeValue::Boolean(is_true) => Ok(ValueKind::Boolean(is_true)),
            DeValue::Integer(number) => integer(&number),
            DeValue::Float(number) => { number.as_str().parse() }
                .map(ValueKind::Float)
                .map_err(|_| "this number is too large"),
            DeValue::Datetime(_) => Err("no key takes a date; a text stands in quotes"),
            DeValue::Array(items) => Ok(self.array(path, items)),
            DeValue::Table(table) => Ok(ValueKind::Table(self.table(path, table))),
        };
        match kind {
            Ok(kind) => Some(Value::new(None, kind)),
            Err(why) => {
                self.refuse(path, place.value, why);
                None
            }
        }
    }

    fn array<'i>(
        &mut self,
        path: &KeyPath,
        items: impl IntoIterator<Item = Spanned<DeValue<'i>>>,
    ) -> ValueKind {
        let items = items.into_iter().enumerate().map(|(number, item)| {
            let span = item.span();
            let value = self.value(&path.with(&number.to_string()), &span, item);
            // In place of one that was refused, so that the others keep their numbers.
            value.unwrap_or_else(|| Value::new(None, ValueKind::Nil))
        });
        ValueKind::Array(items.collect())
    }

    fn refuse(&mut self, path: &KeyPath, at: usize, why: &str) {
        let source = self.text.source(at);
        let problem = ConfigProblem::new(source, Some(path.clone()), why.to_owned());
        self.problems.push(problem);
    }
}

fn integer(number: &DeInteger<'_>) -> Result<ValueKind, &'static str> {
    i64::from_str_radix(number.as_str(), number.radix())
        .map(ValueKind::I64)
        .map_err(|_| "this number is too large")
}
