//! Which of the numbered records are in the files.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;

use crate::contenders::NUMBERED;

#[derive(Clone, Copy, Default)]
pub struct Count {
    /// Records that stand nowhere.
    pub missing: u64,
    /// Records that stand there more than once.
    pub doubled: u64,
}

/// Counts in all regular files of a directory whose names are asked for.
pub fn count(
    directory: &Path,
    is_wanted: impl Fn(&str) -> bool,
    records: Range<u64>,
) -> io::Result<Count> {
    let mut times = vec![0_u64; (records.end - records.start) as usize];
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.metadata()?.is_file() || !is_wanted(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let text = String::from_utf8_lossy(&fs::read(entry.path())?).into_owned();
        let numbers = whole_lines(&text).filter_map(number);
        numbers
            .filter(|number| records.contains(number))
            .for_each(|number| times[(number - records.start) as usize] += 1);
    }
    let count = |is_so: fn(u64) -> bool| times.iter().filter(|one| is_so(**one)).count() as u64;
    Ok(Count {
        missing: count(|times| times == 0),
        doubled: count(|times| 1 < times),
    })
}

/// A last line without its end was cut off: it is no record.
pub fn whole_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'))
}

/// The number of the record in a line, if it holds a numbered one.
pub fn number(line: &str) -> Option<u64> {
    // A logger may write the message's template, too, where no digit follows.
    line.match_indices(NUMBERED).find_map(|(at, _)| {
        let rest = &line[at + NUMBERED.len()..];
        let end = rest.find(|one: char| !one.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_in_json_in_text_and_behind_a_template() {
        let check = |line, expected| assert_eq!(number(line), expected, "{line}");
        check(
            r#"{"message":"numbered record 17","level":"INFO"}"#,
            Some(17),
        );
        check("12:00:00 INFO numbered record 1999", Some(1999));
        check(
            r#"{"tpl":"numbered record {number}","msg":"numbered record 0"}"#,
            Some(0),
        );
        check("12:00:00 WARN 17 records were recovered", None);
    }

    #[test]
    fn a_line_that_was_cut_off_is_no_record() {
        let text = "numbered record 1\nnumbered record 2\nnumbered record 3";
        let numbers: Vec<u64> = whole_lines(text).filter_map(number).collect();
        assert_eq!(numbers, [1, 2]);
    }

    #[test]
    fn missing_and_doubled_records_are_counted_over_all_files_that_are_wanted() {
        let directory = std::env::temp_dir().join(format!("offloop-count-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory for the test");
        let write = |name, text| fs::write(directory.join(name), text).expect("a file of the test");
        write("one", "numbered record 0\nnumbered record 1\n");
        write("other", "numbered record 1\nnumbered record 7\n");
        let all = count(&directory, |_| true, 0..4).expect("files that can be read");
        let one = count(&directory, |name| name == "one", 0..4).expect("a file that can be read");
        fs::remove_dir_all(&directory).expect("a directory that can be removed");
        assert_eq!((all.missing, all.doubled), (2, 1));
        assert_eq!((one.missing, one.doubled), (2, 0));
    }
}
