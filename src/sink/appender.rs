//! Any `io::Write`: a socket, a compressor, an appender of `tracing-appender`.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use super::Sink;

/// How long to leave a writer alone that had no room. Nothing tells when it has some.
const PAUSE_MAX: Duration = Duration::from_millis(10);

pub(super) struct AppenderSink {
    writer: Box<dyn Write + Send>,
}

impl AppenderSink {
    pub(super) fn new(writer: Box<dyn Write + Send>) -> AppenderSink {
        AppenderSink { writer }
    }
}

impl Sink for AppenderSink {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        match retry_if_interrupted(|| self.writer.write(lines))? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            // A writer that claims more than it was given must not make us skip what follows.
            accepted => Ok(accepted.min(lines.len())),
        }
    }

    fn wait_for_room(&mut self, at_most: Duration) {
        thread::sleep(at_most.min(PAUSE_MAX));
    }

    fn flush(&mut self) -> io::Result<()> {
        retry_if_interrupted(|| self.writer.flush())
    }
}

fn retry_if_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::fs;

    use crate::sink::{Sink, Target};

    use super::*;

    /// A writer that answers as it was told.
    #[derive(Default)]
    struct Script {
        answers: VecDeque<io::Result<usize>>,
    }

    impl Write for Script {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.answers.pop_front().unwrap()
        }

        fn flush(&mut self) -> io::Result<()> {
            self.answers.pop_front().unwrap().map(drop)
        }
    }

    fn following(answers: impl IntoIterator<Item = io::Result<usize>>) -> AppenderSink {
        AppenderSink::new(Box::new(Script {
            answers: answers.into_iter().collect(),
        }))
    }

    fn interrupted() -> io::Result<usize> {
        Err(io::ErrorKind::Interrupted.into())
    }

    #[test]
    fn an_interrupted_call_is_repeated() {
        let mut sink = following([interrupted(), interrupted(), Ok(2), interrupted(), Ok(0)]);
        assert_eq!(sink.write(b"a\n").unwrap(), 2);
        sink.flush().unwrap();
    }

    #[test]
    fn a_writer_that_takes_nothing_fails() {
        let error = following([Ok(0)]).write(b"a\n").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    }

    #[test]
    fn a_writer_that_claims_too_much_is_not_believed() {
        assert_eq!(following([Ok(9)]).write(b"a\n").unwrap(), 2);
    }

    #[test]
    fn errors_of_the_writer_come_through() {
        for kind in [io::ErrorKind::WouldBlock, io::ErrorKind::StorageFull] {
            assert_eq!(
                following([Err(kind.into())])
                    .write(b"a\n")
                    .unwrap_err()
                    .kind(),
                kind
            );
            assert_eq!(
                following([Err(kind.into())]).flush().unwrap_err().kind(),
                kind
            );
        }
    }

    #[test]
    fn flush_hands_over_what_a_buffered_writer_holds_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.log");
        let file = fs::File::create(&path).unwrap();
        let mut sink = AppenderSink::new(Box::new(io::BufWriter::new(file)));
        sink.write(b"a\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        sink.flush().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"a\n");
    }

    #[test]
    fn an_appender_of_tracing_appender_is_a_writer() {
        let directory = tempfile::tempdir().unwrap();
        let appender = tracing_appender::rolling::never(directory.path(), "app.log");
        let mut sink = Target::Writer(std::sync::Mutex::new(Some(Box::new(appender))))
            .open()
            .unwrap();
        assert_eq!(sink.write(b"a\nb\n").unwrap(), 4);
        sink.flush().unwrap();
        assert_eq!(
            fs::read(directory.path().join("app.log")).unwrap(),
            b"a\nb\n"
        );
    }

    #[test]
    fn a_writer_is_opened_once() {
        let mut target = Target::Writer(std::sync::Mutex::new(Some(Box::new(io::sink()))));
        target.open().unwrap();
        let error = target.open().err().unwrap();
        assert_eq!(error.to_string(), "open writer: another pipeline has it");
        assert!(target.open_in_child().is_none());
        assert!(!target.is_terminal());
    }
}
