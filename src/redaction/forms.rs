//! The forms in which a secret is searched for, beside the escapes that folding undoes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// How a form holds the secret's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// As they are.
    Plain,
    /// Three bytes in four characters.
    Base64,
    /// A byte in two characters.
    Hex,
}

/// One way to write a secret, not yet folded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) bytes: Vec<u8>,
    pub(super) coding: Coding,
}

/// Secrets beyond this are not searched for in UTF-16 within base64: they are files, not passwords.
const LONGEST_WIDE: usize = 512;

/// The fewest bytes of a key that is written in hexadecimal digits or base64 and meant as bytes.
const SHORTEST_KEY: usize = 12;

/// Takes base64 of either alphabet, padded or not, also when the last character has bits too many.
pub(super) const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// All forms of a secret.
pub(super) fn of(secret: &[u8]) -> Vec<Form> {
    let mut forms = encoded(secret);
    forms.push(Form { bytes: secret.to_vec(), coding: Coding::Plain });
    if secret.len() <= LONGEST_WIDE
        && let Ok(text) = std::str::from_utf8(secret)
    {
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        base64_into(&wide, &mut forms);
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        base64_into(&wide, &mut forms);
    }
    if let Some(key) = key_bytes(secret) {
        forms.extend(encoded(&key));
        forms.push(Form { bytes: key, coding: Coding::Plain });
    }
    forms.sort_by(|one, other| one.bytes.cmp(&other.bytes));
    forms.dedup_by(|one, other| one.bytes == other.bytes);
    forms
}

fn encoded(bytes: &[u8]) -> Vec<Form> {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms: Vec<Form> = ["", ":", "-"]
        .map(|between| Form { bytes: pairs.join(between).into_bytes(), coding: Coding::Hex })
        .into();
    base64_into(bytes, &mut forms);
    forms
}

/// The characters that the bytes determine alone, for each place at which they can begin in a group of three.
fn base64_into(bytes: &[u8], forms: &mut Vec<Form>) {
    for before in 0..3 {
        let mut padded = vec![0; before];
        padded.extend_from_slice(bytes);
        let first = (before * 8).div_ceil(6);
        let last = padded.len() * 8 / 6;
        for text in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            if let Some(core) = text.as_bytes().get(first..last) {
                forms.push(Form { bytes: core.to_vec(), coding: Coding::Base64 });
            }
        }
    }
}

/// The bytes of a key that is written in hexadecimal digits or in base64.
fn key_bytes(secret: &[u8]) -> Option<Vec<u8>> {
    if let Ok(key) = hex::decode(secret) {
        return Some(key).filter(|key| key.len() >= SHORTEST_KEY);
    }
    decoded(secret).filter(|key| key.len() >= SHORTEST_KEY)
}

/// What base64 of either alphabet stands for; white space in it is passed over.
pub(super) fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let standard: Vec<u8> = text
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect();
    LENIENT.decode(standard).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_it_is_found_wherever_it_begins() {
        let secret = b"not-a-real-secret?>";
        let forms = of(secret);
        for before in ["", "a", "ab", "abc"] {
            let text = [before.as_bytes(), secret, b" more"].concat();
            for encoded in [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                let found = forms.iter().any(|form| {
                    form.coding == Coding::Base64
                        && form.bytes.len() >= secret.len()
                        && encoded.contains(std::str::from_utf8(&form.bytes).expect("ASCII"))
                });
                assert!(found, "{encoded}");
            }
        }
    }

    #[test]
    fn a_key_is_known_as_bytes_too() {
        let key = [7_u8, 1, 250, 33, 9, 128, 64, 5, 99, 17, 200, 31, 8, 2, 3, 4];
        let written = hex::encode(key);
        let bytes = |form: &Form| form.bytes.clone();
        assert!(
            of(written.as_bytes())
                .iter()
                .map(bytes)
                .any(|form| form == STANDARD_NO_PAD.encode(key).as_bytes()[..21])
        );
        assert!(
            of(STANDARD_NO_PAD.encode(key).as_bytes())
                .iter()
                .map(bytes)
                .any(|form| form == written.as_bytes())
        );
    }
}
