//! Writing a value so that Compose reads exactly it.

/// What follows a value on its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing but white space.
    Blank,
    /// A comment behind a space.
    Comment,
    /// Something that only a closing quote keeps apart.
    Glued,
}

impl Tail {
    /// Judges the bytes between a value and the end of its line.
    pub(super) fn of(bytes: &[u8]) -> Self {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            Self::Blank
        } else if is_comment(bytes) {
            Self::Comment
        } else {
            Self::Glued
        }
    }
}

/// Whether bytes are blanks and then a comment: that begins at a `#` behind a space, however many there are.
fn is_comment(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii_start();
    text.starts_with(b"#") && bytes[..bytes.len() - text.len()].ends_with(b" ")
}

/// The value as it stands where nothing in it means anything, to Compose or to a shell; else in single quotes, in
/// which nothing but `\` and `'` means anything; else in double quotes, on one line.
pub(super) fn quoted(value: &str, tail: Tail) -> String {
    let can_stand_bare = match tail {
        Tail::Blank => true,
        Tail::Comment => !value.is_empty(),
        Tail::Glued => false,
    };
    if can_stand_bare && value.chars().all(is_plain) {
        value.to_owned()
    } else if !value.contains(|char: char| matches!(char, '\'' | '\\') || char.is_control()) {
        format!("'{value}'")
    } else {
        format!("\"{}\"", escaped(value))
    }
}

fn is_plain(char: char) -> bool {
    char.is_ascii_alphanumeric() || "_./:@%+,=-".contains(char)
}

fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 8);
    for char in value.chars() {
        match char {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '"' | '\\' | '$' => out.extend(['\\', char]),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_before_a_comment_stays_bare() {
        for (tail, expected) in [
            ("", "1.1.0"),
            ("  \r\n", "1.1.0"),
            (" # why", "1.1.0"),
            ("   # why", "1.1.0"),
            ("\t # why", "1.1.0"),
            ("\t# why", "'1.1.0'"),
            ("#", "'1.1.0'"),
            (" x", "'1.1.0'"),
        ] {
            assert_eq!(quoted("1.1.0", Tail::of(tail.as_bytes())), expected, "{tail:?}");
        }
    }
}
