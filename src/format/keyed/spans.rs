//! The spans around a record.

use super::super::line::Piece;
use super::fields::write_fields;
use super::names::Names;
use super::syntax::Syntax;
use super::{Ambiguous, KeyedFormat};
use crate::capture::callsite::{Callsite, Callsites};
use crate::capture::record::{Record, SpanView, Value};
use crate::config::SpanStyle;
use crate::request;

/// How spans are shown.
#[derive(Debug)]
pub(super) struct SpanShape {
    style: SpanStyle,
    /// What stands around the list of names.
    names_begin: Piece,
    names_end: Piece,
    /// Where they are objects: the key of the list, of the innermost, of its parent.
    keys: [String; 3],
}

/// The key of a span's name in an object.
const NAME: &str = "name";

impl SpanShape {
    pub(super) fn new(style: SpanStyle, [begin, end]: &[Vec<u8>; 2], keys: [String; 3]) -> Self {
        SpanShape {
            style,
            names_begin: Piece::new(begin),
            names_end: Piece::new(end),
            keys,
        }
    }

    /// Whether a span's fields stand beside the event's own. Those that a request's records carry
    /// always do.
    pub(super) fn is_flat(&self, callsite: &Callsite) -> bool {
        self.style == SpanStyle::Flat || request::is_mark(&callsite.facts)
    }
}

impl<S: Syntax> KeyedFormat<S> {
    #[inline]
    pub(super) fn write_spans(
        &mut self,
        record: &Record<'_>,
        callsites: &Callsites,
    ) -> Result<(), Ambiguous> {
        // An address of another process may mean something else in a third one.
        let may_keep = callsites.are_own();
        if let Some((text, outside)) = self.contexts.find(record, &self.seen)
            && may_keep
        {
            self.line.push_slice(text);
            if !outside.is_empty() {
                self.outside.push_slice(outside);
            }
            return Ok(());
        }
        let (start, outside_start) = (self.line.len(), self.outside.len());
        let hidden = self.write_new_spans(record, callsites)?;
        if may_keep && hidden == 0 {
            let keys = self.spans.iter().flat_map(|span| self.keys.numbers(*span));
            let text = self.line.as_bytes().get(start..).unwrap_or_default();
            let outside = self.outside.as_bytes().get(outside_start..);
            let outside = outside.unwrap_or_default();
            self.contexts.keep(record, keys, text, outside);
        }
        Ok(())
    }

    /// Says how many fields are hidden behind those of the event or of an inner span.
    fn write_new_spans(
        &mut self,
        record: &Record<'_>,
        callsites: &Callsites,
    ) -> Result<usize, Ambiguous> {
        self.spans.clear();
        let mut hidden = 0;
        let ids = self.keys.names.ids;
        for span in record.spans(callsites) {
            if !self.span_shape.is_flat(span.callsite) {
                continue;
            }
            self.spans.push(span.callsite.index);
            self.seen.begin_scope();
            let prepared = self.keys.of(span.callsite);
            let target = (&mut self.line, &mut self.outside, ids);
            hidden += write_fields(self.syntax, prepared, span.fields(), &mut self.seen, target)?;
        }
        self.write_span_objects(record, callsites);
        Ok(hidden)
    }

    /// Writes what there is of the spans beside fields.
    pub(super) fn write_span_objects(&mut self, record: &Record<'_>, callsites: &Callsites) {
        match self.span_shape.style {
            SpanStyle::Flat => self.write_span_names(),
            SpanStyle::None => {}
            SpanStyle::List => self.write_span_list(record, callsites),
            SpanStyle::Nested => self.write_nested_spans(record, callsites),
        }
    }

    fn write_span_names(&mut self) {
        if self.spans.is_empty() {
            return;
        }
        self.line.push_piece(&self.span_shape.names_begin);
        for span in self.spans.iter().rev() {
            if let Some(name) = self.keys.span_name(*span) {
                self.line.push_piece(name);
            }
        }
        // In place of the last separator.
        self.line.take_back(1);
        self.line.push_piece(&self.span_shape.names_end);
    }

    fn write_span_list(&mut self, record: &Record<'_>, callsites: &Callsites) {
        let spans = self.programs_spans(record, callsites);
        let mut before = self.array_key(&self.span_shape.keys[0]);
        for span in spans.iter().rev() {
            self.line.push_slice(&before);
            self.write_object(span);
            self.line.push(b'}');
            before = b",".to_vec();
        }
        if !spans.is_empty() {
            self.line.push(b']');
        }
    }

    fn write_nested_spans(&mut self, record: &Record<'_>, callsites: &Callsites) {
        let spans = self.programs_spans(record, callsites);
        let [_, innermost, parent] = &self.span_shape.keys;
        let (mut key, parent) = (self.object_key(innermost), self.object_key(parent));
        for span in spans.iter().take(SPANS_NESTED_MAX) {
            self.line.push_slice(&key);
            self.write_object(span);
            key.clone_from(&parent);
        }
        for _ in spans.iter().take(SPANS_NESTED_MAX) {
            self.line.push(b'}');
        }
    }

    /// All spans but what stands for the request.
    fn programs_spans<'a>(
        &self,
        record: &Record<'a>,
        callsites: &'a Callsites,
    ) -> Vec<SpanView<'a>> {
        let spans = record.spans(callsites);
        spans
            .filter(|span| !self.span_shape.is_flat(span.callsite))
            .collect()
    }

    /// Writes a span as an object, without its end.
    fn write_object(&mut self, span: &SpanView<'_>) {
        self.line.push_slice(S::BEGIN);
        let name = Value::Str((&*span.callsite.facts.name).into());
        let field = self.syntax.field(NAME, &name);
        // The first of an object has no separator.
        self.line.push_slice(field.get(1..).unwrap_or_default());
        let mut fields: Vec<(String, Value<'_>)> = Vec::new();
        for (name, value) in span.fields() {
            let name = self.name_in_object(name);
            match fields.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => fields.push((name, value)),
            }
        }
        for (name, value) in &fields {
            self.syntax.push_field(name, value, &mut self.line);
        }
    }

    fn name_in_object(&self, name: &str) -> String {
        let names: &Names = &self.keys.names;
        let name = names.renamed(name);
        let unprefixed = name.trim_start_matches(names.prefix);
        if unprefixed == NAME || unprefixed == self.span_shape.keys[2] {
            format!("{}{name}", names.prefix)
        } else {
            name.into_owned()
        }
    }

    /// The key of an object: that of a string without the quote that it ends with.
    fn object_key(&self, name: &str) -> Vec<u8> {
        let mut key = self.syntax.key(name);
        key.pop();
        key
    }

    fn array_key(&self, name: &str) -> Vec<u8> {
        let mut key = self.object_key(name);
        key.push(b'[');
        key
    }
}

/// Parsers refuse what is nested deeper than about a hundred levels. Spans further out are left out.
const SPANS_NESTED_MAX: usize = 64;
