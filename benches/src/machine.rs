//! What the operating system knows: this process's costs, its files, the machine it runs on.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

/// Processor time of the whole process, in seconds, and how often one of its threads went to sleep.
pub struct Usage {
    pub seconds: f64,
    pub sleeps: u64,
}

pub fn usage() -> Usage {
    usage_of(libc::RUSAGE_SELF)
}

/// Processor time of all threads but this one, in seconds.
pub fn seconds_of_others() -> f64 {
    usage().seconds - usage_of(libc::RUSAGE_THREAD).seconds
}

fn usage_of(whose: libc::c_int) -> Usage {
    // SAFETY: All-zero bytes are a valid `rusage`: it holds integers only.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a live, writable `rusage` for the whole call.
    unsafe { libc::getrusage(whose, &mut usage) };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    Usage {
        seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        sleeps: usage.ru_nvcsw as u64,
    }
}

/// The most memory that this process ever held, in bytes.
pub fn peak_memory() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes
        .map(|count| count * 1024)
        .ok_or_else(|| io::Error::other("no VmHWM in /proc/self/status"))
}

/// Makes a FIFO and opens its reading end, so that a writer's `open` does not wait for one.
pub fn fifo(path: &Path) -> io::Result<File> {
    let name = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: `name` is a NUL-terminated string that outlives the call.
    if unsafe { libc::mkfifo(name.as_ptr(), 0o600) } != 0 {
        return Err(io::Error::last_os_error());
    }
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
}

/// Ends the process without running exit handlers: a logger whose reader is dead may wait in one.
pub fn exit_at_once() -> ! {
    // SAFETY: Nothing of this process is needed afterwards; its output was flushed by the caller.
    unsafe { libc::_exit(0) }
}

/// The bytes of all regular files in `directory`.
pub fn bytes_in(directory: &Path) -> io::Result<u64> {
    fs::read_dir(directory)?.try_fold(0, |sum, entry| {
        let status = entry?.metadata()?;
        Ok(sum + if status.is_file() { status.len() } else { 0 })
    })
}

/// The lines of all regular files in `directory`.
pub fn lines_in(directory: &Path) -> io::Result<u64> {
    let mut lines = 0;
    let mut block = vec![0; 1 << 20];
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.metadata()?.is_file() {
            continue;
        }
        let mut file = File::open(entry.path())?;
        loop {
            let length = file.read(&mut block)?;
            if length == 0 {
                break;
            }
            lines += lines_of(&block[..length]);
        }
    }
    Ok(lines)
}

pub fn lines_of(bytes: &[u8]) -> u64 {
    // Sums of at most 255 fit a byte, which lets the compiler compare and add 16 or 32 at a time.
    let count = |chunk: &[u8]| {
        chunk
            .iter()
            .map(|&byte| u8::from(byte == b'\n'))
            .sum::<u8>()
    };
    bytes.chunks(255).map(|chunk| u64::from(count(chunk))).sum()
}

/// What the result's reader must know about where it came from.
pub fn describe() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let processor = read("/proc/cpuinfo");
    let processor = processor
        .lines()
        .find(|line| line.starts_with("model name"));
    let processor = processor
        .and_then(|line| line.split(": ").nth(1))
        .unwrap_or("unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    format!(
        "{processor}, {cores} cores, {}; {}; {}; commit {}; load average before the run {}",
        output("uname", &["-sr"]),
        output("rustc", &["--version"]),
        output("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        output("git", &["-C", root, "describe", "--always", "--dirty"]),
        read("/proc/loadavg").split(' ').next().unwrap_or("unknown"),
    )
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or("unknown".to_owned(), |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    })
}
