//! What a line is: a record, or damage.

mod layout;
mod object;
mod otlp;
mod record;

pub(super) use self::layout::Layouts;
pub(super) use self::record::{Notice, Record};

/// A line of a log.
#[derive(Debug)]
pub(super) enum Line<'a> {
    Record(Record<'a>),
    /// A JSON object in no known format.
    Unknown,
    Empty,
    Damaged(Damage),
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// The last line of a file has no end.
    NoEnd,
    /// A record that breaks off.
    Torn,
    /// NUL bytes, as they stand where a file was cut by another program while it was written to.
    NulBytes,
    /// Something else than a JSON object from its beginning.
    NoObject,
    /// What begins like one.
    NoRecord(String),
}

/// Looks at a line, its end included.
pub(super) fn parse<'a>(bytes: &'a [u8], layouts: &Layouts) -> Line<'a> {
    let Some(line) = bytes.strip_suffix(b"\n") else {
        return Line::Damaged(Damage::NoEnd);
    };
    if line.is_empty() {
        return Line::Empty;
    }
    if line.contains(&0) {
        return Line::Damaged(Damage::NulBytes);
    }
    if line[0] != b'{' {
        return Line::Damaged(Damage::NoObject);
    }
    // Values that nobody looks at would not be checked.
    let Ok(text) = std::str::from_utf8(line) else {
        return Line::Damaged(Damage::NoRecord("not UTF-8".to_owned()));
    };
    match serde_json::from_str(text) {
        Ok(object) => layouts.read(&object).map_or(Line::Unknown, Line::Record),
        Err(error) if error.is_eof() => Line::Damaged(Damage::Torn),
        Err(error) => {
            let (column, reason) = (error.column(), reason(&error));
            Line::Damaged(Damage::NoRecord(format!("column {column}: {reason}")))
        }
    }
}

/// Without the place, which is always in line 1.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once(" at line ") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn damage(bytes: &[u8]) -> Option<Damage> {
        match parse(bytes, &Layouts::of(&[])) {
            Line::Damaged(damage) => Some(damage),
            Line::Record(_) | Line::Unknown | Line::Empty => None,
        }
    }

    #[test]
    fn whatever_is_no_whole_object_is_damage() {
        assert_eq!(damage(b"{\"a\":1}\n"), None);
        assert_eq!(damage(b"\n"), None);
        assert_eq!(damage(b"{\"a\":1}"), Some(Damage::NoEnd));
        assert_eq!(damage(b"{\"a\":1\n"), Some(Damage::Torn));
        assert_eq!(damage(b"{\"a\":\"b\n"), Some(Damage::Torn));
        assert_eq!(damage(b"\0\0{\"a\":1}\n"), Some(Damage::NulBytes));
        for other in [
            "[1]\n",
            "1\n",
            "INFO hello\n",
            "{\"a\":1}{\n",
            "{\"seq\":1,\"seq\":2}\n",
            "{\"a\":\u{1}}\n",
        ] {
            assert!(
                matches!(
                    damage(other.as_bytes()),
                    Some(Damage::NoRecord(_) | Damage::NoObject)
                ),
                "{other}"
            );
        }
        assert!(matches!(
            damage(b"{\"a\":\"\xff\"}\n"),
            Some(Damage::NoRecord(_))
        ));
    }
}
