//! Lines of environment files, and what looks like one: a value whose name says nothing is hidden unless it is plainly
//! harmless.

use std::cell::LazyCell;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use memchr::memmem::Finder;

use super::harmless::{is_digest, is_harmless, is_nothing, is_number, is_place};
use super::names::{self, Names};
use super::place::{Place, Rule, merged, without};
use super::readings;
use super::scan::Shape;

/// Shorter names in capitals are no variables of an environment.
const SHORTEST_NAME: usize = 3;

/// A quoted value goes on for at most this many bytes.
const LONGEST_VALUE: usize = 32 * 1024;

/// A command that follows an assignment has at most this many bytes.
const LONGEST_COMMAND: usize = 4096;

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
    // Most texts assign nothing.
    let found = LazyCell::new(|| {
        merged(places.iter().filter(|place| place.rule != Rule::Entropy).cloned().collect())
    });
    let mut more = match shape {
        Shape::Environment => lines(bytes, &|| &found),
        Shape::Ordinary => loose(bytes, &|| &found),
    };
    spaced(bytes, &|| &found, &mut more);
    places.extend(more);
}

/// What the other rules found, in order.
type Found<'f> = dyn Fn() -> &'f [Place] + 'f;

/// Every line of an environment file.
fn lines(bytes: &[u8], found: &Found<'_>) -> Vec<Place> {
    let mut places = Vec::new();
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
            places.extend(judge(bytes, name, value, found));
        }
        at = next;
    }
    places
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
    if !rest.starts_with(b" ") {
        return false;
    }
    let text = String::from_utf8_lossy(&rest[..rest.len().min(LONGEST_COMMAND)]);
    let mut words = text.split_ascii_whitespace();
    let names_program = rest.len() <= LONGEST_COMMAND
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

/// The value of a variable, unless what the other rules leave of it is harmless.
fn judge(bytes: &[u8], name: &str, value: Range<usize>, found: &Found<'_>) -> Option<Place> {
    let text = String::from_utf8_lossy(&bytes[value.clone()]);
    if !is_hidden(name, &text) {
        return None;
    }
    let has_parts = !names::is_secret(name) || names::is_of_parts(name);
    let found = found();
    let first = found.partition_point(|place| place.range.end <= value.start);
    let behind = found.partition_point(|place| place.range.start < value.end);
    let within = &found[first..behind.max(first)];
    let left = || without(bytes, value.clone(), within);
    if !within.is_empty() && has_parts && is_harmless(&left().replace('\\', " ")) {
        return None;
    }
    Some(Place::new(value, Rule::Variable(Arc::from(name))))
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
    if names::is_public(name) {
        return false;
    }
    let is_identifier =
        || identifies(name) && value.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    // Addresses and connection strings are shown but for what is secret in them.
    !(is_harmless(value) || is_identifier() || is_address(value))
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
fn loose(bytes: &[u8], found: &Found<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    let mut line = 0..0;
    let mut behind = 0;
    for equals in memchr::memchr_iter(b'=', bytes) {
        let length = bytes[..equals]
            .iter()
            .rev()
            .take(80)
            .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'_')
            .count();
        let start = equals - length;
        // What stands within a value that is masked already is masked with it.
        if length < SHORTEST_NAME || !bytes[start].is_ascii_uppercase() || start < behind {
            continue;
        }
        if equals >= line.end {
            line = line_around(bytes, line.end, equals);
        }
        let value = match start.checked_sub(1).map(|before| bytes[before]) {
            Some(quote @ (b'"' | b'\'')) if begins_string(bytes, start - 1) => {
                let length = closing(&bytes[equals + 1..line.end], quote).unwrap_or(line.end - equals - 1);
                equals + 1..equals + 1 + length
            }
            _ if begins_line(&bytes[line.start..start]) || follows_assignment(&bytes[line.start..start]) => {
                value_at(bytes, equals + 1, line.end)
            }
            _ => continue,
        };
        let name = String::from_utf8_lossy(&bytes[start..equals]);
        if let Some(place) = judge(bytes, &name, value, found) {
            behind = place.range.end;
            places.push(place);
        }
    }
    places
}

/// `ENV NAME value` of a Dockerfile, and how shells and servers write the same: without `=`.
fn spaced(bytes: &[u8], found: &Found<'_>, places: &mut Vec<Place>) {
    let words = SETTERS.iter().flat_map(|word| word.find_iter(bytes).map(|at| at..at + word.needle().len()));
    for word in words {
        let begins = memchr::memrchr2(b'\n', 0, &bytes[..word.start]).map_or(0, |before| before + 1);
        let start = word.end;
        let length = bytes[start..].iter().take(80).take_while(|byte| is_of_variable(**byte)).count();
        if length < SHORTEST_NAME
            || bytes.get(start + length) != Some(&b' ')
            || !bytes[begins..word.start].iter().all(u8::is_ascii_whitespace)
        {
            continue;
        }
        let end =
            memchr::memchr3(b'\n', b'\r', 0, &bytes[start..]).map_or(bytes.len(), |length| start + length);
        let name = String::from_utf8_lossy(&bytes[start..start + length]);
        places.extend(judge(bytes, &name, value_at(bytes, start + length + 1, end), found));
    }
}

fn is_of_variable(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'
}

static SETTERS: LazyLock<[Finder<'static>; 3]> =
    LazyLock::new(|| ["ENV ", "setenv ", "SetEnv "].map(Finder::new));

/// The line that `at` is on, which does not begin before `floor`.
fn line_around(bytes: &[u8], floor: usize, at: usize) -> Range<usize> {
    let start = memchr::memrchr2(b'\n', 0, &bytes[floor..at]).map_or(floor, |before| floor + before + 1);
    let end = memchr::memchr3(b'\n', b'\r', 0, &bytes[at..]).map_or(bytes.len(), |length| at + length);
    start..end
}

/// Whether a variable in capitals is assigned there.
fn assigns(text: &[u8]) -> bool {
    let name = text
        .iter()
        .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'_')
        .count();
    name >= SHORTEST_NAME && text.get(name) == Some(&b'=')
}

/// Whether a line that holds this before an assignment begins with another one: `A=x B=y`.
fn follows_assignment(before: &[u8]) -> bool {
    before.ends_with(b" ") && assigns(before)
}

fn begins_string(bytes: &[u8], quote: usize) -> bool {
    quote.checked_sub(1).is_none_or(|before| {
        bytes[before].is_ascii_whitespace() || matches!(bytes[before], b'[' | b',' | b'(' | b'{')
    })
}

/// Whether what stands before an assignment leaves it the first thing on its line.
fn begins_line(before: &[u8]) -> bool {
    matches!(before.trim_ascii(), b"" | b"-" | b"#" | b"export" | b"# export" | b"declare -x" | b"+" | b"ENV")
}
