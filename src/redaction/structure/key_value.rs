//! Values that are secret by the name they go by, however name and value are written.

mod extent;
mod name;

use std::ops::Range;

use super::cursor::{
    behind_blanks, behind_colours, behind_space, holds, line_end, line_start, quote, separator,
};
use super::value::{Value, bare, quoted, value};
use super::{header, judge, tables};
use crate::redaction::harmless::is_harmless;
use crate::redaction::names::{self, Names};
use crate::redaction::place::Place;
use extent::{begins_line, continuation, values};
pub(super) use name::Name;
use name::{name_around, with_words_before};

/// An entry of a `.netrc` before its password has at most this many bytes.
const LONGEST_ENTRY: usize = 512;

/// So many bytes of a sentence may stand between the name of a value and the colon before it.
const LONGEST_SENTENCE: usize = 64;

/// The fewest bytes of a value that a sentence tells.
const SHORTEST_TOLD: usize = 8;

/// How name and value belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding {
    /// `name=value`, `"name": "value"` and the like.
    Assigned { is_colon: bool, is_coded: bool, is_spaced: bool },
    /// `<name>value<`.
    Element,
    /// `"name", "value"`.
    Listed,
    /// `--name value`.
    Flag,
    /// `PASSWORD 'value'`.
    Spoken,
    /// `"AUTH" "value"`.
    Login,
}

/// Looks at the name around a word that secrets go by. Where it ends is where to look on.
pub(super) fn find(bytes: &[u8], word: &Range<usize>, places: &mut Vec<Place>) -> usize {
    let name = name_around(bytes, word);
    let end = name.range.end;
    let mut judged = names::judged(&text(bytes, &name.range));
    if judged < Names::Secret {
        judged = judged.max(names::judged(&text(bytes, &with_words_before(bytes, &name.range))));
    }
    if judged == Names::Nothing {
        return end;
    }
    if judged >= Names::Secret
        && let Some(end) = tables::listed(bytes, &name.range, places)
    {
        return end;
    }
    let Some((binding, start)) = binding(bytes, &name, judged) else { return end };
    let mut found = values(bytes, &name, binding, start);
    if bytes[..name.range.start].ends_with(b"://") {
        for found in &mut found {
            found.end = before_server(bytes, found);
        }
    }
    let mut next = end;
    for found in found {
        next = next.max(found.start);
        if header::is_named(bytes, &name.range) {
            next = next.max(header::find(bytes, &name.range, &found, places));
        } else if judge::is_secret(bytes, &name, judged, binding, &found) {
            next = next.max(found.end);
            let rule = judge::rule(judged);
            places.extend(continuation(bytes, &found).map(|range| Place::structure(range, rule)));
            places.push(Place { open: found.open, ..Place::structure(found.start..found.end, rule) });
        }
    }
    next.max(end)
}

/// Where the password of `scheme://name:password@server` ends.
fn before_server(bytes: &[u8], found: &Value) -> usize {
    memchr::memrchr(b'@', &bytes[found.start..found.end]).map_or(found.end, |length| found.start + length)
}

fn text<'b>(bytes: &'b [u8], range: &Range<usize>) -> std::borrow::Cow<'b, str> {
    String::from_utf8_lossy(&bytes[range.clone()])
}

/// What binds the name to a value, and where that begins.
fn binding(bytes: &[u8], name: &Name, judged: Names) -> Option<(Binding, usize)> {
    let at = behind_colours(bytes, name.range.end);
    if bytes.get(at) == Some(&b'>') && is_element(bytes, name.range.start) {
        return Some((Binding::Element, at + 1));
    }
    if bytes.get(at) == Some(&b' ')
        && let Some(start) = behind_attributes(bytes, name.range.start, at)
    {
        return Some((Binding::Element, start));
    }
    if matches!(bytes.get(at), Some(b'\n' | b'\r')) && is_name_of_item(bytes, name.range.start) {
        return named_elsewhere(bytes, at);
    }
    let unquoted = quote(bytes, at);
    let mut next = unquoted.map_or(at, |(_, next)| next);
    while matches!(bytes.get(next), Some(b']' | b')')) {
        next += 1;
    }
    let is_spaced = matches!(bytes.get(next), Some(b' ' | b'\t'));
    next = behind_blanks(bytes, next);
    if let Some(separator) = separator(bytes, next) {
        let is_spaced = is_spaced || matches!(bytes.get(separator.next), Some(b' ' | b'\t'));
        let start = behind_blanks(bytes, separator.next);
        let start =
            if separator.is_colon { on_next_line(bytes, name, start).unwrap_or(start) } else { start };
        let assigned =
            Binding::Assigned { is_colon: separator.is_colon, is_coded: separator.is_coded, is_spaced };
        return Some((assigned, start));
    }
    if unquoted.is_some()
        && bytes[name.range.clone()].eq_ignore_ascii_case(b"auth")
        && let Some(start) = login(bytes, next)
    {
        return Some((Binding::Login, start));
    }
    if unquoted.is_some()
        && let Some(start) = part_of_form(bytes, name, next)
    {
        return Some((Binding::Flag, start));
    }
    if unquoted.is_some() {
        return named_elsewhere(bytes, next).or_else(|| listed(bytes, next));
    }
    if bytes.get(at) == Some(&b'<') {
        return plist(bytes, at);
    }
    if bytes.get(at) == Some(&b'(')
        && quote(bytes, at + 1).is_some()
        && is_type_of_secret(&bytes[name.range.clone()])
    {
        return Some((Binding::Spoken, at + 1));
    }
    if !is_spaced {
        return None;
    }
    if name.is_flag && !matches!(bytes.get(next), None | Some(b'-' | b'\n' | b'\r' | b'|' | b'[' | b'<')) {
        return Some((Binding::Flag, next));
    }
    spoken(bytes, name, judged, next)
}

