//! What looks drawn from a hat: the last resort, and never a bare hexadecimal identifier.

use std::ops::Range;

use super::harmless::{is_digest, is_identifier, looks_random, looks_random_piece};
use super::nested;
use super::place::{Place, Rule};
use super::scan::Depth;

/// A run that is shorter is not looked at.
const SHORTEST: usize = 20;

/// What may follow the characters of a run: the `=` of base64.
const LONGEST_FILL: usize = 2;

/// Of a hundred pairs of characters, so many at least are of different kinds.
const CHANGES: usize = 36;

/// What stands before random text that is public, in small letters.
const INTRODUCTIONS: [&[u8]; 22] = [
    b"etag",
    b"sha256:",
    b"sha512",
    b"sha384",
    b"sha1",
    b"integrity",
    b"digest",
    b"checksum",
    b"fingerprint",
    b"request-id",
    b"requestid",
    b"request_id",
    b"trace",
    b"w/\"",
    b"h1:",
    b"if-none-match",
    b"cf-ray",
    b"x-amz-id-2",
    b"publickey",
    b"public_key",
    b"public-key",
    b"public key",
];

/// How far what is glued to a run may reach.
const FARTHEST: usize = 64;

/// How far before a run its introduction may stand.
const REACH: usize = 20;

/// Finds long runs without a blank, looks into those that are packed, and takes those that look random.
pub(super) fn find(bytes: &[u8], public: &[Range<usize>], depth: Depth<'_>, places: &mut Vec<Place>) {
    let mut start = 0;
    while let Some(run) = next_run(bytes, start) {
        start = run.end;
        look(bytes, run, public, depth, places);
    }
}

/// The first run from `start` on that is long enough. What fills it up (`=`) counts.
fn next_run(bytes: &[u8], mut start: usize) -> Option<Range<usize>> {
    loop {
        // From behind, so that most characters of short words are never looked at.
        let core = bytes.get(start..start + SHORTEST - LONGEST_FILL)?;
        if let Some(other) = core.iter().rposition(|byte| !is_of_run(*byte)) {
            start += other + 1;
            continue;
        }
        let end = start + core.len();
        let end = end + bytes[end..].iter().take_while(|byte| is_of_run(**byte)).count();
        let end = end + bytes[end..].iter().take(LONGEST_FILL).take_while(|byte| **byte == b'=').count();
        if end - start >= SHORTEST {
            return Some(start..end);
        }
        start = end;
    }
}

fn look(bytes: &[u8], run: Range<usize>, public: &[Range<usize>], depth: Depth<'_>, places: &mut Vec<Place>) {
    if let Some(rule) = nested::rule_within(bytes, &run, depth) {
        places.push(Place::new(run, rule));
        return;
    }
    let is_public = public.iter().any(|block| block.start <= run.start && run.end <= block.end);
    let run = behind_path(bytes, run);
    let text = &bytes[run.clone()];
    if !is_public
        && is_random(text)
        && !is_introduced(bytes, run.start)
        && !nested::is_plain_text(text)
        && !nested::is_certificate(text)
    {
        places.push(Place::new(with_pieces_around(bytes, with_marks_around(bytes, run)), Rule::Entropy));
    }
}

/// A run without the plain words of a path before it.
fn behind_path(bytes: &[u8], run: Range<usize>) -> Range<usize> {
    let mut start = run.start;
    while let Some(length) = memchr::memchr(b'/', &bytes[start..run.end]) {
        let word = &bytes[start..start + length];
        let is_plain = word.is_empty()
            || word.len() >= 3 && !word.iter().any(u8::is_ascii_uppercase) && !looks_random(word);
        if !is_plain {
            break;
        }
        start += length + 1;
    }
    start..run.end
}

