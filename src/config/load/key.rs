//! Where in a configuration a value is: `sinks.main.level`.

use std::fmt;

/// The keys on the way to a value, outermost first. The place in a list is its number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct KeyPath(Vec<String>);

impl KeyPath {
    pub(crate) fn new<'k>(keys: impl IntoIterator<Item = &'k str>) -> Self {
        KeyPath(keys.into_iter().map(str::to_owned).collect())
    }

    /// The path to what has this key there.
    pub(crate) fn with(&self, key: &str) -> Self {
        let mut path = self.clone();
        path.0.push(key.to_owned());
        path
    }

    /// The same path, seen from further out.
    pub(super) fn below(&self, outer: &KeyPath) -> Self {
        KeyPath(outer.0.iter().chain(&self.0).cloned().collect())
    }

    /// Where this path leads to from `outer` on, if it leads there at all.
    pub(super) fn within(&self, outer: &KeyPath) -> Option<KeyPath> {
        let inner = self.0.strip_prefix(outer.0.as_slice())?;
        Some(KeyPath(inner.to_vec()))
    }

    pub(super) fn prepend(&mut self, key: String) {
        self.0.insert(0, key);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it leads further than the other, and through that.
    pub(super) fn is_within(&self, outer: &KeyPath) -> bool {
        self.0.starts_with(&outer.0) && self.0.len() != outer.0.len()
    }

    /// Whether one of them leads to or through the other.
    pub(super) fn meets(&self, other: &KeyPath) -> bool {
        self.0.starts_with(&other.0) || other.0.starts_with(&self.0)
    }

    /// The path to this one, and all around it.
    pub(super) fn outwards(&self) -> impl Iterator<Item = KeyPath> {
        std::iter::successors(Some(self.clone()), KeyPath::parent)
    }

    pub(super) fn last(&self) -> Option<&str> {
        self.0.last().map(String::as_str)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The path to what this is in. `None` at the top.
    pub(super) fn parent(&self) -> Option<KeyPath> {
        let (_, outer) = self.0.split_last()?;
        Some(KeyPath(outer.to_vec()))
    }
}

/// As TOML would have it, on one line whatever the keys are.
impl fmt::Display for KeyPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, key) in self.0.iter().enumerate() {
            if place != 0 {
                formatter.write_str(".")?;
            }
            if is_bare(key) {
                formatter.write_str(key)?;
            } else {
                write!(formatter, "{key:?}")?;
            }
        }
        Ok(())
    }
}

fn is_bare(key: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !key.is_empty() && key.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_as_in_a_file() {
        let path = KeyPath::new(["sinks", "main", "level"]);
        assert_eq!(path.to_string(), "sinks.main.level");
        let path = KeyPath::new(["fields", "host.name", "", "a\nb"]);
        assert_eq!(path.to_string(), r#"fields."host.name".""."a\nb""#);
    }
}
