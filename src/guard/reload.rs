//! A pipeline is changed while it runs.

use crate::config::{Builder, Changes, Config};
use crate::drain::line::Content;
use crate::drain::notice;
use crate::error::Error;
use crate::guard::Guard;
use crate::install;
use crate::reloader;

impl Guard {
    /// What the pipeline was made from, and changed to since: to be changed further, and passed to
    /// [`reload`](Guard::reload). It has the program's own writers and memories too.
    ///
    /// ```
    /// # fn main() -> Result<(), offloop::Error> {
    /// # let memory = offloop::Memory::new();
    /// # let (_layer, guard) = offloop::builder().memory(&memory).build::<tracing_subscriber::Registry>()?;
    /// guard.reload(guard.config().builder().filter("debug"))?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn config(&self) -> Config {
        self.pipeline.settings()
    }

    /// Goes on otherwise: takes a [`Config`] or a [`Builder`] that describes all of it anew, and
    /// changes what is different. No thread that logs waits for it, no record is lost, none is
    /// written twice, and each thread's records stay in order.
    ///
    /// - The *filter* holds from the next record on, for the program's every callsite; a disabled one
    ///   costs what it did. Directives by span know the spans that are opened from now on.
    /// - A *sink* of which only the format, the filter, the sync policy, the rotation and the like
    ///   are different writes otherwise from its next batch on: what waits at this moment may come
    ///   out either way.
    /// - If sinks are added, removed or sent elsewhere, or if what holds waiting records is
    ///   different (the budget, the overflow policy, crash safety), what comes from now on goes
    ///   a new way. What was logged before is written to the sinks of before; a sink that stays
    ///   goes on with what is new once that is done. As long as one of them has not taken it,
    ///   another such change is refused.
    /// - A sink is the same if it is the same file, the same standard stream, or the same writer or
    ///   memory.
    /// - Who hears of troubles, and whether panics are logged, stays as it was when the pipeline started.
    ///
    /// `RUST_LOG`, where it is set, overrides the filter as it does at the start.
    ///
    /// What has changed is written into the log: a record with the target `offloop`, the message
    /// `configuration reloaded`, and for each [setting](Changes) the fields `<setting>.before` and
    /// `<setting>.after`. So is what was refused, as a warning with the `error`.
    ///
    /// It opens files and may wait for sinks, for up to two seconds: not for a thread that
    /// runs async tasks. It must not be called where a value is formatted that is being logged.
    ///
    /// # Errors
    ///
    /// As [`Builder::init`] for what is described; [`Error::Reload`] if the log has been shut down, was
    /// made by [`non_blocking`](crate::non_blocking), or has not finished an earlier change. In
    /// any case nothing has changed.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("app.jsonl");
    /// let builder = || offloop::builder().file(&path);
    /// let (_layer, guard) = builder().build::<tracing_subscriber::Registry>()?;
    /// let changes = guard.reload(builder().stderr().filter("debug"))?;
    /// for change in &changes {
    ///     println!("{}: {:?}, now {:?}", change.setting(), change.before(), change.after());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn reload(&self, wanted: impl Into<Builder>) -> Result<Changes, Error> {
        let reloaded = self.try_reload(wanted.into());
        match &reloaded {
            Ok(changes) => notice::say_reloaded(&self.pipeline, changes),
            Err(error) => notice::say_refused(&self.pipeline, &error.to_string()),
        }
        reloaded
    }

    fn try_reload(&self, wanted: Builder) -> Result<Changes, Error> {
        let content = self.pipeline.content();
        if content == Content::Lines {
            return Err(Error::Reload("it has lines of its program's, not records"));
        }
        let (plan, directives) = wanted.plan(content)?;
        let settings = plan.settings.clone();
        let before = self.pipeline.reload(plan, directives)?;
        install::ask_anew(&self.pipeline);
        if let Err(error) = reloader::follow(&self.pipeline) {
            notice::say_unfollowed(&self.pipeline, &error.to_string());
        }
        Ok(Changes::between(&before.settings, &settings))
    }
}