/// A run with what is glued to it by marks that only passwords have.
fn with_marks_around(bytes: &[u8], run: Range<usize>) -> Range<usize> {
    let belongs = |byte: &&u8| is_of_run(**byte) || is_of_password(**byte) || **byte == b'.';
    let before = bytes[..run.start].iter().rev().take(FARTHEST).take_while(belongs).count();
    let behind = bytes[run.end..].iter().take(FARTHEST).take_while(belongs).count();
    let has_mark = |range: Range<usize>| bytes[range].iter().any(|byte| is_of_password(*byte));
    let start = run.start - if has_mark(run.start - before..run.start) { before } else { 0 };
    let end = run.end + if has_mark(run.end..run.end + behind) { behind } else { 0 };
    start..end
}

/// A run with the pieces of the same secret around it, which a dot or the code of a character in base64 cuts off.
fn with_pieces_around(bytes: &[u8], run: Range<usize>) -> Range<usize> {
    let Range { mut start, mut end } = run;
    while let Some(next) = piece_behind(bytes, end) {
        end = next;
    }
    while let Some(next) = piece_before(bytes, start) {
        start = next;
    }
    start..end
}

fn piece_behind(bytes: &[u8], end: usize) -> Option<usize> {
    let joint = joint_at(bytes, end)?;
    let piece = bytes[end + joint..].iter().take(FARTHEST).take_while(|byte| is_of_run(**byte)).count();
    let next = end + joint + piece;
    // Behind its last code base64 may end.
    let is_filled = piece == 0 && joint > 1;
    (is_filled || is_mixed(&bytes[end + joint..next])).then_some(next)
}

fn piece_before(bytes: &[u8], start: usize) -> Option<usize> {
    let joint = [3, 1]
        .into_iter()
        .find(|length| start.checked_sub(*length).is_some_and(|at| joint_at(bytes, at) == Some(*length)))?;
    let from = start - joint;
    let piece = bytes[..from].iter().rev().take(FARTHEST).take_while(|byte| is_of_run(**byte)).count();
    is_mixed(&bytes[from - piece..from]).then_some(from - piece)
}

/// How long what joins two pieces at `at` is.
fn joint_at(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at..)? {
        [b'.', ..] => Some(1),
        [b'%', b'2', b'B' | b'b' | b'F' | b'f', ..] | [b'%', b'3', b'D' | b'd', ..] => Some(3),
        _ => None,
    }
}

/// Whether a piece could be one of something drawn from a hat: words, hosts, versions and file names are not.
fn is_mixed(piece: &[u8]) -> bool {
    let has = |kind: fn(&u8) -> bool| piece.iter().any(kind);
    has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase) || looks_random_piece(piece)
}

fn is_of_password(byte: u8) -> bool {
    matches!(byte, b'!' | b'*' | b'#' | b'$' | b'^' | b'~')
}

fn is_introduced(bytes: &[u8], start: usize) -> bool {
    let before = &bytes[start.saturating_sub(REACH)..start];
    let begins = |byte: u8| INTRODUCING[usize::from(byte.to_ascii_lowercase())];
    (0..before.len()).filter(|at| begins(before[*at])).any(|at| {
        let holds = |word: &[u8]| {
            before.get(at..at + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word))
        };
        INTRODUCTIONS.iter().any(|word| holds(word))
    })
}

/// Whether an introduction begins with a byte.
const INTRODUCING: [bool; 256] = introducing();

const fn introducing() -> [bool; 256] {
    let mut introducing = [false; 256];
    let mut word = 0;
    while word < INTRODUCTIONS.len() {
        introducing[INTRODUCTIONS[word][0] as usize] = true;
        word += 1;
    }
    introducing
}

