//! The table of outcomes: which of them the tests of this program have seen, and why not the others.
//!
//! It is written to `target/outcomes/actix-web.tsv`, from where the tables of the READMEs come.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::Mutex;

/// The outcomes, in the order of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Row {
    Completed,
    Bodyless,
    Declared,
    Stream,
    GoneBeforeHead,
    GoneInUpload,
    GoneInBody,
    ResetBeforeHead,
    ResetInBody,
    HandlerError,
    ServiceError,
    PanicCaught,
    PanicUncaught,
    PanicInBody,
    Timeout,
    BodyError,
    Truncated,
    Upgrade,
    Events,
    GrpcStatus,
    GrpcStatusMissing,
    Rejected,
    Shutdown,
}

const ROWS: [(Row, &str); 23] = [
    (Row::Completed, "completed"),
    (Row::Bodyless, "completed (HEAD, 204, 304)"),
    (Row::Declared, "completed (declared length)"),
    (Row::Stream, "completed (stream)"),
    (Row::GoneBeforeHead, "client gone before the head"),
    (Row::GoneInUpload, "client gone in the upload"),
    (Row::GoneInBody, "client gone in the body"),
    (Row::ResetBeforeHead, "HTTP/2 reset before the head"),
    (Row::ResetInBody, "HTTP/2 reset in the body"),
    (Row::HandlerError, "handler error (5xx)"),
    (Row::ServiceError, "service error"),
    (Row::PanicCaught, "panic caught (answered 500)"),
    (Row::PanicUncaught, "panic uncaught"),
    (Row::PanicInBody, "panic in the body"),
    (Row::Timeout, "timeout layer fired"),
    (Row::BodyError, "response body failed"),
    (Row::Truncated, "response truncated"),
    (Row::Upgrade, "upgrade (WebSocket)"),
    (Row::Events, "server-sent events"),
    (Row::GrpcStatus, "gRPC status in trailers"),
    (Row::GrpcStatusMissing, "gRPC status missing"),
    (Row::Rejected, "refused by back-pressure"),
    (Row::Shutdown, "still running at shutdown's deadline"),
];

static SEEN: Mutex<BTreeSet<Row>> = Mutex::new(BTreeSet::new());

impl Row {
    /// A test has seen the outcome's record.
    pub(crate) fn seen(self) {
        let mut seen = SEEN.lock().unwrap();
        seen.insert(self);
        let table = ROWS.iter().fold(String::new(), |mut table, (row, name)| {
            writeln!(table, "{name}\t{}", row.cell(&seen)).unwrap();
            table
        });
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/outcomes");
        std::fs::create_dir_all(&target).unwrap();
        std::fs::write(target.join("actix-web.tsv"), table).unwrap();
    }

    fn cell(self, seen: &BTreeSet<Row>) -> &'static str {
        match (self, seen.contains(&self)) {
            (Row::GrpcStatus, _) => "actix-web sends no trailers",
            (_, false) => "not looked for in this run",
            (Row::GoneBeforeHead, true) => {
                "seen: a reset always, a close with `h1_allow_half_closed(false)`"
            }
            (Row::ResetBeforeHead, true) => {
                "seen once the handler is done, since actix-web lets it run on"
            }
            (_, true) => "seen",
        }
    }
}
