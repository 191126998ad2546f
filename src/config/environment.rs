//! Which environment a program runs in: development, production, or any other by its name.

#[cfg(feature = "config")]
use crate::nearest::question;

/// The variable that names it for this library alone.
pub(super) const OWN_VARIABLE: &str = "OFFLOOP_ENV";

/// The variables that name it, the first one first.
const VARIABLES: [&str; 2] = [OWN_VARIABLE, "APP_ENV"];

pub(super) const DEVELOPMENT: &str = "development";
pub(super) const PRODUCTION: &str = "production";

/// The environment by the variables, or else by how the library was built.
pub(super) fn name(variable: impl Fn(&str) -> Option<String>) -> String {
    let set = VARIABLES.into_iter().filter_map(variable);
    let named = { set }
        .map(|name| name.trim().to_owned())
        .find(|name| !name.is_empty());
    named.unwrap_or_else(|| default_name().to_owned())
}

/// Whether an environment means something without a table of its own.
#[cfg(feature = "config")]
pub(super) fn is_known(name: &str) -> bool {
    [DEVELOPMENT, PRODUCTION].contains(&name)
}

/// What is odd about an environment that a file has no table for, though it has some. Nothing about those
/// of which a file may say only what differs.
#[cfg(feature = "config")]
pub(super) fn doubt(name: &str, tables: &[String]) -> Option<String> {
    let mut names = tables.iter().map(String::as_str);
    if tables.is_empty() || is_known(name) || names.any(|table| table == name) {
        return None;
    }
    let names = tables.iter().map(String::as_str);
    let question = question(name, names.chain([DEVELOPMENT, PRODUCTION]));
    let tables = tables.join(", ");
    Some(format!(
        "no table is for the environment {name:?}{question} There are some for: {tables}"
    ))
}

fn default_name() -> &'static str {
    if cfg!(debug_assertions) {
        DEVELOPMENT
    } else {
        PRODUCTION
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_says_something_names_the_environment() {
        let check = |offloop: Option<&str>, app: Option<&str>, expected: &str| {
            let named = name(|variable| match variable {
                "OFFLOOP_ENV" => offloop.map(str::to_owned),
                "APP_ENV" => app.map(str::to_owned),
                _ => None,
            });
            assert_eq!(named, expected);
        };
        check(Some("staging"), Some("production"), "staging");
        check(None, Some(" production\n"), "production");
        check(Some(""), Some("test"), "test");
        check(None, None, default_name());
    }

    #[cfg(feature = "config")]
    #[test]
    fn an_environment_is_doubted_that_has_no_table_where_others_have_one() {
        let tables = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(doubt("staging", &[]), None);
        assert_eq!(doubt("staging", &tables(&["staging", "test"])), None);
        assert_eq!(doubt("production", &tables(&["development"])), None);
        let doubted = doubt("Production", &tables(&["test", "development"]));
        let expected = "no table is for the environment \"Production\"; did you mean \
            \"production\"? There are some for: test, development";
        assert_eq!(doubted.as_deref(), Some(expected));
        let doubted = doubt("canary", &tables(&["test"])).unwrap();
        assert!(doubted.starts_with("no table is for the environment \"canary\". "));
    }
}
