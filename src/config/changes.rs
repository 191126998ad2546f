//! What a reload has changed.

use serde_json::Value;

use super::Config;

/// In place of what nobody is to read in a log.
const SECRET: &str = "[redacted]";

/// The settings that a [reload](crate::Guard::reload) has changed.
///
/// ```
/// # fn main() -> Result<(), offloop::Error> {
/// # let memory = offloop::Memory::new();
/// let builder = || offloop::builder().memory(&memory);
/// let (_layer, guard) = builder().build::<tracing_subscriber::Registry>()?;
/// let changes = guard.reload(builder().filter("debug"))?;
/// let change = changes.iter().next().unwrap();
/// assert_eq!(change.setting(), "level");
/// assert_eq!((change.before(), change.after()), (Some("info"), Some("debug")));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(Vec<Change>);

/// A setting, and what it was and is.
///
/// See [`Changes`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    setting: String,
    before: Option<String>,
    after: Option<String>,
}

impl Changes {
    /// Compares all settings by their written form.
    pub(crate) fn between(before: &Config, after: &Config) -> Self {
        let (before, after) = (settings(before), settings(after));
        let find = |settings: &[(String, String)], name: &str| {
            let setting = settings.iter().find(|(setting, _)| setting == name);
            setting.map(|(_, value)| value.clone())
        };
        let mut changes = Vec::new();
        for (setting, value) in &before {
            let after = find(&after, setting);
            if after.as_ref() != Some(value) {
                changes.push(Change::new(setting, Some(value.clone()), after));
            }
        }
        for (setting, value) in after {
            if find(&before, &setting).is_none() {
                changes.push(Change::new(&setting, None, Some(value)));
            }
        }
        Changes(changes)
    }

    /// One after the other.
    pub fn iter(&self) -> std::slice::Iter<'_, Change> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether everything is as it was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'c> IntoIterator for &'c Changes {
    type Item = &'c Change;
    type IntoIter = std::slice::Iter<'c, Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Change {
    fn new(setting: &str, before: Option<String>, after: Option<String>) -> Self {
        let shown = |value: String| {
            if is_secret(setting) {
                SECRET.to_owned()
            } else {
                value
            }
        };
        Change {
            setting: setting.to_owned(),
            before: before.map(shown),
            after: after.map(shown),
        }
    }

    /// Which setting, as a configuration file has it: `sinks.main.level`.
    #[must_use]
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// What it was. `None` where it was not set.
    #[must_use]
    pub fn before(&self) -> Option<&str> {
        self.before.as_deref()
    }

    /// What it is.
    #[must_use]
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }
}

/// Keys of hashes and the like.
fn is_secret(setting: &str) -> bool {
    let name = setting.rsplit('.').next().unwrap_or_default();
    ["key", "secret", "salt"]
        .iter()
        .any(|secret| name.ends_with(secret))
}

/// All settings by their paths, with their values in words.
fn settings(config: &Config) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    // What cannot be written has no settings to tell of.
    let value = serde_json::to_value(config).unwrap_or_default();
    collect(String::new(), &value, &mut settings);
    settings
}

fn collect(path: String, value: &Value, settings: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let separator = if path.is_empty() { "" } else { "." };
                collect(format!("{path}{separator}{name}"), value, settings);
            }
        }
        Value::String(text) => settings.push((path, text.clone())),
        other => settings.push((path, other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_were_added_changed_and_removed_are_told_by_their_paths() {
        let before = crate::builder().stdout().filter("info");
        let after = crate::builder().stderr().filter("debug").budget(1 << 20);
        let changes = Changes::between(before.config(), after.config());
        let told: Vec<_> = changes
            .iter()
            .map(|change| (change.setting(), change.before(), change.after()))
            .collect();
        assert!(
            told.contains(&("level", Some("info"), Some("debug"))),
            "{told:?}"
        );
        assert!(
            told.contains(&("sinks.stdout.kind", Some("stdout"), None)),
            "{told:?}"
        );
        assert!(
            told.contains(&("sinks.stderr.kind", None, Some("stderr"))),
            "{told:?}"
        );
        assert_eq!(changes.len(), 4, "{told:?}");
    }

    #[test]
    fn what_is_secret_is_not_told() {
        let change = Change::new("redaction.hash_key", Some("old".into()), Some("new".into()));
        assert_eq!(
            (change.before(), change.after()),
            (Some(SECRET), Some(SECRET))
        );
    }
}
