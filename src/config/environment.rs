//! Which environment a program runs in: development, production, or any other by its name.

/// The variables that name it, the first one first.
const VARIABLES: [&str; 2] = ["OFFLOOP_ENV", "APP_ENV"];

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
}
