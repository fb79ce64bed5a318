//! Rows whose columns are named before them: `INSERT INTO t (name, password) VALUES ('x', 'y')`, and `COPY`.

use std::ops::Range;

use super::cursor::{Quote, behind_space, line_end, quote};
use super::judge;
use super::value::{quoted, value};
use crate::redaction::harmless::is_nothing;
use crate::redaction::names::{self, Names};
use crate::redaction::place::Place;

/// A list of columns is at most this long.
const LONGEST_LIST: usize = 4096;

/// The words before which columns are listed, in small letters.
pub(super) const SIGNS: [&str; 2] = ["values", "from stdin"];

/// Looks at the rows behind a list of columns. Where they end is where to look on: what is not masked of them is looked at.
pub(super) fn find(bytes: &[u8], sign: &Range<usize>, places: &mut Vec<Place>) -> usize {
    let Some((_, columns)) = listed_before(bytes, sign.start) else { return sign.end };
    if columns.iter().all(|judged| *judged < Names::Secret) {
        return sign.end;
    }
    if bytes[sign.clone()].eq_ignore_ascii_case(b"from stdin") {
        copied(bytes, next_line(bytes, sign.end), &columns, places, &mut |_| true);
    } else {
        tuples(bytes, sign.end, &columns, places, &mut |_| true);
    }
    sign.end
}

/// A list whose rows go on beyond a place.
pub(in crate::redaction) struct Open {
    /// The names of the columns, and what stands between them and the rows.
    pub(in crate::redaction) head: Range<usize>,
    /// Where the last row begins that begins before the place.
    pub(in crate::redaction) row: usize,
}

/// The list of columns, one of them secret, in whose rows `at` is.
pub(in crate::redaction) fn open_at(bytes: &[u8], at: usize) -> Option<Open> {
    let mut behind = 0;
    for sign in signs(&bytes[..at]) {
        // Words in the rows are none.
        let Some((list, columns)) = listed_before(bytes, sign.start).filter(|(list, _)| list.start >= behind)
        else {
            continue;
        };
        if columns.iter().all(|judged| *judged < Names::Secret) {
            continue;
        }
        let is_copied = bytes[sign.clone()].eq_ignore_ascii_case(b"from stdin");
        let first = if is_copied { next_line(bytes, sign.end) } else { behind_space(bytes, sign.end) };
        let mut row = None;
        let mut reached = |start: usize| {
            if start <= at {
                row = Some(start);
            }
            start <= at
        };
        let walk = if is_copied { copied } else { tuples };
        let goes_on = walk(bytes, first, &columns, &mut Vec::new(), &mut reached);
        match row {
            Some(row) if goes_on => return Some(Open { head: list.start..first, row }),
            Some(row) => behind = row,
            None => {}
        }
    }
    None
}

/// The signs in a text, in order.
fn signs(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut signs: Vec<Range<usize>> = ["VALUES", "values", "FROM stdin", "FROM STDIN", "from stdin"]
        .iter()
        .flat_map(|sign| memchr::memmem::find_iter(bytes, sign).map(|at| at..at + sign.len()))
        .collect();
    signs.sort_by_key(|sign| sign.start);
    signs
}

/// What the names of the columns say, of which a list ends before `end`, and where they stand.
fn listed_before(bytes: &[u8], end: usize) -> Option<(Range<usize>, Vec<Names>)> {
    let floor = end.saturating_sub(LONGEST_LIST);
    let list = bytes[floor..end].trim_ascii_end();
    let list = ["OVERRIDING SYSTEM VALUE", "overriding system value"]
        .iter()
        .find_map(|words| list.strip_suffix(words.as_bytes()))
        .unwrap_or(list)
        .trim_ascii_end();
    let list = list.strip_suffix(b"\\n").unwrap_or(list).trim_ascii_end().strip_suffix(b")")?;
    let start = memchr::memrchr(b'(', list)?;
    let names = list[start + 1..].split(|byte| *byte == b',');
    let judged = names.map(|name| names::judged(&String::from_utf8_lossy(name))).collect();
    Some((floor + start..floor + list.len() + 1, judged))
}

