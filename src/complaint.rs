//! What the pipeline says when it cannot say it in the log: its own failure to log.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// At most this many complaints in that time; the rest is counted.
const COMPLAINTS_MAX: u32 = 5;
const PERIOD: Duration = Duration::from_secs(10);

/// Passes complaints on, but not too many of them.
#[derive(Clone)]
pub(crate) struct Complaints {
    report: Arc<dyn Fn(&str) + Send + Sync>,
    period_began: Instant,
    said: u32,
    withheld: u64,
}

impl fmt::Debug for Complaints {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Complaints")
            .field("withheld", &self.withheld)
            .finish_non_exhaustive()
    }
}

impl Default for Complaints {
    fn default() -> Self {
        Complaints::to(Arc::new(crate::sink::complain_on_stderr))
    }
}

impl Complaints {
    /// Complaints to where the user wants them.
    pub(crate) fn to(report: Arc<dyn Fn(&str) + Send + Sync>) -> Self {
        Complaints {
            report,
            period_began: Instant::now(),
            said: 0,
            withheld: 0,
        }
    }

    pub(crate) fn say(&mut self, complaint: &str) {
        if PERIOD < self.period_began.elapsed() {
            self.period_began = Instant::now();
            self.said = 0;
        }
        if self.said == COMPLAINTS_MAX {
            self.withheld += 1;
            return;
        }
        self.said += 1;
        let withheld = std::mem::take(&mut self.withheld);
        let text = match withheld {
            0 => complaint.to_owned(),
            count => format!("{complaint} ({count} earlier complaints withheld)"),
        };
        // The user's callback may panic; the writer must not.
        let report = std::panic::AssertUnwindSafe(|| (self.report)(&text));
        let _ = std::panic::catch_unwind(report);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn complaints_are_limited_and_a_callback_that_panics_is_survived() {
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        let mut complaints = Complaints::to(Arc::new(move |text: &str| {
            heard.lock().unwrap().push(text.to_owned());
            assert_ne!(text, "first", "this panic is part of the test");
        }));
        for complaint in ["first", "second", "3", "4", "5", "6", "7"] {
            complaints.say(complaint);
        }
        complaints.period_began = Instant::now().checked_sub(PERIOD * 2).unwrap();
        complaints.say("later");
        let said = said
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone();
        assert_eq!(
            said,
            [
                "first",
                "second",
                "3",
                "4",
                "5",
                "later (2 earlier complaints withheld)"
            ]
        );
    }
}
