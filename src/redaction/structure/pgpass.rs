//! Lines of a `.pgpass`: `host:port:database:user:password`.

use std::ops::Range;

use super::cursor::{line_end, line_start};
use crate::redaction::harmless::is_nothing;
use crate::redaction::place::Place;

/// Looks at the line on which a port stands between colons.
pub(super) fn find(bytes: &[u8], port: &Range<usize>, places: &mut Vec<Place>) -> usize {
    let is_of_field =
        |byte: &u8| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'/' | b'=' | b'@');
    let begin = line_start(bytes, port.start);
    let end = line_end(bytes, port.end);
    let host = bytes[begin..port.start].rsplit(|byte| !is_of_field(byte)).next().unwrap_or_default();
    let mut at = port.end;
    for _ in 0..2 {
        let field = bytes[at..end].iter().take_while(|byte| **byte != b':').count();
        let is_field = field > 0 && bytes[at..at + field].iter().all(is_of_field);
        if !is_field || at + field >= end {
            return port.end;
        }
        at += field + 1;
    }
    let is_database = !bytes[port.end..at]
        .split(|byte| *byte == b':')
        .any(|field| !field.is_empty() && field.iter().all(u8::is_ascii_digit));
    if host.is_empty() || !is_database || is_nothing(&String::from_utf8_lossy(&bytes[at..end])) {
        return port.end;
    }
    // In a line of its own, a password may hold blanks.
    let is_whole = host.len() == port.start - begin;
    let length = bytes[at..end].iter().take_while(|byte| is_whole || is_of_field(byte)).count();
    places.push(Place::structure(at..at + length, "pgpass"));
    at + length
}
