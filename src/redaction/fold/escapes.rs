//! Escapes undone, one character at a time and layer by layer: percent signs, backslashes, HTML entities.

/// How many layers of escapes are undone: percent signs, backslashes, HTML entities, and the first two again.
pub(super) const LAYERS: u8 = 5;

/// An escape sequence for colours that is longer is none.
const LONGEST_CONTROL: usize = 24;

/// One character of a text with some layers of escapes undone.
#[derive(Clone, Copy)]
pub(super) struct Unit {
    bytes: [u8; 4],
    length: u8,
    /// Where the next one begins.
    pub(super) next: usize,
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

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    fn one(&self) -> u8 {
        if self.length == 1 { self.bytes[0] } else { 0 }
    }
}

/// The character that begins at `at`, or a NUL behind the end.
pub(super) fn unit(source: &[u8], at: usize, layers: u8) -> Unit {
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
pub(super) fn behind_control(source: &[u8], at: usize) -> usize {
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
