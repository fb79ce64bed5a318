//! Looking into what is packed: base64, hexadecimal digits, gzip within them, as deep as it goes.

use std::io::Read as _;
use std::ops::Range;

use flate2::read::{GzDecoder, ZlibDecoder};

use super::forms;
use super::harmless::is_harmless;
use super::place::{Place, Rule};
use super::scan::{self, Depth};

/// Characters whose meaning is looked at before all of it is unpacked: three quarters as many bytes.
const SAMPLE: usize = 16;

/// The most bytes that are unpacked of one run.
const LONGEST: u64 = 4 * 1024 * 1024;

/// What makes a packed run one that is to be masked: the rule that finds something in it.
pub(super) fn rule_within(bytes: &[u8], run: &Range<usize>, depth: Depth<'_>) -> Option<Rule> {
    let depth = depth.deeper()?;
    let text = &bytes[run.clone()];
    if text.len().is_multiple_of(2) && text.iter().all(u8::is_ascii_hexdigit) {
        return if hex_begins_worth_it(text) { within(&hex::decode(text).ok()?, depth) } else { None };
    }
    (0..4).find_map(|skipped| {
        let text = text.get(skipped..)?;
        if !begins_worth_it(text.first_chunk()?) {
            return None;
        }
        let whole = text.len() - text.iter().rev().take_while(|byte| **byte == b'=').count();
        let whole = if whole % 4 == 1 { whole - 1 } else { whole };
        within(&forms::decoded(&text[..whole])?, depth)
    })
}

/// Whether a packed run is a certificate in PEM and nothing else.
pub(super) fn is_certificate(run: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
    const END: &[u8] = b"-----END CERTIFICATE-----";
    if !run.starts_with(b"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t") {
        return false;
    }
    let inner = forms::decoded(run).unwrap_or_default();
    let is_of_body = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(byte);
    let mut rest = inner.trim_ascii();
    while let Some(body) = rest.strip_prefix(BEGIN) {
        let Some(end) = memchr::memmem::find(body, END).filter(|end| body[..*end].iter().all(is_of_body))
        else {
            return false;
        };
        rest = body[end + END.len()..].trim_ascii();
    }
    rest.is_empty()
}

/// A list of fewer numbers is no text.
const FEWEST: usize = 8;

/// Finds texts that are written as lists of the numbers of their bytes, as the journal of systemd writes what holds
/// colours and Go what it prints of bytes: those that have something to mask in them.
pub(super) fn lists(bytes: &[u8], depth: Depth<'_>, places: &mut Vec<Place>) {
    let Some(depth) = depth.deeper() else { return };
    let mut behind = 0;
    for bracket in memchr::memchr_iter(b'[', bytes) {
        let start = bracket + 1;
        if start < behind || !bytes.get(start).is_some_and(u8::is_ascii_digit) {
            continue;
        }
        let (text, end) = numbers(bytes, start);
        behind = end;
        if text.len() >= FEWEST
            && let Some(rule) = within(&text, depth)
        {
            places.push(Place::new(start..end, rule));
        }
    }
}

/// The bytes that numbers stand for, and where the last of them ends.
fn numbers(bytes: &[u8], start: usize) -> (Vec<u8>, usize) {
    let (mut text, mut at, mut end) = (Vec::new(), start, start);
    loop {
        let digits = bytes[at..].iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&bytes[at..at + digits]).ok().and_then(|digits| digits.parse().ok());
        let Some(number) = number.filter(|_| digits <= 3) else { return (text, end) };
        text.push(number);
        end = at + digits;
        at = end;
        let separator = bytes[at..].iter().take(2).take_while(|byte| matches!(byte, b',' | b' ')).count();
        if separator == 0 {
            return (text, end);
        }
        at += separator;
    }
}

/// Whether hexadecimal digits are worth unpacking, as far as their beginning tells.
fn hex_begins_worth_it(text: &[u8]) -> bool {
    let mut sample = [0; SAMPLE];
    let sample = &mut sample[..SAMPLE.min(text.len() / 2)];
    // Most are hashes: half of their bytes are beyond ASCII, which no text is. What is packed begins with 1f or 78.
    let high = text.iter().step_by(2).take(sample.len()).filter(|digit| **digit > b'7').count();
    if high * 3 > sample.len() && !matches!(text[0], b'1' | b'7') {
        return false;
    }
    hex::decode_to_slice(&text[..sample.len() * 2], sample).is_ok() && is_worth_it(sample)
}

