//! Layers become one: tables are merged key by key, everything else is replaced.
//!
//! Some tables describe one thing rather than several, and what is left of the one below would
//! contradict the one above. They are replaced, too:
//!
//! - a sink, where its `kind` changes: what belongs to a file means nothing to a terminal;
//! - a format, where its `shape` changes;
//! - what is one of several: `overflow`, and `sync` of a sink.

use config_rs::{Map, Source, Value, ValueKind};

type Table = Map<String, Value>;

/// The library takes a key at the top for a path (`a.b[3]`), so ours are all below this one.
const ROOT: &str = "settings";

/// Merges tables, the last one highest.
pub(super) fn merge<'t>(tables: impl IntoIterator<Item = &'t Table>) -> Table {
    let mut merged = Value::new(None, Table::new());
    for table in tables {
        if let Some(below) = table_of(&mut merged, ROOT) {
            make_way(below, table);
        }
        // The library's sources may fail, as files do. This one cannot.
        let _ = Layered(table.clone()).collect_to(&mut merged);
    }
    table_of(&mut merged, ROOT)
        .map(std::mem::take)
        .unwrap_or_default()
}

/// A table, as a source of the library.
#[derive(Clone, Debug)]
struct Layered(Table);

impl Source for Layered {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Table, config_rs::ConfigError> {
        let root = Value::new(None, self.0.clone());
        Ok(Table::from_iter([(ROOT.to_owned(), root)]))
    }
}

/// Removes from `below` what `above` replaces as a whole.
fn make_way(below: &mut Table, above: &Table) {
    if above.contains_key("overflow") {
        below.shift_remove("overflow");
    }
    let Some(sinks) = above.get("sinks").and_then(as_table) else {
        return;
    };
    let Some(sinks_below) = below.get_mut("sinks").and_then(as_table_mut) else {
        return;
    };
    for (name, sink) in sinks {
        let Some(sink) = as_table(sink) else { continue };
        if is_another(sinks_below.get(name), sink, "kind") {
            sinks_below.shift_remove(name);
        } else if let Some(below) = sinks_below.get_mut(name).and_then(as_table_mut) {
            make_way_in_sink(below, sink);
        }
    }
}

fn make_way_in_sink(below: &mut Table, above: &Table) {
    if above.contains_key("sync") {
        below.shift_remove("sync");
    }
    let Some(format) = above.get("format").and_then(as_table) else {
        return;
    };
    below.get_mut("format").map(spell_out);
    if is_another(below.get("format"), format, "shape") {
        below.shift_remove("format");
    }
}

/// A format that is only the name of its shape becomes a table, which others can be laid over.
fn spell_out(format: &mut Value) {
    if as_table(format).is_none() {
        let shape = ("shape".to_owned(), format.clone());
        *format = Value::new(None, Table::from_iter([shape]));
    }
}

/// Whether a key that says what a table describes is there in both, and says something else.
fn is_another(below: Option<&Value>, above: &Table, key: &str) -> bool {
    let below = below.and_then(as_table).and_then(|table| table.get(key));
    let above = above.get(key);
    below
        .zip(above)
        .is_some_and(|(below, above)| below.kind != above.kind)
}

fn as_table(value: &Value) -> Option<&Table> {
    match &value.kind {
        ValueKind::Table(table) => Some(table),
        _ => None,
    }
}

fn as_table_mut(value: &mut Value) -> Option<&mut Table> {
    match &mut value.kind {
        ValueKind::Table(table) => Some(table),
        _ => None,
    }
}

fn table_of<'v>(value: &'v mut Value, key: &str) -> Option<&'v mut Table> {
    as_table_mut(value)?.get_mut(key).and_then(as_table_mut)
}
