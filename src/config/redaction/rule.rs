//! One pattern of what is a secret, and the two forms that it has in a file.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::RedactionStyle;

/// One pattern. In a file a string, or `{ pattern = "…", style = "hash" }`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(with = "Written")
)]
#[serde(into = "Written")]
pub(crate) struct RedactionRule {
    pub(crate) pattern: String,
    pub(crate) style: Option<RedactionStyle>,
}

impl RedactionRule {
    pub(super) fn new(pattern: String, style: Option<RedactionStyle>) -> Self {
        RedactionRule { pattern, style }
    }
}

/// How a rule is written down.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
enum Written {
    Pattern(String),
    WithStyle(WithStyle),
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct WithStyle {
    /// What secrets look like.
    pattern: String,
    /// What stands in place of them.
    style: RedactionStyle,
}

impl From<RedactionRule> for Written {
    fn from(rule: RedactionRule) -> Self {
        let RedactionRule { pattern, style } = rule;
        match style {
            None => Written::Pattern(pattern),
            Some(style) => Written::WithStyle(WithStyle { pattern, style }),
        }
    }
}

/// By hand, since what is wrong within an untagged form has neither a key nor a remedy.
impl<'de> Deserialize<'de> for RedactionRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EitherForm)
    }
}

struct EitherForm;

impl<'de> Visitor<'de> for EitherForm {
    type Value = RedactionRule;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a pattern, or a table with its `pattern` and `style`")
    }

    fn visit_str<E: Error>(self, pattern: &str) -> Result<RedactionRule, E> {
        Ok(RedactionRule::new(pattern.to_owned(), None))
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<RedactionRule, A::Error> {
        let rule = WithStyle::deserialize(MapAccessDeserializer::new(table))?;
        Ok(RedactionRule::new(rule.pattern, Some(rule.style)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_reads_in_both_forms_and_is_written_in_the_short_one_where_it_can_be() {
        for (text, style) in [
            (r#""iban""#, None),
            (
                r#"{"pattern":"iban","style":"last_four"}"#,
                Some(RedactionStyle::LastFour),
            ),
        ] {
            let rule = RedactionRule::new("iban".to_owned(), style);
            assert_eq!(serde_json::from_str::<RedactionRule>(text).unwrap(), rule);
            assert_eq!(serde_json::to_string(&rule).unwrap(), text);
        }
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_named() {
        for (text, named) in [
            (r#"{"pattern":"a","stile":"hash"}"#, "`stile`"),
            (r#"{"pattern":"a","style":"hashed"}"#, "`hashed`"),
            (r#"{"style":"hash"}"#, "`pattern`"),
            ("3", "a pattern, or a table"),
        ] {
            let error = serde_json::from_str::<RedactionRule>(text).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
