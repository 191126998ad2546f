//! For the tests of programs that log: that a secret gets nowhere.
//!
//! A test gives the program a made-up secret, a canary, wherever a real one would come in, and has it
//! do its work; then it asserts that the canary is in no sink, in no old file and in nothing that the
//! process would leave behind.
//!
//! ```
//! use std::time::Duration;
//! use tracing_subscriber::layer::SubscriberExt;
//! use offloop::testing::Canary;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let logs = directory.path().join("logs");
//! let memory = offloop::Memory::new();
//! let builder = offloop::builder().file(logs.join("app.jsonl")).memory(&memory);
//! // All that the program may ever log, whatever the shell that the test runs in asks for.
//! let (layer, guard) = builder.filter("trace").rust_log(false).build()?;
//! tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
//!     tracing::info!(password = "canary-7f3a9c", user = "ada", "signed in");
//! });
//! guard.flush(Duration::from_secs(5))?;
//!
//! let canary = Canary::new("canary-7f3a9c");
//! canary.assert_absent_in(&logs);
//! canary.assert_absent_in_memory(&memory);
//! canary.assert_absent_in_leftovers();
//! # Ok(())
//! # }
//! ```

mod disguise;
mod files;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use self::disguise::Disguise;
use crate::channel::arena;
use crate::sink::Memory;

/// A shorter value would be found everywhere.
const BYTES_MIN: usize = 6;

/// A value that must be in no log.
///
/// It is found as it is, and as hexadecimal digits, base64 (wherever it begins in what was encoded),
/// percent-encoded or escaped as in JSON; in compressed files, too. It is not found within anything
/// that was encrypted, hashed, or cut.
#[must_use = "a canary does nothing before something is searched for it"]
pub struct Canary {
    disguises: Vec<Disguise>,
}

/// How often files are searched that change meanwhile.
const ATTEMPTS_MAX: u32 = 20;

/// Where a canary was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The file, or `memory`.
    pub place: String,
    /// Behind how many bytes of what is in it, once that is decompressed.
    pub offset: u64,
    /// As what: `plain`, `hex`, `base64`, `percent-encoded`, `JSON`.
    pub disguise: &'static str,
}

impl fmt::Display for Sighting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sighting {
            place,
            offset,
            disguise,
        } = self;
        write!(formatter, "{place}, at {offset}: {disguise}")
    }
}

impl Canary {
    /// A value to search for. Something that is nowhere else, and no word.
    ///
    /// # Panics
    ///
    /// If it has fewer than six bytes.
    ///
    /// ```
    /// let canary = offloop::testing::Canary::new("canary-7f3a9c");
    /// # drop(canary);
    /// ```
    pub fn new(value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        assert!(
            BYTES_MIN <= value.len(),
            "a canary of fewer than {BYTES_MIN} bytes would be found by chance"
        );
        Canary {
            disguises: Disguise::all_of(value),
        }
    }

