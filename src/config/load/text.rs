//! A configuration file's text, and where in it what stands.

use std::path::PathBuf;

use super::layer::ConfigSource;

#[derive(Debug)]
pub(super) struct Text {
    path: PathBuf,
    content: String,
}

impl Text {
    pub(super) fn new(path: PathBuf, content: String) -> Self {
        Text { path, content }
    }

    /// One that comes from no file.
    pub(super) fn unnamed(content: &str) -> Self {
        Text::new(PathBuf::from("text"), content.to_owned())
    }

    pub(super) fn content(&self) -> &str {
        &self.content
    }

    /// Where the byte at this offset is, as an editor counts.
    pub(super) fn source(&self, offset: usize) -> ConfigSource {
        let before = self.content.get(..offset).unwrap_or(&self.content);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        ConfigSource::File {
            path: self.path.clone(),
            line: 1 + before.matches('\n').count(),
            column: 1 + before[line_start..].chars().count(),
        }
    }
}
