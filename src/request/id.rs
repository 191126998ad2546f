//! The request's id: the client's, if it is harmless; made otherwise.

use std::cell::Cell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arrayvec::ArrayString;
use uuid::Builder;

use super::random;

/// Longer ids are not accepted.
const ID_BYTES_MAX: usize = 128;

/// As long as a UUID with its hyphens, which is what most ids are.
const SHORT_BYTES_MAX: usize = 36;

/// What joins the records of one request, in this process and in others.
///
/// It has 1 to 128 characters out of `A-Z a-z 0-9 . _ : @ / + = -`: what UUIDs, ULIDs, base64 and the
/// ids of the large proxies are made of. None of them means anything in a header, in a line of a log
/// or to a terminal. (`/` is among them: do not use an id as the name of a file.)
///
/// Cloning it does not allocate; neither do ids that are made here, nor accepted ones up to the
/// length of a UUID.
///
/// ```
/// use offloop::request::RequestId;
///
/// let header_lines: [&[u8]; 1] = [b"01JD3T7Q9N"];
/// let id = RequestId::accept(header_lines).unwrap_or_else(RequestId::make);
/// assert_eq!(id.as_str(), "01JD3T7Q9N");
/// ```
#[derive(Clone)]
pub struct RequestId(Text);

/// ASCII, in place if it is short.
#[derive(Clone)]
enum Text {
    Short(ArrayString<SHORT_BYTES_MAX>),
    Long(Arc<str>),
}

impl RequestId {
    /// Takes the id that the client sent, if it sent exactly one, and that one is harmless: see
    /// [`RequestId`] for its length and characters.
    ///
    /// `values` are all lines of the header. Two ids are none: which of them a proxy believed cannot
    /// be known. An id is taken as it is or not at all; one that was cut or cleaned would join
    /// records that do not belong together.
    ///
    /// ```
    /// use offloop::request::RequestId;
    ///
    /// assert!(RequestId::accept([b"a-1".as_slice()]).is_some());
    /// assert!(RequestId::accept([b"a-1".as_slice(), b"a-2"]).is_none());
    /// assert!(RequestId::accept([b"a-1\x1b[2J".as_slice()]).is_none());
    /// assert!(RequestId::accept([]).is_none());
    /// ```
    #[must_use]
    pub fn accept<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut values = values.into_iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        // What is harmless is ASCII, and so always text.
        let id = str::from_utf8(value).ok().filter(|_| is_harmless(value))?;
        Some(Self(Text::new(id)))
    }

    /// Makes a new id: a UUID of version 7, which sorts by the millisecond in which it was made.
    ///
    /// Ids of the same millisecond come in no particular order, and no thread waits for another.
    /// Most of it is random, but not secret: who has seen some ids may be able to guess others.
    ///
    /// ```
    /// use offloop::request::RequestId;
    ///
    /// let id = RequestId::make();
    /// assert_eq!(id.as_str().len(), 36);
    /// assert_ne!(id, RequestId::make());
    /// ```
    #[must_use]
    pub fn make() -> Self {
        Self::make_at(Instant::now())
    }

    /// Makes one of this moment, which has just been read from the clock.
    pub(super) fn make_at(now: Instant) -> Self {
        let uuid = Builder::from_unix_timestamp_millis(unix_ms(now), &random::bytes()).into_uuid();
        let mut bytes = [0; SHORT_BYTES_MAX];
        Self(Text::new(uuid.hyphenated().encode_lower(&mut bytes)))
    }

    /// The id as text.
    ///
    /// ```
    /// # use offloop::request::RequestId;
    /// let header = format!("x-request-id: {}", RequestId::make().as_str());
    /// # assert_eq!(header.len(), 50);
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Short(text) => text,
            Text::Long(text) => text,
        }
    }
}

/// How long a look at the wall clock lasts: a clock that is set shows in ids so much later.
const LOOK_LASTS: Duration = Duration::from_secs(1);

thread_local! {
    /// The thread's latest look at the wall clock: when it was, and how long after 1970.
    static LOOK: Cell<Option<(Instant, Duration)>> = const { Cell::new(None) };
}

/// Milliseconds since 1970: read from the wall clock once a second, and counted on from there.
fn unix_ms(now: Instant) -> u64 {
    let look = LOOK.try_with(Cell::get).ok().flatten();
    let counted = look.and_then(|(looked, age)| {
        let since = now.saturating_duration_since(looked);
        (since < LOOK_LASTS).then(|| age + since)
    });
    let age = counted.unwrap_or_else(|| look_at_wall_clock(now));
    age.as_secs() * 1000 + u64::from(age.subsec_millis())
}

