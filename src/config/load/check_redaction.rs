//! What is wrong with redaction: patterns that cannot be read, or that nothing fits.

use config_rs::{Map, Value, ValueKind};
use regex::{Error, Regex};

use super::check::Complaint;
use super::key::KeyPath;
use super::read::find;
use crate::config::Redaction;
use crate::redaction::fits_no_name;

pub(super) fn complaints(redaction: &Redaction, values: &Map<String, Value>) -> Vec<Complaint> {
    let table = KeyPath::new(["redaction"]);
    let of_list = |key: &str, patterns: Vec<&str>, complain: fn(&str) -> Option<String>| {
        let list = table.with(key);
        let numbered = patterns.into_iter().enumerate();
        let complaints = numbered.filter_map(|(number, pattern)| {
            Some(Complaint::of(
                path_of(&list, number, values),
                complain(pattern)?,
            ))
        });
        complaints.collect::<Vec<_>>()
    };
    let keys = redaction.keys.iter().map(|rule| rule.pattern.as_str());
    let keep = redaction.keep.iter().map(String::as_str);
    let regexes = redaction.values.iter().map(|rule| rule.pattern.as_str());
    let mut complaints = of_list("keys", keys.collect(), complaint_of_name);
    complaints.extend(of_list("keep", keep.collect(), complaint_of_name));
    complaints.extend(of_list("values", regexes.collect(), complaint_of_regex));
    complaints
}

/// Where the pattern is that has this number among those that could be read.
fn path_of(list: &KeyPath, number: usize, values: &Map<String, Value>) -> KeyPath {
    let number = match find(values, list).map(|value| &value.kind) {
        Some(ValueKind::Array(items)) => {
            let items = items.iter().enumerate();
            let mut readable = items.filter(|(_, item)| item.kind != ValueKind::Nil);
            readable.nth(number).map_or(number, |(place, _)| place)
        }
        _ => number,
    };
    let item = list.with(&number.to_string());
    let pattern = item.with("pattern");
    if find(values, &pattern).is_some() {
        pattern
    } else {
        item
    }
}

fn complaint_of_name(pattern: &str) -> Option<String> {
    fits_no_name(pattern).then(|| {
        format!("{pattern:?} fits no name. Allowed: such as \"iban\", \"*_pin\", \"card.number\"")
    })
}

fn complaint_of_regex(pattern: &str) -> Option<String> {
    let allowed = "Allowed: a regular expression, such as \"ACME-[0-9]{8}\"";
    if pattern.is_empty() {
        return Some(format!("{pattern:?} finds nothing. {allowed}"));
    }
    let error = Regex::new(pattern).err()?;
    Some(format!(
        "{pattern:?} cannot be read: {}. {allowed}",
        in_a_line(&error)
    ))
}

/// What is wrong, without the drawing of where.
fn in_a_line(error: &Error) -> String {
    match error {
        Error::CompiledTooBig(bytes) => format!("it takes more than {bytes} bytes of memory"),
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        }
    }
}
