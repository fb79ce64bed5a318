//! A copy of a text in which it makes no difference how something was written: escapes are undone at any depth, quotes,
//! backslashes, white space and colours are left out, and letters are small.
//!
//! Secrets are folded in the same way, so that one is found however it was quoted, encoded or wrapped. What folding makes
//! of a backslash or percent sign that means itself does not matter, as long as it makes the same of it on both sides.

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

/// How many layers of escapes are undone: percent signs, backslashes, HTML entities, and the first two again.
const LAYERS: u8 = 5;

/// An escape sequence for colours that is longer is none.
const LONGEST_CONTROL: usize = 24;

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

/// One character of a text with some layers of escapes undone.
#[derive(Clone, Copy)]
struct Unit {
    bytes: [u8; 4],
    length: u8,
    /// Where the next one begins.
    next: usize,
}

impl Unit {
    fn byte(byte: u8, next: usize) -> Self {
        Self { bytes: [byte, 0, 0, 0], length: 1, next }
    }

    fn char(char: char, next: usize) -> Self {
        let mut bytes = [0; 4];
        let length = u8::try_from(char.encode_utf8(&mut bytes).len()).unwrap_or(4);
        Self { bytes, length, next }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    fn one(&self) -> u8 {
        if self.length == 1 { self.bytes[0] } else { 0 }
    }
}

/// The character that begins at `at`, or a NUL behind the end.
fn unit(source: &[u8], at: usize, layers: u8) -> Unit {
    if layers == 0 {
        return source.get(at).map_or(Unit::byte(0, at), |byte| Unit::byte(*byte, at + 1));
    }
    let outer = unit(source, at, layers - 1);
    match (layers, outer.one()) {
        (1 | 4, b'%') => percent(source, &outer, layers - 1),
        (2 | 5, b'\\') => backslash(source, &outer, layers - 1),
        (3, b'&') => entity(source, &outer, layers - 1),
        _ => outer,
    }
}

fn percent(source: &[u8], outer: &Unit, layers: u8) -> Unit {
    match number(source, outer.next, layers, 16, 2) {
        Some((value, next, 2)) => Unit::byte(u8::try_from(value).unwrap_or_default(), next),
        _ => *outer,
    }
}

fn backslash(source: &[u8], outer: &Unit, layers: u8) -> Unit {
    let mut escaped = unit(source, outer.next, layers);
    while escaped.one() == b'\\' {
        escaped = unit(source, escaped.next, layers);
    }
    match escaped.one() {
        b'n' | b'r' | b't' | b'b' | b'f' => Unit::byte(b' ', escaped.next),
        b'e' => Unit::byte(0x1b, escaped.next),
        b'u' => unicode(source, &escaped, layers),
        b'x' => match number(source, escaped.next, layers, 16, 2) {
            Some((value, next, 2)) => Unit::byte(u8::try_from(value).unwrap_or_default(), next),
            _ => escaped,
        },
        b'0'..=b'3' => {
            let first = u32::from(escaped.one() - b'0') * 64;
            match number(source, escaped.next, layers, 8, 2) {
                Some((value, next, 2)) => Unit::byte(u8::try_from(first + value).unwrap_or_default(), next),
                _ => escaped,
            }
        }
        _ => escaped,
    }
}

fn unicode(source: &[u8], escaped: &Unit, layers: u8) -> Unit {
    let opened = unit(source, escaped.next, layers);
    if opened.one() == b'{' {
        let Some((value, next, _)) = number(source, opened.next, layers, 16, 6) else { return *escaped };
        let closed = unit(source, next, layers);
        let found = char::from_u32(value).filter(|_| closed.one() == b'}');
        return found.map_or(*escaped, |char| Unit::char(char, closed.next));
    }
    let Some((high, next, 4)) = number(source, escaped.next, layers, 16, 4) else { return *escaped };
    if let Some(char) = char::from_u32(high) {
        return Unit::char(char, next);
    }
    let mut low = unit(source, next, layers);
    while low.one() == b'\\' {
        low = unit(source, low.next, layers);
    }
    match number(source, low.next, layers, 16, 4) {
        Some((value @ 0xdc00..=0xdfff, next, 4)) if low.one() == b'u' && (0xd800..0xdc00).contains(&high) => {
            let joined = 0x10000 + ((high - 0xd800) << 10) + (value - 0xdc00);
            char::from_u32(joined).map_or(*escaped, |char| Unit::char(char, next))
        }
        _ => *escaped,
    }
}

fn entity(source: &[u8], outer: &Unit, layers: u8) -> Unit {
    const NAMED: [(&[u8], u8); 8] = [
        (b"amp;", b'&'),
        (b"quot;", b'"'),
        (b"apos;", b'\''),
        (b"lt;", b'<'),
        (b"gt;", b'>'),
        (b"nbsp;", b' '),
        (b"plus;", b'+'),
        (b"equals;", b'='),
    ];
    let first = unit(source, outer.next, layers);
    if first.one() == b'#' {
        let second = unit(source, first.next, layers);
        let hexadecimal = matches!(second.one(), b'x' | b'X');
        let (start, radix) = if hexadecimal { (second.next, 16) } else { (first.next, 10) };
        let Some((value, next, _)) = number(source, start, layers, radix, 6) else { return *outer };
        let closed = unit(source, next, layers);
        let found = char::from_u32(value).filter(|_| closed.one() == b';');
        return found.map_or(*outer, |char| Unit::char(char, closed.next));
    }
    for (name, byte) in NAMED {
        let mut next = outer.next;
        let matches = name.iter().all(|expected| {
            let found = unit(source, next, layers);
            next = found.next;
            found.one() == *expected
        });
        if matches {
            // `&amp;amp;` is escaped twice.
            let again = Unit::byte(byte, next);
            return if byte == b'&' { entity(source, &again, layers) } else { again };
        }
    }
    *outer
}

/// The number at `at`, of at most `most` digits, where it ends, and how many digits it has.
fn number(source: &[u8], mut at: usize, layers: u8, radix: u32, most: usize) -> Option<(u32, usize, usize)> {
    let (mut value, mut digits) = (0, 0);
    while digits < most {
        let found = unit(source, at, layers);
        let Some(digit) = char::from(found.one()).to_digit(radix) else { break };
        value = value * radix + digit;
        at = found.next;
        digits += 1;
    }
    (digits > 0).then_some((value, at, digits))
}

/// Where the control sequence ends whose ESC is before `at`.
fn behind_control(source: &[u8], at: usize) -> usize {
    let opened = unit(source, at, LAYERS);
    if opened.one() != b'[' {
        return at;
    }
    let mut next = opened.next;
    for _ in 0..LONGEST_CONTROL {
        let found = unit(source, next, LAYERS);
        match found.one() {
            b'0'..=b'9' | b';' | b'?' | b':' => next = found.next,
            b'@'..=b'~' => return found.next,
            _ => break,
        }
    }
    at
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
