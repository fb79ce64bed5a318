//! Headers that let somebody in: `Authorization` in all its schemes, and cookies.

use std::ops::Range;

use super::cursor::{behind_blanks, holds, line_end};
use super::judge;
use super::value::Value;
use crate::redaction::harmless::{is_harmless, is_nothing, looks_random};
use crate::redaction::names::{self, Names};
use crate::redaction::place::Place;

/// Schemes that are followed by one token, in small letters.
const SCHEMES: [&[u8]; 14] = [
    b"bearer",
    b"basic",
    b"token",
    b"apikey",
    b"api-key",
    b"negotiate",
    b"ntlm",
    b"key",
    b"splunk",
    b"jwt",
    b"oauth",
    b"genericapikey",
    b"bot",
    b"ssws",
];

/// Schemes that are followed by parameters.
const WITH_PARAMETERS: [&[u8]; 6] =
    [b"digest", b"aws4-hmac-sha256", b"hawk", b"signature", b"sharedkey", b"scram-sha-256"];

/// Attributes of a cookie that are no cookies.
const ATTRIBUTES: [&[u8]; 8] =
    [b"path", b"domain", b"expires", b"max-age", b"samesite", b"version", b"priority", b"comment"];

/// A token that is shorter may be a word.
const SHORTEST_TOKEN: usize = 8;

/// Whether a name is that of a header which is read here.
pub(super) fn is_named(bytes: &[u8], name: &Range<usize>) -> bool {
    is_authorization(&bytes[name.clone()]) || is_cookie(&bytes[name.clone()])
}

fn is_authorization(name: &[u8]) -> bool {
    ends_with(name, b"authorization") || ends_with(name, b"auth_header") || ends_with(name, b"authheader")
}

fn is_cookie(name: &[u8]) -> bool {
    ends_with(name, b"cookie") || ends_with(name, b"cookies")
}

fn ends_with(name: &[u8], end: &[u8]) -> bool {
    name.len().checked_sub(end.len()).is_some_and(|at| name[at..].eq_ignore_ascii_case(end))
}

/// Looks at the value of such a header. Where it ends is where to look on.
pub(super) fn find(bytes: &[u8], name: &Range<usize>, found: &Value, places: &mut Vec<Place>) -> usize {
    if is_cookie(&bytes[name.clone()]) {
        return cookies(bytes, found, places);
    }
    let Some((scheme, start)) = scheme(bytes, found.start) else {
        return token(bytes, found.start..found.end, places);
    };
    if WITH_PARAMETERS.contains(&scheme) {
        // What is not secret of them is of no use either.
        let end = if found.is_quoted { found.end } else { line_end(bytes, start).max(found.end) };
        places.push(Place { open: found.open, ..Place::structure(start..end, "authorization") });
        return end;
    }
    let end =
        if found.is_quoted { found.end.max(start) } else { super::value::bare(bytes, start, false).end };
    token(bytes, start..end, places)
}

fn token(bytes: &[u8], range: Range<usize>, places: &mut Vec<Place>) -> usize {
    let text = String::from_utf8_lossy(&bytes[range.clone()]);
    if is_nothing(&text) || SCHEMES.iter().any(|scheme| text.as_bytes().eq_ignore_ascii_case(scheme)) {
        return range.start;
    }
    let end = range.end;
    places.push(Place::structure(range, "authorization"));
    let folded = folded(bytes, end);
    places.extend(folded.clone().map(|range| Place::structure(range, "authorization")));
    folded.map_or(end, |range| range.end)
}

/// Where a header goes on in the next line: behind blanks, as all that is on it.
fn folded(bytes: &[u8], end: usize) -> Option<Range<usize>> {
    let line = line_end(&bytes[..bytes.len().min(end + 2)], end);
    let next = line + bytes[line..].iter().take(2).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let start = behind_blanks(bytes, next);
    let range = start..super::value::bare(bytes, start, false).end;
    let text = String::from_utf8_lossy(&bytes[range.clone()]);
    let is_all = matches!(bytes.get(range.end), None | Some(b'\r' | b'\n'));
    (line == end && next > line && start > next && is_all && !text.contains(':') && !is_harmless(&text))
        .then_some(range)
}

/// The scheme at `at`, and where what follows it begins.
fn scheme(bytes: &[u8], at: usize) -> Option<(&'static [u8], usize)> {
    let known = SCHEMES.iter().chain(&WITH_PARAMETERS).find(|scheme| holds(bytes, at, scheme))?;
    let end = at + known.len();
    let start = if holds(bytes, end, b"%20") { end + 3 } else { behind_blanks(bytes, end) };
    let start = if start == end && matches!(bytes.get(end), Some(b':')) {
        behind_blanks(bytes, end + 1)
    } else {
        start
    };
    (start > end).then_some((*known, start))
}

/// A scheme and a token without the header's name: `Bearer x`, `Basic x`.
pub(super) fn bare_scheme(bytes: &[u8], word: &Range<usize>, places: &mut Vec<Place>) -> usize {
    let begins = word.start.checked_sub(1).is_none_or(|before| !bytes[before].is_ascii_alphanumeric());
    let Some((scheme, start)) = begins.then(|| scheme(bytes, word.start)).flatten() else { return word.end };
    let end = super::value::bare(bytes, start, false).end;
    let text = String::from_utf8_lossy(&bytes[start..end]);
    let is_token = match scheme {
        b"basic" => judge::is_basic(&text),
        _ => {
            text.len() >= SHORTEST_TOKEN
                && !text.contains('=')
                && (!is_harmless(&text)
                    || text.bytes().any(|byte| byte.is_ascii_digit()) && looks_random(text.as_bytes()))
        }
    };
    if is_token && !is_nothing(&text) {
        places.push(Place::structure(start..end, "authorization"));
        return end;
    }
    word.end
}

/// The values of cookies, but for those that say nothing of anybody.
fn cookies(bytes: &[u8], found: &Value, places: &mut Vec<Place>) -> usize {
    let end = if found.is_quoted { found.end } else { cookies_end(bytes, found.start) };
    let mut at = found.start;
    while at < end {
        let next = memchr::memchr(b';', &bytes[at..end]).map_or(end, |length| at + length);
        let cookie = &bytes[at..next];
        if let Some(separator) = memchr::memchr(b'=', cookie) {
            let name = cookie[..separator].trim_ascii();
            let value = at + separator + 1..next;
            let text = String::from_utf8_lossy(&bytes[value.clone()]);
            let is_attribute = ATTRIBUTES.iter().any(|attribute| name.eq_ignore_ascii_case(attribute));
            let harmless =
                is_harmless(&text) && names::judged(&String::from_utf8_lossy(name)) == Names::Nothing;
            if !is_attribute && !harmless && !is_nothing(&text) {
                places.push(Place::structure(value, "cookie"));
            }
        } else if looks_random(cookie.trim_ascii()) {
            places.push(Place::structure(at..next, "cookie"));
        }
        at = next + 1;
    }
    end
}

/// Cookies that are not quoted go on for as long as one follows another.
fn cookies_end(bytes: &[u8], start: usize) -> usize {
    let line = line_end(bytes, start);
    let mut at = start;
    loop {
        let length = bytes[at..line]
            .iter()
            .take_while(|byte| !matches!(byte, b';' | b' ' | b'"' | b'\'' | b'\\'))
            .count();
        at += length;
        if bytes.get(at) != Some(&b';') || at >= line {
            return at;
        }
        at = behind_blanks(bytes, at + 1).min(line);
    }
}
