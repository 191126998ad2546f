//! emit with emit_file.

use std::time::Duration;

use emit::Frame;

use super::{Calls, Contender, Running, Setup, Started};
use crate::values::Values;

pub const EMIT_FILE: Contender = Contender {
    name: "emit_file",
    about: "JSON, formatted by the caller; throws 10,000 waiting records away when they are too many; syncs each batch",
    tracing: false,
    lossless: false,
    path: false,
    start,
    calls: |_| Calls {
        plain,
        mixed,
        mixed_in_spans: mixed,
        within_spans,
        request,
        disabled,
        numbered,
        long: None,
    },
};

fn start(setup: &Setup) -> Started {
    let runtime = emit::setup()
        .emit_when(emit::level::min_filter(emit::Level::Info))
        .emit_to(emit_file::set(setup.path()).spawn())
        .init();
    Ok(Box::new(Handle(move || {
        runtime.blocking_flush(Duration::from_secs(60));
    })))
}

struct Handle<F>(F);

impl<F: FnOnce()> Running for Handle<F> {
    fn finish(self: Box<Self>) {
        (self.0)();
    }
}

fn plain(values: &Values) {
    let Values {
        user,
        delta,
        ratio,
        cached,
        path,
        id,
        ..
    } = values;
    emit::info!("request handled", user, delta, ratio, cached, path, id: id.0);
}

fn mixed(values: &Values) {
    let Values {
        user,
        delta,
        ratio,
        cached,
        path,
        id,
        ..
    } = values;
    emit::info!("request handled", user, delta, ratio, cached, path, id);
}

fn within_spans(values: &Values, work: &mut dyn FnMut()) {
    let Values {
        method,
        peer,
        table,
        attempt,
        ..
    } = values;
    let context = emit::runtime::shared().ctxt();
    Frame::push(context, emit::props! { method, peer })
        .call(|| Frame::push(context, emit::props! { table, attempt }).call(work));
}

fn request(values: &Values) {
    within_spans(values, &mut || (0..5).for_each(|_| mixed(values)));
}

fn disabled(values: &Values) {
    let Values { user, id, .. } = values;
    emit::debug!("request handled", user, id);
}

/// The macro takes nothing but a literal, so what stands for `NUMBERED` is written out here.
fn numbered(number: u64) {
    emit::info!("numbered record {number}");
}
