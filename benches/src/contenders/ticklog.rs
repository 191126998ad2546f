//! ticklog: binary records in per-thread rings of 1 MiB, text, a writer thread that spins for ever.
//!
//! It knows no `Display` values: they become a `String` first, as a user must do it.

use super::{Calls, Contender, Running, without_spans};
use crate::values::Values;

pub const TICKLOG: Contender = Contender {
    name: "ticklog",
    about: "text; drops uncounted when a thread's 1 MiB ring is full (lossless: spins); spins while idle",
    tracing: false,
    lossless: true,
    path: true,
    start: |setup| {
        let sink = ticklog::FileSink::new(setup.path())?;
        // This is what `ticklog::configure!` calls. The macro also fixes the policy for a full ring
        // at compile time, once per crate; the modules below do that part themselves, twice.
        let guard = ticklog::__private::__configure_rt(Box::new(sink), 0, None, "")?;
        Ok(Box::new(Handle { _guard: guard }))
    },
    calls: |setup| {
        if setup.lossless {
            block::CALLS
        } else {
            drop::CALLS
        }
    },
};

struct Handle {
    _guard: ticklog::Guard,
}

impl Running for Handle {
    /// The drain makes one last pass after the flag is set, which is enough only if the rings are
    /// nearly empty: it takes what it finds at that moment, but it does take all of that.
    fn finish(self: Box<Self>) {}
}

macro_rules! calls_with {
    ($policy:ident) => {
        use super::{Calls, Values, without_spans};

        macro_rules! __ticklog_max_level {
            () => {
                ticklog::Level::Info
            };
        }
        macro_rules! __ticklog_backpressure {
            () => {
                ticklog::Backpressure::$policy
            };
        }

        pub const CALLS: Calls = Calls {
            plain,
            mixed,
            mixed_in_spans,
            within_spans: without_spans,
            request,
            disabled,
            numbered,
            long: None,
        };

        fn plain(values: &Values) {
            ticklog::info!(
                "request handled user={} delta={} ratio={} cached={} path={} id={}",
                values.user,
                values.delta,
                values.ratio,
                values.cached,
                values.path,
                values.id.0
            );
        }

        fn mixed(values: &Values) {
            ticklog::info!(
                "request handled user={} delta={} ratio={} cached={} path={} id={}",
                values.user,
                values.delta,
                values.ratio,
                values.cached,
                values.path,
                values.id.to_string()
            );
        }

        fn mixed_in_spans(values: &Values) {
            ticklog::info!(
                "method={} peer={} table={} attempt={} request handled user={} delta={} ratio={} \
                 cached={} path={} id={}",
                values.method,
                values.peer,
                values.table,
                values.attempt,
                values.user,
                values.delta,
                values.ratio,
                values.cached,
                values.path,
                values.id.to_string()
            );
        }

        fn request(values: &Values) {
            (0..5).for_each(|_| mixed_in_spans(values));
        }

        /// The macro takes nothing but a literal, so what stands for `NUMBERED` is written out here.
        fn numbered(number: u64) {
            ticklog::info!("numbered record {}", number);
        }

        fn disabled(values: &Values) {
            ticklog::debug!(
                "request handled user={} id={}",
                values.user,
                values.id.to_string()
            );
        }
    };
}

mod drop {
    calls_with!(Drop);
}

mod block {
    calls_with!(Block);
}
