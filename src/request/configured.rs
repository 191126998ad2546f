//! The options of the program's configuration, which adapters have without a word.

use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;

use super::options::Options;

static OPTIONS: LazyLock<ArcSwap<Options>> = LazyLock::new(ArcSwap::default);

/// What holds for requests that begin from now on.
pub(crate) fn configure(options: Options) {
    OPTIONS.store(Arc::new(options));
}

pub(super) fn options() -> Arc<Options> {
    OPTIONS.load_full()
}
