//! The builder: how records wait for their writers.

use std::path::PathBuf;
use std::time::Duration;

use super::Builder;
use crate::channel::overflow::Overflow;
use crate::config::{BUDGET_BYTES_MAX, BUDGET_BYTES_MIN, WRITE_DELAY_MAX, WRITE_DELAY_MIN};

impl Builder {
    /// Sets what happens to a record that finds the memory budget used up.
    ///
    /// Defaults to [`Overflow::DropNewest`]: the caller never waits, and what is dropped is counted
    /// and reported in the log.
    ///
    /// ```
    /// let at_most = std::time::Duration::from_secs(1);
    /// let builder = offloop::builder().overflow(offloop::Overflow::Block { at_most });
    /// # drop(builder);
    /// ```
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.config.overflow = overflow;
        self
    }

    /// Sets how much memory records may take while they wait to be written, in bytes.
    ///
    /// Memory is taken on demand and reused; a program that keeps up with its log never touches
    /// most of it. The last eighth is kept for `WARN` and `ERROR`. When the budget is used up,
    /// [`Overflow`] decides. Defaults to 64 MiB; less than 64 KiB counts as that, and so does more than
    /// 64 GiB (a file that says either is refused).
    ///
    /// # Pages
    ///
    /// Records wait in pages: 1/128 of the budget, rounded down to a power of two, from 1 KiB to 32
    /// KiB (more only above 4 GiB). Each thread that logs holds one of them, so a budget below a few
    /// hundred KiB suits only programs with few threads.
    ///
    /// Writers keep eight pages ready, or as many as were taken since they last looked, and what was
    /// needed lately is given back within seconds. A burst that takes more pages than are there has
    /// the threads that log make them: one or two system calls for each page, and the first touch of
    /// its memory.
    ///
    /// A record larger than a page gets one of its own size, which is made for it and given back
    /// each time. Where such records are frequent, a larger budget has larger pages.
    ///
    /// ```
    /// let builder = offloop::builder().budget(16 << 20);
    /// # drop(builder);
    /// ```
    pub fn budget(mut self, bytes: usize) -> Self {
        self.config.budget = bytes.clamp(BUDGET_BYTES_MIN, BUDGET_BYTES_MAX);
        self
    }

    /// Sets how long the writer may leave a record alone while the program is quiet.
    ///
    /// Log calls never wake the writer for a record; it looks by itself, every 5 ms while records
    /// come, and after a while without any at this interval. Shorter means sooner in the file, and
    /// more wake-ups of an idle program. Defaults to 50 ms, which is 20 wake-ups a second at most;
    /// between 100 µs and 10 s, of which the nearer is taken for what lies beyond (a file that says so
    /// is refused).
    ///
    /// ```
    /// let builder = offloop::builder().write_delay(std::time::Duration::from_millis(1));
    /// # drop(builder);
    /// ```
    pub fn write_delay(mut self, delay: Duration) -> Self {
        self.config.write_delay = delay.clamp(WRITE_DELAY_MIN, WRITE_DELAY_MAX);
        self
    }

    /// Sets whether records that wait for a file outlive the process, should that be killed: by
    /// SIGKILL, by the system for want of memory, by `abort`, by a fault; or should another program take
    /// its place by `exec`, unless [`flush`](crate::Guard::flush) was called before.
    ///
    /// They wait in memory either way. If this is on, it is that of a file on a tmpfs, which costs a
    /// log call nothing and takes no more than the [budget](Builder::budget). The next start with
    /// the same sink, or the next forked child that logs to it, writes what is found there. It does not outlive the machine, and nothing is left
    /// of it after an orderly end, unless threads were still logging at that moment: a start tells their
    /// last records from those of a process that was killed. What other programs left, and have not taken up for an hour, is
    /// [said](Builder::on_error) once by each start: it keeps its memory until they start again, or
    /// [`recover`](crate::recover) is called.
    ///
    /// Defaults to on if there is a file among the sinks, the budget is at least 1 MiB, and the
    /// system has a tmpfs. Where it is asked for and cannot be, or where the tmpfs has no room (now or
    /// later), records wait on the heap instead, and that is [said](Builder::on_error);
    /// [`SinkStats::crash_safety`](crate::SinkStats) tells for each sink.
    ///
    /// ```
    /// let builder = offloop::builder().file("logs/app.jsonl").crash_safe(false);
    /// # drop(builder);
    /// ```
    pub fn crash_safe(mut self, is_wanted: bool) -> Self {
        self.config.crash_safe = Some(is_wanted);
        self
    }

    /// Sets in which directory records wait that are to outlive the process: see
    /// [`crash_safe`](Builder::crash_safe).
    ///
    /// It must be on a tmpfs, belong to this user, and be open to nobody else (mode 0700); it is
    /// created if its parent exists. The next start must be told the same directory. Defaults to
    /// `/dev/shm/offloop-<user number>`, or where that cannot be used to `$XDG_RUNTIME_DIR/offloop`,
    /// which goes away with the user's session. A start looks for what was left in both, and in
    /// `/run/user/<user number>/offloop` whatever the variable says: see
    /// [`leftover_directories`](crate::leftover_directories).
    ///
    /// Where systemd's logind has `RemoveIPC=yes`, which is its default, it empties `/dev/shm` of what
    /// belongs to a user when his last session ends; root and users of the system's own services are
    /// spared. A program that is to go on after a login of that kind needs another directory, or a
    /// user with lingering. One whose pages are removed while it runs [says](Builder::on_error) so.
    ///
    /// ```
    /// let builder = offloop::builder().file("logs/app.jsonl").crash_directory("/run/app/log");
    /// # drop(builder);
    /// ```
    pub fn crash_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.config.crash_directory = Some(directory.into());
        self
    }
}
