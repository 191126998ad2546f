//! Where lines come from: plain and compressed files, in the order in which they were written.
//!
//! The names of old files tell that order. Times do not: a clock may have been set back, and what
//! was recovered after a crash is older than what was written before. Only where names tell nothing,
//! as with files that another program renamed, times must do.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use offloop::OldLogFile;

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
    /// `None` for the active file of a log, and for files with other names.
    old: Option<OldLogFile>,
}

/// Brings files into order. Says of those that cannot be read why not.
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
    sort(&mut sources);
    (sources, troubles)
}

/// Sorts the logs by their first records, and the files of a log by their names, the active one
/// last. What carries no time stays where the user put it, behind the others.
fn sort(sources: &mut [Source]) {
    let mut logs: HashMap<PathBuf, Log> = HashMap::new();
    for (place, source) in sources.iter().enumerate() {
        let begins = logs.entry(source.log()).or_insert(Log {
            place,
            first_timestamp: None,
        });
        let timestamps = [&begins.first_timestamp, &source.first_timestamp];
        begins.first_timestamp = timestamps.into_iter().flatten().min().cloned();
    }
    sources.sort_by_cached_key(|source| {
        let log = logs.get(&source.log()).cloned().unwrap_or_default();
        let begins = (
            log.first_timestamp.is_none(),
            log.first_timestamp,
            log.place,
        );
        (begins, source.old.is_none(), source.old.clone())
    });
}

/// What is known of a log.
#[derive(Clone, Debug, Default)]
struct Log {
    /// The place of the first of its files that the user named.
    place: usize,
    /// The earliest that a file of it begins with.
    first_timestamp: Option<String>,
}

impl Source {
    fn new(path: &Path) -> io::Result<Source> {
        let mut source = Source {
            path: path.to_owned(),
            first_timestamp: None,
            old: OldLogFile::parse(absolute(path)),
        };
        if !source.is_stdin() {
            source.first_timestamp = source.open()?.first_timestamp()?;
        }
        Ok(source)
    }

    fn is_stdin(&self) -> bool {
        self.path == Path::new("-")
    }

    /// The path of the log that it belongs to.
    fn log(&self) -> PathBuf {
        let old = self.old.as_ref().map(|old| old.log().to_owned());
        old.unwrap_or_else(|| absolute(&self.path))
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

/// The same file may be named in several ways.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
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
