//! offloop, as its own global subscriber and as a layer on tracing-subscriber's registry.

use std::time::Duration;

use offloop::{Guard, Overflow};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::{Contender, Running, Setup, tracing_calls};

pub const OFFLOOP: Contender = Contender {
    name: "offloop",
    about: "JSON, global subscriber: drops and counts when 64 MiB wait (lossless: waits)",
    tracing: true,
    lossless: true,
    path: true,
    start: |setup| {
        Ok(Box::new(Handle {
            guard: builder(setup).init()?,
        }))
    },
    calls: |_| tracing_calls::CALLS,
};

pub const LAYER: Contender = Contender {
    name: "offloop-layer",
    about: "the same as a layer on tracing-subscriber's Registry",
    tracing: true,
    lossless: true,
    path: true,
    start: |setup| {
        let (layer, guard) = builder(setup).build::<Registry>()?;
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;
        Ok(Box::new(Handle { guard }))
    },
    calls: |_| tracing_calls::CALLS,
};

fn builder(setup: &Setup) -> offloop::Builder {
    let builder = offloop::builder().file(setup.path()).filter(&setup.filter);
    if setup.lossless {
        builder.overflow(Overflow::Block {
            at_most: Duration::from_secs(60),
        })
    } else {
        builder
    }
}

struct Handle {
    guard: Guard,
}

impl Running for Handle {
    fn finish(self: Box<Self>) {
        let report = self.guard.shutdown(Duration::from_secs(120));
        assert_eq!(report.pending, 0, "the file takes everything");
    }
}
