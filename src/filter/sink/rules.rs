//! Directives as a writer follows them: by what stands in a record.
//!
//! They mean what they mean to tracing-subscriber's `EnvFilter`, which a gate asks: it can be asked only
//! on the thread that logs.

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::Targets;

use super::by_span::{Directive, SpanRules};
use crate::capture::frontend::Place;
use crate::error::Error;
use crate::filter::{parse_spans, parse_targets};

/// What directives say of a record, its spans left aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::filter) enum Verdict {
    Unwanted,
    Wanted,
    /// By a directive in brackets, which lets in what is not captured for all.
    WantedByField,
}

/// The directives of a sink.
#[derive(Clone, Debug)]
pub(in crate::filter) struct Rules {
    /// The most specific comes first, and decides.
    plain: Vec<Plain>,
    pub(super) by_span: SpanRules,
}

/// A directive by what is known of a callsite: `hyper=warn`, `[{user}]=debug`.
#[derive(Clone, Debug)]
struct Plain {
    target: Option<String>,
    /// A field that an event must have.
    field: Option<String>,
    level: LevelFilter,
}

impl Rules {
    /// Reads directives, of which an error says that they are those of `source`.
    pub(in crate::filter) fn parse(source: &'static str, directives: &str) -> Result<Self, Error> {
        let is_in_brackets = |directive: &&str| directive.contains('[');
        let (in_brackets, others): (Vec<_>, Vec<_>) =
            directives.split(',').partition(is_in_brackets);
        if in_brackets.is_empty() {
            let targets = parse_targets(source, directives)?;
            return Ok(Rules::new(of_targets(&targets), Vec::new()));
        }
        parse_spans(source, directives)?;
        let mut plain = Vec::new();
        let others = others.iter().filter(|directive| !directive.is_empty());
        for directive in others {
            plain.extend(of_targets(&parse_targets(source, directive)?));
        }
        let failed = |error| Error::filter(source, directives, error);
        let by_span: Vec<_> = { in_brackets.into_iter() }
            .map(|directive| Directive::parse(directive).map_err(failed))
            .collect::<Result<_, _>>()?;
        plain.extend(by_span.iter().filter_map(Plain::of_field));
        Ok(Rules::new(plain, by_span))
    }

    fn new(mut plain: Vec<Plain>, by_span: Vec<Directive>) -> Self {
        // Of two that say the same, the last one holds.
        plain.reverse();
        plain.sort_by_key(|directive| std::cmp::Reverse(directive.specificity()));
        Rules {
            plain,
            by_span: SpanRules::new(by_span),
        }
    }

    /// What they say of an event that has the fields which `has` says, in no span.
    pub(in crate::filter) fn verdict(
        &self,
        target: &str,
        level: Level,
        has: impl Fn(&str) -> bool,
    ) -> Verdict {
        let decides = |plain: &&Plain| plain.is_about(target, &has);
        match self.plain.iter().find(decides) {
            Some(plain) if plain.level < level => Verdict::Unwanted,
            Some(plain) if plain.field.is_some() => Verdict::WantedByField,
            Some(_) => Verdict::Wanted,
            None => Verdict::Unwanted,
        }
    }

    /// What they say of the records of a front end's place.
    pub(in crate::filter) fn verdict_at(&self, place: &Place<'_>) -> Verdict {
        self.verdict(place.target, place.level, |name| place.has_field(name))
    }

    /// The most verbose level of an event that directives in brackets may let in.
    pub(in crate::filter) fn extra_level_max(&self) -> LevelFilter {
        self.by_span.level_max
    }

    /// Whether a directive goes by the spans of a callsite.
    pub(in crate::filter) fn name_span(&self, metadata: &Metadata<'_>) -> bool {
        self.by_span.name(metadata)
    }
}

impl Plain {
    /// A directive with a field, but neither a span nor a value, is about events too.
    fn of_field(directive: &Directive) -> Option<Self> {
        let field = directive.bare_field()?;
        Some(Plain {
            target: directive.target.clone(),
            field: Some(field.to_owned()),
            level: directive.level,
        })
    }

    fn specificity(&self) -> (Option<usize>, bool) {
        let target_len = self.target.as_ref().map(String::len);
        (target_len, self.field.is_some())
    }

    fn is_about(&self, target: &str, has: impl Fn(&str) -> bool) -> bool {
        let own = self.target.as_ref();
        own.is_none_or(|own| target.starts_with(&**own))
            && self.field.as_ref().is_none_or(|name| has(name))
    }
}

fn of_targets(targets: &Targets) -> Vec<Plain> {
    let plain = |target: Option<&str>, level| Plain {
        target: target.map(ToOwned::to_owned),
        field: None,
        level,
    };
    let named = targets.iter();
    let named = named.map(|(target, level)| plain(Some(target), level));
    let all = targets.default_level().map(|level| plain(None, level));
    named.chain(all).collect()
}
