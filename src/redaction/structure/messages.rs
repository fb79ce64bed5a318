//! What programs say of a value that they could not read: they quote it.

use std::ops::Range;

use super::cursor::{behind_blanks, quote};
use super::value::quoted;
use crate::redaction::harmless::is_nothing;
use crate::redaction::place::Place;

/// What stands before the quoted value, and what of it is secret.
const MESSAGES: [(&str, Secret); 16] = [
    ("identified by", Secret::All),
    ("identified with mysql_native_password by", Secret::All),
    ("invalid percent-encoded token:", Secret::All),
    ("missing \"=\" after", Secret::All),
    ("forbidden value %00 in percent-encoded value:", Secret::All),
    ("extra key/value separator \"=\" in uri query parameter:", Secret::All),
    ("missing key/value separator \"=\" in uri query parameter:", Secret::All),
    ("could not translate host name", Secret::BeforeAt),
    ("invalid integer value", Secret::UnlessNumber),
    ("invalid uri query parameter:", Secret::All),
    ("in variable name", Secret::All),
    ("unterminated quoted value", Secret::All),
    ("unexpected character in variable name near", Secret::All),
    ("convertto-securestring", Secret::All),
    ("convertto-securestring -string", Secret::All),
    ("invalid port number:", Secret::UnlessNumber),
];

/// What of a quoted value is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secret {
    All,
    /// What is before the last `@`.
    BeforeAt,
    /// All, if it is no number: a part of a password that stands where a port should.
    UnlessNumber,
}

/// How they begin, for finding them.
pub(super) fn beginnings() -> impl Iterator<Item = &'static str> {
    MESSAGES.iter().map(|(begin, _)| *begin)
}

/// Looks at what is quoted behind such a message.
pub(super) fn find(bytes: &[u8], message: &Range<usize>, places: &mut Vec<Place>) -> usize {
    let known =
        MESSAGES.iter().find(|(begin, _)| bytes[message.clone()].eq_ignore_ascii_case(begin.as_bytes()));
    let at = behind_blanks(bytes, message.end);
    let (Some((_, secret)), Some((mark, inner))) = (known, quote(bytes, at)) else { return message.end };
    let found = quoted(bytes, inner, mark);
    let text = &bytes[found.start..found.end];
    let range = match secret {
        Secret::BeforeAt => found.start..found.start + memchr::memrchr(b'@', text).unwrap_or(0),
        Secret::UnlessNumber if text.iter().all(u8::is_ascii_digit) => return message.end,
        Secret::All | Secret::UnlessNumber => found.start..found.end,
    };
    if is_nothing(&String::from_utf8_lossy(&bytes[range.clone()])) {
        return message.end;
    }
    places.push(Place::structure(range, "message"));
    found.end
}
