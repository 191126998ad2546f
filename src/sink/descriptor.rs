//! Lines into a descriptor, so that a slow one seldom holds the thread and a shared one is not
//! torn.
//!
//! A regular file takes a batch at once. Everything else (a pipe, a socket, a terminal) may be
//! full, and other processes may write to it as well. Therefore:
//!
//! - One write carries at most `PIPE_BUF` bytes, which the system puts into a pipe in one piece,
//!   and it carries whole records. One that is longer goes alone, in pieces: there, another
//!   process may come between, and nothing can be done about that.
//! - `poll` is asked before each write. A pipe that it calls writable takes `PIPE_BUF` bytes
//!   without blocking, unless another process is faster. Setting `O_NONBLOCK` would be certain, but
//!   it belongs to all who share the descriptor, and they would meet errors that they do not
//!   expect.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{FileType, Stat};
use rustix::io::retry_on_intr;
use rustix::pipe::PIPE_BUF;

use super::lines::{first_len, whole_len};

/// Writes lines to a descriptor, and knows whether it stopped within a record.
#[derive(Debug, Default)]
pub(super) struct DescriptorWriter {
    /// Whether the last byte that was accepted is not the end of a record.
    mid_record: bool,
}

impl DescriptorWriter {
    /// Writes the beginning of `lines`, in one write(2).
    pub(super) fn write(&mut self, to: BorrowedFd<'_>, lines: &[u8]) -> io::Result<usize> {
        // Asked each time, because a daemon may replace its stdout at any time.
        let piece = if is_regular_file(to)? {
            lines
        } else if has_room(to, Duration::ZERO)? {
            self.first_piece(lines)
        } else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let accepted = retry_on_intr(|| rustix::io::write(to, piece))?;
        if accepted == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.mid_record = whole_len(lines, accepted) != accepted;
        Ok(accepted)
    }

    /// Gives up the rest of the record that was accepted in part, if there is one, and says how many
    /// bytes of `lines` that is.
    pub(super) fn give_up_rest(&mut self, lines: &[u8]) -> Option<usize> {
        std::mem::take(&mut self.mid_record).then(|| first_len(lines, lines.len()))
    }

    /// What one write to a pipe may carry: as many whole records as fit, but the rest of a record that
    /// was begun, and one that does not fit, alone.
    fn first_piece<'a>(&self, lines: &'a [u8]) -> &'a [u8] {
        if self.mid_record {
            return &lines[..first_len(lines, PIPE_BUF)];
        }
        match whole_len(lines, PIPE_BUF) {
            0 => &lines[..lines.len().min(PIPE_BUF)],
            whole => &lines[..whole],
        }
    }
}

/// Waits until the descriptor may take bytes or has an error to tell, `at_most` that long. Without
/// a descriptor, there is nothing but the time to wait for.
pub(super) fn wait_for_room(descriptor: Option<BorrowedFd<'_>>, at_most: Duration) {
    // Should `poll` fail, the next write says what is wrong.
    let _ = match descriptor {
        Some(descriptor) => has_room(descriptor, at_most),
        None => poll(&mut [], at_most),
    };
}

/// Whether nobody can open the other end anew, once it is closed: a pipe between two processes, or a
/// socket, but not a FIFO, which has a name.
pub(super) fn is_nameless(descriptor: BorrowedFd<'_>) -> bool {
    let Ok(found) = rustix::fs::fstat(descriptor) else {
        return false;
    };
    match FileType::from_raw_mode(found.st_mode) {
        FileType::Socket => true,
        FileType::Fifo => is_pipe(descriptor, &found),
        _ => false,
    }
}

/// Whether it lies where the kernel keeps its pipes, and no directory leads to.
#[cfg(target_os = "linux")]
fn is_pipe(descriptor: BorrowedFd<'_>, _: &Stat) -> bool {
    const PIPEFS_MAGIC: i64 = 0x5049_5045;
    #[allow(
        clippy::unnecessary_cast,
        reason = "the type differs between architectures"
    )]
    rustix::fs::fstatfs(descriptor).is_ok_and(|found| found.f_type as i64 == PIPEFS_MAGIC)
}

