//! What a value may look like.

use aho_corasick::AhoCorasick;

use std::fmt::Write;

/// One form of a value.
pub(super) struct Disguise {
    pub(super) name: &'static str,
    /// `None` where there is nothing to search for.
    searcher: Option<AhoCorasick>,
}

impl Disguise {
    /// All that a value is searched for as. Those that say the same as another are left out.
    pub(super) fn all_of(value: &[u8]) -> Vec<Self> {
        let mut forms: Vec<(&'static str, bool, Vec<String>)> = vec![
            ("hex", true, vec![hexadecimal(value)]),
            ("base64", false, base64(value)),
            ("percent-encoded", true, percent_encoded(value)),
        ];
        if let Ok(text) = str::from_utf8(value) {
            forms.push(("JSON", true, json(text)));
        }
        let own = String::from_utf8_lossy(value);
        let forms = forms.into_iter().map(|(name, any_case, mut forms)| {
            forms.retain(|form| **form != *own);
            Disguise::new(name, any_case, &forms)
        });
        let plain = Disguise::new("plain", false, &[value]);
        [plain].into_iter().chain(forms).collect()
    }

    fn new(name: &'static str, any_case: bool, forms: &[impl AsRef<[u8]>]) -> Self {
        let mut builder = AhoCorasick::builder();
        builder.ascii_case_insensitive(any_case);
        let searcher = (!forms.is_empty()).then(|| builder.build(forms).ok());
        Disguise {
            name,
            searcher: searcher.flatten(),
        }
    }

    pub(super) fn find_in(&self, content: &[u8]) -> impl Iterator<Item = usize> {
        let searcher = self.searcher.iter();
        searcher.flat_map(move |searcher| searcher.find_iter(content).map(|found| found.start()))
    }
}

fn hexadecimal(value: &[u8]) -> String {
    let digits = |mut digits: String, byte: &u8| {
        let _ = write!(digits, "{byte:02x}");
        digits
    };
    value.iter().fold(String::new(), digits)
}

const ALPHABETS: [&[u8; 64]; 2] = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];

/// The letters that depend on the value alone, wherever it begins within what is encoded: at a
/// multiple of three bytes, one byte behind that, or two.
fn base64(value: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let bits = 8 * before..8 * (before + value.len());
        // Six bits a letter; those that are not all of the value are left out.
        let (first, last) = (bits.start.div_ceil(6), bits.end / 6);
        let bit = |place: usize| {
            let byte = value[place / 8 - before];
            usize::from(byte >> (7 - place % 8) & 1)
        };
        for alphabet in ALPHABETS {
            let letters = (first..last).map(|letter| {
                let value =
                    (6 * letter..6 * letter + 6).fold(0, |value, place| 2 * value + bit(place));
                char::from(alphabet[value])
            });
            forms.push(letters.collect());
        }
    }
    forms.sort();
    forms.dedup();
    forms
}

/// With all bytes but letters and digits encoded, and with those encoded that must be.
fn percent_encoded(value: &[u8]) -> Vec<String> {
    let encoded = |is_plain: fn(u8) -> bool| {
        let mut form = String::new();
        for byte in value {
            if is_plain(*byte) {
                form.push(char::from(*byte));
            } else {
                let _ = write!(form, "%{byte:02X}");
            }
        }
        form
    };
    let all = encoded(|byte| byte.is_ascii_alphanumeric());
    let some = encoded(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    let path = encoded(|byte| byte.is_ascii_graphic() && !b"\"#<>?`{}%/".contains(&byte));
    let form = some.replace("%20", "+");
    vec![all, some, path, form]
}

/// As serde_json escapes it, as those do that escape all but ASCII, and both once more, as where JSON
/// is in a string of JSON.
fn json(text: &str) -> Vec<String> {
    let short = escaped(text, false);
    let long = escaped(text, true);
    let slashes = short.replace('/', "\\/");
    let (short_twice, long_twice) = (escaped(&short, false), escaped(&long, true));
    vec![short, long, slashes, short_twice, long_twice]
}

fn escaped(text: &str, is_ascii: bool) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    let inner = quoted.trim_start_matches('"');
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    if !is_ascii {
        return inner.to_owned();
    }
    let mut escaped = String::new();
    for character in inner.chars() {
        if character.is_ascii() {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    escaped
}
