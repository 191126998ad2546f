//! The nearest right word.

/// From 0 to 1, how alike words must be for one to be meant by the other.
const LIKENESS_MIN: f64 = 0.6;

/// The word that is most like this one, if there is one that is like it.
pub(crate) fn nearest<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    nearest_of(word, words, LIKENESS_MIN)
}

/// The same where words must be at least so much alike, from 0 to 1.
pub(crate) fn nearest_of<'w>(
    word: &str,
    words: impl IntoIterator<Item = &'w str>,
    likeness_min: f64,
) -> Option<&'w str> {
    let word = word.to_lowercase();
    let likeness =
        |other: &str| strsim::normalized_damerau_levenshtein(&word, &other.to_lowercase());
    { words.into_iter() }
        .map(|other| (likeness(other), other))
        .filter(|(likeness, _)| likeness_min <= *likeness)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, other)| other)
}

/// Asks whether that one is meant, and ends the sentence either way.
pub(crate) fn question<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> String {
    match nearest(word, words) {
        Some(other) => format!("; did you mean {other:?}?"),
        None => ".".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_by_what_it_was_typed_as() {
        let words = ["level", "budget", "write_delay", "crash_safe"];
        let typed = [
            ("levle", Some("level")),
            ("Level", Some("level")),
            ("writedelay", Some("write_delay")),
            ("write-delay", Some("write_delay")),
            ("crashsafe", Some("crash_safe")),
            ("colour", None),
            ("", None),
        ];
        for (word, expected) in typed {
            assert_eq!(nearest(word, words), expected, "{word}");
        }
    }
}
