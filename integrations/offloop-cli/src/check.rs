//! `offloop check`: is a configuration right, and what holds by it.

use std::path::Path;

use offloop::{ConfigError, ConfigLoader, ConfigProblem, Error, LoadedConfig};
use serde_json::{Value, json};

use crate::Outcome;
use crate::arguments::Check;
use crate::tell::{self, harmless};

/// What the commands themselves are built with says nothing of programs that are in production.
const ENVIRONMENT: &str = "production";

pub(crate) fn run(arguments: &Check) -> Outcome {
    match loader(arguments.file.as_deref(), arguments.env.as_deref()).load() {
        Ok(loaded) => {
            if arguments.json {
                tell::answer(as_json(&loaded));
            } else {
                tell::answer(as_toml(&loaded));
            }
            Outcome::Whole
        }
        Err(Error::Config(error)) => {
            if arguments.json {
                tell::answer(problems_as_json(&error));
            } else {
                tell::trouble(problems_as_text(&error));
            }
            Outcome::Wanting
        }
        Err(error) => {
            tell::trouble(error);
            Outcome::Failed
        }
    }
}

/// What a program would read.
pub(crate) fn loader(file: Option<&Path>, environment: Option<&str>) -> ConfigLoader {
    let mut loader = ConfigLoader::new();
    if let Some(file) = file {
        loader = loader.file(file);
    }
    match environment {
        Some(name) => loader.environment(name),
        None if is_named() => loader,
        None => loader.environment(ENVIRONMENT),
    }
}

/// Whether a variable names the environment.
fn is_named() -> bool {
    let is_set = |name| std::env::var(name).is_ok_and(|value| !value.trim().is_empty());
    is_set("OFFLOOP_ENV") || is_set("APP_ENV")
}

fn as_toml(loaded: &LoadedConfig) -> String {
    let settings = loaded.settings();
    let lines: Vec<_> = { settings.iter() }
        .map(|setting| format!("{} = {}", setting.key, setting.value))
        .collect();
    let width = lines.iter().map(|line| line.chars().count()).max();
    let width = width.unwrap_or_default();
    let mut text = introduction(loaded);
    for (line, setting) in lines.iter().zip(&settings) {
        let source = harmless(&setting.source.to_string());
        text += &format!("\n{line:width$}  # {source}");
    }
    text
}

/// What was read, as comments.
fn introduction(loaded: &LoadedConfig) -> String {
    let environment = harmless(loaded.environment());
    let file = match loaded.path() {
        Some(path) => harmless(&path.to_string_lossy()),
        None => "no file".to_owned(),
    };
    let mut text = format!("# {file}, environment {environment}");
    let environments = loaded.environments();
    if !environments.is_empty() && !environments.iter().any(|name| name == loaded.environment()) {
        let environments = harmless(&environments.join(", "));
        text +=
            &format!("\n# It has no table for this environment. It has some for: {environments}");
    }
    if !loaded
        .settings()
        .iter()
        .any(|setting| setting.key.starts_with("sinks."))
    {
        text += "\n# No sink is described. Records go to standard output";
    }
    text
}

fn as_json(loaded: &LoadedConfig) -> Value {
    let settings = loaded.settings();
    let settings = settings.iter().map(|setting| {
        json!({
            "key": setting.key,
            "value": setting.value,
            "source": setting.source.to_string(),
        })
    });
    json!({
        "right": true,
        "file": loaded.path().map(|path| path.to_string_lossy()),
        "environment": loaded.environment(),
        "settings": Vec::from_iter(settings),
    })
}

pub(crate) fn problems_as_text(error: &ConfigError) -> String {
    let problems = error.problems().iter();
    let lines = problems.map(|problem| harmless(&problem.to_string()));
    Vec::from_iter(lines).join("\noffloop: ")
}

fn problems_as_json(error: &ConfigError) -> Value {
    let problem = |problem: &ConfigProblem| {
        json!({
            "source": problem.source().to_string(),
            "key": problem.key(),
            "message": problem.message(),
        })
    };
    json!({
        "right": false,
        "problems": Vec::from_iter(error.problems().iter().map(problem)),
    })
}
