//! What stands in place of a secret.

use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use arrayvec::ArrayString;
use hmac::{Hmac, KeyInit, Mac};
use rand::TryRng;
use rand::rngs::SysRng;
use sha2::Sha256;

use crate::config::{Redaction, RedactionStyle};

/// What stands in place of a secret where nothing is told of it.
pub(crate) const REDACTED: &str = "[redacted]";

/// Of a value with fewer characters, four would be too many.
const CHARACTERS_MIN: usize = 12;

/// A hash shows so many bytes, which is enough to tell a million values apart.
const HASH_BYTES: usize = 6;

/// No value is looked at beyond this: one may write without end.
const VALUE_BYTES_MAX: usize = 1 << 20;

/// The longest mask: `[last4:` and four characters of four bytes.
const MASK_BYTES_MAX: usize = 32;

pub(crate) type Mask = ArrayString<MASK_BYTES_MAX>;

/// Makes masks of values.
#[derive(Clone)]
pub(crate) struct Masks {
    /// Ready to be fed. `None` where hashes would have a key that is not that of the process which
    /// logged the values.
    hmac: Option<Hmac<Sha256>>,
}

impl Masks {
    pub(super) fn new(redaction: &Redaction) -> Self {
        let key = match &redaction.hash_key.0 {
            Some(key) => key.as_bytes(),
            None => random_key(),
        };
        // Any length will do.
        Masks {
            hmac: Hmac::new_from_slice(key).ok(),
        }
    }

    pub(super) fn without_hash() -> Self {
        Masks { hmac: None }
    }

    /// What stands in place of whatever `write` writes. It is not called where nobody looks at it.
    pub(crate) fn of(
        &self,
        style: RedactionStyle,
        write: impl FnOnce(&mut dyn Write) -> fmt::Result,
    ) -> Mask {
        let mut mask = Mask::new();
        // A value of the program's own may panic, which must not harm the program.
        let write = |out: &mut dyn Write| {
            catch_unwind(AssertUnwindSafe(|| write(out))).unwrap_or(Err(fmt::Error))
        };
        let shown = match style {
            RedactionStyle::Redacted => Err(fmt::Error),
            RedactionStyle::Hash => self.write_hash(write, &mut mask),
            RedactionStyle::LastFour => write_last_four(write, &mut mask),
        };
        if shown.is_err() {
            mask.clear();
            mask.push_str(REDACTED);
        }
        mask
    }

    fn write_hash(
        &self,
        write: impl FnOnce(&mut dyn Write) -> fmt::Result,
        mask: &mut Mask,
    ) -> fmt::Result {
        let hmac = self.hmac.clone().ok_or(fmt::Error)?;
        let mut hashed = Hashed { hmac, len: 0 };
        // What a value wrote before it failed is its text.
        let _ = write(&mut hashed);
        let hash = hashed.hmac.finalize().into_bytes();
        mask.write_str("[hash:")?;
        for byte in hash.iter().take(HASH_BYTES) {
            write!(mask, "{byte:02x}")?;
        }
        mask.write_str("]")
    }
}

impl fmt::Debug for Masks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Masks").finish_non_exhaustive()
    }
}

/// The key of this process and of what it forks. Empty (and so no secret) nowhere: without random
/// bytes from the system there is no process either.
fn random_key() -> &'static [u8] {
    static KEY: OnceLock<[u8; 32]> = OnceLock::new();
    KEY.get_or_init(|| {
        let mut key = [0; 32];
        let _ = SysRng.try_fill_bytes(&mut key);
        key
    })
}

/// Text on its way into a hash.
struct Hashed {
    hmac: Hmac<Sha256>,
    len: usize,
}

impl Write for Hashed {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.len += text.len();
        if VALUE_BYTES_MAX < self.len {
            return Err(fmt::Error);
        }
        self.hmac.update(text.as_bytes());
        Ok(())
    }
}

fn write_last_four(
    write: impl FnOnce(&mut dyn Write) -> fmt::Result,
    mask: &mut Mask,
) -> fmt::Result {
    let mut last = LastFour::default();
    write(&mut last)?;
    if last.count < CHARACTERS_MIN {
        return Err(fmt::Error);
    }
    mask.write_str("[last4:")?;
    (0..4).try_for_each(|back| mask.write_char(last.characters[(last.count + back) % 4]))?;
    mask.write_str("]")
}

/// The latest characters of a text, in turn.
#[derive(Default)]
struct LastFour {
    characters: [char; 4],
    count: usize,
}

impl Write for LastFour {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            self.characters[self.count % 4] = character;
            self.count += 1;
        }
        if VALUE_BYTES_MAX < self.count {
            return Err(fmt::Error);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn mask(redaction: &Redaction, style: RedactionStyle, text: &str) -> String {
        let masks = Masks::new(redaction);
        masks.of(style, |out| out.write_str(text)).to_string()
    }

    #[test]
    fn a_hash_is_the_beginning_of_an_hmac() {
        // printf %s hunter2 | openssl dgst -sha256 -hmac key
        let redaction = Redaction::default().hash_key("key");
        let shown = mask(&redaction, RedactionStyle::Hash, "hunter2");
        assert_eq!(shown, "[hash:05d210d8af05]");
        let pieces = Masks::new(&redaction).of(RedactionStyle::Hash, |out| {
            out.write_str("hunt")?;
            out.write_str("er2")
        });
        assert_eq!(&*pieces, shown);
    }

    #[test]
    fn hashes_without_a_key_are_those_of_the_process() {
        let hash = |text| mask(&Redaction::default(), RedactionStyle::Hash, text);
        assert_eq!(hash("a"), hash("a"));
        assert_ne!(hash("a"), hash("b"));
        let keyed = mask(
            &Redaction::default().hash_key(""),
            RedactionStyle::Hash,
            "a",
        );
        assert_ne!(hash("a"), keyed);
        let none = Masks::without_hash();
        assert_eq!(
            &*none.of(RedactionStyle::Hash, |out| out.write_str("a")),
            REDACTED
        );
    }

    #[test]
    fn four_characters_are_shown_of_no_fewer_than_twelve() {
        let last = |text| mask(&Redaction::default(), RedactionStyle::LastFour, text);
        assert_eq!(last("12345678901"), REDACTED);
        assert_eq!(last("123456789012"), "[last4:9012]");
        assert_eq!(last("4111 1111 1111 1234"), "[last4:1234]");
        assert_eq!(last("🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀"), "[last4:🦀🦀🦀🦀]");
    }

    #[test]
    fn a_value_that_nobody_looks_at_is_not_written() {
        let masks = Masks::new(&Redaction::default());
        let mask = masks.of(RedactionStyle::Redacted, |_| unreachable!());
        assert_eq!(&*mask, REDACTED);
    }

    #[test]
    fn a_value_without_end_is_stopped() {
        for style in [RedactionStyle::Hash, RedactionStyle::LastFour] {
            let mut written = 0;
            Masks::new(&Redaction::default()).of(style, |out| {
                while out.write_str("0123456789").is_ok() {
                    written += 10;
                }
                Err(fmt::Error)
            });
            assert!(written <= VALUE_BYTES_MAX);
        }
    }
}
