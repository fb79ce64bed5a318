//! Private keys in PEM: whole ones, and what is left of ones that were cut, with whatever stands before their lines.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::forms;
use super::place::Place;

static DASHES: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"-----"));

/// How far an end is looked for.
const LONGEST: usize = 64 * 1024;

/// A line of a block that is not its last has at least this many characters.
const FULL_LINE: usize = 40;

/// A run of this many characters within a block is of it, whatever stands before it.
const RUN: usize = 12;

/// Finds private keys. Returns where public blocks are: they look random, and are none of anybody's secrets.
pub(super) fn find(bytes: &[u8], places: &mut Vec<Place>) -> Vec<Range<usize>> {
    let mut public = Vec::new();
    let mut behind = 0;
    for dashes in DASHES.find_iter(bytes) {
        if dashes < behind {
            continue;
        }
        let Some(header) = header(bytes, dashes) else { continue };
        let (body, end) = match header.kind {
            Kind::Begin => below(bytes, header.end),
            Kind::End => (above(bytes, dashes, behind), header.end),
        };
        behind = end.max(header.end);
        if header.is_secret {
            mask(bytes, &body, places);
        } else {
            public.push(body);
        }
    }
    public.extend(certificates(bytes));
    public
}

/// Certificates without the lines around them, as tokens and documents hold them: DER in base64, also in several lines.
fn certificates(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut behind = 0;
    DER.find_iter(bytes).filter_map(move |start| {
        if start < behind {
            return None;
        }
        let begin = forms::decoded(bytes.get(start..start + 24)?)?;
        // SEQUENCE of a SEQUENCE that begins with `[0]` and the version: no key is written so.
        let [0x30, 0x82, high, low, 0x30, 0x82, _, _, 0xa0, 0x03, 0x02, 0x01, ..] = begin[..] else {
            return None;
        };
        let length = 4 + usize::from(high) * 256 + usize::from(low);
        let mut left = length.div_ceil(3) * 4;
        let mut end = start;
        while left > 0 {
            match bytes.get(end..)? {
                [byte, ..] if is_base64(*byte) => left -= 1,
                [b'\n' | b'\r' | b' ' | b'\\' | b'\t', ..] => {}
                _ => break,
            }
            // What stands for the end of a line is no character of it.
            end += if matches!(bytes[end..], [b'\\', b'n' | b'r', ..]) { 2 } else { 1 };
        }
        behind = end;
        Some(start..end)
    })
}

static DER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"MII"));

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Begin,
    End,
}

struct Header {
    kind: Kind,
    is_secret: bool,
    end: usize,
}

fn header(bytes: &[u8], start: usize) -> Option<Header> {
    let rest = &bytes[start + 5..];
    let (kind, label) = if let Some(label) = rest.strip_prefix(b"BEGIN") {
        (Kind::Begin, label)
    } else {
        (Kind::End, rest.strip_prefix(b"END")?)
    };
    let begin = start + 5 + if kind == Kind::Begin { 5 } else { 3 };
    let length = label
        .iter()
        .take(64)
        .take_while(|byte| {
            byte.is_ascii_uppercase()
                || byte.is_ascii_digit()
                || matches!(byte, b' ' | b'%' | b'+' | b'_' | b'.' | b'#')
        })
        .count();
    let text = &label[..length];
    let has = |word: &[u8]| memchr::memmem::find(text, word).is_some();
    let is_secret = !has(b"PUBLIC")
        && (has(b"PRIVATE") || has(b"SECRET") || has(b"LICENSE") || has(b"LICENCE") || has(b"KEY"));
    let closed = label[length..].iter().take_while(|byte| **byte == b'-').count();
    Some(Header { kind, is_secret, end: begin + length + closed })
}

/// What is between a beginning and its end, or what looks as if it were where there is none.
fn below(bytes: &[u8], start: usize) -> (Range<usize>, usize) {
    let limit = bytes.len().min(start + LONGEST);
    let mut from = start;
    while let Some(length) = memchr::memmem::find(&bytes[from..limit], b"-----") {
        let at = from + length;
        match header(bytes, at) {
            Some(Header { kind: Kind::End, end, .. }) => return (start..at, end),
            Some(_) => break,
            None => from = at + 5,
        }
    }
    let end = cut_end(bytes, start, limit);
    (start..end, end)
}

/// Where a block ends that has no end: behind its last full line, and one more.
fn cut_end(bytes: &[u8], start: usize, limit: usize) -> usize {
    let mut end = start;
    let mut misses = 0;
    for line in lines(bytes, start..limit) {
        let longest = runs(bytes, &line).map(|run| run.len()).max().unwrap_or_default();
        if longest >= FULL_LINE || line.start == start {
            end = line.end;
            misses = 0;
            continue;
        }
        if longest > 0 && misses == 0 && (longest >= RUN || longest == line.len()) {
            end = line.end;
        }
        misses += usize::from(longest > 0);
        if misses > 1 {
            break;
        }
    }
    end
}

/// What stands above an end that has no beginning.
fn above(bytes: &[u8], end: usize, floor: usize) -> Range<usize> {
    let floor = floor.max(end.saturating_sub(LONGEST));
    let all: Vec<Range<usize>> = lines(bytes, floor..end).collect();
    let mut start = end;
    let mut others = 0;
    for (back, line) in all.iter().rev().enumerate() {
        let longest = runs(bytes, line).map(|run| run.len()).max().unwrap_or_default();
        if longest >= FULL_LINE {
            others = 0;
        } else if back > 1 {
            others += usize::from(longest > 0);
        }
        if others > 1 {
            break;
        }
        if longest >= FULL_LINE || back <= 1 {
            start = line.start;
        }
    }
    start..end
}

/// Lines, also those whose ends are escaped.
fn lines(bytes: &[u8], range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        if at >= range.end {
            return None;
        }
        let start = at;
        let mut end = start;
        while end < range.end {
            let rest = &bytes[end..range.end];
            let width = match rest {
                [b'\n', ..] => 1,
                [b'\\', b'n' | b'r', ..] => 2,
                [b'\\', b'\\', b'n' | b'r', ..] | [b'%', b'0', b'A' | b'a' | b'D' | b'd', ..] => 3,
                _ => 0,
            };
            if width > 0 {
                at = end + width;
                return Some(start..end);
            }
            end += 1;
        }
        at = range.end;
        Some(start..end)
    })
}

/// Stretches of base64 in a line.
fn runs(bytes: &[u8], line: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = line.end;
    let mut at = line.start;
    std::iter::from_fn(move || {
        while at < end && !is_base64(bytes[at]) {
            at += 1;
        }
        let start = at;
        while at < end && is_base64(bytes[at]) {
            at += 1;
        }
        (at > start).then_some(start..at)
    })
}

fn mask(bytes: &[u8], body: &Range<usize>, places: &mut Vec<Place>) {
    for line in lines(bytes, body.clone()) {
        let trimmed = bytes[line.clone()].trim_ascii().len();
        for run in runs(bytes, &line) {
            if run.len() >= RUN || run.len() >= trimmed {
                places.push(Place::pattern(run, "private-key"));
            }
        }
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}
