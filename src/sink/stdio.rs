//! Standard output and error, by their descriptors.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::Sink;
use super::descriptor::{DescriptorWriter, is_nameless, wait_for_room};

/// Descriptor 1 or 2.
///
/// Not `std::io::stdout()`: its lock may be held by a thread that a forked child does not have, and
/// it would keep lines back. The descriptor is not ours: neither its flags are changed, nor is it
/// closed.
#[derive(Debug)]
pub(super) struct StdioSink {
    descriptor: BorrowedFd<'static>,
    lines: DescriptorWriter,
}

impl StdioSink {
    pub(super) fn stdout() -> StdioSink {
        StdioSink::new(rustix::stdio::stdout())
    }

    pub(super) fn stderr() -> StdioSink {
        StdioSink::new(rustix::stdio::stderr())
    }

    fn new(descriptor: BorrowedFd<'static>) -> StdioSink {
        StdioSink {
            descriptor,
            lines: DescriptorWriter::default(),
        }
    }
}

impl Sink for StdioSink {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.lines.write(self.descriptor, lines)
    }

    fn has_lost_reader(&mut self, error: &io::Error) -> bool {
        let is_lost = error.kind() == io::ErrorKind::BrokenPipe && is_nameless(self.descriptor);
        if is_lost {
            self.lines = DescriptorWriter::default();
        }
        is_lost
    }

    fn wait_for_room(&mut self, at_most: Duration) {
        wait_for_room(Some(self.descriptor), at_most);
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says on stderr, in one line, what the pipeline has to say about itself. If stderr has no room at
/// this moment, it stays unsaid: a complaint must not hold up the records.
pub(crate) fn complain_on_stderr(complaint: &str) {
    complain(rustix::stdio::stderr(), complaint);
}

fn complain(to: BorrowedFd<'_>, complaint: &str) {
    let line = format!("offloop: {}\n", complaint.replace(char::is_control, " "));
    // Should this fail too, nobody is left to hear of it.
    let _ = DescriptorWriter::default().write(to, line.as_bytes());
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::{AsFd, AsRawFd};

    use super::*;

    #[test]
    fn stdout_and_stderr_are_the_descriptors_1_and_2() {
        assert_eq!(StdioSink::stdout().descriptor.as_raw_fd(), 1);
        assert_eq!(StdioSink::stderr().descriptor.as_raw_fd(), 2);
    }

    #[test]
    fn a_complaint_is_one_line_and_stays_unsaid_where_there_is_no_room() {
        let (mut reader, writer) = io::pipe().unwrap();
        complain(writer.as_fd(), "file a\nb: no\u{1b}[m space");
        let expected = b"offloop: file a b: no [m space\n";
        let mut bytes = vec![0; expected.len()];
        reader.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, expected);

        while DescriptorWriter::default()
            .write(writer.as_fd(), b"full\n")
            .is_ok()
        {}
        complain(writer.as_fd(), "unsaid");
        drop(writer);
        assert!(!io::read_to_string(reader).unwrap().contains("unsaid"));
    }

    #[test]
    fn lines_are_written_at_once_and_the_descriptor_stays_open() {
        let (mut reader, writer) = io::pipe().unwrap();
        // The descriptors of the process live for ever, and so does this one.
        let writer: &'static io::PipeWriter = Box::leak(Box::new(writer));
        for _ in 0..2 {
            let mut sink = StdioSink::new(writer.as_fd());
            sink.wait_for_room(Duration::MAX);
            assert_eq!(sink.write(b"a\n").unwrap(), 2);
            let mut bytes = [0; 2];
            reader.read_exact(&mut bytes).unwrap();
            assert_eq!(&bytes, b"a\n");
            sink.flush().unwrap();
        }
    }
}
