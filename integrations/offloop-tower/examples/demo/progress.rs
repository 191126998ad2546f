//! A line that says what is going on, while it goes on.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::schedule::{LENGTH, STALL, WARM_UP};

const TICK: Duration = Duration::from_millis(100);

pub(crate) struct Progress {
    turns: usize,
    turn: usize,
    title: &'static str,
    is_terminal: bool,
    shown: String,
}

impl Progress {
    pub(crate) fn new(turns: usize) -> Self {
        let is_terminal = io::stdout().is_terminal();
        Self {
            turns,
            turn: 0,
            title: "",
            is_terminal,
            shown: String::new(),
        }
    }

    /// The next contender takes its turn.
    pub(crate) fn next(&mut self, title: &'static str) {
        self.turn += 1;
        self.title = title;
    }

    /// Shows what happens until `is_over`.
    pub(crate) fn watch(&mut self, start: Instant, is_over: impl Fn() -> bool) {
        while !is_over() {
            let elapsed = start.elapsed();
            self.show(phase(elapsed), elapsed);
            std::thread::sleep(TICK);
        }
    }

    pub(crate) fn clear(&self) {
        if self.is_terminal {
            print!("\r\x1b[K");
        }
    }

    /// On a terminal one line changes all the time; elsewhere each phase gets a line.
    fn show(&mut self, phase: &str, elapsed: Duration) {
        let line = format!("[{}/{}] {}: {phase}", self.turn, self.turns, self.title);
        let turns_left = (self.turns - self.turn) as u32;
        let left = LENGTH.saturating_sub(elapsed) + LENGTH * turns_left;
        if self.is_terminal {
            print!("\r\x1b[K{line}, {} s left", left.as_secs() + 1);
            _ = io::stdout().flush();
        } else if line != self.shown {
            println!("{line}, {} s left", left.as_secs() + 1);
        }
        self.shown = line;
    }
}

fn phase(elapsed: Duration) -> &'static str {
    if elapsed < WARM_UP {
        "warming up"
    } else if STALL.contains(&elapsed) {
        "the log's reader stands still, requests go on"
    } else if elapsed < LENGTH {
        "requests come in, the log is read"
    } else {
        "waiting for the last answers"
    }
}
