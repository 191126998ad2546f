//! How a sink has its old files tended: the thread that does it, and what that has to say.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use super::caretaker::{Care, Caretaker};
use crate::complaint::Complaints;

/// How many complaints of the thread may wait until the sink passes them on. More are left out.
const COMPLAINTS_MAX: usize = 8;

/// The thread is started once there is a file that can end, on the sink's own thread: after a fork,
/// too.
#[derive(Debug)]
pub(super) struct OldFilesCare {
    care: Care,
    caretaker: Option<Caretaker>,
    must_start: bool,
    say: Sender<String>,
    said: Receiver<String>,
}

impl OldFilesCare {
    pub(super) fn new(care: Care) -> OldFilesCare {
        let (say, said) = crossbeam_channel::bounded(COMPLAINTS_MAX);
        OldFilesCare {
            care,
            caretaker: None,
            must_start: true,
            say,
            said,
        }
    }

    /// Starts the thread, unless it has been tried. If that fails it is tried again once the next
    /// file has ended.
    pub(super) fn start(&mut self, active: &Path) -> io::Result<()> {
        if !std::mem::take(&mut self.must_start) {
            return Ok(());
        }
        let say = self.say.clone();
        let complaints = Complaints::to(Arc::new(move |complaint: &str| {
            let _ = say.try_send(complaint.to_owned());
        }));
        self.caretaker = Caretaker::start(self.care, active.to_owned(), complaints)?;
        Ok(())
    }

    /// There is one old file more.
    pub(super) fn file_ended(&mut self) {
        match &self.caretaker {
            Some(caretaker) => caretaker.wake(),
            None => self.must_start = true,
        }
    }

    /// What the thread had to complain of since the last call.
    pub(super) fn complaints(&self) -> impl Iterator<Item = String> {
        self.said.try_iter()
    }
}
