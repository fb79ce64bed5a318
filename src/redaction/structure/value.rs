//! Where a value ends.

use super::cursor::{Quote, behind_colours, holds, line_end, quote};
use crate::redaction::harmless::is_harmless;
use crate::redaction::place::End;

/// A value of a name, without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether it stands between quotes.
    pub(super) is_quoted: bool,
    /// What ends it, if the end was not to be seen.
    pub(super) open: Option<End>,
}

/// What is written around strings in sources and dumps.
const LONGEST_WRAPPER: usize = 40;

/// How far the end of a string is looked for first.
const NEAR: usize = 1024;

/// Reads the value at `start`.
pub(super) fn value(bytes: &[u8], start: usize, is_coded: bool) -> Value {
    let start = unwrapped(bytes, start);
    if let Some(end) = dollar_quoted(bytes, start) {
        return end;
    }
    match quote(bytes, start) {
        Some((mark, inner)) => quoted(bytes, inner, mark),
        None => bare(bytes, start, is_coded),
    }
}

/// Behind `Some(`, `SecretString(`, `b` and the like.
fn unwrapped(bytes: &[u8], mut at: usize) -> usize {
    for list in [&b"[]string{"[..], b"[]byte(", b"list("] {
        if holds(bytes, at, list) {
            at += list.len();
        }
    }
    for _ in 0..3 {
        let name = bytes[at..]
            .iter()
            .take(LONGEST_WRAPPER)
            .take_while(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'.' | b'&' | b'!' | b'@')
            })
            .count();
        let behind = at + name;
        match bytes.get(behind) {
            Some(b'(') if name > 0 => at = behind + 1,
            Some(b'(' | b'[') if name == 0 && quote(bytes, behind + 1).is_some() => at = behind + 1,
            _ if (1..=2).contains(&name)
                && bytes[at..behind].iter().all(|byte| {
                    matches!(byte, b'b' | b'u' | b'r' | b'E' | b'N' | b'e' | b'B' | b'&' | b'@' | b'f')
                })
                && matches!(bytes.get(behind), Some(b'"' | b'\'')) =>
            {
                return behind;
            }
            _ => return at,
        }
    }
    at
}

/// `$$...$$` and `$tag$...$tag$`, as PostgreSQL has them.
fn dollar_quoted(bytes: &[u8], start: usize) -> Option<Value> {
    let rest = bytes.get(start..)?;
    let tag = rest
        .strip_prefix(b"$")?
        .iter()
        .take(32)
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .count();
    let delimiter = rest.get(..tag + 2).filter(|delimiter| delimiter.ends_with(b"$"))?;
    let inner = start + delimiter.len();
    let end = line_end(bytes, inner);
    let length = memchr::memmem::find(&bytes[inner..end], delimiter)?;
    Some(Value { start: inner, end: inner + length, is_quoted: true, open: None })
}

/// To the closing quote on the same line, else to the end of the line: the line was cut.
pub(super) fn quoted(bytes: &[u8], start: usize, mark: Quote) -> Value {
    // Most close soon, and the end of a line can be as far away as that of the window.
    let near = line_end(&bytes[..bytes.len().min(start + NEAR)], start);
    if let Some(end) = closed(bytes, start, near, mark) {
        return Value { start, end, is_quoted: true, open: None };
    }
    let line = line_end(bytes, start);
    let closed = closed(bytes, start, line, mark);
    let open = if closed.is_none() && line == bytes.len() {
        Some(match mark {
            Quote::Plain { slashes: 0, mark } => End::Quote(mark),
            _ => End::Blank,
        })
    } else {
        None
    };
    Value { start, end: closed.unwrap_or(line), is_quoted: true, open }
}

/// Where a quote closes before `line`.
fn closed(bytes: &[u8], start: usize, line: usize, mark: Quote) -> Option<usize> {
    match mark {
        Quote::Coded(coded) => (start..line).find(|at| holds(bytes, *at, coded)),
        Quote::Plain { slashes, mark } => closing(bytes, start, line, slashes, mark),
    }
}

