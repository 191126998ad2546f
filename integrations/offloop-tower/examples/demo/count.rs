//! What a log holds when everything is over.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;

use crate::Failure;

const LAST_LINES: usize = 3;

#[derive(Default)]
pub(crate) struct Lines {
    /// Records of this program and of the middleware. A logger may add records of its own.
    pub(crate) records: u64,
    /// Lines that are no JSON.
    pub(crate) broken: u64,
    pub(crate) last: VecDeque<String>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    target: Cow<'a, str>,
}

impl Lines {
    pub(crate) fn count(log: &Path) -> Result<Self, Failure> {
        let mut lines = Self::default();
        let mut reader = BufReader::new(File::open(log)?);
        let mut line = String::new();
        while reader.read_line(&mut line)? > 0 {
            lines.add(line.trim_end());
            line.clear();
        }
        Ok(lines)
    }

    fn add(&mut self, line: &str) {
        match serde_json::from_str::<Record<'_>>(line) {
            Ok(record) if is_ours(&record.target) => self.records += 1,
            Ok(_) => {}
            Err(_) => self.broken += 1,
        }
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
    }
}

fn is_ours(target: &str) -> bool {
    target == "offloop::request" || target == "demo" || target.starts_with("demo::")
}