/// Where the value of `name:` begins that stands alone on the next line, indented more, also as the item of a list.
fn on_next_line(bytes: &[u8], name: &Name, at: usize) -> Option<usize> {
    let next = match bytes.get(at..)? {
        [b'\r', b'\n', ..] => at + 2,
        [b'\n', ..] => at + 1,
        _ => return None,
    };
    let floor = name.range.start.saturating_sub(LONGEST_ENTRY);
    let line = floor + line_start(&bytes[floor..name.range.start], name.range.start - floor);
    let indent = |from: usize| bytes[from..].iter().take_while(|byte| **byte == b' ').count();
    let start = next + indent(next);
    if start - next <= indent(line) {
        return None;
    }
    let start = if bytes[start..].starts_with(b"- ") { start + 2 + indent(start + 2) } else { start };
    let found = value(bytes, start, false);
    let end = found.end + usize::from(found.is_quoted);
    let is_alone = matches!(bytes.get(end), None | Some(b'\r' | b'\n'));
    let names_more =
        bytes[start..end].ends_with(b":") || memchr::memmem::find(&bytes[start..end], b": ").is_some();
    (is_alone && end > start && !names_more).then_some(start)
}

/// `SecretString("...")`: a type that holds nothing else.
fn is_type_of_secret(name: &[u8]) -> bool {
    let name = name.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    name.starts_with(b"Secret") || name.starts_with(b"Password")
}

fn is_element(bytes: &[u8], start: usize) -> bool {
    let before = &bytes[start.saturating_sub(24)..start];
    before.iter().rposition(|byte| *byte == b'<').is_some_and(|at| {
        before[at + 1..]
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'.' | b'-'))
    })
}

/// Where the content of `<password type="...">` begins.
fn behind_attributes(bytes: &[u8], start: usize, at: usize) -> Option<usize> {
    let rest = &bytes[at..bytes.len().min(at + LONGEST_ENTRY)];
    let close = memchr::memchr3(b'>', b'<', b'\n', rest)
        .filter(|close| rest[*close] == b'>' && rest[close - 1] != b'/')?;
    is_element(bytes, start).then_some(at + close + 1)
}

/// `- name: password`, of which the value is on the next line.
fn is_name_of_item(bytes: &[u8], start: usize) -> bool {
    let before = bytes[..start].trim_ascii_end();
    before.ends_with(b"name:") || before.ends_with(b"key:")
}

/// `name="password" value="..."`, `{"name": "password", "value": "..."}`.
fn named_elsewhere(bytes: &[u8], at: usize) -> Option<(Binding, usize)> {
    let mut next = at;
    if matches!(bytes.get(next), Some(b',' | b'>')) {
        next += 1;
    }
    next = behind_space(bytes, next);
    next = quote(bytes, next).map_or(next, |(_, next)| next);
    let value =
        [&b"value"[..], b"val", b"content", b"default"].into_iter().find(|word| holds(bytes, next, word))?;
    next += value.len();
    next = quote(bytes, next).map_or(next, |(_, next)| next);
    let separator = separator(bytes, behind_blanks(bytes, next))?;
    let start = behind_blanks(bytes, separator.next);
    Some((Binding::Assigned { is_colon: separator.is_colon, is_coded: false, is_spaced: false }, start))
}