    /// Where it is in a file, or in the files in a directory and those within. Files that end with
    /// `.gz` (and `.zst`, with the feature `zstd`) are decompressed.
    ///
    /// # Errors
    ///
    /// If something there cannot be read, or there is nothing: a test that looks in the wrong place
    /// shows nothing.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let directory = tempfile::tempdir()?;
    /// # std::fs::write(directory.path().join("app.jsonl"), "a canary-7f3a9c")?;
    /// let canary = offloop::testing::Canary::new("canary-7f3a9c");
    /// let found = canary.find_in(directory.path())?;
    /// assert_eq!((found[0].offset, found[0].disguise), (2, "plain"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn find_in(&self, path: impl AsRef<Path>) -> std::io::Result<Vec<Sighting>> {
        let mut attempts = 0;
        loop {
            let mut found = Vec::new();
            let searched = files::for_each(path.as_ref(), &mut |path, content| {
                let place = path.display().to_string();
                self.look(&place, content, &mut found);
            });
            attempts += 1;
            match searched {
                Ok(()) => return Ok(found),
                // One that was being compressed may be another one by now.
                Err(error) if error.kind() == ErrorKind::NotFound && attempts < ATTEMPTS_MAX => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Where it is among the lines that a memory has.
    ///
    /// ```
    /// let canary = offloop::testing::Canary::new("canary-7f3a9c");
    /// assert_eq!(canary.find_in_memory(&offloop::Memory::new()), []);
    /// ```
    #[must_use]
    pub fn find_in_memory(&self, memory: &Memory) -> Vec<Sighting> {
        let mut found = Vec::new();
        self.look("memory", memory.text().as_bytes(), &mut found);
        found
    }

    /// Where it is in the files in which records wait: those that this process has at the moment, and
    /// those that dead ones have left, of this user, where they lie by default. Of pages that lie
    /// elsewhere, see [`Builder::crash_directory`](crate::Builder::crash_directory), search the
    /// directory with [`find_in`](Self::find_in).
    ///
    /// # Errors
    ///
    /// If one of them cannot be read.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let canary = offloop::testing::Canary::new("canary-7f3a9c");
    /// assert_eq!(canary.find_in_leftovers()?, []);
    /// # Ok(())
    /// # }
    /// ```
    pub fn find_in_leftovers(&self) -> std::io::Result<Vec<Sighting>> {
        let mut found = Vec::new();
        for directory in arena::candidates().iter().filter(|path| path.is_dir()) {
            files::for_each_present(directory, &mut |path, content| {
                let place = path.display().to_string();
                self.look(&place, content, &mut found);
            })?;
        }
        Ok(found)
    }

    /// Asserts that it is not there. See [`find_in`](Self::find_in).
    ///
    /// # Panics
    ///
    /// If it is there, and says where; and if there is nothing, or something that cannot be read.
    ///
    /// ```
    /// # let directory = tempfile::tempdir().unwrap();
    /// # std::fs::write(directory.path().join("app.jsonl"), "[redacted]").unwrap();
    /// let canary = offloop::testing::Canary::new("canary-7f3a9c");
    /// canary.assert_absent_in(directory.path());
    /// ```
    #[track_caller]
    pub fn assert_absent_in(&self, path: impl AsRef<Path>) {
        let path = path.as_ref();
        match self.find_in(path) {
            Ok(found) => assert_none(&found),
            Err(error) => panic!("search {} for a canary: {error}", path.display()),
        }
    }

    /// Asserts that it is in no line that a memory has.
    ///
    /// # Panics
    ///
    /// If it is.
    ///
    /// ```
    /// let canary = offloop::testing::Canary::new("canary-7f3a9c");
    /// canary.assert_absent_in_memory(&offloop::Memory::new());
    /// ```
    #[track_caller]
    pub fn assert_absent_in_memory(&self, memory: &Memory) {
        assert_none(&self.find_in_memory(memory));
    }

    /// Asserts that it is nowhere where records wait. See
    /// [`find_in_leftovers`](Self::find_in_leftovers).
    ///
    /// # Panics
    ///
    /// If it is, or where that cannot be found out.
    ///
    /// ```
    /// let canary = offloop::testing::Canary::new("canary-7f3a9c");
    /// canary.assert_absent_in_leftovers();
    /// ```
    #[track_caller]
    pub fn assert_absent_in_leftovers(&self) {
        match self.find_in_leftovers() {
            Ok(found) => assert_none(&found),
            Err(error) => panic!("search leftovers for a canary: {error}"),
        }
    }

    fn look(&self, place: &str, content: &[u8], found: &mut Vec<Sighting>) {
        for disguise in &self.disguises {
            let offsets = disguise.find_in(content);
            found.extend(offsets.map(|offset| Sighting {
                place: place.to_owned(),
                offset: offset as u64,
                disguise: disguise.name,
            }));
        }
    }
}

/// Without the value: what a test says is logged, too.
impl fmt::Debug for Canary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Canary").finish_non_exhaustive()
    }
}

#[track_caller]
fn assert_none(found: &[Sighting]) {
    let places: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "the canary is in {}", places.join("; "));
}
