//! The work in `tracing`'s words, for all contenders that subscribe to it.

use tracing::{debug, info, info_span};

use super::{Calls, NUMBERED};
use crate::values::Values;

pub const CALLS: Calls = Calls {
    plain,
    mixed,
    mixed_in_spans: mixed,
    within_spans,
    request,
    disabled,
    numbered,
    long: Some(long),
};

fn plain(values: &Values) {
    info!(
        user = values.user,
        delta = values.delta,
        ratio = values.ratio,
        cached = values.cached,
        path = values.path,
        id = values.id.0,
        "request handled"
    );
}

fn mixed(values: &Values) {
    info!(
        user = values.user,
        delta = values.delta,
        ratio = values.ratio,
        cached = values.cached,
        path = values.path,
        id = %values.id,
        "request handled"
    );
}

fn within_spans(values: &Values, work: &mut dyn FnMut()) {
    let outer = info_span!("request", method = values.method, peer = values.peer).entered();
    let inner = info_span!("query", table = values.table, attempt = values.attempt).entered();
    work();
    drop(inner);
    drop(outer);
}

fn request(values: &Values) {
    within_spans(values, &mut || (0..5).for_each(|_| mixed(values)));
}

fn disabled(values: &Values) {
    debug!(
        user = values.user,
        delta = values.delta,
        ratio = values.ratio,
        cached = values.cached,
        path = values.path,
        id = %values.id,
        "request handled"
    );
}

fn numbered(number: u64) {
    info!("{NUMBERED}{number}");
}

fn long(payload: &str) {
    info!(payload, "request handled");
}
