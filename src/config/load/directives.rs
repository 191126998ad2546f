//! What is wrong with directives: `info,hyper=wran`.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Targets;

use super::nearest::{nearest_of, question};
use super::refusal::quoted;

/// How like a level a target must be for the level to be meant.
const LIKENESS_MIN: f64 = 0.75;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Says what keeps directives from being read, or from meaning what their writer means.
pub(super) fn check(directives: &str, may_have_spans: bool) -> Result<(), String> {
    if directives.contains('[') {
        return check_spans(directives, may_have_spans);
    }
    { directives.split(',') }
        .map(str::trim)
        .filter(|directive| !directive.is_empty())
        .try_for_each(check_directive)
}

fn check_spans(directives: &str, may_have_spans: bool) -> Result<(), String> {
    if !may_have_spans {
        return Err(format!(
            "{directives:?} has directives by span. Allowed: levels and targets, \
            such as \"info,hyper=warn\""
        ));
    }
    let read = EnvFilter::builder().parse(directives);
    read.map(drop).map_err(|error| {
        format!("{directives:?} cannot be read: {error}. Allowed: such as \"info,[request{{user=42}}]=debug\"")
    })
}

fn check_directive(directive: &str) -> Result<(), String> {
    match directive.rsplit_once('=') {
        Some((_, level)) if !is_level(level) => {
            let question = question(level, LEVELS);
            let allowed = quoted(&LEVELS);
            return Err(format!(
                "{level:?} in {directive:?} is no level{question} Allowed: {allowed}"
            ));
        }
        None if !is_level(directive) => {
            // It could be a target, of which all is wanted, and nothing of any other.
            if let Some(meant) = nearest_of(directive, LEVELS, LIKENESS_MIN) {
                return Err(format!(
                    "{directive:?} is no level; did you mean {meant:?}? \
                    If it is a target, write \"{directive}=trace\""
                ));
            }
        }
        _ => {}
    }
    match directive.parse::<Targets>() {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "{directive:?} cannot be read: {error}. Allowed: such as \"info,hyper=warn\""
        )),
    }
}

fn is_level(word: &str) -> bool {
    word.parse::<LevelFilter>().is_ok()
}
