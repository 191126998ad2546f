//! Where lines come from: plain and compressed files, in order of time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::line::{self, Line};

/// A line longer than this is not held in memory to its end. Records are at most 1 MiB, and no
/// character takes more than six as JSON.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// A log file, or standard input.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    /// The time stamp of its first record, as it is written. Those of one log sort as text.
    first_timestamp: Option<String>,
}

/// Brings files into order of time. Says of those that cannot be read why not.
pub(super) fn in_order(paths: &[PathBuf]) -> (Vec<Source>, Vec<String>) {
    let mut sources: Vec<Source> = Vec::new();
    let mut troubles = Vec::new();
    for path in paths {
        match Source::new(path) {
            Ok(source) if sources.iter().any(|other| other.path == source.path) => {}
            Ok(source) => sources.push(source),
            Err(error) => troubles.push(format!("read {}: {error}", path.display())),
        }
    }
    // Stable: what carries no time stays where the user put it, behind the others.
    sources.sort_by(|a, b| {
        let key = |source: &Source| {
            (
                source.first_timestamp.is_none(),
                source.first_timestamp.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    (sources, troubles)
}

impl Source {
    fn new(path: &Path) -> io::Result<Source> {
        let mut source = Source {
            path: path.to_owned(),
            first_timestamp: None,
        };
        if !source.is_stdin() {
            source.first_timestamp = source.open()?.first_timestamp()?;
        }
        Ok(source)
    }

    fn is_stdin(&self) -> bool {
        self.path == Path::new("-")
    }

    pub(super) fn name(&self) -> String {
        if self.is_stdin() {
            return "standard input".to_owned();
        }
        self.path.display().to_string()
    }

    pub(super) fn open(&self) -> io::Result<Lines> {
        if self.is_stdin() {
            return Ok(Lines(Box::new(io::stdin().lock())));
        }
        let file = File::open(&self.path)?;
        if file.metadata()?.is_dir() {
            return Err(io::Error::other("is a directory; name the files in it"));
        }
        let file = BufReader::with_capacity(1 << 16, file);
        let extension = self
            .path
            .extension()
            .and_then(|extension| extension.to_str());
        Ok(Lines(match extension {
            Some("gz") => Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(file))),
            Some("zst") => Box::new(BufReader::new(zstd::Decoder::with_buffer(file)?)),
            _ => Box::new(file),
        }))
    }
}

/// The lines of a source.
pub(super) struct Lines(Box<dyn BufRead>);

impl Lines {
    /// Passes on line after line.
    pub(super) fn for_each(mut self, mut use_line: impl FnMut(Line<'_>)) -> io::Result<()> {
        let mut bytes = Vec::new();
        while self.read(&mut bytes)? {
            use_line(line::parse(&bytes));
        }
        Ok(())
    }

    /// Reads a line with its end, or as much of it as memory is spent on.
    fn read(&mut self, bytes: &mut Vec<u8>) -> io::Result<bool> {
        bytes.clear();
        self.0
            .by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', bytes)?;
        if bytes.len() as u64 == LINE_BYTES_MAX && !bytes.ends_with(b"\n") {
            self.0.skip_until(b'\n')?;
            bytes.push(b'\n');
        }
        Ok(!bytes.is_empty())
    }

    fn first_timestamp(mut self) -> io::Result<Option<String>> {
        let mut bytes = Vec::new();
        while self.read(&mut bytes)? {
            if let Line::Record(record) = line::parse(&bytes)
                && let Some(timestamp) = record.timestamp()
            {
                return Ok(Some(timestamp));
            }
        }
        Ok(None)
    }
}
