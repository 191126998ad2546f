//! An old file known by its name alone, for those who read logs.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::name::{Form, Names, OldName};

/// A log file that has ended, as its name tells: which log it belongs to, and which of its files it
/// is.
///
/// Those of one log are in the order in which they ended. The times of the records in them say less:
/// a clock may have been set back, and records that were recovered after a crash are older than
/// those before them.
///
/// ```
/// use offloop::OldLogFile;
/// use std::path::Path;
///
/// let ninth = OldLogFile::parse("logs/app.2026-11-22T0330Z.9.jsonl").unwrap();
/// let tenth = OldLogFile::parse("logs/app.2026-11-22T0330Z.10.jsonl.gz").unwrap();
/// assert_eq!(ninth.log(), Path::new("logs/app.jsonl"));
/// assert!(ninth < tenth);
/// assert_eq!(OldLogFile::parse("logs/app.jsonl"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OldLogFile {
    log: PathBuf,
    name: OldName,
}

impl OldLogFile {
    /// What the name of a file tells. `None` for a name that no [`Rotation`](crate::Rotation) makes,
    /// and for that of a file that was not compressed to its end.
    ///
    /// The file itself is not looked at.
    #[must_use]
    pub fn parse(path: impl AsRef<Path>) -> Option<Self> {
        let (old, form) = Self::recognise(path.as_ref())?;
        (!form.is_partial()).then_some(old)
    }

    /// The same for a file that is not compressed to its end: it is being compressed, or was left so by
    /// a process that died. All that it holds is in another file. `None` for every other name.
    ///
    /// ```
    /// use offloop::OldLogFile;
    ///
    /// let partial = OldLogFile::parse_partial("logs/app.2026-11-22T0330Z.9.jsonl.gz.partial");
    /// assert_eq!(partial, OldLogFile::parse("logs/app.2026-11-22T0330Z.9.jsonl"));
    /// ```
    #[must_use]
    pub fn parse_partial(path: impl AsRef<Path>) -> Option<Self> {
        let (old, form) = Self::recognise(path.as_ref())?;
        form.is_partial().then_some(old)
    }

    fn recognise(path: &Path) -> Option<(Self, Form)> {
        let (active, name, form) = Names::recognise(path.file_name()?)?;
        let log = path.with_file_name(active);
        Some((OldLogFile { log, name }, form))
    }

    /// The path under which it was written to.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// When it ended, to the minute, and never earlier than an older one.
    #[must_use]
    pub fn ended(&self) -> SystemTime {
        self.name.ended().into()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn names_tell_the_log_the_order_and_the_end() {
        let first = OldLogFile::parse("/a/app.1970-01-01T0001Z.2.jsonl.zst").unwrap();
        assert_eq!(first.log(), Path::new("/a/app.jsonl"));
        assert_eq!(
            first.ended(),
            SystemTime::UNIX_EPOCH + Duration::from_secs(60)
        );
        let of_other = OldLogFile::parse("/b/app.1970-01-01T0001Z.2.jsonl").unwrap();
        assert_ne!(first.log(), of_other.log());
        let partial = "/a/app.1970-01-01T0001Z.2.jsonl.gz.partial";
        assert_eq!(OldLogFile::parse(partial), None);
        assert_eq!(OldLogFile::parse_partial(partial), Some(first));
        for none in ["/", "/a/app.jsonl", "/a/app.jsonl.gz.partial"] {
            assert_eq!(OldLogFile::parse(none), None);
            assert_eq!(OldLogFile::parse_partial(none), None);
        }
    }
}
