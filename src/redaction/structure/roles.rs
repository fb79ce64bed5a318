//! Statements that give a role its password, also ones with mistakes in them, as servers quote them in their errors.

use std::ops::Range;

use super::cursor::{Quote, line_end, quote};
use super::value::quoted;
use crate::redaction::harmless::{is_nothing, is_number};
use crate::redaction::place::Place;

/// How such statements begin, in small letters.
pub(super) const SIGNS: [&str; 4] = ["alter role ", "create role ", "alter user ", "create user "];

/// A statement has at most this many bytes.
const LONGEST: usize = 4096;

/// The fewest bytes of a string that is masked: names are not quoted so.
const SHORTEST: usize = 4;

/// Looks at the strings of the statement. All of it is looked at by the other rules too.
pub(super) fn find(bytes: &[u8], sign: &Range<usize>, places: &mut Vec<Place>) -> usize {
    let line = line_end(&bytes[..bytes.len().min(sign.end + LONGEST)], sign.end);
    let end = memchr::memchr(b';', &bytes[sign.end..line]).map_or(line, |length| sign.end + length);
    let mut at = sign.end;
    while let Some(length) = memchr::memchr(b'\'', &bytes[at..end]) {
        at += length;
        let Some((mark @ Quote::Plain { .. }, inner)) = quote(bytes, at) else { return sign.end };
        let found = quoted(bytes, inner, mark);
        let text = String::from_utf8_lossy(&bytes[found.start..found.end]);
        let before = bytes[sign.end..at].trim_ascii_end().to_ascii_lowercase();
        let is_public = before.ends_with(b"until") || before.ends_with(b"to") || before.ends_with(b"=");
        if text.len() >= SHORTEST && !is_public && !is_nothing(&text) && !is_number(&text) {
            places.push(Place::structure(found.start..found.end, "password"));
        }
        at = found.end + 1;
        if at >= end {
            break;
        }
    }
    sign.end
}
