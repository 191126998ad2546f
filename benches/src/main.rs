//! offloop and other loggers doing the same work in the same run.
//!
//! The parent process starts one child for each contender and measurement (a global logger can be
//! set once per process), in turns A B C A B C, and prints medians. See README.md beside `Cargo.toml`.

mod options;

mod parent;
mod results;
mod table;

mod bench;
mod survival;

mod contenders;
mod values;

mod allocations;
mod clock;
mod machine;
mod samples;

use std::error::Error;

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (first, job) = arguments.split_first().unzip();
    let job = job.unwrap_or_default();
    match first.map(String::as_str) {
        Some("child") => bench::child(job),
        Some("counted-child") => bench::instructions::counted_child(job),
        Some("survival-child") => survival::child(job),
        Some("trouble-child") => survival::trouble_child(job),
        _ => parent::run(&options::Options::parse(&arguments)?),
    }
}
