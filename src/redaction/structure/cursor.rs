//! Moving through a text that may be quoted, coloured and encoded in turn.

/// A quote as it is written, at whatever depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quote {
    /// A quotation mark behind so many backslashes.
    Plain { slashes: usize, mark: u8 },
    /// One that is encoded.
    Coded(&'static [u8]),
}

/// Quotation marks as they are encoded, in small letters.
const CODED: [&[u8]; 16] = [
    b"%22",
    b"%27",
    b"%5c%22",
    b"%2522",
    b"&quot;",
    b"&#34;",
    b"&#x22;",
    b"&#39;",
    b"&#x27;",
    b"&apos;",
    b"&amp;quot;",
    b"&#039;",
    b"\\u0022",
    b"\\u0027",
    b"\\\\u0022",
    b"\\\\u0027",
];

/// Separators as they are encoded, in small letters.
const CODED_SEPARATORS: [&[u8]; 8] =
    [b"%3d", b"%3a", b"\\u003d", b"\\u003a", b"&#61;", b"&#x3d;", b"%253d", b"%253a"];

/// Blanks as they are encoded, in small letters.
const CODED_BLANKS: [&[u8]; 3] = [b"%20", b"&nbsp;", b"\\t"];

/// How a control sequence for colours begins, in every way of writing ESC.
const CONTROLS: [&[u8]; 7] = [b"\x1b[", b"\\u001b[", b"\\x1b[", b"\\033[", b"\\e[", b"\\\\u001b[", b"#033["];

/// Quotes more deeply nested are not followed.
const MOST_SLASHES: usize = 31;

/// Whether `bytes` hold `small` at `at`, in letters of any size.
pub(super) fn holds(bytes: &[u8], at: usize, small: &[u8]) -> bool {
    bytes.get(at..at + small.len()).is_some_and(|found| found.eq_ignore_ascii_case(small))
}

/// The first of `words` that stands at `at`.
pub(super) fn one_of(bytes: &[u8], at: usize, words: &[&'static [u8]]) -> Option<&'static [u8]> {
    words.iter().find(|word| holds(bytes, at, word)).copied()
}

/// Behind control sequences at `at`.
pub(super) fn behind_colours(bytes: &[u8], mut at: usize) -> usize {
    while let Some(begin) = one_of(bytes, at, &CONTROLS) {
        let inner = at + begin.len();
        let length =
            bytes[inner..].iter().take(24).take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
        match bytes.get(inner + length) {
            Some(b'A'..=b'Z' | b'a'..=b'z') => at = inner + length + 1,
            _ => break,
        }
    }
    at
}

/// Behind blanks and colours at `at`, on the same line.
pub(super) fn behind_blanks(bytes: &[u8], mut at: usize) -> usize {
    loop {
        let before = at;
        at = behind_colours(bytes, at);
        while matches!(bytes.get(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        if matches!(bytes.get(at), Some(b'%' | b'&' | b'\\'))
            && let Some(blank) = one_of(bytes, at, &CODED_BLANKS)
        {
            at += blank.len();
        }
        if at == before {
            return at;
        }
    }
}

/// Behind blanks, colours and ends of lines.
pub(super) fn behind_space(bytes: &[u8], mut at: usize) -> usize {
    loop {
        let before = at;
        at = behind_blanks(bytes, at);
        while matches!(bytes.get(at), Some(b'\n' | b'\r')) {
            at += 1;
        }
        if holds(bytes, at, b"\\n") {
            at += 2;
        }
        if at == before {
            return at;
        }
    }
}

/// The quote at `at`, and what is behind it.
pub(super) fn quote(bytes: &[u8], at: usize) -> Option<(Quote, usize)> {
    let slashes = bytes.get(at..)?.iter().take(MOST_SLASHES).take_while(|byte| **byte == b'\\').count();
    if let Some(mark @ (b'"' | b'\'' | b'`')) = bytes.get(at + slashes) {
        return Some((Quote::Plain { slashes, mark: *mark }, at + slashes + 1));
    }
    if matches!(bytes.get(at), Some(b'%' | b'&' | b'\\')) {
        return one_of(bytes, at, &CODED).map(|coded| (Quote::Coded(coded), at + coded.len()));
    }
    None
}

/// A separator between name and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Separator {
    /// Where what is behind it begins.
    pub(super) next: usize,
    /// Whether it was a colon.
    pub(super) is_colon: bool,
    /// Whether it was encoded, so that what ends the value is encoded too.
    pub(super) is_coded: bool,
}

/// The separator at `at`.
pub(super) fn separator(bytes: &[u8], at: usize) -> Option<Separator> {
    let plain =
        |length: usize, is_colon: bool| Some(Separator { next: at + length, is_colon, is_coded: false });
    match (bytes.get(at)?, bytes.get(at + 1)) {
        (b'=' | b'-', Some(b'>')) | (b':', Some(b'=')) => plain(2, false),
        (b'=', Some(b'=' | b'~')) | (b':', Some(b':')) => None,
        (b':', Some(b'/')) if bytes.get(at + 2) == Some(&b'/') => None,
        (b'=', _) => plain(1, false),
        (b':', _) => plain(1, true),
        (b'%' | b'\\' | b'&', _) => {
            let coded = one_of(bytes, at, &CODED_SEPARATORS)?;
            Some(Separator { next: at + coded.len(), is_colon: coded.contains(&b'a'), is_coded: true })
        }
        _ => None,
    }
}

/// Where the line ends that `at` is on.
pub(super) fn line_end(bytes: &[u8], at: usize) -> usize {
    let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length);
    if end > at && bytes[end - 1] == b'\r' { end - 1 } else { end }
}

/// Where the line begins that `at` is on.
pub(super) fn line_start(bytes: &[u8], at: usize) -> usize {
    memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |before| before + 1)
}
