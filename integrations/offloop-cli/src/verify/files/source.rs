//! Where lines come from: plain and compressed files, standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use offloop::OldLogFile;

use super::super::line::{self, Layouts, Line};
use super::{absolute, listing};

/// A line longer than this is not held in memory to its end. Records are at most 1 MiB, and no
/// character takes more than six as JSON.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// A log file, or standard input.
#[derive(Debug)]
pub(in crate::verify) struct Source {
    path: PathBuf,
    /// Kept open: by the time it is read, the path may name another.
    file: Option<File>,
    /// The time stamp of its first record, as it is written. Those of one log sort as text.
    pub(super) first_timestamp: Option<String>,
    /// `None` for the active file of a log, and for files with other names.
    pub(super) old: Option<OldLogFile>,
}

impl Source {
    pub(super) fn stdin() -> Source {
        Source::new(PathBuf::from("-"), None, None)
    }

    /// The path, unless it is that of an old file.
    pub(in crate::verify) fn active_path(&self) -> Option<&Path> {
        self.old.is_none().then_some(&*self.path)
    }

    pub(super) fn active(path: PathBuf, file: File) -> Source {
        Source::new(path, Some(file), None)
    }

    pub(super) fn old(old: OldLogFile, path: PathBuf) -> Source {
        Source::new(path, None, Some(old))
    }

    fn new(path: PathBuf, file: Option<File>, old: Option<OldLogFile>) -> Source {
        Source {
            path,
            file,
            first_timestamp: None,
            old,
        }
    }

    /// Looks for the time with which it begins.
    pub(super) fn look(&mut self, layouts: &Layouts) -> io::Result<()> {
        if !self.is_stream() {
            self.first_timestamp = self.open()?.first_timestamp(layouts)?;
        }
        Ok(())
    }

    /// Whether it can be read only once.
    pub(in crate::verify) fn is_stream(&self) -> bool {
        let is_file = |file: &File| file.metadata().is_ok_and(|metadata| metadata.is_file());
        self.is_stdin() || self.file.as_ref().is_some_and(|file| !is_file(file))
    }

    pub(super) fn is_stdin(&self) -> bool {
        self.path == Path::new("-")
    }

    /// The path of the log that it belongs to.
    pub(super) fn log(&self) -> PathBuf {
        let old = self.old.as_ref().map(|old| old.log().to_owned());
        old.unwrap_or_else(|| absolute(&self.path))
    }

    pub(in crate::verify) fn name(&self) -> String {
        if self.is_stdin() {
            return "standard input".to_owned();
        }
        self.path.display().to_string()
    }

    /// # Errors
    ///
    /// `NotFound` if it is an old file that has gone away.
    pub(in crate::verify) fn open(&self) -> io::Result<Lines> {
        if self.is_stdin() {
            return Ok(Lines(Box::new(io::stdin().lock())));
        }
        let (path, file) = match (&self.file, &self.old) {
            (Some(file), _) => (self.path.clone(), self.rewound(file)?),
            (None, Some(old)) => open_old(old, &self.path)?,
            (None, None) => (self.path.clone(), File::open(&self.path)?),
        };
        let file = BufReader::with_capacity(1 << 16, file);
        let extension = path.extension().and_then(|extension| extension.to_str());
        Ok(Lines(match extension {
            Some("gz") => Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(file))),
            Some("zst") => Box::new(BufReader::new(zstd::Decoder::with_buffer(file)?)),
            _ => Box::new(file),
        }))
    }

    fn rewound(&self, file: &File) -> io::Result<File> {
        let mut file = file.try_clone()?;
        if !self.is_stream() {
            file.rewind()?;
        }
        Ok(file)
    }
}

/// Opens an old file in the form in which it is there. Between the look and the opening, it may be
/// compressed: that happens once.
fn open_old(old: &OldLogFile, path: &Path) -> io::Result<(PathBuf, File)> {
    let open = || {
        let path = listing::form_of(old, path)?;
        let file = File::open(&path)?;
        Ok((path, file))
    };
    open().or_else(|_: io::Error| open())
}

/// The lines of a source.
pub(in crate::verify) struct Lines(Box<dyn BufRead>);

impl Lines {
    /// Passes on line after line.
    pub(in crate::verify) fn for_each(
        mut self,
        layouts: &Layouts,
        mut use_line: impl FnMut(Line<'_>),
    ) -> io::Result<()> {
        let mut bytes = Vec::new();
        while self.read(&mut bytes)? {
            use_line(line::parse(&bytes, layouts));
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

    fn first_timestamp(mut self, layouts: &Layouts) -> io::Result<Option<String>> {
        let mut bytes = Vec::new();
        while self.read(&mut bytes)? {
            if let Line::Record(record) = line::parse(&bytes, layouts) {
                return Ok(Some(record.timestamp.to_owned()));
            }
        }
        Ok(None)
    }
}
