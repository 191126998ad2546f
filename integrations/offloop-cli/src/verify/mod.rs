//! `offloop verify`: are all records there?
//!
//! Files are put in order, and each line is looked at once, so that the size of a log does
//! not matter.

mod audit;
mod copies;
mod line;
mod report;
mod sequence;
mod source;

use crate::arguments::Verify;
use crate::{Outcome, tell};

use audit::Audit;
use source::Source;

pub(crate) fn run(arguments: &Verify) -> Outcome {
    let (sources, troubles) = source::in_order(&arguments.files);
    let mut audit = Audit::new(arguments.list);
    audit.troubles = troubles;
    for source in sources {
        read(source, &mut audit);
    }
    for trouble in &audit.troubles {
        tell::trouble(trouble);
    }
    if arguments.json {
        tell::answer(report::json(&audit));
    } else {
        tell::answer(report::text(&audit));
    }
    audit.outcome()
}

fn read(source: Source, audit: &mut Audit) {
    let name = source.name();
    audit.begin_file(&name);
    let read = source
        .open()
        .and_then(|lines| lines.for_each(|line| audit.add(line)));
    if let Err(error) = read {
        audit.troubles.push(format!("read {name}: {error}"));
    }
}
