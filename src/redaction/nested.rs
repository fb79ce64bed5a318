//! Looking into what is packed: base64, hexadecimal digits, gzip within them, as deep as it goes.

use std::io::Read as _;
use std::ops::Range;

use flate2::read::{GzDecoder, ZlibDecoder};

use super::forms;
use super::harmless::is_harmless;
use super::place::Rule;
use super::scan::{self, Depth};

/// Characters whose meaning is looked at before all of it is unpacked: three quarters as many bytes.
const SAMPLE: usize = 16;

/// The most bytes that are unpacked of one run.
const LONGEST: u64 = 4 * 1024 * 1024;

/// What makes a packed run one that is to be masked: the rule that finds something in it.
pub(super) fn rule_within(bytes: &[u8], run: &Range<usize>, depth: Depth<'_>) -> Option<Rule> {
    let depth = depth.deeper()?;
    let text = &bytes[run.clone()];
    if text.len() % 2 == 0 && text.iter().all(u8::is_ascii_hexdigit) {
        let inner = hex::decode(text).ok().filter(|inner| is_worth_it(&inner[..inner.len().min(SAMPLE)]));
        return inner.and_then(|inner| within(&inner, depth));
    }
    (0..4).find_map(|skipped| {
        let text = text.get(skipped..)?;
        let sample = forms::decoded(text.get(..SAMPLE)?)?;
        if !is_worth_it(&sample) {
            return None;
        }
        let whole = text.len() - text.iter().rev().take_while(|byte| **byte == b'=').count();
        let whole = if whole % 4 == 1 { whole - 1 } else { whole };
        within(&forms::decoded(&text[..whole])?, depth)
    })
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
    sample.starts_with(&[0x1f, 0x8b])
        || sample.starts_with(&[0x78, 0x9c])
        || sample.starts_with(&[0x78, 0x01])
        || sample.starts_with(&[0x78, 0xda])
}

/// Text, in UTF-8 or UTF-16.
fn is_text(sample: &[u8]) -> bool {
    let printable =
        sample.iter().filter(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t' | 0)).count();
    let high = sample.iter().filter(|byte| **byte >= 0x80).count();
    printable == sample.len()
        || (high * 3 <= sample.len()
            && printable + high == sample.len()
            && std::str::from_utf8(&sample[..sample.len() - 3]).is_ok())
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
        narrow = inner.iter().copied().filter(|byte| *byte != 0).collect();
        &narrow[..]
    } else {
        inner
    };
    scan::found_in(inner, depth).into_iter().map(|place| place.rule).find(|rule| *rule != Rule::Entropy)
}
