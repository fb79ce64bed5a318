//! Lines of environment files, and what looks like one: a value whose name says nothing is hidden unless it is plainly
//! harmless.

use std::ops::Range;
use std::sync::Arc;

use super::harmless::{is_digest, is_harmless, is_nothing, is_number, is_place};
use super::names::{self, Names};
use super::place::{Place, Rule, merged, without};
use super::readings;
use super::scan::Shape;

/// Shorter names in capitals are no variables of an environment.
const SHORTEST_NAME: usize = 3;

/// A quoted value goes on for at most this many bytes.
const LONGEST_VALUE: usize = 32 * 1024;

/// What names hold whose values are identifiers of what is public.
const IDENTIFYING: [&str; 16] = [
    "SHA",
    "COMMIT",
    "REVISION",
    "DIGEST",
    "CHECKSUM",
    "TRACE",
    "SPAN",
    "BUILD",
    "IMAGE",
    "ETAG",
    "CONTAINER",
    "CURSOR",
    "BOOT_ID",
    "MACHINE_ID",
    "RELEASE",
    "VERSION",
];

/// Finds values of variables.
pub(super) fn find(bytes: &[u8], shape: Shape, places: &mut Vec<Place>) {
    match shape {
        Shape::Environment => lines(bytes, places),
        Shape::Ordinary => loose(bytes, places),
    }
}

/// Every line of an environment file.
fn lines(bytes: &[u8], places: &mut Vec<Place>) {
    let mut at = 0;
    while at < bytes.len() {
        let end = memchr::memchr3(b'\n', b'\r', 0, &bytes[at..]).map_or(bytes.len(), |length| at + length);
        let mut next = end + 1;
        if let Ok(line) = std::str::from_utf8(&bytes[at..end])
            && let Some((name, value)) = readings::assignment(line)
        {
            let start = end - value.len();
            let value = value_at(bytes, start, end);
            next = next.max(value.end);
            judge(bytes, name, value, places);
        }
        at = next;
    }
}

/// The value between `start` and the end of its line: without quotes, which may close on a later one.
fn value_at(bytes: &[u8], start: usize, end: usize) -> Range<usize> {
    let blanks = bytes[start..end].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let start = start + blanks;
    let trimmed = |end: usize| {
        end - bytes[start..end]
            .iter()
            .rev()
            .take_while(|byte| byte.is_ascii_whitespace() || **byte == b',')
            .count()
    };
    let Some(quote @ (b'"' | b'\'')) = bytes.get(start).copied() else {
        let blank = bytes[start..end].iter().position(|byte| *byte == b' ').map(|length| start + length);
        let ends = |blank: &usize| is_command(&bytes[*blank..end]) || assigns(&bytes[blank + 1..end]);
        if let Some(blank) = blank.filter(ends) {
            return start..blank;
        }
        return start..comment(bytes, start, end).map_or_else(|| trimmed(end), trimmed);
    };
    let limit = bytes.len().min(start + LONGEST_VALUE);
    match closing(&bytes[start + 1..limit], quote) {
        // What follows the quote on the line belongs to it, unless it is a comment.
        Some(length) if start + 1 + length < end => {
            let behind = start + 2 + length;
            let last = comment(bytes, behind.min(end), end).unwrap_or(end);
            let rest = &bytes[behind.min(last)..last];
            let glued =
                rest.iter().any(|byte| !byte.is_ascii_whitespace() && *byte != b',') && !is_command(rest);
            start + 1..if glued { trimmed(last) } else { start + 1 + length }
        }
        Some(length) if bytes[end..start + 1 + length].split(|byte| *byte == b'\n').all(continues) => {
            start + 1..start + 1 + length
        }
        _ => start + 1..end,
    }
}

/// Whether what follows a value is the command that it is set for: `A=x psql -h db`.
fn is_command(rest: &[u8]) -> bool {
    let text = String::from_utf8_lossy(rest);
    let mut words = text.split_ascii_whitespace();
    let names_program = text.starts_with(' ')
        && words.next().is_some_and(|word| {
            word.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-' | b'/' | b'.'))
        });
    names_program
        && is_harmless(&text)
        && words.any(|word| word.starts_with('-') || word.contains(['/', '.']))
}

/// Whether a line can be in the middle of a value: it assigns nothing itself.
fn continues(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    readings::assignment(&text)
        .is_none_or(|(name, _)| name.len() > 40 || name.bytes().any(|byte| byte.is_ascii_lowercase()))
}