/// `"AUTH" "password"`, `"AUTH" "user" "password"`, as Redis shows its commands.
fn login(bytes: &[u8], at: usize) -> Option<usize> {
    let (mark, inner) = quote(bytes, at)?;
    let behind = behind_blanks(bytes, quoted(bytes, inner, mark).end + 1);
    Some(quote(bytes, behind).map_or(at, |_| behind))
}

/// Where the value of `Content-Disposition: form-data; name="password"` begins.
fn part_of_form(bytes: &[u8], name: &Name, at: usize) -> Option<usize> {
    let is_form = bytes[..name.range.start].ends_with(b"name=\"");
    let start = behind_space(bytes, at);
    let lines = memchr::memchr_iter(b'\n', &bytes[at..start]).count();
    (is_form && lines == 2).then_some(start)
}

fn listed(bytes: &[u8], at: usize) -> Option<(Binding, usize)> {
    let comma = bytes.get(at).filter(|byte| **byte == b',').map(|_| at + 1);
    let next = behind_space(bytes, comma.unwrap_or(at));
    (comma.is_some() && quote(bytes, next).is_some()).then_some((Binding::Listed, next))
}

/// `<key>password</key><string>...`.
fn plist(bytes: &[u8], at: usize) -> Option<(Binding, usize)> {
    let closed = [&b"</key>"[..], b"</name>"].into_iter().find(|tag| holds(bytes, at, tag))?;
    let next = behind_space(bytes, at + closed.len());
    let opened = [&b"<string>"[..], b"<value>", b"<data>"].into_iter().find(|tag| holds(bytes, next, tag))?;
    Some((Binding::Element, next + opened.len()))
}

/// `PASSWORD 'x'`, `password is x`, `login a password x`.
fn spoken(bytes: &[u8], name: &Name, judged: Names, next: usize) -> Option<(Binding, usize)> {
    if let Some(start) = (judged >= Names::Secret).then(|| behind_words(bytes, next)).flatten() {
        return Some((Binding::Spoken, start));
    }
    let mut at = next;
    for word in [&b"is "[..], b"was ", b"to ", b"set to ", b"as ", b"of "] {
        if holds(bytes, at, word) {
            at = behind_blanks(bytes, at + word.len());
            let end = bare(bytes, at, false).end;
            let is_value = quote(bytes, at).is_some() || bytes[at..end].iter().any(u8::is_ascii_digit);
            return is_value.then_some((Binding::Spoken, at));
        }
    }
    if bytes.get(at) == Some(&b'|') && begins_line(bytes, name.range.start) {
        return Some((Binding::Flag, behind_blanks(bytes, at + 1)));
    }
    if judged != Names::Password {
        return None;
    }
    let is_string = quote(bytes, at).is_some()
        || (matches!(bytes.get(at), Some(b'E' | b'e' | b'N')) && quote(bytes, at + 1).is_some());
    if is_string || bytes.get(at) == Some(&b'$') && bytes[at + 1..].iter().take(32).any(|byte| *byte == b'$')
    {
        return Some((Binding::Spoken, at));
    }
    let floor = name.range.start.saturating_sub(LONGEST_ENTRY);
    let line = floor + line_start(&bytes[floor..name.range.start], name.range.start - floor);
    let before = bytes[line..name.range.start].trim_ascii();
    let ends_line = || {
        let end = bare(bytes, at, false).end;
        end == line_end(&bytes[..bytes.len().min(end + 2)], at)
    };
    let is_netrc = before.is_empty() && !bytes[name.range.clone()].contains(&b' ') && ends_line()
        || holds(before, 0, b"machine ")
        || holds(before, 0, b"login ")
        || memchr::memmem::find(before, b" login ").is_some()
        || holds(before, 0, b"default login");
    is_netrc.then_some((Binding::Flag, at))
}

/// What a sentence tells behind a colon: `password for ada: x`, `use this password to go on:` and a line of its own.
fn behind_words(bytes: &[u8], at: usize) -> Option<usize> {
    let words = &bytes[at..bytes.len().min(at + LONGEST_SENTENCE)];
    let colon =
        words.iter().position(|byte| !(byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'\'')))?;
    if words[colon] != b':' || colon == 0 {
        return None;
    }
    let start = behind_blanks(bytes, at + colon + 1);
    let lines = bytes[start..].iter().take(4).take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
    let start = start + lines;
    let found = value(bytes, start, false);
    let ends_line = matches!(bytes.get(found.end), None | Some(b'\n' | b'\r'));
    let text = String::from_utf8_lossy(&bytes[found.start..found.end]);
    let is_told = start > at + colon + 1 && text.len() >= SHORTEST_TOLD && !is_harmless(&text);
    (is_told && (lines == 0 || ends_line)).then_some(start)
}
