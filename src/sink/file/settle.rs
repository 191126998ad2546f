//! Finds out what of its last batch a process that is dead had written.
//!
//! The process told where the batch was going to lie, and may have died before, within or after
//! the write. The file itself knows: what lies there is compared with the batch. Its whole lines
//! are there for good; the beginning of a line at the very end of the file is what the kill tore,
//! and is cut off, so that the line can be written whole.
//!
//! ## What cannot be known
//!
//! A file that is gone tells nothing: compressed, or removed. Then the batch counts as not written,
//! and may be there twice. The same holds for one that was truncated after the write (by
//! `copytruncate`); one that was truncated before it has the batch at its end, and is asked there.
//!
//! Nothing here trusts the place: offset, device and inode may be any numbers.

use std::fs::{self, DirEntry, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirEntryExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::thread;

use rustix::fs::{OFlags, ftruncate};
use rustix::io::retry_on_intr;

use super::lock::{PAUSE, Patience};
use crate::sink::PlaceInFile;
use crate::sink::lines::whole_len;

/// How many bytes of whole lines of `lines` are in the file already, whose path it was then. What is
/// there of the line after them is removed if it is the end of the file.
///
/// The file is found by its inode, so it may have been renamed within its directory. Waits for its
/// lock, a second at most.
///
/// # Errors
///
/// What the system answers, for a file that is there but cannot be read or cut; `TimedOut` if it
/// stays locked. Nothing is known then, and nothing was changed.
pub(crate) fn settle(path: &Path, place: PlaceInFile, lines: &[u8]) -> io::Result<usize> {
    let Some(file) = find(path, place)? else {
        return Ok(0);
    };
    let mut patience = Patience::default();
    let _lock = loop {
        match patience.lock(&file) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(PAUSE),
            locked => break locked?,
        }
    };
    settle_locked(&file, place.offset, lines)
}

/// The same for a file whose lock is held.
pub(crate) fn settle_locked(file: &File, offset: u64, lines: &[u8]) -> io::Result<usize> {
    let len = file.metadata()?.len();
    let (start, found) = if offset <= len {
        (offset, read(file, offset, lines.len())?)
    } else {
        at_end(file, len, lines)?
    };
    let same = found
        .iter()
        .zip(lines)
        .take_while(|(one, other)| one == other);
    let same_len = same.count();
    let whole = whole_len(lines, same_len);
    if whole < same_len && start + same_len as u64 == len {
        retry_on_intr(|| ftruncate(file, start + whole as u64))?;
    }
    Ok(whole)
}

/// The file with that inode: the one that has the path, or another in its directory.
fn find(path: &Path, place: PlaceInFile) -> io::Result<Option<File>> {
    if is_place(fs::metadata(path), place) {
        return open_place(path, place);
    }
    let Some(entries) = path
        .parent()
        .and_then(|directory| fs::read_dir(directory).ok())
    else {
        return Ok(None);
    };
    let is_candidate = |entry: &DirEntry| entry.ino() == place.inode;
    let candidate = entries.flatten().find(is_candidate);
    candidate.map_or(Ok(None), |entry| open_place(&entry.path(), place))
}

fn open_place(path: &Path, place: PlaceInFile) -> io::Result<Option<File>> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags)
        .open(path);
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    // It may be another by now.
    let is_same = is_place(file.metadata(), place);
    Ok(is_same.then_some(file))
}

fn is_place(metadata: io::Result<fs::Metadata>, place: PlaceInFile) -> bool {
    metadata.is_ok_and(|metadata| {
        metadata.is_file() && (metadata.dev(), metadata.ino()) == (place.device, place.inode)
    })
}

/// The end of a file that was truncated, from where the lines may begin.
fn at_end(file: &File, len: u64, lines: &[u8]) -> io::Result<(u64, Vec<u8>)> {
    // With the line break before them.
    let len_max = lines.len() + 1;
    let start = len.saturating_sub(len_max as u64);
    let end = read(file, start, len_max)?;
    // The first line of the file begins a line, and so does what follows a line break.
    let first = (start == 0).then_some(0);
    let others = end.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let begins = first.into_iter().chain(others.map(|(at, _)| at + 1));
    let begin = { begins }.find(|&at| at < end.len() && lines.starts_with(&end[at..]));
    let begin = begin.unwrap_or(end.len());
    Ok((start + begin as u64, end[begin..].to_vec()))
}

fn read(file: &File, offset: u64, len_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len_max];
    let len = fill(file, offset, &mut bytes)?;
    bytes.truncate(len);
    Ok(bytes)
}

