//! The escapes of double-quoted values.

/// Resolves the escapes of a double-quoted value. What is no escape stays as it is, and `\$` becomes the `$$` that
/// interpolation reads as a dollar.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(escaped) = rest.chars().next() else {
            out.push('\\');
            break;
        };
        let mut length = escaped.len_utf8();
        match escaped {
            '$' => out.push_str("$$"),
            'a' => out.push('\x07'),
            'b' => out.push('\x08'),
            'f' => out.push('\x0c'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\x0b'),
            '"' | '\\' => out.push(escaped),
            '0' => {
                let digits = rest[1..].bytes().take(3).take_while(u8::is_ascii_digit).count();
                length = 1 + digits;
                push_octal(&mut out, &rest[1..length]);
            }
            _ => {
                out.push('\\');
                out.push(escaped);
            }
        }
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// `\0` takes three octal digits for a character up to U+00FF. Anything else only loses its zero: so does Compose.
fn push_octal(out: &mut String, digits: &str) {
    match u8::from_str_radix(digits, 8) {
        Ok(code) if digits.len() == 3 => out.push(char::from(code)),
        _ => {
            out.push('\\');
            out.push_str(digits);
        }
    }
}
