//! What is left of a program's last records, whatever way it ends, and of those that met a file in
//! trouble.
//!
//! Each cell of the tables is a process of its own, which logs [`RECORDS`] numbered records, says
//! over a pipe that all calls have returned, and ends in the way of the row. The numbers that are
//! missing in its files afterwards are the cell. Several runs a cell; the worst is shown.

mod peers;

mod child;
mod ending;
mod system;

mod cell;
mod count;
mod trouble;

pub use self::child::child;
pub use self::trouble::child as trouble_child;

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use self::cell::Worst;
use self::ending::{ENDINGS, How};
use self::peers::Peer;
use crate::options::Options;
use crate::table;

/// What each process logs: a service's last moment, and far less than any queue here holds.
const RECORDS: u64 = 2_000;

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let peers: Vec<&Peer> = peers::ALL
        .iter()
        .filter(|peer| options.contenders.iter().any(|one| one.name == peer.name()))
        .collect();
    println!("\n## survival: missing of 2,000 records after the end of the program\n");
    table::align(&rows(&peers, options)?);
    println!(
        "\nThe worst of {} run(s). Where a process ends while a logger's thread still writes, the two race, \
         and the next run gives another number. `n + m doubled`: m records stand in the files more than \
         once. `hangs`: the process had not ended after {} s. The process says over a pipe that its 2,000 \
         calls have returned, and only then ends or sends itself the signal; the child of a fork logs \
         without `exec`, which POSIX leaves undefined in a program with threads.\n",
        options.runs,
        cell::PATIENCE.as_secs()
    );
    explain(&peers);
    println!("\n## file trouble: what is missing, and whether the logger says so\n");
    trouble::report(&peers, options)
}

fn rows(peers: &[&Peer], options: &Options) -> Result<Vec<Vec<String>>, Box<dyn Error>> {
    let names = peers.iter().map(|peer| peer.name().to_owned());
    let mut rows = vec![with_label("", names.chain([BEFORE.to_owned()]))];
    let (unwinding, aborting) = (env::current_exe()?, build_aborting()?);
    for (name, how) in ENDINGS {
        let program = if how == How::AbortingPanic {
            &aborting
        } else {
            &unwinding
        };
        let cells = peers
            .iter()
            .map(|peer| worst(program, peer, name, how, options))
            .collect::<Result<Vec<_>, _>>()?;
        let before = cells.iter().find_map(Worst::before_next_start);
        let texts = cells.iter().map(ToString::to_string);
        rows.push(with_label(name, texts.chain([before.unwrap_or_default()])));
    }
    Ok(rows)
}

/// The column beside those of the loggers.
const BEFORE: &str = "offloop before its next start";

fn with_label(label: &str, cells: impl Iterator<Item = String>) -> Vec<String> {
    std::iter::once(label.to_owned()).chain(cells).collect()
}

fn worst(
    program: &Path,
    peer: &Peer,
    name: &str,
    how: How,
    options: &Options,
) -> Result<Worst, Box<dyn Error>> {
    let mut worst = Worst::default();
    for run in 1..=options.runs {
        eprintln!("survival, {name}, {} {run}/{}", peer.name(), options.runs);
        worst.add(cell::run(program, peer, name, how, &options.directory)?);
    }
    Ok(worst)
}

fn explain(peers: &[&Peer]) {
    println!("How each is set up, after its own documentation:\n");
    for peer in peers {
        println!("- **{}**: {}", peer.name(), peer.about);
    }
}

/// This program once more, built so that a panic aborts.
fn build_aborting() -> Result<PathBuf, Box<dyn Error>> {
    let program = env::current_exe()?;
    let name = program.file_name().ok_or("this program has no name")?;
    // `target/release/program`: the other profile's directory lies beside this one's.
    let target = program.ancestors().nth(2).ok_or("no target directory")?;
    let status = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["build", "--profile", "abort", "--locked", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .status()?;
    if !status.success() {
        return Err(format!("build with `panic = \"abort\"`: {status}").into());
    }
    Ok(target.join("abort").join(name))
}
