//! Old files are compressed, and none is lost by it.
//!
//! Under the lock of the old file, so that of several processes one does it:
//!
//! 1. The compressed bytes go into a new file under a temporary name, in pieces.
//! 2. That file is put on the disk, with the mode, the group and the times of the old one.
//! 3. It is renamed, and the name is put on the disk.
//! 4. The old file is removed.
//!
//! A process that is killed leaves one of these states, and the next one to look goes on from it:
//!
//! - The old file and a temporary one: killed in 1 or 2. The temporary one is removed, and all
//!   begins anew.
//! - The old file and a compressed one: killed in 3 or 4. If the compressed one holds the very same
//!   bytes, the old one is removed; otherwise all begins anew.
//! - A temporary file alone: the old one was removed by hand. So is the temporary one.
//!
//! What fails, for want of space for instance, leaves the old file as it is.

use std::fs::{File, FileTimes, Metadata, Permissions};
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use rustix::fs::Mode;
use serde::{Deserialize, Serialize};

use super::caretaker::Round;
use super::name::{Form, OldName, Suffix};
use super::old_files::{OldFile, OldFiles};
use super::system;

/// What a mode gives to the group of a file, and to all others.
const GROUP: u32 = 0o070;
const OTHERS: u32 = 0o007;

/// How much is read at once.
const BUFFER_BYTES: usize = 64 << 10;

/// How old files are compressed.
///
/// It is done on a thread of its own, of the lowest priority, one file at a time, and in little
/// memory however long the file is: below a megabyte, with zstd a few. The compressed file keeps
/// the mode and the times of the old one, and its group where this user belongs to it. The old one
/// is removed once the other is on the disk. A kill at any moment loses nothing: the next start
/// goes on from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Compression {
    /// To `.gz`, which everything can read.
    Gzip,
    /// To `.zst`: in less than half of the time, and about as small. Needs the feature `zstd`, and
    /// with it a C compiler.
    #[cfg(feature = "zstd")]
    Zstd,
}

impl Compression {
    fn suffix(self) -> Suffix {
        match self {
            Compression::Gzip => Suffix::Gzip,
            #[cfg(feature = "zstd")]
            Compression::Zstd => Suffix::Zstd,
        }
    }

    /// Compresses all of `from`, and says how many bytes that was.
    fn compress(self, from: &mut impl Read, to: &File) -> io::Result<u64> {
        Ok(match self {
            Compression::Gzip => {
                let mut encoder = GzEncoder::new(to, flate2::Compression::default());
                let read = io::copy(from, &mut encoder)?;
                encoder.finish()?;
                read
            }
            #[cfg(feature = "zstd")]
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(to, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                // Then a reader notices damage.
                encoder.include_checksum(true)?;
                let read = io::copy(from, &mut encoder)?;
                encoder.finish()?;
                read
            }
        })
    }
}

/// What a compressed file holds. `None` if this build cannot read it.
fn decompressed(suffix: Suffix, compressed: File) -> io::Result<Option<Box<dyn Read>>> {
    Ok(match suffix {
        Suffix::Gzip => Some(Box::new(MultiGzDecoder::new(compressed))),
        #[cfg(feature = "zstd")]
        Suffix::Zstd => Some(Box::new(zstd::Decoder::new(compressed)?)),
        #[cfg(not(feature = "zstd"))]
        Suffix::Zstd => None,
    })
}

/// Compresses the old files that are not compressed yet, oldest first, and clears away what killed
/// processes left. Says how many were compressed.
pub(crate) fn apply(
    compression: Compression,
    old_files: &OldFiles,
    round: &mut Round<'_>,
) -> io::Result<usize> {
    let mut compressed = 0;
    for file in old_files.list()? {
        if !(round.goes_on)() {
            break;
        }
        match settle(compression, old_files, &file) {
            Ok(is_compressed) => compressed += usize::from(is_compressed),
            // Another process is at it.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                let path = old_files.path(file.name, Form::Plain);
                (round.complain)(format!("compress old log file {path:?}: {error}"));
            }
        }
    }
    Ok(compressed)
}