/// Whether a run has small letters, capitals and digits that alternate as they do in nothing that has a meaning.
pub(super) fn is_random(run: &[u8]) -> bool {
    let (mut seen, mut distinct) = ([false; 256], 0);
    let (mut pairs, mut changes, mut kinds) = (0, 0, 0_u8);
    let mut before = Kind::Other;
    for byte in run {
        let kind = KINDS[usize::from(*byte)];
        if kind != Kind::Other && before != Kind::Other {
            pairs += 1;
            changes += usize::from(kind != before);
        }
        kinds |= kind as u8;
        before = kind;
        distinct += usize::from(!std::mem::replace(&mut seen[usize::from(*byte)], true));
    }
    if kinds & ALL != ALL || pairs + 2 < SHORTEST - 2 || changes * 100 < pairs * CHANGES || distinct < 10 {
        return false;
    }
    // Names of symbols, and public keys of SSH.
    if [&b"_ZN"[..], b"_R", b"AAAAC3NzaC1", b"AAAAB3NzaC1", b"AAAAE2VjZHNh"]
        .iter()
        .any(|begin| run.starts_with(begin))
    {
        return false;
    }
    // A place in a function.
    if let Some(plus) = memchr::memmem::rfind(run, b"+0x")
        && run[plus + 3..].iter().all(u8::is_ascii_hexdigit)
        && run.len() - plus <= 12
    {
        return false;
    }
    let text = String::from_utf8_lossy(run);
    !is_identifier(&text) && !is_digest(&text)
}

/// Kinds of characters, as bits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Other = 0,
    Small = 1,
    Capital = 2,
    Digit = 4,
}

const ALL: u8 = Kind::Small as u8 | Kind::Capital as u8 | Kind::Digit as u8;

const KINDS: [Kind; 256] = kinds();

const fn kinds() -> [Kind; 256] {
    let mut kinds = [Kind::Other; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        kinds[byte as usize] = match byte {
            b'a'..=b'z' => Kind::Small,
            b'A'..=b'Z' => Kind::Capital,
            b'0'..=b'9' => Kind::Digit,
            _ => Kind::Other,
        };
        byte += 1;
    }
    kinds
}

fn is_of_run(byte: u8) -> bool {
    OF_RUN[usize::from(byte)]
}

const OF_RUN: [bool; 256] = of_run();

const fn of_run() -> [bool; 256] {
    let mut of_run = [false; 256];
    let mut byte = 0_u8;
    loop {
        of_run[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-');
        if byte == u8::MAX {
            return of_run;
        }
        byte += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_secret_is_masked_with_the_pieces_that_a_dot_or_a_code_cuts_off() {
        let taken = |text: &'static str| {
            let at = text.find("Zq8").unwrap();
            let length = text[at..].bytes().take_while(|byte| is_of_run(*byte)).count();
            &text[with_pieces_around(text.as_bytes(), at..at + length)]
        };
        assert_eq!(taken("x 1x4q-fYYc.81PX.Zq8Rk2Lw9Tn4Vb7Xc1Ms6 y"), "1x4q-fYYc.81PX.Zq8Rk2Lw9Tn4Vb7Xc1Ms6");
        assert_eq!(
            taken("a=Zq8Rk2Lw9Tn4Vb7Xc1Ms6%2B4E72P%2Fu14K%3D&b"),
            "Zq8Rk2Lw9Tn4Vb7Xc1Ms6%2B4E72P%2Fu14K%3D"
        );
        assert_eq!(taken("files.example.org%2FZq8Rk2Lw9Tn4Vb7Xc1Ms6.json"), "Zq8Rk2Lw9Tn4Vb7Xc1Ms6");
    }

    fn runs(bytes: &[u8]) -> Vec<Range<usize>> {
        let mut start = 0;
        std::iter::from_fn(|| next_run(bytes, start).inspect(|run| start = run.end)).collect()
    }

    /// By looking at every character.
    fn runs_slowly(bytes: &[u8]) -> Vec<Range<usize>> {
        let mut runs = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let start = at;
            at += bytes[at..].iter().take_while(|byte| is_of_run(**byte)).count();
            if at == start {
                at += 1;
                continue;
            }
            at += bytes[at..].iter().take(2).take_while(|byte| **byte == b'=').count();
            if at - start >= SHORTEST {
                runs.push(start..at);
            }
        }
        runs
    }

    proptest! {
        #[test]
        fn no_long_run_is_passed_over(pieces in prop::collection::vec("[A-Za-z0-9+/_-]{0,24}[ =.]{0,3}", 0..12)) {
            let text = pieces.concat();
            prop_assert_eq!(runs(text.as_bytes()), runs_slowly(text.as_bytes()));
        }
    }
}
