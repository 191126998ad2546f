//! A file that is renamed by somebody else, and a disk that is full for a while.

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::RECORDS;
use super::count::{Count, count, number, whole_lines};
use super::peers::{self, Peer};
use crate::contenders::Setup;
use crate::options::Options;
use crate::parent::{Directory, wait};
use crate::table;

/// What a file's name ends with once it was renamed.
const RENAMED: &str = ".renamed";
/// Records that come before the rename, and after the disk has room again.
const BEFORE: u64 = RECORDS / 2;
const AFTERWARDS: u64 = 10;

/// The disk, and the file that takes nearly all of it.
const DISK: &str = "1m";
const BALLAST: &str = "ballast";
const BALLAST_BYTES: usize = 960 << 10;

/// Longer than the flush period of each logger here.
const SETTLE: Duration = Duration::from_millis(1500);
const PATIENCE: Duration = Duration::from_secs(30);

/// Mounts a disk, runs a program on it, and saves what it left there.
const ON_SMALL_DISK: &str = "disk=$1; saved=$2; shift 2
mount -t tmpfs -o size=$0 tmpfs \"$disk\" || exit 1
\"$@\"; ended=$?
cp -R \"$disk/.\" \"$saved\"
exit $ended";

const RENAME: &str = "renamed by another process";
const FULL_DISK: &str = "disk full for 1.5 s";

pub fn report(peers: &[&Peer], options: &Options) -> Result<(), Box<dyn Error>> {
    let mut rows = vec![super::with_label(
        "",
        [RENAME, FULL_DISK].map(str::to_owned).into_iter(),
    )];
    let mut said = Vec::new();
    for peer in peers {
        eprintln!("file trouble, {}", peer.name());
        let renamed = run(peer, RENAME, &options.directory)?;
        let full = run(peer, FULL_DISK, &options.directory)?;
        rows.push(super::with_label(
            peer.name(),
            [
                in_words(&renamed, Left::rename),
                in_words(&full, Left::loss),
            ]
            .into_iter(),
        ));
        if let Some(line) = full.ok().and_then(|left| left.said) {
            said.push(format!("- {}: `{line}`", peer.name()));
        }
    }
    table::align(&rows);
    println!(
        "\nOf {RECORDS} records; on the full disk {AFTERWARDS} more, after it has room again. `said`: on \
         stderr or in the log. `noticed`: the records after the rename are in a new file of the old name."
    );
    println!("\nThe first thing that each said about the full disk, on stderr or in its log:\n");
    said.iter().for_each(|line| println!("{line}"));
    Ok(())
}

fn in_words(left: &Result<Left, String>, words: fn(&Left) -> String) -> String {
    match left {
        Ok(left) => words(left),
        Err(failure) => failure.clone(),
    }
}

/// What a run left.
struct Left {
    all: Count,
    /// Of the records that were logged after the rename: those in a file of the old name.
    in_new_file: u64,
    /// What the logger said about the trouble, if anything.
    said: Option<String>,
}

impl Left {
    fn rename(&self) -> String {
        let noticed = match self.in_new_file {
            0 => "not noticed".to_owned(),
            all if all == RECORDS - BEFORE => "noticed".to_owned(),
            some => format!("{some} of {} in the new file", RECORDS - BEFORE),
        };
        format!("{noticed}, {} missing", self.all)
    }

    fn loss(&self) -> String {
        let said = if self.said.is_some() {
            "said"
        } else {
            "silent"
        };
        format!("{} missing, {said}", self.all)
    }
}

fn run(peer: &Peer, trouble: &str, parent: &Path) -> Result<Result<Left, String>, Box<dyn Error>> {
    let directory = Directory::new(parent)?;
    let [logs, saved, stderr] = ["logs", "saved", "stderr"].map(|name| directory.0.join(name));
    fs::create_dir(&logs)?;
    fs::create_dir(&saved)?;
    let mut command = if trouble == FULL_DISK {
        on_small_disk(&logs, &saved)?
    } else {
        Command::new(env::current_exe()?)
    };
    command
        .args(["trouble-child", peer.name(), trouble])
        .arg(&logs);
    let status = finish(&mut command, File::create(&stderr)?)?;
    let Some(status) = status else {
        return Ok(Err("hangs".to_owned()));
    };
    if !status.success() {
        return Ok(Err(format!("failed: {status}")));
    }
    let logs = if trouble == FULL_DISK { saved } else { logs };
    Ok(Ok(left(&logs, &stderr, trouble)?))
}

