//! Standard output and error, by their descriptors.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::Sink;
use super::descriptor::{LineWriter, wait_for_room};

/// Descriptor 1 or 2.
///
/// Not `std::io::stdout()`: its lock may be held by a thread that a forked child does not have, and
/// it would keep lines back. The descriptor is not ours: neither its flags are changed, nor is it
/// closed.
#[derive(Debug)]
pub(super) struct StdioSink {
    name: &'static str,
    descriptor: BorrowedFd<'static>,
    lines: LineWriter,
}

impl StdioSink {
    pub(super) fn stdout() -> StdioSink {
        StdioSink::new("stdout", rustix::stdio::stdout())
    }

    pub(super) fn stderr() -> StdioSink {
        StdioSink::new("stderr", rustix::stdio::stderr())
    }

    fn new(name: &'static str, descriptor: BorrowedFd<'static>) -> StdioSink {
        StdioSink {
            name,
            descriptor,
            lines: LineWriter::default(),
        }
    }
}

impl Sink for StdioSink {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.lines.write(self.descriptor, lines)
    }

    fn wait_for_room(&mut self, at_most: Duration) {
        wait_for_room(Some(self.descriptor), at_most);
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn name(&self) -> &str {
        self.name
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use crate::sink::Target;

    use super::*;

    /// Says that the process is the one which `stdout_and_stderr_are_written_to` starts.
    const WRITES: &str = "OFFLOOP_TEST_WRITES_TO_STDIO";

    #[test]
    fn stdout_and_stderr_are_written_to() {
        if std::env::var_os(WRITES).is_some() {
            return write_to_both();
        }
        let output = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "sink::stdio::tests::stdout_and_stderr_are_written_to",
            ])
            .env(WRITES, "1")
            .output()
            .unwrap();
        assert!(output.status.success());
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stdout.contains("\nstdout\nstdout, child\n"), "{stdout}");
        assert!(stderr.contains("stderr\nstderr, child\n"), "{stderr}");
    }

    fn write_to_both() {
        for mut target in [Target::Stdout, Target::Stderr] {
            assert!(!target.is_terminal());
            let mut sink = target.open().unwrap();
            let name = sink.name().to_owned();
            sink.wait_for_room(Duration::MAX);
            sink.write(format!("{name}\n").as_bytes()).unwrap();
            sink.flush().unwrap();
            drop(sink);
            let mut sink = target.open_in_child().unwrap();
            sink.write(format!("{name}, child\n").as_bytes()).unwrap();
        }
    }
}
