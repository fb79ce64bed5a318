//! Which values are bound to a name, and how far they go.

use std::ops::Range;

use super::{Binding, Name};
use crate::redaction::structure::cursor::{behind_space, holds, line_end, line_start, quote};
use crate::redaction::structure::value::{Value, bare, quoted, value};

/// A text between two words, and a list, have at most so many lines.
const MOST_LINES: usize = 200;

/// The values that are bound to the name: one, or each of a list.
pub(super) fn values(bytes: &[u8], name: &Name, binding: Binding, start: usize) -> Vec<Value> {
    match binding {
        Binding::Element => {
            let end = memchr::memchr(b'<', &bytes[start..]).map_or(bytes.len(), |length| start + length);
            vec![Value { start, end, is_quoted: true, open: None }]
        }
        Binding::Assigned { is_coded, .. }
            if bytes.get(start) == Some(&b'[') && bytes.get(start + 1) != Some(&b']') && !is_coded =>
        {
            list(bytes, start + 1)
        }
        Binding::Assigned { is_coded, is_spaced, is_colon } => {
            if is_colon && bytes[..start].ends_with(b"- ") {
                return items(bytes, start);
            }
            let found = block(bytes, name, start)
                .or_else(|| here_document(bytes, start))
                .unwrap_or_else(|| value(bytes, start, is_coded));
            vec![if !found.is_quoted && is_spaced {
                to_line_end(bytes, name, found, is_colon)
            } else {
                found
            }]
        }
        _ => vec![value(bytes, start, false)],
    }
}

/// The strings of a list, or what a bracket holds that has none.
fn list(bytes: &[u8], start: usize) -> Vec<Value> {
    let mut values = Vec::new();
    let mut at = behind_space(bytes, start);
    while let Some((mark, inner)) = quote(bytes, at) {
        let found = quoted(bytes, inner, mark);
        at = quote(bytes, found.end).map_or(found.end, |(_, next)| next);
        values.push(found);
        at = behind_space(bytes, at);
        if bytes.get(at) != Some(&b',') || values.len() >= 64 {
            break;
        }
        at = behind_space(bytes, at + 1);
    }
    // Objects are looked at member by member.
    if values.is_empty() && !matches!(bytes.get(at), Some(b'{' | b'[')) {
        let end = memchr::memchr2(b']', b'\n', &bytes[start..]).map_or(bytes.len(), |length| start + length);
        values.push(Value { start, end, is_quoted: true, open: None });
    }
    values
}

/// The items of a list in YAML, one a line.
fn items(bytes: &[u8], mut start: usize) -> Vec<Value> {
    let line = line_start(bytes, start);
    let begin = &bytes[line..start];
    let mut values = Vec::new();
    while values.len() < MOST_LINES {
        let found = value(bytes, start, false);
        let end = line_end(bytes, found.end);
        values.push(found);
        let next = memchr::memchr(b'\n', &bytes[end..]).map_or(bytes.len(), |length| end + length + 1);
        if !bytes[next..].starts_with(begin) {
            break;
        }
        start = next + begin.len();
    }
    values
}

/// What `<<EOT` introduces: the lines up to that word.
fn here_document(bytes: &[u8], start: usize) -> Option<Value> {
    if !bytes[start..].starts_with(b"<<") {
        return None;
    }
    let line = line_end(bytes, start);
    let word = bytes[start + 2..line].trim_ascii();
    let word = word.strip_prefix(b"-").or(word.strip_prefix(b"~")).unwrap_or(word);
    let first = memchr::memchr(b'\n', &bytes[line..]).map(|length| line + length + 1)?;
    let mut at = first;
    for _ in 0..MOST_LINES {
        let end = line_end(bytes, at);
        if bytes[at..end].trim_ascii() == word && !word.is_empty() {
            return Some(Value { start: first, end: at - 1, is_quoted: true, open: None })
                .filter(|_| at > first);
        }
        at = memchr::memchr(b'\n', &bytes[end..]).map(|length| end + length + 1)?;
    }
    None
}

/// What a `|` or `>` introduces in YAML: the lines that are indented more.
fn block(bytes: &[u8], name: &Name, start: usize) -> Option<Value> {
    if !matches!(bytes.get(start), Some(b'|' | b'>')) {
        return None;
    }
    let line = line_end(bytes, start);
    if line - start > 3 || line >= bytes.len() {
        return None;
    }
    let indent_of = |at: usize| bytes[at..].iter().take_while(|byte| **byte == b' ').count();
    let own = indent_of(line_start(bytes, name.range.start));
    let first = memchr::memchr(b'\n', &bytes[line..]).map(|length| line + length + 1)?;
    let mut end = first;
    let mut at = first;
    while at < bytes.len() && (indent_of(at) > own || matches!(bytes[at], b'\n' | b'\r')) {
        end = line_end(bytes, at);
        at = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length + 1);
    }
    let start = first + indent_of(first);
    (end > start).then_some(Value { start, end, is_quoted: true, open: None })
}

/// `name: a value of several words`, where the name begins the line.
fn to_line_end(bytes: &[u8], name: &Name, found: Value, is_colon: bool) -> Value {
    if !begins_line(bytes, name.range.start) || found.open.is_some() {
        return found;
    }
    let end = line_end(bytes, found.start);
    if found.end >= end {
        return found;
    }
    let rest = &bytes[found.end..end];
    let has_more = rest
        .split(|byte| *byte == b' ')
        .any(|word| word.iter().position(|byte| *byte == b'=').is_some_and(|at| at > 0));
    if has_more || (is_colon && rest.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).count() > 5)
    {
        return found;
    }
    let comment = memchr::memmem::find(rest, b" #").unwrap_or(rest.len());
    let end = found.end + comment;
    Value {
        end: end - bytes[found.end..end].iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count(),
        ..found
    }
}

/// Whether nothing but blanks, quotes and the marks of a list stand before a name on its line.
pub(super) fn begins_line(bytes: &[u8], start: usize) -> bool {
    bytes[..start]
        .iter()
        .rev()
        .find(|byte| !matches!(byte, b' ' | b'\t' | b'-' | b'"' | b'\'' | b'#'))
        .is_none_or(|byte| matches!(byte, b'\n' | b'\r'))
}

/// Where a value goes on that Docker's log driver cut in two: in the next line's string.
pub(super) fn continuation(bytes: &[u8], found: &Value) -> Option<Range<usize>> {
    const BETWEEN: &[u8] = b"\",\"stream\":";
    const NEXT: &[u8] = b"{\"log\":\"";
    if !holds(bytes, found.end, BETWEEN) {
        return None;
    }
    let next = line_end(bytes, found.end) + 1;
    let start = next + NEXT.len();
    holds(bytes, next, NEXT).then(|| start..bare(bytes, start, false).end)
}
