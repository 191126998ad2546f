//! What is in files, compressed ones among them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

/// What is done with the content of a file.
type Use<'u> = dyn FnMut(&Path, &[u8]) + 'u;

/// Passes the content of a file, or of each file in a directory and of those within, to `use_content`.
/// That there is none is an error.
pub(super) fn for_each(path: &Path, use_content: &mut Use<'_>) -> io::Result<()> {
    let mut count = 0;
    walk(path, &mut |path| {
        count += 1;
        use_content(path, &content(path)?);
        Ok(())
    })?;
    if count == 0 {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "there are no files",
        ));
    }
    Ok(())
}

/// The same for files that others may remove meanwhile, of which there may be none.
pub(super) fn for_each_present(path: &Path, use_content: &mut Use<'_>) -> io::Result<()> {
    walk(path, &mut |path| match content(path) {
        Ok(content) => {
            use_content(path, &content);
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    })
}

fn walk(path: &Path, visit: &mut dyn FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    if !path.is_dir() {
        return visit(path);
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_file() || kind.is_dir() {
            walk(&entry.path(), visit)?;
        }
    }
    Ok(())
}

fn content(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut content = Vec::new();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => MultiGzDecoder::new(file).read_to_end(&mut content)?,
        #[cfg(feature = "zstd")]
        Some("zst") => zstd::Decoder::new(file)?.read_to_end(&mut content)?,
        _ => return sparse(&mut file),
    };
    Ok(content)
}

/// Files of pages have holes of many times their size.
#[cfg(target_os = "linux")]
fn sparse(file: &mut File) -> io::Result<Vec<u8>> {
    use rustix::fs::{SeekFrom, seek};
    use std::os::unix::fs::FileExt;

    let mut content = Vec::new();
    let mut offset = 0;
    // There is always a hole at the end; without more data there is no place to seek to.
    while let Ok(start) = seek(&*file, SeekFrom::Data(offset)) {
        offset = seek(&*file, SeekFrom::Hole(start))?;
        let kept = content.len();
        content.resize(
            kept + usize::try_from(offset - start).unwrap_or_default(),
            0,
        );
        file.read_exact_at(&mut content[kept..], start)?;
    }
    Ok(content)
}

#[cfg(not(target_os = "linux"))]
fn sparse(file: &mut File) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    Ok(content)
}
