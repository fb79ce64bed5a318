//! JSON in which something was masked stays JSON.

/// How each mark begins.
const MARK: &[u8] = b"[REDACTED";

/// Puts quotes around marks that stand in the place of a number or another value without quotes.
pub(super) fn with_marks_quoted(text: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(text.len());
    let (mut rest, mut within) = (text, false);
    while let Some((&byte, behind)) = rest.split_first() {
        match byte {
            b'"' => within = !within,
            b'\\' if within => {
                quoted.push(byte);
                let Some((&escaped, behind)) = behind.split_first() else { break };
                quoted.push(escaped);
                rest = behind;
                continue;
            }
            b'[' if !within && rest.starts_with(MARK) => {
                let end = rest.iter().position(|byte| *byte == b']').map_or(rest.len(), |end| end + 1);
                quoted.push(b'"');
                quoted.extend_from_slice(&rest[..end]);
                quoted.push(b'"');
                rest = &rest[end..];
                continue;
            }
            _ => {}
        }
        quoted.push(byte);
        rest = behind;
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marks_outside_of_texts_get_quotes() {
        for (text, expected) in [
            ("{\"a\": [REDACTED:A#k3f9], \"b\": [1]}", "{\"a\": \"[REDACTED:A#k3f9]\", \"b\": [1]}"),
            ("[[REDACTED], \"x [REDACTED:B] \\\" y\"]", "[\"[REDACTED]\", \"x [REDACTED:B] \\\" y\"]"),
            ("{\"c\": \"\\\\\", \"d\": [REDACTED]", "{\"c\": \"\\\\\", \"d\": \"[REDACTED]\""),
            ("", ""),
        ] {
            assert_eq!(String::from_utf8(with_marks_quoted(text.as_bytes())).unwrap(), expected);
        }
    }
}
