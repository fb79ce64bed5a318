//! A copy of a text in which it makes no difference how something was written: escapes are undone at any depth, quotes,
//! backslashes, white space and colours are left out, and letters are small.
//!
//! Secrets are folded in the same way, so that one is found however it was quoted, encoded or wrapped. What folding makes
//! of a backslash or percent sign that means itself does not matter, as long as it makes the same of it on both sides.

mod escapes;

use escapes::{LAYERS, behind_control, unit};

/// A folded text.
#[derive(Debug, Default)]
pub(super) struct Folded {
    /// What is left of it.
    pub(super) bytes: Vec<u8>,
    /// For every stretch of the source of some [`STRIDE`] bytes: how many bytes were left of what is before it, and where
    /// it begins. To note so for each byte would take longer than the folding.
    marks: Vec<(u32, u32)>,
    /// Where the source of the last byte ends.
    end: usize,
}

/// Bytes of the source from one mark to the next.
const STRIDE: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Kept,
    Dropped,
    Special,
}

const CLASSES: [Class; 256] = classes();

const fn classes() -> [Class; 256] {
    let mut classes = [Class::Kept; 256];
    let mut byte = 0_u8;
    loop {
        classes[byte as usize] = match byte {
            b'%' | b'\\' | b'&' | 0x1b => Class::Special,
            b'"' | b'\'' | b'`' | b'$' | b'+' | 0..=b' ' | 0x7f => Class::Dropped,
            _ => Class::Kept,
        };
        if byte == u8::MAX {
            return classes;
        }
        byte += 1;
    }
}

/// The small letter of each byte.
const SMALL: [u8; 256] = small();

const fn small() -> [u8; 256] {
    let mut small = [0; 256];
    let mut byte = 0_u8;
    loop {
        small[byte as usize] = byte.to_ascii_lowercase();
        if byte == u8::MAX {
            return small;
        }
        byte += 1;
    }
}

/// Folds a text.
#[expect(clippy::cast_possible_truncation, reason = "a window is far smaller than 4 GiB")]
pub(super) fn fold(source: &[u8]) -> Folded {
    let mut bytes = vec![0; source.len()];
    let mut marks = Vec::with_capacity(source.len() / STRIDE + 1);
    let (mut at, mut out) = (0, 0);
    while at < source.len() {
        marks.push((out as u32, at as u32));
        let stop = source.len().min(at + STRIDE);
        while at < stop {
            let (read, left) = fold_plain(&source[at..stop], &mut bytes[out..]);
            at += read;
            out += left;
            if at < stop {
                let escape = step(source, at);
                bytes[out..out + escape.left().len()].copy_from_slice(escape.left());
                out += escape.left().len();
                at = escape.next;
            }
        }
    }
    bytes.truncate(out);
    Folded { bytes, marks, end: source.len() }
}

/// Folds what stands before the first escape. Tells how many bytes were read, and how many are left of them.
fn fold_plain(source: &[u8], into: &mut [u8]) -> (usize, usize) {
    let into = &mut into[..source.len()];
    let mut left = 0;
    for (read, byte) in source.iter().enumerate() {
        let class = CLASSES[usize::from(*byte)];
        if class == Class::Special {
            return (read, left);
        }
        // Without a branch: most texts have a blank every few letters.
        into[left] = SMALL[usize::from(*byte)];
        left += usize::from(class == Class::Kept);
    }
    (source.len(), left)
}

impl Folded {
    /// The bytes of the source that `range` was made of.
    pub(super) fn source(&self, range: &std::ops::Range<usize>, source: &[u8]) -> std::ops::Range<usize> {
        let start = self.origin(range.start, source).unwrap_or(self.end);
        let last = range.end.checked_sub(1).and_then(|last| self.origin(last, source));
        let end = last.map_or(start, |at| unit(source, at, LAYERS).next);
        // The bytes of one character share a beginning.
        start..end.max(start).min(self.end)
    }

    /// Where in the source a byte begins.
    fn origin(&self, byte: usize, source: &[u8]) -> Option<usize> {
        let mark = self.marks.partition_point(|(out, _)| *out as usize <= byte).checked_sub(1)?;
        let (out, at) = self.marks[mark];
        origins(source, at as usize).nth(byte - out as usize)
    }
}

