//! What is wrong with directives: `info,hyper=wran`.
//!
//! Whoever reads them takes any word for a target: by `inof` all of a target is wanted that there is
//! not, and nothing else. So they are looked at first, wherever they come from.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Targets;

use crate::error::Error;
use crate::nearest::{nearest_of, question};

/// How like a level a target must be for the level to be meant.
const LIKENESS_MIN: f64 = 0.75;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What others call levels.
const LEVELS_OF_OTHERS: [(&str, &str); 8] = [
    ("all", "trace"),
    ("critical", "error"),
    ("err", "error"),
    ("fatal", "error"),
    ("information", "info"),
    ("none", "off"),
    ("verbose", "debug"),
    ("warning", "warn"),
];

/// The same as [`check`], of those that come from `source`.
pub(super) fn check_those_of(
    source: &'static str,
    directives: &str,
    may_have_spans: bool,
) -> Result<(), Error> {
    check(directives, may_have_spans).map_err(|what| Error::filter(source, directives, what))
}

/// Says what keeps directives from being read, or from meaning what their writer means.
pub(crate) fn check(directives: &str, may_have_spans: bool) -> Result<(), String> {
    if directives.contains('[') {
        check_spans(directives, may_have_spans)?;
    }
    { directives.split(',') }
        .map(str::trim)
        .filter(|directive| !directive.is_empty() && !directive.contains(['[', ']', '{', '}']))
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
    if is_level(directive) {
        return Ok(());
    }
    let (target, level) = match directive.rsplit_once('=') {
        Some((target, level)) => (target.trim(), Some(level.trim())),
        None => (directive, None),
    };
    match level {
        Some(level) => check_level(level, directive)?,
        None => check_lone_word(directive)?,
    }
    check_target(target, directive)?;
    match super::tidy(directive).parse::<Targets>() {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "{directive:?} cannot be read: {error}. Allowed: such as \"info,hyper=warn\""
        )),
    }
}

fn check_level(level: &str, directive: &str) -> Result<(), String> {
    if is_level(level) {
        return Ok(());
    }
    let question = match level_of_others(level) {
        Some(meant) => format!("; did you mean {meant:?}?"),
        None => question(level, LEVELS),
    };
    let allowed = LEVELS.map(|level| format!("{level:?}")).join(", ");
    Err(format!(
        "{level:?} in {directive:?} is no level{question} Allowed: {allowed}"
    ))
}

/// It could be a target, of which all is wanted, and nothing of any other.
fn check_lone_word(word: &str) -> Result<(), String> {
    let meant = level_of_others(word).or_else(|| nearest_of(word, LEVELS, LIKENESS_MIN));
    match meant {
        None => Ok(()),
        Some(meant) => Err(format!(
            "{word:?} is no level; did you mean {meant:?}? If it is a target, write \"{word}=trace\""
        )),
    }
}

/// A target is a path, of whatever language: what stands between directives elsewhere is in none.
fn check_target(target: &str, directive: &str) -> Result<(), String> {
    if target.contains(';') || target.contains(char::is_whitespace) {
        return Err(format!(
            "{target:?} in {directive:?} is no target. Allowed: directives with commas between them, \
            such as \"info,hyper=warn\""
        ));
    }
    if target.replace("::", "").contains(':') {
        return Err(format!(
            "{target:?} in {directive:?} is no target. Allowed: a target and its level with \"=\" \
            between them, such as \"hyper=warn\""
        ));
    }
    Ok(())
}

fn is_level(word: &str) -> bool {
    // Nothing at all is a level, too, to who reads it: `error`.
    !word.is_empty() && word.parse::<LevelFilter>().is_ok()
}

fn level_of_others(word: &str) -> Option<&'static str> {
    let mut levels = LEVELS_OF_OTHERS.into_iter();
    let found = levels.find(|(name, _)| name.eq_ignore_ascii_case(word));
    found.map(|(_, level)| level)
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn directives_that_mean_something_are_right() {
        for directives in [
            "",
            "info",
            "WARN",
            "3",
            "off,",
            " info , hyper = warn ,, ",
            "my_crate",
            "my-crate::module=debug",
            "django.request=off",
            "audit=off,access/log=info",
            "info,[request{user=42}]=debug",
            "db,[request{a}]=warn",
            "[]=trace,error",
        ] {
            assert_eq!(check(directives, true), Ok(()), "{directives}");
        }
    }

    #[test]
    fn directives_that_would_switch_everything_off_are_refused_with_what_is_meant() {
        for (directives, remedy) in [
            (
                "inof",
                "did you mean \"info\"? If it is a target, write \"inof=trace\"",
            ),
            ("Warning", "did you mean \"warn\"?"),
            ("app=WARNING", "did you mean \"warn\"?"),
            ("app=wran", "did you mean \"warn\"?"),
            (
                "app=",
                "\"\" in \"app=\" is no level. Allowed: \"off\", \"error\"",
            ),
            ("info;debug", "with commas between them"),
            ("app=info;hyper=warn", "with commas between them"),
            ("nonsense lvl", "with commas between them"),
            ("app:debug", "with \"=\" between them"),
            ("app::module:debug", "with \"=\" between them"),
            ("inof,[request]=debug", "did you mean \"info\"?"),
            ("[request", "cannot be read"),
        ] {
            let refused = check(directives, true).unwrap_err();
            assert!(refused.contains(remedy), "{directives}: {refused}");
        }
        let refused = check("[request]=debug", false).unwrap_err();
        assert!(refused.contains("by span"), "{refused}");
    }
}
