//! `offloop verify`: are all records there?
//!
//! Files are put in order, and each line is looked at once, so that the size of a log does
//! not matter. What cannot be read, or not be understood, is never said to be whole.

mod audit;
mod copies;
mod files;
mod formats;
mod line;
mod report;
mod sequence;
mod waiting;

use std::fs;
use std::io;

use offloop::Error;

use crate::arguments::Verify;
use crate::check;
use crate::{Outcome, tell};

use audit::Audit;
use files::Source;
use line::Layouts;

/// How often all begins anew since an old file went away.
const ATTEMPTS_MAX: usize = 10;

pub(crate) fn run(arguments: &Verify) -> Outcome {
    let formats = match formats::possible(arguments) {
        Ok(formats) => formats,
        Err(Error::Config(error)) => {
            tell::trouble(check::problems_as_text(&error));
            return Outcome::Failed;
        }
        Err(error) => {
            tell::trouble(error);
            return Outcome::Failed;
        }
    };
    let audit = audit(arguments, &Layouts::of(&formats));
    audit.troubles.iter().for_each(tell::trouble);
    if arguments.json {
        tell::answer(report::json(&audit));
    } else {
        tell::answer(report::text(&audit));
    }
    audit.outcome()
}

fn audit(arguments: &Verify, layouts: &Layouts) -> Audit {
    let mut attempts = (1..ATTEMPTS_MAX).map(|_| attempt(arguments, layouts));
    let settled = attempts.find(|audit| !audit.is_stale);
    settled.unwrap_or_else(|| attempt(arguments, layouts))
}

fn attempt(arguments: &Verify, layouts: &Layouts) -> Audit {
    let files = files::find(&arguments.paths, layouts);
    let mut audit = Audit::new(arguments.list, arguments.strict);
    audit.troubles = files.troubles;
    audit.skipped = files.skipped;
    audit.is_stale = files.is_stale;
    let is_final = files.sources.iter().any(Source::is_stream);
    let logs = files.sources.iter().filter_map(Source::active_path);
    let logs: Vec<_> = logs.flat_map(fs::canonicalize).collect();
    for source in files.sources {
        read(&source, layouts, &mut audit);
    }
    // Afterwards: what is recovered meanwhile is said to wait by nobody.
    match waiting::find(&logs) {
        Ok(waiting) => audit.waiting = waiting,
        Err(error) => audit.troubles.push(error.to_string()),
    }
    audit.is_stale &= !is_final;
    audit
}

fn read(source: &Source, layouts: &Layouts, audit: &mut Audit) {
    let name = source.name();
    audit.begin_file(&name);
    let read = source
        .open()
        .and_then(|lines| lines.for_each(layouts, |line| audit.add(line)));
    if let Err(error) = read {
        audit.is_stale |= error.kind() == io::ErrorKind::NotFound;
        audit.troubles.push(format!("read {name}: {error}"));
    }
    audit.end_file();
}
