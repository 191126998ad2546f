//! The options of the program's configuration, which adapters have without a word.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use arc_swap::cache::Cache;

use super::options::Options;

static OPTIONS: LazyLock<ArcSwap<Options>> = LazyLock::new(ArcSwap::default);

thread_local! {
    /// What the thread saw last: it needs a look whether there is something newer, and no more.
    static SEEN: RefCell<Cache<&'static ArcSwap<Options>, Arc<Options>>> =
        RefCell::new(Cache::new(&*OPTIONS));
}

/// What holds for requests that begin from now on.
pub(crate) fn configure(options: Options) {
    OPTIONS.store(Arc::new(options));
}

pub(super) fn options() -> Arc<Options> {
    let seen = SEEN.try_with(|seen| Some(Arc::clone(seen.try_borrow_mut().ok()?.load())));
    // The thread is ending.
    seen.ok().flatten().unwrap_or_else(|| OPTIONS.load_full())
}