/// The same of base64.
fn begins_worth_it(text: &[u8; SAMPLE]) -> bool {
    let mut sample = [0; SAMPLE / 4 * 3];
    let mut all = 0;
    for (four, three) in text.chunks_exact(4).zip(sample.chunks_exact_mut(3)) {
        let six = |at: usize| SEXTETS[usize::from(four[at])];
        let (first, second, third, fourth) = (six(0), six(1), six(2), six(3));
        all |= first | second | third | fourth;
        three[0] = first << 2 | second >> 4;
        three[1] = second << 4 | third >> 2;
        three[2] = third << 6 | fourth;
    }
    if all & NONE != 0 {
        return forms::decoded(text).is_some_and(|sample| is_worth_it(&sample));
    }
    is_worth_it(&sample)
}

/// What the characters of base64 stand for, in both alphabets.
const SEXTETS: [u8; 256] = sextets();

/// What is of neither: a bit that none of them has.
const NONE: u8 = 64;

const fn sextets() -> [u8; 256] {
    let mut sextets = [NONE; 256];
    let mut byte = 0_u8;
    loop {
        sextets[byte as usize] = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => NONE,
        };
        if byte == u8::MAX {
            return sextets;
        }
        byte += 1;
    }
}

/// Whether a packed run is a text that is plainly harmless.
pub(super) fn is_plain_text(run: &[u8]) -> bool {
    forms::decoded(run)
        .and_then(|inner| String::from_utf8(inner).ok())
        .is_some_and(|text| is_text_throughout(&text) && is_harmless(&text))
}

fn is_text_throughout(text: &str) -> bool {
    text.chars().all(|char| !char.is_control() || char.is_ascii_whitespace())
}

fn is_worth_it(sample: &[u8]) -> bool {
    is_packed(sample) || is_text(sample)
}

fn is_packed(sample: &[u8]) -> bool {
    matches!(sample, [0x1f, 0x8b, ..] | [0x78, 0x01 | 0x9c | 0xda, ..])
}

/// Text, in UTF-8 or UTF-16.
fn is_text(sample: &[u8]) -> bool {
    let mut high = 0;
    for byte in sample {
        match byte {
            b' '..=b'~' | b'\n' | b'\r' | b'\t' | 0 => {}
            0x80.. => high += 1,
            _ => return false,
        }
    }
    high == 0 || (high * 3 <= sample.len() && std::str::from_utf8(&sample[..sample.len() - 3]).is_ok())
}

fn within(inner: &[u8], depth: Depth<'_>) -> Option<Rule> {
    let mut unpacked = Vec::new();
    let inner = if inner.starts_with(&[0x1f, 0x8b]) {
        // What is cut is read as far as it goes.
        let _ = GzDecoder::new(inner).take(LONGEST).read_to_end(&mut unpacked);
        &unpacked[..]
    } else if is_packed(inner) {
        let _ = ZlibDecoder::new(inner).take(LONGEST).read_to_end(&mut unpacked);
        &unpacked[..]
    } else {
        inner
    };
    let narrow: Vec<u8>;
    let inner = if inner.contains(&0) {
        let zeros = memchr::memchr_iter(0, inner).count();
        // Every other byte of UTF-16 is one; in the arguments of a command they are what stands between.
        narrow = if zeros * 3 > inner.len() {
            inner.iter().copied().filter(|byte| *byte != 0).collect()
        } else {
            inner.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect()
        };
        &narrow[..]
    } else {
        inner
    };
    scan::found_in(inner, depth).into_iter().map(|place| place.rule).find(|rule| *rule != Rule::Entropy)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn base64_is_worth_it_if_what_it_stands_for_is(text in "[A-Za-z0-9+/_=-]{16}|[A-Za-z0-9]{14}==|H4sI[A-Za-z0-9]{12}|eJ[A-Za-z0-9]{14}|[Q-Z][GWm2]{15}") {
            let text: &[u8; SAMPLE] = text.as_bytes().first_chunk().expect("of that length");
            let expected = forms::decoded(text).is_some_and(|sample| is_worth_it(&sample));
            prop_assert_eq!(begins_worth_it(text), expected);
        }

        #[test]
        fn hexadecimal_digits_are_worth_it_if_their_bytes_are(
            bytes in prop_oneof![
                "[ -~é\\x00]{12,20}".prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 10..20),
            ],
            packed in any::<bool>(),
        ) {
            let bytes = if packed { [&[0x1f, 0x8b], &bytes[..]].concat() } else { bytes };
            let sample = &bytes[..bytes.len().min(SAMPLE)];
            prop_assert_eq!(hex_begins_worth_it(hex::encode(&bytes).as_bytes()), is_worth_it(sample));
        }
    }
}
