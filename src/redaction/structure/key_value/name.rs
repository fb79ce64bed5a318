//! The name around a word.

use std::ops::Range;

use crate::redaction::structure::cursor::holds;

/// Longer names are none.
const LONGEST_NAME: usize = 80;

/// The name around a word, and whether it is that of a command-line flag.
#[derive(Debug, Clone)]
pub(in crate::redaction::structure) struct Name {
    pub(in crate::redaction::structure) range: Range<usize>,
    pub(in crate::redaction::structure) is_flag: bool,
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

pub(super) fn name_around(bytes: &[u8], word: &Range<usize>) -> Name {
    let before =
        bytes[..word.start].iter().rev().take(LONGEST_NAME).take_while(|byte| is_of_name(**byte)).count();
    let behind = bytes[word.end..].iter().take(LONGEST_NAME).take_while(|byte| is_of_name(**byte)).count();
    let mut start = word.start - before;
    let mut end = word.end + behind;
    start += escape_before(bytes, start).min(word.start - start);
    let dashes = bytes[start..word.start].iter().take_while(|byte| **byte == b'-').count();
    start += dashes;
    while end > word.end && matches!(bytes[end - 1], b'.' | b'-') {
        end -= 1;
    }
    // `/password` is how some tools write flags, and many write paths.
    Name { range: start..end, is_flag: dashes > 0 }
}

/// How many characters at the beginning of a name belong to an escape that stands before it: `\n`, `%22`, a colour.
fn escape_before(bytes: &[u8], start: usize) -> usize {
    let hexadecimal =
        |range: Range<usize>| bytes.get(range).is_some_and(|found| found.iter().all(u8::is_ascii_hexdigit));
    match start.checked_sub(1).map(|before| bytes[before]) {
        Some(b'\\') if holds(bytes, start, b"u00") && hexadecimal(start + 1..start + 5) => 5,
        Some(b'\\') if bytes.get(start) == Some(&b'x') && hexadecimal(start + 1..start + 3) => 3,
        Some(b'\\') if matches!(bytes.get(start), Some(b'n' | b'r' | b't')) => 1,
        Some(b'%') if holds(bytes, start, b"25") && hexadecimal(start + 2..start + 4) => 4,
        Some(b'%') if hexadecimal(start..start + 2) => 2,
        Some(b'[' | b';') => {
            let digits = bytes[start..].iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
            if digits > 0 && bytes.get(start + digits) == Some(&b'm') { digits + 1 } else { 0 }
        }
        _ => 0,
    }
}

/// `API key`, `access token`: a name of two words.
pub(super) fn with_words_before(bytes: &[u8], name: &Range<usize>) -> Range<usize> {
    let Some(blank) = name.start.checked_sub(1).filter(|at| bytes[*at] == b' ') else { return name.clone() };
    let before = bytes[..blank].iter().rev().take(24).take_while(|byte| byte.is_ascii_alphabetic()).count();
    blank - before..name.end
}
