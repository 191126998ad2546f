//! What is wrong with the name of a time zone.

#[cfg(feature = "time-zones")]
pub(super) fn complaint(name: &str) -> Option<String> {
    if name.parse::<chrono_tz::Tz>().is_ok() {
        return None;
    }
    let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let question = crate::nearest::question(name, names);
    Some(format!(
        "{name:?} is no zone of the IANA database{question} Allowed: such as \"Europe/Berlin\""
    ))
}

#[cfg(not(feature = "time-zones"))]
pub(super) fn complaint(_: &str) -> Option<String> {
    Some("needs the feature `time-zones` of offloop".to_owned())
}
