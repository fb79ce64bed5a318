//! Tables as clients of databases print them, and lists whose first line names the columns.

use std::ops::Range;

use super::cursor::{line_end, line_start};
use super::judge;
use crate::redaction::harmless::is_nothing;
use crate::redaction::names::{self, Names};
use crate::redaction::place::Place;

/// What stands in the line between the head of a table and its rows.
pub(super) const SIGNS: [&str; 2] = ["-+-", "-|-"];

/// A longer line is none of a table.
const LONGEST_LINE: usize = 16 * 1024;

/// Looks at the rows below the line in which a sign stands. What is not masked of them is looked at by the others too.
pub(super) fn find(bytes: &[u8], sign: &Range<usize>, places: &mut Vec<Place>) -> usize {
    let floor = sign.start.saturating_sub(LONGEST_LINE);
    let start = floor + line_start(&bytes[floor..sign.start], sign.start - floor);
    let end = line_end(&bytes[..bytes.len().min(sign.end + LONGEST_LINE)], sign.end);
    let is_rule = bytes[start..end].iter().all(|byte| matches!(byte, b'-' | b'+' | b'|' | b':' | b' '));
    if is_rule && start > floor {
        let head = floor + line_start(&bytes[floor..start - 1], start - 1 - floor);
        let names = judged(&bytes[head..start], b'|');
        rows(bytes, next_line(bytes, end), b'|', &names, places);
    }
    if is_rule { end } else { sign.end }
}

/// Looks at the rows of a list whose first line is `name,name,...`, one of which stands at `name`. `None` if it is none.
pub(super) fn listed(bytes: &[u8], name: &Range<usize>, places: &mut Vec<Place>) -> Option<usize> {
    let beside = bytes.get(name.end).or_else(|| name.start.checked_sub(1).map(|before| &bytes[before]))?;
    let before = name.start.checked_sub(1).map(|before| &bytes[before]);
    let separator =
        *[Some(beside), before].into_iter().flatten().find(|byte| matches!(byte, b',' | b';' | b'\t'))?;
    let of_head = |byte: &&u8| {
        byte.is_ascii_alphanumeric() || **byte == separator || matches!(byte, b'_' | b'-' | b'"' | b'.')
    };
    let start = name.start - bytes[..name.start].iter().rev().take(LONGEST_LINE).take_while(of_head).count();
    let end = name.end + bytes[name.end..].iter().take(LONGEST_LINE).take_while(of_head).count();
    let begins = start.checked_sub(1).is_none_or(|before| bytes[before] == b'\n');
    let ends = matches!(bytes.get(end), Some(b'\r' | b'\n'));
    let fields: Vec<&[u8]> = bytes[start..end].split(|byte| *byte == separator).collect();
    let are_names = fields.iter().all(|field| field.iter().any(u8::is_ascii_alphabetic));
    if !begins || !ends || fields.len() < 2 || !are_names {
        return None;
    }
    let names = judged(&bytes[start..end], separator);
    rows(bytes, next_line(bytes, end), separator, &names, places);
    Some(end)
}

fn judged(head: &[u8], separator: u8) -> Vec<Names> {
    head.split(|byte| *byte == separator)
        .map(|name| {
            names::judged(
                String::from_utf8_lossy(name).trim_matches(|char: char| !char.is_ascii_alphanumeric()),
            )
        })
        .collect()
}

/// The lines from `start` on that have as many fields as the head.
fn rows(bytes: &[u8], mut start: usize, separator: u8, names: &[Names], places: &mut Vec<Place>) {
    if names.iter().all(|judged| *judged < Names::Secret) {
        return;
    }
    while start < bytes.len() {
        let end = line_end(&bytes[..bytes.len().min(start + LONGEST_LINE)], start);
        let fields = fields(bytes, start..end, separator);
        if fields.len() != names.len() {
            return;
        }
        for (field, judged) in fields.into_iter().zip(names) {
            let text = String::from_utf8_lossy(&bytes[field.clone()]);
            let blanks = text.len() - text.trim_start().len();
            let range = field.start + blanks..field.start + blanks + text.trim().len();
            if *judged >= Names::Secret && !is_nothing(&text) && range.end <= field.end {
                places.push(Place::structure(range, judge::rule(*judged)));
            }
        }
        start = next_line(bytes, end);
    }
}

/// The fields of a line; a separator between quotes separates nothing.
fn fields(bytes: &[u8], line: Range<usize>, separator: u8) -> Vec<Range<usize>> {
    let mut fields = Vec::new();
    let (mut start, mut is_quoted) = (line.start, false);
    for at in line.clone() {
        match bytes[at] {
            b'"' if separator != b'|' => is_quoted = !is_quoted,
            byte if byte == separator && !is_quoted => {
                fields.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    fields.push(start..line.end);
    fields
}

fn next_line(bytes: &[u8], end: usize) -> usize {
    memchr::memchr(b'\n', &bytes[end..]).map_or(bytes.len(), |length| end + length + 1)
}
