//! The value that a directive wants a field to have.

use super::by_span::ParseError;
use crate::capture::record::Value;

/// A number or a truth value, else a pattern of the text.
#[derive(Clone, Debug)]
pub(super) enum Pattern {
    Bool(bool),
    U64(u64),
    I64(i64),
    F64(f64),
    Text(Box<matchers::Pattern>),
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, ParseError> {
        let literal = { text.parse().map(Pattern::Bool).ok() }
            .or_else(|| text.parse().map(Pattern::U64).ok())
            .or_else(|| text.parse().map(Pattern::I64).ok())
            .or_else(|| text.parse().map(Pattern::F64).ok());
        match literal {
            Some(literal) => Ok(literal),
            None => Ok(Pattern::Text(Box::new(text.parse()?))),
        }
    }

    pub(super) fn matches(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Pattern::Bool(wanted), Value::Bool(value)) => wanted == value,
            (Pattern::U64(wanted), Value::U64(value)) => wanted == value,
            (Pattern::U64(wanted), Value::I64(value)) => u64::try_from(*value) == Ok(*wanted),
            (Pattern::I64(wanted), Value::I64(value)) => wanted == value,
            (Pattern::F64(wanted), Value::F64(value)) => is_nearly(*wanted, *value),
            (Pattern::Text(pattern), _) => has_text(pattern, value),
            _ => false,
        }
    }
}

/// As near as tracing-subscriber wants it.
fn is_nearly(wanted: f64, value: f64) -> bool {
    (wanted - value).abs() < f64::EPSILON || (wanted.is_nan() && value.is_nan())
}

fn has_text(pattern: &matchers::Pattern, value: &Value<'_>) -> bool {
    match value {
        Value::Str(text) | Value::Text(text) | Value::Json(text) => pattern.matches(&text.as_str()),
        Value::I128(number) => pattern.display_matches(number),
        Value::U128(number) => pattern.display_matches(number),
        Value::Error(messages) => {
            let message = messages.clone().next();
            message.is_some_and(|message| pattern.matches(&message.as_str()))
        }
        _ => false,
    }
}