/// Where the quote behind so many backslashes closes: each level of quoting doubles the backslashes of the one within it.
fn closing(bytes: &[u8], start: usize, line: usize, slashes: usize, mark: u8) -> Option<usize> {
    let mut from = start;
    while let Some(length) = memchr::memchr(mark, &bytes[from..line]) {
        let at = from + length;
        let before = bytes[start..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        let doubled = mark == b'\'' && slashes == 0 && bytes.get(at + 1) == Some(&mark);
        if before % (2 * (slashes + 1)) == slashes && !doubled {
            return Some(at - slashes);
        }
        // Fewer backslashes than it was opened with: what is around it ends here.
        if before < slashes {
            return Some(at - before);
        }
        from = at + 1 + usize::from(doubled);
    }
    None
}

/// To a blank, or to what closes or separates and is followed by what begins anew. Where a mail or a shell breaks a line
/// within it, it goes on.
pub(super) fn bare(bytes: &[u8], start: usize, is_coded: bool) -> Value {
    let mut found = bare_on_line(bytes, start, is_coded);
    for _ in 0..MOST_BREAKS {
        let Some(next) = behind_soft_break(bytes, start, found.end) else { break };
        found = Value { start, ..bare_on_line(bytes, next, is_coded) };
    }
    found
}

/// Where a value goes on that a soft line break cuts: `=` at the end of a line of a mail, `\` at that of a command.
fn behind_soft_break(bytes: &[u8], start: usize, end: usize) -> Option<usize> {
    let next = match bytes.get(end..)? {
        [b'\r', b'\n', ..] => end + 2,
        [b'\n', ..] => end + 1,
        _ => return None,
    };
    let goes_on =
        |byte: &u8| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b'=');
    if end == start || !bytes.get(next).is_some_and(goes_on) {
        return None;
    }
    match bytes[end - 1] {
        b'\\' => Some(next),
        b'=' => {
            // Base64 ends so too: then what begins the next line is a time or a word, if the line was not full.
            let width =
                bytes[..end].iter().rev().take(FULL_LINE.end + 1).take_while(|byte| **byte != b'\n').count();
            let word = bytes[next..].split(u8::is_ascii_whitespace).next().unwrap_or_default();
            (FULL_LINE.contains(&width)
                || !is_harmless(&String::from_utf8_lossy(&word[..word.len().min(NEAR)])))
            .then_some(next)
        }
        _ => None,
    }
}

/// How long the lines of a mail are that were broken.
const FULL_LINE: std::ops::Range<usize> = 70..77;

/// So many soft line breaks are followed.
const MOST_BREAKS: usize = 64;

fn bare_on_line(bytes: &[u8], start: usize, is_coded: bool) -> Value {
    let mut at = start;
    while at < bytes.len() {
        let ends = match bytes[at] {
            b' ' | b'\t' | b'\n' | b'\r' | 0 => true,
            b'"' | b'\'' | b'`' => closes(bytes, at + 1),
            b')' | b']' | b'}' => !opened(&bytes[start..at], bytes[at]) && closes(bytes, at + 1),
            b'>' => closes(bytes, at + 1) && !bytes[start..at].contains(&b'<'),
            b'<' => matches!(bytes.get(at + 1), Some(b'/' | b'b')),
            b',' | b';' | b'|' => separates(bytes, at + 1),
            b'&' => {
                names_next(bytes, at + 1)
                    || holds(bytes, at, b"&amp;")
                    || holds(bytes, at, b"&quot;")
                    || holds(bytes, at, b"&lt;")
                    || holds(bytes, at, b"&#")
            }
            b'\\' => escapes_end(bytes, at),
            b'%' if is_coded => [b"%26", b"%22", b"%2c", b"%0a", b"%20", b"%7d", b"%3b", b"%27"]
                .iter()
                .any(|end| holds(bytes, at, *end)),
            0x1b => at > start && closes(bytes, behind_colours(bytes, at)),
            _ => false,
        };
        if ends {
            return Value { start, end: at, is_quoted: false, open: None };
        }
        at += 1;
    }
    Value { start, end: bytes.len(), is_quoted: false, open: Some(End::Blank) }
}

/// Whether what stands behind a closing mark shows that it was one.
fn closes(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_none_or(|byte| {
        byte.is_ascii_whitespace()
            || matches!(
                byte,
                b',' | b';'
                    | b')'
                    | b']'
                    | b'}'
                    | b'>'
                    | b':'
                    | b'"'
                    | b'\''
                    | b'`'
                    | b'.'
                    | b'\\'
                    | b'|'
                    | b'<'
                    | 0x1b
            )
    })
}

fn opened(inner: &[u8], close: u8) -> bool {
    let open = match close {
        b')' => b'(',
        b']' => b'[',
        _ => b'{',
    };
    let count = |wanted: u8| memchr::memchr_iter(wanted, inner).count();
    count(open) > count(close)
}

/// Whether a comma or semicolon ends a value: another one follows, or nothing.
fn separates(bytes: &[u8], at: usize) -> bool {
    closes(bytes, at) || names_next(bytes, at)
}

/// Whether `name=` or `name:` stands at `at`.
fn names_next(bytes: &[u8], at: usize) -> bool {
    let name = bytes[at.min(bytes.len())..]
        .iter()
        .take(64)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        .count();
    name > 0 && matches!(bytes.get(at + name), Some(b'=' | b':'))
}

/// Whether the backslashes at `at` escape a quote or the end of a line, which end the value.
fn escapes_end(bytes: &[u8], at: usize) -> bool {
    let slashes = bytes[at..].iter().take_while(|byte| **byte == b'\\').count();
    match bytes.get(at + slashes) {
        None | Some(b'n' | b'r' | b't') => true,
        Some(b'"' | b'\'') => closes(bytes, at + slashes + 1),
        Some(b'u') => {
            holds(bytes, at + slashes, b"u0022")
                || holds(bytes, at + slashes, b"u0026")
                || holds(bytes, at + slashes, b"u001b")
        }
        _ => false,
    }
}
