//! Callsites made by hand, which last for ever as those of macros do.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing::callsite::Identifier;
use tracing::field::FieldSet;
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Callsite, Level, Metadata};

use super::SampleField;

/// Metadata as a macro makes it at compile time. Equal samples share it, as the records of one
/// macro do. Leaked, since records refer to it for ever.
#[expect(clippy::disallowed_methods, reason = "tests may wait for each other")]
pub(super) fn metadata(
    target: &str,
    name: &str,
    level: Level,
    is_span: bool,
    fields: &[SampleField],
) -> &'static Metadata<'static> {
    static KNOWN: Mutex<BTreeMap<String, &'static Metadata<'static>>> = Mutex::new(BTreeMap::new());
    let declared = fields.iter().filter(|field| !field.is_inline);
    let names: Vec<&str> = declared.map(|field| field.name.as_str()).collect();
    let identity = format!("{target:?} {name:?} {level} {is_span} {names:?}");
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(identity).or_insert_with(|| {
        let callsite: &'static SampleCallsite = Box::leak(Box::default());
        let names = names.into_iter().map(leak).collect();
        let fields = FieldSet::new(Vec::leak(names), Identifier(callsite));
        let kind = if is_span { Kind::SPAN } else { Kind::EVENT };
        let (name, target, file) = (leak(name), leak(target), Some("src/app.rs"));
        let made = || Metadata::new(name, target, level, file, Some(12), None, fields, kind);
        callsite.0.get_or_init(made)
    })
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.into())
}

#[derive(Default)]
struct SampleCallsite(OnceLock<Metadata<'static>>);

impl Callsite for SampleCallsite {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        self.0.get().expect("set where it was made")
    }
}