/// Brings an old file, in whatever state it was left, to where only its compressed form is there.
fn settle(compression: Compression, old_files: &OldFiles, file: &OldFile) -> io::Result<bool> {
    let Some(plain) = old_files.open(file.name, Form::Plain)? else {
        remove_partial(old_files, file)?;
        return Ok(false);
    };
    let Some(_lock) = old_files.lock(&plain, file.name)? else {
        return Ok(false);
    };
    remove_partial(old_files, file)?;
    if is_compressed_already(old_files, file, &plain)? {
        old_files.remove(file.name, Form::Plain)?;
        return Ok(false);
    }
    compress(compression, old_files, file.name, &plain)?;
    Ok(true)
}

fn remove_partial(old_files: &OldFiles, file: &OldFile) -> io::Result<()> {
    for &form in file.forms.keys() {
        if matches!(form, Form::Partial(_)) {
            old_files.remove(file.name, form)?;
        }
    }
    Ok(())
}

fn is_compressed_already(old_files: &OldFiles, file: &OldFile, plain: &File) -> io::Result<bool> {
    for &form in file.forms.keys() {
        let Form::Compressed(suffix) = form else {
            continue;
        };
        let Some(compressed) = old_files.open(file.name, form)? else {
            continue;
        };
        if let Ok(Some(decompressed)) = decompressed(suffix, compressed)
            // A damaged file is none that holds the same.
            && hold_the_same(plain, decompressed).unwrap_or(false)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a file holds what a reader yields, byte for byte.
fn hold_the_same(mut file: &File, reader: impl Read) -> io::Result<bool> {
    file.rewind()?;
    let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, reader);
    loop {
        let (one, other) = (file.fill_buf()?, reader.fill_buf()?);
        let len = one.len().min(other.len());
        if one[..len] != other[..len] {
            return Ok(false);
        }
        if len == 0 {
            return Ok(one.len() == other.len());
        }
        file.consume(len);
        reader.consume(len);
    }
}

/// Steps 1 to 4.
fn compress(
    compression: Compression,
    old_files: &OldFiles,
    old: OldName,
    plain: &File,
) -> io::Result<()> {
    let suffix = compression.suffix();
    let written = write_partial(compression, old_files, old, plain)
        .and_then(|()| old_files.rename(old, Form::Partial(suffix), Form::Compressed(suffix)));
    if written.is_err() {
        // What failed counts, and whatever is left is found the next time.
        let _ = old_files.remove(old, Form::Partial(suffix));
        return written;
    }
    old_files.sync()?;
    old_files.remove(old, Form::Plain)
}

/// Steps 1 and 2.
fn write_partial(
    compression: Compression,
    old_files: &OldFiles,
    old: OldName,
    mut plain: &File,
) -> io::Result<()> {
    let metadata = plain.metadata()?;
    let partial = old_files.create(old, Form::Partial(compression.suffix()), Mode::RUSR)?;
    give_to_the_readers_of(&metadata, &partial)?;
    plain.rewind()?;
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, plain);
    let read = compression.compress(&mut reader, &partial)?;
    if plain.metadata()?.len() != read {
        let why = "somebody who does not know of its lock has written to it meanwhile";
        return Err(io::Error::new(io::ErrorKind::ResourceBusy, why));
    }
    let times = FileTimes::new().set_accessed(metadata.accessed()?);
    partial.set_times(times.set_modified(metadata.modified()?))?;
    system::sync_all(&partial)
}

/// Lets those read a file who may read the old one, and nobody else.
fn give_to_the_readers_of(old: &Metadata, file: &File) -> io::Result<()> {
    let mut mode = old.mode() & 0o777;
    let new = file.metadata()?;
    // First the group, so that the former one never gets what is meant for that.
    if new.gid() != old.gid() && fchown(file, None, Some(old.gid())).is_err() {
        // It is not this user's to give. Members of another group are others.
        let others = mode & OTHERS;
        mode = mode & !GROUP | (mode & GROUP & others << 3);
    }
    if new.mode() & 0o777 != mode {
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
