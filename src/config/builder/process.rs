//! The builder: what happens to the process, and what the pipeline does then.

use std::time::Duration;

use super::Builder;
use crate::config::OnHangup;

impl Builder {
    /// Sets how long the end of the process may wait for records to be written, after `main` has
    /// returned, `std::process::exit` was called, or a panic that aborts was logged.
    ///
    /// That time is only used if a sink stalls or fails, less what a
    /// [shutdown](crate::Guard::shutdown) has waited for it in vain. Defaults to 5 s.
    ///
    /// ```
    /// let builder = offloop::builder().exit_timeout(std::time::Duration::from_secs(1));
    /// # drop(builder);
    /// ```
    pub fn exit_timeout(mut self, timeout: Duration) -> Self {
        self.config.exit_timeout = timeout;
        self
    }

    /// Sets whether [`init`](Builder::init) makes panics records of the log: level `ERROR`, target
    /// `panic`, with message, location, thread, and the backtrace if `RUST_BACKTRACE` asks for one.
    ///
    /// The hook that was set before is called after that. Defaults to `true`.
    ///
    /// ```
    /// let builder = offloop::builder().panic_hook(false);
    /// # drop(builder);
    /// ```
    pub fn panic_hook(mut self, is_wanted: bool) -> Self {
        self.config.panic_hook = is_wanted;
        self
    }

    /// Sets what a SIGHUP does. Defaults to [`OnHangup::Unhandled`]: it ends the process, unless the program handles it.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), offloop::Error> {
    /// use offloop::OnHangup;
    ///
    /// offloop::builder().file("logs/app.jsonl").on_hangup(OnHangup::Reopen).init()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_hangup(mut self, reaction: OnHangup) -> Self {
        self.config.on_hangup = reaction;
        self
    }

    /// Sets whether the configuration is read anew, and the pipeline goes on by it, when the file that
    /// it was read from has changed. Defaults to `false`. [`OnHangup::Reload`] does it on request.
    ///
    /// A thread looks at the file once a second, and takes it up once it has stayed the same for two
    /// looks. What is wrong with it is said in the log, and changes nothing: see
    /// [`Guard::reload`](crate::Guard::reload). The program's own writers and memories stay; what it
    /// has set beside the file does not. Without effect on a configuration that was not
    /// [read](crate::ConfigLoader), and in a forked child.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), offloop::Error> {
    /// let guard = offloop::Config::load()?.builder().watch(true).init()?;
    /// # drop(guard);
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch(mut self, is_wanted: bool) -> Self {
        self.config.watch = is_wanted;
        self
    }
}
