//! The work in the words of the `log` crate: with key-values, and as text for those who ignore them.

use log::{debug, info};

use super::{Calls, NUMBERED, without_spans};
use crate::values::Values;

pub const STRUCTURED: Calls = Calls {
    plain: structured_plain,
    mixed: structured_mixed,
    mixed_in_spans: structured_in_spans,
    within_spans: without_spans,
    request: |values| (0..5).for_each(|_| structured_in_spans(values)),
    disabled,
    numbered,
    long: None,
};

pub const TEXT: Calls = Calls {
    plain: text_plain,
    mixed: text_mixed,
    mixed_in_spans: text_in_spans,
    within_spans: without_spans,
    request: |values| (0..5).for_each(|_| text_in_spans(values)),
    disabled,
    numbered,
    long: None,
};

fn structured_plain(values: &Values) {
    info!(
        user = values.user, delta = values.delta, ratio = values.ratio, cached = values.cached,
        path = values.path, id = values.id.0;
        "request handled"
    );
}

fn structured_mixed(values: &Values) {
    info!(
        user = values.user, delta = values.delta, ratio = values.ratio, cached = values.cached,
        path = values.path, id:% = values.id;
        "request handled"
    );
}

fn structured_in_spans(values: &Values) {
    info!(
        method = values.method, peer = values.peer, table = values.table, attempt = values.attempt,
        user = values.user, delta = values.delta, ratio = values.ratio, cached = values.cached,
        path = values.path, id:% = values.id;
        "request handled"
    );
}

fn text_plain(values: &Values) {
    info!(
        "request handled user={} delta={} ratio={} cached={} path={} id={}",
        values.user, values.delta, values.ratio, values.cached, values.path, values.id.0
    );
}

fn text_mixed(values: &Values) {
    info!(
        "request handled user={} delta={} ratio={} cached={} path={} id={}",
        values.user, values.delta, values.ratio, values.cached, values.path, values.id
    );
}

fn text_in_spans(values: &Values) {
    info!(
        "method={} peer={} table={} attempt={} request handled user={} delta={} ratio={} cached={} \
         path={} id={}",
        values.method,
        values.peer,
        values.table,
        values.attempt,
        values.user,
        values.delta,
        values.ratio,
        values.cached,
        values.path,
        values.id
    );
}

fn disabled(values: &Values) {
    debug!("request handled user={} id={}", values.user, values.id);
}

fn numbered(number: u64) {
    info!("{NUMBERED}{number}");
}
