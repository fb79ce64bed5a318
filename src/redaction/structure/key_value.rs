//! Values that are secret by the name they go by, however name and value are written.

use std::ops::Range;

use super::cursor::{
    behind_blanks, behind_colours, behind_space, holds, line_end, line_start, quote, separator,
};
use super::value::{Value, bare, quoted, value};
use super::{header, judge, tables};
use crate::redaction::harmless::is_harmless;
use crate::redaction::names::{self, Names};
use crate::redaction::place::Place;

/// Longer names are none.
const LONGEST_NAME: usize = 80;

/// An entry of a `.netrc` before its password has at most this many bytes.
const LONGEST_ENTRY: usize = 512;

/// A text between two words has at most so many lines.
const MOST_LINES: usize = 200;

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

/// The name around a word, and whether it is that of a command-line flag.
#[derive(Debug, Clone)]
pub(super) struct Name {
    pub(super) range: Range<usize>,
    pub(super) is_flag: bool,
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

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn name_around(bytes: &[u8], word: &Range<usize>) -> Name {
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
fn with_words_before(bytes: &[u8], name: &Range<usize>) -> Range<usize> {
    let Some(blank) = name.start.checked_sub(1).filter(|at| bytes[*at] == b' ') else { return name.clone() };
    let before = bytes[..blank].iter().rev().take(24).take_while(|byte| byte.is_ascii_alphabetic()).count();
    blank - before..name.end
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

/// The values that are bound to the name: one, or each of a list.
fn values(bytes: &[u8], name: &Name, binding: Binding, start: usize) -> Vec<Value> {
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
fn begins_line(bytes: &[u8], start: usize) -> bool {
    bytes[..start]
        .iter()
        .rev()
        .find(|byte| !matches!(byte, b' ' | b'\t' | b'-' | b'"' | b'\'' | b'#'))
        .is_none_or(|byte| matches!(byte, b'\n' | b'\r'))
}

/// Where a value goes on that Docker's log driver cut in two: in the next line's string.
fn continuation(bytes: &[u8], found: &Value) -> Option<Range<usize>> {
    const BETWEEN: &[u8] = b"\",\"stream\":";
    const NEXT: &[u8] = b"{\"log\":\"";
    if !holds(bytes, found.end, BETWEEN) {
        return None;
    }
    let next = line_end(bytes, found.end) + 1;
    let start = next + NEXT.len();
    holds(bytes, next, NEXT).then(|| start..bare(bytes, start, false).end)
}