/// Told where each row begins; says whether the rows are to be looked at from there on.
type Reached<'r> = dyn FnMut(usize) -> bool + 'r;

/// `(1, 'x'), (2, 'y')`. Tells whether they were left before they ended.
fn tuples(
    bytes: &[u8],
    start: usize,
    columns: &[Names],
    places: &mut Vec<Place>,
    reached: &mut Reached<'_>,
) -> bool {
    let mut at = behind_space(bytes, start);
    while bytes.get(at) == Some(&b'(') {
        if !reached(at) {
            return true;
        }
        at = behind_space(bytes, at + 1);
        for number in 0.. {
            let (found, next) = field(bytes, at);
            mask(bytes, found, columns.get(number), places);
            at = behind_space(bytes, next);
            if bytes.get(at) != Some(&b',') {
                break;
            }
            at = behind_space(bytes, at + 1);
        }
        if bytes.get(at) != Some(&b')') {
            return at >= bytes.len();
        }
        at = behind_space(bytes, at + 1);
        if bytes.get(at) == Some(&b',') {
            at = behind_space(bytes, at + 1);
        }
    }
    at >= bytes.len()
}

/// One value of a tuple, without its quotes, and what is behind it. Calls and casts are gone through.
fn field(bytes: &[u8], start: usize) -> (Range<usize>, usize) {
    let (mut at, mut depth) = (start, 0_usize);
    let mut inner: Option<Range<usize>> = None;
    while let Some(byte) = bytes.get(at) {
        let string = if *byte == b'$' {
            Some(value(bytes, at, false)).filter(|found| found.is_quoted)
        } else {
            quote(bytes, at)
                .filter(|(mark, _)| is_of_string(*mark))
                .map(|(mark, next)| quoted(bytes, next, mark))
        };
        if let Some(found) = string {
            let behind = quote(bytes, found.end).map_or(found.end + 1, |(_, next)| next);
            let behind = if *byte == b'$' { found.end + found.start - at } else { behind };
            inner.get_or_insert(found.start..found.end);
            at = behind.max(at + 1);
            continue;
        }
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' if depth > 0 => depth -= 1,
            b',' | b')' | b';' | b'\n' if depth == 0 => break,
            _ => {}
        }
        at += 1;
    }
    (inner.unwrap_or(start..at), at)
}

fn is_of_string(mark: Quote) -> bool {
    !matches!(mark, Quote::Plain { mark: b'`', .. })
}

fn next_line(bytes: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length + 1)
}

/// The rows of a `COPY`, one a line, up to `\.`. Tells whether they were left before they ended.
fn copied(
    bytes: &[u8],
    mut start: usize,
    columns: &[Names],
    places: &mut Vec<Place>,
    reached: &mut Reached<'_>,
) -> bool {
    while start < bytes.len() {
        if !reached(start) {
            return true;
        }
        let end = line_end(bytes, start);
        let line = &bytes[start..end];
        if line.starts_with(b"\\.") || !line.contains(&b'\t') && columns.len() > 1 {
            return false;
        }
        let mut at = start;
        for (number, text) in line.split(|byte| *byte == b'\t').enumerate() {
            if text != b"\\N" {
                mask(bytes, at..at + text.len(), columns.get(number), places);
            }
            at += text.len() + 1;
        }
        start = next_line(bytes, end);
    }
    true
}

fn mask(bytes: &[u8], found: Range<usize>, judged: Option<&Names>, places: &mut Vec<Place>) {
    let Some(judged) = judged.filter(|judged| **judged >= Names::Secret) else { return };
    let text = String::from_utf8_lossy(&bytes[found.clone()]);
    if !is_nothing(&text) {
        places.push(Place::structure(found, judge::rule(*judged)));
    }
}
