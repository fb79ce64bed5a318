//! What messages have in common when their particulars are left out.

/// Most characters of a shape.
const LENGTH: usize = 160;

/// The first line of a message with numbers, identifiers and what is in quotes replaced, so that the same message about
/// other things has the same shape.
pub fn shape(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let mut shape = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        if shape.len() >= LENGTH {
            break;
        }
        let length = if is_of_word(first) {
            rest.find(|character| !is_of_word(character)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (part, behind) = rest.split_at(length);
        rest = behind;
        if let Some((_, after)) = quoted(part, behind) {
            shape.push_str("\"…\"");
            rest = after;
        } else if is_particular(part) {
            shape.push('#');
        } else {
            shape.push_str(part);
        }
    }
    shape
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.')
}

/// What is in quotes, and what follows them. An apostrophe in a word begins no quote: that is part of no word here, but
/// has no partner.
fn quoted<'a>(part: &str, behind: &'a str) -> Option<(&'a str, &'a str)> {
    let quote = part.chars().next().filter(|quote| matches!(quote, '"' | '`'))?;
    behind.split_once(quote)
}

fn is_particular(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    // An SQLSTATE or a short code says what kind of error it is.
    let is_code = word.len() <= 6 && word.starts_with(|first: char| first.is_ascii_uppercase());
    let is_hexadecimal = word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    digits > 0 && (!is_code || is_hexadecimal)
}
