//! A sink that is a file: who may read it, when it ends, what becomes of it then, when it is on the
//! disk.

use super::{Kind, Sink};
use crate::config::Rotation;
use crate::config::units::Written;
use crate::drain::sync::SyncPolicy;
use crate::sink::{Compression, FILE_MODE, Retention};

/// What the next start needs to go on with the file: to read it and to write to it.
const OWNER_BITS: u32 = 0o600;

/// The permissions of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode(pub(super) u32);

impl Default for Mode {
    fn default() -> Self {
        Mode(FILE_MODE)
    }
}

impl Mode {
    pub(super) fn is_default(&self) -> bool {
        *self == Mode::default()
    }
}

impl Written for Mode {
    const ALLOWED: &'static str =
        "the permissions of a file that its owner can read and write, such as \"0640\" or 0o640";

    fn from_text(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0o").unwrap_or(text);
        let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = u64::from_str_radix(digits, 8).ok();
        number.filter(|_| are_digits).and_then(Mode::from_number)
    }

    fn from_number(number: u64) -> Option<Self> {
        let mode = u32::try_from(number).ok().map(Mode);
        mode.filter(|mode| mode.0 <= 0o777 && mode.0 & OWNER_BITS == OWNER_BITS)
    }

    fn to_text(&self) -> String {
        format!("{:04o}", self.0)
    }
}

impl Sink {
    /// Sets the mode of files that this sink creates, less what the umask takes away. Defaults to
    /// 0640: read and write for the owner, read for the group. The owner may read and write in any
    /// case, since the next start does both, and bits beyond 0777 are left out (a file that says either
    /// is refused). A file that exists keeps its mode. Without effect on sinks that are no files.
    ///
    /// ```
    /// let sink = offloop::Sink::file("logs/app.jsonl").mode(0o600);
    /// # drop(sink);
    /// ```
    pub fn mode(mut self, mode: u32) -> Self {
        if self.kind == Kind::File {
            self.mode = Mode(mode & 0o777 | OWNER_BITS);
        }
        self
    }

    /// Sets when a file ends and the next begins. By default only on demand. Without effect on sinks
    /// that are no files.
    ///
    /// ```
    /// use offloop::{Rotation, Sink};
    ///
    /// let sink = Sink::file("logs/app.jsonl").rotation(Rotation::daily().at_bytes(256 << 20));
    /// # drop(sink);
    /// ```
    pub fn rotation(mut self, rotation: Rotation) -> Self {
        if self.kind == Kind::File {
            self.rotation = rotation;
        }
        self
    }

    /// Sets which old files are kept. By default all. Without effect on sinks that are no files.
    ///
    /// ```
    /// use offloop::{Retention, Rotation, Sink};
    ///
    /// let sink = Sink::file("logs/app.jsonl")
    ///     .rotation(Rotation::daily())
    ///     .retention(Retention::all().files_max(30));
    /// # drop(sink);
    /// ```
    pub fn retention(mut self, retention: Retention) -> Self {
        if self.kind == Kind::File {
            self.retention = retention;
        }
        self
    }

    /// Has old files compressed. By default they stay as they are. Without effect on sinks that
    /// are no files.
    ///
    /// ```
    /// use offloop::{Compression, Rotation, Sink};
    ///
    /// let sink = Sink::file("logs/app.jsonl")
    ///     .rotation(Rotation::daily())
    ///     .compression(Compression::Gzip);
    /// # drop(sink);
    /// ```
    pub fn compression(mut self, compression: Compression) -> Self {
        if self.kind == Kind::File {
            self.compression = Some(compression);
        }
        self
    }

    /// Sets when lines are forced to the disk. Defaults to [`SyncPolicy::Never`]: only on request.
    ///
    /// If a sync fails, the system may have lost any of the lines since the last one, and would not
    /// say so a second time. So the file is not written to any more: it is set aside under the name
    /// of an old file (`app.2026-11-22T0330Z.1.jsonl`), and a new one begins with a record
    /// (target `offloop`, message `sync failed`, with the error and the number of `lines`), the
    /// lines since the last sync once more, and another record (`end of lines written again`).
    /// Between these two, and nowhere else, a line may stand that another file has as well.
    /// If the new file cannot be synced either, the next one has all of that once more: `lines` says
    /// how many lines to skip, notices among them.
    /// With `Never`, lines are not kept, so there are none to write again. Whoever waits for
    /// one of these lines to be on the disk is given an error. Where files cannot be renamed, since
    /// the directory is read-only or the file is mounted on its own, all of that is written to the
    /// same file after a second, and is [said](crate::Builder::on_error): a directory that refuses
    /// the one refuses new files as well, or keeps them where nobody looks. What was written before
    /// the failed sync is not believed even then.
    ///
    /// A sink without a disk of its own does not care: standard output, a FIFO, a writer, memory.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let every_second = offloop::SyncPolicy::Every(Duration::from_secs(1));
    /// let sink = offloop::Sink::file("logs/app.jsonl").sync(every_second);
    /// # drop(sink);
    /// ```
    pub fn sync(mut self, policy: SyncPolicy) -> Self {
        if self.kind == Kind::File {
            self.sync = policy;
        }
        self
    }
}