/// Reads into `room` until it is full or the file ends. Says how many bytes.
pub(crate) fn fill(file: &File, offset: u64, room: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < room.len() {
        match file.read_at(&mut room[len..], offset.saturating_add(len as u64)) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

#[cfg(test)]
mod tests {
    use tempfile::{TempDir, tempdir};

    use super::*;

    const BATCH: &[u8] = b"{\"number\":1}\n{\"number\":2}\n{\"number\":3}\n";
    const BEFORE: &[u8] = b"{\"number\":0}\n";

    /// A file that has something in front of the batch, and the place of the batch.
    fn file_with(bytes: &[u8]) -> (TempDir, std::path::PathBuf, PlaceInFile) {
        let directory = tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        fs::write(&path, [BEFORE, bytes].concat()).unwrap();
        let metadata = fs::metadata(&path).unwrap();
        let place = PlaceInFile {
            device: metadata.dev(),
            inode: metadata.ino(),
            offset: BEFORE.len() as u64,
        };
        (directory, path, place)
    }

    #[test]
    fn wherever_a_kill_cut_the_write_the_rest_makes_it_whole() {
        for written in 0..=BATCH.len() {
            let (_directory, path, place) = file_with(&BATCH[..written]);
            let there = settle(&path, place, BATCH).unwrap();
            assert_eq!(there, whole_len(BATCH, written), "{written}");
            let left = fs::read(&path).unwrap();
            assert_eq!(left, [BEFORE, &BATCH[..there]].concat(), "{written}");
            // Once more, as after a kill within the recovery.
            assert_eq!(settle(&path, place, BATCH).unwrap(), there);
        }
    }

    #[test]
    fn what_others_wrote_stays() {
        for torn in [0, 1, 11] {
            let (_directory, path, place) = file_with(&BATCH[..13 + torn]);
            let after = [&fs::read(&path).unwrap()[..], b"\n{}\n"].concat();
            fs::write(&path, &after).unwrap();
            assert_eq!(settle(&path, place, BATCH).unwrap(), 13);
            assert_eq!(fs::read(&path).unwrap(), after);
        }
        // A line that lacked its end alone has got it.
        let (_directory, path, place) = file_with(&[&BATCH[..12], b"\n{}\n"].concat());
        assert_eq!(settle(&path, place, BATCH).unwrap(), 13);

        let (_directory, path, place) = file_with(b"something else");
        assert_eq!(settle(&path, place, BATCH).unwrap(), 0);
        assert!(fs::read(&path).unwrap().ends_with(b"something else"));
    }

    #[test]
    fn a_line_before_the_batch_that_is_like_its_first_one_is_not_taken_for_that() {
        let (_directory, path, place) = file_with(b"");
        let batch = [BEFORE, BATCH].concat();
        assert_eq!(settle(&path, place, &batch).unwrap(), 0);
        assert_eq!(fs::read(&path).unwrap(), BEFORE);
    }

    #[test]
    fn a_renamed_file_is_found_by_its_inode() {
        let (directory, path, place) = file_with(&BATCH[..20]);
        let renamed = directory.path().join("app.1.jsonl");
        fs::rename(&path, &renamed).unwrap();
        assert_eq!(settle(&path, place, BATCH).unwrap(), 13);
        fs::write(&path, BATCH).unwrap();
        assert_eq!(settle(&path, place, BATCH).unwrap(), 13);
        assert_eq!(fs::metadata(&renamed).unwrap().len(), 26);
    }

    #[test]
    fn nothing_is_known_of_a_file_that_is_gone() {
        let (_directory, path, place) = file_with(BATCH);
        let other = PlaceInFile {
            inode: place.inode + 1_000_000,
            ..place
        };
        assert_eq!(settle(&path, other, BATCH).unwrap(), 0);
        fs::remove_file(&path).unwrap();
        assert_eq!(settle(&path, place, BATCH).unwrap(), 0);
        assert_eq!(
            settle(Path::new("/nowhere/app.jsonl"), place, BATCH).unwrap(),
            0
        );
    }

    #[test]
    fn a_file_that_was_truncated_before_the_write_has_the_lines_at_its_end() {
        for before in ["", "{\"number\":-1}\n"] {
            for written in 0..=BATCH.len() {
                let (_directory, path, place) = file_with(b"");
                let place = PlaceInFile {
                    offset: 1_000,
                    ..place
                };
                let text = [before.as_bytes(), &BATCH[..written]].concat();
                fs::write(&path, text).unwrap();
                let there = settle(&path, place, BATCH).unwrap();
                assert_eq!(there, whole_len(BATCH, written), "{written}");
                let left = fs::read(&path).unwrap();
                assert_eq!(left, [before.as_bytes(), &BATCH[..there]].concat());
            }
        }
    }

    #[test]
    fn a_place_that_cannot_be_is_nothing() {
        let (_directory, path, place) = file_with(BATCH);
        for offset in [u64::MAX, u64::MAX / 2, 1_000_000] {
            let place = PlaceInFile { offset, ..place };
            // The batch happens to be at the end, where it would lie after a truncation.
            assert_eq!(settle(&path, place, BATCH).unwrap(), BATCH.len());
            assert_eq!(settle(&path, place, b"{}\n").unwrap(), 0);
        }
        assert_eq!(settle(&path, place, b"").unwrap(), 0);
    }

    #[test]
    fn a_file_that_stays_locked_is_left_alone() {
        let (_directory, path, place) = file_with(&BATCH[..20]);
        let file = File::open(&path).unwrap();
        let _lock = super::super::lock::Lock::take(&file).unwrap();
        let error = settle(&path, place, BATCH).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
