//! The spans around a record.

use super::super::line::{Line, Piece};
use super::draft::Draft;
use super::fields::write_fields;
use super::names::Names;
use super::syntax::Syntax;
use super::{Again, Plan};
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

impl<S: Syntax> Plan<S> {
    #[inline]
    pub(super) fn write_spans(
        &self,
        record: &Record<'_>,
        callsites: &Callsites,
        draft: &mut Draft,
    ) -> Result<(), Again> {
        let seen = &draft.seen;
        let is_alone = |keys: &[usize]| keys.iter().all(|key| seen.is_new(*key));
        // An address of another process may mean something else in a third one.
        if callsites.are_own()
            && let Some((text, outside)) = draft.contexts.find(record, is_alone)
        {
            draft.line.push_slice(text);
            draft.outside.push_slice(outside);
            return Ok(());
        }
        self.write_new_spans(record, callsites, draft)
    }

    /// Writes spans that are not those of the record before, and keeps what was made of them.
    #[inline(never)]
    fn write_new_spans(
        &self,
        record: &Record<'_>,
        callsites: &Callsites,
        draft: &mut Draft,
    ) -> Result<(), Again> {
        let (start, outside_start) = (draft.line.len(), draft.outside.len());
        let hidden = self.write_span_fields(record, callsites, draft)?;
        self.write_span_objects(record, callsites, draft);
        if callsites.are_own() && hidden == 0 {
            let spans = draft.spans.iter().filter_map(|span| self.keys.at(*span));
            let keys = spans.flat_map(|span| span.keys.iter().map(|key| key.number));
            let text = draft.line.as_bytes().get(start..).unwrap_or_default();
            let outside = draft.outside.as_bytes().get(outside_start..);
            let outside = outside.unwrap_or_default();
            draft.contexts.keep(record, keys, text, outside);
        }
        Ok(())
    }

    /// Says how many fields are hidden behind those of the event or of an inner span.
    fn write_span_fields(
        &self,
        record: &Record<'_>,
        callsites: &Callsites,
        draft: &mut Draft,
    ) -> Result<usize, Again> {
        draft.spans.clear();
        let mut hidden = 0;
        for span in record.spans(callsites) {
            if !self.span_shape.is_flat(span.callsite) {
                continue;
            }
            draft.spans.push(span.callsite.index());
            draft.seen.begin_scope();
            let prepared = self.keys.of(span.callsite).ok_or(Again::Unprepared)?;
            hidden += write_fields(self, prepared, span.placed_fields(), draft)?;
        }
        Ok(hidden)
    }

    /// Writes what there is of the spans beside fields.
    pub(super) fn write_span_objects(
        &self,
        record: &Record<'_>,
        callsites: &Callsites,
        draft: &mut Draft,
    ) {
        match self.span_shape.style {
            SpanStyle::Flat => self.write_span_names(draft),
            SpanStyle::None => {}
            SpanStyle::List => self.write_span_list(record, callsites, &mut draft.line),
            SpanStyle::Nested => self.write_nested_spans(record, callsites, &mut draft.line),
        }
    }

    fn write_span_names(&self, draft: &mut Draft) {
        if draft.spans.is_empty() {
            return;
        }
        let line = &mut draft.line;
        line.push_piece(&self.span_shape.names_begin);
        let spans = draft.spans.iter().rev();
        for span in spans.filter_map(|span| self.keys.at(*span)) {
            line.push_piece(&span.span_name);
        }
        // In place of the last separator.
        line.take_back(1);
        line.push_piece(&self.span_shape.names_end);
    }

    fn write_span_list(&self, record: &Record<'_>, callsites: &Callsites, line: &mut Line) {
        let spans = self.programs_spans(record, callsites);
        let mut before = self.array_key(&self.span_shape.keys[0]);
        for span in spans.iter().rev() {
            line.push_slice(&before);
            self.write_object(span, line);
            line.push(b'}');
            before = b",".to_vec();
        }
        if !spans.is_empty() {
            line.push(b']');
        }
    }

    fn write_nested_spans(&self, record: &Record<'_>, callsites: &Callsites, line: &mut Line) {
        let spans = self.programs_spans(record, callsites);
        let [_, innermost, parent] = &self.span_shape.keys;
        let (mut key, parent) = (self.object_key(innermost), self.object_key(parent));
        for span in spans.iter().take(SPANS_NESTED_MAX) {
            line.push_slice(&key);
            self.write_object(span, line);
            key.clone_from(&parent);
        }
        for _ in spans.iter().take(SPANS_NESTED_MAX) {
            line.push(b'}');
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
    fn write_object(&self, span: &SpanView<'_>, line: &mut Line) {
        line.push_slice(S::BEGIN);
        let name = Value::Str((&*span.callsite.facts.name).into());
        let field = self.syntax.field(NAME, &name);
        // The first of an object has no separator.
        line.push_slice(field.get(1..).unwrap_or_default());
        let mut fields: Vec<(String, Value<'_>)> = Vec::new();
        for (name, value) in span.fields() {
            let name = self.name_in_object(name);
            match fields.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => fields.push((name, value)),
            }
        }
        for (name, value) in &fields {
            self.syntax.push_field(name, value, line);
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
