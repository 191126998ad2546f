//! Directives by the spans around a record: `[request{user=42}]=debug`.

use tracing::Metadata;
use tracing::level_filters::LevelFilter;

use super::pattern::Pattern;
use crate::capture::callsite::{Callsites, Facts};
use crate::capture::record::{Record, SpanView};

/// The directives by span of a sink.
#[derive(Clone, Debug)]
pub(super) struct SpanRules {
    directives: Vec<Directive>,
    /// The most verbose level of a record that they may want.
    pub(super) level_max: LevelFilter,
    latest: Latest,
}

/// The spans around the latest record: most have the same as the one before.
#[derive(Clone, Debug)]
struct Latest {
    spans: Vec<u8>,
    /// Up to which level records within are wanted.
    level: LevelFilter,
}

/// One of them. It holds for what lies within a span that is as it says.
#[derive(Clone, Debug)]
pub(super) struct Directive {
    /// All of it but the level.
    condition: String,
    pub(super) target: Option<String>,
    span: Option<String>,
    field: Option<FieldMatch>,
    pub(super) level: LevelFilter,
}

#[derive(Clone, Debug)]
struct FieldMatch {
    name: String,
    /// `None` if any value will do.
    value: Option<Pattern>,
}

pub(super) type ParseError = Box<dyn std::error::Error + Send + Sync>;

impl SpanRules {
    pub(super) fn new(all: Vec<Directive>) -> Self {
        let mut directives: Vec<Directive> = Vec::new();
        for directive in all {
            // Of two with the same condition, the last one holds.
            directives.retain(|other| other.condition != directive.condition);
            directives.push(directive);
        }
        let levels = directives.iter().map(|directive| directive.level);
        SpanRules {
            level_max: levels.max().unwrap_or(LevelFilter::OFF),
            directives,
            latest: Latest {
                spans: Vec::new(),
                level: LevelFilter::OFF,
            },
        }
    }

    /// Whether a record is wanted for the spans around it.
    pub(super) fn want(&mut self, record: &Record<'_>, callsites: &Callsites) -> bool {
        let level = record.callsite.facts.level;
        if self.level_max < level || record.is_outside_spans() {
            return false;
        }
        // What another process left behind may have callsites at the same addresses.
        if !callsites.are_own() {
            return self.level_within(record, callsites) >= level;
        }
        if self.latest.spans != record.span_bytes() {
            self.latest.level = self.level_within(record, callsites);
            self.latest.spans.clear();
            self.latest.spans.extend_from_slice(record.span_bytes());
        }
        self.latest.level >= level
    }

    /// Whether one of them goes by the spans of a callsite.
    pub(super) fn name(&self, metadata: &Metadata<'_>) -> bool {
        let has = |field: &str| metadata.fields().field(field).is_some();
        let mut directives = self.directives.iter();
        directives.any(|directive| directive.is_about(metadata.target(), metadata.name(), has))
    }

    fn level_within(&self, record: &Record<'_>, callsites: &Callsites) -> LevelFilter {
        let levels = record.spans(callsites).map(|span| self.level_of(&span));
        levels.max().unwrap_or(LevelFilter::OFF)
    }

    fn level_of(&self, span: &SpanView<'_>) -> LevelFilter {
        let matching = { self.directives.iter() }.filter(|directive| directive.matches(span));
        let levels = matching.map(|directive| directive.level);
        levels.max().unwrap_or(LevelFilter::OFF)
    }
}

impl Directive {
    /// Reads one that tracing-subscriber has read without complaint.
    pub(super) fn parse(directive: &str) -> Result<Self, ParseError> {
        let parts = parts(directive.trim()).ok_or("there is no span in brackets")?;
        Ok(Directive {
            condition: parts.condition.to_owned(),
            target: Some(parts.target.to_owned()).filter(|target| !target.is_empty()),
            span: parts.span.map(ToOwned::to_owned),
            field: parts.field.map(FieldMatch::parse).transpose()?,
            level: match parts.level {
                "" => LevelFilter::TRACE,
                level => level.parse()?,
            },
        })
    }

    /// The field that is all that it has between its brackets, without a value.
    pub(super) fn bare_field(&self) -> Option<&str> {
        let field = self.field.as_ref().filter(|_| self.span.is_none())?;
        field.value.is_none().then_some(&field.name)
    }

    /// Whether it may hold within spans of a callsite.
    fn is_about(&self, target: &str, name: &str, has: impl Fn(&str) -> bool) -> bool {
        let own = self.target.as_ref();
        own.is_none_or(|own| target.starts_with(&**own))
            && self.span.as_ref().is_none_or(|span| span == name)
            && self.field.as_ref().is_none_or(|field| has(&field.name))
    }

    fn matches(&self, span: &SpanView<'_>) -> bool {
        let Facts {
            target,
            name,
            fields,
            ..
        } = &span.callsite.facts;
        let has = |field: &str| fields.iter().any(|declared| **declared == *field);
        let has_value = |field: &FieldMatch| field.has_value(span);
        self.is_about(target, name, has) && self.field.as_ref().is_none_or(has_value)
    }
}

impl FieldMatch {
    fn parse(field: &str) -> Result<Self, ParseError> {
        let mut parts = field.split('=');
        Ok(FieldMatch {
            name: parts.next().unwrap_or_default().to_owned(),
            value: parts.next().map(Pattern::parse).transpose()?,
        })
    }

    fn has_value(&self, span: &SpanView<'_>) -> bool {
        let Some(pattern) = &self.value else {
            return true;
        };
        let mut values = span.fields().filter(|(name, _)| *name == self.name);
        values.any(|(_, value)| pattern.matches(&value))
    }
}

/// What a directive consists of: `target[span{field}]=level`.
struct Parts<'d> {
    /// All of it but the level.
    condition: &'d str,
    target: &'d str,
    span: Option<&'d str>,
    field: Option<&'d str>,
    level: &'d str,
}

fn parts(directive: &str) -> Option<Parts<'_>> {
    let (target, rest) = directive.split_once('[')?;
    let (span, rest) = rest.split_at(rest.find(['{', ']'])?);
    let (field, rest) = match rest.strip_prefix('{') {
        Some(rest) => rest
            .split_once('}')
            .map(|(field, rest)| (Some(field), rest))?,
        None => (None, rest),
    };
    let level = rest.strip_prefix(']')?;
    Some(Parts {
        condition: directive.strip_suffix(level)?,
        target,
        span: Some(span).filter(|span| field.is_none() || !span.is_empty()),
        field,
        level: level.strip_prefix('=').unwrap_or(level),
    })
}
