//! Whether letters and digits could be words, or look as if they had been drawn.

/// Whether letters could be words of a language: vowels among consonants, and no capitals in the middle of words.
pub(in crate::redaction) fn is_wordlike(letters: &str) -> bool {
    let bytes = letters.as_bytes();
    if bytes.len() < 6 {
        return changes(bytes) <= 2 || bytes.len() <= 3;
    }
    if !bytes.iter().all(u8::is_ascii_alphabetic) || bytes.len() > 40 {
        return false;
    }
    let is_vowel = |byte: &u8| b"aeiouyAEIOUY".contains(byte);
    let vowels = bytes.iter().filter(|byte| is_vowel(byte)).count();
    let longest = bytes.split(is_vowel).map(<[u8]>::len).max().unwrap_or_default();
    let shouted = bytes.iter().all(u8::is_ascii_uppercase);
    vowels * 6 >= bytes.len() && longest <= 5 && (shouted || changes(bytes) * 3 <= bytes.len())
}

/// How often the kind of character changes: small letter, capital, digit, anything else.
pub(super) fn changes(bytes: &[u8]) -> usize {
    let kind = |byte: u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    bytes.windows(2).filter(|pair| kind(pair[0]) != kind(pair[1])).count()
}

/// Whether bytes look as if they had been drawn: kinds of characters change often, or letters are none of a language.
pub(in crate::redaction) fn looks_random(bytes: &[u8]) -> bool {
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    if bytes.len() < 8 || letters == 0 {
        return false;
    }
    let joined = bytes.iter().filter(|byte| matches!(byte, b'/' | b'.' | b'_' | b'-' | b':' | b' ')).count();
    let changes = changes(bytes).saturating_sub(joined * 2);
    (digits > 0 && changes * 4 >= bytes.len() - joined)
        || (digits == 0
            && joined == 0
            && bytes.len() >= 12
            && std::str::from_utf8(bytes).is_ok_and(|text| !is_wordlike(text)))
}

/// Whether a short piece of a random secret is still random enough not to stand elsewhere by chance.
pub(in crate::redaction) fn looks_random_piece(piece: &[u8]) -> bool {
    piece.iter().any(u8::is_ascii_digit) && piece.iter().any(u8::is_ascii_alphabetic) && changes(piece) >= 3
}
