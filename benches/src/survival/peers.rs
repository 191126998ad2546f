//! Who takes part, and what each one's documentation asks of a program for the sake of its last
//! records.

use crate::contenders::{self, Contender, Running};

pub struct Peer {
    pub contender: &'static Contender,
    /// What stands at the end of `main`.
    end: End,
    /// The same in words, with what else decides about the last records.
    pub about: &'static str,
}

/// How a program that returns from `main` ends its logger.
#[derive(Clone, Copy)]
enum End {
    /// The guard goes out of scope; or there is nothing to do.
    Drop,
    /// There is no guard; the last statement asks for a flush.
    Flush,
}

impl Peer {
    pub fn name(&self) -> &'static str {
        self.contender.name
    }

    pub fn is_offloop(&self) -> bool {
        self.name() == "offloop"
    }

    /// What the program does at the end of `main`.
    pub fn leave(&self, running: Box<dyn Running>) {
        match self.end {
            End::Drop => drop(running),
            End::Flush => running.finish(),
        }
    }
}

pub const ALL: &[Peer] = &[
    Peer {
        contender: &contenders::OFFLOOP,
        end: End::Drop,
        about: "`builder().file(..).init()`, the guard kept until `main` returns. Counted after the next \
                start with the same file; the last column is what was missing before that",
    },
    Peer {
        contender: &contenders::TRACING_APPENDER,
        end: End::Drop,
        about: "`NonBlockingBuilder` as it comes (drops when 128,000 lines wait, which 2,000 never do), the \
                guard kept until `main` returns",
    },
    Peer {
        contender: &contenders::TRACING_APPENDER_LOSSLESS,
        end: End::Drop,
        about: "the same with `lossy(false)`",
    },
    Peer {
        contender: &contenders::SPDLOG,
        end: End::Drop,
        about: "`AsyncPoolSink` over `FileSink`, flushed every second; set as the default logger, which its \
                own exit handler flushes. There is no guard to drop",
    },
    Peer {
        contender: &contenders::FLEXI_LOGGER,
        end: End::Drop,
        about: "`WriteMode::Async`, the `LoggerHandle` kept until `main` returns",
    },
    Peer {
        contender: &contenders::SLOG,
        end: End::Drop,
        about: "`build_with_guard()`, the `AsyncGuard` kept until `main` returns; the file is flushed after \
                each record",
    },
    Peer {
        contender: &contenders::LOGFORTH,
        end: End::Flush,
        about: "`Async` appender over `File`, `log::logger().flush()` at the end of `main`. There is no \
                guard; in that row the flush is left out",
    },
    Peer {
        contender: &contenders::FAST_LOG,
        end: End::Flush,
        about: "`file`, `chan_len` 128,000, `log::logger().flush()` at the end of `main`. There is no guard; \
                in that row the flush is left out",
    },
    Peer {
        contender: &contenders::EMIT_FILE,
        end: End::Flush,
        about: "`emit_file::set(..).spawn()`, `blocking_flush` of up to 60 s at the end of `main`. There is no guard; in \
                that row the flush is left out",
    },
    Peer {
        contender: &contenders::TICKLOG,
        end: End::Drop,
        about: "`FileSink`, the guard kept until `main` returns",
    },
];

pub fn find(name: &str) -> Option<&'static Peer> {
    ALL.iter().find(|peer| peer.name() == name)
}