fn closing(text: &[u8], quote: u8) -> Option<usize> {
    memchr::memchr_iter(quote, text)
        .find(|at| text[..*at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0)
}

/// Where a comment begins that shows nothing of the value.
fn comment(bytes: &[u8], start: usize, end: usize) -> Option<usize> {
    let at = memchr::memmem::find(&bytes[start..end], b" #").map(|length| start + length)?;
    // A word may follow; what looks like anything else could be the rest of a password.
    let text = String::from_utf8_lossy(&bytes[at + 2..end]);
    is_harmless(&text).then_some(at)
}

/// Masks the value of a variable, unless what the other rules leave of it is harmless.
fn judge(bytes: &[u8], name: &str, value: Range<usize>, places: &mut Vec<Place>) {
    let text = String::from_utf8_lossy(&bytes[value.clone()]);
    if !is_hidden(name, &text) {
        return;
    }
    let has_parts = !names::is_secret(name) || names::is_of_parts(name);
    let within: Vec<Place> = places
        .iter()
        .filter(|place| {
            place.range.start < value.end && value.start < place.range.end && place.rule != Rule::Entropy
        })
        .cloned()
        .collect();
    let left = || without(bytes, value.clone(), &merged(within.clone()));
    if !within.is_empty() && has_parts && is_harmless(&left().replace('\\', " ")) {
        return;
    }
    places.push(Place::new(value, Rule::Variable(Arc::from(name))));
}

/// Whether the value of a variable is not shown.
pub(super) fn is_hidden(name: &str, value: &str) -> bool {
    if is_nothing(value)
        || is_digest(&format!("{name}:{value}"))
        || (is_number(value) && names::judged(name) < Names::Secret)
    {
        return false;
    }
    if names::is_secret(name) {
        return !(is_place(value) && (names::points(name) || names::is_of_path(name)));
    }
    !is_harmless(value) && !(identifies(name) && value.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'))
        // Addresses and connection strings are shown but for what is secret in them.
        && !is_address(value)
}

fn identifies(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    IDENTIFYING.iter().any(|word| name.contains(word)) || name.ends_with("_ID")
}

/// Whether a value is an address of which nothing but a password is to be hidden.
fn is_address(value: &str) -> bool {
    let Some((scheme, rest)) = value.split_once("://") else { return false };
    let Some((_, host)) = rest.rsplit_once('@') else { return false };
    scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        && is_harmless(host)
}

/// Assignments of variables in capitals that begin a line or stand between quotes.
fn loose(bytes: &[u8], places: &mut Vec<Place>) {
    for equals in memchr::memchr_iter(b'=', bytes) {
        let length = bytes[..equals]
            .iter()
            .rev()
            .take(80)
            .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'_')
            .count();
        if length < SHORTEST_NAME || !bytes[equals - length].is_ascii_uppercase() {
            continue;
        }
        let start = equals - length;
        let name = String::from_utf8_lossy(&bytes[start..equals]);
        let end =
            memchr::memchr3(b'\n', b'\r', 0, &bytes[equals..]).map_or(bytes.len(), |length| equals + length);
        let value = match start.checked_sub(1).map(|before| bytes[before]) {
            Some(quote @ (b'"' | b'\'')) if begins_string(bytes, start - 1) => {
                let length = closing(&bytes[equals + 1..end], quote).unwrap_or(end - equals - 1);
                equals + 1..equals + 1 + length
            }
            _ if begins_line(bytes, start) || follows_assignment(bytes, start) => {
                value_at(bytes, equals + 1, end)
            }
            _ => continue,
        };
        judge(bytes, &name, value, places);
    }
}

/// Whether a variable in capitals is assigned there.
fn assigns(text: &[u8]) -> bool {
    let name = text
        .iter()
        .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'_')
        .count();
    name >= SHORTEST_NAME && text.get(name) == Some(&b'=')
}

/// Whether the line begins with an assignment, and another stands at `start`: `A=x B=y`.
fn follows_assignment(bytes: &[u8], start: usize) -> bool {
    let line = memchr::memrchr2(b'\n', 0, &bytes[..start]).map_or(0, |before| before + 1);
    start.checked_sub(1).is_some_and(|before| bytes[before] == b' ') && assigns(&bytes[line..start])
}

fn begins_string(bytes: &[u8], quote: usize) -> bool {
    quote.checked_sub(1).is_none_or(|before| {
        bytes[before].is_ascii_whitespace() || matches!(bytes[before], b'[' | b',' | b'(' | b'{')
    })
}

fn begins_line(bytes: &[u8], start: usize) -> bool {
    let line = memchr::memrchr2(b'\n', 0, &bytes[..start]).map_or(0, |before| before + 1);
    let before = bytes[line..start].trim_ascii();
    matches!(before, b"" | b"-" | b"#" | b"export" | b"# export" | b"declare -x" | b"+" | b"ENV")
}