/// Whether no directory leads to it.
#[cfg(not(target_os = "linux"))]
fn is_pipe(_: BorrowedFd<'_>, found: &Stat) -> bool {
    found.st_nlink == 0
}

fn has_room(descriptor: BorrowedFd<'_>, at_most: Duration) -> io::Result<bool> {
    // A reader that went away shows as an error flag, not as room: it is for the write to find out.
    poll(
        &mut [PollFd::from_borrowed_fd(descriptor, PollFlags::OUT)],
        at_most,
    )
}

fn poll(descriptors: &mut [PollFd<'_>], at_most: Duration) -> io::Result<bool> {
    // A time that does not fit into the system's own type is as good as for ever.
    let at_most = Timespec::try_from(at_most).ok();
    let ready = retry_on_intr(|| rustix::event::poll(descriptors, at_most.as_ref()))?;
    Ok(0 < ready)
}

fn is_regular_file(descriptor: BorrowedFd<'_>) -> io::Result<bool> {
    let mode = rustix::fs::fstat(descriptor)?.st_mode;
    Ok(FileType::from_raw_mode(mode).is_file())
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, PipeWriter, Read};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;
    use std::thread;

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

    use super::*;

    const FOR_EVER: Duration = Duration::MAX;

    fn line(len: usize) -> Vec<u8> {
        let mut line = vec![b'x'; len - 1];
        line.push(b'\n');
        line
    }

    /// A pipe that holds as little as the system allows.
    fn small_pipe() -> (PipeReader, PipeWriter) {
        let (reader, writer) = io::pipe().unwrap();
        #[cfg(target_os = "linux")]
        rustix::pipe::fcntl_setpipe_size(&writer, PIPE_BUF).unwrap();
        (reader, writer)
    }

    fn set_nonblocking(descriptor: impl AsFd) {
        let flags = fcntl_getfl(&descriptor).unwrap();
        fcntl_setfl(&descriptor, flags | OFlags::NONBLOCK).unwrap();
    }

    /// Writes until there is no room, and says how much that was.
    fn fill(lines: &mut DescriptorWriter, to: BorrowedFd<'_>) -> usize {
        let mut filled = 0;
        loop {
            match lines.write(to, &line(100)) {
                Ok(accepted) => filled += accepted,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    return filled;
                }
            }
        }
    }

    fn write_all(lines: &mut DescriptorWriter, to: BorrowedFd<'_>, mut rest: &[u8]) {
        while !rest.is_empty() {
            match lines.write(to, rest) {
                Ok(accepted) => rest = &rest[accepted..],
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    wait_for_room(Some(to), FOR_EVER);
                }
            }
        }
    }

    #[track_caller]
    fn check_first_piece(mid_record: bool, lines: &[&[u8]], expected: usize) {
        let piece_len = DescriptorWriter { mid_record }
            .first_piece(&lines.concat())
            .len();
        assert_eq!(piece_len, expected);
    }

    #[test]
    fn a_write_to_a_pipe_carries_as_many_whole_lines_as_fit() {
        check_first_piece(false, &[b"a\n"], 2);
        check_first_piece(false, &[b"a\n", b"b\n"], 4);
        check_first_piece(false, &[&line(PIPE_BUF - 2), b"a\n", b"b\n"], PIPE_BUF);
        check_first_piece(false, &[&line(PIPE_BUF - 1), b"a\n"], PIPE_BUF - 1);
        check_first_piece(false, &[&line(PIPE_BUF), b"a\n"], PIPE_BUF);
    }

    #[test]
    fn a_record_of_several_lines_shares_no_write_with_a_part_of_another() {
        let record = [line(PIPE_BUF / 4), b"    b\n".to_vec()].concat();
        check_first_piece(false, &[&record[..]; 8], 3 * record.len());
        check_first_piece(true, &[b"    b\n", &record], 6);
        let long = [line(PIPE_BUF - 1), b"    b\n".to_vec()].concat();
        check_first_piece(false, &[b"a\n", &long], 2);
        check_first_piece(false, &[&long, b"a\n"], PIPE_BUF);
        // Its first piece ends with a line break, and yet within it.
        let (reader, writer) = small_pipe();
        let mut lines = DescriptorWriter::default();
        let long = [line(PIPE_BUF), b"    b\n".to_vec()].concat();
        assert_eq!(lines.write(writer.as_fd(), &long).unwrap(), PIPE_BUF);
        assert_eq!(lines.give_up_rest(b"    b\na\n"), Some(6));
        drop(reader);
    }

    #[test]
    fn a_line_that_does_not_fit_goes_alone() {
        check_first_piece(false, &[b"a\n", &line(PIPE_BUF + 1)], 2);
        check_first_piece(false, &[&line(PIPE_BUF + 1), b"a\n"], PIPE_BUF);
        check_first_piece(true, &[b"\n", b"a\n"], 1);
        check_first_piece(true, &[&line(PIPE_BUF), b"a\n"], PIPE_BUF);
        check_first_piece(true, &[&line(2 * PIPE_BUF), b"a\n"], PIPE_BUF);
    }

    #[test]
    fn a_full_pipe_is_no_room_whether_or_not_it_would_block() {
        for nonblocking in [false, true] {
            let (mut reader, writer) = small_pipe();
            if nonblocking {
                set_nonblocking(&writer);
            }
            let mut lines = DescriptorWriter::default();
            let filled = fill(&mut lines, writer.as_fd());
            assert_ne!(filled, 0);

            reader.read_exact(&mut vec![0; filled]).unwrap();
            wait_for_room(Some(writer.as_fd()), FOR_EVER);
            assert_eq!(lines.write(writer.as_fd(), b"a\n").unwrap(), 2);
        }
    }

    #[test]
    fn waiting_without_room_or_descriptor_comes_to_an_end() {
        let (_reader, writer) = small_pipe();
        fill(&mut DescriptorWriter::default(), writer.as_fd());
        wait_for_room(Some(writer.as_fd()), Duration::from_millis(1));
        wait_for_room(None, Duration::from_millis(1));
    }

    #[test]
    fn the_flags_of_a_descriptor_stay_as_they_are() {
        for nonblocking in [false, true] {
            let (_reader, writer) = small_pipe();
            if nonblocking {
                set_nonblocking(&writer);
            }
            let before = fcntl_getfl(&writer).unwrap();
            fill(&mut DescriptorWriter::default(), writer.as_fd());
            assert_eq!(fcntl_getfl(&writer).unwrap(), before);
        }
    }

    #[test]
    fn a_reader_that_goes_away_ends_the_wait_and_is_an_error() {
        let (reader, writer) = small_pipe();
        let mut lines = DescriptorWriter::default();
        fill(&mut lines, writer.as_fd());
        drop(reader);
        wait_for_room(Some(writer.as_fd()), FOR_EVER);
        let error = lines.write(writer.as_fd(), b"a\n").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn the_other_end_of_a_fifo_can_be_opened_anew_and_that_of_a_pipe_or_socket_cannot() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        assert!(is_nameless(writer.as_fd()));
        let (socket, _) = UnixStream::pair().unwrap();
        assert!(is_nameless(socket.as_fd()));

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        let mode = rustix::fs::Mode::RWXU;
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
        let both_ends = std::fs::File::options().read(true).write(true).open(&path);
        assert!(!is_nameless(both_ends.unwrap().as_fd()));
        assert!(!is_nameless(tempfile::tempfile().unwrap().as_fd()));
    }

    #[test]
    fn lines_of_any_length_pass_pipes_and_sockets_unchanged() {
        let sent: Vec<u8> = [1, 2, 100, PIPE_BUF, PIPE_BUF + 1, 7, 5 * PIPE_BUF, 3]
            .map(line)
            .concat();
        let (mut reader, writer) = small_pipe();
        assert_eq!(received(&sent, &mut reader, writer), sent);
        let (mut reader, writer) = UnixStream::pair().unwrap();
        set_nonblocking(&writer);
        assert_eq!(received(&sent, &mut reader, writer), sent);
    }

    fn received(sent: &[u8], reader: &mut impl Read, to: impl AsFd + Send) -> Vec<u8> {
        thread::scope(|scope| {
            scope.spawn(move || write_all(&mut DescriptorWriter::default(), to.as_fd(), sent));
            let mut received = Vec::new();
            reader.read_to_end(&mut received).unwrap();
            received
        })
    }

    #[test]
    fn lines_of_those_who_share_a_pipe_stay_whole() {
        let (reader, writer) = small_pipe();
        let texts = thread::scope(|scope| {
            for letter in b'a'..=b'd' {
                let to = writer.try_clone().unwrap();
                scope.spawn(move || {
                    let batch = [vec![letter; 99], b"\n".to_vec()].concat().repeat(1_000);
                    write_all(&mut DescriptorWriter::default(), to.as_fd(), &batch);
                });
            }
            drop(writer);
            io::read_to_string(reader).unwrap()
        });
        assert_eq!(texts.lines().count(), 4_000);
        for text in texts.lines() {
            assert_eq!(text, text[..1].repeat(99));
        }
    }

    #[test]
    fn a_regular_file_takes_a_batch_at_once() {
        let file = tempfile::tempfile().unwrap();
        let batch = line(100).repeat(1_000);
        let accepted = DescriptorWriter::default()
            .write(file.as_fd(), &batch)
            .unwrap();
        assert_eq!(accepted, batch.len());
    }

    /// In packet mode, each read from a pipe returns what one write put there.
    #[cfg(target_os = "linux")]
    mod packets {
        use proptest::collection::vec;
        use proptest::prelude::*;
        use rustix::pipe::{PipeFlags, pipe_with};

        use super::*;

        /// Sends the lines as one batch, and returns what each write carried.
        fn writes(batch: &[u8]) -> Vec<Vec<u8>> {
            let flags = PipeFlags::DIRECT | PipeFlags::NONBLOCK | PipeFlags::CLOEXEC;
            let (reader, writer) = pipe_with(flags).unwrap();
            let mut lines = DescriptorWriter::default();
            let mut writes = Vec::new();
            let mut rest = batch;
            while !rest.is_empty() {
                match lines.write(writer.as_fd(), rest) {
                    Ok(accepted) => rest = &rest[accepted..],
                    Err(_) => writes.push(read(reader.as_fd()).unwrap()),
                }
            }
            writes.extend(std::iter::from_fn(|| read(reader.as_fd())));
            writes
        }

        /// What one write put there. `None` when there is nothing left.
        fn read(from: BorrowedFd<'_>) -> Option<Vec<u8>> {
            let mut bytes = vec![0; 16 * PIPE_BUF];
            let len = rustix::io::read(from, &mut bytes[..]).ok()?;
            bytes.truncate(len);
            Some(bytes)
        }

        /// Checks what each write to a pipe carries, and says whether all of it was whole lines.
        fn check(lens: Vec<usize>) -> Result<bool, TestCaseError> {
            let batch: Vec<u8> = lens.into_iter().flat_map(line).collect();
            let writes = writes(&batch);
            prop_assert_eq!(writes.concat(), batch);
            let mut all_whole = true;
            let mut mid_line = false;
            for write in writes {
                prop_assert!(write.len() <= PIPE_BUF);
                let whole = !mid_line && write.ends_with(b"\n");
                let alone = !write[..write.len() - 1].contains(&b'\n');
                prop_assert!(whole || alone);
                all_whole &= whole;
                mid_line = !write.ends_with(b"\n");
            }
            Ok(all_whole)
        }

        proptest! {
            #![proptest_config(ProptestConfig::with_cases(64))]

            #[test]
            fn each_write_to_a_pipe_holds_whole_lines(
                lens in vec(prop_oneof![4 => 1..400_usize, 1 => 1..=PIPE_BUF], 1..400),
            ) {
                prop_assert!(check(lens)?);
            }

            #[test]
            fn pieces_of_a_long_line_share_no_write_with_another_line(
                lens in vec(1..3 * PIPE_BUF, 1..20),
            ) {
                check(lens)?;
            }
        }
    }
}
