//! The two ways out: answers on stdout, troubles on stderr.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes an answer. A reader that has seen enough, such as `head`, is no trouble.
pub(crate) fn answer(text: impl Display) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// Says what went wrong.
pub(crate) fn trouble(text: impl Display) {
    let _ = writeln!(io::stderr(), "offloop: {text}");
}

/// `1 record`, `2 records`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    if number == 1 {
        return format!("1 {noun}");
    }
    let ending = if noun.ends_with('s') { "es" } else { "s" };
    format!("{number} {noun}{ending}")
}