/// Runs a program to its end. `None` if it took too long and was ended.
fn finish(command: &mut Command, stderr: File) -> Result<Option<ExitStatus>, Box<dyn Error>> {
    let command = command.env_remove("RUST_LOG").stdin(Stdio::null());
    let mut child = command.stdout(Stdio::null()).stderr(stderr).spawn()?;
    wait(&mut child, PATIENCE)
}

fn on_small_disk(disk: &Path, saved: &Path) -> io::Result<Command> {
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount"])
        .args(["sh", "-c", ON_SMALL_DISK, DISK])
        .args([disk, saved])
        .arg(env::current_exe()?);
    Ok(command)
}

fn left(logs: &Path, stderr: &Path, trouble: &str) -> io::Result<Left> {
    let records = if trouble == FULL_DISK {
        RECORDS + AFTERWARDS
    } else {
        RECORDS
    };
    let is_new = |name: &str| !name.ends_with(RENAMED);
    let after = count(logs, is_new, BEFORE..RECORDS)?;
    Ok(Left {
        all: count(logs, |_| true, 0..records)?,
        in_new_file: RECORDS - BEFORE - after.missing,
        said: said(logs, stderr)?,
    })
}

/// The first line that is none of the program's records, and the next where it only leads to that.
fn said(logs: &Path, stderr: &Path) -> io::Result<Option<String>> {
    for path in [stderr.to_owned()].into_iter().chain(files(logs)?) {
        let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
        let mut others = whole_lines(&text)
            .filter(|line| !line.trim().is_empty() && number(line).is_none())
            .map(without_directories);
        if let Some(line) = others.next() {
            let more = others.next().filter(|_| line.ends_with(':'));
            return Ok(Some(
                [line, more.unwrap_or_default()].join(" ").trim().to_owned(),
            ));
        }
    }
    Ok(None)
}

/// Where the files lie differs from machine to machine, and is not what is said.
fn without_directories(line: &str) -> String {
    let name = |word: &'_ str| match word.rsplit_once('/') {
        Some((directory, name)) if directory.starts_with('/') => name.to_owned(),
        _ => word.to_owned(),
    };
    let words: Vec<String> = line.split_whitespace().map(name).collect();
    words.join(" ").chars().take(160).collect()
}

fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)?.map(|entry| Ok(entry?.path()));
    let paths: Vec<PathBuf> = entries.collect::<io::Result<_>>()?;
    Ok(paths.into_iter().filter(|path| path.is_file()).collect())
}

pub fn child(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [peer, trouble, directory] = arguments else {
        return Err("trouble-child: wrong number of arguments".into());
    };
    let peer = peers::find(peer).ok_or("trouble-child: no such logger")?;
    let setup = Setup {
        directory: PathBuf::from(directory),
        lossless: false,
        filter: "info".to_owned(),
    };
    let running = (peer.contender.start)(&setup)?;
    let numbered = (peer.contender.calls)(&setup).numbered;
    match trouble.as_str() {
        RENAME => rename(&setup.directory, numbered)?,
        FULL_DISK => fill(&setup.directory, numbered)?,
        _ => return Err("trouble-child: no such trouble".into()),
    }
    peer.leave(running);
    Ok(())
}

fn rename(directory: &Path, numbered: fn(u64)) -> Result<(), Box<dyn Error>> {
    (0..BEFORE).for_each(numbered);
    let deadline = Instant::now() + PATIENCE / 2;
    while count(directory, |_| true, 0..BEFORE)?.missing != 0 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    for path in files(directory)? {
        let mut renamed = path.clone().into_os_string();
        renamed.push(RENAMED);
        fs::rename(path, renamed)?;
    }
    (BEFORE..RECORDS).for_each(numbered);
    thread::sleep(SETTLE);
    Ok(())
}

fn fill(directory: &Path, numbered: fn(u64)) -> io::Result<()> {
    let ballast = directory.join(BALLAST);
    fs::write(&ballast, vec![b'x'; BALLAST_BYTES])?;
    (0..RECORDS).for_each(numbered);
    thread::sleep(SETTLE);
    fs::remove_file(ballast)?;
    (RECORDS..RECORDS + AFTERWARDS).for_each(numbered);
    thread::sleep(SETTLE);
    Ok(())
}
