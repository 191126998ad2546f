//! What is said of a setting, for who reads it beside a file: without what only rustdoc knows.

use std::borrow::Cow;

use regex::Regex;
use serde_json::Value;

/// A link with its text, or a name in code that rustdoc makes a link of.
const LINK: &str = r"\[([^\[\]]+)\]\([^()]*\)|\[(`[^`\[\]]+`)\]";

/// Makes plain text of all descriptions in a schema.
pub(super) fn make_plain(schema: &mut Value) {
    if let Ok(link) = Regex::new(LINK) {
        make_plain_with(&link, schema);
    }
}

fn make_plain_with(link: &Regex, schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "description" => *text = plain(link, text),
                    value => make_plain_with(link, value),
                }
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| make_plain_with(link, item)),
        _ => {}
    }
}

fn plain(link: &Regex, text: &str) -> String {
    let mut is_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence && !is_target(line)
    });
    let lines: Vec<Cow<'_, str>> = lines.map(|line| link.replace_all(line, "$1$2")).collect();
    lines.join("\n").trim().to_owned()
}

/// Whether a line says where links lead to: "[`Span::record`]: tracing::Span::record".
fn is_target(line: &str) -> bool {
    line.starts_with('[') && line.contains("]: ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::make_plain;

    #[test]
    fn a_description_keeps_its_words_and_loses_examples_and_targets_of_links() {
        let text = "What a SIGHUP does: see [`on_hangup`](crate::Builder::on_hangup), [`Sink`] and \
            [the spec](https://example.org).\n\nSuch as `[sinks.main]`.\n\n```\nlet a = 1;\n# drop(a);\n\
            ```\n\n[`Sink`]: crate::Sink";
        let mut schema = json!({ "properties": { "description": { "description": text } } });
        make_plain(&mut schema);
        let expected = "What a SIGHUP does: see `on_hangup`, `Sink` and the spec.\n\n\
            Such as `[sinks.main]`.";
        let found = &schema["properties"]["description"]["description"];
        assert_eq!(found.as_str(), Some(expected));
    }
}