/// Where in the source each byte begins that is left of it, from `at` on.
pub(super) fn origins(source: &[u8], mut at: usize) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (at < source.len()).then(|| {
            let step = step(source, at);
            let origin = std::mem::replace(&mut at, step.next);
            std::iter::repeat_n(origin, step.left().len())
        })
    })
    .flatten()
}

/// What is left of one character.
struct Step {
    bytes: [u8; 4],
    length: usize,
    /// Where the next one begins.
    next: usize,
}

impl Step {
    fn left(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Folds the character that begins at `at`.
fn step(source: &[u8], at: usize) -> Step {
    let mut step = Step { bytes: [0; 4], length: 0, next: at + 1 };
    let byte = source[at];
    match CLASSES[usize::from(byte)] {
        Class::Dropped => {}
        Class::Kept => {
            step.bytes[0] = SMALL[usize::from(byte)];
            step.length = 1;
        }
        Class::Special => {
            let unit = unit(source, at, LAYERS);
            if unit.bytes() == [0x1b] {
                step.next = behind_control(source, unit.next);
                return step;
            }
            for byte in unit.bytes() {
                if CLASSES[usize::from(*byte)] != Class::Dropped && *byte != b'\\' {
                    step.bytes[step.length] = SMALL[usize::from(*byte)];
                    step.length += 1;
                }
            }
            step.next = unit.next;
        }
    }
    step
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Character by character.
    fn folded_slowly(source: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut at = 0;
        while at < source.len() {
            let step = step(source, at);
            bytes.extend_from_slice(step.left());
            at = step.next;
        }
        bytes
    }

    proptest! {
        #[test]
        fn every_byte_is_left_of_what_stands_where_it_begins(
            pieces in prop::collection::vec("[A-Za-z0-9 \"%&\\\\;]{0,90}|%2541|\\\\u00e9|&amp;quot;|\u{1b}\\[31m|é", 0..30),
        ) {
            let source = pieces.concat();
            let source = source.as_bytes();
            let folded = fold(source);
            prop_assert_eq!(&folded.bytes, &folded_slowly(source));
            let expected: Vec<usize> = origins(source, 0).collect();
            let found: Vec<usize> =
                (0..folded.bytes.len()).filter_map(|byte| folded.origin(byte, source)).collect();
            prop_assert_eq!(found, expected);
        }
    }

    fn folded(text: &str) -> String {
        String::from_utf8_lossy(&fold(text.as_bytes()).bytes).into_owned()
    }

    #[test]
    fn however_it_is_written_it_folds_to_the_same() {
        let plain = folded("p@ss/W\"ö&rd=1");
        for written in [
            "p%40ss%2FW%22%C3%B6%26rd%3D1",
            "p%2540ss%252fW%2522%25C3%25B6%2526rd%253D1",
            r#"p@ss\/W\"\u00f6\u0026rd=1"#,
            r#"p@ss\\/W\\\"\\u00f6\\u0026rd=1"#,
            "p@ss/W&quot;&ouml;&amp;rd=1".replace("&ouml;", "&#246;").as_str(),
            "p@ss/W&amp;quot;&amp;#xf6;&amp;amp;rd=1",
            "p@s\u{1b}[31ms/W\"ö\n    &rd=1\u{1b}[0m",
            r"p\x40ss/W\xc3\xb6\u{26}rd\x3d1",
            "'p@ss/W\"ö&rd=1'",
            r"p@s\u001b[1;31ms/W\033[0mö&rd=1",
        ] {
            assert_eq!(folded(written), plain, "{written}");
        }
    }

    #[test]
    fn a_surrogate_pair_is_one_character() {
        assert_eq!(folded(r"a\ud83d\ude00b"), "a😀b");
    }

    #[test]
    fn where_it_came_from_is_known() {
        let source = br#"x "a%40b" \u00f6y"#;
        let folded = fold(source);
        assert_eq!(folded.bytes, "xa@böy".as_bytes());
        assert_eq!(&source[folded.source(&(1..4), source)], b"a%40b");
        assert_eq!(&source[folded.source(&(4..6), source)], br"\u00f6");
        assert_eq!(&source[folded.source(&(4..5), source)], br"\u00f6");
    }
}
