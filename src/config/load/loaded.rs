//! What was read, and where each value comes from.

use std::fmt;
use std::path::{Path, PathBuf};

use config_rs::{Map, Value};

use super::key::KeyPath;
use super::layer::{ConfigSource, Layers};
use super::read::find;
use crate::config::Config;
use crate::filter;

/// A configuration, and where each of its values comes from.
#[derive(Clone)]
pub struct LoadedConfig {
    pub(super) config: Config,
    pub(super) environment: String,
    pub(super) environments: Vec<String>,
    pub(super) path: Option<PathBuf>,
    pub(super) layers: Layers,
    pub(super) values: Map<String, Value>,
    /// What overrides `level` when the pipeline starts.
    pub(super) rust_log: Option<String>,
}

/// One value of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigSetting {
    /// `sinks.main.level`
    pub key: String,
    /// As it would stand in a file: `"debug"`.
    pub value: String,
    /// Who says so.
    pub source: ConfigSource,
}

impl LoadedConfig {
    /// The configuration itself.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The same, for keeps.
    #[must_use]
    pub fn into_config(self) -> Config {
        self.config
    }

    /// The environment that was chosen.
    #[must_use]
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// The environments that the file has tables for.
    #[must_use]
    pub fn environments(&self) -> &[String] {
        &self.environments
    }

    /// The file that was read, if there was one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Every value that holds, with its source. Those that are not set and have no default are left
    /// out.
    ///
    /// ```
    /// # fn main() -> Result<(), offloop::Error> {
    /// let loader = offloop::ConfigLoader::new().text(r#"level = "debug""#);
    /// let loaded = loader.variables([("OFFLOOP__BUDGET", "1 MiB")]).load()?;
    /// let settings = loaded.settings();
    /// let said: Vec<_> = { settings.iter().take(4) }
    ///     .map(|setting| format!("{} = {} ({})", setting.key, setting.value, setting.source))
    ///     .collect();
    /// assert_eq!(said, [
    ///     r#"level = "debug" (text:1:9)"#,
    ///     r#"rust_log = true (default)"#,
    ///     r#"overflow = "drop_newest" (default)"#,
    ///     r#"budget = "1 MiB" (OFFLOOP__BUDGET)"#,
    /// ]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn settings(&self) -> Vec<ConfigSetting> {
        let mut settings = Vec::new();
        // A value that TOML has no words for cannot have been read from it.
        if let Ok(table) = toml::Table::try_from(&self.config) {
            self.collect(&KeyPath::default(), &table, &mut settings);
        }
        let level = settings.iter_mut().find(|setting| setting.key == "level");
        if let Some((level, directives)) = level.zip(self.rust_log.as_deref()) {
            level.value = toml::Value::from(directives).to_string();
            level.source = ConfigSource::Variable {
                name: filter::ENVIRONMENT_VARIABLE.to_owned(),
            };
        }
        settings
    }

    fn collect(&self, path: &KeyPath, table: &toml::Table, settings: &mut Vec<ConfigSetting>) {
        for (key, value) in table {
            let path = path.with(key);
            match value {
                toml::Value::Table(table) if !table.is_empty() => {
                    self.collect(&path, table, settings);
                }
                _ => settings.push(ConfigSetting {
                    key: path.to_string(),
                    value: value.to_string(),
                    source: self.source(&path),
                }),
            }
        }
    }

    /// Where the value at a path comes from. What is written as one value may have been read from
    /// one around it: `format = "json"`.
    fn source(&self, path: &KeyPath) -> ConfigSource {
        let said = path
            .outwards()
            .find_map(|path| Some((find(&self.values, &path)?, path)));
        let source = said.and_then(|(value, found)| {
            let is_whole = found == *path || value.origin().is_some();
            let layer = self.layers.layer_of(&found, value).filter(|_| is_whole)?;
            layer.source_of_value(&found)
        });
        source.unwrap_or(ConfigSource::Default)
    }
}

/// Without what was read word for word, which may have keys in it.
impl fmt::Debug for LoadedConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LoadedConfig")
            .field("config", &self.config)
            .field("environment", &self.environment)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