#[cold]
fn look_at_wall_clock(now: Instant) -> Duration {
    // A clock before 1970 makes ids that sort first; that they differ is what counts.
    let age = SystemTime::now().duration_since(UNIX_EPOCH);
    let age = age.unwrap_or_default();
    let _ = LOOK.try_with(|look| look.set(Some((now, age))));
    age
}

impl Text {
    /// Keeps what is harmless.
    fn new(id: &str) -> Self {
        match ArrayString::from(id) {
            Ok(short) => Text::Short(short),
            Err(_) => Text::Long(id.into()),
        }
    }
}

/// Whether an id can travel through headers, logs and terminals without meaning anything there.
fn is_harmless(id: &[u8]) -> bool {
    let is_allowed = |byte: u8| {
        let is_mark = matches!(byte, b'.' | b'_' | b':' | b'@' | b'/' | b'+' | b'=' | b'-');
        byte.is_ascii_alphanumeric() | is_mark
    };
    // Looks at all bytes, whatever the first ones are: so it is vector code.
    let are_allowed = |id: &[u8]| id.iter().fold(true, |all, byte| all & is_allowed(*byte));
    (1..=ID_BYTES_MAX).contains(&id.len()) && are_allowed(id)
}

impl AsRef<str> for RequestId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = formatter.debug_tuple("RequestId");
        tuple.field(&self.as_str()).finish()
    }
}

impl PartialEq for RequestId {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for RequestId {}

impl Hash for RequestId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::{Uuid, Version};

    use super::*;

    #[track_caller]
    fn check(value: &[u8], is_accepted: bool) {
        let id = RequestId::accept([value]);
        let expected = is_accepted.then(|| str::from_utf8(value).unwrap());
        assert_eq!(id.as_ref().map(RequestId::as_str), expected);
    }

    #[test]
    fn ids_as_clients_and_proxies_make_them_are_accepted() {
        check(b"0", true);
        check(b"01JD3T7Q9NZX8Q2V5W6Y7Z8A9B", true);
        check(b"3fa85f64-5717-4562-b3fc-2c963f66afa6", true);
        check(b"3fa85f64-5717-4562-b3fc-2c963f66afa6:7", true);
        check(b"Root=1-67891233-abcdef012345678912345678", true);
        check(b"aGVsbG8+d29ybGQ/IQ==", true);
        check(b"a/b+c=@d.e_f:g", true);
        check(&[b'a'; 36], true);
        check(&[b'a'; 37], true);
        check(&[b'a'; 128], true);
    }

    #[test]
    fn ids_that_could_do_harm_are_not() {
        check(b"", false);
        check(&[b'a'; 129], false);
        check(b" a", false);
        check(b"a b", false);
        check(b"a\r\nset-cookie: b", false);
        check(b"a\0", false);
        check(b"\x1b[31m", false);
        check(b"a\"b", false);
        check(b"$(reboot)", false);
        check("\u{e9}".as_bytes(), false);
        check(b"\xff", false);
    }

    #[test]
    fn no_header_and_two_headers_are_no_id() {
        assert_eq!(RequestId::accept([]), None);
        assert_eq!(RequestId::accept([b"a".as_slice(), b"a"]), None);
    }

    #[test]
    fn an_id_that_is_made_is_a_uuid_of_version_7_and_of_now() {
        let now_s = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_secs()
        };
        let before = now_s();
        let id = RequestId::make();
        let uuid = Uuid::parse_str(id.as_str()).unwrap();
        assert_eq!(uuid.get_version(), Some(Version::SortRand));
        let (seconds, _) = uuid.get_timestamp().unwrap().to_unix();
        assert!((before..=now_s()).contains(&seconds));
    }

    #[test]
    fn an_id_that_is_made_would_be_accepted() {
        let id = RequestId::make();
        assert_eq!(RequestId::accept([id.as_str().as_bytes()]), Some(id));
    }

    proptest! {
        #[test]
        fn what_is_accepted_comes_back_unchanged(id in "[A-Za-z0-9._:@/+=-]{1,128}") {
            let accepted = RequestId::accept([id.as_bytes()]).unwrap();
            prop_assert_eq!(accepted.as_str(), &id);
            prop_assert_eq!(accepted.clone(), accepted);
        }

        #[test]
        fn any_bytes_are_accepted_whole_or_not_at_all(bytes in any::<Vec<u8>>()) {
            if let Some(id) = RequestId::accept([bytes.as_slice()]) {
                prop_assert_eq!(id.as_str().as_bytes(), bytes);
            }
        }
    }
}
