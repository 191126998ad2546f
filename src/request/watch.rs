//! Watches the requests in flight from a thread of its own: a runtime that hangs cannot say so
//! itself.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use signal_hook::consts::SIGUSR1;

use super::table::{self, InFlight};
use crate::error::Error;
use crate::fork;

/// Starts a thread that watches the requests in flight.
///
/// - A request that has lasted for `long` gets a record that says so, and another one each time
///   that has doubled, at INFO: its `event.name` is `http.server.request.inflight`. What never ends,
///   or hangs, would have none otherwise.
/// - A SIGUSR1 has one written for every request in flight. The handler of the signal stays until
///   the process ends; handlers that others have installed go on being called.
///
/// Both show requests that [sampling](super::Options::sample) leaves out, too: these are none the less
/// left out in the end, if all goes well with them.
///
/// To be called once, after the subscriber was installed. A forked child is not watched unless it
/// calls this itself.
///
/// # Errors
///
/// [`Error::HandleSignal`] if the system does not allow the handler, and [`Error::StartWriter`] if
/// there is no thread to be had.
///
/// ```no_run
/// # fn main() -> Result<(), offloop::Error> {
/// let guard = offloop::init()?;
/// offloop::request::watch(std::time::Duration::from_secs(30))?;
/// # drop(guard);
/// # Ok(())
/// # }
/// ```
pub fn watch(long: Duration) -> Result<(), Error> {
    let wakes = signals().map_err(Error::HandleSignal)?;
    let run = move || Watch { long, wakes }.run();
    fork::spawn("offloop-requests".to_owned(), run).map_err(Error::start_writer)
}

/// A byte comes with each SIGUSR1.
fn signals() -> io::Result<UnixStream> {
    let (wakes, wake) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(SIGUSR1, wake)?;
    Ok(wakes)
}

struct Watch {
    long: Duration,
    wakes: UnixStream,
}

impl Watch {
    fn run(mut self) {
        // A quarter of the time is as late as a record may come.
        let pause = (self.long / 4).max(Duration::from_millis(10));
        if self.wakes.set_read_timeout(Some(pause)).is_err() {
            return;
        }
        loop {
            match self.wakes.read(&mut [0; 64]) {
                Ok(0) => return,
                Ok(_) => table::log_in_flight(),
                Err(error) if is_timeout(&error) => self.report_long(),
                Err(_) => return,
            }
        }
    }

    fn report_long(&self) {
        let requests = table::in_flight();
        requests
            .iter()
            .filter(|request| request.report_is_due(self.long))
            .for_each(InFlight::log);
    }
}

fn is_timeout(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}
