//! offloop and other loggers doing the same work in the same run.
//!
//! The parent process starts one child for each contender and measurement (a global logger can be
//! set once per process), in turns A B C A B C, and prints medians. See README.md beside `Cargo.toml`.

mod options;

mod parent;
mod results;
mod table;

mod bench;
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
    if let Some(("child", job)) = arguments
        .split_first()
        .map(|(first, job)| (first.as_str(), job))
    {
        return bench::child(job);
    }
    let options = options::Options::parse(&arguments)?;
    parent::run(&options)
}
